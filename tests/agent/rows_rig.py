"""Rows of a machine and its agent, packed as an archive gets them."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from lunaredge.agent import channels
from lunaredge.agent.clock import ClockErrors, SiteClock
from lunaredge.agent.telemetry import NO_VALUE, Health, Rows
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import TimeReply
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.records import decode_record, encode_record
from lunaredge.wire.telemetry import Samples, Telemetry, unpack
from tests.agent.rig import SITE_NS
from tests.agent.toy_machine import Machine, seconds

HEALTH = Health(
    tasks_count=1,
    progress_ratio=0.5,
    spool_count=3,
    spool_bytes=400,
    refused_count=0,
    rebirths_count=0,
    clock_error_s=0.1,
    lease_left_s=NO_VALUE,
)
SAMPLE = Machine((3.0, 4.0)).sample(0)
MACHINE = channels.table(is_machine=True)
NAMES = [channel.name for channel in MACHINE]
UNKNOWN = SiteClock(ClockErrors(drift_ppm=0.0, unwatched_ratio=0.0, apart_ns_max=0), seconds(20))


def clock_at(now_ns: int, ahead_ns: int = 0) -> SiteClock:
    errors = ClockErrors(drift_ppm=100.0, unwatched_ratio=0.12, apart_ns_max=seconds(2))
    clock = SiteClock(errors, seconds(20))
    clock.requested(now_ns)
    clock.answered(TimeReply(local_ns=now_ns, site_ns=SITE_NS + now_ns + ahead_ns), now_ns)
    return clock


def rows_of(policies: Mapping[str, ChannelPolicy] | None = None, rows_max: int = 100) -> Rows:
    return Rows(rows_max, policies, is_machine=True)


def sample(**changes: Any) -> Sample:
    return msgspec.structs.replace(SAMPLE, **changes)


def packed(rows: Rows, now_ns: int) -> tuple[Telemetry, Samples]:
    found = rows.pack(clock_at(now_ns), now_ns)
    assert found is not None
    # As a receiver gets it: through its bytes.
    batch = decode_record(encode_record(found[0]))
    assert isinstance(batch, Telemetry)
    samples = unpack(batch, rows.channels)
    assert found[1] == len(samples.times_ns)
    return batch, samples


def history(samples: Samples, name: str) -> list[tuple[int, float]]:
    """Give when a channel said what, by row number; NaN where it was blanked."""
    index = NAMES.index(name)
    said = list(zip(*samples.series[index], strict=True))
    blanks = [(row, math.nan) for row, channel in samples.blanks if channel == index]
    return sorted([*said, *blanks])
