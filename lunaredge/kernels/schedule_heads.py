"""Heads: before when no task can begin in any plan, by itself and behind others.

What two tasks take from each other is not looked at here, but for who waits for whom.
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Ints, inner, kernel
from lunaredge.kernels.schedule_sheet import (
    BATTERY,
    CHARGE,
    CHARGE_W,
    DUE,
    FAMILY,
    FIXED,
    FROM,
    HORIZON,
    LATEST,
    LEFT_J,
    LEFT_S,
    LIGHT,
    MOVE_J,
    MOVER,
    NEVER,
    NONE,
    PLACE,
    READY,
    RELEASE,
    RESERVE,
    SET_UP,
    TO,
    WAS,
    WEIGHT,
    Sheet,
    is_pinned_to,
    light_from_s,
    suits,
    work_of,
)

SHORT_S, FIRST_S, HEAD_S, LEAST_LATE, MISSED_LATE, LEAST_J = range(6)
HEAD_COLUMNS = 6
"""Columns of a task: the least that it takes; when the first node can be there for it; when it can
start; what it counts as late at the least, and if it is not placed; the least joules for itself and
for being moved. NEVER in the first three: no plan can place it."""


@kernel
def stands_of(sheet: Sheet) -> tuple[Ints, Flags]:
    """Give how nodes stand at first, int64 (N, 4), and which may do which task, bool (T, N).

    A node leaves, from a place, set up for a family, with so much charge: that which has a fixed
    task when that ends, from where it ends. Computers have only the first.
    """
    stands = np.zeros((len(sheet.nodes), 4), dtype=np.int64)
    can = np.zeros((len(sheet.tasks), len(sheet.nodes)), dtype=np.bool_)
    for n in range(len(sheet.nodes)):
        spec = sheet.nodes[n]
        stands[n, 0], stands[n, 1], stands[n, 2] = spec[READY], spec[PLACE], spec[SET_UP]
        stands[n, 3] = spec[CHARGE]
    for t in range(len(sheet.tasks)):
        row = sheet.tasks[t]
        if row[FIXED] and sheet.nodes[row[WAS], MOVER] >= 0:
            stands[row[WAS], 0], stands[row[WAS], 1] = row[LEFT_S], row[TO]
            stands[row[WAS], 2] = row[FAMILY]
        for n in range(len(sheet.nodes)):
            can[t, n] = is_pinned_to(sheet, t, n) and suits(sheet, t, n)
    return stands, can


@kernel
def heads_of(sheet: Sheet, stands: Ints, can: Flags, ways: tuple[Ints, Ints]) -> Ints:
    """Give each task's head, int64 (T, 6), see HEAD_COLUMNS.

    ``ways``: int64 (C, P, P), seconds from place to place, straight or by a charger; -1 = no way,
    and without places no way counts; int64 (C, P), what the cheapest way to a place costs.
    """
    near_s, ways_j = ways
    heads = np.full((len(sheet.tasks), HEAD_COLUMNS), NEVER, dtype=np.int64)
    briefs = briefs_of(sheet, can)
    for t in range(len(sheet.tasks)):
        row = sheet.tasks[t]
        heads[t, MISSED_LATE] = max(0, 2 * sheet.pace[HORIZON] - row[DUE]) * row[WEIGHT]
        heads[t, LEAST_LATE] = heads[t, MISSED_LATE]
        if row[FIXED]:
            heads[t, SHORT_S], heads[t, FIRST_S], heads[t, HEAD_S] = row[LEFT_S], 0, 0
            heads[t, LEAST_LATE] = max(0, row[LEFT_S] - row[DUE]) * row[WEIGHT]
            heads[t, LEAST_J] = row[LEFT_J]
            continue
        for n in range(len(sheet.nodes)):
            if can[t, n]:
                there_s = sheet.nodes[n, READY]
                if sheet.nodes[n, MOVER] >= 0:
                    at = (stands[n, 0], stands[n, 1], stands[n, 2], stands[n, 3])
                    there_s = there_by_s(sheet, near_s, at, briefs[n], (t, n))
                heads[t, FIRST_S] = min(heads[t, FIRST_S], there_s)
                duration_s, cost_j = work_of(sheet, t, n)
                if row[WAS] not in (NONE, n):
                    cost_j += row[MOVE_J]
                if sheet.nodes[n, MOVER] >= 0:
                    cost_j += ways_j[sheet.nodes[n, MOVER], row[FROM]]
                heads[t, SHORT_S] = min(heads[t, SHORT_S], duration_s)
                heads[t, LEAST_J] = min(heads[t, LEAST_J], cost_j)
    for u in range(len(sheet.units)):
        _put_heads(sheet, heads, u)
    return heads


@kernel
def briefs_of(sheet: Sheet, can: Flags) -> Ints:
    """Give how long the shortest task takes on each node, int64 (N,); NEVER if it can do none."""
    briefs = np.full(len(sheet.nodes), NEVER, dtype=np.int64)
    for t in range(len(sheet.tasks)):
        for n in range(len(sheet.nodes)):
            if can[t, n] and not sheet.tasks[t, FIXED]:
                briefs[n] = min(briefs[n], work_of(sheet, t, n)[0])
    return briefs


@inner
def there_by_s(
    sheet: Sheet, near_s: Ints, at: tuple[int, int, int, int], brief_s: int, pair: tuple[int, int]
) -> int:
    """Give before when a machine can't begin a task (``pair``): its way there, and a needed charge.

    ``at``: when it leaves, where, set up how, with what charge; ``brief_s``: its shortest task.
    """
    leave_s, place, family, level_j = at
    task, node = pair
    spec = sheet.nodes[node]
    # Straight, or after another task.
    way_s = 0
    if near_s.shape[1]:
        way_s = near_s[spec[MOVER], place, sheet.tasks[task, FROM]]
    if way_s >= 0:
        way_s += sheet.setups[family, sheet.tasks[task, FAMILY]]
    if way_s < 0 or way_s > brief_s:
        way_s = brief_s
    _, energy_j = work_of(sheet, task, node)
    least_j = energy_j + spec[RESERVE] + sheet.homes[spec[MOVER], sheet.tasks[task, TO]]
    if level_j < least_j:
        way_s += (spec[BATTERY] - level_j) // spec[CHARGE_W]
    return int(max(leave_s, spec[READY]) + way_s)


@inner
def _put_heads(sheet: Sheet, heads: Ints, u: int) -> None:
    """Set the heads of a unit's tasks from those before."""
    start_s = 0
    for c in range(2):
        t = sheet.units[u, c]
        if t != NONE:
            start_s = max(start_s, sheet.tasks[t, RELEASE], heads[t, FIRST_S])
            for e in range(sheet.before_starts[t], sheet.before_starts[t + 1]):
                source = sheet.before[e, 0]
                end_s = heads[source, HEAD_S] + heads[source, SHORT_S]
                start_s = max(start_s, min(NEVER, end_s + sheet.before[e, 1]))
    for _ in range(2):
        # One may have to wait for light that the other has let go by.
        for c in range(2):
            t = sheet.units[u, c]
            if t != NONE and sheet.tasks[t, LIGHT] and start_s < NEVER:
                start_s = light_from_s(sheet, start_s, heads[t, SHORT_S])
    for c in range(2):
        t = sheet.units[u, c]
        if t != NONE and start_s + heads[t, SHORT_S] > sheet.tasks[t, LATEST]:
            start_s = NEVER
    for c in range(2):
        t = sheet.units[u, c]
        if t != NONE:
            heads[t, HEAD_S] = start_s
            if start_s < NEVER:
                end_s = start_s + heads[t, SHORT_S]
                late_s = max(0, end_s - sheet.tasks[t, DUE]) * sheet.tasks[t, WEIGHT]
                heads[t, LEAST_LATE] = late_s
