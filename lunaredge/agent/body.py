"""What the board knows of its machine: the last sample, how old it is, and whether to believe it.

Owns the sensor watchdog. A sample that can't be true is not used, so that a machine that sends
nothing else goes blind by age; a blind machine doesn't move.
"""

import math

from lunaredge.agent.config import AgentConfig
from lunaredge.model.site import COORDINATE_M_MAX
from lunaredge.units import ns_from_s
from lunaredge.wire import driver
from lunaredge.wire.driver import Hello, Sample

# Three periods: one sample may be lost and one late before the machine counts as blind.
_PERIODS_MAX = 3
# A controller that let a set-point live longer than this would run on too long without its agent.
# The same holds for one that took orders which rest on samples older than this.
SETPOINT_LIFETIME_S_MAX = _BASIS_S_MAX = 600.0
# The reserve is left again only well above it, so that a battery at rest doesn't flap.
_RECOVERED_RATIO = 1.05
# Beyond any battery or motor; comparing so also refuses what is no number.
_VALUE_MAX = 1e9
# Orders are counted on from what the controller says: a greater number would leave none.
_ORDER_NO_MAX = 2**62


class Body:
    """One machine as it was last measured. Times are local."""

    def __init__(self, config: AgentConfig) -> None:
        self.last: Sample | None = None
        """The newest sample, however old; None before the first and after a lost driver."""
        self.battery_low = False
        self.sensed_ns: int | None = None
        """When the newest sample was measured."""
        self._attached = False
        self._config = config
        self._stale_ns = _PERIODS_MAX * ns_from_s(config.sample_period_s)

    def attached(self, hello: Hello) -> str | None:
        """Take the controller's word; give the reason where it is refused."""
        if hello.version != driver.VERSION:
            return "driver_version"
        if (
            hello.machine != self._config.node
            or not 0 < hello.setpoint_lifetime_s <= SETPOINT_LIFETIME_S_MAX
            or not 0 < hello.basis_s_max <= _BASIS_S_MAX
        ):
            return "driver_hello"
        self._attached = True
        return None

    def detached(self) -> None:
        """Know nothing of the machine any more."""
        self._attached = False
        self.last = None

    def clock_jumped(self) -> None:
        """Forget the last sample: its age is not known any more."""
        self.last = None
        self.sensed_ns = None

    def sense(self, sample: Sample, measured_ns: int) -> str | None:
        """Take a sample measured then; give the reason where it is refused."""
        if not self._attached:
            return "sensor_detached"
        if not _is_plausible(sample):
            return "sensor"
        self.last = sample
        self.sensed_ns = measured_ns
        reserve_wh = self._config.reserve_wh
        if self.battery_low:
            self.battery_low = sample.battery_wh < _RECOVERED_RATIO * reserve_wh
        else:
            self.battery_low = sample.battery_wh < reserve_wh
        return None

    def fresh(self, now_ns: int) -> Sample | None:
        """Give the last sample while it is young enough to act on."""
        expiry_ns = self.stale_at_ns
        return self.last if expiry_ns is not None and now_ns < expiry_ns else None

    @property
    def stale_at_ns(self) -> int | None:
        """When the last sample becomes too old to act on; None when there is none."""
        if self.last is None or self.sensed_ns is None:
            return None
        return self.sensed_ns + self._stale_ns

    def is_blind(self, started_ns: int, now_ns: int) -> bool:
        """Tell whether there was no sample for too long, counted from the start at the earliest."""
        since_ns = started_ns if self.sensed_ns is None else self.sensed_ns
        return now_ns - since_ns >= self._stale_ns


def _is_plausible(sample: Sample) -> bool:
    places = (sample.x_m, sample.y_m, sample.heading_rad, sample.station_m)
    values = (sample.speed_m_s, sample.pitch_deg, sample.roll_deg)
    # Nothing here rests on these: a broken thermometer must not blind a machine. Telemetry blanks
    # what is no number.
    shown = (sample.power_w, sample.slip_ratio, sample.motor_c)
    positives = (sample.pose_error_m, sample.station_m, sample.battery_wh, sample.payload_kg)
    return (
        all(abs(place) <= COORDINATE_M_MAX for place in places)
        and all(abs(value) <= _VALUE_MAX for value in values)
        and all(abs(value) <= _VALUE_MAX or not math.isfinite(value) for value in shown)
        and all(0.0 <= value <= _VALUE_MAX for value in positives)
        and 0.0 <= sample.brake_ratio <= 1.0
        and 0 <= sample.order_no < _ORDER_NO_MAX
        and 0 <= sample.spent_no < _ORDER_NO_MAX
        and (sample.work is None or 0.0 <= sample.work.progress_ratio <= 1.0)
    )
