"""The memory by which a search goes: late acceptance hill climbing.

Burke and Bykov, "The late acceptance hill-climbing heuristic", EJOR 2017: a step is kept if the
plan is no worse than the one of so many steps ago. It needs no scale for two numbers that are
compared one after the other. When nothing better turns up for long, the search is to go back to its
best plan and shake it, or to another, at times with a longer memory.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.mapf_agents import Seeds, below
from lunaredge.kernels.schedule_board import COST, LATE

# Longer ones pay only in searches of hours.
LENGTH_MIN, LENGTH_MAX = 64, 8192
# So many steps without a better plan, for each that is remembered and for each unit.
_PATIENCE, _PATIENCE_FOR_UNIT = 12, 40
# From sixteen times what is usual down to a 512th of it.
_HASTES = 14

_STEP, _LENGTH, _STALLED, _ROUND = range(4)


class Memory(NamedTuple):
    """What a search remembers.

    scores : int64 (8192, 2)  lateness and cost of the last steps, by turns
    now    : int64 (2,)       of the present plan
    best   : int64 (2,)       of the best one
    counts : int64 (4,)
    """

    scores: Ints
    now: Ints
    best: Ints
    counts: Ints


def memory_of(late: int, cost: int) -> Memory:
    """Make a memory that knows one plan."""
    scores = np.empty((LENGTH_MAX, 2), dtype=np.int64)
    scores[:] = late, cost
    counts = np.zeros(4, dtype=np.int64)
    counts[_LENGTH] = LENGTH_MIN
    return Memory(scores=scores, now=scores[0].copy(), best=scores[0].copy(), counts=counts)


@inner
def is_less(late: int, cost: int, other_late: int, other_cost: int) -> bool:
    """Tell whether one score is better than another."""
    return late < other_late or (late == other_late and cost < other_cost)


@inner
def late_limit(memory: Memory) -> int:
    """Give the lateness that a plan must not pass to be kept in this step."""
    return int(max(memory.now[LATE], memory.scores[_slot(memory), LATE]))


@inner
def keeps(memory: Memory, late: int, cost: int) -> bool:
    """Tell whether a plan is no worse than the present one, or than the one of a while ago."""
    now, before = memory.now, memory.scores[_slot(memory)]
    return not is_less(now[LATE], now[COST], late, cost) or not is_less(
        before[LATE], before[COST], late, cost
    )


@inner
def take_up(memory: Memory, late: int, cost: int) -> bool:
    """Note the score of a plan that is now the present one; tell whether it is the best so far."""
    memory.now[LATE], memory.now[COST] = late, cost
    if not is_less(late, cost, memory.best[LATE], memory.best[COST]):
        return False
    memory.best[LATE], memory.best[COST] = late, cost
    memory.counts[_STALLED] = 0
    return True


@inner
def end_step(memory: Memory, unit_count: int) -> bool:
    """Remember the step; tell whether it is time to begin again."""
    now, counts = memory.now, memory.counts
    slot = memory.scores[_slot(memory)]
    if is_less(now[LATE], now[COST], slot[LATE], slot[COST]):
        slot[LATE], slot[COST] = now[LATE], now[COST]
    counts[_STEP] += 1
    counts[_STALLED] += 1
    return bool(counts[_STALLED] > _PATIENCE * counts[_LENGTH] + _PATIENCE_FOR_UNIT * unit_count)


@inner
def begin_again(memory: Memory) -> None:
    """Remember nothing but the present plan; at times, for longer.

    Luby, Sinclair and Zuckerman, "Optimal speedup of Las Vegas algorithms", 1993: by their sequence
    no search loses much, whether its luck is in many tries or in a long one.
    """
    counts = memory.counts
    counts[_STALLED] = 0
    counts[_ROUND] += 1
    counts[_LENGTH] = min(LENGTH_MAX, 2 * LENGTH_MIN * _luby(counts[_ROUND]))
    for k in range(LENGTH_MAX):
        memory.scores[k, LATE], memory.scores[k, COST] = memory.now[LATE], memory.now[COST]


@inner
def restarts_of(memory: Memory) -> int:
    """Give how often the search has begun again."""
    return int(memory.counts[_ROUND])


@inner
def _luby(number: int) -> int:
    """Give a number of 1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8, ...; the first is number 1."""
    power = 1
    while power - 1 < number:
        power *= 2
    while number != power - 1:
        power //= 2
        if number >= power:
            number -= power - 1
    return power // 2


@inner
def drawn_haste(seeds: Seeds, haste_w: float) -> float:
    """Draw what an open choice counts for each second until the end, around what is usual."""
    return haste_w * 2.0 ** (4 - below(seeds, _HASTES))


@inner
def _slot(memory: Memory) -> int:
    return int(memory.counts[_STEP] % memory.counts[_LENGTH])
