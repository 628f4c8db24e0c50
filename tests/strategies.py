"""Hypothesis strategies made from the wire classes themselves, so that a new field is covered."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from lunaredge.wire.messages import StreamBirth, Upload
from lunaredge.wire.telemetry import Channel

_INT64_MAX = 2**63 - 1


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Give a strategy for values of any type that msgspec can decode. NaN is left out."""
    return _strategy(inspect.type_info(kind))


def _strategy(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.StructType():
            return _struct(info)
        case inspect.UnionType():
            return st.one_of([_strategy(member) for member in info.types])
        case inspect.TupleType():
            return st.tuples(*(_strategy(item) for item in info.item_types))
        case inspect.VarTupleType():
            low = info.min_length or 0
            return st.lists(_strategy(info.item_type), min_size=low, max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(_strategy(info.key_type), _strategy(info.value_type), max_size=3)
        case inspect.EnumType():
            return st.sampled_from(list(info.cls))
        case _:
            return _scalar(info)


def _scalar(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.IntType():
            low = -(2**63) if info.ge is None else info.ge
            return st.integers(low, _INT64_MAX if info.le is None else info.le)
        case inspect.FloatType():
            return st.floats(info.ge, info.le, allow_nan=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.StrType(pattern=str() as pattern):
            return st.from_regex(pattern, fullmatch=True)
        case inspect.StrType():
            return st.text(max_size=8)
        case inspect.BytesType():
            return st.binary(max_size=8)
        case inspect.NoneType():
            return st.none()
    raise AssertionError(f"no strategy for {info}")


def _struct(info: inspect.StructType) -> st.SearchStrategy[Any]:
    fields = {field.name: _strategy(field.type) for field in info.fields}
    if info.cls is StreamBirth:
        channels = st.lists(values_of(Channel), min_size=1, max_size=3, unique_by=lambda c: c.name)
        fields["channels"] = channels.map(tuple)
    if info.cls is Upload:
        numbers = st.lists(st.integers(1, _INT64_MAX), min_size=2, max_size=2).map(sorted)
        del fields["first_seq"], fields["seq"]
        return st.builds(_upload, numbers, st.fixed_dictionaries(fields))
    return st.builds(info.cls, **fields)


def _upload(numbers: list[int], fields: dict[str, Any]) -> msgspec.Struct:
    return Upload(first_seq=numbers[0], seq=numbers[1], **fields)
