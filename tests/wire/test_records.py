"""Records: packed columns that tell the truth, and what becomes of those that don't."""

import math
import struct
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import RemoteProtocolError
from lunaredge.wire.records import (
    PATCH_POINTS_MAX,
    PERHAPS_SENT_MAX,
    Alarm,
    AlarmLevel,
    ApprovalWanted,
    Dropped,
    Event,
    NodeRecord,
    Record,
    Summary,
    TaskReport,
    TerrainPatch,
    decode_record,
    encode_record,
    pack_points,
    unpack_points,
)
from tests.strategies import values_of
from tests.wire import samples
from tests.wire.samples import NODE, RECORDS, SITE_NS, TASK, tag_of

float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)
SUMMARY = Summary(site_ns=SITE_NS, node=NODE, end_ns=SITE_NS + 1, rows={})
DROPPED = Dropped(site_ns=SITE_NS, end_ns=SITE_NS + 1, rows={})


def reason_of(payload: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_record(payload)
    return caught.value.reason


@given(values_of(Alarm | Event | TaskReport | NodeRecord | ApprovalWanted))
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


@pytest.mark.parametrize(
    "lie",
    [
        {"rows": {"x_m": (1.0, 0.0, 0.5, 3)}},
        {"rows": {"x_m": (0.0, 1.0, 1.5, 3)}},
        {"rows": {"x_m": (0.0, 1.0, -0.5, 3)}},
        {"rows": {"x_m": (0.0, 1.0, 0.5, 0)}},
        {"end_ns": SITE_NS - 1},
    ],
    ids=["backwards", "above", "below", "none", "ends-before"],
)
@pytest.mark.parametrize("record", [SUMMARY, DROPPED], ids=tag_of)
def test_a_summary_that_can_not_be_is_refused(record: Record, lie: dict[str, Any]) -> None:
    assert reason_of(encode_record(msgspec.structs.replace(record, **lie))) == "columns"


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("record", [SUMMARY, DROPPED], ids=tag_of)
def test_a_summary_of_what_is_no_number_is_refused(record: Record, value: float) -> None:
    lie = msgspec.structs.replace(record, rows={"x_m": (0.0, value, 0.0, 3)})

    assert reason_of(encode_record(lie)) == "not_finite"


def test_a_dropped_record_names_so_many_uploads_only() -> None:
    most = msgspec.structs.replace(DROPPED, perhaps_sent=((1, 1),) * PERHAPS_SENT_MAX)
    more = msgspec.structs.replace(DROPPED, perhaps_sent=((1, 1),) * (PERHAPS_SENT_MAX + 1))

    assert decode_record(encode_record(most)) == most
    assert reason_of(encode_record(more)) == "garbage"


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
