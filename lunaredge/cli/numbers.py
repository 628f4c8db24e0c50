"""Numbers on the command line, and what is said of what is none."""

import argparse
from collections.abc import Callable
from typing import TypeVar

# Of a slip of the hand this much is recognised.
_SHOWN_MAX = 40

T = TypeVar("T", int, float)


def whole(remedy: str) -> Callable[[str], int]:
    """Give what reads a whole number, or else says what to do."""
    return _reading(int, "whole number", remedy)


def number(remedy: str) -> Callable[[str], float]:
    """Give what reads a number, or else says what to do."""
    return _reading(float, "number", remedy)


def _reading(kind: Callable[[str], T], what: str, remedy: str) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            return kind(text)
        except ValueError as exc:
            told = f"no {what}: {text[:_SHOWN_MAX]!r}; {remedy}"
            raise argparse.ArgumentTypeError(told) from exc

    return read
