"""Driver frames: golden bytes, any slicing of the stream, and streams that can't be read on."""

import struct

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import RemoteProtocolError
from lunaredge.wire import driver
from lunaredge.wire.driver import FRAME_BYTES_MAX, DriverFrame, FrameReader, encode_frame
from tests.strategies import values_of
from tests.wire import samples
from tests.wire.samples import FRAMES, tag_of


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def reason_of(stream: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        list(FrameReader().feed(stream))
    return caught.value.reason


@given(values_of(DriverFrame))
@settings(max_examples=200)
def test_any_frame_comes_back_as_it_was_sent(frame: DriverFrame) -> None:
    assert list(FrameReader().feed(encode_frame(frame))) == [frame]


@pytest.mark.parametrize(("index", "frame"), list(enumerate(FRAMES)), ids=str)
def test_the_driver_protocol_has_not_changed_by_accident(index: int, frame: DriverFrame) -> None:
    golden = samples.golden("driver")[f"{index}-{tag_of(frame)}"]

    assert encode_frame(frame) == golden
    assert list(FrameReader().feed(golden)) == [frame]


def test_every_frame_class_has_golden_bytes() -> None:
    assert {type(frame) for frame in FRAMES} == set(DriverFrame.__args__)


@pytest.mark.parametrize("frame", FRAMES, ids=tag_of)
def test_the_reference_codec_reads_the_same_map(frame: DriverFrame) -> None:
    content = msgpack.unpackb(encode_frame(frame)[4:], use_list=False)

    assert content == msgspec.to_builtins(frame) | {"type": tag_of(frame)}


@given(st.lists(st.integers(1, 40), max_size=60))
def test_frames_come_whole_however_the_stream_is_sliced(sizes: list[int]) -> None:
    stream = b"".join(encode_frame(frame) for frame in FRAMES)
    reader = FrameReader()
    got: list[DriverFrame] = []

    for size in sizes:
        got += reader.feed(stream[:size])
        stream = stream[size:]
    got += reader.feed(stream)

    assert got == list(FRAMES)


def test_half_a_frame_gives_nothing_yet() -> None:
    stream = encode_frame(FRAMES[0])
    reader = FrameReader()

    assert list(reader.feed(b"")) == []
    assert list(reader.feed(stream[:-1])) == []
    assert list(reader.feed(stream[-1:])) == [FRAMES[0]]


def test_a_frame_before_a_bad_one_is_still_given() -> None:
    frames = FrameReader().feed(encode_frame(FRAMES[0]) + framed(b"\xc1"))

    assert next(frames) == FRAMES[0]
    with pytest.raises(RemoteProtocolError, match="garbage"):
        next(frames)


def test_a_length_over_the_limit_is_refused_before_its_bytes_arrive() -> None:
    assert reason_of(struct.pack(">I", FRAME_BYTES_MAX + 1)) == "oversized"


def test_a_length_at_the_limit_is_waited_for() -> None:
    assert list(FrameReader().feed(struct.pack(">I", FRAME_BYTES_MAX))) == []


def test_a_frame_over_the_limit_is_our_own_mistake() -> None:
    frame = driver.Refused(reason="x" * FRAME_BYTES_MAX)

    with pytest.raises(AssertionError):
        encode_frame(frame)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x80",
        b"\x81\xa4type\xa5dance",
        b"\x82\xa4type\xa6attach\xa7version\x01",
        b"\x81\xa4type\xa4halt\x00",
        b"\x82\xa4type\xa4halt\xa1z" + b"\x91" * 50_000 + b"\x90",
        b"\x82\xa4type\xa6follow\xa4path\xdd\xff\xff\xff\xff",
    ],
    ids=["empty", "reserved", "untyped", "unknown", "missing", "trailing", "nested", "lying"],
)
def test_a_body_that_is_no_frame_is_garbage(body: bytes) -> None:
    assert reason_of(framed(body)) == "garbage"


@given(st.binary(max_size=100))
def test_random_streams_raise_nothing_else(stream: bytes) -> None:
    frames: list[DriverFrame] = []
    reason = ""

    try:
        frames += FrameReader().feed(stream)
    except RemoteProtocolError as error:
        reason = error.reason

    assert reason in {"", "oversized", "garbage"}
    assert all(isinstance(frame, DriverFrame) for frame in frames)
