"""Plans over places made shorter: a few machines' paths anew at a time, among all others' paths.

Large neighbourhood search (Li, Chen, Harabor, Stuckey, Koenig 2021), under a stricter rule than
that of the standard problem: nobody comes to a place in the step in which another one leaves it.
Then the machines that move in one step can do so in any order, and none of them in a ring.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from lunaredge.kernels.jit import Flags, Ints, Shorts
from lunaredge.kernels.mapf_agents import Seeds, draw, seeds_from
from lunaredge.kernels.mapf_boards import arrivals
from lunaredge.kernels.mapf_fields import NEIGHBOURS

# So many machines at a time.
_GROUP_MAX = 4


def moved_together(before: Shorts, after: Shorts) -> list[list[int]]:
    """Give the members that move in a step, who has to go first first; a ring in one list.

    before, after : int32 (A,)  the place of each
    """
    at = {int(place): k for k, place in enumerate(before) if after[k] != place}
    done: set[int] = set()
    groups = []
    for first in at.values():
        chain: list[int] = []
        k: int | None = first
        while k is not None and k not in done and k not in chain:
            chain.append(k)
            k = at.get(int(after[k]))
        done.update(chain)
        if k is not None and k in chain:
            groups.append(chain[chain.index(k) :])
            chain = chain[: chain.index(k)]
        groups += [[one] for one in reversed(chain)]
    return groups


def one_by_one(plan: Shorts) -> Shorts:
    """Give the same plan in more steps, so that nobody comes to a place in the step it is left.

    plan : int32 (T + 1, A)  without rings
    """
    rows = [plan[0]]
    for before, after in pairwise(plan):
        depths = np.full(len(before), -1)
        leaving = {int(place): k for k, place in enumerate(before)}
        for group in moved_together(before, after):
            assert len(group) == 1, "a ring has no first"
            ahead = leaving.get(int(after[group[0]]))
            depths[group[0]] = 0 if ahead is None else depths[ahead] + 1
        rows += [
            np.where((depths >= 0) & (depths <= depth), after, before)
            for depth in range(int(depths.max(initial=-1)) + 1)
        ]
    return np.array(rows, np.int32)


def shortened(cells: Shorts, plan: Shorts, rounds: int, is_over: Callable[[], bool]) -> Shorts:
    """Give a plan in which all together arrive no later, by the strict rule.

    cells : int32 (N + 1, 8)  as `mapf_fields.cells_of` has them
    plan  : int32 (T + 1, A)  by that rule
    """
    best, costs = plan.copy(), arrivals(plan)
    near, seeds = cells[:, :NEIGHBOURS].astype(np.int64), seeds_from(0)
    count = len(costs)
    for _ in range(rounds):
        if is_over() or not costs.any():
            break
        group = _drawn(seeds, count)
        again = best.copy()
        if all(_placed(near, again, k, group[at + 1 :]) for at, k in enumerate(group)):
            later = arrivals(again)
            if later.sum() <= costs.sum():
                best, costs = again[: int(later.max()) + 1], later
    return best


def _drawn(seeds: Seeds, count: int) -> list[int]:
    """Draw some members, in the order in which they are planned."""
    size = 1 + draw(seeds) % min(_GROUP_MAX, count)
    group: list[int] = []
    while len(group) < size:
        k = draw(seeds) % count
        if k not in group:
            group.append(k)
    return group


def _placed(near: Ints, out_plan: Shorts, member: int, waiting: list[int]) -> bool:
    """Write the earliest path of a member among all but those who wait; tell whether there is."""
    free = np.ones((len(out_plan), len(near)), np.bool_)
    free[:, -1] = False
    others = [k for k in range(out_plan.shape[1]) if k != member and k not in waiting]
    free[np.arange(len(out_plan))[:, None], out_plan[:, others]] = False
    start, goal = int(out_plan[0, member]), int(out_plan[-1, member])
    reached = _reached(near, free, start, goal)
    if not reached[-1, goal]:
        return False
    step, at = len(reached) - 1, goal
    out_plan[step:, member] = goal
    while step > 0:
        step -= 1
        if not reached[step, at]:
            is_way = reached[step, near[at]] & free[step + 1, near[at]]
            at = int(near[at][is_way][0])
        out_plan[step, member] = at
    return True


def _reached(near: Ints, free: Flags, start: int, goal: int) -> Flags:
    """Give which places can be reached at each step, until the goal is, and stays free."""
    taken = np.flatnonzero(~free[:, goal])
    earliest = int(taken[-1]) + 1 if len(taken) else 0
    reached = np.zeros_like(free)
    reached[0, start] = True
    step = 0
    while step + 1 < len(free) and not (reached[step, goal] and step >= earliest):
        leaving = reached[step] & free[step + 1]
        coming = leaving[near].any(axis=1) & free[step]
        reached[step + 1] = (reached[step] | coming) & free[step + 1]
        step += 1
    return reached[: step + 1]
