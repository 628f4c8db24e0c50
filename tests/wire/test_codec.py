"""Frames: round trips, golden bytes, every kind of damage and forgery, and garbage of all sorts."""

import zlib
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import KeyId
from lunaredge.wire import messages
from lunaredge.wire.codec import FRAME_BYTES_MAX, VERSION, Header, Standing, decode, encode, look
from lunaredge.wire.messages import Message, RecordClass, Upload
from lunaredge.wire.seal import Keyring, Role, Signer
from tests.strategies import values_of
from tests.wire import samples
from tests.wire.samples import BOOT, HEADER, KEYRING, MESSAGES, SIGNER, tag_of

NOBODY = Keyring({})
HOLD = messages.Hold(command=samples.COMMAND, turn=7)
REASONS = {"oversized", "garbage", "version", "checksum", "unknown_key", "signature"}

# What msgpack can say, in any nesting, with words a decoder looks for mixed in.
words = st.sampled_from(["type", "node", "boot", "number", "key", "hold", "upload", "path", "seq"])
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | words
anything = st.recursive(
    leaves | st.binary(max_size=20) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=20,
)


def pack(value: Any) -> bytes:
    """Give msgpack bytes from the reference codec, not from the one under test."""
    return msgpack.packb(value, use_bin_type=True)


def sealed(header: bytes, body: bytes, signature: bytes = b"", version: int = VERSION) -> bytes:
    """Give a frame with a right checksum around any bytes."""
    crc = zlib.crc32(header + body + signature)
    return pack([version, header, body, signature, crc])


def fields_of(value: msgspec.Struct) -> dict[str, Any]:
    return msgspec.to_builtins(value, builtin_types=(bytes,))


def reason_of(payload: bytes, keyring: Keyring = KEYRING) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(payload, keyring)
    return caught.value.reason


HEADER_BYTES = pack({"node": "digger-1", "boot": 1, "number": 1, "local_ns": 0, "site_ns": 0})
HOLD_BYTES = pack({"type": "hold", "command": "c-1"})


@given(values_of(Header), values_of(Message))
@settings(max_examples=200)
def test_any_message_comes_back_as_it_was_sent(header: Header, body: Message) -> None:
    frame = encode(header, body, SIGNER)

    received = decode(frame, KEYRING)

    assert received.body == body
    assert received.header == msgspec.structs.replace(header, key=SIGNER.key_id)
    assert received.role is Role.SCHEDULER


def test_an_unsigned_message_comes_back_without_a_role() -> None:
    received = decode(encode(HEADER, messages.TimeRequest(local_ns=5)), NOBODY)

    assert received.role is None
    assert received.header == HEADER


@pytest.mark.parametrize("body", MESSAGES, ids=tag_of)
def test_the_wire_has_not_changed_by_accident(body: Message) -> None:
    golden = samples.golden("messages")[tag_of(body)]

    assert encode(HEADER, body, SIGNER) == golden
    assert decode(golden, KEYRING).body == body


def test_every_message_class_has_golden_bytes() -> None:
    classes = set(Message.__args__)

    assert {type(body) for body in MESSAGES} == classes
    assert len(samples.golden("messages")) == len(classes)


@pytest.mark.parametrize("body", MESSAGES, ids=tag_of)
def test_the_reference_codec_reads_the_same_maps(body: Message) -> None:
    version, header, content, signature, crc = msgpack.unpackb(encode(HEADER, body, SIGNER))

    assert version == VERSION
    assert msgpack.unpackb(header) == fields_of(HEADER) | {"key": "scheduler"}
    assert msgpack.unpackb(content, use_list=False) == fields_of(body) | {"type": tag_of(body)}
    assert crc == zlib.crc32(header + content + signature)


@pytest.mark.parametrize("body", MESSAGES, ids=tag_of)
def test_a_frame_of_the_reference_codec_is_understood(body: Message) -> None:
    header = pack(fields_of(HEADER))
    content = pack(fields_of(body) | {"type": tag_of(body)})

    received = decode(sealed(header, content), NOBODY)

    assert received.body == body


def test_fields_of_a_later_version_are_ignored() -> None:
    content = pack({"type": "hold", "command": "c-1", "turn": 7, "colour": ["red", {"deep": 1}]})

    received = decode(sealed(HEADER_BYTES, content), NOBODY)

    assert received.body == messages.Hold(command=samples.CommandId("c-1"), turn=7)


def test_no_single_changed_byte_goes_unseen() -> None:
    frame = encode(HEADER, HOLD, SIGNER)

    reasons = {
        reason_of(frame[:index] + bytes([frame[index] ^ flip]) + frame[index + 1 :])
        for index in range(len(frame))
        for flip in (0x01, 0x80, 0xFF)
    }

    assert {"checksum", "version", "garbage"} <= reasons <= REASONS


@pytest.mark.parametrize("part", [1, 2, 3], ids=["header", "body", "signature"])
def test_damage_to_any_part_fails_the_checksum(part: int) -> None:
    fields = msgpack.unpackb(encode(HEADER, MESSAGES[0], SIGNER))
    for index in range(len(fields[part])):
        damaged = bytearray(fields[part])
        damaged[index] ^= 0x10

        frame = pack([*fields[:part], bytes(damaged), *fields[part + 1 :]])

        assert reason_of(frame) == "checksum"


def test_another_version_is_refused_as_such() -> None:
    assert reason_of(sealed(HEADER_BYTES, HOLD_BYTES, version=VERSION + 1)) == "version"


def test_a_forged_body_fails_the_signature() -> None:
    _, header, body, signature, _ = msgpack.unpackb(encode(HEADER, HOLD, SIGNER))
    forged = body.replace(b"scheduler-7-42", b"scheduler-7-43")

    assert forged != body
    assert reason_of(sealed(header, forged, signature)) == "signature"


def test_a_forged_epoch_fails_the_signature() -> None:
    _, header, body, signature, _ = msgpack.unpackb(encode(HEADER, HOLD, SIGNER))
    forged = pack(msgpack.unpackb(header) | {"epoch": HEADER.epoch + 1})

    assert reason_of(sealed(forged, body, signature)) == "signature"


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), bytes(65)])
def test_a_made_up_signature_is_refused(signature: bytes) -> None:
    _, header, body, _, _ = msgpack.unpackb(encode(HEADER, HOLD, SIGNER))

    assert reason_of(sealed(header, body, signature)) == "signature"


def test_a_key_that_is_not_enrolled_is_refused() -> None:
    assert reason_of(encode(HEADER, HOLD, SIGNER), NOBODY) == "unknown_key"


def test_another_holders_signature_under_a_known_key_id_is_refused() -> None:
    impostor = Signer(SIGNER.key_id, Role.SCHEDULER, bytes(32))

    assert reason_of(encode(HEADER, HOLD, impostor)) == "signature"


def test_taking_the_key_id_away_takes_the_role_away() -> None:
    _, header, body, signature, _ = msgpack.unpackb(encode(HEADER, HOLD, SIGNER))
    anonymous = pack({k: v for k, v in msgpack.unpackb(header).items() if k != "key"})

    assert decode(sealed(anonymous, body, signature), KEYRING).role is None


def test_every_truncation_is_garbage() -> None:
    frame = encode(HEADER, MESSAGES[0], SIGNER)

    assert {reason_of(frame[:size]) for size in range(len(frame))} == {"garbage"}


def test_bytes_after_the_frame_are_garbage() -> None:
    assert reason_of(encode(HEADER, HOLD, SIGNER) + b"\x00") == "garbage"


def test_a_frame_over_the_limit_is_refused_unread() -> None:
    assert reason_of(bytes(FRAME_BYTES_MAX + 1)) == "oversized"


def _upload_of(size_bytes: int) -> Upload:
    return Upload(
        record_class=RecordClass.RAW,
        boot=BOOT,
        first_seq=1,
        seq=1,
        floor_seq=1,
        count=1,
        dropped=False,
        record=bytes(size_bytes),
    )


def test_the_largest_frame_passes_and_one_byte_more_is_our_bug() -> None:
    around = len(encode(HEADER, _upload_of(100_000))) - 100_000

    frame = encode(HEADER, _upload_of(FRAME_BYTES_MAX - around))

    assert len(frame) == FRAME_BYTES_MAX
    assert decode(frame, NOBODY).header == HEADER
    with pytest.raises(AssertionError, match="frame of 262145 bytes"):
        encode(HEADER, _upload_of(FRAME_BYTES_MAX - around + 1))


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_random_bytes_raise_nothing_else(payload: bytes) -> None:
    assert reason_of(payload) in REASONS


@given(anything)
@settings(max_examples=300)
def test_random_msgpack_raises_nothing_else(value: Any) -> None:
    assert reason_of(pack(value)) in REASONS


@given(anything.map(pack) | st.binary(max_size=50), anything.map(pack) | st.binary(max_size=50))
@settings(max_examples=300)
def test_random_parts_under_a_right_checksum_raise_nothing_else(header: bytes, body: bytes) -> None:
    assert reason_of(sealed(header, body)) in REASONS
    assert reason_of(sealed(HEADER_BYTES, body)) in REASONS


@pytest.mark.parametrize(
    "frame",
    [
        b"\x96\x01\xc4\x00\xc4\x00\xc4\x00\x00" + b"\x91" * 50_000 + b"\x90",
        sealed(b"\x81\xa1z" + b"\x91" * 50_000 + b"\x90", HOLD_BYTES),
        sealed(HEADER_BYTES, b"\x82\xa4type\xa4hold\xa1z" + b"\x91" * 50_000 + b"\x90"),
    ],
    ids=["frame", "header", "body"],
)
def test_nesting_without_end_is_garbage_and_not_a_crash(frame: bytes) -> None:
    assert reason_of(frame, NOBODY) == "garbage"


@pytest.mark.parametrize("size", [b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff"])
def test_an_array_that_lies_about_its_length_is_garbage(size: bytes) -> None:
    body = b"\x82\xa4type\xb1authority_request\xa4path" + size

    assert reason_of(sealed(HEADER_BYTES, body), NOBODY) == "garbage"


@pytest.mark.parametrize("field", ["boot", "number", "local_ns", "site_ns"])
def test_a_header_number_that_no_store_can_hold_is_garbage(field: str) -> None:
    header = pack(msgpack.unpackb(HEADER_BYTES) | {field: 2**63})

    assert reason_of(sealed(header, HOLD_BYTES), NOBODY) == "garbage"


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 2**63},
        {"boot": -1},
        {"count": -1},
        {"first_seq": 0},
        {"first_seq": 10, "seq": 9},
        {"record_class": "gossip"},
    ],
    ids=str,
)
def test_an_upload_that_makes_no_sense_is_garbage(changes: dict[str, Any]) -> None:
    body = pack(fields_of(_upload_of(4)) | {"type": "upload"} | changes)

    assert reason_of(sealed(HEADER_BYTES, body), NOBODY) == "garbage"


@pytest.mark.parametrize("x_m", [float("nan"), float("inf"), -float("inf"), 1e8], ids=str)
def test_a_coordinate_off_the_moon_is_garbage(x_m: float) -> None:
    request = messages.AuthorityRequest(
        request_no=1, task=samples.TASK, attempt=1, path=((0.0, 0.0), (x_m, 0.0)), x_m=0.0, y_m=0.0
    )

    assert reason_of(encode(HEADER, request, SIGNER)) == "garbage"


def test_a_key_id_is_taken_from_the_signer_and_not_from_the_header() -> None:
    header = msgspec.structs.replace(HEADER, key=KeyId("somebody"))

    received = decode(encode(header, HOLD, SIGNER), KEYRING)

    assert received.header.key == SIGNER.key_id


def test_text_that_is_not_utf8_is_garbage() -> None:
    header = HEADER_BYTES.replace(b"digger-1", b"digger-\xff")

    assert reason_of(sealed(header, HOLD_BYTES), NOBODY) == "garbage"
    assert (
        reason_of(sealed(HEADER_BYTES, HOLD_BYTES.replace(b"c-1", b"c-\xff")), NOBODY) == "garbage"
    )


READER = Signer(KeyId("archive"), Role.ARCHIVE, bytes(31) + b"a")


@pytest.mark.parametrize(
    ("sealer", "keyring", "standing", "role"),
    [
        (SIGNER, KEYRING, Standing.VERIFIED, Role.SCHEDULER),
        (None, KEYRING, Standing.UNSIGNED, None),
        (SIGNER, NOBODY, Standing.UNKNOWN_KEY, None),
        (Signer(SIGNER.key_id, Role.SCHEDULER, bytes(32)), KEYRING, Standing.FORGED, None),
        (SIGNER.tagger(READER.public), KEYRING, Standing.TAGGED, None),
        (SIGNER.tagger(READER.public), KEYRING.read_by(READER), Standing.VERIFIED, Role.SCHEDULER),
    ],
    ids=["signed", "unsigned", "unknown", "forged", "tagged", "tagged for the one who looks"],
)
def test_a_looker_on_learns_what_can_be_said_of_the_sender(
    sealer: Any, keyring: Keyring, standing: Standing, role: Role | None
) -> None:
    seen = look(encode(HEADER, HOLD, sealer), keyring)

    assert (seen.body, seen.standing, seen.role) == (HOLD, standing, role)


def test_a_looker_on_is_shown_nothing_that_is_damaged() -> None:
    frame = encode(HEADER, HOLD, SIGNER)

    with pytest.raises(RemoteProtocolError, match="checksum"):
        look(frame[:-1] + bytes([frame[-1] ^ 1]), KEYRING)
