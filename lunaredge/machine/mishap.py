"""What may be wrong with a simulated machine, and how its controller notices that it slips.

The world's machines are sound unless somebody who tests says otherwise. A mishap is a plain value:
it draws nothing and ends nothing by itself. Each of them is one that plans must stand, so each has
a bound, and the bound is the figure that the plans rest on.
"""

import math

import msgspec

from lunaredge.units import NS_PER_S

# Brakes never give less than this share of what they are rated for: who plans with a machine's
# deceleration takes it times this.
BRAKING_RATIO_MIN = 0.6
# What a sound machine tells as the bound of its pose: drift (0.07) and noise in two axes (0.022).
POSE_ERROR_M = 0.1
# A filter that is unsure is not equally unsure at each of its steps.
POSE_WOBBLE_RATIO = 0.1

# Wheels that turn in vain this much dig themselves in.
SLIP_RATIO_MAX = 0.5
# Slip this long is no single stone.
SLIP_NS_MAX = 2 * NS_PER_S
# Then it stands, and tries again after this.
SLIP_REST_NS = 20 * NS_PER_S

_ROUNDING_M = 1e-9


def lie_m_max(pose_error_m: float) -> float:
    """Give how far a pose may be off besides, so that the least bound that is told is true.

    Whoever may still drive with that bound stays within what corridors allow for.
    """
    return max(0.0, (1.0 - POSE_WOBBLE_RATIO) * pose_error_m - POSE_ERROR_M)


class Mishap(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a machine. The default is a sound one."""

    slip_ratio: float = 0.0
    """Share of each advance and turn that is lost; measured as slip."""
    speed_ratio: float = 1.0
    """Share of its speed that it reaches."""
    stuck: bool = False
    """It doesn't advance, though its drive pulls."""
    silent: bool = False
    """Its controller sends no samples."""
    pose_error_m: float = 0.0
    """The bound on its pose is told as this, or as up to a tenth less: another one each time.
    It is told at once, and until the lie has ended."""
    pose_lie_m: tuple[float, float] = (0.0, 0.0)
    """What its measured pose is off by besides; it begins and ends at rest."""
    braking_ratio: float = 1.0
    """Share of its brakes that is left, as its controller finds out at the next rest."""
    energy_lie_wh: float = 0.0
    """Its battery holds less than is told by so much."""

    def __post_init__(self) -> None:
        """Check the bounds."""
        assert 0.0 <= self.slip_ratio < 1.0
        assert 0.0 < self.speed_ratio <= 1.0
        assert BRAKING_RATIO_MIN <= self.braking_ratio <= 1.0
        assert math.hypot(*self.pose_lie_m) <= lie_m_max(self.pose_error_m) + _ROUNDING_M
        assert self.energy_lie_wh >= 0.0


SOUND = Mishap()


class SlipWatch:
    """Says when a machine is to stand because its wheels turn in vain."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._rests_until_ns = 0

    def take(self, slip_ratio: float, now_ns: int) -> None:
        """Take the slip measured while driving; 0 at rest."""
        if slip_ratio <= SLIP_RATIO_MAX:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = now_ns
        elif now_ns - self._since_ns >= SLIP_NS_MAX:
            self._since_ns = None
            self._rests_until_ns = now_ns + SLIP_REST_NS

    def stands(self, now_ns: int) -> bool:
        """Whether it is not to drive now."""
        return now_ns < self._rests_until_ns
