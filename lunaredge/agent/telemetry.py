"""Telemetry: the channel table, rows, and batches of packed columns.

Owns which values are sampled and under which names. Rows are kept by the local clock and stamped
with site time when they are packed, so that those from before site time was known are not lost;
too many of those, and the oldest are dropped and counted.
"""

import math
from collections import deque
from operator import attrgetter

import msgspec

from lunaredge.agent.clock import SiteClock
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import Channel
from lunaredge.wire.records import Telemetry, pack_telemetry

NO_VALUE = math.nan


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of itself."""

    tasks_count: int
    progress_ratio: float
    spool_count: int
    spool_bytes: int
    refused_count: int
    clock_error_s: float
    """NaN while site time is not known."""
    lease_left_s: float
    """NaN without a lease."""


_OF_MACHINE: tuple[tuple[str, str], ...] = (
    ("x_m", "m"),
    ("y_m", "m"),
    ("heading_rad", "rad"),
    ("pose_error_m", "m"),
    ("speed_m_s", "m/s"),
    ("station_m", "m"),
    ("battery_wh", "Wh"),
    ("power_w", "W"),
    ("payload_kg", "kg"),
    ("pitch_deg", "deg"),
    ("roll_deg", "deg"),
    ("slip_ratio", "ratio"),
    ("motor_c", "degC"),
    ("charging", "bool"),
    ("blocked", "bool"),
    ("at_rest", "bool"),
)
_OF_AGENT: tuple[tuple[str, str], ...] = (
    ("tasks_count", "count"),
    ("progress_ratio", "ratio"),
    ("spool_count", "count"),
    ("spool_bytes", "B"),
    ("refused_count", "count"),
    ("clock_error_s", "s"),
    ("lease_left_s", "s"),
)
# Channels are named after the fields that they show.
_measured = attrgetter(*(name for name, _ in _OF_MACHINE))
_known = attrgetter(*(name for name, _ in _OF_AGENT))


def channels(*, is_machine: bool) -> tuple[Channel, ...]:
    """Give the channel table that a birth announces, in the order of a row's values."""
    names = (*_OF_MACHINE, *_OF_AGENT) if is_machine else _OF_AGENT
    return tuple(Channel(name=name, unit=unit) for name, unit in names)


class Rows:
    """Rows that are not uploaded yet."""

    def __init__(self, rows_max: int, *, is_machine: bool) -> None:
        assert rows_max >= 1
        self.dropped_count = 0
        """Rows that made room before site time was known."""
        self._rows_max = rows_max
        self._is_machine = is_machine
        self._rows: deque[tuple[int, list[float]]] = deque()

    @property
    def full(self) -> bool:
        """Whether another row would need room."""
        return len(self._rows) >= self._rows_max

    def add(self, sample: Sample | None, health: Health, now_ns: int) -> None:
        """Take a row; a machine that is not heard has no values in it."""
        if self.full:
            self._rows.popleft()
            self.dropped_count += 1
        values: list[float] = []
        if self._is_machine:
            none = [NO_VALUE] * len(_OF_MACHINE)
            values += none if sample is None else map(float, _measured(sample))
        values += map(float, _known(health))
        self._rows.append((now_ns, values))

    def pack(self, clock: SiteClock, now_ns: int) -> tuple[Telemetry, int] | None:
        """Give a batch and its count of rows; None without rows or while site time is not known."""
        site_ns = clock.site_ns(now_ns)
        if not self._rows or site_ns is None:
            return None
        times_ns = [site_ns + (local_ns - now_ns) for local_ns, _ in self._rows]
        batch = pack_telemetry(times_ns[0], times_ns, [values for _, values in self._rows])
        count = len(self._rows)
        self._rows.clear()
        return batch, count
