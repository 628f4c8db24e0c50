"""What a settings' class takes at a key: text or not, and which keys there are.

Reads the type hints alone, so that it serves the Structs of a board and the pydantic models of the
site alike, and needs neither.
"""

import enum
from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Any, Literal, NewType, get_args, get_origin, get_type_hints

from lunaredge.runtime.files.document import KeyPath


def takes_text(shape: object, key: KeyPath) -> bool:
    """Tell whether the field at that key takes text and nothing else; no for an unknown key."""
    hints = [shape]
    for part in key:
        tables = [table for hint in hints for table in _tables_in(hint)]
        hints = [fields[part] for fields in map(_fields_of, tables) if part in fields]
    return bool(key) and bool(hints) and all(map(_is_text, hints))


def unknown_keys(
    shape: object, value: object, above: KeyPath = ()
) -> Iterator[tuple[KeyPath, list[str]]]:
    """Give every key in the value that its table does not know, with those that it does."""
    if get_origin(shape) is dict and isinstance(value, dict):
        # Its keys are names that people choose; what stands under each has a shape.
        for name, part in value.items():
            yield from unknown_keys(get_args(shape)[1], part, (*above, name))
        return
    tables = list(_tables_in(shape))
    if not isinstance(value, dict) or not tables:
        return
    fields = {name: hint for table in tables for name, hint in _fields_of(table).items()}
    for name in value:
        if name not in fields:
            yield (*above, name), list(fields)
    for name, part in value.items():
        if name in fields:
            yield from unknown_keys(fields[name], part, (*above, name))


def _fields_of(table: type) -> dict[Any, object]:
    hints = get_type_hints(table)
    names: Iterable[str] = getattr(table, "model_fields", ())
    names = names or getattr(table, "__struct_fields__", ())
    return {name: hints[name] for name in names}


def _tables_in(hint: object) -> Iterator[type]:
    """Give the classes with fields of their own among a hint's alternatives."""
    if isinstance(hint, type) and (
        hasattr(hint, "model_fields") or hasattr(hint, "__struct_fields__")
    ):
        yield hint
    for alternative in get_args(hint):
        yield from _tables_in(alternative)


def _is_text(hint: object) -> bool:
    if isinstance(hint, NewType):
        return _is_text(hint.__supertype__)
    if get_origin(hint) is Literal:
        return all(isinstance(choice, str) for choice in get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return all(isinstance(member.value, str) for member in hint)
    alternatives = [part for part in get_args(hint) if part is not NoneType]
    if alternatives and get_origin(hint) not in (list, tuple, dict, frozenset, set):
        return all(map(_is_text, alternatives))
    return hint is str
