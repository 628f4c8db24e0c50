"""A heap of nodes by what they promise: what a search goes on with where buckets don't serve.

Costs that span more than `gridqueue` has buckets for, or a width that is too wide for some part of
the grid, leave many nodes in one bucket, in no order, and they are taken up again and again. A
binary heap (Williams 1964) that knows each node's place is slower, but takes up none twice.
"""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, Shorts, inner, kernel

Heap = tuple[Floats, Shorts, Shorts, Ints]
"""Each node's promise; the nodes, the least promise first; each one's place + 1; their count."""


@kernel
def heap_for(cell_count: int) -> Heap:
    """Give an empty heap for so many nodes."""
    order, places = np.zeros(cell_count, np.int32), np.zeros(cell_count, np.int32)
    return np.zeros(cell_count), order, places, np.zeros(1, np.int64)


@inner
def push(heap: Heap, cell: int, promised: float) -> None:
    """Queue a node, or bring it forward: its promise is then less than it was."""
    promises, order, places, count = heap
    at = np.int64(places[cell]) - 1
    if at < 0:
        at = count[0]
        count[0] += 1
    while at > 0 and promises[order[(at - 1) // 2]] > promised:
        order[at] = order[(at - 1) // 2]
        places[order[at]] = at + 1
        at = (at - 1) // 2
    promises[cell], order[at], places[cell] = promised, cell, at + 1


@inner
def pop(heap: Heap) -> int:
    """Take out the node that promises least, of a heap that has one."""
    promises, order, places, count = heap
    first = order[0]
    count[0] -= 1
    size, last = count[0], order[count[0]]
    places[first] = 0
    at, below = 0, 1
    while below < size:
        below += below + 1 < size and promises[order[below + 1]] < promises[order[below]]
        if promises[order[below]] >= promises[last]:
            break
        order[at] = order[below]
        places[order[at]] = at + 1
        at, below = below, 2 * below + 1
    if size > 0:
        order[at], places[last] = last, at + 1
    return int(first)
