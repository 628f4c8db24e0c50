"""Ledgers: what is in use of each computer, second by second and resource by resource.

Owns step functions of time, each as a list of steps that hold until the next one begins. A ledger's
first step begins at 0, and the last holds for ever.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_sheet import NEVER, NONE


class Ledgers(NamedTuple):
    """All ledgers, in one pool of steps.

    steps : int64 (S, 3)     when it begins, the step after it, the one before; -1 = none
    used  : int64 (S, R)     how much is in use
    found : int64 (L,)       the step of each ledger that was looked up last
    room  : int64 (L, R)     how much there is
    pool  : int64 (2,)       first free step (a list by the steps after), and steps ever used
    """

    steps: Ints
    used: Ints
    found: Ints
    room: Ints
    pool: Ints


_FROM, _AFTER, _BEFORE = range(3)
_FREE, _COUNT = range(2)


def empty_ledgers(room: Ints, step_count: int) -> Ledgers:
    """Make ledgers of so much each, int64 (L, R), nothing in use; with room for so many steps more.

    Two are needed for each interval that is entered.
    """
    ledger_count = len(room)
    size = ledger_count + step_count
    steps = np.full((size, 3), NONE, dtype=np.int64)
    steps[:ledger_count, _FROM] = 0
    return Ledgers(
        steps=steps,
        used=np.zeros((size, room.shape[1]), dtype=np.int64),
        found=np.arange(ledger_count, dtype=np.int64),
        room=np.ascontiguousarray(room),
        pool=np.array([NONE, ledger_count], dtype=np.int64),
    )


@inner
def copy_ledgers(source: Ledgers, out_target: Ledgers) -> None:
    """Make one like the other; they are of the same sizes."""
    for s in range(max(source.pool[_COUNT], out_target.pool[_COUNT])):
        for c in range(3):
            out_target.steps[s, c] = source.steps[s, c]
        for r in range(source.used.shape[1]):
            out_target.used[s, r] = source.used[s, r]
    for ledger in range(len(source.found)):
        out_target.found[ledger] = source.found[ledger]
    out_target.pool[_FREE] = source.pool[_FREE]
    out_target.pool[_COUNT] = source.pool[_COUNT]


@inner
def first_fit(
    ledgers: Ledgers, ledger: int, start_s: int, duration_s: int, needs: Ints, factor: int
) -> int:
    """Give the first time at or after one from which so much is free for so long; NEVER if none.

    ``needs`` int64 (>= R,) counts ``factor`` times.
    """
    step = _step_at(ledgers, ledger, start_s)
    while step != NONE:
        if not _has_room(ledgers, ledger, step, needs, factor):
            step = ledgers.steps[step, _AFTER]
            start_s = ledgers.steps[step, _FROM] if step != NONE else NEVER
            continue
        step = ledgers.steps[step, _AFTER]
        if step == NONE or ledgers.steps[step, _FROM] >= start_s + duration_s:
            return start_s
    return NEVER


@inner
def enter(
    ledgers: Ledgers, ledger: int, start_s: int, end_s: int, needs: Ints, factor: int
) -> None:
    """Enter a use from a time until before another; a negative ``factor`` takes one out again.

    Steps that make no difference any more are dropped.
    """
    first = _cut(ledgers, ledger, start_s)
    last = _cut(ledgers, ledger, end_s)
    step = first
    while step != last:
        for r in range(ledgers.used.shape[1]):
            ledgers.used[step, r] += factor * needs[r]
        step = ledgers.steps[step, _AFTER]
    _join(ledgers, ledger, last)
    _join(ledgers, ledger, first)


@inner
def _has_room(ledgers: Ledgers, ledger: int, step: int, needs: Ints, factor: int) -> bool:
    for r in range(ledgers.used.shape[1]):
        if ledgers.used[step, r] + factor * needs[r] > ledgers.room[ledger, r]:
            return False
    return True


@inner
def _step_at(ledgers: Ledgers, ledger: int, at_s: int) -> int:
    """Give the step that holds at a time."""
    step = ledgers.found[ledger]
    while ledgers.steps[step, _FROM] > at_s:
        step = ledgers.steps[step, _BEFORE]
    after = ledgers.steps[step, _AFTER]
    while after != NONE and ledgers.steps[after, _FROM] <= at_s:
        step = after
        after = ledgers.steps[step, _AFTER]
    ledgers.found[ledger] = step
    return int(step)


@inner
def _cut(ledgers: Ledgers, ledger: int, at_s: int) -> int:
    """Give the step that begins at a time; the one that holds then is cut in two if need be."""
    step = _step_at(ledgers, ledger, at_s)
    if ledgers.steps[step, _FROM] == at_s:
        return step
    new = ledgers.pool[_FREE]
    if new == NONE:
        new = ledgers.pool[_COUNT]
        ledgers.pool[_COUNT] += 1
    else:
        ledgers.pool[_FREE] = ledgers.steps[new, _AFTER]
    after = ledgers.steps[step, _AFTER]
    ledgers.steps[new, _FROM] = at_s
    ledgers.steps[new, _AFTER] = after
    ledgers.steps[new, _BEFORE] = step
    ledgers.steps[step, _AFTER] = new
    if after != NONE:
        ledgers.steps[after, _BEFORE] = new
    for r in range(ledgers.used.shape[1]):
        ledgers.used[new, r] = ledgers.used[step, r]
    return int(new)


@inner
def _join(ledgers: Ledgers, ledger: int, step: int) -> None:
    """Drop a step that differs in nothing from the one before it."""
    before = ledgers.steps[step, _BEFORE]
    if before == NONE:
        return
    for r in range(ledgers.used.shape[1]):
        if ledgers.used[step, r] != ledgers.used[before, r]:
            return
    after = ledgers.steps[step, _AFTER]
    ledgers.steps[before, _AFTER] = after
    if after != NONE:
        ledgers.steps[after, _BEFORE] = before
    if ledgers.found[ledger] == step:
        ledgers.found[ledger] = before
    ledgers.steps[step, _AFTER] = ledgers.pool[_FREE]
    ledgers.pool[_FREE] = step
