"""A timed route: poses at times, everything linear in between.

Times are seconds of a clock that all routes, zones and reservations of one world share. Headings
are unwrapped: from 0 to 6.28 is a full turn on the way.
"""

import math
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.knots import FAR, FINE, SPIN, first_wrong
from lunaredge.paths.frozen import Frozen, read_only
from lunaredge.paths.given import checked, explained, numbers

# No coordinate is larger than the Moon is round.
COORDINATE_M_MAX = 1.1e7
TIME_S_MAX = 1e11
# More turns than a route has; beyond it a double holds an angle only to a nanoradian.
HEADING_RAD_MAX = 1e6
# Each turn past something costs a check some time: 32 turns of a machine 2 km wide, a hair from a
# wall, take 3,600 of the 1,000,000 steps after which a check would give up, and 40 ms (x86-64 at
# 2.6 GHz, 2026-11). More turns in one segment nobody means.
TURN_RAD_MAX = 200.0
KNOTS_MAX = 1_000_000

TIME, X, Y, HEADING = range(4)
_LIMITS = np.array((TIME_S_MAX, COORDINATE_M_MAX, COORDINATE_M_MAX, HEADING_RAD_MAX, TURN_RAD_MAX))


class Pose(NamedTuple):
    """Where a machine stands and looks; the heading counts counter-clockwise from +x."""

    x_m: float
    y_m: float
    heading_rad: float


class Route(Frozen):
    """Knots of a route, checked once. Equal times need equal poses: nothing jumps.

    Before the first knot the machine stands at the first pose, after the last at the last. From one
    knot to the next it turns by TURN_RAD_MAX, 32 full turns, at most; more take knots in between.

    Raises:
        ConfigError: no knots, not finite, out of bounds, time that runs back, a jump, or a spin.
    """

    __slots__ = ("knots",)

    knots: Floats
    """float64 (K, 4): time_s, x_m, y_m, heading_rad; read-only."""

    def __init__(self, knots: ArrayLike) -> None:
        try:
            array = np.array(numbers(knots))
        except (OverflowError, TypeError, ValueError):
            raise _wrong("knots", knots, "give rows of time, x, y, heading") from None
        if array.ndim != 2 or array.shape[1] != 4 or not 1 <= len(array) <= KNOTS_MAX:
            raise _wrong("knots", array.shape, f"give (K, 4) with K from 1 to {KNOTS_MAX}")
        wrong, row, column = first_wrong(array, _LIMITS)
        if wrong == FAR:
            value, most = float(array[row, column]), _LIMITS[column]
            raise _wrong(f"knots[{row}][{column}]", value, f"give up to {most:g}")
        if wrong == SPIN:
            value, most = float(array[row, column] - array[row - 1, column]), TURN_RAD_MAX
            remedy = f"turn by {most:g} rad at most from knot to knot; put knots in between"
            raise _wrong(f"turn to knots[{row}]", value, remedy)
        if wrong != FINE:
            raise _wrong(f"knots[{row}]", array[row].tolist(), "let time rise from knot to knot")
        object.__setattr__(self, "knots", read_only(array))

    def __reduce__(self) -> tuple[type["Route"], tuple[Floats]]:
        """Let a copy be made of the same knots, checked anew."""
        return type(self), (self.knots,)

    @classmethod
    @checked("route")
    def of_poses(cls, poses: ArrayLike, period_s: float = 1.0, *, start_s: float = 0.0) -> "Route":
        """Give a route through poses, (K, 3), that are a period apart.

        Raises:
            ConfigError: no poses, no period, or what makes no route.
        """
        try:
            array = numbers(poses)
        except (OverflowError, TypeError, ValueError):
            raise _wrong("poses", poses, "give rows of x, y, heading") from None
        if array.ndim != 2 or array.shape[1] != 3:
            raise _wrong("poses", array.shape, "give (K, 3)")
        for key, time_s in (("period_s", period_s), ("start_s", start_s)):
            if not abs(time_s) <= TIME_S_MAX:
                raise _wrong(key, time_s, f"give seconds, at most {TIME_S_MAX:g}")
        times_s = start_s + period_s * np.arange(len(array))
        return cls(np.column_stack((times_s, array)))

    def __eq__(self, other: object) -> bool:
        """Tell whether all knots are the same."""
        if not isinstance(other, Route):
            return NotImplemented
        return self is other or np.array_equal(self.knots, other.knots)

    def __hash__(self) -> int:
        """Give the same for equal routes, in every process; 0 and -0 are equal."""
        return zlib.crc32((self.knots + 0.0).tobytes())

    def __repr__(self) -> str:
        """Give what people know it by: how many knots, from when until when."""
        return f"Route({len(self)} knots from {self.start_s:g} s to {self.end_s:g} s)"

    def __len__(self) -> int:
        """Count the knots."""
        return len(self.knots)

    @property
    def start_s(self) -> float:
        """Time of the first knot."""
        return float(self.knots[0, TIME])

    @property
    def end_s(self) -> float:
        """Time of the last knot."""
        return float(self.knots[-1, TIME])

    @property
    def length_m(self) -> float:
        """Length of the way of the machine's origin."""
        return float(np.hypot(*np.diff(self.knots[:, X:HEADING], axis=0).T).sum())

    @checked("route")
    def pose_at(self, time_s: float) -> Pose:
        """Give the pose at a time; before the start and after the end the machine stands."""
        times_s = self.knots[:, TIME]
        return Pose(*(float(np.interp(time_s, times_s, self.knots[:, c])) for c in (X, Y, HEADING)))

    @explained("route")
    def at(self, segment: int, part: float) -> tuple[float, Pose]:
        """Give the time and the pose after a part, 0 to 1, of a segment.

        Raises:
            ConfigError: there is no such segment, or no such part of it.
        """
        if not 0 <= segment < len(self.knots):
            raise _wrong("segment", segment, f"give the number of a knot, 0 to {len(self) - 1}")
        if not 0.0 <= part <= 1.0:
            raise _wrong("part", part, "give 0 to 1")
        start = self.knots[segment]
        end = self.knots[min(segment + 1, len(self.knots) - 1)]
        time_s, x_m, y_m, heading_rad = (start + part * (end - start)).tolist()
        return time_s, Pose(x_m, y_m, heading_rad)

    @checked("route")
    def delayed(self, delay_s: float) -> "Route":
        """Give the same route, so much later.

        Raises:
            ConfigError: it would be too late.
        """
        return Route(self.knots + np.array((delay_s, 0.0, 0.0, 0.0)))


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("no route", place="route", key=key, value=value, remedy=remedy)


def wrapped(heading_rad: float) -> float:
    """Give the same heading from -pi to pi."""
    return math.remainder(heading_rad, math.tau)
