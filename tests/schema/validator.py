"""A JSON Schema validator that reads msgpack, by the conventions that the document states."""

from collections.abc import Iterator
from typing import Any

import msgpack
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

MSGPACK = "application/vnd.msgpack"


def validator(document: dict[str, Any], name: str) -> Any:
    """Give a validator of one definition of the document."""
    return _Msgpack(document["$defs"][name] | {"$defs": document["$defs"]})


def _is_text_or_bytes(_: Any, value: Any) -> bool:
    return isinstance(value, str | bytes)


def _type(
    checker: Any, types: Any, value: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    is_bin = schema.get("contentEncoding") == "binary"
    if isinstance(value, str | bytes) and types == "string":
        if isinstance(value, bytes) is not is_bin:
            yield ValidationError(f"{value!r} is not of type {'bin' if is_bin else 'str'}")
        return
    yield from Draft202012Validator.VALIDATORS["type"](checker, types, value, schema)


def _content(
    checker: Any, inner: Any, value: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(value, bytes) and value and schema["contentMediaType"] == MSGPACK:
        yield from checker.descend(msgpack.unpackb(value), inner)


_Msgpack = extend(
    Draft202012Validator,
    {"type": _type, "contentSchema": _content},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("string", _is_text_or_bytes),
)
