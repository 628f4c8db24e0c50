"""Records: packed columns that tell the truth, and what becomes of those that don't."""

import math
import struct
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import LocalProtocolError, RemoteProtocolError
from lunaredge.wire.records import (
    CHANNELS_MAX,
    PATCH_POINTS_MAX,
    SAMPLES_MAX,
    Alarm,
    AlarmLevel,
    ApprovalWanted,
    Event,
    NodeRecord,
    Record,
    Summary,
    TaskReport,
    Telemetry,
    TerrainPatch,
    decode_record,
    encode_record,
    pack_points,
    pack_telemetry,
    unpack_points,
    unpack_telemetry,
)
from tests.strategies import values_of
from tests.wire import samples
from tests.wire.samples import RECORDS, SITE_NS, TASK, tag_of

float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)
BATCH = pack_telemetry(SITE_NS, [SITE_NS, SITE_NS + 5], [[1.0, 2.5], [-1.0, 0.125]])


def reason_of(payload: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_record(payload)
    return caught.value.reason


@given(values_of(Alarm | Event | TaskReport | Summary | NodeRecord | ApprovalWanted))
@settings(max_examples=200)
def test_any_plain_record_comes_back_as_it_was_sent(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


def test_an_alarm_of_an_older_node_is_a_warning_that_does_not_latch() -> None:
    old = msgpack.packb(
        {"type": "alarm", "site_ns": SITE_NS, "code": "sensor_stale", "text": "", "active": True}
    )

    alarm = decode_record(old)

    assert isinstance(alarm, Alarm)
    assert (alarm.level, alarm.latching) == (AlarmLevel.WARNING, False)
    assert encode_record(alarm) == old


@pytest.mark.parametrize("record", RECORDS, ids=tag_of)
def test_records_have_not_changed_by_accident(record: Record) -> None:
    golden = samples.golden("records")[tag_of(record)]

    assert encode_record(record) == golden
    assert decode_record(golden) == record


def test_every_record_class_has_golden_bytes() -> None:
    assert {type(record) for record in RECORDS} == set(Record.__args__)


@pytest.mark.parametrize("record", RECORDS, ids=tag_of)
def test_the_reference_codec_reads_the_same_map(record: Record) -> None:
    content = msgpack.unpackb(encode_record(record), use_list=False)

    expected = msgspec.to_builtins(record, builtin_types=(bytes,))
    assert content == expected | {"type": tag_of(record)}


@given(st.data())
@settings(max_examples=100)
def test_telemetry_comes_back_as_it_was_sampled(data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 5))
    row = st.lists(float32s, min_size=width, max_size=width)
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    times = st.integers(SITE_NS - 2**40, SITE_NS + 2**40)
    times_ns = data.draw(st.lists(times, min_size=len(rows), max_size=len(rows)))

    batch = pack_telemetry(SITE_NS, times_ns, rows)

    assert unpack_telemetry(batch) == (times_ns, rows)


def test_columns_are_little_endian_whatever_the_machine() -> None:
    assert BATCH.times_ns == struct.pack("<2q", 0, 5)
    assert BATCH.values == struct.pack("<4f", 1.0, 2.5, -1.0, 0.125)


def test_a_channel_without_a_value_travels_as_nan() -> None:
    _, rows = unpack_telemetry(pack_telemetry(0, [0], [[math.nan, 1.0]]))

    assert math.isnan(rows[0][0])
    assert rows[0][1] == 1.0


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e39, -1e39], ids=str)
def test_a_value_that_float32_cannot_hold_travels_as_no_value(value: float) -> None:
    _, rows = unpack_telemetry(pack_telemetry(0, [0], [[value]]))

    assert math.isnan(rows[0][0])


@pytest.mark.parametrize(
    ("times_ns", "rows"),
    [
        ([], []),
        ([0], []),
        ([], [[1.0]]),
        ([0], [[]]),
        ([0, 1], [[1.0], [1.0, 2.0]]),
        ([0], [[1.0] * (CHANNELS_MAX + 1)]),
        ([0] * (SAMPLES_MAX + 1), [[1.0]] * (SAMPLES_MAX + 1)),
    ],
    ids=["nothing", "no-rows", "no-times", "no-channels", "ragged", "wide", "long"],
)
def test_a_batch_that_no_receiver_takes_is_our_own_mistake(
    times_ns: list[int], rows: list[list[float]]
) -> None:
    with pytest.raises(LocalProtocolError):
        pack_telemetry(0, times_ns, rows)


def test_the_largest_batch_is_taken() -> None:
    times_ns = list(range(SAMPLES_MAX))
    rows = [[1.0] * CHANNELS_MAX] * SAMPLES_MAX

    batch = pack_telemetry(0, times_ns, rows)

    assert unpack_telemetry(batch) == (times_ns, rows)


@pytest.mark.parametrize(
    "lie",
    [
        {"channel_count": 0},
        {"channel_count": -2},
        {"channel_count": 1},
        {"channel_count": 4},
        {"channel_count": CHANNELS_MAX + 1},
        {"times_ns": b""},
        {"times_ns": bytes(8)},
        {"times_ns": bytes(15)},
        {"times_ns": bytes(24)},
        {"times_ns": bytes(8 * (SAMPLES_MAX + 1)), "values": bytes(8 * (SAMPLES_MAX + 1))},
        {"values": b""},
        {"values": bytes(15)},
        {"values": bytes(20)},
    ],
    ids=lambda lie: "-".join(f"{name}:{str(value)[:12]}" for name, value in lie.items()),
)
def test_columns_that_lie_about_their_length_are_refused(lie: dict[str, Any]) -> None:
    batch = msgspec.structs.replace(BATCH, **lie)

    assert reason_of(encode_record(batch)) == "columns"


def test_an_infinite_value_is_refused() -> None:
    batch = msgspec.structs.replace(BATCH, values=struct.pack("<4f", 1.0, math.inf, 0.0, 0.0))

    assert reason_of(encode_record(batch)) == "not_finite"


@given(st.integers(-3, 70), st.binary(max_size=64), st.binary(max_size=64))
@settings(max_examples=200)
def test_any_columns_give_full_rows_or_a_refusal(count: int, times: bytes, values: bytes) -> None:
    batch = Telemetry(site_ns=0, channel_count=count, times_ns=times, values=values)
    times_ns: list[int] = []
    rows: list[list[float]] = []
    reason = ""

    try:
        times_ns, rows = unpack_telemetry(batch)
    except RemoteProtocolError as error:
        reason = error.reason

    assert reason in {"", "columns", "not_finite"}
    assert len(times_ns) == len(rows)
    assert bool(rows) == (reason == "")
    assert all(len(row) == count for row in rows)


@given(st.lists(st.tuples(float32s, float32s, float32s), max_size=10))
def test_measured_points_come_back(points: list[tuple[float, float, float]]) -> None:
    assert unpack_points(pack_points(points)) == points


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (bytes(11), "columns"),
        (bytes(12 * (PATCH_POINTS_MAX + 1)), "columns"),
        (struct.pack("<3f", 0.0, 0.0, math.nan), "not_finite"),
        (struct.pack("<3f", math.inf, 0.0, 0.0), "not_finite"),
    ],
    ids=["cut", "too-many", "nan", "infinite"],
)
def test_a_patch_with_impossible_points_is_refused(points: bytes, reason: str) -> None:
    assert reason_of(encode_record(TerrainPatch(site_ns=0, task=TASK, points=points))) == reason


@given(st.binary(max_size=100))
def test_random_bytes_raise_nothing_else(payload: bytes) -> None:
    assert reason_of(payload) in {"garbage", "columns", "not_finite"}


@pytest.mark.parametrize("record", RECORDS, ids=tag_of)
def test_every_truncation_is_garbage(record: Record) -> None:
    payload = encode_record(record)

    assert {reason_of(payload[:size]) for size in range(len(payload))} == {"garbage"}


def test_nesting_without_end_is_garbage_and_not_a_crash() -> None:
    assert reason_of(b"\x82\xa4type\xa5event\xa1z" + b"\x91" * 50_000 + b"\x90") == "garbage"
