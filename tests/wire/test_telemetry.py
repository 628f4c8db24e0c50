"""Telemetry: columns that tell the truth, from table to samples, and what becomes of the others."""

import array
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import LocalProtocolError, RemoteProtocolError
from lunaredge.wire.codec import decode, encode
from lunaredge.wire.messages import StreamBirth
from lunaredge.wire.records import decode_record, encode_record
from lunaredge.wire.telemetry import (
    CHANNELS_MAX,
    FLOAT32_MAX,
    FLOAT64_MAX,
    ROWS_MAX,
    Channel,
    Dtype,
    Samples,
    Series,
    Telemetry,
    check_shape,
    fits,
    pack,
    table_of,
    unpack,
)
from tests.wire.samples import HEADER, KEYRING, SIGNER, SITE_NS

CHANNELS = (
    Channel(name="battery_wh", unit="Wh"),
    Channel(name="at_rest", unit="bool", dtype=Dtype.U1),
    Channel(name="motor_c", unit="degC", dtype=Dtype.F8),
)
TABLE = table_of(CHANNELS)
BATCH = pack(
    CHANNELS,
    Samples(
        [SITE_NS + 5, SITE_NS + 10],
        [Series([0, 1], [2.5, -1.0]), Series([1], [1]), Series([], [])],
        [(1, 2)],
    ),
    (SITE_NS, SITE_NS + 60),
)
EDGES: dict[Dtype, tuple[float, float]] = {
    Dtype.F4: (-FLOAT32_MAX, FLOAT32_MAX),
    Dtype.F8: (-FLOAT64_MAX, FLOAT64_MAX),
    Dtype.I4: (-(2**31), 2**31 - 1),
    Dtype.I8: (-(2**63), 2**63 - 1),
    Dtype.U1: (0, 255),
}
NO_NUMBERS = [math.nan, math.inf, -math.inf, 10**400, -(10**400)]
EMPTY = Telemetry(site_ns=SITE_NS, end_ns=SITE_NS + 60, table=TABLE)
REASONS = {"columns", "times", "not_finite"}


def numbers(dtype: Dtype) -> st.SearchStrategy[float]:
    low, high = EDGES[dtype]
    if dtype in (Dtype.F4, Dtype.F8):
        width = 32 if dtype is Dtype.F4 else 64
        return st.floats(low, high, allow_nan=False, width=width)
    return st.integers(int(low), int(high))


def shape(batch: Telemetry) -> str:
    """Give why a batch's shape is refused, or nothing."""
    try:
        check_shape(batch)
    except RemoteProtocolError as error:
        return error.reason
    return ""


def lying(batch: Telemetry = BATCH, **lies: Any) -> Telemetry:
    return msgspec.structs.replace(batch, **lies)


@st.composite
def batches(draw: st.DrawFn) -> tuple[tuple[Channel, ...], Samples, tuple[int, int]]:
    """Draw a table, samples in it, and the time of which they speak."""
    dtypes = draw(st.lists(st.sampled_from(Dtype), min_size=1, max_size=6))
    channels = tuple(Channel(name=f"c{i}", unit="m", dtype=d) for i, d in enumerate(dtypes))
    offsets = sorted(draw(st.lists(st.integers(0, 10**12), max_size=8)))
    rows = st.sets(st.integers(0, len(offsets) - 1)) if offsets else st.just(set())
    series, blanks = [], []
    for index, dtype in enumerate(dtypes):
        own = sorted(draw(rows))
        values = draw(st.lists(numbers(dtype), min_size=len(own), max_size=len(own)))
        series.append(Series(own, values))
        blanks += [(row, index) for row in sorted(draw(rows) - set(own))]
    span_ns = (SITE_NS, SITE_NS + 10**12)
    return channels, Samples([SITE_NS + each for each in offsets], series, sorted(blanks)), span_ns


# --- round trips ---------------------------------------------------------------------------------


@given(batches())
@settings(max_examples=300)
def test_any_samples_come_back_as_they_were_taken(
    drawn: tuple[tuple[Channel, ...], Samples, tuple[int, int]],
) -> None:
    channels, samples, span_ns = drawn

    batch = decode_record(encode_record(pack(channels, samples, span_ns)))

    assert isinstance(batch, Telemetry)
    assert (batch.site_ns, batch.end_ns, batch.table) == (*span_ns, table_of(channels))
    found = unpack(batch, channels)
    assert found.times_ns == samples.times_ns
    assert [(list(rows), list(values)) for rows, values in found.series] == [
        (rows, values) for rows, values in samples.series
    ]
    assert found.blanks == samples.blanks


def test_columns_are_little_endian_whatever_the_machine() -> None:
    assert BATCH.times_ns == struct.pack("<2q", 5, 10)
    assert BATCH.counts == struct.pack("<3H", 2, 1, 0)
    # Of the first channel each row has a value, of the third none: the second's row alone.
    assert BATCH.rows == struct.pack("<H", 1)
    assert BATCH.values == struct.pack("<2fB", 2.5, -1.0, 1)
    assert BATCH.blanks == struct.pack("<2H", 1, 2)


@pytest.mark.parametrize("dtype", Dtype)
def test_a_type_travels_in_the_bytes_that_it_names(dtype: Dtype) -> None:
    channel = Channel(name="x", unit="m", dtype=dtype)

    batch = pack((channel,), Samples([0], [Series([0], [7])], []), (0, 0))

    kind, size = dtype.value[0], int(dtype.value[1])
    letter = {"f4": "f", "f8": "d", "i4": "i", "i8": "q", "u1": "B"}[dtype.value]
    assert len(batch.values) == size == dtype.size_bytes
    assert struct.unpack(f"<{letter}", batch.values) == (7.0 if kind == "f" else 7,)


def test_nothing_changed_is_said_in_four_fields() -> None:
    empty = pack(CHANNELS, Samples([], [Series([], [])] * 3, []), (SITE_NS, SITE_NS + 60))

    assert empty == EMPTY
    assert set(msgspec.msgpack.decode(encode_record(empty))) == {
        "type",
        "site_ns",
        "end_ns",
        "table",
    }
    assert unpack(empty, CHANNELS) == Samples([], [Series(range(0), [])] * 3, [])


def test_the_largest_batch_is_taken() -> None:
    channels = tuple(Channel(name=f"c{i}", unit="") for i in range(CHANNELS_MAX))
    series = [Series(range(ROWS_MAX), [1.0] * ROWS_MAX)] * CHANNELS_MAX
    times_ns = list(range(ROWS_MAX))

    batch = pack(channels, Samples(times_ns, series, []), (0, ROWS_MAX))

    assert shape(batch) == ""
    assert unpack(batch, channels).times_ns == times_ns


def test_times_may_be_anywhere_in_a_stores_numbers() -> None:
    low, high = -(2**62), 2**62 - 1

    batch = pack(CHANNELS, Samples([low, high], [Series([], [])] * 3, []), (low, high))

    assert shape(batch) == ""
    assert unpack(batch, CHANNELS).times_ns == [low, high]


# --- what is no number ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", Dtype)
def test_a_type_holds_what_is_in_its_range_and_no_more(dtype: Dtype) -> None:
    low, high = EDGES[dtype]
    beyond = {Dtype.F4: 3.5e38, Dtype.F8: math.inf}.get(dtype, high + 1)

    assert fits(dtype, low)
    assert fits(dtype, high)
    assert not fits(dtype, beyond)
    assert not any(fits(dtype, value) for value in NO_NUMBERS)


@pytest.mark.parametrize("dtype", Dtype)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:9])
def test_a_value_that_its_type_can_not_hold_blanks_the_channel(dtype: Dtype, value: float) -> None:
    channel = Channel(name="x", unit="m", dtype=dtype)

    batch = pack((channel,), Samples([0, 1, 2], [Series([0, 1, 2], [1, value, 3])], []), (0, 2))

    found = unpack(batch, (channel,))
    assert (list(found.series[0].rows), found.series[0].values) == ([0, 2], [1, 3])
    assert found.blanks == [(1, 0)]
    assert shape(batch) == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_that_arrives_all_the_same_is_refused(value: float) -> None:
    batch = lying(values=struct.pack("<2fB", 1.0, value, 1))

    with pytest.raises(RemoteProtocolError) as caught:
        unpack(batch, CHANNELS)

    assert caught.value.reason == "not_finite"


# --- our own mistakes ----------------------------------------------------------------------------

NONE = Series([], [])


@pytest.mark.parametrize(
    ("samples", "span_ns"),
    [
        (Samples([0], [NONE] * 2, []), (0, 9)),
        (Samples([0], [NONE] * 4, []), (0, 9)),
        (Samples([0], [Series([0], []), NONE, NONE], []), (0, 9)),
        (Samples([3, 2], [NONE] * 3, []), (0, 9)),
        (Samples([-1], [NONE] * 3, []), (0, 9)),
        (Samples([10], [NONE] * 3, []), (0, 9)),
        (Samples([], [NONE] * 3, []), (9, 0)),
        (Samples([0] * (ROWS_MAX + 1), [NONE] * 3, []), (0, 9)),
    ],
    ids=["few", "many", "ragged", "falling", "early", "late", "backwards", "long"],
)
def test_a_batch_that_no_receiver_takes_is_our_own_mistake(
    samples: Samples, span_ns: tuple[int, int]
) -> None:
    with pytest.raises(LocalProtocolError):
        pack(CHANNELS, samples, span_ns)


@pytest.mark.parametrize("count", [0, CHANNELS_MAX + 1])
def test_a_table_that_no_receiver_takes_is_our_own_mistake(count: int) -> None:
    channels = tuple(Channel(name=f"c{i}", unit="") for i in range(count))

    with pytest.raises(LocalProtocolError):
        pack(channels, Samples([], [NONE] * count, []), (0, 9))


# --- lies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"times_ns": bytes(15)}, "columns"),
        ({"times_ns": b""}, "columns"),
        ({"times_ns": bytes(8)}, "columns"),
        ({"times_ns": bytes(8 * (ROWS_MAX + 1))}, "columns"),
        ({"counts": bytes(5)}, "columns"),
        ({"counts": b""}, "columns"),
        ({"counts": bytes(2 * (CHANNELS_MAX + 1))}, "columns"),
        ({"counts": struct.pack("<3H", 3, 1, 0)}, "columns"),
        ({"counts": struct.pack("<3H", 2, 1, 1)}, "columns"),
        ({"rows": b"\x00"}, "columns"),
        ({"rows": b""}, "columns"),
        ({"rows": struct.pack("<2H", 0, 1)}, "columns"),
        ({"rows": struct.pack("<H", 2)}, "columns"),
        ({"blanks": bytes(2)}, "columns"),
        ({"blanks": struct.pack("<2H", 2, 0)}, "columns"),
        ({"blanks": struct.pack("<2H", 0, 3)}, "columns"),
        ({"times_ns": struct.pack("<2q", 10, 5)}, "times"),
        ({"times_ns": struct.pack("<2q", -1, 5)}, "times"),
        ({"times_ns": struct.pack("<2q", 5, 61)}, "times"),
        ({"times_ns": struct.pack("<2q", -(2**63), 2**63 - 1)}, "times"),
        ({"end_ns": SITE_NS - 1}, "times"),
        ({"end_ns": -(2**63)}, "times"),
    ],
    ids=lambda each: (
        each if isinstance(each, str) else "-".join(f"{k}:{v!s:.24}" for k, v in each.items())
    ),
)
def test_a_batch_that_lies_about_its_shape_is_refused(lies: dict[str, Any], reason: str) -> None:
    assert shape(lying(**lies)) == reason
    with pytest.raises(RemoteProtocolError) as caught:
        decode_record(encode_record(lying(**lies)))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "lies",
    [
        {"counts": bytes(2)},
        {"rows": bytes(2)},
        {"blanks": bytes(4)},
        {"times_ns": bytes(8)},
    ],
    ids=lambda lies: next(iter(lies)),
)
def test_a_batch_without_rows_holds_nothing(lies: dict[str, Any]) -> None:
    assert shape(lying(EMPTY, **lies)) == "columns"


def test_row_numbers_that_do_not_rise_are_refused() -> None:
    channels = CHANNELS[:2]
    samples = Samples([0, 1, 2], [Series([0, 2], [1.0, 2.0]), NONE], [])
    batch = pack(channels, samples, (0, 9))

    for rows in ((2, 0), (1, 1), (0, 3)):
        assert shape(lying(batch, rows=struct.pack("<2H", *rows))) == "columns"


@pytest.mark.parametrize(
    "lies",
    [
        {"values": b""},
        {"values": BATCH.values[:-1]},
        {"values": BATCH.values + b"\x00"},
    ],
)
def test_values_of_another_length_than_the_tables_are_refused(lies: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        unpack(lying(**lies), CHANNELS)
    assert caught.value.reason == "columns"


def test_a_batch_without_rows_holds_no_values() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        unpack(lying(EMPTY, values=bytes(4)), CHANNELS)
    assert caught.value.reason == "columns"


@pytest.mark.parametrize("channels", [CHANNELS[:2], (*CHANNELS, CHANNELS[0]), ()])
def test_a_batch_of_another_table_is_refused(channels: tuple[Channel, ...]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        unpack(BATCH, channels)
    assert caught.value.reason == "columns"


columns = st.binary(max_size=24) | st.lists(st.integers(0, 3), max_size=8).map(
    lambda each: array.array("H", each).tobytes()
)


@given(st.integers(-4, 100), columns, columns, columns, st.binary(max_size=40), columns)
@settings(max_examples=500)
def test_any_columns_give_whole_samples_or_a_refusal(
    span_ns: int, times: bytes, counts: bytes, rows: bytes, values: bytes, blanks: bytes
) -> None:
    batch = Telemetry(
        site_ns=0,
        end_ns=span_ns,
        table=TABLE,
        times_ns=b"".join(struct.pack("<q", each) for each in times),
        counts=counts,
        rows=rows,
        values=values,
        blanks=blanks,
    )
    reason = shape(batch)
    samples = Samples([], [], [])
    if not reason:
        try:
            samples = unpack(batch, CHANNELS)
        except RemoteProtocolError as error:
            reason = error.reason

    assert reason in REASONS | {""}
    for series in samples.series:
        assert len(series.rows) == len(series.values)
        assert all(0 <= row < len(samples.times_ns) for row in series.rows)
        assert all(map(math.isfinite, series.values))
    assert all(0 <= row < len(samples.times_ns) for row, _ in samples.blanks)
    assert bool(samples.series) == (reason == "")


# --- tables --------------------------------------------------------------------------------------


def test_a_tables_number_is_fowler_noll_and_vos() -> None:
    # The 32-bit FNV-1a of nothing, and of what the docstring spells out for one channel.
    assert table_of(()) == 0x811C9DC5
    number = 0x811C9DC5
    for byte in b"x_m\tm\tf4\n":
        number = (number ^ byte) * 0x01000193 % 2**32
    assert table_of([Channel(name="x_m", unit="m")]) == number


@pytest.mark.parametrize(
    "other",
    [
        CHANNELS[::-1],
        CHANNELS[:2],
        (msgspec.structs.replace(CHANNELS[0], name="battery_j"), *CHANNELS[1:]),
        (msgspec.structs.replace(CHANNELS[0], unit="J"), *CHANNELS[1:]),
        (msgspec.structs.replace(CHANNELS[0], dtype=Dtype.F8), *CHANNELS[1:]),
    ],
    ids=["order", "fewer", "name", "unit", "type"],
)
def test_another_table_has_another_number(other: tuple[Channel, ...]) -> None:
    assert table_of(other) != TABLE == table_of(list(CHANNELS))


@pytest.mark.parametrize(
    "channel",
    [
        {"name": ""},
        {"name": "X"},
        {"name": "x m"},
        {"name": "x\n"},
        {"name": "1x"},
        {"name": "x" * 65},
        {"unit": "m" * 17},
    ],
    ids=str,
)
def test_a_birth_with_a_channel_that_can_not_be_named_is_garbage(channel: dict[str, Any]) -> None:
    bad = msgspec.structs.replace(CHANNELS[0], **channel)

    assert refusal(StreamBirth(table=1, channels=(bad,))) == "garbage"


def test_a_birth_with_two_channels_of_one_name_is_garbage() -> None:
    with pytest.raises(ValueError, match="two channels of one name"):
        StreamBirth(table=1, channels=(CHANNELS[0], CHANNELS[0]))
    honest = encode(HEADER, StreamBirth(table=1, channels=(CHANNELS[0], CHANNELS[2])))
    assert isinstance(decode(honest, KEYRING).body, StreamBirth)
    _, _, body, _, _ = msgspec.msgpack.decode(honest)
    fields = msgspec.msgpack.decode(body)
    fields["channels"] = [fields["channels"][0]] * 2

    with pytest.raises(msgspec.ValidationError, match="two channels of one name"):
        msgspec.convert({k: v for k, v in fields.items() if k != "type"}, StreamBirth)


@pytest.mark.parametrize("count", [0, CHANNELS_MAX + 1])
def test_a_birth_with_no_channels_or_too_many_is_garbage(count: int) -> None:
    channels = tuple(Channel(name=f"c{i}", unit="") for i in range(count))

    assert refusal(StreamBirth(table=1, channels=channels)) == "garbage"


def refusal(birth: StreamBirth) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(encode(HEADER, birth, SIGNER), KEYRING)
    return caught.value.reason
