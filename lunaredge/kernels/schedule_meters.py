"""Meters: what is drawn from what all share, second by second: the site's bus, chargers' posts.

As `schedule_ledger`, but for one amount each, and for long lists: half of all tasks are on the bus.
Steps stand in blocks, and each block knows the least and the most that is drawn in it, so that a
look over days takes some steps only (an unrolled list; Shao, Reppy and Appel 1994).
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_sheet import NEVER, NONE

BLOCK = 32
"""Steps of a block at most."""

_COUNT, _AFTER, _BEFORE, _ADD, _LEAST, _MOST = range(6)
_FREE, _USED, GIVEN_BACK = range(3)


class Meters(NamedTuple):
    """All meters, in one pool of blocks.

    steps  : int64 (B, 32, 2)  from when on how much is drawn, less what the block adds
    blocks : int64 (B, 6)      steps in it, block after it and before it (-1 = none), what it adds,
                               least and most that is drawn in it
    found  : int64 (M,)        the block of each meter that was looked up last
    limits : int64 (M,)        how much may be drawn
    pool   : int64 (3,)        first free block (a list by the blocks after), blocks ever used, and
                               how often something was given back
    """

    steps: Ints
    blocks: Ints
    found: Ints
    limits: Ints
    pool: Ints


def idle_meters(limits: Ints, interval_count: int) -> Meters:
    """Make meters with these limits, int64 (M,), that can take so many intervals."""
    meter_count = len(limits)
    # Any two neighbours hold more than half a block of steps, and an interval makes two steps.
    size = 2 * meter_count + 2 + interval_count // (BLOCK // 8)
    blocks = np.zeros((size, 6), dtype=np.int64)
    blocks[:, [_AFTER, _BEFORE]] = NONE
    blocks[:meter_count, _COUNT] = 1
    return Meters(
        steps=np.zeros((size, BLOCK, 2), dtype=np.int64),
        blocks=blocks,
        found=np.arange(meter_count, dtype=np.int64),
        limits=limits.copy(),
        pool=np.array([NONE, meter_count, 0], dtype=np.int64),
    )


@inner
def copy_meters(source: Meters, out_target: Meters) -> None:
    """Make one like the other; they are of the same sizes."""
    for b in range(source.pool[_USED]):
        for c in range(6):
            out_target.blocks[b, c] = source.blocks[b, c]
        for k in range(source.blocks[b, _COUNT]):
            out_target.steps[b, k, 0] = source.steps[b, k, 0]
            out_target.steps[b, k, 1] = source.steps[b, k, 1]
    for meter in range(len(source.found)):
        out_target.found[meter] = source.found[meter]
    out_target.pool[_FREE] = source.pool[_FREE]
    out_target.pool[_USED] = source.pool[_USED]
    out_target.pool[GIVEN_BACK] = source.pool[GIVEN_BACK]


@inner
def first_free(meters: Meters, meter: int, start_s: int, duration_s: int, amount: int) -> int:
    """Give the first time at or after one from which so much more may be drawn for so long.

    NEVER if there is none.
    """
    most = meters.limits[meter] - amount
    block = _block_at(meters, meter, start_s)
    k = _step_at(meters, block, start_s)
    while True:
        head = meters.blocks[block]
        count, add = head[_COUNT], head[_ADD]
        if head[_LEAST] > most:
            start_s = NEVER
        elif head[_MOST] > most:
            while k < count:
                at_s = meters.steps[block, k, 0]
                if start_s < NEVER and at_s >= start_s + duration_s:
                    return start_s
                if meters.steps[block, k, 1] + add > most:
                    start_s = NEVER
                elif start_s == NEVER:
                    start_s = at_s
                k += 1
        elif start_s == NEVER:
            start_s = meters.steps[block, k, 0]
        block, k = head[_AFTER], 0
        if block == NONE:
            return start_s
        if start_s < NEVER and meters.steps[block, 0, 0] >= start_s + duration_s:
            return start_s


@inner
def draw_from(meters: Meters, meter: int, start_s: int, end_s: int, amount: int) -> None:
    """Draw so much more from a time until before another; less, when it is negative."""
    if amount == 0:
        return
    _cut(meters, meter, start_s)
    _cut(meters, meter, end_s)
    block = _block_at(meters, meter, start_s)
    k = _step_at(meters, block, start_s)
    while block != NONE and meters.steps[block, k, 0] < end_s:
        head = meters.blocks[block]
        last = meters.steps[block, head[_COUNT] - 1, 0]
        after = head[_AFTER]
        if k == 0 and last < end_s and (after == NONE or meters.steps[after, 0, 0] <= end_s):
            head[_ADD] += amount
            head[_LEAST] += amount
            head[_MOST] += amount
        else:
            while k < head[_COUNT] and meters.steps[block, k, 0] < end_s:
                meters.steps[block, k, 1] += amount
                k += 1
            _weigh(meters, block)
        block, k = after, 0
    if amount < 0:
        meters.pool[GIVEN_BACK] += 1
    _join(meters, meter, end_s)
    _join(meters, meter, start_s)


@inner
def _block_at(meters: Meters, meter: int, at_s: int) -> int:
    """Give the block of the step that holds at a time."""
    block = meters.found[meter]
    while meters.steps[block, 0, 0] > at_s:
        block = meters.blocks[block, _BEFORE]
    after = meters.blocks[block, _AFTER]
    while after != NONE and meters.steps[after, 0, 0] <= at_s:
        block = after
        after = meters.blocks[block, _AFTER]
    meters.found[meter] = block
    return int(block)


@inner
def _step_at(meters: Meters, block: int, at_s: int) -> int:
    """Give the step of a block that holds at a time."""
    low, high = 0, meters.blocks[block, _COUNT]
    while high - low > 1:
        middle = (low + high) // 2
        if meters.steps[block, middle, 0] <= at_s:
            low = middle
        else:
            high = middle
    return low


@inner
def _weigh(meters: Meters, block: int) -> None:
    """Find the least and the most that is drawn in a block."""
    head = meters.blocks[block]
    least, most = meters.steps[block, 0, 1], meters.steps[block, 0, 1]
    for k in range(1, head[_COUNT]):
        least = min(least, meters.steps[block, k, 1])
        most = max(most, meters.steps[block, k, 1])
    head[_LEAST], head[_MOST] = least + head[_ADD], most + head[_ADD]


@inner
def _cut(meters: Meters, meter: int, at_s: int) -> None:
    """Make a step begin at a time."""
    block = _block_at(meters, meter, at_s)
    k = _step_at(meters, block, at_s)
    if meters.steps[block, k, 0] == at_s:
        return
    if meters.blocks[block, _COUNT] == BLOCK:
        _halve(meters, block)
        block = _block_at(meters, meter, at_s)
        k = _step_at(meters, block, at_s)
    for i in range(meters.blocks[block, _COUNT], k + 1, -1):
        meters.steps[block, i, 0] = meters.steps[block, i - 1, 0]
        meters.steps[block, i, 1] = meters.steps[block, i - 1, 1]
    meters.steps[block, k + 1, 0] = at_s
    meters.steps[block, k + 1, 1] = meters.steps[block, k, 1]
    meters.blocks[block, _COUNT] += 1


@inner
def _halve(meters: Meters, block: int) -> None:
    """Move the later half of a full block to one behind it."""
    new = meters.pool[_FREE]
    if new == NONE:
        new = meters.pool[_USED]
        meters.pool[_USED] += 1
    else:
        meters.pool[_FREE] = meters.blocks[new, _AFTER]
    half = BLOCK // 2
    for k in range(half):
        meters.steps[new, k, 0] = meters.steps[block, half + k, 0]
        meters.steps[new, k, 1] = meters.steps[block, half + k, 1]
    head, after = meters.blocks[new], meters.blocks[block, _AFTER]
    head[_COUNT], head[_AFTER], head[_BEFORE] = half, after, block
    head[_ADD] = meters.blocks[block, _ADD]
    if after != NONE:
        meters.blocks[after, _BEFORE] = new
    meters.blocks[block, _AFTER] = new
    meters.blocks[block, _COUNT] = half
    _weigh(meters, block)
    _weigh(meters, new)


@inner
def _join(meters: Meters, meter: int, at_s: int) -> None:
    """Drop the step that begins at a time if it differs in nothing from the one before it."""
    block = _block_at(meters, meter, at_s)
    k = _step_at(meters, block, at_s)
    head = meters.blocks[block]
    other, j = block, k - 1
    if k == 0:
        other = head[_BEFORE]
        if other == NONE:
            return
        j = meters.blocks[other, _COUNT] - 1
    drawn = meters.steps[block, k, 1] + head[_ADD]
    if drawn != meters.steps[other, j, 1] + meters.blocks[other, _ADD]:
        return
    head[_COUNT] -= 1
    for i in range(k, head[_COUNT]):
        meters.steps[block, i, 0] = meters.steps[block, i + 1, 0]
        meters.steps[block, i, 1] = meters.steps[block, i + 1, 1]
    if head[_COUNT] == 0:
        _drop(meters, meter, block)
    else:
        _weigh(meters, block)
        if not _merge(meters, meter, block) and head[_BEFORE] != NONE:
            _merge(meters, meter, head[_BEFORE])


@inner
def _merge(meters: Meters, meter: int, block: int) -> bool:
    """Take the steps of the block behind over if both fill no more than half of one; tell so."""
    after = meters.blocks[block, _AFTER]
    if after == NONE:
        return False
    head, other = meters.blocks[block], meters.blocks[after]
    if head[_COUNT] + other[_COUNT] > BLOCK // 2:
        return False
    for k in range(other[_COUNT]):
        meters.steps[block, head[_COUNT] + k, 0] = meters.steps[after, k, 0]
        drawn = meters.steps[after, k, 1] + other[_ADD]
        meters.steps[block, head[_COUNT] + k, 1] = drawn - head[_ADD]
    head[_COUNT] += other[_COUNT]
    other[_COUNT] = 0
    _drop(meters, meter, after)
    _weigh(meters, block)
    return True


@inner
def _drop(meters: Meters, meter: int, block: int) -> None:
    """Put an empty block, never a meter's first, back into the pool."""
    before, after = meters.blocks[block, _BEFORE], meters.blocks[block, _AFTER]
    meters.blocks[before, _AFTER] = after
    if after != NONE:
        meters.blocks[after, _BEFORE] = before
    if meters.found[meter] == block:
        meters.found[meter] = before
    meters.blocks[block, _AFTER] = meters.pool[_FREE]
    meters.blocks[block, _ADD] = 0
    meters.pool[_FREE] = block
