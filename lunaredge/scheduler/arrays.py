"""The quay between objects and arrays: only this file and `ground` see NumPy in the scheduler.

Owns sets of polylines, and the lattice that routes are searched on. Knows no site, no machine and
no claim by name: callers keep the names and are given indices.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lunaredge import placement
from lunaredge.kernels import corridors, gridpath, terrain
from lunaredge.kernels.jit import Flags, Floats, Ints
from lunaredge.model.site import Point
from lunaredge.placement.travel import NO_WAY

# Cells on each side of a point from which it may enter the lattice: the nearest may be closed.
JOIN_CELLS = 2
# The lattice keeps more than the checks ask for, which count bodies within 0.1 mm as met: it can
# never open a move which they then refuse.
SLACK_M = 2e-4
# Of an edge without length.
TINY_M2 = 1e-18

Path = tuple[Point, ...]


def points_array(points: Sequence[Point]) -> Floats:
    """Give points as float64 (K, 2), m."""
    return np.array(points, dtype=np.float64).reshape(len(points), 2)


def travel_of(
    ways: Mapping[str, Sequence[tuple[int, int, int, int]]], place_count: int, home: int
) -> placement.Travel:
    """Give the travel of a placement: of each mover the ways that it has.

    A way is from where, to where, seconds and joules. Where there is none it leads by home, and is
    closed if that has none either.
    """
    table = np.full((len(ways), place_count, place_count, 2), NO_WAY, dtype=np.int64)
    for mover, entries in enumerate(ways.values()):
        listed = np.array(entries, dtype=np.int64).reshape(-1, 4)
        table[mover, listed[:, 0], listed[:, 1]] = listed[:, 2:]
        out, back = table[mover, :, None, home], table[mover, home, None]
        leads = (table[mover] == NO_WAY) & (out != NO_WAY) & (back != NO_WAY)
        table[mover] = np.where(leads, out + back, table[mover])
    stays = np.arange(place_count)
    table[:, stays, stays] = 0
    return placement.Travel(movers=tuple(ways), table=table)


def depths_m(area: Sequence[Point], places: Sequence[Point]) -> list[float]:
    """Give how far inside a polygon places are, m; less than 0: so far outside."""
    starts, at = points_array(area)[None], points_array(places)[:, None]
    along = np.roll(starts, -1, axis=1) - starts
    off = at - starts
    square = np.maximum((along**2).sum(axis=2), TINY_M2)
    ratio = np.clip((off * along).sum(axis=2) / square, 0.0, 1.0)
    distances_m = np.linalg.norm(off - ratio[..., None] * along, axis=2).min(axis=1)
    # A ray along x crosses the outline an odd number of times from a place inside.
    above, below = starts[..., 1] > at[..., 1], (starts + along)[..., 1] > at[..., 1]
    rises = np.where(along[..., 1] == 0.0, 1.0, along[..., 1])
    crosses = (above != below) & (off[..., 0] < along[..., 0] * off[..., 1] / rises)
    is_inside = crosses.sum(axis=1) % 2 == 1
    return [float(depth_m) for depth_m in np.where(is_inside, distances_m, -distances_m)]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Polylines, or polygons, one after the other, each with a half width."""

    points: Floats
    """float64 (K, 2), m."""
    starts: Ints
    """int64 (C + 1,)."""
    half_widths_m: Floats
    """float64 (C,)."""

    def __post_init__(self) -> None:
        """Check once what the kernels then take for granted."""
        assert corridors.is_set(self.points, self.starts, 1), "not a set of lines"
        assert self.half_widths_m.shape == (len(self.starts) - 1,)
        assert all(width_m >= 0.0 for width_m in self.half_widths_m.tolist())

    @classmethod
    def of(cls, lines: Iterable[tuple[Sequence[Point], float]]) -> "Lines":
        """Put lines with their half widths into arrays."""
        listed = list(lines)
        starts = np.cumsum([0, *(len(points) for points, _ in listed)], dtype=np.int64)
        return cls(
            points=points_array([point for points, _ in listed for point in points]),
            starts=starts,
            half_widths_m=np.array([width for _, width in listed], dtype=np.float64),
        )

    def only(self, line: int) -> "Lines":
        """Give one of the lines by itself."""
        points = self.points[self.starts[line] : self.starts[line + 1]]
        return Lines(
            points=points,
            starts=np.array([0, len(points)], dtype=np.int64),
            half_widths_m=self.half_widths_m[line : line + 1],
        )

    def first_conflict(self, path: Floats, half_width_m: float) -> tuple[int, int, float] | None:
        """Give the path's first segment that meets one of these lines, the line, their distance."""
        found = corridors.first_conflict(
            path, half_width_m, self.points, self.starts, self.half_widths_m
        )
        return found if found[0] >= 0 else None

    def first_near(self, path: Floats, half_width_m: float) -> tuple[int, int, float] | None:
        """Give the path's first segment that meets one of these polygons, and which, and how far.

        The half widths of the polygons do not count.
        """
        found = corridors.first_near_polygon(path, half_width_m, self.points, self.starts)
        return found if found[0] >= 0 else None

    def segments(self, *, closed: bool) -> tuple[Floats, Floats]:
        """Give every segment, float64 (S, 4), and its half width, (S,); rings when ``closed``."""
        owners = np.repeat(np.arange(len(self.half_widths_m)), np.diff(self.starts))
        follower = np.arange(1, len(self.points) + 1)
        lasts = self.starts[1:] - 1
        follower[lasts] = self.starts[:-1]
        segments = np.hstack((self.points, self.points[follower]))
        # An open line has no segment from its last point on, but a lone point is one by itself.
        kept = np.ones(len(self.points), np.bool_)
        kept[lasts] = closed | (np.diff(self.starts) == 1)
        return np.ascontiguousarray(segments[kept]), self.half_widths_m[owners[kept]]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """How far everything is from one place, over a lattice."""

    lattice: "Lattice"
    costs: Floats
    before: Ints

    def cost(self, cell: int) -> float:
        """Give the cost of reaching a cell; inf when it can't be reached."""
        return float(self.costs[cell])

    def climbs(self, cells: Sequence[int], heights_m: Floats) -> list[tuple[int, float, float]]:
        """Give the first cell of the way to each reached cell, its climbs and its descents, m."""
        numbers = _cells(cells)
        assert np.isfinite(self.costs[numbers]).all()
        found_m, firsts = gridpath.climbs(self.before, heights_m, numbers)
        pairs = zip(firsts.tolist(), found_m.tolist(), strict=True)
        return [(first, ascent_m, descent_m) for first, (ascent_m, descent_m) in pairs]


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Cell centres, and the straight moves between neighbours that a corridor can take.

    Every open move has been checked exactly, so a path of moves needs no margin for the grid.
    """

    frame: Floats
    """float64 (3,): x_m, y_m, cell_m."""
    closed: Flags
    """bool (H, W, 4)."""

    @classmethod
    def over(cls, frame: Floats, refinement: int, steep: Flags, half_width_m: float) -> "Lattice":
        """Lay a lattice over a grid, with moves closed where the corridor meets a steep cell.

        ``frame`` and ``steep`` are the grid's; its cells are divided by ``refinement``.
        """
        row_count, column_count = steep.shape
        shape = (row_count * refinement, column_count * refinement, len(gridpath.MOVES))
        fine = np.array([frame[0], frame[1], frame[2] / refinement])
        lattice = cls(frame=fine, closed=np.zeros(shape, np.bool_))
        width_m = half_width_m + SLACK_M
        terrain.close_moves_over(lattice.closed, fine, gridpath.MOVES, steep, width_m)
        return lattice

    def without(self, lines: Lines, half_width_m: float, *, closed: bool) -> "Lattice":
        """Give a lattice whose moves also keep clear of these lines."""
        segments, widths_m = lines.segments(closed=closed)
        apart_m = widths_m + half_width_m + SLACK_M
        moves = self.closed.copy()
        corridors.close_moves_near(moves, self.frame, gridpath.MOVES, segments, apart_m)
        return Lattice(frame=self.frame, closed=moves)

    @property
    def cell_m(self) -> float:
        """Side of a cell."""
        return float(self.frame[2])

    def centre(self, cell: int) -> Point:
        """Give a cell's centre."""
        row, column = divmod(cell, self.closed.shape[1])
        x_m, y_m, cell_m = map(float, self.frame)
        return x_m + (column + 0.5) * cell_m, y_m + (row + 0.5) * cell_m

    def cells_near(self, point: Point) -> list[int]:
        """Give the cells around a point, the nearest centre first, then the lower number."""
        row_count, column_count, _ = self.closed.shape
        x_m, y_m, cell_m = map(float, self.frame)
        row, column = math.floor((point[1] - y_m) / cell_m), math.floor((point[0] - x_m) / cell_m)
        rows = range(max(0, row - JOIN_CELLS), min(row_count, row + JOIN_CELLS + 1))
        columns = range(max(0, column - JOIN_CELLS), min(column_count, column + JOIN_CELLS + 1))
        cells = [i * column_count + j for i in rows for j in columns]
        return sorted(cells, key=lambda cell: (math.dist(self.centre(cell), point), cell))

    def centres(self) -> Floats:
        """Give every cell's centre, float64 (H * W, 2), m."""
        row_count, column_count, _ = self.closed.shape
        x_m, y_m, cell_m = self.frame
        xs = x_m + (np.arange(column_count) + 0.5) * cell_m
        ys = y_m + (np.arange(row_count) + 0.5) * cell_m
        return np.column_stack((np.tile(xs, row_count), np.repeat(ys, column_count)))

    def path(self, sources: Sequence[tuple[int, float]], targets: Sequence[int]) -> Path:
        """Give the shortest way from a source to a target, by centres; empty when there is none.

        A source is a cell and what it costs to be there, m.
        """
        cells, _ = gridpath.find_path(
            self._lengths(), self.closed, self.cell_m, _sources(sources), _cells(targets)
        )
        return tuple(self.centre(int(cell)) for cell in cells)

    def field(
        self, costs: Floats, sources: Sequence[tuple[int, float]], targets: Sequence[int]
    ) -> Field:
        """Give the least cost from the sources to the targets; ``costs`` (H, W) are per metre."""
        reached, before = gridpath.distance_field(
            costs, self.closed, self.cell_m, _sources(sources), _cells(targets)
        )
        return Field(lattice=self, costs=reached, before=before)

    def _lengths(self) -> Floats:
        return np.ones(self.closed.shape[:2])


def _sources(sources: Sequence[tuple[int, float]]) -> tuple[Ints, Floats]:
    return _cells([cell for cell, _ in sources]), np.array(
        [cost for _, cost in sources], np.float64
    )


def _cells(cells: Sequence[int]) -> Ints:
    return np.array(cells, dtype=np.int64)
