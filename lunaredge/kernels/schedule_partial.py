"""Plans made item by item, in a problem with fewer constraints: what a bound is searched among.

An item is a charge or a unit of tasks; each begins as early as those before it leave it. Take the
items of any plan in the order in which they really begin: made here in that order, one by one, no
item begins or ends later than it really does, and no battery holds less. This is seen by induction.
All that an item waits for here (its machine, tasks before it, a post, room on a computer, the bus)
is taken by items that begin before it in the plan too, and here is given back no later. A battery
that was never charged loses here what it loses in the plan until the same instant. Of one that was
charged, when is open: it loses only what it does for any start in a span, so that later starts are
another item. Groups that are kept apart are not looked at.

So a state stands for a plan that goes on from it as long as it is nowhere later or emptier, and one
that is nowhere later or emptier than another stands for all that the other does.
"""

from typing import NamedTuple

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_board import BUS, draw_w
from lunaredge.kernels.schedule_fit import least_level_j
from lunaredge.kernels.schedule_meters import Meters, first_free
from lunaredge.kernels.schedule_sheet import (
    BATTERY,
    CHARGE_W,
    FAMILY,
    FLOOR,
    FROM,
    HAS_CEILING,
    HEAT_W,
    IDLE_W,
    LIGHT,
    MOVER,
    NEVER,
    NONE,
    ON_BUS,
    READY,
    TO,
    Sheet,
    dark_s,
    light_from_s,
    work_of,
)

TASK, UNIT, HEAD, SHORT, DUE_S, LATEST_S, COUNTS, MISSED, BEARS = range(9)
SCOPE_TASK_COLUMNS = 9
"""Columns of a task in a scope: its number on the sheet; its unit (-1: it only follows others, and
takes no room); when it can start and how long it takes at the least; when it is due, must have
ended; what a second of tardiness counts here; what it counts if it is not placed; whether its end
binds others."""

ONE, OTHER, BEHIND, CLOSURE, MISSED_LATE = range(5)
"""Columns of a unit: its tasks (-1: one alone); units to be placed before; units that can't be
placed without it, itself included; what these count together if they are not placed."""


# Waiting for the bus costs charge, so charging takes longer, so another time must be looked for.
_ROUNDS_MAX = 64


class Scope(NamedTuple):
    """A part of a problem: tasks that share nodes, and those that follow them.

    tasks    : int64 (K, 9)    no task before one that it waits for, tasks that meet side by side
    before   : int64 (E, 2)    tasks before and lags, from before_starts, int64 (K + 1,)
    options  : int64 (O,)      nodes of the scope, from option_starts, int64 (K + 1,)
    units    : int64 (U, 5)    at most 62
    nodes    : int64 (M, 2)    numbers on the sheet; the shortest task on it
    near_s   : int64 (C, P, P) seconds from place to place, straight or by a charger; -1 = no way
    posts    : int64 (Q, 2)    column of the first post's end in a state, posts (0 = enough for all)
    columns  : int64 (4,)      where in a state ends, their nodes and posts begin; its width
    shared   : meters of the bus and of the chargers, with what is fixed
    """

    tasks: Ints
    before: Ints
    before_starts: Ints
    options: Ints
    option_starts: Ints
    units: Ints
    nodes: Ints
    near_s: Ints
    posts: Ints
    columns: Ints
    shared: Meters


LEAST, LATE_S, DONE, OUT_UNITS, LAST_KEY, LAST_ITEM, LAST_NODES, LAST_UNIT, LAST_POST = range(9)
HEADER = 9
"""Columns of a state: what no plan from it is less late than; how late what is placed or left out
is; units that are placed, are left out; and of its last item the first node, a number, nodes as
bits, unit and charger (-1: none)."""
LEAVE, AT, SET, LEVEL_J, USED, FULL_S = range(6)
NODE_COLUMNS = 6
"""Columns of a node of the scope: when it leaves, where, set up how, with what charge; 0: it was
never charged, 1: it was, 2: it did nothing since; when it was full the last time."""
ENDS, ONS, POSTS, WIDTH = range(4)


@inner
def arrival_s(sheet: Sheet, scope: Scope, state: Ints, k: int, m: int) -> int:
    """Give when a machine can begin a task next, charged enough or not; NEVER: there is no way."""
    at = HEADER + NODE_COLUMNS * m
    node, task = scope.nodes[m, 0], scope.tasks[k, TASK]
    spec = sheet.nodes[node]
    trip_s = sheet.travel[spec[MOVER], state[at + AT], sheet.tasks[task, FROM], 0]
    if trip_s < 0:
        return NEVER
    setup_s = sheet.setups[state[at + SET], sheet.tasks[task, FAMILY]]
    return int(max(state[at + LEAVE], spec[READY]) + setup_s + trip_s)


@inner
def level_after_j(
    sheet: Sheet, scope: Scope, state: Ints, at: tuple[int, int], start_s: int
) -> int:
    """Give the most that a machine has left after a task (both in ``at``) from this start."""
    k, m = at
    col = HEADER + NODE_COLUMNS * m
    node, task = scope.nodes[m, 0], scope.tasks[k, TASK]
    spec = sheet.nodes[node]
    trip = sheet.travel[spec[MOVER], state[col + AT], sheet.tasks[task, FROM]]
    duration_s, energy_j = work_of(sheet, task, node)
    left_j = int(state[col + LEVEL_J] - trip[1] - energy_j)
    if state[col + USED] == 0:
        left_j -= spec[IDLE_W] * (start_s - state[col + LEAVE] - trip[0])
        left_j -= spec[HEAT_W] * dark_s(sheet, state[col + LEAVE], start_s + duration_s)
        return int(left_j)
    # When it was charged is open: as late as it could be.
    left_j -= spec[IDLE_W] * sheet.setups[state[col + SET], sheet.tasks[task, FAMILY]]
    if start_s <= dark_until_s(sheet, start_s, duration_s):
        left_j -= spec[HEAT_W] * dark_s(sheet, start_s, start_s + duration_s)
    return int(left_j)


@inner
def dark_until_s(sheet: Sheet, start_s: int, duration_s: int) -> int:
    """Give up to which start a task is in the dark for no less time than from this start.

    It ends with a darkness, then. Before the start: there is none, or it is too short.
    """
    for k in range(len(sheet.dark)):
        if sheet.dark[k, 1] > start_s:
            is_reached = sheet.dark[k, 0] < start_s + duration_s
            return int(sheet.dark[k, 1]) - duration_s if is_reached else NONE
    return NONE


@inner
def turn_s(sheet: Sheet, scope: Scope, state: Ints, at: tuple[int, int], start_s: int) -> int:
    """Give the last start up to which the heat that a task takes is right; NEVER: it always is."""
    k, m = at
    col, node = HEADER + NODE_COLUMNS * m, scope.nodes[m, 0]
    spec = sheet.nodes[node]
    if spec[MOVER] < 0 or spec[HEAT_W] == 0 or state[col + USED] == 0:
        return NEVER
    until_s = dark_until_s(sheet, start_s, work_of(sheet, scope.tasks[k, TASK], node)[0])
    return until_s if until_s >= start_s else NEVER


@inner
def lasting_s(sheet: Sheet, scope: Scope, state: Ints, at: tuple[int, int], start_s: int) -> int:
    """Give the first start from one on after which enough is left in the battery; NEVER: none."""
    k, m = at
    node, task = scope.nodes[m, 0], scope.tasks[k, TASK]
    duration_s, _ = work_of(sheet, task, node)
    for _ in range(2 * len(sheet.dark) + 2):
        least_j = least_level_j(sheet, task, node, start_s, start_s + duration_s)
        if level_after_j(sheet, scope, state, at, start_s) >= least_j:
            return start_s
        # In the dark the reserve is larger, and heat is lost: it may last once that is over.
        turn = turn_s(sheet, scope, state, at, start_s)
        lit_s = light_from_s(sheet, start_s, duration_s) if turn == NEVER else turn + 1
        if lit_s == start_s:
            return NEVER
        start_s = lit_s
    return start_s


@inner
def free_s(sheet: Sheet, scope: Scope, state: Ints, at: tuple[int, int], start_s: int) -> int:
    """Give the first time from one on when a computer has room for a task, beside those before."""
    k, m = at
    node, task = scope.nodes[m, 0], scope.tasks[k, TASK]
    ends, ons = scope.columns[ENDS], scope.columns[ONS]
    while True:
        next_s, is_free = NEVER, True
        for r in range(sheet.needs.shape[1]):
            left = sheet.has[node, r] - sheet.needs[task, r]
            for j in range(len(scope.tasks)):
                if state[ons + j] == m and state[ends + j] > start_s:
                    left -= sheet.needs[scope.tasks[j, TASK], r]
                    next_s = min(next_s, state[ends + j])
            is_free = is_free and left >= 0
        if is_free or next_s == NEVER:
            return start_s if is_free else NEVER
        start_s = next_s


@inner
def powered_s(sheet: Sheet, scope: Scope, state: Ints, span: tuple[int, int], watts: int) -> int:
    """Give before when the bus can't bear so much more for so long (``span``: from, for).

    Of what was added before only the last charge of each machine is looked at, and where the way to
    the first time is long it is not gone to its end: both give an earlier time at most.
    """
    start_s, duration_s = span
    if not sheet.pace[HAS_CEILING] or watts == 0:
        return start_s
    for _ in range(_ROUNDS_MAX):
        at_s, is_free = start_s, True
        while is_free and at_s < start_s + duration_s:
            drawn_w, next_s = _drawn_w(sheet, scope, state, at_s)
            until_s = min(next_s, start_s + duration_s)
            free_at_s = first_free(scope.shared, BUS, at_s, until_s - at_s, watts + drawn_w)
            if free_at_s == at_s:
                at_s = until_s
                continue
            is_free = False
            if free_at_s > until_s:
                # It is not to be had at the last of these seconds, or else it is left open.
                free_at_s = first_free(scope.shared, BUS, until_s - 1, 1, watts + drawn_w)
                if free_at_s < until_s:
                    return start_s
            start_s = min(free_at_s, next_s)
        if is_free or start_s >= NEVER:
            break
    return start_s


@inner
def _drawn_w(sheet: Sheet, scope: Scope, state: Ints, at_s: int) -> tuple[int, int]:
    """Give what items added before still draw from the bus at a time, and until when."""
    drawn_w, next_s = 0, NEVER
    for m in range(len(scope.nodes)):
        full_s = state[HEADER + NODE_COLUMNS * m + FULL_S]
        if full_s > at_s:
            drawn_w += sheet.nodes[scope.nodes[m, 0], CHARGE_W]
            next_s = min(next_s, full_s)
    for k in range(len(scope.tasks)):
        m, end_s = state[scope.columns[ONS] + k], state[scope.columns[ENDS] + k]
        if end_s > at_s and scope.tasks[k, UNIT] != NONE and sheet.nodes[scope.nodes[m, 0], ON_BUS]:
            drawn_w += draw_w(sheet, scope.tasks[k, TASK], scope.nodes[m, 0])
            next_s = min(next_s, end_s)
    return drawn_w, next_s


@inner
def fit_s(sheet: Sheet, scope: Scope, state: Ints, at: tuple[int, int], start_s: int) -> int:
    """Give the first start of a task on a node (both in ``at``) from one on; NEVER: none."""
    k, m = at
    node, task = scope.nodes[m, 0], scope.tasks[k, TASK]
    is_machine = sheet.nodes[node, MOVER] >= 0
    if is_machine:
        start_s = max(start_s, arrival_s(sheet, scope, state, k, m))
    start_s = max(start_s, sheet.nodes[node, READY])
    duration_s, _ = work_of(sheet, task, node)
    while start_s + duration_s <= scope.tasks[k, LATEST_S]:
        asked_s = start_s
        if sheet.tasks[task, LIGHT]:
            start_s = light_from_s(sheet, start_s, duration_s)
        if is_machine:
            start_s = lasting_s(sheet, scope, state, at, start_s)
        else:
            start_s = free_s(sheet, scope, state, at, start_s)
            if start_s < NEVER and sheet.nodes[node, ON_BUS]:
                watts = draw_w(sheet, task, node)
                start_s = powered_s(sheet, scope, state, (start_s, duration_s), watts)
        if start_s == asked_s:
            return start_s
    return NEVER


@inner
def place_task(sheet: Sheet, scope: Scope, state: Ints, at: tuple[int, int], start_s: int) -> None:
    """Add a task on a node (both in ``at``) to a state."""
    k, m = at
    node, task = scope.nodes[m, 0], scope.tasks[k, TASK]
    end_s = start_s + work_of(sheet, task, node)[0]
    col = HEADER + NODE_COLUMNS * m
    if sheet.nodes[node, MOVER] >= 0:
        state[col + LEVEL_J] = level_after_j(sheet, scope, state, at, start_s)
        state[col + LEAVE], state[col + AT] = end_s, sheet.tasks[task, TO]
        state[col + SET] = sheet.tasks[task, FAMILY]
        state[col + USED] = min(1, state[col + USED])
    state[scope.columns[ENDS] + k] = end_s
    state[scope.columns[ONS] + k] = m
    state[LATE_S] += max(0, end_s - scope.tasks[k, DUE_S]) * scope.tasks[k, COUNTS]


@inner
def charge(sheet: Sheet, scope: Scope, state: Ints, m: int, q: int) -> bool:
    """Add a charge to a state; False: it can't be, and the state is as it was."""
    col = HEADER + NODE_COLUMNS * m
    spec = sheet.nodes[scope.nodes[m, 0]]
    place = sheet.chargers[q, 0]
    trip = sheet.travel[spec[MOVER], state[col + AT], place]
    if trip[0] < 0:
        return False
    start_s = max(state[col + LEAVE], spec[READY]) + trip[0]
    post, post_count = scope.posts[q, 0], scope.posts[q, 1]
    if post_count:
        # Of all that came before, no more than the other posts hold may still be there.
        start_s = max(start_s, state[post])
    level_j = duration_s = 0
    for _ in range(_ROUNDS_MAX):
        level_j = state[col + LEVEL_J] - trip[1]
        if state[col + USED] == 0:
            level_j -= spec[IDLE_W] * (start_s - state[col + LEAVE] - trip[0])
            level_j -= spec[HEAT_W] * dark_s(sheet, state[col + LEAVE], start_s)
        if level_j < spec[FLOOR] or start_s >= NEVER:
            return False
        duration_s = max(1, (spec[BATTERY] - level_j + spec[CHARGE_W] - 1) // spec[CHARGE_W])
        asked_s = start_s
        start_s = powered_s(sheet, scope, state, (start_s, duration_s), spec[CHARGE_W])
        if start_s == asked_s:
            break
    end_s = start_s + duration_s
    state[col + LEAVE], state[col + AT], state[col + FULL_S] = end_s, place, end_s
    state[col + LEVEL_J], state[col + USED] = spec[BATTERY], 2
    # The posts' ends, the earliest first: this one takes the place of the first.
    for p in range(1, post_count):
        if state[post + p] >= end_s:
            state[post + p - 1] = end_s
            return True
        state[post + p - 1] = state[post + p]
    if post_count:
        state[post + post_count - 1] = end_s
    return True


@inner
def is_no_worse(sheet: Sheet, scope: Scope, one: Ints, other: Ints) -> bool:
    """Tell whether a state is nowhere later or emptier than another that has the same key."""
    if one[LATE_S] > other[LATE_S]:
        return False
    ends = scope.columns[ENDS]
    for k in range(len(scope.tasks)):
        if one[ends + k] > other[ends + k] and scope.tasks[k, BEARS]:
            return False
    for c in range(scope.columns[POSTS], scope.columns[WIDTH]):
        if one[c] > other[c]:
            return False
    for m in range(len(scope.nodes)):
        col = HEADER + NODE_COLUMNS * m
        leave_s, other_s = one[col + LEAVE], other[col + LEAVE]
        if leave_s > other_s or one[col + FULL_S] > other[col + FULL_S]:
            return False
        level_j, spec = one[col + LEVEL_J], sheet.nodes[scope.nodes[m, 0]]
        if one[col + USED] == 0 and spec[MOVER] >= 0:
            level_j -= spec[IDLE_W] * (other_s - leave_s)
            level_j -= spec[HEAT_W] * dark_s(sheet, leave_s, other_s)
        if level_j < other[col + LEVEL_J]:
            return False
    return True


@inner
def has_same_key(scope: Scope, one: Ints, other: Ints) -> bool:
    """Tell whether the same is done, the same last, and the machines stand alike."""
    for c in range(DONE, HEADER):
        if one[c] != other[c]:
            return False
    for m in range(len(scope.nodes)):
        col = HEADER + NODE_COLUMNS * m
        if one[col + AT] != other[col + AT] or one[col + SET] != other[col + SET]:
            return False
        if one[col + USED] != other[col + USED]:
            return False
    # Numba has no `all` over a generator.
    is_same = True
    for c in range(scope.columns[ONS], scope.columns[POSTS]):
        is_same = is_same and one[c] == other[c]
    return is_same


@inner
def key_of(scope: Scope, state: Ints) -> int:
    """Give a number that states of the same key share."""
    key = int(state[DONE]) * 31 + state[OUT_UNITS] * 17 + state[LAST_ITEM]
    for m in range(len(scope.nodes)):
        col = HEADER + NODE_COLUMNS * m
        key = (key * 1_000_003) ^ (state[col + AT] * 512 + state[col + SET] * 4 + state[col + USED])
    return int((key ^ (key >> 29)) & (NEVER - 1))
