"""What stands on a site, as convex bodies: exact checks of poses and routes against all of them.

Bodies may come and go: adding or removing one costs its neighbourhood, not the site. Whatever is
asked twice is prepared once: the clearance around every place, and the faces of every body.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from heapq import heappop, heappush

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels import solidcheck, solidroute
from lunaredge.kernels.convex import COLUMNS, CORNERS_MAX
from lunaredge.kernels.jit import Floats, Ints, Shorts
from lunaredge.kernels.solidfaces import (
    CELL,
    CLEAR_MAX,
    FACE_COLUMNS,
    LEFT,
    SOLID_COLUMNS,
    TOP,
    Bytes,
    write_faces,
)
from lunaredge.kernels.solids import BLOCK, END, HEADS, NO_ENTRY, add, remove
from lunaredge.model.site import Point
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.given import check_fields, checked, explained, numbers
from lunaredge.paths.polygon import body_row, is_convex
from lunaredge.paths.route import COORDINATE_M_MAX, Pose, Route
from lunaredge.paths.verdict import Kind

SOLIDS_MAX = 1_000_000
# Clearance is kept up to this: a machine's reach and the range of looking, with little to spare.
RANGE_M = 8.0
# Finer cells clear more poses with one look and cost more memory; measured on 0.25 to 2 m.
CELL_M_MIN = 0.5
TILE_M_MIN = 2.5
# 1 MB of clearance, however large the site is, is held by the second cache; measured on 0.5 to 8.
CELLS_MAX = 1_000_000
TILES_MAX = 1_000_000
# 128 MB of entries; where bodies so large and many overlap that this won't do, tiles are larger.
ENTRIES_MAX = 1 << 24
# Tiles list what is as near as a usual machine reaches; a larger one looks at several tiles.
REACH_M = 3.0
RANGE_OF_LOOKING_M = 5.0
_ROWS_MIN = 16
_NO_BODY = "no convex body"
_ENTRIES_MIN = 4096

Arrays = tuple[Floats, Floats, Floats, Bytes, Shorts]


class Solid(msgspec.Struct, frozen=True, kw_only=True):
    """One convex body: everything within a margin of a convex polygon, a rod or a point.

    Raises:
        ConfigError: no or too many corners, not convex, not finite, or a band or a time upside
            down.
    """

    corners: tuple[Point, ...]
    """In order around the body, either way; one is a point, two are a rod."""
    margin_m: float = 0.0
    low_m: float = 0.0
    """Above the ground: what is lower passes underneath."""
    high_m: float = math.inf
    from_s: float = -math.inf
    until_s: float = math.inf
    kind: Kind = Kind.OBSTACLE
    party: str = ""
    """Whose it is, or its name."""

    def __post_init__(self) -> None:
        """Refuse what is no body."""
        check_fields(self, _NO_BODY, "solid")
        if not 1 <= len(self.corners) <= CORNERS_MAX:
            raise self._wrong("corners", len(self.corners), f"give 1 to {CORNERS_MAX}")
        for k, corner in enumerate(self.corners):
            if not max(map(abs, corner)) <= COORDINATE_M_MAX:
                remedy = f"give metres, at most {COORDINATE_M_MAX:g}"
                raise self._wrong(f"corners[{k}]", corner, remedy)
        if not 0.0 <= self.margin_m <= COORDINATE_M_MAX:
            raise self._wrong("margin_m", self.margin_m, "give 0 or more")
        if not self.low_m < self.high_m:
            raise self._wrong("low_m", self.low_m, f"give less than high_m, {self.high_m:g}")
        if not self.from_s <= self.until_s:
            raise self._wrong("from_s", self.from_s, f"give until_s, {self.until_s:g}, or less")
        if len(self.corners) > 2 and not is_convex(self.corners):
            raise self._wrong("corners", self.corners, "make it convex, or use `convex_pieces`")

    def _wrong(self, key: str, value: object, remedy: str) -> ConfigError:
        place = f"solid {self.party or self.kind.value}"
        return ConfigError(_NO_BODY, place=place, key=key, value=value, remedy=remedy)


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """The first pose of a path that meets a solid; ties: the lowest solid, then its lowest part."""

    pose: int
    solid: int
    part: int


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route first meets a solid."""

    segment: int
    time_s: float
    pose: Pose
    solid: int
    part: int
    depth_m: float
    """How deep they overlap at the worst pose of that segment, to a millimetre."""


class Nearness(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route comes nearest to a solid."""

    clearance_m: float
    """To a millimetre, never too small; negative is how deep they overlap."""
    segment: int
    time_s: float
    pose: Pose
    solid: int
    part: int


class Solids:
    """Bodies by number, prepared for checks against all of them.

    A body costs some 30 us to prepare, add or remove. Checks may run in several threads at once;
    adding and removing may not, nor beside a check.

    Raises:
        ConfigError: more bodies than SOLIDS_MAX.
    """

    @checked("solids")
    def __init__(self, solids: Iterable[Solid] = (), *, reach_m: float = REACH_M) -> None:
        """Enter bodies, which are numbered as they come.

        reach_m : how far most machines that will be checked come from their origin
        """
        if not 0.0 <= reach_m <= COORDINATE_M_MAX:
            raise _wrong("reach_m", reach_m, "give metres, 0 or more")
        self._reach_m = reach_m
        self._solids: list[Solid | None] = list(solids)
        self._free: list[int] = []
        if len(self._solids) > SOLIDS_MAX:
            raise _wrong("solids", len(self._solids), f"give at most {SOLIDS_MAX}")
        self.arrays = self._laid_out()

    def __len__(self) -> int:
        """Count the bodies."""
        return len(self._solids) - len(self._free)

    def __getitem__(self, number: int) -> Solid:
        """Give a body."""
        solid = self._solids[number] if 0 <= number < len(self._solids) else None
        if solid is None:
            raise KeyError(number)
        return solid

    @checked("solids")
    def add(self, solid: Solid) -> int:
        """Enter a body; give its number, the lowest that is free.

        Costs its neighbourhood; outside of all that was there before, or where tiles would list
        more than ENTRIES_MAX bodies in all, a new layout.
        """
        if len(self) == SOLIDS_MAX:
            raise _wrong("solids", SOLIDS_MAX + 1, f"remove some; there may be {SOLIDS_MAX}")
        number = heappop(self._free) if self._free else len(self._solids)
        self._solids[number : number + 1] = [solid]
        rows, _, frame, clear, _ = self.arrays
        row = np.array(_row(solid))
        entered = None
        if number < len(rows) and _is_within(row, frame, clear):
            rows[number] = row
            entered = _entered(self.arrays, number)
        self.arrays = entered or self._laid_out()
        return number

    @checked("solids")
    def remove(self, number: int) -> Solid:
        """Take a body away and give it; its number is free then. Costs its neighbourhood.

        Raises:
            KeyError: there is none of that number.
        """
        solid = self[number]
        self._solids[number] = None
        heappush(self._free, number)
        remove(self.arrays, number, np.empty(len(self.arrays[0]), np.int32))
        return solid

    def _laid_out(self) -> Arrays:
        """Lay out both grids around the bodies, with room for others, and enter them all."""
        numbers = [number for number, solid in enumerate(self._solids) if solid is not None]
        rows = np.zeros((max(_ROWS_MIN, 2 * len(self._solids)), SOLID_COLUMNS))
        for number in numbers:
            rows[number] = _row(self[number])
        boxes = rows[numbers, LEFT : TOP + 1]
        low, high = np.zeros(2), np.zeros(2)
        if numbers:
            low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        area_m2 = float((high - low + 2 * RANGE_M).prod())
        cell_m = max(CELL_M_MIN, math.sqrt(area_m2 / CELLS_MAX))
        low, high = low - RANGE_M - 2 * cell_m, high + RANGE_M + 2 * cell_m
        width, height = (int(count) for count in np.ceil((high - low) / cell_m))
        tile_m = max(TILE_M_MIN, math.sqrt(area_m2 / TILES_MAX))
        while (entries := _entries(boxes, low, tile_m, self._reach_m)) > ENTRIES_MAX:
            tile_m *= 2.0
        tile_columns, tile_rows = (int(count) for count in np.ceil((high - low) / tile_m))
        quantum_m = RANGE_M / CLEAR_MAX
        counts = (1.0 / tile_m, tile_rows, tile_columns, self._reach_m)
        frame = np.array((*low, cell_m, 1.0 / cell_m, quantum_m, *counts))
        clear = np.full((height, width), CLEAR_MAX, np.uint8)
        heads = HEADS + BLOCK * tile_rows * tile_columns
        lists = np.full(heads + 2 * entries + _ENTRIES_MIN, NO_ENTRY, np.int32)
        lists[END] = heads
        arrays: Arrays = (rows, np.zeros((len(rows), FACE_COLUMNS)), frame, clear, lists)
        for number in numbers:
            entered = _entered(arrays, number)
            assert entered is not None, "the lists have room for what was counted"
            arrays = entered
        return arrays


@explained("solids")
def check_path(solids: Solids, footprint: Footprint, poses: ArrayLike) -> Hit | None:
    """Give the first pose of a path that meets a solid; None: all are free. Time does not count.

    poses : float64 (K, 3), x, y, heading; m, m, rad

    Exact but for TOUCH_M, 1e-9 m, and the rounding of the coordinates; touching is meeting.

    Raises:
        ConfigError: not poses, not finite, or too far.
    """
    if not (type(poses) is np.ndarray and poses.dtype == np.float64 and poses.flags.carray):
        poses = _poses(poses)
    if poses.ndim != 2 or poses.shape[1] != 3:
        raise _wrong("poses", poses.shape, "give (K, 3)")
    parts, faces = outline_of(footprint)
    pose, which, part = solidcheck.first_hit(poses, parts, faces, *solids.arrays)
    if pose >= 0:
        return Hit(pose=pose, solid=which, part=part)
    if pose == solidcheck.BAD:
        raise _wrong(f"poses[{which}]", poses[which].tolist(), "give finite metres and radians")
    return None


@explained("solids")
def check_poses(solids: Solids, footprint: Footprint, poses: ArrayLike) -> Ints:
    """Check many paths as `check_path` does.

    poses   : float64 (N, K, 3)
    returns : int64 (N, 3)  pose, solid and part of each path's first hit; -1 where it is free
    """
    paths = _poses(poses)
    if paths.ndim != 3 or paths.shape[2] != 3:
        raise _wrong("poses", paths.shape, "give (N, K, 3)")
    hits = np.empty((len(paths), 3), np.int64)
    parts, faces = outline_of(footprint)
    solidcheck.first_hits(paths, parts, faces, *solids.arrays, hits)
    bad = np.flatnonzero(hits[:, 0] == solidcheck.BAD)
    if bad.size:
        path, pose = int(bad[0]), int(hits[bad[0], 1])
        value = paths[path, pose].tolist()
        raise _wrong(f"poses[{path}][{pose}]", value, "give finite metres and radians")
    return hits


@explained("solids")
def first_contact(solids: Solids, footprint: Footprint, route: Route) -> Contact | None:
    """Give where a route first comes within CONTACT_M of a solid; None: nowhere.

    Continuous in time, turns included; heights and the solids' times count. Nothing that touches is
    missed; what stays more than CONTACT_M, 0.1 mm, away never counts.
    """
    parts, faces = outline_of(footprint)
    segment, u, solid, part = solidroute.first_contact(route.knots, parts, faces, *solids.arrays)
    if segment < 0:
        return None
    gap_m, _ = solidroute.least_to(route.knots, segment, parts, part, solids.arrays[0], solid)
    time_s, pose = route.at(segment, u)
    return Contact(
        segment=segment,
        time_s=time_s,
        pose=pose,
        solid=solid,
        part=part,
        depth_m=max(0.0, -gap_m),
    )


@explained("solids")
def least_clearance(
    solids: Solids, footprint: Footprint, route: Route, range_m: float = RANGE_OF_LOOKING_M
) -> Nearness | None:
    """Give where a route comes nearest to a solid; None: it keeps the range from all of them.

    Right to a millimetre. Ties: the segment that the clearance around it says is nearest, else the
    earliest.

    Raises:
        ConfigError: a range that is negative or not finite.
    """
    if not 0.0 <= range_m < math.inf:
        raise _wrong("range_m", range_m, "give metres, 0 or more")
    parts, faces = outline_of(footprint)
    gap_m, segment, u, solid, part = solidroute.least_clearance(
        route.knots, parts, faces, *solids.arrays, float(range_m)
    )
    if segment < 0:
        return None
    time_s, pose = route.at(segment, u)
    return Nearness(
        clearance_m=gap_m, segment=segment, time_s=time_s, pose=pose, solid=solid, part=part
    )


@lru_cache(maxsize=256)
def outline_of(footprint: Footprint) -> tuple[Floats, Floats]:
    """Give a footprint's parts, and their faces, as the kernels take them."""
    rows, faces = np.zeros((len(footprint.parts), SOLID_COLUMNS)), []
    rows[:, :COLUMNS] = footprint.parts
    for row in rows:
        faces.append(np.zeros(FACE_COLUMNS))
        write_faces(row, faces[-1])
    return footprint.parts, np.array(faces)


def _row(solid: Solid) -> list[float]:
    """Pack a body as the kernels take it, about the middle of its box."""
    xs, ys = zip(*solid.corners, strict=True)
    left, bottom, right, top = min(xs), min(ys), max(xs), max(ys)
    x, y = 0.5 * (left + right), 0.5 * (bottom + top)
    corners = [(px - x, py - y) for px, py in solid.corners]
    margin_m = solid.margin_m
    return [
        *body_row(corners, margin_m, solid.low_m, solid.high_m),
        *(x, y, left - margin_m, bottom - margin_m, right + margin_m, top + margin_m),
        *(solid.from_s, solid.until_s),
    ]


def _entries(boxes: Floats, corner: Floats, tile_m: float, reach_m: float) -> int:
    """Count what tiles list of bodies in boxes, (S, 4), rounding as `kernels.solids.tiles` does."""
    per_m = 1.0 / tile_m
    first = np.floor((boxes[:, :2] - reach_m - corner) * per_m)
    last = np.floor((boxes[:, 2:] + reach_m - corner) * per_m)
    return int((last - np.maximum(first, 0.0) + 1.0).prod(axis=1).sum())


def _entered(arrays: Arrays, number: int) -> Arrays | None:
    """Enter a row into the arrays; give them, with longer lists where the old ones are full.

    None: the lists would be longer than they may be, and nothing is entered.
    """
    while not add(arrays, number):
        lists = arrays[4]
        if len(lists) > 2 * ENTRIES_MAX + TILES_MAX:
            return None
        more = np.full(len(lists), NO_ENTRY, np.int32)
        arrays = (*arrays[:4], np.concatenate((lists, more)), *arrays[5:])
    return arrays


def _is_within(row: Floats, frame: Floats, clear: Bytes) -> bool:
    """Tell whether a body's whole range lies on the grids."""
    margin_m = RANGE_M + 2 * frame[CELL]
    low, high = frame[:2] + margin_m, frame[:2] + frame[CELL] * np.array(clear.shape[::-1])
    box = row[LEFT : TOP + 1]
    return bool((box[:2] >= low).all() and (box[2:] <= high - margin_m).all())


def _poses(poses: ArrayLike) -> Floats:
    """Give poses as the kernels take them; the same array where it will do."""
    try:
        array = np.require(numbers(poses), np.float64, ("C", "A", "W"))
    except (OverflowError, TypeError, ValueError):
        raise _wrong("poses", poses, "give rows of x, y, heading") from None
    return array


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("cannot be checked", place="solids", key=key, value=value, remedy=remedy)
