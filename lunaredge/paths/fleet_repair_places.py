"""Places where machines of any kind can stand and turn without meeting, and the ways between them.

Rows and columns of places, not evenly spaced but at least so far apart that two machines on two
places never touch: twice the reach of the largest, whatever their headings. Where the rows and
columns lie is chosen so that most of them are free, and so that they lead along the corridors. A
place counts when every machine can turn round on it; where they can only drive straight through, it
counts for that direction.

Why the distance is enough. Let d be the least distance of rows, and of columns, and a machine lie
within r of its origin at any heading, with d >= 2 r. A machine on the way from a place to the next
one, p to q, is at least d away from every other place: those on the same line are beyond p or q,
those on other lines d or more aside. So whoever drives alone meets nobody who stands. Two ways
without a common place are d apart as well. Around a ring all machines go at once, each to the
place of the one before it, in the same time: where the ring turns a corner, after a share s of the
time one is s d or more beyond the corner and the next one (1 - s) d or more before it, at right
angles, so that they are at least d sqrt(s^2 + (1 - s)^2) >= d / sqrt(2) apart. With a distance of
d >= 2 sqrt(2) r that is no meeting either.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lunaredge.kernels import mapf_fields
from lunaredge.kernels.jit import Flags, Floats, Ints, Shorts
from lunaredge.kernels.lattice import Links
from lunaredge.paths.plan import Planner
from lunaredge.paths.plan_links import Way
from lunaredge.paths.plan_traffic import Body

# Lines that are looked at along each axis, besides those through starts and goals.
_LINES_MAX = 120
_END_LINES_MAX = 80
# As fine as that, and the region around all ends, both in distances between places.
_STEP = 1.0 / 8.0
_AROUND = 4.0
# What a place is worth where nobody can turn.
_STRAIGHT_WORTH = 0.25
# An end this near to a place is on it; lines go through ends to a nanometre.
SAME_M = 2e-9
# Columns of a place's neighbours.
_LEFT, _RIGHT, _BELOW, _ABOVE = range(4)


class Places(NamedTuple):
    """Places, N of them, and who is whose neighbour."""

    points: Floats
    """float64 (N, 2): x, y, m."""
    turns: Flags
    """bool (N,): every machine can turn round there."""
    cells: Shorts
    """int32 (N + 1, 8): as `mapf_fields.cells_of` has them."""
    free: Flags | None
    """bool (rows, columns): where there is a place, if all neighbours can be reached; else None."""
    rings: bool
    """They are so far apart that machines may move round in a ring, all at once."""


class Survey:
    """Where the machines can turn and stand on a turned grid of lines, for one choice of axes."""

    def __init__(
        self,
        planners: Sequence[Planner],
        bodies: list[Body],
        ends: Floats,
        axis_rad: float,
        apart_m: float,
    ) -> None:
        """Look at all crossings of lines.

        planners : one for each kind of machine
        bodies   : what stands besides the barriers
        ends     : float64 (E, 2)  where machines start and end
        """
        self._planners, self._bodies = planners, bodies
        self._axis_rad = axis_rad
        cos, sin = math.cos(axis_rad), math.sin(axis_rad)
        self._turned = np.array(((cos, sin), (-sin, cos)))
        self._ends = ends @ self._turned.T
        self._us, self._vs = (_lines(self._ends[:, k], apart_m) for k in (0, 1))
        points = self._points(self._us, self._vs)
        shape = len(self._vs), len(self._us)
        self._turns = self._stands(points, 0.0, math.tau).reshape(shape)
        along = [self._stands(points, axis_rad + k * math.pi, 0.0) for k in (0, 1)]
        across = [self._stands(points, axis_rad + (k + 0.5) * math.pi, 0.0) for k in (0, 1)]
        self._along = (along[0] & along[1]).reshape(shape)
        self._across = (across[0] & across[1]).reshape(shape)

    def places(self, apart_m: float, end_worth: float, *, rings: bool) -> Places:
        """Choose rows and columns at least so far apart.

        end_worth : a row or column is worth its free places, and that much for each end on it
        """
        per_place = max(1.0, apart_m / max(_spacing_m(self._us), 1e-9))
        turns, straight = self._turns, self._along | self._across
        worth = (turns + _STRAIGHT_WORTH * (self._along & ~turns)).sum(axis=1) / per_place
        rows = _spread(self._vs, worth + end_worth * _count_on(self._vs, self._ends[:, 1]), apart_m)
        worth = (turns + _STRAIGHT_WORTH * (straight & ~turns))[rows].sum(axis=0)
        worth = worth + end_worth * _count_on(self._us, self._ends[:, 0])
        columns = _spread(self._us, worth, apart_m)
        chosen = np.ix_(rows, columns)
        points = self._points(self._us[columns], self._vs[rows])
        for end in self._ends @ self._turned:
            points[np.hypot(*(points - end).T) <= SAME_M] = end
        flags = self._turns[chosen], self._along[chosen], self._across[chosen]
        return self._joined(points, *flags)._replace(rings=rings)

    def _joined(self, points: Floats, turns: Flags, along: Flags, across: Flags) -> Places:
        """Find out between which neighbours every machine can drive, and keep those."""
        shape = turns.shape
        numbers = np.arange(turns.size).reshape(shape)
        rows_ok, columns_ok = turns | along, turns | across
        sideways = np.column_stack((numbers[:, :-1].ravel(), numbers[:, 1:].ravel()))
        upward = np.column_stack((numbers[:-1].ravel(), numbers[1:].ravel()))
        sideways = sideways[rows_ok.ravel()[sideways].all(axis=1)]
        upward = upward[columns_ok.ravel()[upward].all(axis=1)]
        sideways, upward = self._open(points, sideways), self._open(points, upward)
        # Where nobody can turn, one direction counts: that with more ways.
        along_count = np.bincount(sideways.ravel(), minlength=turns.size)
        across_count = np.bincount(upward.ravel(), minlength=turns.size)
        is_row = turns.ravel() | (along_count >= across_count)
        is_column = turns.ravel() | (along_count < across_count)
        sideways = sideways[is_row[sideways].all(axis=1)]
        upward = upward[is_column[upward].all(axis=1)]
        free = turns | np.isin(numbers, sideways) | np.isin(numbers, upward)
        return _graph(points, turns, free, sideways, upward)

    def _open(self, points: Floats, pairs: Ints) -> Ints:
        """Give those pairs of places between which every machine can drive, either end first."""
        is_open = np.ones(len(pairs), np.bool_)
        for planner in self._planners:
            for back in (0.0, math.pi):
                ways = []
                for a, b in points[pairs]:
                    heading = math.atan2(b[1] - a[1], b[0] - a[0]) + back
                    ways.append(Way(0, 0, np.array([(*a, heading), (*b, heading)]), 1.0))
                links = planner.links_along(ways)
                is_open &= np.isfinite(links.costs[:, 0]) & planner.are_open(links, self._bodies)
        return pairs[is_open]

    def _points(self, us: Floats, vs: Floats) -> Floats:
        """Give the crossings of lines, row by row, in the world's axes."""
        local = np.column_stack((np.tile(us, len(vs)), np.repeat(vs, len(us))))
        points: Floats = local @ self._turned
        return points

    def _stands(self, points: Floats, heading_rad: float, turn_rad: float) -> Flags:
        """Tell where every machine can stand at a heading, or turn by so much from it."""
        chords = np.empty((2 * len(points), 4))
        chords[::2, 0], chords[1::2, 0] = 0.0, 1.0
        chords[:, 1:3] = points.repeat(2, axis=0)
        chords[::2, 3], chords[1::2, 3] = heading_rad, heading_rad + turn_rad
        first = np.arange(0, 2 * len(points) + 1, 2)
        count = len(points)
        links = Links(np.zeros((count, 2), np.int64), np.zeros((count, 2)), first, chords)
        is_open = np.ones(count, np.bool_)
        for planner in self._planners:
            is_open &= planner.are_open(links, self._bodies)
        return is_open


def _graph(points: Floats, turns: Flags, free: Flags, sideways: Ints, upward: Ints) -> Places:
    """Number the free places, and enter the ways between them."""
    numbers, whole = mapf_fields.cells_of(free)
    cells = whole.copy()
    cells[:, : mapf_fields.NEIGHBOURS] = len(cells) - 1
    for pairs, before, after in ((sideways, _LEFT, _RIGHT), (upward, _BELOW, _ABOVE)):
        a, b = numbers.ravel()[pairs].T
        cells[a, after], cells[b, before] = b, a
    mapf_fields.count_passes(cells)
    is_whole = np.array_equal(cells, whole)
    chosen = free.ravel()
    return Places(
        points[chosen], turns.ravel()[chosen], cells, free if is_whole else None, rings=False
    )


def _lines(ends: Floats, apart_m: float) -> Floats:
    """Give the lines to look at along one axis: evenly spaced, and one through each end."""
    low, high = ends.min() - _AROUND * apart_m, ends.max() + _AROUND * apart_m
    count = min(_LINES_MAX, math.ceil((high - low) / (_STEP * apart_m))) + 1
    own = np.unique(np.round(ends, 9))
    lines = np.linspace(low, high, count)
    return np.union1d(lines, own) if len(own) <= _END_LINES_MAX else lines


def _spacing_m(lines: Floats) -> float:
    return float(np.ptp(lines)) / max(1, len(lines) - 1)


def _count_on(lines: Floats, ends: Floats) -> Ints:
    """Count the ends on each line."""
    counts = np.zeros(len(lines), np.int64)
    own, found = np.unique(np.round(ends, 9), return_counts=True)
    at = np.searchsorted(lines, own).clip(0, len(lines) - 1)
    is_on = lines[at] == own
    counts[at[is_on]] = found[is_on]
    return counts


def _spread(lines: Floats, worth: Floats, apart_m: float) -> Ints:
    """Choose lines at least so far apart, worth the most together; ties go to the first ones.

    Weighted interval scheduling, by dynamic programming.
    """
    before = np.searchsorted(lines, lines - apart_m, side="right")
    best = np.zeros(len(lines) + 1)
    for k, gain in enumerate(worth):
        best[k + 1] = max(best[k], best[before[k]] + gain)
    chosen: list[int] = []
    k = len(lines)
    while k > 0:
        if best[k] > best[k - 1]:
            chosen.append(k - 1)
            k = int(before[k - 1])
        else:
            k -= 1
    return np.array(chosen[::-1], np.int64)
