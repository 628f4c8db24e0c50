"""Datagrams on the Earth link: small, signed, and each of use by itself.

A datagram is a frame (`lunaredge.wire.frame`) whose body is a list of parts: items and answers to
directives toward Earth, directives and acknowledgements toward the site. Every datagram may be
lost, late, doubled or out of order: who resends what, and when, is the business of
`lunaredge.earth`. All structs are msgpack arrays, since at 8 kbit/s field names cost more than
values.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import KeyId, NodeId, SiteId
from lunaredge.wire.body import Boot, Count, Int64
from lunaredge.wire.codec import FRAME_BYTES_MAX
from lunaredge.wire.frame import seal, signed_role, unpacked, unseal
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.seal import Keyring, Role, Signer

VERSION = 1

# IPv6 promises 1280 bytes unfragmented, less 48 of IP and UDP headers: a datagram is lost whole or
# arrives whole, and holds an 8 kbit/s link for 1.2 s at most before an alarm gets its turn.
DATAGRAM_BYTES_MAX = 1200

# The frame's own fields (78 bytes) and the list of parts (3).
FRAME_OVERHEAD_BYTES = 81

# What a header with the longest names (103 bytes) leaves for the parts: what may always be sent.
PARTS_BYTES_MAX = 1016

# An item beyond this travels in pieces. With the 49 bytes around it a piece fills a datagram.
CHUNK_BYTES = 960
ITEM_OVERHEAD_BYTES = 49

# A record that came in a frame is shorter than the frame; the shipment's own fields take less than
# the header and the signature did. So whatever the site can send, the link can carry.
ITEM_BYTES_MAX = FRAME_BYTES_MAX
PARTS_MAX = -(-ITEM_BYTES_MAX // CHUNK_BYTES)

# Ids in flight per class: 200 Mbit/s in full pieces, times a round trip with its waits (4.6 s).
WINDOW_COUNT = 131_072

# One acknowledgement names as many ids beyond the first hole as fit beside it; more go in a row.
BITMAP_BYTES_MAX = CHUNK_BYTES

# What is left for the signed frame once a directive's longest id and its times are paid for. A
# work order is longer: it goes up in a later issue, or is given to the site beforehand.
DIRECTIVE_FRAME_BYTES_MAX = 880

# A client's name, a dot and its request's own id.
DIRECTIVE_ID_LENGTH_MAX = 96
REASON_LENGTH_MAX = 100

_ItemId = Annotated[int, msgspec.Meta(ge=1, le=2**62)]
_Span = Annotated[int, msgspec.Meta(ge=1, le=2**62)]
_PartIndex = Annotated[int, msgspec.Meta(ge=0, lt=PARTS_MAX)]
_PartCount = Annotated[int, msgspec.Meta(ge=1, le=PARTS_MAX)]
_Chunk = Annotated[bytes, msgspec.Meta(max_length=CHUNK_BYTES)]
_Bitmap = Annotated[bytes, msgspec.Meta(max_length=BITMAP_BYTES_MAX)]
_DirectiveId = Annotated[str, msgspec.Meta(min_length=1, max_length=DIRECTIVE_ID_LENGTH_MAX)]


class LinkHeader(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Who sent this, and when."""

    site: SiteId
    key: KeyId
    era: Boot
    """The life of the outbox that item ids count in; 0 where the sender knows of none."""
    sent_ns: Int64
    """Site time when the first bit left."""


class Item(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=1):
    """One piece of something that is sent again until Earth acknowledges it.

    Ids count pieces, per era and class, without holes; a class is its priority. A long payload
    takes ``parts`` ids in a row. A marker of dropped records stands for ``span`` ids at once.
    """

    record_class: RecordClass
    id: _ItemId
    behind: Count
    """``id`` less the lowest id that the site still holds: Earth waits in vain for older ones."""
    span: _Span
    part: _PartIndex
    parts: _PartCount
    born_ns: Int64
    """Site time when the outbox took it."""
    chunk: _Chunk

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that contradict each other; a decoder calls it garbage."""
        if self.part >= self.parts or self.part >= self.id or self.behind >= self.id:
            raise ValueError(f"item {self.id}: piece {self.part} of {self.parts}")
        if self.span > 1 and self.parts > 1:
            raise ValueError(f"item {self.id}: a marker in {self.parts} pieces")

    @property
    def first_id(self) -> int:
        """Id of the payload's first piece."""
        return self.id - self.part

    @property
    def last_id(self) -> int:
        """The highest id this piece stands for."""
        return self.id + self.span - 1


class ItemAck(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=2):
    """Earth has on disk every id through ``through``, and those beyond it that the bitmap names.

    Bit k of byte b stands for the id ``through + 1 + skip + 8 b + k``. What it does not name may
    be named by another one.
    """

    record_class: RecordClass
    through: Count
    skip: Annotated[int, msgspec.Meta(ge=0, lt=WINDOW_COUNT)] = 0
    bitmap: _Bitmap = b""

    def ids(self) -> Iterator[int]:
        """Give the ids that the bitmap names, in order."""
        for index, byte in enumerate(self.bitmap):
            for bit in range(8 if byte else 0):
                if byte >> bit & 1:
                    yield self.through + 1 + self.skip + 8 * index + bit


class Directive(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=3):
    """Earth asks something of the site. ``frame`` is a whole message, signed by Earth.

    Taken once per id. Outside its two times it changes nothing.
    """

    id: _DirectiveId
    not_before_ns: Int64
    expires_ns: Int64
    frame: Annotated[bytes, msgspec.Meta(max_length=DIRECTIVE_FRAME_BYTES_MAX)]


class DirectiveAck(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=4):
    """The site has the directive on disk, or will not have it; the same for every repetition."""

    id: _DirectiveId
    ok: bool
    reason: Annotated[str, msgspec.Meta(max_length=REASON_LENGTH_MAX)] = ""


Part = Item | ItemAck | Directive | DirectiveAck


class Datagram(msgspec.Struct, frozen=True, kw_only=True):
    """A datagram that arrived whole, from the holder of a key with that role."""

    header: LinkHeader
    parts: tuple[Part, ...]
    role: Role


class Shipment(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=1):
    """Payload of an item: an upload of the site, as Earth archives it."""

    node: NodeId
    boot: Boot
    first_seq: Count
    seq: Count
    count: Count
    dropped: bool
    record: bytes


class Answered(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag=2):
    """Payload of an item: what came of a directive."""

    directive: _DirectiveId
    ok: bool
    text: str
    rows: bytes
    code: str = ""


Payload = Shipment | Answered

_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(LinkHeader)
_parts_decoder: msgspec.msgpack.Decoder[tuple[Part, ...]] = msgspec.msgpack.Decoder(
    tuple[Part, ...]
)
_payload_decoder: msgspec.msgpack.Decoder[Payload] = msgspec.msgpack.Decoder(Payload)


def encode_datagram(header: LinkHeader, parts: tuple[Part, ...], signer: Signer) -> bytes:
    """Give the bytes of a datagram; the parts must fit, see `part_bytes`."""
    assert header.key == signer.key_id
    payload = seal(VERSION, _encoder.encode(header), _encoder.encode(parts), signer)
    assert len(payload) <= DATAGRAM_BYTES_MAX, f"datagram of {len(payload)} bytes"
    return payload


def decode_datagram(payload: bytes, site: SiteId, keyring: Keyring) -> Datagram:
    """Take a datagram apart and check it. The link takes nothing that is not signed.

    Raises:
        RemoteProtocolError: reason ``oversized``, ``garbage``, ``version``, ``checksum``,
            ``unknown_key``, ``signature`` or ``other_site``.
    """
    frame = unseal(payload, version=VERSION, bytes_max=DATAGRAM_BYTES_MAX)
    header = unpacked(_header_decoder, frame.header)
    role = signed_role(frame, header.key, keyring)
    if header.site != site:
        raise RemoteProtocolError("other_site", header.site)
    return Datagram(header=header, parts=unpacked(_parts_decoder, frame.body), role=role)


def parts_room_bytes(header: LinkHeader) -> int:
    """Give how many bytes of parts fit beside that header; never less than PARTS_BYTES_MAX."""
    return DATAGRAM_BYTES_MAX - FRAME_OVERHEAD_BYTES - len(_encoder.encode(header))


def part_bytes(part: Part) -> int:
    """Give the size of a part in a datagram."""
    return len(_encoder.encode(part))


def encode_payload(payload: Payload) -> bytes:
    """Give the bytes of an item's payload."""
    return _encoder.encode(payload)


def decode_payload(payload: bytes) -> Payload:
    """Take an item's payload apart.

    Raises:
        RemoteProtocolError: reason ``garbage``.
    """
    return unpacked(_payload_decoder, payload)


def part_count(payload: bytes) -> int:
    """Give how many pieces a payload travels in."""
    return max(1, -(-len(payload) // CHUNK_BYTES))
