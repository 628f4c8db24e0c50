"""Every setting of a file with its value, its default and what it means, from the code itself.

A pydantic field says what it is in its description, a Struct's field in the docstring under it.
"""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

REQUIRED = "required"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, by its key path."""

    setting: str
    value: object
    default: object
    what: str
    """Unit, range and reason."""


def explain(settings: object, prefix: str = "") -> Iterator[Setting]:
    """Give every setting of a tree of settings, in the order of the code."""
    rows = _of_struct(settings) if isinstance(settings, msgspec.Struct) else _of_written(settings)
    for row in rows:
        if isinstance(row.value, msgspec.Struct) or hasattr(row.value, "model_fields_set"):
            yield from explain(row.value, f"{prefix}{row.setting}.")
        else:
            yield Setting(
                setting=prefix + row.setting,
                value=_plain(row.value),
                default=_plain(row.default),
                what=row.what,
            )


def _of_struct(settings: msgspec.Struct) -> Iterator[Setting]:
    texts = _shared_texts() | field_texts(type(settings))
    for field in msgspec.structs.fields(type(settings)):
        yield Setting(
            setting=field.name,
            value=getattr(settings, field.name),
            default=REQUIRED if field.required else _default_of(field),
            what=texts.get(field.name, ""),
        )


def _default_of(field: msgspec.structs.FieldInfo) -> object:
    made_anew = field.default_factory
    return field.default if made_anew is msgspec.NODEFAULT else made_anew()


def _of_written(settings: Any) -> Iterator[Setting]:
    for name, field in type(settings).model_fields.items():
        what = field.description or ""
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if choices and choices[0] not in what:
            what += ": one of " + ", ".join(choices)
        yield Setting(
            setting=name,
            value=getattr(settings, name),
            default=REQUIRED if field.is_required() else field.default,
            what=what,
        )


def _shared_texts() -> dict[str, str]:
    """Give the texts of [broker] and [clock], which stand where the site has the same tables.

    A board, which has no pydantic to read them with, does without.
    """
    try:
        from lunaredge.runtime.site_settings import BrokerPlace, ClockPart
    except ModuleNotFoundError:
        return {}
    fields = BrokerPlace.model_fields | ClockPart.model_fields
    return {name: field.description or "" for name, field in fields.items()}


def field_texts(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Give the docstring under each field of a Struct, which Python itself forgets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(shape)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    texts: dict[str, str] = {}
    for field, text in itertools.pairwise(body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(said))),
            ):
                texts[name] = " ".join(said.split())
    return texts


def _plain(value: object) -> object:
    """Give a value that JSON can hold."""
    return getattr(value, "value", value)
