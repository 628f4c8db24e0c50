import math
from itertools import pairwise

from lunaredge.agent.clock import ClockErrors, SiteClock
from lunaredge.agent.telemetry import Health, Rows, channels
from lunaredge.model.task import Leg
from lunaredge.wire.messages import Birth, RecordClass, TimeReply, Upload
from lunaredge.wire.records import Telemetry, unpack_telemetry
from tests.agent.rig import SITE_NS, Rig, config
from tests.agent.toy_machine import PATH, Machine, seconds

HEALTH = Health(
    tasks_count=1,
    progress_ratio=0.5,
    spool_count=3,
    spool_bytes=400,
    refused_count=0,
    clock_error_s=0.1,
    lease_left_s=math.nan,
)


def clock_at(now_ns: int) -> SiteClock:
    errors = ClockErrors(drift_ppm=100.0, unwatched_ratio=0.12, apart_ns_max=seconds(2))
    clock = SiteClock(errors, seconds(20))
    clock.requested(now_ns)
    clock.answered(TimeReply(local_ns=now_ns, site_ns=SITE_NS + now_ns), now_ns)
    return clock


def test_a_machine_announces_at_least_sixteen_channels_by_name_and_unit() -> None:
    table = channels(is_machine=True)

    assert 16 <= len(table) <= 64
    assert len({channel.name for channel in table}) == len(table)
    assert all(channel.unit for channel in table)
    assert Rig().last(Birth).channels == table


def test_a_computer_announces_what_it_knows_of_itself() -> None:
    assert {channel.name for channel in channels(is_machine=False)} < {
        channel.name for channel in channels(is_machine=True)
    }


def test_a_row_holds_the_values_in_the_order_of_the_channels() -> None:
    rows = Rows(10, is_machine=True)
    sample = Machine((3.0, 4.0)).sample(0)

    rows.add(sample, HEALTH, 0)

    packed = rows.pack(clock_at(0), 0)
    assert packed is not None
    _, values = unpack_telemetry(packed[0])
    by_name = dict(zip([c.name for c in channels(is_machine=True)], values[0], strict=True))
    assert (by_name["x_m"], by_name["y_m"], by_name["at_rest"]) == (3.0, 4.0, 1.0)
    assert (by_name["spool_count"], by_name["progress_ratio"]) == (3.0, 0.5)
    assert math.isnan(by_name["lease_left_s"])


def test_a_machine_that_is_not_heard_has_no_values() -> None:
    rows = Rows(10, is_machine=True)

    rows.add(None, HEALTH, 0)

    packed = rows.pack(clock_at(0), 0)
    assert packed is not None
    _, values = unpack_telemetry(packed[0])
    assert all(math.isnan(value) for value in values[0][:16])
    assert values[0][18] == 3.0


def test_rows_from_before_site_time_was_known_are_stamped_once_it_is() -> None:
    rows = Rows(10, is_machine=False)
    rows.add(None, HEALTH, seconds(5))
    assert rows.pack(SiteClock(100.0, seconds(20)), seconds(6)) is None

    rows.add(None, HEALTH, seconds(10))
    packed = rows.pack(clock_at(seconds(12)), seconds(12))

    assert packed is not None
    times_ns, _ = unpack_telemetry(packed[0])
    assert times_ns == [SITE_NS + seconds(5), SITE_NS + seconds(10)]


def test_rows_that_wait_for_site_time_are_bounded_and_the_dropped_counted() -> None:
    rows = Rows(4, is_machine=False)

    for turn in range(10):
        rows.add(None, HEALTH, seconds(turn))

    packed = rows.pack(clock_at(seconds(10)), seconds(10))
    assert packed is not None
    assert packed[1] == 4
    assert rows.dropped_count == 6


def test_a_batch_is_uploaded_each_batch_period_with_a_row_each_row_period() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))

    rig.run(130)

    batches = rig.kept(Telemetry)
    times_ns = [time_ns for batch in batches for time_ns in unpack_telemetry(batch)[0]]
    steps = [b - a for a, b in pairwise(times_ns)]
    assert len(batches) == 3
    # A row goes with a sample; the rig's come up to half a second late.
    assert all(abs(step - seconds(5)) <= seconds(0.5) for step in steps)
    raw = [u.count for u in rig.all(Upload) if u.record_class is RecordClass.RAW]
    assert 12 in raw


def test_a_full_batch_does_not_wait_for_its_period() -> None:
    rig = Rig(config(batch_rows_max=3))

    rig.run(60)

    assert all(u.count <= 3 for u in rig.all(Upload) if u.record_class is RecordClass.RAW)
    assert len(rig.kept(Telemetry)) >= 4


def test_what_was_produced_is_what_was_kept() -> None:
    rig = Rig()
    rig.prove()
    rig.acknowledge_all()
    rig.run(300)

    situation = rig.beat()

    rows = sum(len(unpack_telemetry(batch)[0]) for batch in rig.kept(Telemetry))
    assert situation.produced["raw"] == rows
    assert situation.dropped == {}


def test_rows_dropped_before_site_time_count_as_produced_and_dropped() -> None:
    rig = Rig(config(batch_rows_max=4))
    rig.serves_time = False
    rig.boot()

    rig.run(100)

    assert rig.situation.produced["raw"] == rig.situation.dropped["raw"] > 10
