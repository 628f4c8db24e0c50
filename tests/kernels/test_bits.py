"""The lowest set bit, against counting from the bottom."""

from hypothesis import example, given
from hypothesis import strategies as st

from lunaredge.kernels.bits import BITS, lowest_bit


@example(-(2**63))
@example(-1)
@given(st.integers(-(2**63), 2**63 - 1).filter(bool))
def test_the_lowest_bit_is_the_first_from_the_bottom_that_is_set(word):
    counted = next(place for place in range(64) if word >> place & 1)

    assert lowest_bit(word) == counted


def test_each_place_is_found_alone():
    places = [lowest_bit(1 << place) for place in range(BITS)]

    assert places == list(range(BITS))
