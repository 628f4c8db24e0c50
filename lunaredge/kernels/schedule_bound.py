"""A search for the least tardiness that any plan of a part of a problem can have.

States of `schedule_partial` are taken up by what no plan from them is less late than (A*; Hart,
Nilsson and Raphael 1968). The least of those not taken up yet bounds every plan, so the search may
end at any time. Items that don't touch each other are added in one order only (Godefroid 1996), and
a state that is nowhere better than another of the same key is dropped.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gridheap import Heap, heap_for, pop, push
from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.schedule_heads import there_by_s
from lunaredge.kernels.schedule_partial import (
    AT,
    BEHIND,
    CLOSURE,
    COUNTS,
    DONE,
    DUE_S,
    ENDS,
    HEAD,
    HEADER,
    LAST_ITEM,
    LAST_KEY,
    LAST_NODES,
    LAST_POST,
    LAST_UNIT,
    LATE_S,
    LATEST_S,
    LEAST,
    LEAVE,
    LEVEL_J,
    MISSED,
    MISSED_LATE,
    NODE_COLUMNS,
    ONE,
    OTHER,
    OUT_UNITS,
    SET,
    SHORT,
    TASK,
    UNIT,
    USED,
    Scope,
    charge,
    fit_s,
    has_same_key,
    is_no_worse,
    key_of,
    place_task,
    turn_s,
)
from lunaredge.kernels.schedule_sheet import (
    FIXED,
    HAS_CEILING,
    LIGHT,
    MOVER,
    NEVER,
    NONE,
    ON_BUS,
    Sheet,
    light_from_s,
)

HOPELESS = 1 << 62
"""What no plan comes from."""
_DROPPED = -1
_CHAIN_MAX = 64
# The bus is touched by all that draws from it.
_BUS_BIT = 1 << 61

STATES, STATUS, BEST, TAKEN = range(4)
"""How many states there are, how the search stands, the bound, how many states were taken up."""
GOES_ON, SOLVED, FULL = range(3)


class Room(NamedTuple):
    """Room for a search.

    states : int64 (S, W)   see `schedule_partial`
    chains : int64 (S,)     the state before in the same slot; -1 = none
    slots  : int64 (2^b,)   the last state by its key's number; -1 = none
    ends   : int64 (K,)     when each task ends, or could at the earliest
    heap   : states that are not taken up
    counts : int64 (4,)     by STATES, STATUS, BEST, TAKEN
    """

    states: Ints
    chains: Ints
    slots: Ints
    ends: Ints
    heap: Heap
    counts: Ints


def room_for(scope: Scope, root: Ints, state_count: int) -> Room:
    """Make room for so many states, and put the first there, int64 (W,)."""
    states = np.zeros((state_count, len(root)), dtype=np.int64)
    states[0] = root
    heap = heap_for(state_count)
    push(heap, 0, 0.0)
    bits = max(4, int(state_count).bit_length())
    return Room(
        states=states,
        chains=np.full(state_count, NONE, dtype=np.int64),
        slots=np.full(1 << bits, NONE, dtype=np.int64),
        ends=np.zeros(len(scope.tasks), dtype=np.int64),
        heap=heap,
        counts=np.array([1, GOES_ON, 0, 0], dtype=np.int64),
    )


@kernel
def search(sheet: Sheet, scope: Scope, room: Room, steps: int) -> None:
    """Take up so many states at most; `room.counts` has the bound, and whether it is over."""
    counts, heap = room.counts, room.heap
    child_max = _child_max(sheet, scope)
    done = 0
    while done < steps and counts[STATUS] == GOES_ON:
        if heap[3][0] == 0:
            counts[STATUS] = SOLVED
            break
        state = room.states[heap[1][0]]
        if state[LEAST] == _DROPPED:
            pop(heap)
            continue
        counts[BEST] = max(counts[BEST], state[LEAST])
        if bool(state[DONE] | state[OUT_UNITS] == (1 << len(scope.units)) - 1):
            counts[STATUS] = SOLVED
        elif counts[STATES] + child_max >= len(room.states):
            counts[STATUS] = FULL
        else:
            pop(heap)
            _take_up(sheet, scope, room, state)
            done += 1
            counts[TAKEN] += 1


@inner
def _child_max(sheet: Sheet, scope: Scope) -> int:
    """Give how many states may come next to one at the most."""
    total = len(scope.units) + len(scope.nodes) * len(scope.posts)
    for u in range(len(scope.units)):
        ways = 2 * len(sheet.dark) + 1
        for c in (ONE, OTHER):
            k = scope.units[u, c]
            if k != NONE:
                ways *= scope.option_starts[k + 1] - scope.option_starts[k]
        total += ways
    return total


@inner
def _take_up(sheet: Sheet, scope: Scope, room: Room, state: Ints) -> None:
    """Add all that may come next to a state."""
    _outlook(sheet, scope, state, room.ends)
    placed = state[DONE] | state[OUT_UNITS]
    if state[DONE] == 0 and state[LAST_KEY] == NONE:
        _leave_out(sheet, scope, room, state)
    for u in range(len(scope.units)):
        unit = scope.units[u]
        if placed >> u & 1 or unit[BEHIND] & ~state[DONE]:
            continue
        k, j = unit[ONE], unit[OTHER]
        first, end = 0, 1
        if j != NONE:
            first, end = scope.option_starts[j], scope.option_starts[j + 1]
        for o in range(scope.option_starts[k], scope.option_starts[k + 1]):
            for p in range(first, end):
                other = int(scope.options[p]) if j != NONE else NONE
                if other != scope.options[o]:
                    _place(sheet, scope, room, state, u, (scope.options[o], other))
    for m in range(len(scope.nodes)):
        if sheet.nodes[scope.nodes[m, 0], MOVER] >= 0 and _is_needed(scope, placed, m):
            for q in range(len(scope.posts)):
                _charge(sheet, scope, room, state, (m, q))


@inner
def _is_needed(scope: Scope, placed: int, m: int) -> bool:
    """Tell whether a node may get one of the units that are not placed yet."""
    for k in range(len(scope.tasks)):
        if scope.tasks[k, UNIT] != NONE and not placed >> scope.tasks[k, UNIT] & 1:
            for o in range(scope.option_starts[k], scope.option_starts[k + 1]):
                if scope.options[o] == m:
                    return True
    return False


@inner
def _leave_out(sheet: Sheet, scope: Scope, room: Room, state: Ints) -> None:
    """Add that a unit and those that need it are left out: by number, before any is placed."""
    for u in range(state[LAST_UNIT] + 1, len(scope.units)):
        if not state[OUT_UNITS] >> u & 1:
            child = room.states[room.counts[STATES]]
            _copy(state, child)
            closure = scope.units[u, CLOSURE] & ~state[OUT_UNITS]
            child[OUT_UNITS] |= closure
            for v in range(len(scope.units)):
                if closure >> v & 1:
                    child[LATE_S] += scope.units[v, MISSED_LATE]
            child[LAST_UNIT] = u
            _keep(sheet, scope, room, child, state[LEAST])


@inner
def _copy(source: Ints, out_target: Ints) -> None:
    """Make a state that is not kept yet like another."""
    for c in range(len(source)):
        out_target[c] = source[c]


@inner
def _place(
    sheet: Sheet, scope: Scope, room: Room, state: Ints, u: int, at: tuple[int, int]
) -> None:
    """Add a unit, its tasks on these nodes."""
    pair = (scope.units[u, ONE], scope.units[u, OTHER])
    nodes, first, start_s = 0, len(scope.nodes), 0
    for c in range(2):
        if at[c] != NONE:
            nodes |= 1 << at[c]
            first = min(first, at[c])
            if sheet.pace[HAS_CEILING] and sheet.nodes[scope.nodes[at[c], 0], ON_BUS]:
                nodes |= _BUS_BIT
            start_s = max(start_s, _begins_s(scope, room.ends, pair[c]))
    if _is_out_of_turn(scope, state, (first, nodes), u, NONE):
        return
    # What is lost to the dark is known for starts up to a turn: those after it are another item.
    for _ in range(2 * len(sheet.dark) + 1):
        start_s = _fits_s(sheet, scope, state, pair, at, start_s)
        if start_s >= NEVER:
            return
        child = room.states[room.counts[STATES]]
        _copy(state, child)
        turn = NEVER
        for c in range(2):
            if at[c] != NONE:
                turn = min(turn, turn_s(sheet, scope, state, (pair[c], at[c]), start_s))
                place_task(sheet, scope, child, (pair[c], at[c]), start_s)
        child[DONE] |= 1 << u
        child[LAST_KEY], child[LAST_NODES], child[LAST_UNIT] = first, nodes, u
        child[LAST_POST], child[LAST_ITEM] = NONE, u * 64 + at[0]
        _keep(sheet, scope, room, child, state[LEAST])
        if turn == NEVER:
            return
        start_s = turn + 1


@inner
def _fits_s(
    sheet: Sheet,
    scope: Scope,
    state: Ints,
    pair: tuple[int, int],
    at: tuple[int, int],
    start_s: int,
) -> int:
    """Give the first start from one on of a task, or of two, on these nodes; NEVER: none."""
    while start_s < NEVER:
        asked_s = start_s
        for c in range(2):
            if at[c] != NONE and start_s < NEVER:
                start_s = fit_s(sheet, scope, state, (pair[c], at[c]), start_s)
        if start_s == asked_s:
            break
    return start_s


@inner
def _charge(sheet: Sheet, scope: Scope, room: Room, state: Ints, at: tuple[int, int]) -> None:
    """Add a charge of a machine by a charger."""
    m, q = at
    nodes = 1 << m | (_BUS_BIT if sheet.pace[HAS_CEILING] else 0)
    just_charged = state[HEADER + NODE_COLUMNS * m + USED] == 2
    if just_charged or _is_out_of_turn(scope, state, (m, nodes), NONE, q):
        return
    child = room.states[room.counts[STATES]]
    _copy(state, child)
    if charge(sheet, scope, child, m, q):
        child[LAST_KEY], child[LAST_NODES], child[LAST_UNIT] = m, nodes, NONE
        child[LAST_POST], child[LAST_ITEM] = q, (1 << 20) + q * 64 + m
        _keep(sheet, scope, room, child, state[LEAST])


@inner
def _is_out_of_turn(scope: Scope, state: Ints, nodes: tuple[int, int], u: int, q: int) -> bool:
    """Tell whether an item could as well come before the last one, and should by its node."""
    if state[LAST_KEY] <= nodes[0] or state[LAST_NODES] & nodes[1]:
        return False
    if q != NONE and state[LAST_POST] == q:
        return False
    last = state[LAST_UNIT]
    return u == NONE or last == NONE or not scope.units[u, BEHIND] >> last & 1


@inner
def _keep(sheet: Sheet, scope: Scope, room: Room, child: Ints, least: int) -> None:
    """Keep a new state unless it leads nowhere, or one is there that is no worse."""
    outlook = _outlook(sheet, scope, child, room.ends)
    if outlook >= HOPELESS:
        return
    child[LEAST] = max(least, outlook)
    number = room.counts[STATES]
    slot = key_of(scope, child) & (len(room.slots) - 1)
    there = room.slots[slot]
    for _ in range(_CHAIN_MAX):
        if there == NONE:
            break
        other = room.states[there]
        if has_same_key(scope, other, child):
            if is_no_worse(sheet, scope, other, child):
                return
            if is_no_worse(sheet, scope, child, other) and room.heap[2][there] > 0:
                other[LEAST] = _DROPPED
        there = room.chains[there]
    room.chains[number] = room.slots[slot]
    room.slots[slot] = number
    room.counts[STATES] += 1
    push(room.heap, number, float(child[LEAST]))


@inner
def _begins_s(scope: Scope, ends: Ints, k: int) -> int:
    """Give when a task can begin as its release and those before it go."""
    start_s = int(scope.tasks[k, HEAD])
    for e in range(scope.before_starts[k], scope.before_starts[k + 1]):
        start_s = max(start_s, ends[scope.before[e, 0]] + scope.before[e, 1])
    return start_s


@inner
def _outlook(sheet: Sheet, scope: Scope, state: Ints, out_ends: Ints) -> int:
    """Give what no plan from a state is less late than; HOPELESS if there is none."""
    total_s = int(state[LATE_S])
    placed = state[DONE] | state[OUT_UNITS]
    ends = scope.columns[ENDS]
    pair_s = 0
    for k in range(len(scope.tasks)):
        row = scope.tasks[k]
        u = row[UNIT]
        if u != NONE and placed >> u & 1:
            out_ends[k] = state[ends + k] if state[DONE] >> u & 1 else NEVER
            continue
        if u == NONE:
            start_s = _begins_s(scope, out_ends, k)
        elif scope.units[u, ONE] == k:
            start_s = 0
            for c in (ONE, OTHER):
                j = scope.units[u, c]
                if j != NONE:
                    begin_s = max(start_s, _begins_s(scope, out_ends, j))
                    start_s = _ready_s(sheet, scope, state, j, begin_s)
            pair_s = start_s
        else:
            start_s = pair_s
        if sheet.tasks[row[TASK], LIGHT] and not sheet.tasks[row[TASK], FIXED] and start_s < NEVER:
            start_s = light_from_s(sheet, start_s, row[SHORT])
        out_ends[k] = start_s + row[SHORT]
        if out_ends[k] <= row[LATEST_S]:
            total_s += max(0, out_ends[k] - row[DUE_S]) * row[COUNTS]
        elif u != NONE:
            return HOPELESS
        else:
            out_ends[k] = NEVER
            total_s += row[MISSED]
    return total_s


@inner
def _ready_s(sheet: Sheet, scope: Scope, state: Ints, k: int, start_s: int) -> int:
    """Give when a task can begin at the earliest on the first node that is there for it."""
    first_s = NEVER
    for o in range(scope.option_starts[k], scope.option_starts[k + 1]):
        m = scope.options[o]
        node = scope.nodes[m, 0]
        if sheet.nodes[node, MOVER] < 0:
            return start_s
        first_s = min(first_s, _there_s(sheet, scope, state, k, m))
    return max(start_s, first_s)


@inner
def _there_s(sheet: Sheet, scope: Scope, state: Ints, k: int, m: int) -> int:
    """Give before when a machine can't begin a task."""
    col = HEADER + NODE_COLUMNS * m
    at = (state[col + LEAVE], state[col + AT], state[col + SET], state[col + LEVEL_J])
    pair = (scope.tasks[k, TASK], scope.nodes[m, 0])
    return there_by_s(sheet, scope.near_s, at, scope.nodes[m, 1], pair)
