"""Which kernels a piece of work may use: what is to be compiled before it, and so how far that is.

Found by following names from function to function, without running any.
"""

from collections.abc import Callable, Iterable, Iterator
from types import CodeType, ModuleType
from typing import Any

_OURS = "lunaredge."


def kernels_of(roots: Iterable[Any], without: Iterable[Any] = ()) -> list[Any]:
    """Give the kernels that functions and classes may use, less what only some of them lead to.

    Each is Numba's dispatcher, once, in the order in which it was found.
    """
    seen = {id(one) for one in without}
    waiting, found = list(roots), []
    while waiting:
        one = waiting.pop()
        if id(one) in seen or not str(getattr(one, "__module__", "")).startswith(_OURS):
            continue
        seen.add(id(one))
        if hasattr(one, "py_func"):
            found.append(one)
        waiting += _named_in(one)
    return found


def _named_in(one: Any) -> Iterator[Any]:
    """Give what a function, a kernel or a class names of the modules around it."""
    if isinstance(one, type):
        for value in vars(one).values():
            yield getattr(value, "fget", None) or getattr(value, "__func__", value)
        return
    function: Callable[..., object] = getattr(one, "py_func", one)
    code = getattr(function, "__code__", None)
    if code is None:
        return
    names = set(_names(code))
    for name, value in function.__globals__.items():
        if name in names and isinstance(value, ModuleType):
            yield from (part for key, part in vars(value).items() if key in names)
        elif name in names:
            yield value


def _names(code: CodeType) -> Iterator[str]:
    """Give all names of a function's code and of what is defined in it."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names(part)
