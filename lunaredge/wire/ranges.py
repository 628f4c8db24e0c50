"""Sets of sequence numbers as ranges: what of a stream is committed, and where its holes are."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First and last number, both in it."""


class Ranges:
    """A set of numbers from 1 up, as few ranges that touch nowhere."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[Range]:
        """Give the ranges, rising."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """Give how many ranges there are."""
        return len(self._firsts)

    @property
    def through(self) -> int:
        """Everything from 1 to here is in the set; 0 where 1 is not."""
        return self._lasts[0] if self._firsts and self._firsts[0] == 1 else 0

    @property
    def last(self) -> int:
        """The highest number in the set; 0 of an empty one."""
        return self._lasts[-1] if self._lasts else 0

    def covers(self, first: int, last: int) -> bool:
        """Tell whether all of them are in the set."""
        at = bisect_right(self._firsts, first) - 1
        return at >= 0 and self._lasts[at] >= last

    def holes(self, first: int, last: int) -> list[Range]:
        """Give what of these numbers is not in the set, as ranges."""
        found, next_number = [], first
        for low, high in self._overlapping(first, last):
            if low > next_number:
                found.append((next_number, low - 1))
            next_number = max(next_number, high + 1)
        if next_number <= last:
            found.append((next_number, last))
        return found

    def would_split(self, first: int, last: int) -> bool:
        """Tell whether these numbers would be a range of their own."""
        start, end = self._touching(first, last)
        return start == end

    def add(self, first: int, last: int) -> None:
        """Take numbers into the set."""
        assert 1 <= first <= last, (first, last)
        start, end = self._touching(first, last)
        if start < end:
            first = min(first, self._firsts[start])
            last = max(last, self._lasts[end - 1])
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]

    def _touching(self, first: int, last: int) -> tuple[int, int]:
        """Give which ranges overlap these numbers or are next to them, as a slice."""
        return bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)

    def _overlapping(self, first: int, last: int) -> Iterator[Range]:
        start, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return zip(self._firsts[start:end], self._lasts[start:end], strict=True)
