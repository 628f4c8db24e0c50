"""The agent's settings: every field with its unit, its range and its reason.

Owns the ranges and their check. Reads no file: the shell decodes one into `AgentConfig`. It holds
nothing of the machine's shape; the scheduler keeps the footprint, the agent only a way to stop.
"""

import msgspec

from lunaredge.agent import channels
from lunaredge.errors import ConfigError
from lunaredge.ids import RESERVED_NAMES, NodeId, SiteId, is_name
from lunaredge.units import ns_from_s
from lunaredge.wire.policy import ChannelPolicy


class ChannelSetting(ChannelPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel's policy as it is written in a file, where a slip of the pen must not pass."""


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one agent, fixed for its life. Times are in the seconds of its own clock."""

    site: SiteId
    """Name of the site, a topic level."""
    node: NodeId
    """Name of this node; also the id of its key."""
    kind: str
    """Free text for people, 1 to 40 characters: "excavator"."""
    is_machine: bool
    """Whether a machine hangs on this board; without one it only computes."""
    slots: int = 0
    """Workloads at the same time, 0 to 64. A board without slots takes no compute tasks."""

    speed_m_s_max: float = 0.0
    """Fastest the machine may drive, m/s, over 0 to 5. Bounds each grant's speed from here."""
    deceleration_m_s2: float = 0.0
    """Braking to count on at the worst, m/s2, over 0 to 5: four fifths of the fleet file's figure,
    or what friction leaves on its steepest ground if that is less.

    The time to stop is the speed over this, and nothing is taken off it any more: the fleet file's
    figure itself, for level ground and sound brakes, would come to rest late.
    """
    reserve_wh: float = 0.0
    """Battery below which it stands and keeps warm, Wh, 0 to 1e6. No plan may go under it."""

    sample_period_s: float = 5.0
    """How often the machine is expected to report, s, 0.01 to 60. Three missed: it is blind."""
    row_period_s: float = 5.0
    """Between telemetry rows, s, 0.1 to 3600. Twelve a minute show every manoeuvre."""
    batch_period_s: float = 60.0
    """Between telemetry uploads, s, 1 to 3600. One frame a minute keeps overhead under 10 %."""
    heartbeat_period_s: float = 10.0
    """Between heartbeats, s, 0.5 to 600. Frees the path behind a moving machine in time."""
    birth_period_s: float = 5.0
    """Between births until a census answers, s, 0.5 to 600."""
    time_period_s: float = 30.0
    """Between requests for site time, s, 1 to 3600. 100 ppm over 30 s is 3 ms of error."""

    request_retry_s: float = 30.0
    """An authority request without an answer is asked anew after this, s, 1 to 600."""
    renew_retry_s: float = 30.0
    """A renewal without an answer is asked anew after this, s, 1 to 600."""
    extend_retry_s: float = 5.0
    """While the stop point is near, a farther one is asked for this often, s, 1 to 600."""
    ask_ahead_s: float = 30.0
    """A farther stop point is asked for this long before a machine at full speed is there, s,
    1 to 600. Five asks may be lost before it brakes."""
    wait_s: float = 60.0
    """Waiting at a stop point for so long, the machine asks for another way, s, 1 to 3600."""
    reach_s: float = 120.0
    """Silent for this long, the scheduler is out of reach (A2), s, 5 to 3600. Four answers."""

    go_home_after_s: float = 900.0
    """Out of reach for this long and with nothing left that it may do, a machine goes home, if its
    authority has a way home, s, 60 to 86400. Until then a short outage costs no trip."""

    clock_error_s_max: float = 5.0
    """Site time known worse than this: stand still, s, 0.01 to 60.

    Commands live 120 s, so 5 s can't make an expired one look fresh by much; and a clock that
    runs 60 times as fast sees each 100 ms of round trip as 6 s.
    """
    clock_margin_s: float = 5.0
    """Rest this long before a lease ends, s, 0.01 to 60. Covers late ticks of the shell, and
    twice what the board's clock may lose unseen."""
    clock_apart_s_max: float = 1.0
    """The board's clock and its controller's may part by this before the board's is not trusted
    any more, s, 0.001 to 30. No more than half the clock margin."""
    drift_ppm: float = 100.0
    """Worst rate error of a sound clock, parts per million, 0 to 1000. Crystals keep 50."""
    rate_error_ratio: float = 0.12
    """Worst rate error of a clock that no other one watches, 0 to 0.5. Broken ones run 10 % off."""
    round_trip_s_max: float = 20.0
    """A time answer slower than this is refused, s, 0.1 to 120. Its bound would be useless."""

    release_gap_m: float = 1.0
    """Kept behind the machine when it gives back its path, m, 0 to 20. Covers rolling back."""
    stall_s: float = 1800.0
    """Permitted to go on without any progress for this long: the task fails, s, 60 to 86400."""

    spool_bytes_max: int = 8_388_608
    """Unacknowledged records in memory, bytes, 64 KiB to 1 GiB. 8 MiB is days of one machine."""
    spool_after_s: float = 30.0
    """Telemetry unacknowledged for this long goes to disk, s, 1 to 600. Flash wears out."""
    flash_bytes_per_day_max: int = 67_108_864
    """Written to disk in a day, bytes, 1 MiB to 1 TiB. Over it, telemetry waits in memory; all else
    is written as ever. A day out of reach takes 26 MiB."""
    resend_s: float = 20.0
    """An upload without acknowledgement is sent again after this, s, 1 to 600."""
    batch_rows_max: int = 240
    """Rows in one upload, 1 to 1500; also what is kept before site time is known.

    A row in which everything changed takes 160 bytes; an upload must fit a frame of 256 KiB.
    """
    channels: dict[str, ChannelSetting] = {}
    """When telemetry channels are sent, by name, where that is to be other than it is by itself."""

    @property
    def stopping_ns(self) -> int:
        """Longest time from full speed to rest; 0 for what doesn't move."""
        return ns_from_s(self.speed_m_s_max / self.deceleration_m_s2) if self.is_machine else 0

    @property
    def ask_ahead_m(self) -> float:
        """A stop point nearer than this is asked to be put farther, braking included."""
        rolling_m = self.rolling_m(self.speed_m_s_max)
        return self.speed_m_s_max * (self.ask_ahead_s + self.sample_period_s) + rolling_m

    def rolling_m(self, speed_m_s: float) -> float:
        """Give how far the machine rolls at most, from that speed to rest."""
        return speed_m_s * speed_m_s / (2.0 * self.deceleration_m_s2) if self.is_machine else 0.0

    def validate(self, place: str = "agent settings") -> None:
        """Check names, ranges and what fits together.

        Raises:
            ConfigError: the first field that is out of its range.
        """
        for name, low, high in _RANGES:
            value = getattr(self, name)
            # NaN is in no range; an integer may be too large for a float.
            if not low <= value <= high:
                remedy = f"set it between {low:g} and {high:g}"
                raise _wrong("out of range", place, name, value, remedy)
        _validate_names(self, place)
        _validate_channels(self, place)
        if 2.0 * self.clock_apart_s_max > self.clock_margin_s:
            apart_s, half_s = self.clock_apart_s_max, 0.5 * self.clock_margin_s
            remedy = f"set it to {half_s:g} or less, or clock_margin_s higher"
            raise _wrong("over half the margin", place, "clock_apart_s_max", apart_s, remedy)
        if self.is_machine and not self.speed_m_s_max > 0.0:
            raise _wrong("a machine must move", place, "speed_m_s_max", self.speed_m_s_max, _ABOVE)
        if self.is_machine and not self.deceleration_m_s2 > 0.0:
            braking = self.deceleration_m_s2
            raise _wrong("a machine must brake", place, "deceleration_m_s2", braking, _ABOVE)
        if not self.is_machine and self.slots == 0:
            raise _wrong("no machine and no slots", place, "slots", 0, "give it work it can do")


_ABOVE = "set it above 0, from the machine's data sheet"

_RANGES = (
    ("slots", 0, 64),
    ("speed_m_s_max", 0.0, 5.0),
    ("deceleration_m_s2", 0.0, 5.0),
    ("reserve_wh", 0.0, 1e6),
    ("sample_period_s", 0.01, 60.0),
    ("row_period_s", 0.1, 3600.0),
    ("batch_period_s", 1.0, 3600.0),
    ("heartbeat_period_s", 0.5, 600.0),
    ("birth_period_s", 0.5, 600.0),
    ("time_period_s", 1.0, 3600.0),
    ("request_retry_s", 1.0, 600.0),
    ("renew_retry_s", 1.0, 600.0),
    ("extend_retry_s", 1.0, 600.0),
    ("ask_ahead_s", 1.0, 600.0),
    ("wait_s", 1.0, 3600.0),
    ("reach_s", 5.0, 3600.0),
    ("go_home_after_s", 60.0, 86400.0),
    ("clock_error_s_max", 0.01, 60.0),
    ("clock_margin_s", 0.01, 60.0),
    ("clock_apart_s_max", 0.001, 30.0),
    ("drift_ppm", 0.0, 1000.0),
    ("rate_error_ratio", 0.0, 0.5),
    ("round_trip_s_max", 0.1, 120.0),
    ("release_gap_m", 0.0, 20.0),
    ("stall_s", 60.0, 86400.0),
    ("spool_bytes_max", 65_536, 1_073_741_824),
    ("spool_after_s", 1.0, 600.0),
    ("flash_bytes_per_day_max", 1_048_576, 1_099_511_627_776),
    ("resend_s", 1.0, 600.0),
    ("batch_rows_max", 1, 1500),
)


def _validate_names(config: AgentConfig, place: str) -> None:
    for key, name in (("site", config.site), ("node", config.node)):
        if not is_name(name):
            raise _wrong("not a name", place, key, name, "use a-z, 0-9 and '-', at most 40")
    if config.node in RESERVED_NAMES:
        raise _wrong("a reserved name", place, "node", config.node, "choose another")
    if not 1 <= len(config.kind) <= 40:
        raise _wrong("1 to 40 characters", place, "kind", config.kind, "name the kind of node")


def _validate_channels(config: AgentConfig, place: str) -> None:
    own = channels.policies(is_machine=config.is_machine)
    misfit = channels.misfit(config.channels, own)
    if misfit is not None:
        key = f"channels.{misfit.key}"
        raise _wrong("can't be used", place, key, misfit.value, misfit.remedy)


def _wrong(problem: str, place: str, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place=place, key=key, value=value, remedy=remedy)
