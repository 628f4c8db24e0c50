"""Ranges against the plainest twin there is: a set of numbers."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.wire.ranges import Range, Ranges

spans = st.tuples(st.integers(1, 24), st.integers(0, 6)).map(lambda each: (each[0], sum(each)))


def numbers(ranges: list[Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(st.lists(spans, max_size=12), spans)
@settings(max_examples=500)
def test_ranges_are_the_set_of_their_numbers(added: list[Range], asked: Range) -> None:
    ranges, twin = Ranges(added), numbers(added)

    found = list(ranges)

    assert numbers(found) == twin
    assert len(ranges) == len(found)
    # As few as can be, rising, and none touches the next.
    assert all(first <= last for first, last in found)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))
    assert ranges.last == max(twin, default=0)
    assert numbers([(1, ranges.through)] if ranges.through else []) <= twin
    assert ranges.through + 1 not in twin
    own = numbers([asked])
    assert ranges.covers(*asked) == (own <= twin)
    assert numbers(ranges.holes(*asked)) == own - twin
    assert ranges.holes(*asked) == list(Ranges(ranges.holes(*asked)))
    around = own | {asked[0] - 1, asked[1] + 1}
    assert ranges.would_split(*asked) == (not around & twin)


@pytest.mark.parametrize("span", [(0, 1), (-1, 3), (3, 2)])
def test_what_is_no_range_is_our_own_mistake(span: Range) -> None:
    with pytest.raises(AssertionError):
        Ranges().add(*span)


def test_a_range_given_by_its_ends_covers_a_number_too_large_for_a_list() -> None:
    ranges = Ranges([(1, 2**62), (2**62 + 2, 2**63 - 1)])

    assert ranges.holes(1, 2**63 - 1) == [(2**62 + 1, 2**62 + 1)]
