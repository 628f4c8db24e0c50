"""The sheet: a placement problem as integers, and what is looked up in it.

All times are whole seconds, all energies whole joules: nothing here is ever rounded. What the
constraints mean is told in docs/explanation/placement.md.
"""

from typing import NamedTuple

from lunaredge.kernels.jit import Ints, inner

NONE = -1
"""No task, node, charger or way."""
NEVER = 1 << 40
"""Later than any time that a plan can have."""

RELEASE, DUE, LATEST, WEIGHT, FROM, TO, FAMILY, LIGHT = range(8)
PARTNER, GROUP, LEVEL, WAS, MOVE_J, LEFT_S, LEFT_J, FIXED = range(8, 16)
HEALTH_MIN, SKILLS, UNIT = range(16, 19)
TASK_COLUMNS = 19
"""Columns of a task: when it may start at the earliest, is due, must have ended; what a second of
tardiness counts; place it starts and ends at; family; needs light; partner in a hand-over; group
and level of replicas; node that has it now, cost of moving it, what is left of it there (-1: all),
whether it is fixed; least health; capabilities as bits; its unit (-1: it is fixed, or no plan can
place it)."""

KIND, MOVER, PLACE, READY, BATTERY, CHARGE, RESERVE, DARK_RESERVE = range(8)
FLOOR, IDLE_W, HEAT_W, CHARGE_W, HEALTH, SET_UP, HAS_SKILLS, LEDGER = range(8, 16)
ON_BUS, LOST = 16, 17
NODE_COLUMNS = 18
"""Columns of a node: kind; kind of mover (-1: a computer); place; when it is ready; battery, what
is in it, reserves, how far down it may be when a charge begins; watts when idle, on top in the
dark, while charging; health; family it is set up for; capabilities as bits; ledger of its
resources (-1: a machine); whether the bus feeds it; whether it is lost."""


TRAVEL_COST, HORIZON, HAS_CEILING = range(3)
"""Places of the pace: joules that a second of travel counts, the horizon, is the bus limited."""


class Sheet(NamedTuple):
    """A problem.

    tasks    : int64 (T, 19), nodes : int64 (N, 18)
    modes    : int64 (T, K, 2)     seconds and joules by kind of node; -1 = not on it
    needs    : int64 (T, R), has : int64 (N, R)
    domains  : int64 (N, 3)        failure domains by level
    travel   : int64 (C, P, P, 2)  seconds and joules; -1 = no way
    homes    : int64 (C, P)        joules of the way home; -1 = no way
    chargers : int64 (Q, 2)        place, ledger
    nearby   : int64 (C, P, S)     the chargers that are reached the soonest; -1 = no more
    setups   : int64 (F, F)        seconds
    dark     : int64 (D, 2)        from, until
    before   : int64 (E, 2)        tasks before and lags, by task from before_starts, int64 (T + 1,)
    behind   : int64 (E,)          tasks behind, from behind_starts, int64 (T + 1,)
    only     : int64 (..)          nodes that a task is pinned to, from only_starts, int64 (T + 1,)
    bans     : int64 (..)          nodes that it is banned from, from ban_starts, int64 (T + 1,)
    members  : int64 (..)          tasks of each group, from member_starts, int64 (G + 1,)
    by_kind  : int64 (N,)          nodes of each kind, from kind_starts, int64 (K + 1,)
    units    : int64 (U, 2)        tasks that are placed together; -1 = one alone
    pace     : int64 (3,)          joules a second of travel counts; horizon; is the bus limited
    """

    tasks: Ints
    nodes: Ints
    modes: Ints
    needs: Ints
    has: Ints
    domains: Ints
    travel: Ints
    homes: Ints
    chargers: Ints
    nearby: Ints
    setups: Ints
    dark: Ints
    before: Ints
    before_starts: Ints
    behind: Ints
    behind_starts: Ints
    only: Ints
    only_starts: Ints
    bans: Ints
    ban_starts: Ints
    members: Ints
    member_starts: Ints
    by_kind: Ints
    kind_starts: Ints
    units: Ints
    pace: Ints


@inner
def dark_s(sheet: Sheet, start_s: int, end_s: int) -> int:
    """Give how many seconds of an interval are dark."""
    total_s = 0
    for k in range(len(sheet.dark)):
        if sheet.dark[k, 0] >= end_s:
            break
        total_s += max(0, min(end_s, sheet.dark[k, 1]) - max(start_s, sheet.dark[k, 0]))
    return total_s


@inner
def light_from_s(sheet: Sheet, start_s: int, duration_s: int) -> int:
    """Give the first start at or after one at which so long is light."""
    for k in range(len(sheet.dark)):
        if sheet.dark[k, 0] >= start_s + duration_s:
            break
        if sheet.dark[k, 1] > start_s:
            start_s = sheet.dark[k, 1]
    return start_s


@inner
def work_of(sheet: Sheet, task: int, node: int) -> tuple[int, int]:
    """Give the seconds and joules of a task on a node that can do it."""
    row = sheet.tasks[task]
    if row[WAS] == node and row[LEFT_S] >= 0:
        return row[LEFT_S], row[LEFT_J]
    mode = sheet.modes[task, sheet.nodes[node, KIND]]
    health = sheet.nodes[node, HEALTH]
    if health == 100:
        return mode[0], mode[1]
    return (mode[0] * 100 + health - 1) // health, mode[1]


@inner
def suits(sheet: Sheet, task: int, node: int) -> bool:
    """Tell whether a node can ever do a task: kind, health, skills, resources, bans, way home.

    Whether the task is pinned elsewhere is not looked at.
    """
    row, spec = sheet.tasks[task], sheet.nodes[node]
    if sheet.modes[task, spec[KIND], 0] < 0 or spec[HEALTH] < row[HEALTH_MIN] or spec[LOST]:
        return False
    if row[SKILLS] & ~spec[HAS_SKILLS]:
        return False
    for r in range(sheet.needs.shape[1]):
        if sheet.needs[task, r] > sheet.has[node, r]:
            return False
    for k in range(sheet.ban_starts[task], sheet.ban_starts[task + 1]):
        if sheet.bans[k] == node:
            return False
    if spec[MOVER] < 0:
        return True
    return bool(row[FROM] >= 0 and sheet.homes[spec[MOVER], row[TO]] >= 0)


@inner
def is_pinned_to(sheet: Sheet, task: int, node: int) -> bool:
    """Tell whether a task is pinned to no node, or to this one among others."""
    first, end = sheet.only_starts[task], sheet.only_starts[task + 1]
    for k in range(first, end):
        if sheet.only[k] == node:
            return True
    return bool(first == end)
