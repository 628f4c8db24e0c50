"""A bounded memory of results that depend on nothing but their key.

It changes how long an answer takes, never the answer: it may forget at any time, and whoever owns
it throws it away when what the results rest on has changed. Two threads may share one.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Keeps results by key; when it is full it forgets everything."""

    def __init__(self, count_max: int) -> None:
        assert count_max > 0
        self._count_max = count_max
        self._known: dict[Key, Value] = {}

    def find(self, key: Key) -> Value | None:
        """Give the result kept under that key, or None."""
        return self._known.get(key)

    def items(self) -> list[tuple[Key, Value]]:
        """Give what is kept now, by key."""
        return list(self._known.items())

    def keep(self, key: Key, value: Value) -> Value:
        """Keep a result, and give it back."""
        if len(self._known) >= self._count_max:
            # A new table, so that another thread's look into the old one stays whole.
            self._known = {}
        self._known[key] = value
        return value
