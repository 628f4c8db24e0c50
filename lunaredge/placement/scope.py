"""Scopes: the parts of a sheet in which a bound is searched for.

Owns which tasks are looked at together, and lays them out for the kernel.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lunaredge.kernels.jit import Flags, Ints
from lunaredge.kernels.schedule_board import Board
from lunaredge.kernels.schedule_heads import (
    HEAD_S,
    MISSED_LATE,
    SHORT_S,
    heads_of,
    stands_of,
)
from lunaredge.kernels.schedule_partial import (
    BEARS,
    HEADER,
    LAST_KEY,
    LAST_POST,
    LAST_UNIT,
    MISSED,
    NODE_COLUMNS,
    SCOPE_TASK_COLUMNS,
    Scope,
)
from lunaredge.kernels.schedule_sheet import (
    DUE,
    FIXED,
    LATEST,
    LEFT_S,
    MOVER,
    NEVER,
    NONE,
    PLACE,
    TO,
    TRAVEL_COST,
    WAS,
    WEIGHT,
    Sheet,
)

# Units and nodes are bits of a number, beside one for the bus.
BITS_MAX = 60
# Beyond, a table of the ways by chargers is too large; then no way counts.
PLACES_MAX = 512


@dataclass(frozen=True, slots=True, eq=False)
class Outset:
    """A sheet with what is known before any search."""

    sheet: Sheet
    base: Board
    stands: Ints
    can: Flags
    near_s: Ints
    heads: Ints
    """See `schedule_heads`."""

    @staticmethod
    def of(sheet: Sheet, base: Board) -> "Outset":
        """Find it; ``base``: the board with what is fixed and nothing else."""
        stands, can = stands_of(sheet)
        near_s = _near_s(sheet)
        heads = heads_of(sheet, stands, can, (near_s, _least_ways_j(sheet)))
        return Outset(sheet, base, stands, can, near_s, heads)

    def parts(self) -> Iterator[list[int]]:
        """Give the units of each scope: those that machines may do, those of computers alone."""
        sheet = self.sheet
        on_machine = np.any(self.can & (sheet.nodes[:, MOVER] >= 0), axis=1).tolist()
        live = [u for u, unit in enumerate(sheet.units) if self.heads[unit[0], HEAD_S] < NEVER]
        moved = [u for u in live if any(on_machine[t] for t in self.pair(u))]
        still = sorted(set(live) - set(moved))
        for units in (moved, still):
            node_count = len(self.nodes_of(units))
            if 0 < len(units) <= BITS_MAX and node_count <= BITS_MAX:
                yield units

    def pair(self, unit: int) -> list[int]:
        """Give the tasks of a unit."""
        return [t for t in self.sheet.units[unit].tolist() if t != NONE]

    def before(self, task: int) -> list[list[int]]:
        """Give the tasks before one, with their lags."""
        starts = self.sheet.before_starts
        pairs: list[list[int]] = self.sheet.before[starts[task] : starts[task + 1]].tolist()
        return pairs

    def nodes_of(self, units: Sequence[int]) -> list[int]:
        """Give the nodes that may do any of the units' tasks."""
        tasks = [t for u in units for t in self.pair(u)]
        nodes: list[int] = np.flatnonzero(self.can[tasks].any(axis=0)).tolist()
        return nodes


class Layout:
    """A scope as it is laid out: tasks of the units, and whatever follows them."""

    def __init__(self, outset: Outset, units: Sequence[int], counted: Flags) -> None:
        """Lay it out; what is counted already counts nothing here, the rest is counted now."""
        self._outset = outset
        self._counted = counted
        self._units = {u: number for number, u in enumerate(units)}
        self._nodes = {n: m for m, n in enumerate(outset.nodes_of(units))}
        self._rows: list[list[int]] = []
        self._local: dict[int, int] = {}
        self._reach: list[int] = []
        """By task of the scope: units that it waits for or is of, as bits."""
        self._before: list[list[tuple[int, int]]] = []
        self._options: list[list[int]] = []
        self._add_fixed()
        for u in range(len(outset.sheet.units)):
            self._add_unit(u)
        self.tasks = [t for t in self._local if not counted[t]]
        """The tasks that it counts, by their numbers on the sheet."""

    def scope(self) -> Scope:
        """Give it as the kernel takes it."""
        sheet, base = self._outset.sheet, self._outset.base
        briefs = _briefs(self._outset, self._nodes)
        width, posts = self._ends_at() + 2 * len(self._rows), []
        machine_count = sum(bool(sheet.nodes[n, MOVER] >= 0) for n in self._nodes)
        for count in base.shared.limits[1:].tolist():
            posts.append((width, count if count < machine_count else 0))
            width += posts[-1][1]
        at, count = self._ends_at(), len(self._rows)
        return Scope(
            tasks=_rows(self._rows, SCOPE_TASK_COLUMNS),
            before=_rows([pair for pairs in self._before for pair in pairs], 2),
            before_starts=_starts(self._before),
            options=np.array([m for one in self._options for m in one], dtype=np.int64),
            option_starts=_starts(self._options),
            units=_rows(self._unit_rows(), 5),
            nodes=_rows(list(zip(self._nodes, briefs, strict=True)), 2),
            near_s=self._outset.near_s,
            posts=_rows(posts, 2),
            columns=np.array([at, at + count, at + 2 * count, width], dtype=np.int64),
            shared=base.shared._replace(found=base.shared.found.copy()),
        )

    def root(self, scope: Scope) -> Ints:
        """Give the first state, int64 (W,): what is fixed runs, and nothing else."""
        at, ons, posts, width = scope.columns.tolist()
        state = np.zeros(width, dtype=np.int64)
        state[[LAST_KEY, LAST_UNIT, LAST_POST]] = NONE
        state[ons:posts] = NONE
        for n, m in self._nodes.items():
            first = HEADER + NODE_COLUMNS * m
            state[first : first + 4] = self._outset.stands[n]
        for t, k in self._local.items():
            row = self._outset.sheet.tasks[t]
            if row[FIXED]:
                state[at + k], state[ons + k] = row[LEFT_S], self._nodes[int(row[WAS])]
        return state

    def _ends_at(self) -> int:
        return HEADER + NODE_COLUMNS * len(self._nodes)

    def _add_fixed(self) -> None:
        """Add what takes room on the computers for as long as it runs."""
        sheet = self._outset.sheet
        for t in np.flatnonzero(sheet.tasks[:, FIXED]).tolist():
            node, left_s = int(sheet.tasks[t, WAS]), int(sheet.tasks[t, LEFT_S])
            if node in self._nodes and sheet.nodes[node, MOVER] < 0:
                self._local[t] = len(self._rows)
                self._rows.append([t, NONE, 0, left_s, 0, NEVER, 0, 0, 1])
                self._reach.append(0)
                self._before.append([])
                self._options.append([])

    def _add_unit(self, u: int) -> None:
        """Add a unit of the scope, or tasks that wait for one."""
        pair, number = self._outset.pair(u), self._units.get(u, NONE)
        reach = 0
        for t in pair:
            for source, _ in self._outset.before(t):
                reach |= self._reach[self._local[source]] if source in self._local else 0
        if (number == NONE and not reach) or self._outset.heads[pair[0], HEAD_S] >= NEVER:
            return
        reach |= 0 if number == NONE else 1 << number
        sheet, heads = self._outset.sheet, self._outset.heads
        for t in pair:
            able = np.flatnonzero(self._outset.can[t]).tolist() if number != NONE else []
            options = [self._nodes[n] for n in able]
            counts = (0, 0) if self._counted[t] else (sheet.tasks[t, WEIGHT], heads[t, MISSED_LATE])
            # What is on a computer takes room there until its end.
            bears = any(sheet.nodes[n, MOVER] < 0 for n in able)
            row = [t, number, heads[t, HEAD_S], heads[t, SHORT_S], sheet.tasks[t, DUE]]
            self._add(t, [*row, sheet.tasks[t, LATEST], *counts, bears], reach, options)

    def _add(self, task: int, row: list[int], reach: int, options: list[int]) -> None:
        before = [(self._local[s], lag) for s, lag in self._outset.before(task) if s in self._local]
        for k, _ in before:
            self._rows[k][BEARS] = 1
        self._local[task] = len(self._rows)
        self._rows.append(row)
        self._reach.append(reach)
        self._before.append(before)
        self._options.append(options)

    def _unit_rows(self) -> list[list[int]]:
        """Give the units by the columns of `schedule_partial`."""
        pairs = [[self._local[t] for t in self._outset.pair(u)] for u in self._units]
        behind = [self._reach[pair[0]] & ~(1 << i) for i, pair in enumerate(pairs)]
        closures = [
            1 << i | sum(1 << v for v, mask in enumerate(behind) if mask >> i & 1)
            for i in range(len(pairs))
        ]
        return [
            [*[*pair, NONE][:2], mask, closure, sum(self._rows[k][MISSED] for k in pair)]
            for pair, mask, closure in zip(pairs, behind, closures, strict=True)
        ]


def _briefs(outset: Outset, nodes: Iterable[int]) -> list[int]:
    """Give for each node seconds that no task takes less than there."""
    free = outset.sheet.tasks[:, FIXED] == 0
    return [int(outset.heads[outset.can[:, n] & free, SHORT_S].min()) for n in nodes]


def _near_s(sheet: Sheet) -> Ints:
    """Give seconds from place to place, straight or by a charger, int64 (C, P, P); -1 = no way."""
    mover_count, place_count = sheet.travel.shape[:2]
    if place_count > PLACES_MAX:
        return np.zeros((mover_count, 0, 0), dtype=np.int64)
    times_s = np.where(sheet.travel[..., 0] < 0, NEVER, sheet.travel[..., 0])
    near_s = times_s.copy()
    for q in np.unique(sheet.chargers[:, 0]):
        np.minimum(near_s, times_s[:, :, q, None] + 1 + times_s[:, None, q, :], out=near_s)
    return np.where(near_s < NEVER, near_s, NONE)


def _least_ways_j(sheet: Sheet) -> Ints:
    """Give what the cheapest way to each place costs, from where any machine can come, (C, P)."""
    shape = sheet.travel.shape[:2]
    ways_j = np.full(shape, NEVER, dtype=np.int64)
    sources = np.concatenate((sheet.nodes[:, PLACE], sheet.tasks[:, TO], sheet.chargers[:, 0]))
    for place in np.unique(sources[sources >= 0]):
        legs = sheet.travel[:, place]
        costs_j = legs[..., 1] + sheet.pace[TRAVEL_COST] * legs[..., 0]
        np.minimum(ways_j, np.where(legs[..., 0] < 0, NEVER, costs_j), out=ways_j)
    return ways_j


def _rows(rows: Sequence[Sequence[int]], width: int) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def _starts(lists: Sequence[Sequence[object]]) -> Ints:
    return np.cumsum([0, *map(len, lists)], dtype=np.int64)
