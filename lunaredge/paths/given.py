"""Whether callers give what a signature asks for: one rule for each annotation, told by its key.

The library is called by people, from scripts: a word in the place of a number must not end in a
traceback from deep inside, and an enumeration's value must not count as no member. So the front
doors check the kinds of what they are given by their own annotations, and make plain values of it:
a NumPy number a float, a member's value the member, a tuple of three numbers a `Pose`. What a value
may be beyond its kind is the business of whoever takes it. NaN is no number.
"""

import enum
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from lunaredge.errors import ConfigError

_P = ParamSpec("_P")
_R = TypeVar("_R")

Rule = Callable[[Any, str], Any]
"""Takes a value and its key; gives the value as it should be, or raises `_Unfit`."""


class _Unfit(Exception):
    """A value that is not what was asked for."""

    def __init__(self, key: str, value: object, remedy: str) -> None:
        self.key = key
        self.value = value
        self.remedy = remedy


def check_fields(struct: msgspec.Struct, problem: str, place: str) -> None:
    """Check all fields of a value that is being made, and make them plain.

    Raises:
        ConfigError: a field is not what its annotation says.
    """
    for key, rule in _field_rules(type(struct)):
        value = getattr(struct, key)
        try:
            plain = rule(value, key)
        except _Unfit as unfit:
            raise _error(unfit, problem, place) from None
        if plain is not value:
            msgspec.structs.force_setattr(struct, key, plain)


def checked(place: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function check its arguments by their annotations, and take them made plain.

    Costs some 0.3 us an argument.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            by_place, by_name = _argument_rules(function)
            try:
                plain = [rule(value, key) for value, (key, rule) in zip(args, by_place)]  # noqa: B905
                named = {key: by_name.get(key, _anything)(kwargs[key], key) for key in kwargs}
            except _Unfit as unfit:
                raise _error(unfit, "not what is asked for", place) from None
            return function(*plain, *args[len(plain) :], **named)  # type: ignore[arg-type]

        return wrapper

    return decorate


def _error(unfit: _Unfit, problem: str, place: str) -> ConfigError:
    return ConfigError(problem, place=place, key=unfit.key, value=unfit.value, remedy=unfit.remedy)


@lru_cache(maxsize=256)
def _field_rules(struct: type[msgspec.Struct]) -> tuple[tuple[str, Rule], ...]:
    hints = get_type_hints(struct)
    return tuple((key, _rule_of(hints[key])) for key in struct.__struct_fields__)


@lru_cache(maxsize=256)
def _argument_rules(
    function: Callable[..., object],
) -> tuple[list[tuple[str, Rule]], dict[str, Rule]]:
    """Give the rules of a function's arguments by their place, and by their name."""
    hints, code = get_type_hints(function), function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    rules = {name: _rule_of(hints[name]) if name in hints else _anything for name in names}
    return list(rules.items())[: code.co_argcount], rules


def _rule_of(hint: Any) -> Rule:
    """Give the rule of an annotation; what it doesn't know, it lets pass."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        others = [arg for arg in args if arg is not type(None)]
        is_plain = len(others) == 1 and len(args) == 2
        return _or_none(_rule_of(others[0])) if is_plain else _anything
    if origin is tuple and args[-1] is not ...:
        return _tuple_rule([_rule_of(arg) for arg in args], lambda values: values)
    if origin in (tuple, Sequence, Iterable):
        return _row_rule(_rule_of(args[0]))
    if origin in (Callable, Mapping):
        return _class_rule(origin, "a function" if origin is Callable else "a mapping")
    if hint in _PLAIN:
        return _PLAIN[hint]
    if not isinstance(hint, type):
        return _anything
    if issubclass(hint, enum.Enum):
        return _member_rule(hint)
    if issubclass(hint, tuple) and hasattr(hint, "_fields"):
        kinds = get_type_hints(hint)
        rules = [_rule_of(kinds[key]) for key in hint._fields]
        return _tuple_rule(rules, lambda values: hint(*values), ", ".join(hint._fields))
    return _class_rule(hint, f"a {hint.__name__}")


def _anything(value: Any, _: str) -> Any:
    return value


def _number(value: Any, key: str) -> float:
    if not isinstance(value, bool) and isinstance(value, Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.nan
        if not math.isnan(number):
            return number
    raise _Unfit(key, value, "give a number")


def _count(value: Any, key: str) -> int:
    if not isinstance(value, bool) and isinstance(value, Integral):
        return int(value)
    raise _Unfit(key, value, "give a whole number")


def _flag(value: Any, key: str) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise _Unfit(key, value, "give True or False")


def _text(value: Any, key: str) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit(key, value, "give text")


_PLAIN: dict[object, Rule] = {float: _number, int: _count, bool: _flag, str: _text}


def _class_rule(kind: type, word: str) -> Rule:
    def rule(value: Any, key: str) -> Any:
        if isinstance(value, kind):
            return value
        raise _Unfit(key, value, f"give {word}")

    return rule


def _member_rule(kind: type[enum.Enum]) -> Rule:
    def rule(value: Any, key: str) -> enum.Enum:
        try:
            return kind(value)
        except (TypeError, ValueError):
            choices = ", ".join(f"{member.value}" for member in kind)
            raise _Unfit(key, value, f"give a {kind.__name__}: {choices}") from None

    return rule


def _or_none(rule: Rule) -> Rule:
    return lambda value, key: None if value is None else rule(value, key)


def _row_rule(each: Rule) -> Rule:
    """Give the rule of any number of values of one kind; they come as a tuple."""

    def rule(values: Any, key: str) -> tuple[Any, ...]:
        if _is_row(values):
            return tuple(each(value, f"{key}[{k}]") for k, value in enumerate(values))
        raise _Unfit(key, values, "give several in a row")

    return rule


def _tuple_rule(rules: list[Rule], make: Callable[[tuple[Any, ...]], Any], names: str = "") -> Rule:
    """Give the rule of so many values, each of its own kind."""

    def rule(values: Any, key: str) -> Any:
        if _is_row(values) and len(plain := tuple(values)) == len(rules):
            ones = enumerate(zip(rules, plain, strict=True))
            return make(tuple(one(value, f"{key}[{k}]") for k, (one, value) in ones))
        raise _Unfit(key, values, f"give {names or f'{len(rules)} values'}")

    return rule


def _is_row(values: Any) -> bool:
    """Tell whether it is values in a row: text is none, and neither is an array of no axes."""
    if isinstance(values, np.ndarray):
        return bool(values.ndim > 0)
    return isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
