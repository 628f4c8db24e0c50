"""The lowest set bit of a word, which loops that test many things at once go by."""

import numpy as np

from lunaredge.kernels.jit import Ints, inner

BITS = 63
"""So many bits of an int64 can be told by its sign and still be counted from the lowest."""

# Each run of six bits of it is another (de Bruijn sequence: Leiserson, Prokop, Randall 1998).
_SEQUENCE = 0x03F79D71B4CB0A89
_PLACES: Ints = np.zeros(64, dtype=np.int64)
for _place in range(64):
    _PLACES[((_SEQUENCE << _place) & (2**64 - 1)) >> 58] = _place


@inner
def lowest_bit(word: int) -> int:
    """Give the place of the lowest bit that is set in an int64 other than 0."""
    return int(_PLACES[np.uint64(word & -word) * np.uint64(_SEQUENCE) >> np.uint64(58)])
