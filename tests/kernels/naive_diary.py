"""The slow and obvious twin of ledgers and meters: what is in use, second by second.

Also what a ledger or a meter says is in use in each second, and whether its lists are sound.
"""

import numpy as np

from lunaredge.kernels.schedule_sheet import NEVER, NONE


class Diary:
    """Counts what is in use in each second; the last second stands for all that come after."""

    def __init__(self, room, seconds):
        self.room = np.array(room).reshape(len(room), -1)
        self.used = np.zeros((len(room), seconds, self.room.shape[1]), dtype=np.int64)

    def enter(self, which, start_s, end_s, needs, factor):
        self.used[which, start_s:end_s] += factor * np.array(needs)

    def first_fit(self, which, start_s, duration_s, needs):
        is_free = (self.used[which] + np.array(needs) <= self.room[which]).all(axis=1)
        for at_s in range(start_s, len(is_free)):
            if is_free[at_s : at_s + duration_s].all():
                return at_s
        return NEVER


def ledger_seconds(ledgers, ledger, seconds):
    """Give what a ledger has in use in each second, and fail if its list is not in order."""
    used = np.full((seconds, ledgers.used.shape[1]), -1, dtype=np.int64)
    step, before = ledger, NONE
    assert ledgers.steps[step, 0] == 0
    while step != NONE:
        start_s, after, said_before = ledgers.steps[step].tolist()
        assert said_before == before
        assert before == NONE or start_s > ledgers.steps[before, 0]
        used[start_s:] = ledgers.used[step]
        step, before = after, step
    return used


def ledger_steps(ledgers, ledger):
    """Give the places of a ledger's steps in the pool."""
    steps, step = [], ledger
    while step != NONE:
        steps.append(step)
        step = int(ledgers.steps[step, 1])
    return steps


def meter_seconds(meters, meter, seconds):
    """Give what a meter has drawn in each second, and fail if its blocks are not in order."""
    drawn = np.full(seconds, -1, dtype=np.int64)
    last_s, before = -1, NONE
    for block in meter_blocks(meters, meter):
        count, _, said_before, add, least, most = meters.blocks[block].tolist()
        starts_s = meters.steps[block, :count, 0].tolist()
        amounts = (meters.steps[block, :count, 1] + add).tolist()
        assert said_before == before
        assert starts_s == sorted(set(starts_s))
        assert starts_s[0] > last_s
        assert (least, most) == (min(amounts), max(amounts))
        for start_s, amount in zip(starts_s, amounts, strict=True):
            drawn[start_s:] = amount
        last_s, before = starts_s[-1], block
    return drawn


def meter_blocks(meters, meter):
    """Give the places of a meter's blocks in the pool."""
    blocks, block = [], meter
    while block != NONE:
        blocks.append(block)
        block = int(meters.blocks[block, 1])
    return blocks


def free_places(first, afters):
    """Give the free places of a pool, from the first free one on."""
    places = []
    while first != NONE:
        places.append(int(first))
        first = afters[first]
    return places
