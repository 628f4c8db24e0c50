"""Frames: how a message becomes bytes and is checked on the way back.

A frame is a msgpack array ``[version, header, body, signature, crc]``. Header and body are
msgpack maps carried as byte strings, so that the signature and the checksum cover the exact bytes
that travel and no re-encoding can change them. The checksum (CRC-32 over header, body and
signature) finds damage; the signature (over header and body) finds forgery.
"""

import zlib

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, KeyId, NodeId
from lunaredge.wire.messages import Message
from lunaredge.wire.seal import Keyring, Role, Signer

VERSION = 1

# Twice what the largest honest message needs (a terrain patch batch); the broker's own limit in
# the generated configuration is the same figure.
FRAME_BYTES_MAX = 262_144

CLOCK_UNKNOWN = -1


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sent this, in which life, and when."""

    node: NodeId
    boot: BootId
    number: int
    """Rises with every message of this boot."""
    local_ns: int
    """The sender's own monotonic clock."""
    site_ns: int
    """Site time as the sender estimates it."""
    clock_error_ns: int = CLOCK_UNKNOWN
    """Bound on the error of ``site_ns``; -1 while the sender does not know site time."""
    epoch: int = 0
    """Fencing epoch; set on what the scheduler sends."""
    expiry_ns: int = 0
    """Site time after which a command must change nothing; 0 for what is no command."""
    key: KeyId = KeyId("")
    """The key that signed; empty when unsigned."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message that arrived whole. ``role`` is None when it was not signed."""

    header: Header
    body: Message
    role: Role | None


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    version: int
    header: bytes
    body: bytes
    signature: bytes
    crc: int


_encoder = msgspec.msgpack.Encoder()
_frame_decoder = msgspec.msgpack.Decoder(_Frame)
_header_decoder = msgspec.msgpack.Decoder(Header)
_body_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(header: Header, body: Message, signer: Signer | None = None) -> bytes:
    """Give the frame of a message, signed when a signer is given."""
    if signer is not None:
        header = msgspec.structs.replace(header, key=signer.key_id)
    header_bytes = _encoder.encode(header)
    body_bytes = _encoder.encode(body)
    signature = signer.sign(header_bytes + body_bytes) if signer is not None else b""
    crc = zlib.crc32(header_bytes + body_bytes + signature)
    frame = _encoder.encode(_Frame(VERSION, header_bytes, body_bytes, signature, crc))
    assert len(frame) <= FRAME_BYTES_MAX, f"frame of {len(frame)} bytes"
    return frame


def decode(payload: bytes, keyring: Keyring) -> Received:
    """Take a frame apart and check it.

    Raises:
        RemoteProtocolError: reason ``oversized``, ``garbage``, ``version``, ``checksum``,
            ``unknown_key`` or ``signature``.
    """
    if len(payload) > FRAME_BYTES_MAX:
        raise RemoteProtocolError("oversized", f"{len(payload)} bytes")
    try:
        frame = _frame_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RemoteProtocolError("garbage", str(exc)) from exc
    if frame.version != VERSION:
        raise RemoteProtocolError("version", f"{frame.version}, not {VERSION}")
    if zlib.crc32(frame.header + frame.body + frame.signature) != frame.crc:
        raise RemoteProtocolError("checksum")
    try:
        header = _header_decoder.decode(frame.header)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RemoteProtocolError("garbage", str(exc)) from exc
    role = _checked_role(frame, header, keyring)
    try:
        body = _body_decoder.decode(frame.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RemoteProtocolError("garbage", str(exc)) from exc
    return Received(header=header, body=body, role=role)


def _checked_role(frame: _Frame, header: Header, keyring: Keyring) -> Role | None:
    if not header.key:
        return None
    role = keyring.role(header.key)
    if role is None:
        raise RemoteProtocolError("unknown_key", header.key)
    if not keyring.verifies(header.key, frame.header + frame.body, frame.signature):
        raise RemoteProtocolError("signature", header.key)
    return role
