"""Packs numbers as bytes, little-endian on every machine."""

import array
import sys


def little_endian(values: "array.array[int] | array.array[float]") -> bytes:
    """Give the bytes of these; on a big-endian machine the array is swapped in place."""
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def from_little_endian(typecode: str, payload: bytes) -> "array.array[int]":
    """Give the numbers in these bytes, whose length must be whole numbers of the type."""
    values: array.array[int] = array.array(typecode)
    values.frombytes(payload)
    if sys.byteorder == "big":
        values.byteswap()
    return values
