"""Entries of the intake log, as bytes: what was kept, and the channel tables that explain it.

Pure. An entry is a mark, its length, a CRC-32 and its payload. The mark is drawn for each segment:
after damage a reader looks for the next one, and what a sender wrote into a record can't pass for
it, nor can what another file left on the medium.
"""

import struct
import zlib
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from lunaredge.node import Keep, KeepKind
from lunaredge.wire.messages import RECORD_CLASSES
from lunaredge.wire.telemetry import Channel

MAGIC = b"LEDGlog1"
# Number, mark and CRC-32 of these and the magic, twice: one damaged byte must not cost a segment.
_HEADER = struct.Struct("<8sQ8sI")
HEADER_BYTES = 2 * _HEADER.size
# A mark begins so, and four drawn bytes follow.
MARK_START = b"\xa5LE\x96"
MARK_BYTES = 8
HEAD = struct.Struct("<8sII")
HEAD_BYTES = HEAD.size
# Many times the largest message; of a damaged length no more is read.
ENTRY_BYTES_MAX = 64 * 1024 * 1024

# kind, class, late, bytes of the node's name, boot, first and last number, count, received, start
# and end in ns, table, bytes of the reason. The name, the reason and the record follow.
KEEP = struct.Struct("<BBBBqqqqqqq16sH")
KEEP_BYTES = KEEP.size
TABLE_CODE = 0
_TABLE = struct.Struct("<B16s")
NO_TABLE = bytes(16)
REASON_BYTES_MAX = 200

KINDS = tuple(KeepKind)
# An enum's own hash is slower than all else here together; its value's is kept.
_KIND_CODES = {kind.value: code for code, kind in enumerate(KINDS, start=1)}
_CLASS_CODES = {each.value: code for code, each in enumerate(RECORD_CLASSES)}

_encoder = msgspec.msgpack.Encoder()
_channels_decoder = msgspec.msgpack.Decoder(tuple[Channel, ...])


def header(number: int, mark: bytes) -> bytes:
    """Give the first bytes of a segment."""
    assert len(mark) == MARK_BYTES, mark
    crc = zlib.crc32(_HEADER.pack(MAGIC, number, mark, 0))
    return _HEADER.pack(MAGIC, number, mark, crc) * 2


def mark_of(start: bytes) -> bytes | None:
    """Give the mark that a segment's header names; None where neither copy is whole."""
    for at in (0, _HEADER.size):
        copy = start[at : at + _HEADER.size]
        if len(copy) == _HEADER.size:
            magic, number, mark, crc = _HEADER.unpack(copy)
            if magic == MAGIC and zlib.crc32(_HEADER.pack(MAGIC, number, mark, 0)) == crc:
                return bytes(mark)
    return None


def digest_of(channels: Sequence[Channel]) -> bytes:
    """Give what names a channel table in the archive: equal tables have the same."""
    return blake2b(_encoder.encode(channels), digest_size=16).digest() if channels else NO_TABLE


def table_entry(mark: bytes, digest: bytes, channels: Sequence[Channel]) -> bytes:
    """Give the entry that explains a table to whoever reads the segment alone."""
    payload = _TABLE.pack(TABLE_CODE, digest) + _encoder.encode(channels)
    return HEAD.pack(mark, len(payload), zlib.crc32(payload)) + payload


def read_table(payload: bytes) -> tuple[bytes, tuple[Channel, ...]] | None:
    """Give digest and channels of a table's entry; None where it is none of ours."""
    try:
        digest = _TABLE.unpack_from(payload)[1]
        return digest, _channels_decoder.decode(payload[_TABLE.size :])
    except (struct.error, msgspec.DecodeError, UnicodeDecodeError):
        return None


def keep_entry(mark: bytes, keep: Keep, digest: bytes) -> bytes:
    """Give all of a Keep's entry but its record, which is written behind it as it is."""
    assert len(keep.record) < ENTRY_BYTES_MAX // 2, len(keep.record)
    node, reason, record = keep.node.encode(), b"", keep.record
    if keep.reason:
        reason = keep.reason.encode()[:REASON_BYTES_MAX]
    told = (
        KEEP.pack(
            _KIND_CODES[keep.kind._value_],
            _CLASS_CODES[keep.record_class._value_],
            keep.late,
            len(node),
            keep.boot,
            keep.first_seq,
            keep.last_seq,
            keep.count,
            keep.received_ns,
            keep.start_ns,
            keep.end_ns,
            digest,
            len(reason),
        )
        + node
        + reason
    )
    crc = zlib.crc32(record, zlib.crc32(told))
    return HEAD.pack(mark, len(told) + len(record), crc) + told
