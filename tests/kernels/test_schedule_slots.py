import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from lunaredge.kernels.schedule_board import AHEAD, END, NODE, START, state_after, tardiness
from lunaredge.kernels.schedule_choice import may_have
from lunaredge.kernels.schedule_sheet import (
    DUE,
    FAMILY,
    FROM,
    KIND,
    LATEST,
    MOVER,
    NONE,
    READY,
    TO,
    UNIT,
    WEIGHT,
    is_pinned_to,
    work_of,
)
from lunaredge.kernels.schedule_slots import best_slot
from tests.kernels.schedule_scene import board_from, random_genes, random_scene

rngs = st.builds(random.Random, st.integers(0, 1 << 30))


def slots_of(sheet, board, task, from_s):
    """Give every slot of a task: how late all would be, its end, node, task ahead and start."""
    for node in range(len(sheet.nodes)):
        spec, row = sheet.nodes[node], sheet.tasks[task]
        if spec[MOVER] < 0 or row[FROM] < 0 or sheet.modes[task, spec[KIND], 0] < 0:
            continue
        if not (is_pinned_to(sheet, task, node) and may_have(sheet, board, task, node)):
            continue
        line = [t for t in range(len(board.rows)) if board.rows[t, NODE] == node]
        line.sort(key=lambda t: board.rows[t, START])
        for k, behind in enumerate(line):
            later = line[k:]
            if board.rows[behind, START] <= from_s or any(sheet.tasks[t, UNIT] < 0 for t in later):
                continue
            ahead = line[k - 1] if k else NONE
            assert board.rows[behind, AHEAD] == ahead
            leave_s, place, _, family = state_after(sheet, board, node, ahead)
            trip_s = sheet.travel[spec[MOVER], place, row[FROM], 0]
            onward_s = sheet.travel[spec[MOVER], row[TO], sheet.tasks[behind, FROM], 0]
            start_s = max(leave_s, spec[READY]) + trip_s + sheet.setups[family, row[FAMILY]]
            start_s = max(from_s, start_s)
            end_s = start_s + work_of(sheet, task, node)[0]
            setup_s = sheet.setups[row[FAMILY], sheet.tasks[behind, FAMILY]]
            pushed_s = max(0, end_s + onward_s + setup_s - board.rows[behind, START])
            weights = [
                sheet.tasks[t, WEIGHT] for t in later if board.rows[t, END] >= sheet.tasks[t, DUE]
            ]
            if min(trip_s, onward_s) >= 0 and end_s <= row[LATEST]:
                late = tardiness(sheet, task, end_s) + sum(weights) * pushed_s
                yield late, end_s, node, ahead, start_s


@njit
def slot_of(sheet, board, task, from_s):
    slot = best_slot(sheet, board, task, from_s, -1)
    return slot.late, slot.end, slot.node, slot.ahead, slot.start


@settings(max_examples=150, deadline=None)
@given(rng=rngs)
def test_the_best_slot_is_the_best_of_all_that_there_are(rng):
    scene = random_scene(rng, rng.randint(4, 14), rng.randint(1, 4))
    board = board_from(scene, random_genes(rng, scene.sheet))
    left_out = np.flatnonzero((board.rows[:, NODE] == NONE) & (scene.sheet.tasks[:, UNIT] != NONE))
    from_s = rng.randint(0, 20)

    for task in left_out.tolist():
        slots = list(slots_of(scene.sheet, board, task, from_s))
        found = slot_of(scene.sheet, board, task, from_s)

        if not slots:
            assert found[2] == NONE
        else:
            assert found in slots
            assert found[:2] == min(slot[:2] for slot in slots)
