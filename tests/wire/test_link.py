"""Datagrams: round trips, golden bytes, sizes, and every kind of damage and forgery."""

import zlib

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.wire import link
from lunaredge.wire.codec import FRAME_BYTES_MAX
from lunaredge.wire.link import (
    BITMAP_BYTES_MAX,
    CHUNK_BYTES,
    DATAGRAM_BYTES_MAX,
    DIRECTIVE_FRAME_BYTES_MAX,
    ITEM_OVERHEAD_BYTES,
    PARTS_BYTES_MAX,
    PARTS_MAX,
    WINDOW_COUNT,
    Answered,
    Directive,
    DirectiveAck,
    Item,
    ItemAck,
    LinkHeader,
    Part,
    Shipment,
    decode_datagram,
    decode_payload,
    encode_datagram,
    encode_payload,
    part_bytes,
    part_count,
    parts_room_bytes,
)
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.seal import Keyring, Role, Signer

SITE = SiteId("rim")
GATEWAY = Signer(KeyId("gateway"), Role.GATEWAY, bytes(32))
KEYRING = Keyring({GATEWAY.key_id: GATEWAY.public})
HEADER = LinkHeader(
    site=SITE, key=GATEWAY.key_id, era=BootId(0x1000001), sent_ns=1_800_000_000_000_000_000
)
ITEM = Item(
    record_class=RecordClass.STATE,
    id=300,
    behind=2,
    span=1,
    part=1,
    parts=3,
    born_ns=1_800_000_000_000_000_000,
    chunk=b"chunk",
)
PARTS: tuple[Part, ...] = (
    ITEM,
    ItemAck(record_class=RecordClass.RAW, through=70_000, skip=8, bitmap=b"\x05"),
    Directive(id="ann.r-1", not_before_ns=1, expires_ns=2, frame=b"frame"),
    DirectiveAck(id="ann.r-1", ok=False, reason="expired"),
)
GOLDEN = (
    "9501c41b94a372696da767617465776179ce01000001cf18fae27693b40000c455949901a57374617465cd012c"
    "02010103cf18fae27693b40000c4056368756e6b9502a3726177ce0001117008c401059503a7616e6e2e722d31"
    "0102c4056672616d659404a7616e6e2e722d31c2a765787069726564c440"
)

times_ns = st.integers(-(2**63), 2**63 - 1)
classes = st.sampled_from(RecordClass)
items = st.integers(1, PARTS_MAX).flatmap(
    lambda parts: st.builds(
        Item,
        record_class=classes,
        id=st.integers(PARTS_MAX, 2**62),
        behind=st.integers(0, PARTS_MAX - 1),
        span=st.just(1) if parts > 1 else st.integers(1, 2**62),
        part=st.integers(0, parts - 1),
        parts=st.just(parts),
        born_ns=times_ns,
        chunk=st.binary(max_size=CHUNK_BYTES),
    )
)
acks = st.builds(
    ItemAck,
    record_class=classes,
    through=st.integers(0, 2**63 - 1),
    skip=st.integers(0, WINDOW_COUNT - 1),
    bitmap=st.binary(max_size=BITMAP_BYTES_MAX),
)
directives = st.builds(
    Directive,
    id=st.text("abc.-", min_size=1, max_size=96),
    not_before_ns=times_ns,
    expires_ns=times_ns,
    frame=st.binary(max_size=DIRECTIVE_FRAME_BYTES_MAX),
)


def sealed(parts=PARTS, header=HEADER):
    return encode_datagram(header, parts, GATEWAY)


def reason_of(payload, keyring=KEYRING, site=SITE):
    with pytest.raises(RemoteProtocolError) as caught:
        decode_datagram(payload, site, keyring)
    return caught.value.reason


def raw(header, body, signer=GATEWAY):
    """Give a datagram with a right checksum and signature around any bytes."""
    signature = signer.sign(header + body)
    crc = zlib.crc32(header + body + signature)
    return msgpack.packb([link.VERSION, header, body, signature, crc])


HEADER_BYTES = msgspec.msgpack.encode(HEADER)


@given(items | acks | directives)
def test_any_part_comes_back_as_it_was_sent_and_always_fits(part):
    payload = sealed((part,))

    received = decode_datagram(payload, SITE, KEYRING)

    assert received.parts == (part,)
    assert received.role is Role.GATEWAY
    assert part_bytes(part) <= PARTS_BYTES_MAX


def test_the_bytes_on_the_link_do_not_change():
    payload = sealed()

    assert payload.hex().startswith(GOLDEN)
    assert len(payload) == len(GOLDEN) // 2 + 64 + 5


def test_an_item_is_never_larger_than_its_bound():
    largest = Item(
        record_class=RecordClass.SUMMARY,
        id=2**62,
        behind=2**62 - 1,
        span=1,
        part=PARTS_MAX - 1,
        parts=PARTS_MAX,
        born_ns=2**63 - 1,
        chunk=bytes(CHUNK_BYTES),
    )

    # A window's worth behind is all that a sender ever is; the type allows more.
    honest = msgspec.structs.replace(largest, behind=WINDOW_COUNT)

    assert part_bytes(honest) <= ITEM_OVERHEAD_BYTES + CHUNK_BYTES <= PARTS_BYTES_MAX


def test_the_longest_names_leave_room_for_the_largest_part():
    header = LinkHeader(
        site=SiteId("s" * 40), key=KeyId("k" * 40), era=BootId(2**63 - 1), sent_ns=-(2**63)
    )

    assert parts_room_bytes(header) >= PARTS_BYTES_MAX


def test_whatever_fits_a_frame_of_the_site_fits_the_link():
    shipment = Shipment(
        node=NodeId("n" * 40),
        boot=BootId(2**48),
        first_seq=2**60,
        seq=2**60,
        count=2**60,
        dropped=False,
        record=bytes(FRAME_BYTES_MAX - 200),
    )

    assert part_count(encode_payload(shipment)) <= PARTS_MAX


@pytest.mark.parametrize(
    "payload",
    [
        Shipment(
            node=NodeId("scheduler"),
            boot=BootId(1),
            first_seq=1,
            seq=2,
            count=3,
            dropped=True,
            record=b"r",
        ),
        Answered(directive="ann.r-1", ok=True, text="done", rows=b"[]", code="c0de"),
    ],
)
def test_payloads_come_back_as_they_were_sent(payload):
    assert decode_payload(encode_payload(payload)) == payload


@given(st.binary(max_size=60))
def test_garbage_is_refused_and_never_raised_through(payload):
    assert reason_of(payload) in {"garbage", "version", "checksum"}
    with pytest.raises(RemoteProtocolError):
        decode_payload(payload + b"\xc1")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_bit_anywhere_is_found(place, flip):
    payload = bytearray(sealed())
    payload[place % len(payload)] ^= flip

    assert reason_of(bytes(payload)) in {"garbage", "version", "checksum"}


def test_forgeries_and_strangers_are_refused():
    stranger = Signer(KeyId("gateway"), Role.GATEWAY, b"x" * 32)
    unsigned = msgpack.packb(
        [link.VERSION, HEADER_BYTES, b"\x90", b"", zlib.crc32(HEADER_BYTES + b"\x90")]
    )

    assert reason_of(raw(HEADER_BYTES, b"\x90", stranger)) == "signature"
    assert reason_of(unsigned) == "signature"
    assert reason_of(sealed(), Keyring({})) == "unknown_key"
    assert reason_of(sealed(), site=SiteId("other")) == "other_site"
    assert reason_of(bytes(DATAGRAM_BYTES_MAX + 1)) == "oversized"


@pytest.mark.parametrize(
    "changes",
    [
        {"part": 3},
        {"id": 1, "part": 2, "behind": 0},
        {"behind": 300},
        {"span": 2},
        {"id": 0},
        {"id": 2**63},
        {"parts": PARTS_MAX + 1},
        {"chunk": bytes(CHUNK_BYTES + 1)},
    ],
)
def test_numbers_that_contradict_each_other_are_garbage(changes):
    fields = msgspec.structs.asdict(ITEM) | changes
    body = msgpack.packb([[1, fields.pop("record_class").value, *fields.values()]])

    assert reason_of(raw(HEADER_BYTES, body)) == "garbage"


@given(st.integers(0, 10**6), st.integers(0, 1000), st.binary(max_size=20))
def test_a_bitmap_names_what_its_bits_say(through, skip, bitmap):
    ack = ItemAck(record_class=RecordClass.RAW, through=through, skip=skip, bitmap=bitmap)

    bits = int.from_bytes(bitmap, "little")

    assert sum(1 << (number - through - 1 - skip) for number in ack.ids()) == bits
