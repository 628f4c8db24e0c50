"""A machine's outline: convex parts in its own frame, each with a margin and a height band.

The frame is the machine's: x forward, y left, the origin where a pose places the machine. A part is
everything within its margin of a convex polygon; a point with a margin is a disc, a rod with a
margin a capsule. Bodies are closed sets: touching is meeting.
"""

import math
import zlib
from functools import cached_property

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import CORNERS_MAX
from lunaredge.kernels.jit import Floats
from lunaredge.model.site import Point
from lunaredge.paths.frozen import Frozen, read_only
from lunaredge.paths.given import check_fields, checked
from lunaredge.paths.polygon import body_row, is_convex

PARTS_MAX = 16
# A machine larger than this is a mistake in the units.
SIZE_M_MAX = 1000.0

_NO_PART = "no convex part of a machine"


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
        check_fields(self, _NO_PART, f"part {self.name}")
        if not 1 <= len(self.corners) <= CORNERS_MAX:
            raise self._wrong("corners", len(self.corners), f"give 1 to {CORNERS_MAX}")
        for k, corner in enumerate(self.corners):
            if not max(map(abs, corner)) <= SIZE_M_MAX:
                remedy = f"give metres, at most {SIZE_M_MAX:g}"
                raise self._wrong(f"corners[{k}]", corner, remedy)
        if not 0.0 <= self.margin_m <= SIZE_M_MAX:
            raise self._wrong("margin_m", self.margin_m, f"give 0 to {SIZE_M_MAX:g}")
        if not self.low_m < self.high_m:
            raise self._wrong("low_m", self.low_m, f"give less than high_m, {self.high_m:g}")
        if len(self.corners) > 2 and not is_convex(self.corners):
            raise self._wrong("corners", self.corners, "make it convex, or give several parts")

    @property
    def reach_m(self) -> float:
        """How far from the machine's origin it comes, at any heading."""
        return max(math.hypot(*corner) for corner in self.corners) + self.margin_m

    def _wrong(self, key: str, value: object, remedy: str) -> ConfigError:
        return ConfigError(_NO_PART, place=f"part {self.name}", key=key, value=value, remedy=remedy)


class Footprint(Frozen):
    """All parts of one machine, as people give them and as kernels take them; a value.

    Raises:
        ConfigError: no or too many parts.
    """

    named: tuple[Part, ...]
    """The parts, in order."""

    def __init__(self, *parts: Part) -> None:
        if not 1 <= len(parts) <= PARTS_MAX:
            raise _wrong("parts", len(parts), f"give 1 to {PARTS_MAX} parts")
        for k, part in enumerate(parts):
            if not isinstance(part, Part):
                raise _wrong(f"parts[{k}]", part, "give a Part")
        object.__setattr__(self, "named", parts)

    def __reduce__(self) -> tuple[type["Footprint"], tuple[Part, ...]]:
        """Let a copy be made of the same parts."""
        return type(self), self.named

    def __eq__(self, other: object) -> bool:
        """Tell whether all parts are the same, in the same order."""
        return self.named == other.named if isinstance(other, Footprint) else NotImplemented

    def __hash__(self) -> int:
        """Give the same for equal footprints, in every process."""
        return self._digest

    def __repr__(self) -> str:
        """Give what would make it again."""
        return f"Footprint({', '.join(map(repr, self.named))})"

    @classmethod
    @checked("footprint")
    def rectangle(
        cls, length_m: float, width_m: float, *, ahead_m: float = 0.0, margin_m: float = 0.0
    ) -> "Footprint":
        """Give a rectangle whose centre is so far ahead of the machine's origin.

        Raises:
            ConfigError: a length that is none, or too large.
        """
        for key, size_m in (("length_m", length_m), ("width_m", width_m)):
            if not 0.0 < size_m <= 2.0 * SIZE_M_MAX:
                raise _wrong(key, size_m, f"give more than 0, {2.0 * SIZE_M_MAX:g} at most")
        front, back, side = ahead_m + length_m / 2, ahead_m - length_m / 2, width_m / 2
        corners = ((back, -side), (front, -side), (front, side), (back, side))
        return cls(Part(corners=corners, margin_m=margin_m))

    @classmethod
    @checked("footprint")
    def disc(cls, radius_m: float) -> "Footprint":
        """Give a disc about the machine's origin."""
        return cls(Part(corners=((0.0, 0.0),), margin_m=radius_m))

    @cached_property
    def parts(self) -> Floats:
        """The parts as kernels take them.

        float64 (S, COLUMNS): corner count, margin, low, high, reach, then x and y of each corner,
        counter-clockwise; m. Unused corners are 0.
        """
        return read_only(
            np.array([body_row(p.corners, p.margin_m, p.low_m, p.high_m) for p in self.named])
        )

    @cached_property
    def _digest(self) -> int:
        # Whoever keeps something for a footprint asks at every check. 0 and -0 are equal.
        return zlib.crc32((self.parts + 0.0).tobytes())

    @property
    def reach_m(self) -> float:
        """How far from the machine's origin any part comes, at any heading."""
        return max(part.reach_m for part in self.named)


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("no footprint", place="footprint", key=key, value=value, remedy=remedy)
