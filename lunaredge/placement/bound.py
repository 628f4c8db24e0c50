"""A bound: how late and how dear every plan of a problem is at the least.

Two bounds are summed, each over tasks of its own: what a search over a part of the problem has
proven (`schedule_bound`), and for other tasks their heads (`schedule_heads`).
"""

from collections.abc import Callable

import numpy as np

from lunaredge.kernels.jit import Flags, Ints
from lunaredge.kernels.schedule_board import Board
from lunaredge.kernels.schedule_bound import BEST, GOES_ON, STATUS, TAKEN, room_for, search
from lunaredge.kernels.schedule_heads import HEAD_S, LEAST_J, LEAST_LATE, MISSED_LATE
from lunaredge.kernels.schedule_sheet import FIXED, NEVER, NONE, UNIT, Sheet
from lunaredge.placement.plan import Score
from lunaredge.placement.scope import Layout, Outset

# Between two looks at `is_over` lies a millisecond or so.
_SLICE_STATES = 200
_STATES_MAX = 200_000
_ROOM_BYTES_MAX = 128 << 20
# Of what waits for a unit, one after the other.
_GOING_MAX = 64


def lower_bound(sheet: Sheet, base: Board, is_over: Callable[[], bool], rounds: int) -> Score:
    """Give a score that no plan is below: none is less late, none as late costs less.

    It gets no worse with more time: the search goes on until it is over, or has looked at so many
    states for each of two scopes (``rounds``; 0: the heads alone, at once), or knows the best of
    what it looks at.

    ``base``: the board with what is fixed and nothing else.
    """
    outset = Outset.of(sheet, base)
    heads = outset.heads
    counted = (heads[:, HEAD_S] >= NEVER) | (sheet.tasks[:, FIXED] > 0)
    heads_s = int(heads[:, LEAST_LATE].sum())
    late_s = int(heads[counted, LEAST_LATE].sum())
    for units in outset.parts():
        uncounted = [u for u in units if not counted[sheet.units[u, 0]]]
        if uncounted:
            layout = Layout(outset, uncounted, counted)
            known_s = int(heads[layout.tasks, LEAST_LATE].sum())
            late_s += max(known_s, _searched_s(layout, sheet, is_over, rounds) if rounds else 0)
            counted[layout.tasks] = True
    late_s += int(heads[~counted, LEAST_LATE].sum())
    return Score(late_s=late_s, cost_j=_cost_j(sheet, heads, late_s - heads_s))


def hopeless(sheet: Sheet, base: Board) -> list[int]:
    """Give the tasks of which the bound knows that no plan can place them.

    They count the same in the bound as in every plan. ``base``: as in `lower_bound`.
    """
    never: list[int] = np.flatnonzero(Outset.of(sheet, base).heads[:, HEAD_S] >= NEVER).tolist()
    return never


def _cost_j(sheet: Sheet, heads: Ints, spare_s: int) -> int:
    """Give what a plan costs at the least that is later than its heads by no more than that.

    What it leaves out costs nothing, and adds what that is late by: so no more can be saved than by
    a knapsack of parts of tasks (Dantzig 1957), but for those with which too much would go. It is
    told by its dual, in whole numbers: any price of a second gives a bound.
    """
    can_be = heads[:, HEAD_S] < NEVER
    costs_j, each_s = heads[:, LEAST_J], heads[:, MISSED_LATE] - heads[:, LEAST_LATE]
    may_miss = can_be & (sheet.tasks[:, FIXED] == 0) & ~_needed(sheet, each_s, spare_s)
    saved_j, adds_s = costs_j[may_miss], each_s[may_miss]
    by_gain = np.argsort(-saved_j / np.maximum(adds_s, 1), kind="stable")
    count = int(np.searchsorted(np.cumsum(adds_s[by_gain]), spare_s, side="right"))
    all_j = int(costs_j[can_be].sum())
    if count == len(by_gain):
        return all_j - int(saved_j.sum())
    last = int(by_gain[count])
    price_j, per_s = int(saved_j[last]), int(adds_s[last])
    pairs = zip(saved_j.tolist(), adds_s.tolist(), strict=True)
    over = sum(max(0, cost_j * per_s - price_j * add_s) for cost_j, add_s in pairs)
    return int(all_j - (price_j * spare_s + over) // per_s)


def _needed(sheet: Sheet, each_s: Ints, spare_s: int) -> Flags:
    """Tell which tasks no plan leaves out that has so much to spare, bool (T,).

    With a unit goes all that waits for it; of that so many units are looked at.
    """
    units, unit_of = sheet.units.tolist(), sheet.tasks[:, UNIT].tolist()
    starts, behind = sheet.behind_starts.tolist(), sheet.behind.tolist()
    adds_s = [sum(int(each_s[t]) for t in pair if t != NONE) for pair in units]
    is_needed = np.zeros(len(unit_of), dtype=np.bool_)
    for first, pair in enumerate(units):
        going, added_s = [first], 0
        for unit in going:
            added_s += adds_s[unit]
            if added_s > spare_s:
                break
            for task in units[unit]:
                for after in behind[starts[task] : starts[task + 1]] if task != NONE else ():
                    other = unit_of[after]
                    if other != NONE and other not in going and len(going) < _GOING_MAX:
                        going.append(other)
        is_needed[[t for t in pair if t != NONE]] = added_s > spare_s
    return is_needed


def _searched_s(layout: Layout, sheet: Sheet, is_over: Callable[[], bool], rounds: int) -> int:
    """Give what a search proves within its time."""
    scope = layout.scope()
    root = layout.root(scope)
    room = room_for(scope, root, min(_STATES_MAX, _ROOM_BYTES_MAX // root.nbytes))
    while room.counts[STATUS] == GOES_ON and room.counts[TAKEN] < rounds and not is_over():
        search(sheet, scope, room, min(_SLICE_STATES, rounds - int(room.counts[TAKEN])))
    least_s = int(room.counts[BEST])
    # Its queue knows 53 bits of what states promise.
    return least_s - (least_s >> 52)
