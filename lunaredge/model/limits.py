"""Limits of a telemetry channel: where a person wants to be told, and where at once."""

import math
from typing import NamedTuple

import msgspec


class ChannelLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one channel, in its unit; None where there is none. `fault` checks them."""

    warning_low: float | None = None
    warning_high: float | None = None
    critical_low: float | None = None
    critical_high: float | None = None
    hysteresis: float = 0.0
    """So far inside a limit a value has to come back before it counts as inside again."""
    latching: bool = False
    """Its alarm stays until a person has reset it."""
    unit: str = ""
    """Of the channel, for people."""

    @property
    def fault(self) -> "Fault | None":
        """What is wrong with the figures; None when they make sense."""
        bounds = {
            "warning_low": self.warning_low,
            "warning_high": self.warning_high,
            "critical_low": self.critical_low,
            "critical_high": self.critical_high,
        }
        given = {key: value for key, value in bounds.items() if value is not None}
        if not given:
            return Fault("", "there is no limit", f"give at least one of {', '.join(bounds)}")
        for key, value in {**given, "hysteresis": self.hysteresis}.items():
            if not math.isfinite(value):
                return Fault(key, "the limit is not finite", "give a number, or leave it out")
        if self.hysteresis < 0.0:
            return Fault("hysteresis", "the hysteresis is under 0", "give 0 or more")
        return self._order_fault() or self._band_fault(given)

    def _order_fault(self) -> "Fault | None":
        """Find a critical limit that is reached before the warning: it would warn nobody."""
        if _is_over(self.critical_low, self.warning_low):
            remedy = f"give less than warning_low, which is {self.warning_low:g}"
            return Fault("critical_low", "the critical limit is met before the warning", remedy)
        if _is_over(self.warning_high, self.critical_high):
            remedy = f"give more than warning_high, which is {self.warning_high:g}"
            return Fault("critical_high", "the critical limit is met before the warning", remedy)
        return None

    def _band_fault(self, given: dict[str, float]) -> "Fault | None":
        """Find limits that leave no value inside, or none that would count as inside again."""
        low = max((key for key in given if key.endswith("low")), key=given.__getitem__, default="")
        high = min(
            (key for key in given if key.endswith("high")), key=given.__getitem__, default=""
        )
        if not low or not high:
            return None
        band = given[high] - given[low]
        if band <= 0.0:
            remedy = f"give less than {high}, which is {given[high]:g}"
            return Fault(low, "no value is inside the limits", remedy)
        if 2.0 * self.hysteresis >= band:
            remedy = f"give less than {band / 2.0:g}, half of what is between {low} and {high}"
            return Fault("hysteresis", "no value would be inside the limits again", remedy)
        return None


class Fault(NamedTuple):
    """What is wrong with limits."""

    key: str
    """Which of them; empty for all."""
    problem: str
    remedy: str


def _is_over(lower: float | None, upper: float | None) -> bool:
    return lower is not None and upper is not None and lower >= upper
