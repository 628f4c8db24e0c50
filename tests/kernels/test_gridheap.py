"""The heap of the grid searches, against a sorted list."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.kernels.gridheap import heap_for, pop, push

CELLS = 40


@given(st.lists(st.tuples(st.integers(0, CELLS - 1), st.integers(0, 30), st.booleans())))
def test_nodes_come_out_by_their_promises_and_each_once(acts):
    heap, waiting = heap_for(CELLS), {}

    for cell, promised, is_taken in acts:
        if promised < waiting.get(cell, np.inf):
            waiting[cell] = promised
            push(heap, cell, float(promised))
        if is_taken and waiting:
            least = min(waiting.values())
            assert waiting.pop(pop(heap)) == least
    left = [waiting.pop(pop(heap)) for _ in range(heap[3][0])]

    assert left == sorted(left)
    assert not waiting
