"""What each task is worth: prices of the tasks, and the bound that the nodes' knapsacks prove.

Let whoever does a task earn its worth. Every node then picks, within its capacity, the tasks that
earn it most: a knapsack. What all tasks are worth, less what all nodes earn, is a lower bound on
the cost of any assignment (Fisher, Jaikumar and Van Wassenhove 1986), and a tighter one than the
capacities' prices prove (`gap_prices`) where few tasks share a node.

It is exact: worths are multiples of 2^-10, and nothing that is summed exceeds 2^42, so that no sum
in float64 is ever rounded.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner, kernel

VALUE, STRIDE, FAILED, STEPS = range(4)
"""Figures: the best bound, how far the next step hopes to rise, steps without a better one, all."""
FIGURES = 4

CELLS_MAX = 1 << 21
"""Nodes times tasks times capacities: 16 MB of tables."""

_GRID = 1024.0
_SUM_MAX = float(1 << 40)
# Of 3 to 20 failures and 0 to 0.8, this comes nearest to the best bound in 150 steps.
_FAILED_MAX = 4
_MOMENTUM = 0.8
_STRIDE_FIRST = 0.5
_STRIDE_RATIO = 0.7
_STRIDE_MIN = 0.03
_GAIN_RATIO_MIN = 0.01
_STEPS_MAX = 400
# As good a guess as any of how far a bound is from what a plan costs, where there is no plan.
_GAP_RATIO = 0.02


class Knapsacks(NamedTuple):
    """The nodes' knapsacks, and the search for the best worths.

    costs      : float64 (N, T)  whole numbers; inf = cannot
    usages     : int64 (N, T)
    capacities : int64 (N,)
    order      : int64 (T,)      all tasks; what comes last is tabled first
    best, now  : float64 (T,)    worths: the best ones, and those to be tried next
    slope      : float64 (T,)    the direction of the last step
    takers     : int64 (T,)      how many nodes pick a task
    tables     : float64 (N, T + 1, C + 1)  what a node earns at most, by row and capacity
    rows       : int64 (N, T + 1)  the row for all tasks from a place in the order on
    before     : float64 (C + 1,)  what a node earns with the tasks up to a place
    inside     : float64 (N, T)  what a node loses at least if it must do a task
    outside    : float64 (N, T)  and if it must not
    figures    : float64 (4,)
    """

    costs: Floats
    usages: Ints
    capacities: Ints
    order: Ints
    best: Floats
    now: Floats
    slope: Floats
    takers: Ints
    tables: Floats
    rows: Ints
    before: Floats
    inside: Floats
    outside: Floats
    figures: Floats


def knapsacks_of(
    costs: Floats, usages: Floats, capacities: Floats, prices: Floats
) -> Knapsacks | None:
    """Make knapsacks, each task worth what it pays at the prices; None: the numbers are too large.

    costs, usages : float64 (N, T), as `Solver` takes them;  capacities, prices : float64 (N,)
    """
    node_count, task_count = costs.shape
    room = int(capacities.max(initial=0.0)) + 1
    if node_count * (task_count + 1) * room > CELLS_MAX:
        return None
    worth_max = _SUM_MAX / costs.size
    if abs(costs[np.isfinite(costs)]).max(initial=0.0) > worth_max:
        return None
    worths = (costs + prices[:, None] * usages).min(axis=0)
    worths = np.round(worths.clip(-worth_max, worth_max) * _GRID) / _GRID
    return Knapsacks(
        costs=costs.copy(),
        usages=usages.astype(np.int64),
        capacities=capacities.astype(np.int64),
        order=np.arange(task_count),
        best=worths,
        now=worths.copy(),
        slope=np.zeros(task_count),
        takers=np.zeros(task_count, dtype=np.int64),
        tables=np.empty((node_count, task_count + 1, room)),
        rows=np.zeros((node_count, task_count + 1), dtype=np.int64),
        before=np.zeros(room),
        inside=np.zeros(costs.shape),
        outside=np.zeros(costs.shape),
        figures=np.array([-np.inf, 0.0, 0.0, 0.0]),
    )


@kernel
def lift(out_knapsacks: Knapsacks, upper: float, step_count: int) -> bool:
    """Try worths so many times; tell whether nothing is to be gained any more.

    A subgradient ascent with momentum: a task that nobody picks becomes worth more, one that
    several pick less. Each step hopes to rise by a stride, which shrinks when that fails.

    upper : what the best plan so far costs; inf = there is none
    """
    figures, now, slope = out_knapsacks.figures, out_knapsacks.now, out_knapsacks.slope
    worth_max = _SUM_MAX / out_knapsacks.costs.size
    for _ in range(step_count):
        value = fill(out_knapsacks, now)
        _count_takers(out_knapsacks)
        if figures[STEPS] == 0.0:
            gap = upper - value if upper < np.inf else _GAP_RATIO * abs(value)
            figures[STRIDE] = _STRIDE_FIRST * max(1.0, gap)
        figures[STEPS] += 1.0
        figures[FAILED] += 1.0
        if value > figures[VALUE] + _GAIN_RATIO_MIN * figures[STRIDE]:
            figures[FAILED] = 0.0
        if value > figures[VALUE]:
            figures[VALUE] = value
            out_knapsacks.best[:] = now
        if figures[FAILED] >= _FAILED_MAX:
            figures[FAILED] = 0.0
            figures[STRIDE] *= _STRIDE_RATIO
        length = 0.0
        for task in range(len(now)):
            missing = 1.0 - out_knapsacks.takers[task]
            slope[task] = _MOMENTUM * slope[task] + (1.0 - _MOMENTUM) * missing
            length += slope[task] * slope[task]
        met = figures[VALUE] > upper - 1.0
        hopeless = figures[STRIDE] < _STRIDE_MIN or figures[STEPS] >= _STEPS_MAX
        if met or hopeless or length == 0.0:
            return True
        step = figures[STRIDE] / length
        for task in range(len(now)):
            worth = np.floor((now[task] + step * slope[task]) * _GRID + 0.5) / _GRID
            now[task] = min(max(worth, -worth_max), worth_max)
    return False


@inner
def fill(out_knapsacks: Knapsacks, worths: Floats) -> float:
    """Fill the tables and rows; give the bound that these worths prove."""
    tables, rows = out_knapsacks.tables, out_knapsacks.rows
    costs, usages, order = out_knapsacks.costs, out_knapsacks.usages, out_knapsacks.order
    bound = 0.0
    for task in order:
        bound += worths[task]
    for node in range(len(costs)):
        room = out_knapsacks.capacities[node] + 1
        row = 0
        tables[node, 0, :room] = 0.0
        rows[node, len(order)] = 0
        for place in range(len(order) - 1, -1, -1):
            task = order[place]
            gain = worths[task] - costs[node, task]
            usage = usages[node, task]
            if gain > 0.0 and usage < room:
                _add_row(tables[node, row, :room], usage, gain, tables[node, row + 1, :room])
                row += 1
            rows[node, place] = row
        bound -= tables[node, row, room - 1]
    return bound


@inner
def _add_row(before: Floats, usage: int, gain: float, out_row: Floats) -> None:
    """Give what is earned at most, by capacity, with one task more."""
    for k in range(usage):
        out_row[k] = before[k]
    # Views that start at 0 let the loop take several at once.
    without, taken, best = before[usage:], before[: len(before) - usage], out_row[usage:]
    for k in range(len(best)):
        with_it = taken[k] + gain
        best[k] = with_it if with_it > without[k] else without[k]


@inner
def _count_takers(out_knapsacks: Knapsacks) -> None:
    """Count for each task the nodes that pick it, by the tables; of ties they pick the fewer."""
    tables, rows, takers = out_knapsacks.tables, out_knapsacks.rows, out_knapsacks.takers
    order = out_knapsacks.order
    takers[:] = 0
    for node in range(len(rows)):
        left = out_knapsacks.capacities[node]
        for place in range(len(order)):
            row = rows[node, place]
            is_tabled = row != rows[node, place + 1]
            if is_tabled and tables[node, row, left] != tables[node, row - 1, left]:
                takers[order[place]] += 1
                left -= out_knapsacks.usages[node, order[place]]


@inner
def weigh(out_knapsacks: Knapsacks, worths: Floats, node: int) -> None:
    """Find what a node loses at least by doing a task, and by not doing it, for every task.

    The tables must be filled at the worths, all tasks in the order. What comes before a task and
    what comes after it share the capacity in the best way.
    """
    tables, rows, before = out_knapsacks.tables, out_knapsacks.rows, out_knapsacks.before
    inside, outside = out_knapsacks.inside, out_knapsacks.outside
    room = out_knapsacks.capacities[node]
    most = tables[node, rows[node, 0], room]
    before[:] = 0.0
    for place in range(len(worths)):
        task = out_knapsacks.order[place]
        usage = out_knapsacks.usages[node, task]
        gain = worths[task] - out_knapsacks.costs[node, task]
        after = tables[node, rows[node, place + 1]]
        inside[node, task], outside[node, task] = np.inf, 0.0
        if gain == -np.inf or usage > room:
            continue
        inside[node, task] = most - gain - _most_earned(before, after, room - usage)
        if gain <= 0.0:
            continue
        outside[node, task] = most - _most_earned(before, after, room)
        for k in range(room, usage - 1, -1):
            before[k] = max(before[k], before[k - usage] + gain)


@inner
def _most_earned(before: Floats, after: Floats, room: int) -> float:
    most = 0.0
    for k in range(room + 1):
        most = max(most, before[k] + after[room - k])
    return most
