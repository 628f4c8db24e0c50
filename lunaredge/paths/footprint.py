"""A machine's outline: convex parts in its own frame, each with a margin and a height band.

The frame is the machine's: x forward, y left, the origin where a pose places the machine. A part is
everything within its margin of a convex polygon; a point with a margin is a disc, a rod with a
margin a capsule. Bodies are closed sets: touching is meeting.
"""

import math
from functools import cached_property
from itertools import pairwise

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import COLUMNS, CORNERS, CORNERS_MAX
from lunaredge.kernels.jit import Floats
from lunaredge.model.site import Point

PARTS_MAX = 16
# A machine larger than this is a mistake in the units.
SIZE_M_MAX = 1000.0
# Cross products of unit edges under this are straight lines.
_STRAIGHT = 1e-12


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One convex piece of a machine: its body, its blade, all that its boom sweeps.

    Raises:
        ConfigError: no or too many corners, not convex, not finite, or a band upside down.
    """

    name: str = "body"
    corners: tuple[Point, ...]
    """In order around the piece, either way; one is a point, two are a rod."""
    margin_m: float = 0.0
    low_m: float = 0.0
    """Above the ground: what is lower passes underneath."""
    high_m: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no convex piece."""
        try:
            corners = tuple((float(x_m), float(y_m)) for x_m, y_m in self.corners)
        except (OverflowError, TypeError, ValueError):
            raise self._wrong("corners", self.corners, "give pairs of x and y, m") from None
        msgspec.structs.force_setattr(self, "corners", corners)
        if not 1 <= len(self.corners) <= CORNERS_MAX:
            raise self._wrong("corners", len(self.corners), f"give 1 to {CORNERS_MAX}")
        for number in (*(value for corner in self.corners for value in corner), self.margin_m):
            if not abs(number) <= SIZE_M_MAX:
                raise self._wrong("corners", number, f"give metres, at most {SIZE_M_MAX:g}")
        if self.margin_m < 0.0:
            raise self._wrong("margin_m", self.margin_m, "give 0 or more")
        if not self.low_m < self.high_m:
            raise self._wrong("low_m", self.low_m, f"give less than high_m, {self.high_m:g}")
        if len(self.corners) > 2 and not _is_convex(self.corners):
            raise self._wrong("corners", self.corners, "make it convex, or give several parts")

    @property
    def reach_m(self) -> float:
        """How far from the machine's origin it comes, at any heading."""
        return max(math.hypot(*corner) for corner in self.corners) + self.margin_m

    def _wrong(self, key: str, value: object, remedy: str) -> ConfigError:
        return ConfigError(
            "no convex part of a machine",
            place=f"part {self.name}",
            key=key,
            value=value,
            remedy=remedy,
        )


class Footprint:
    """All parts of one machine, as people give them and as kernels take them."""

    def __init__(self, *parts: Part) -> None:
        if not 1 <= len(parts) <= PARTS_MAX:
            raise ConfigError(
                "no footprint",
                place="footprint",
                key="parts",
                value=len(parts),
                remedy=f"give 1 to {PARTS_MAX} parts",
            )
        self.named = parts

    @classmethod
    def rectangle(
        cls, length_m: float, width_m: float, *, ahead_m: float = 0.0, margin_m: float = 0.0
    ) -> "Footprint":
        """Give a rectangle whose centre is so far ahead of the machine's origin."""
        front, back, side = ahead_m + length_m / 2, ahead_m - length_m / 2, width_m / 2
        corners = ((back, -side), (front, -side), (front, side), (back, side))
        return cls(Part(corners=corners, margin_m=margin_m))

    @classmethod
    def disc(cls, radius_m: float) -> "Footprint":
        """Give a disc about the machine's origin."""
        return cls(Part(corners=((0.0, 0.0),), margin_m=radius_m))

    @cached_property
    def parts(self) -> Floats:
        """The parts as kernels take them.

        float64 (S, COLUMNS): corner count, margin, low, high, reach, then x and y of each corner,
        counter-clockwise; m. Unused corners are 0.
        """
        rows = np.zeros((len(self.named), COLUMNS))
        for row, part in zip(rows, self.named, strict=True):
            corners = _counter_clockwise(part.corners)
            row[:CORNERS] = (len(corners), part.margin_m, part.low_m, part.high_m, part.reach_m)
            row[CORNERS : CORNERS + 2 * len(corners)] = np.array(corners).ravel()
        rows.flags.writeable = False
        return rows

    @property
    def reach_m(self) -> float:
        """How far from the machine's origin any part comes, at any heading."""
        return max(part.reach_m for part in self.named)


def _turns(corners: tuple[Point, ...]) -> list[float]:
    """Give the cross product of each edge's direction and the next one's."""
    edges = [
        (bx - ax, by - ay) for (ax, ay), (bx, by) in pairwise((*corners, corners[0], corners[1]))
    ]
    units = [(x / math.hypot(x, y), y / math.hypot(x, y)) for x, y in edges if x or y]
    return [ax * by - ay * bx for (ax, ay), (bx, by) in pairwise(units)]


def _is_convex(corners: tuple[Point, ...]) -> bool:
    """Tell whether the corners go around once, always turning the same way."""
    if len(set(corners)) < len(corners):
        return False
    turns = _turns(corners)
    if min(turns) < -_STRAIGHT and max(turns) > _STRAIGHT:
        return False
    # A star turns the same way all along, and goes around twice.
    headings = [math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in pairwise((*corners, *corners[:2]))]
    around = sum(math.remainder(b - a, math.tau) for a, b in pairwise(headings))
    return abs(abs(around) - math.tau) < 1e-6


def _counter_clockwise(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Give the corners in counter-clockwise order."""
    twice_area = sum(ax * by - ay * bx for (ax, ay), (bx, by) in pairwise((*corners, corners[0])))
    return corners if twice_area >= 0.0 else corners[::-1]
