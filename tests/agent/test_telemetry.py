import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent import channels
from lunaredge.agent.telemetry import Health
from lunaredge.model.task import Leg
from lunaredge.wire.codec import FRAME_BYTES_MAX
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import RecordClass, StreamBirth, Upload
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.records import encode_record
from lunaredge.wire.telemetry import Dtype, Samples, Telemetry, unpack
from tests.agent.rig import SITE_NS, Rig, config
from tests.agent.rows_rig import (
    HEALTH,
    MACHINE,
    NAMES,
    SAMPLE,
    UNKNOWN,
    clock_at,
    history,
    packed,
    rows_of,
    sample,
)
from tests.agent.toy_machine import PATH, seconds


def said(name: str, values: list[float], **policy: float) -> list[tuple[int, float]]:
    """Give what of a channel's values, five seconds apart, is sent, and as of which."""
    rows = rows_of({name: ChannelPolicy(**policy)})
    for turn, value in enumerate(values):
        rows.add(sample(**{name: value}), HEALTH, seconds(5 * turn))
    _, samples = packed(rows, seconds(5 * len(values)))
    turns = [(time_ns - SITE_NS) // seconds(5) for time_ns in samples.times_ns]
    return [(turns[row], value) for row, value in history(samples, name)]


# --- the table -----------------------------------------------------------------------------------


def test_a_machine_announces_at_least_sixteen_channels_by_name_unit_and_type() -> None:
    birth = Rig().last(StreamBirth)

    assert 16 <= len(MACHINE) <= 64
    assert len(set(NAMES)) == len(NAMES)
    assert all(channel.unit for channel in MACHINE)
    assert birth.channels == MACHINE
    types = {channel.name: channel.dtype for channel in MACHINE}
    assert types["x_m"] is Dtype.F4
    assert types["spool_count"] is Dtype.I4
    assert {types[c.name] for c in MACHINE if c.unit == "bool"} == {Dtype.U1}


def test_a_computer_announces_what_it_knows_of_itself() -> None:
    assert set(channels.table(is_machine=False)) < set(MACHINE)


def test_the_policies_that_nobody_set_can_be_used() -> None:
    for is_machine in (True, False):
        own = channels.policies(is_machine=is_machine)

        assert channels.misfit(own, own) is None
        assert len(channels.gates(own, is_machine=is_machine)) == len(own)


# --- what is worth sending -----------------------------------------------------------------------


def test_the_first_row_says_everything() -> None:
    rows = rows_of()

    rows.add(SAMPLE, HEALTH, 0)

    batch, samples = packed(rows, 0)
    assert batch.table == Rig().last(StreamBirth).table
    first = {name: history(samples, name) for name in NAMES}
    assert (first["x_m"], first["y_m"], first["at_rest"]) == ([(0, 3.0)], [(0, 4.0)], [(0, 1)])
    assert (first["spool_count"], first["progress_ratio"]) == ([(0, 3)], [(0, 0.5)])
    assert math.isnan(first["lease_left_s"][0][1])
    assert all(len(values) == 1 for values in first.values())


def test_what_did_not_change_makes_no_row() -> None:
    rows = rows_of()
    for turn in range(12):
        rows.add(SAMPLE, HEALTH, seconds(5 * turn))

    _, samples = packed(rows, seconds(60))

    assert samples.times_ns == [SITE_NS]


def test_a_value_within_the_dead_band_of_the_last_that_was_sent_is_not_sent() -> None:
    values = [10.0, 10.4, 9.6, 10.5, 10.6, 11.0, 11.2]

    # Against the last sent, not the last measured: else a slow drift would never be told.
    found = said("motor_c", values, deadband=0.5, period_s_min=0.0)
    assert [turn for turn, _ in found] == [0, 4, 6]


def test_without_a_dead_band_every_change_counts() -> None:
    found = said("motor_c", [1.0, 1.25, 1.25, 1.0], deadband=0.0, period_s_min=0.0)

    assert [turn for turn, _ in found] == [0, 1, 3]


def test_a_rate_limit_puts_a_change_off_and_does_not_lose_it() -> None:
    values = [0.0, 5.0, 9.0, 9.0, 9.0, 9.0]

    assert said("motor_c", values, deadband=0.0, period_s_min=15.0) == [(0, 0.0), (3, 9.0)]


def test_what_does_not_change_is_said_again_after_its_time() -> None:
    assert said("motor_c", [1.0] * 10, period_s_min=0.0, period_s_max=20.0) == [
        (0, 1.0),
        (4, 1.0),
        (8, 1.0),
    ]


def test_a_value_that_is_no_number_blanks_its_channel_once_and_is_counted() -> None:
    rows = rows_of()
    counts = [
        rows.add(sample(motor_c=value), HEALTH, seconds(10 * turn))
        for turn, value in enumerate([20.0, math.nan, math.inf, -math.inf, 1e39, 21.0])
    ]

    _, samples = packed(rows, seconds(60))

    assert counts == [0, 1, 0, 0, 0, 0]
    assert [turn for turn, _ in history(samples, "motor_c")] == [0, 1, 2]
    assert math.isnan(history(samples, "motor_c")[1][1])
    assert history(samples, "motor_c")[2][1] == 21.0


def test_a_blank_is_told_at_once_whatever_the_rate() -> None:
    found = said("motor_c", [1.0, math.nan, 2.0, 2.0, 2.0], period_s_min=10.0)

    assert [turn for turn, _ in found] == [0, 1, 3]
    assert math.isnan(found[1][1])


def test_a_first_value_that_is_no_number_is_counted_too() -> None:
    assert rows_of().add(sample(power_w=math.nan), HEALTH, 0) == 1


def test_a_machine_that_is_not_heard_is_blanked_and_is_no_fault_of_its_sensors() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, 0)

    assert [rows.add(None, HEALTH, seconds(5 * turn)) for turn in (1, 2)] == [0, 0]

    _, samples = packed(rows, seconds(10))
    assert len(samples.times_ns) == 2
    assert [channel for row, channel in samples.blanks if row == 1] == list(range(16))
    assert history(samples, "spool_count") == [(0, 3)]


def test_a_blank_is_said_again_after_its_time_as_a_value_is() -> None:
    rows = rows_of()
    for turn in range(7):
        rows.add(None, HEALTH, seconds(60 * turn))

    _, samples = packed(rows, seconds(360))

    assert [row for row, _ in history(samples, "x_m")] == [0, 1]
    assert samples.times_ns[1] - SITE_NS == seconds(300)


def test_changed_policies_count_from_the_next_row_and_that_says_all() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, 0)

    rows.follow(channels.policies({"x_m": ChannelPolicy(deadband=5.0)}, is_machine=True))
    for turn, x_m in ((1, 3.0), (2, 7.0), (3, 8.5)):
        rows.add(sample(x_m=x_m), HEALTH, seconds(5 * turn))

    _, samples = packed(rows, seconds(20))
    assert history(samples, "x_m") == [(0, 3.0), (1, 3.0), (2, 8.5)]
    assert history(samples, "y_m") == [(0, 4.0), (1, 4.0)]


@given(
    st.lists(
        st.floats(allow_nan=True, allow_infinity=True, width=32)
        | st.sampled_from([0.0, 0.25, 1.0]),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([0.0, 0.5, 100.0]),
    st.sampled_from([0.0, 12.0]),
)
def test_a_reader_is_never_farther_off_than_the_dead_band_once_the_rate_lets_it_be(
    values: list[float], deadband: float, period_s_min: float
) -> None:
    found = dict(said("motor_c", values, deadband=deadband, period_s_min=period_s_min))

    known, told_turn = math.nan, -99
    for turn, value in enumerate(values):
        if turn in found:
            known, told_turn = found[turn], turn
        if not math.isfinite(value):
            assert math.isnan(known)
        elif 5 * (turn - told_turn) >= period_s_min:
            # A value travels as a float32.
            assert known == pytest.approx(value, abs=deadband, rel=1e-6)


# --- batches and time ----------------------------------------------------------------------------


def test_rows_from_before_site_time_was_known_are_stamped_once_it_is() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, seconds(5))
    assert rows.pack(UNKNOWN, seconds(6)) is None

    rows.add(sample(x_m=9.0), HEALTH, seconds(10))

    batch, samples = packed(rows, seconds(12))
    assert samples.times_ns == [SITE_NS + seconds(5), SITE_NS + seconds(10)]
    assert (batch.site_ns, batch.end_ns) == (SITE_NS + seconds(5), SITE_NS + seconds(12))


def test_rows_that_wait_for_site_time_are_bounded_and_what_they_said_goes_to_the_next() -> None:
    rows = rows_of(rows_max=4)

    for turn in range(10):
        rows.add(sample(x_m=float(turn)), HEALTH, seconds(turn))

    _, samples = packed(rows, seconds(10))
    assert len(samples.times_ns) == 4
    assert rows.dropped_count == 6
    assert history(samples, "x_m") == [(0, 6.0), (1, 7.0), (2, 8.0), (3, 9.0)]
    # Said in the very first row and never since.
    assert history(samples, "y_m") == [(0, 4.0)]


def test_a_batch_begins_where_the_last_one_ended_whatever_the_estimate_of_the_time() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, 0)
    first = rows.pack(clock_at(seconds(60)), seconds(60))
    rows.add(sample(x_m=9.0), HEALTH, seconds(61))

    second = rows.pack(clock_at(seconds(120), ahead_ns=-seconds(3)), seconds(120))

    assert first is not None
    assert second is not None
    assert second[0].site_ns == first[0].end_ns
    # By the new estimate this row is from before the batch.
    assert unpack(second[0], rows.channels).times_ns == [second[0].site_ns]
    assert second[0].end_ns == SITE_NS + seconds(117)


def test_a_batch_after_another_time_altogether_begins_in_that() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, 0)
    rows.pack(clock_at(seconds(60)), seconds(60))
    rows.add(SAMPLE, HEALTH, seconds(115))

    found = rows.pack(clock_at(seconds(120), ahead_ns=-seconds(3600)), seconds(120))

    assert found is not None
    assert found[0].site_ns == SITE_NS - seconds(3540)
    assert found[0].end_ns - found[0].site_ns == seconds(60)


def test_a_batch_in_which_nothing_changed_says_so_in_sixty_bytes() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, 0)
    first, _ = packed(rows, seconds(60))
    rows.add(SAMPLE, HEALTH, seconds(65))

    second, samples = packed(rows, seconds(120))

    assert (second.site_ns, second.end_ns) == (first.end_ns, SITE_NS + seconds(120))
    assert samples.times_ns == []
    assert all(not each.values for each in samples.series)
    assert len(encode_record(second)) <= 70


def test_there_is_no_batch_of_no_time() -> None:
    rows = rows_of()
    assert rows.pack(clock_at(0), 0) is None
    rows.add(SAMPLE, HEALTH, 0)
    assert rows.pack(clock_at(0), 0) is not None

    assert rows.pack(clock_at(0), 0) is None


def test_what_a_wrong_clock_stamped_is_counted_as_dropped_and_said_anew() -> None:
    rows = rows_of()
    rows.add(SAMPLE, HEALTH, seconds(500))

    rows.forget_times()
    rows.add(SAMPLE, HEALTH, seconds(5))

    batch, samples = packed(rows, seconds(10))
    assert rows.dropped_count == 1
    assert batch.site_ns == SITE_NS + seconds(5)
    assert history(samples, "x_m") == [(0, 3.0)]


def test_the_largest_batch_that_settings_allow_fits_a_frame() -> None:
    rows_max = 1500
    config(batch_rows_max=rows_max).validate()
    every = {c.name: ChannelPolicy(deadband=0.0, period_s_min=0.0) for c in MACHINE}
    rows = rows_of(every, rows_max)
    bits = ("charging", "blocked", "at_rest")
    numbers = [name for name in NAMES if name in Sample.__struct_fields__ and name not in bits]
    for turn in range(rows_max):
        # Each channel misses a row, so that its row numbers are listed; and no row is empty.
        machine, agent = turn - (turn == 1), turn - (turn == 2)
        changes = dict.fromkeys(numbers, machine % 250) | dict.fromkeys(bits, machine % 2)
        known = dict.fromkeys(Health.__struct_fields__, agent)
        rows.add(sample(**changes), msgspec.convert(known, Health), turn)

    batch, samples = packed(rows, rows_max)

    assert len(samples.times_ns) == rows_max
    assert all(rows_max - 3 < len(each.values) < rows_max for each in samples.series)
    assert len(encode_record(batch)) < FRAME_BYTES_MAX - 10_000


# --- a node's batches ----------------------------------------------------------------------------


def batches_of(rig: Rig) -> list[tuple[Telemetry, Samples]]:
    return [(batch, unpack(batch, MACHINE)) for batch in rig.kept(Telemetry)]


def test_a_driving_machine_uploads_each_batch_period_with_a_row_each_row_period() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))

    rig.run(65)
    rig.acknowledge_all()
    rig.run(65)

    batches = batches_of(rig)
    assert len(batches) == 3
    times_ns = batches[-1][1].times_ns
    # A row goes with a sample; the rig's come up to half a second late.
    assert len(times_ns) == 12
    assert all(abs(b - a - seconds(5)) <= seconds(0.5) for a, b in pairwise(times_ns))


def test_batches_tell_of_all_the_time_without_a_gap() -> None:
    rig = Rig()
    rig.prove()
    rig.acknowledge_all()
    for _ in range(10):
        rig.run(60)
        rig.acknowledge_all()

    spans = [(batch.site_ns, batch.end_ns) for batch, _ in batches_of(rig)]

    assert len(spans) >= 10
    assert all(end_ns == start_ns for (_, end_ns), (start_ns, _) in pairwise(spans))
    assert spans[-1][1] - spans[0][0] >= seconds(600)


def test_a_machine_that_stands_costs_little() -> None:
    rig = Rig()
    rig.prove()
    rig.acknowledge_all()
    rig.run(600)
    rig.acknowledge_all()
    before = len(rig.kept(Telemetry))

    for _ in range(10):
        rig.run(60)
        rig.acknowledge_all()

    sizes = [len(encode_record(batch)) for batch in rig.kept(Telemetry)[before:]]
    assert len(sizes) == 10
    assert sum(sizes) / len(sizes) < 150


def test_a_full_batch_does_not_wait_for_its_period() -> None:
    rig = Rig(config(batch_rows_max=3, row_period_s=1.0, sample_period_s=1.0))
    rig.drive_off(Leg(path=PATH))

    rig.run(30)

    rig.acknowledge_all()
    rig.run(30)
    assert all(u.count <= 3 for u in rig.all(Upload) if u.record_class is RecordClass.RAW)
    assert len(rig.kept(Telemetry)) >= 4


def test_what_was_produced_is_what_was_kept() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    for _ in range(5):
        rig.acknowledge_all()
        rig.run(60)
    rig.acknowledge_all()

    rig.run(20)
    situation = rig.beat()

    rows = sum(len(samples.times_ns) for _, samples in batches_of(rig))
    assert situation.produced["raw"] == rows > 10
    assert situation.dropped == {}


def test_rows_dropped_before_site_time_count_as_produced_and_dropped() -> None:
    rig = Rig(config(batch_rows_max=2))
    rig.serves_time = False
    rig.boot()
    for turn in range(30):
        rig.machine.traits = {"payload_kg": 10.0 * turn}
        rig.run(5)

    assert rig.situation.produced["raw"] == rig.situation.dropped["raw"] > 10


def test_a_sensor_that_is_broken_is_counted_and_the_machine_goes_on() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.machine.traits = {"motor_c": math.nan, "power_w": math.inf}

    follows = rig.follows_in(60)

    assert follows
    assert rig.beat().refused == {"not_finite": 2}
