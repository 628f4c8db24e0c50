"""Arrays that grow, and lists of many owners joined to one array, as the sheet has them.

An owner's list begins in ``flat`` at its entry of ``starts``, and ends where the next one's begins.
``starts`` is changed in place; what becomes of ``flat`` is handed back.
"""

from typing import Any

import numpy as np

from lunaredge.kernels.jit import Ints


def inserted(flat: Ints, starts: Ints, owner: int, values: Any) -> Ints:
    """Give the lists with values at the end of an owner's."""
    if len(values) == 0:
        return flat
    end = starts[owner + 1]
    starts[owner + 1 :] += len(values)
    added = np.array(values, dtype=np.int64).reshape(-1, *flat.shape[1:])
    return np.concatenate((flat[:end], added, flat[end:]))


def removed(flat: Ints, starts: Ints, owner: int, value: int | None = None) -> Ints:
    """Give the lists without an owner's values, or without those that begin with one."""
    first, end = starts[owner : owner + 2]
    if first == end:
        return flat
    goes = np.ones(end - first, dtype=np.bool_)
    if value is not None:
        goes = flat[first:end].reshape(end - first, -1)[:, 0] == value
    starts[owner + 1 :] -= goes.sum()
    return np.concatenate((flat[:first], flat[first:end][~goes], flat[end:]))


def padded(array: Any, count: int, fill: Any = 0) -> Any:
    """Give an array with so many rows more, of one value or one row."""
    more = np.empty((count, *array.shape[1:]), dtype=array.dtype)
    more[:] = fill
    return np.concatenate((array, more))
