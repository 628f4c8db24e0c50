"""Where a machine may stand: a grid of open and closed cells, prepared for exact checks.

Cells are closed squares and bodies closed sets: touching is meeting. Row 0 is that of the smallest
y. What a cell is closed for, and whether slopes along and across matter, is the caller's.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels import occupancy as kernel
from lunaredge.kernels import occupancy_sweep as sweep
from lunaredge.kernels.clearance import RANGE_CELLS_MAX, STEPS, fill_clearance
from lunaredge.kernels.convex import COUNT, LOW
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.paths.cover import disc_rows
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.given import checked, explained, flags, numbers
from lunaredge.paths.route import COORDINATE_M_MAX, HEADING_RAD_MAX, Pose, Route

Cell = tuple[int, int]
"""Row and column."""

CELLS_MAX = 2**28
# How far a route's clearance is worth knowing.
CLEARANCE_M = 5.0
# Half a byte's range at an eighth of a cell per step.
RANGE_CELLS = 31
# Off by rounding: so much, and so much of the coordinates.
_SLACK_M = 1e-9
_SLACK_RATIO = 2.0**-49
_OUTLINES_MAX = 64

_Array = TypeVar("_Array", Floats, Flags)


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route first meets closed ground."""

    time_s: float
    segment: int
    """Index of the knot that the segment starts from."""
    pose: Pose
    cell: Cell | None
    """Row and column; None is the ground beyond the grid."""


class Clearance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route comes nearest to closed ground."""

    clearance_m: float
    """0 when they meet."""
    time_s: float
    segment: int = 0
    pose: Pose
    is_in_range: bool = False
    """False: nothing is as near as was looked for; the rest is about the start."""
    cell: Cell | None = None
    """Row and column; None is the ground beyond the grid, or nothing in range."""


class Occupancy:
    """A grid for one kind of machine. Not to be used in one thread while another updates it.

    Raises:
        ConfigError: no grid, a frame that is none, or a range that bytes can't hold.
    """

    @checked("occupancy")
    def __init__(
        self,
        closed: ArrayLike,
        frame: ArrayLike,
        *,
        is_beyond_closed: bool = True,
        top_m: float = math.inf,
        range_cells: int = RANGE_CELLS,
    ) -> None:
        """Prepare a grid.

        closed           : bool (H, W)
        frame            : float64 (3,)   x_m, y_m of the corner of cell (0, 0), cell_m
        is_beyond_closed : whether a body that leaves the grid has met closed ground
        top_m            : how high what closes a cell stands: parts whose low_m is more pass over
        range_cells      : how far the clearance looks; best twice the machine's reach or so
        """
        cells = _array("closed", closed, flags)
        if cells.ndim != 2 or not 1 <= cells.size <= CELLS_MAX:
            raise _wrong("closed", cells.shape, f"give (H, W), 1 to {CELLS_MAX} cells")
        if not 1 <= range_cells <= RANGE_CELLS_MAX:
            raise _wrong("range_cells", range_cells, f"give 1 to {RANGE_CELLS_MAX}")
        self.frame = _frame(frame, cells.shape)
        self.top_m = top_m
        self.range_cells = range_cells
        self.is_beyond_closed = is_beyond_closed
        self._closed = np.pad(cells, 1, constant_values=is_beyond_closed)
        self.cells = self._prepared()
        self._outlines: dict[Footprint, kernel.Outline] = {}

    @classmethod
    @checked("occupancy")
    def of_ground(
        cls,
        slopes_deg: ArrayLike,
        slope_deg_max: float,
        frame: ArrayLike,
        *,
        occupied: ArrayLike | None = None,
        is_beyond_closed: bool = True,
    ) -> "Occupancy":
        """Close what is occupied, too steep, or of a slope that is not known (NaN).

        slopes_deg : float64 (H, W)      occupied : bool (H, W)
        """
        slopes = _array("slopes_deg", slopes_deg, numbers)
        closed = ~(slopes <= slope_deg_max)
        if occupied is not None:
            cells = _array("occupied", occupied, flags)
            if cells.shape != closed.shape:
                raise _wrong("occupied", cells.shape, f"give {closed.shape}, as of the slopes")
            closed |= cells
        return cls(closed, frame, is_beyond_closed=is_beyond_closed)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._closed.shape[0] - 2, self._closed.shape[1] - 2

    @property
    def closed(self) -> Flags:
        """The closed cells, bool (H, W); read-only."""
        cells = self._closed[1:-1, 1:-1]
        cells.flags.writeable = False
        return cells

    @property
    def clearance_m(self) -> Floats:
        """How far every point of each cell is from closed ground, at the least; float64 (H, W)."""
        steps = np.maximum(self.cells[1][1:-1, 1:-1].astype(np.float64) - 1.0, 0.0)
        return steps * (self.range_cells * float(self.frame[2]) / STEPS)

    @checked("occupancy")
    def update(self, row: int, column: int, closed: ArrayLike) -> None:
        """Open and close the cells of a region, bool (h, w), whose first cell is (row, column).

        Costs what the region and the range around it cost; gives what a new grid would be, bit for
        bit.
        """
        cells = _array("closed", closed, flags)
        if cells.ndim != 2 or cells.size == 0:
            raise _wrong("closed", cells.shape, "give (h, w), a cell or more")
        (row_count, column_count), (height, width) = self.shape, cells.shape
        if not (0 <= row <= row_count - height and 0 <= column <= column_count - width):
            raise _wrong("row, column", (row, column), f"keep within {self.shape}")
        self._closed[row + 1 : row + 1 + height, column + 1 : column + 1 + width] = cells
        # A cell farther away has the same byte, closed or open as the region may be.
        around = self.range_cells
        low = np.maximum((row + 1 - around, column + 1 - around), 0)
        high = np.minimum(
            (row + height + around, column + width + around), (row_count + 1, column_count + 1)
        )
        window = np.array((low[0], high[0], low[1], high[1]), np.int64)
        fill_clearance(self.cells[1], self._closed, self.range_cells, window)
        self._open_ring()
        bits = 1 << kernel.WORD_SHIFT
        first, end = column // bits, (column + width - 1) // bits + 1
        columns = slice(1 + first * bits, min(1 + end * bits, column_count + 1))
        self.cells[0][row : row + height, first:end] = _packed(
            self._closed[row + 1 : row + 1 + height, columns]
        )

    @explained("occupancy")
    def check_poses(self, footprint: Footprint, poses: ArrayLike) -> Flags:
        """Tell of each pose whether it is free: no closed cell meets any part; exact.

        poses   : float64 (..., 3)   x_m, y_m, heading_rad
        returns : bool (...)

        Raises:
            ConfigError: a pose is not finite, out of bounds, or none.
        """
        array = _array("poses", poses, numbers)
        if array.ndim == 0 or array.shape[-1] != 3:
            raise _wrong("poses", array.shape, "give (..., 3)")
        rows = array.reshape(-1, 3)
        free = np.empty(len(rows), np.bool_)
        if not kernel.check_poses(free, rows, self.cells, self.outline(footprint)):
            raise _bad_pose(array)
        return free.reshape(array.shape[:-1])

    @explained("occupancy")
    def first_contact(self, footprint: Footprint, route: Route) -> Contact | None:
        """Give where a route first meets closed ground; None when it is free. Continuous in time.

        No contact is missed. What stays within CONTACT_M = 0.1 mm counts as met, in part.
        """
        segment, part, cell = sweep.first_contact(route.knots, self.cells, self.outline(footprint))
        if segment < 0:
            return None
        time_s, pose = route.at(segment, part)
        return Contact(time_s=time_s, segment=segment, pose=pose, cell=self._named(cell))

    @explained("occupancy")
    def least_clearance(
        self, footprint: Footprint, route: Route, within_m: float = CLEARANCE_M
    ) -> Clearance:
        """Give where a route comes nearest to closed ground. Continuous in time.

        The distance given occurs at that pose; nowhere is it less by more than 1 mm. Where nothing
        is nearer than ``within_m``, that is the distance, at the start, to no cell.

        Raises:
            ConfigError: a range that is negative or not finite.
        """
        if not 0.0 <= within_m < math.inf:
            raise _wrong("within_m", within_m, "give metres, 0 or more")
        limit = within_m / float(self.frame[2])
        distance, segment, part, cell = sweep.least_clearance(
            route.knots, self.cells, self.outline(footprint), limit
        )
        if segment < 0:
            return Clearance(
                clearance_m=within_m, time_s=route.start_s, pose=route.pose_at(route.start_s)
            )
        time_s, pose = route.at(segment, part)
        return Clearance(
            clearance_m=distance * float(self.frame[2]),
            time_s=time_s,
            segment=segment,
            pose=pose,
            cell=self._named(cell),
            is_in_range=True,
        )

    def _named(self, cell: int) -> Cell | None:
        return None if cell == kernel.BEYOND else divmod(cell, self.shape[1])

    def outline(self, footprint: Footprint) -> kernel.Outline:
        """Give a machine as kernels take it, on this grid; kept for the next call."""
        found = self._outlines.get(footprint)
        if found is None:
            if len(self._outlines) >= _OUTLINES_MAX:
                self._outlines.clear()
            found = self._outlines[footprint] = self._outline(footprint)
        return found

    def _outline(self, footprint: Footprint) -> kernel.Outline:
        grid = self.cells[2]
        parts = footprint.parts[footprint.parts[:, LOW] <= self.top_m].copy()
        lengths = [k for k in range(parts.shape[1]) if k != COUNT]
        parts[:, lengths] /= self.frame[2]
        discs = disc_rows(parts, grid[kernel.STEPS_PER_CELL], grid[kernel.SLACK])
        if not self.is_beyond_closed:
            # The ring's bytes may not decide; 0 alone is sure to be a closed cell.
            discs[:, 3] = np.minimum(discs[:, 3], 1.0)
        return discs, parts

    def _prepared(self) -> kernel.Cells:
        clearance = np.empty(self._closed.shape, np.uint8)
        rows, columns = self._closed.shape
        window = np.array((0, rows - 1, 0, columns - 1), np.int64)
        fill_clearance(clearance, self._closed, self.range_cells, window)
        x_m, y_m, cell_m = self.frame.tolist()
        height, width = self.shape
        extent_m = max(abs(x_m), abs(y_m)) + (height + width) * cell_m
        grid = np.empty(kernel.GRID)
        grid[kernel.X_M], grid[kernel.Y_M], grid[kernel.CELL_M] = x_m, y_m, cell_m
        grid[kernel.WIDTH] = width
        grid[kernel.SLACK] = (_SLACK_M + _SLACK_RATIO * extent_m) / cell_m
        grid[kernel.CLOSED_BEYOND] = self.is_beyond_closed
        grid[kernel.STEPS_PER_CELL] = STEPS / self.range_cells
        self.cells = _packed(self._closed[1:-1, 1:-1]), clearance, grid
        self._open_ring()
        return self.cells

    def _open_ring(self) -> None:
        if not self.is_beyond_closed:
            # Nobody knows how far beyond the grid a point is: no byte may decide there.
            clearance = self.cells[1]
            clearance[[0, -1], :] = 1
            clearance[:, [0, -1]] = 1


def _packed(cells: Flags) -> kernel.Words:
    """Give flags (H, W) as the bits of words, the lowest first, uint32 (H, ceil(W / 32))."""
    octets = np.packbits(cells, axis=1, bitorder="little")
    octets = np.pad(octets, ((0, 0), (0, -octets.shape[1] % 4)))
    return octets.view("<u4").astype(np.uint32)


def _frame(frame: ArrayLike, shape: tuple[int, int]) -> Floats:
    """Give a frame, checked.

    Raises:
        ConfigError: it is none, or the grid reaches out of bounds.
    """
    array = _array("frame", frame, numbers).copy()
    if array.shape != (3,):
        raise _wrong("frame", array.shape, "give x_m, y_m, cell_m")
    x_m, y_m, cell_m = array.tolist()
    if not 1e-3 <= cell_m <= 1e5:
        raise _wrong("frame[2]", cell_m, "give metres, 0.001 to 100000")
    far_m = max(abs(x_m), abs(y_m), abs(x_m + shape[1] * cell_m), abs(y_m + shape[0] * cell_m))
    if not far_m <= COORDINATE_M_MAX:
        raise _wrong("frame", array.tolist(), f"keep the grid within {COORDINATE_M_MAX:g} m")
    array.flags.writeable = False
    return array


def _array(key: str, value: ArrayLike, read: Callable[[ArrayLike], _Array]) -> _Array:
    """Give a value as `numbers` or `flags` read it.

    Raises:
        ConfigError: it is none.
    """
    try:
        return read(value)
    except (OverflowError, TypeError, ValueError):
        raise _wrong(key, value, "give rows of equal length, of numbers or flags") from None


def _bad_pose(poses: Floats) -> ConfigError:
    """Name the first pose that is not finite, or out of bounds."""
    limits = (COORDINATE_M_MAX, COORDINATE_M_MAX, HEADING_RAD_MAX)
    index = tuple(np.argwhere(~(np.abs(poses) <= limits).all(axis=-1))[0].tolist())
    key = "poses" + "".join(f"[{k}]" for k in index)
    return _wrong(key, poses[index].tolist(), "give finite metres and radians")


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("no occupancy", place="occupancy", key=key, value=value, remedy=remedy)
