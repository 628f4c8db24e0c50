"""Settings of the site's processes, by pydantic: every field with its unit, range and reason.

Paths are relative to the settings file's folder. The cores' fixed configurations are made from
these; what is not named here keeps the default that stands beside its reason in the core's own
configuration.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from lunaredge.earth.line import LineConfig
from lunaredge.ids import SiteId
from lunaredge.model.contact import LINK_PRESETS
from lunaredge.runtime.clock import Anchor
from lunaredge.runtime.files.fields import Name, Written, name, number, positive, text, validated
from lunaredge.runtime.mqtt import LinkSettings, MqttVersion
from lunaredge.runtime.settings_file import read_settings
from lunaredge.units import ns_from_s

_Port = Annotated[int, number("port", 1, 65_535, "1883 is MQTT's own")]


def _known_preset(preset: str) -> str:
    if preset not in LINK_PRESETS:
        raise ValueError("no such link preset")
    return preset


Preset = Annotated[
    str,
    AfterValidator(_known_preset),
    Field(description=f"rates of the link, one of {', '.join(LINK_PRESETS)}"),
]


class BrokerPlace(Written):
    """Where a broker is."""

    host: Annotated[str, text(253, "name or address; 127.0.0.1 for this machine")] = "127.0.0.1"
    port: _Port = 1883
    protocol: Annotated[
        Literal["auto", "5", "3.1.1"],
        Field(description="auto, 5 or 3.1.1: auto takes 5 where the broker has it"),
    ] = "auto"

    def link(self) -> LinkSettings:
        """Give the link's own form."""
        return LinkSettings(host=self.host, port=self.port, protocol=MqttVersion(self.protocol))


class ClockPart(Written):
    """How site time runs. Left out, site time is UTC."""

    wall_ns: Annotated[int, number("ns", 0, 2**62, "wall-clock time of the anchor")] = 0
    site_ns: Annotated[int, number("ns", 0, 2**62, "site time at the anchor")] = 0
    speed: Annotated[float, number("ratio", 0.001, 1000, "1, unless a demo compresses time")] = 1.0

    def anchor(self) -> Anchor:
        """Give the clock's own form."""
        return Anchor(wall_ns=self.wall_ns, site_ns=self.site_ns, speed=self.speed)


class SiteProcess(Written):
    """What every process of the site is told."""

    broker: BrokerPlace = BrokerPlace()
    clock: ClockPart = ClockPart()
    keys: Annotated[str, text(4096, "folder of the keys: its own seed and public.json")]
    store: Annotated[str, text(4096, "file of the process's store, on a disk that syncs")]
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="what is logged")
    ] = "info"


class SchedulerSettings(SiteProcess):
    """Settings of the scheduler."""

    site_file: Annotated[str, text(4096, "the site file")]
    fleet_file: Annotated[str, text(4096, "the fleet file")]
    corridor_margin_m: Annotated[
        float, number("m", 0.5, 10, "added to a machine's radius: pose, tracking, overrun, map")
    ] = 0.8
    authority_lifetime_s: Annotated[
        float, number("s", 10, 86_400, "outlives a restart of the scheduler, so nobody brakes")
    ] = 900.0
    authority_ahead_s: Annotated[
        float, number("s", 40, 86_400, "how far ahead a stop point is put, in time at full speed")
    ] = 90.0
    on_loss: Annotated[
        Literal["stop", "stop_point", "home"],
        Field(
            description="what a machine does while this scheduler is out of reach: stop where it "
            "is, go on to its stop point, or after that go home by the way it came, which is kept "
            "free for it all the time"
        ),
    ] = "stop_point"
    home_lifetime_s: Annotated[
        float,
        number("s", 60, 86_400, "with on_loss home: so long it may set off; while there is light"),
    ] = 21_600.0
    clock_error_s: Annotated[
        float, number("s", 0.01, 3_600, "machines whose clocks may be more wrong stand still")
    ] = 5.0
    command_expiry_s: Annotated[
        float, number("s", 5, 3_600, "an older command changes nothing: the site has moved on")
    ] = 120.0
    command_resend_s: Annotated[
        float, number("s", 0.5, 600, "twice the time that a busy link takes to answer")
    ] = 10.0
    lost_after_s: Annotated[
        float, number("s", 5, 86_400, "twelve heartbeats without one: the node is called lost")
    ] = 120.0
    archive_silent_s: Annotated[
        float,
        number("s", 0, 86_400, "alarm `archive.silent` after so long without its word; 0: never"),
    ] = 300.0
    park_after_s: Annotated[
        float, number("s", 1, 86_400, "an idle machine goes home after this time")
    ] = 120.0
    checkpoint_entries: Annotated[
        int, number("entries", 100, 100_000_000, "a restart replays at most this many")
    ] = 20_000


class ArchiveProcessSettings(SiteProcess):
    """Settings of the telemetry archive."""

    store: Annotated[str, text(4096, "folder of the archive, on a disk that syncs")]
    site_file: Annotated[str, text(4096, "the site file")]
    fleet_file: Annotated[str, text(4096, "the fleet file, for the limits of channels")]
    commit_period_s: Annotated[
        float, number("s", 0.01, 60, "what comes in so long goes to the disk in one go")
    ] = 0.2
    ack_period_s: Annotated[
        float, number("s", 0.1, 600, "a sender without a backlog is answered this often")
    ] = 5.0
    drain_uploads_per_s: Annotated[
        float,
        number(
            "uploads/s", 1, 1_000_000, "of backlogs of the whole fleet, so that all else goes on"
        ),
    ] = 1_500.0
    under_way_max: Annotated[
        int, number("uploads", 2, 1_000_000, "of the whole fleet that may be under way in a drain")
    ] = 2_048
    late_after_s: Annotated[
        float, number("s", 1, 86_400, "what speaks of a time longer ago is backfill: no alarm")
    ] = 180.0
    raw_days: Annotated[int, number("days", 1, 36_500, "samples older than this expire")] = 30
    minutes_days: Annotated[
        int, number("days", 1, 36_500, "roll-ups by the minute expire; those by the hour never")
    ] = 400
    raw_bytes_max: Annotated[
        int, number("bytes", 0, 2**50, "over it the oldest samples expire early; 0 for no bound")
    ] = 0


class EarthLinkSettings(SiteProcess):
    """What both ends of the Earth link are told."""

    site: Annotated[Name, name("the site's name, as in its file")]
    contacts_file: Annotated[str, text(4096, "the contact plan")]
    preset: Preset = "relay"
    margin_s: Annotated[
        float, number("s", 1, 3_600, "added to two light times before a thing is sent again")
    ] = 5.0
    silence_s: Annotated[
        float, number("s", 10, 86_400, "three beats and a round trip unheard: the link is out")
    ] = 100.0
    link_host: Annotated[str, text(253, "where the link's modem is")] = "127.0.0.1"
    link_port: Annotated[int, number("port", 1, 65_535, "UDP port of the link's modem, here")]

    def line(self) -> LineConfig:
        """Give the line's own form."""
        return LineConfig(margin_ns=ns_from_s(self.margin_s), silence_ns=ns_from_s(self.silence_s))

    @property
    def site_id(self) -> SiteId:
        """Give the site's name as an id."""
        return SiteId(self.site)


class GatewaySettings(EarthLinkSettings):
    """Settings of the gateway, the site's end of the link."""

    outbox_bytes_max: Annotated[
        int, number("bytes", 1_000_000, 2**40, "a fortnight of summaries is 48 MB")
    ] = 64 * 1024 * 1024


class EarthSettings(EarthLinkSettings):
    """Settings of the Earth station."""

    approve: Annotated[
        Literal["auto", "manual"],
        Field(description="auto approves whatever asks; manual waits for an operator on Earth"),
    ] = "manual"
    approve_delay_s: Annotated[
        float, number("s", 0, 604_800, "auto answers this late: people take time to look and talk")
    ] = 0.0


class SpaceLinkPart(Written):
    """The emulated space between the two ends of the Earth link."""

    contacts_file: Annotated[str, text(4096, "the contact plan that space obeys")]
    preset: Preset = "relay"
    moon_port: Annotated[int, number("port", 1, 65_535, "UDP port toward the gateway")]
    earth_port: Annotated[int, number("port", 1, 65_535, "UDP port toward the Earth station")]


class MachinesSettings(Written):
    """Settings of the simulated machines."""

    site_file: Annotated[str, text(4096, "the site file")]
    fleet_file: Annotated[str, text(4096, "the fleet file")]
    listen: Annotated[str, text(4096, "unix:PATH or tcp:HOST:PORT, for the agents' drivers")]
    truth_folder: Annotated[str, text(4096, "where the ground truth is written")]
    setpoint_lifetime_s: Annotated[
        float, positive("s", 600, "a set-point dies after this; 0.5 unless time is compressed")
    ] = 0.5
    sample_period_s: Annotated[float, positive("s", 60, "between two samples of a machine")] = 5.0
    seed: Annotated[int, number("seed", 0, 2**31, "of the small errors of measurement")] = 1
    clock: ClockPart = ClockPart()
    space: SpaceLinkPart | None = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="what is logged")
    ] = "info"


class BrokerSettingsFile(Written):
    """Settings of the broker that `lunaredge broker` runs."""

    port: _Port = 1883
    host: Annotated[str, text(253, "loopback only: the generated broker has no accounts")] = (
        "127.0.0.1"
    )
    folder: Annotated[str, text(4096, "its configuration, log and persistence file")]
    cache: Annotated[str, text(4096, "where an unpacked Mosquitto is kept")] = "cache"
    choice: Annotated[
        Literal["auto", "mosquitto", "amqtt"], Field(description="which broker to run")
    ] = "auto"


AnySettings = TypeVar("AnySettings", bound=Written)


def load_settings(path: Path, shape: type[AnySettings]) -> AnySettings:
    """Read a settings file in that shape.

    Raises:
        ConfigError: names the file and the key, and what to write there.
    """
    return validated(read_settings(path, shape), shape)
