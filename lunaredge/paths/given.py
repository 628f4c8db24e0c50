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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Flags, Floats

_P = ParamSpec("_P")
_R = TypeVar("_R")

Rule = Callable[[Any], Any]
"""Takes a value; gives it as it should be, or raises `_Unfit`."""
Rules = dict[str, Rule]


class _Unfit(Exception):
    """A value that is not what was asked for; ``where`` is its place in the one that was given."""

    def __init__(self, value: object, remedy: str) -> None:
        self.where = ""
        self.value = value
        self.remedy = remedy

    def within(self, k: int) -> "_Unfit":
        """Give the same, as the one that a larger value has at a place."""
        self.where = f"[{k}]{self.where}"
        return self

    def as_error(self, problem: str, place: str, key: str) -> ConfigError:
        """Give what the caller is told."""
        key = key + self.where
        return ConfigError(problem, place=place, key=key, value=self.value, remedy=self.remedy)


def check_fields(struct: msgspec.Struct, problem: str, place: str) -> None:
    """Check all fields of a value that is being made, and make them plain.

    Raises:
        ConfigError: a field is not what its annotation says.
    """
    key = ""
    try:
        for key, rule in _rules_of_fields(type(struct)).items():
            value = getattr(struct, key)
            plain = rule(value)
            if plain is not value:
                msgspec.structs.force_setattr(struct, key, plain)
    except _Unfit as unfit:
        raise unfit.as_error(problem, place, key) from None


def checked(place: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function check its arguments by their annotations, and take them made plain.

    Costs a microsecond or two.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            plain, named = _plain(function, args, kwargs, place)
            return function(*plain, **named)

        return wrapper

    return decorate


def explained(place: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function that only reads check its arguments where it fails, to say which is wrong.

    For what is asked thousands of times a second: it costs nothing while all is well. What fails by
    itself is explained; for the rest, NaN say, the function cares. What can be read but once is
    read into a tuple, where the function asks for an `Iterable`.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        hints: dict[str, Any] = function.__annotations__
        names = function.__code__.co_varnames
        rows = {names.index(key): key for key in hints if get_origin(hints[key]) in (Iterable,)}

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> _R:
            for k, key in rows.items():
                if isinstance(kwargs.get(key), Iterator):
                    kwargs[key] = tuple(kwargs[key])
                elif len(args) > k and isinstance(args[k], Iterator):
                    args = (*args[:k], tuple(args[k]), *args[k + 1 :])
            try:
                return function(*args, **kwargs)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                _plain(function, args, kwargs, place)
                raise

        return wrapper

    return decorate


def numbers(values: ArrayLike) -> Floats:
    """Give numbers as a C-contiguous float64 array; itself where it is one.

    Raises:
        OverflowError, TypeError, ValueError: rows of several lengths, text, complex numbers, times,
            flags, or numbers some of which are masked.
    """
    return np.asarray(_array(values, "iuf"), np.float64, order="C")


def flags(values: ArrayLike) -> Flags:
    """Give flags, or ones and zeros, as a C-contiguous bool array; itself where it is one.

    Raises:
        OverflowError, TypeError, ValueError: rows of several lengths, or what is no flag.
    """
    array = _array(values, "biu")
    found: Flags = np.asarray(array, np.bool_, order="C")
    if found.dtype != array.dtype and not np.array_equal(found, array):
        raise ValueError("neither 1 nor 0")
    return found


def _array(values: ArrayLike, kinds: str) -> np.ndarray[Any, Any]:
    # NumPy reads digits out of text, and forgets what is masked.
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError("some may be masked")
    array = np.asarray(values)
    if array.dtype.kind not in kinds:
        raise TypeError(f"values of {array.dtype}")
    return array


def _plain(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], place: str
) -> tuple[list[Any], dict[str, Any]]:
    """Give arguments made plain.

    Raises:
        ConfigError: one is not what its annotation says.
    """
    rules = _rules_of_arguments(function)
    plain, named, key = list(args), kwargs, ""
    # Beyond these places there is nothing to give; the function says so itself.
    places = list(rules)[: function.__code__.co_argcount]
    try:
        for k, (key, value) in enumerate(zip(places, args, strict=False)):
            plain[k] = rules[key](value)
        for key, value in kwargs.items():
            named[key] = rules.get(key, _anything)(value)
    except _Unfit as unfit:
        raise unfit.as_error("not what is asked for", place, key) from None
    return plain, named


@lru_cache(maxsize=256)
def _rules_of_fields(struct: type[msgspec.Struct]) -> Rules:
    hints = get_type_hints(struct)
    return {key: _rule_of(hints[key]) for key in struct.__struct_fields__}


@lru_cache(maxsize=256)
def _rules_of_arguments(function: Callable[..., object]) -> Rules:
    hints, code = get_type_hints(function), function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return {name: _rule_of(hints[name]) if name in hints else _anything for name in names}


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


def _anything(value: Any) -> Any:
    return value


def _number(value: Any) -> float:
    if type(value) is float and value == value:
        return value
    if not isinstance(value, bool) and isinstance(value, Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.nan
        if not math.isnan(number):
            return number
    raise _Unfit(value, "give a number")


def _count(value: Any) -> int:
    if not isinstance(value, bool) and isinstance(value, Integral):
        return int(value)
    raise _Unfit(value, "give a whole number")


def _flag(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise _Unfit(value, "give True or False")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit(value, "give text")


_PLAIN: dict[object, Rule] = {float: _number, int: _count, bool: _flag, str: _text}


def _class_rule(kind: type, word: str) -> Rule:
    def rule(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        raise _Unfit(value, f"give {word}")

    return rule


def _member_rule(kind: type[enum.Enum]) -> Rule:
    def rule(value: Any) -> enum.Enum:
        if type(value) is kind:
            return value
        try:
            return kind(value)
        except (TypeError, ValueError):
            choices = ", ".join(f"{member.value}" for member in kind)
            raise _Unfit(value, f"give a {kind.__name__}: {choices}") from None

    return rule


def _or_none(rule: Rule) -> Rule:
    return lambda value: None if value is None else rule(value)


def _row_rule(each: Rule) -> Rule:
    """Give the rule of any number of values of one kind; they come as a tuple."""

    def rule(values: Any) -> tuple[Any, ...]:
        if not _is_row(values):
            raise _Unfit(values, "give several in a row")
        ones = list(values)
        return _all_of([each] * len(ones), ones)

    return rule


def _tuple_rule(rules: list[Rule], make: Callable[[tuple[Any, ...]], Any], names: str = "") -> Rule:
    """Give the rule of so many values, each of its own kind."""

    def rule(values: Any) -> Any:
        ones = list(values) if _is_row(values) else []
        if len(ones) != len(rules):
            raise _Unfit(values, f"give {names or f'{len(rules)} values'}")
        return make(_all_of(rules, ones))

    return rule


def _all_of(rules: list[Rule], values: list[Any]) -> tuple[Any, ...]:
    """Give values by their rules; what is unfit says where it is."""
    plain: list[Any] = []
    try:
        for rule, value in zip(rules, values, strict=True):
            plain.append(rule(value))
    except _Unfit as unfit:
        raise unfit.within(len(plain)) from None
    return tuple(plain)


def _is_row(values: Any) -> bool:
    """Tell whether it is values in a row: text is none, and neither is an array of no axes."""
    if type(values) is tuple or type(values) is list:
        return True
    if isinstance(values, np.ndarray):
        return bool(values.ndim > 0)
    return isinstance(values, Iterable) and not isinstance(values, str | bytes)
