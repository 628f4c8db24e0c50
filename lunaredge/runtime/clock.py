"""The clocks that shells hand to cores: site time, and an agent's own monotonic time.

Both can run faster than the wall, so that a demo compresses hours into minutes. Neither ever goes
back within a process. Owns no timers: the runner turns virtual waits into real ones by ``speed``.
"""

import time
from fractions import Fraction
from typing import Annotated, Protocol

import msgspec

from lunaredge.errors import ConfigError

# A speed is kept as a fraction, since integer arithmetic stays exact where a float of 1.7e18 ns
# times 60 would lose 500 ns. A thousandth is finer than anyone compresses time by.
SPEED_DENOMINATOR_MAX = 1000


class Clock(Protocol):
    """What a runner asks the time."""

    @property
    def speed(self) -> float:
        """Seconds of this clock per second of the wall."""
        ...

    def now_ns(self) -> int:
        """Give the time now."""
        ...


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ties site time to the wall clock: at ``wall_ns`` it was ``site_ns``.

    Every process of a site has the same anchor, so that they agree, restarted or not, as well as
    the wall clocks of their computers do.
    """

    wall_ns: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    site_ns: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    speed: Annotated[float, msgspec.Meta(ge=0.001, le=1000.0)] = 1.0


class _Ticker:
    """Runs at a speed on CLOCK_MONOTONIC, from a start value."""

    def __init__(self, start_ns: int, start_monotonic_ns: int, speed: Fraction) -> None:
        assert speed > 0, f"clock speed {speed}"
        self.speed = float(speed)
        self._fraction = speed
        self._start_ns = start_ns
        self._start_monotonic_ns = start_monotonic_ns

    def now_ns(self) -> int:
        """Give the time now; never less than before."""
        return self._start_ns + scaled_ns(
            time.monotonic_ns() - self._start_monotonic_ns, self._fraction
        )


class SiteClock(_Ticker):
    """Site time: nanoseconds since the Unix epoch, virtual when it is compressed.

    The wall clock is read once, at start. A step of it afterwards changes nothing here.
    """

    def __init__(self, anchor: Anchor) -> None:
        """Raises ConfigError when time is compressed from no given moment on."""
        speed = fraction_of(anchor.speed)
        if speed != 1 and anchor.wall_ns == 0:
            raise ConfigError(
                "site time runs at another rate, but nothing says since when",
                place="clock settings",
                key="clock.wall_ns",
                value=0,
                remedy="set wall_ns and site_ns alike in every process of the site",
            )
        monotonic_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        start_ns = anchor.site_ns + scaled_ns(wall_ns - anchor.wall_ns, speed)
        super().__init__(start_ns, monotonic_ns, speed)


class LocalClock(_Ticker):
    """An agent's own clock: CLOCK_MONOTONIC at a speed, with an arbitrary zero."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(0, 0, fraction_of(speed))


def fraction_of(speed: float) -> Fraction:
    """Give a speed as a small fraction."""
    return Fraction(speed).limit_denominator(SPEED_DENOMINATOR_MAX)


def scaled_ns(elapsed_ns: int, speed: Fraction) -> int:
    """Give the elapsed time at a speed, rounded down; exact for any length."""
    return elapsed_ns * speed.numerator // speed.denominator
