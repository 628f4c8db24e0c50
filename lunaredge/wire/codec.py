"""Messages as frames: how a body becomes bytes and is checked on the way back.

Header and body are msgpack maps inside a frame; see `lunaredge.wire.frame` for the frame itself.
"""

import enum

import msgspec

from lunaredge.ids import KeyId, NodeId
from lunaredge.wire.body import Boot, Int64
from lunaredge.wire.frame import Frame, seal, signed_role, unpacked, unseal
from lunaredge.wire.messages import Message
from lunaredge.wire.seal import TAG_BYTES, Keyring, Role, Sealer

VERSION = 1

# Twice what the largest honest message needs (a terrain patch batch); the broker's own limit in
# the generated configuration is the same figure.
FRAME_BYTES_MAX = 262_144

CLOCK_UNKNOWN = -1


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sent this, in which life, and when."""

    node: NodeId
    boot: Boot
    number: Int64
    """Rises with every message of this boot."""
    to: NodeId = NodeId("")
    """The node that a command or an answer is for: a topic is not signed. Empty for all."""
    local_ns: Int64
    """The sender's own monotonic clock."""
    site_ns: Int64
    """Site time as the sender estimates it."""
    clock_error_ns: Int64 = CLOCK_UNKNOWN
    """Bound on the error of ``site_ns``; -1 while the sender does not know site time."""
    epoch: Int64 = 0
    """Fencing epoch; set on what the scheduler sends."""
    expiry_ns: Int64 = 0
    """Site time after which a command must change nothing; 0 for what is no command."""
    key: KeyId = KeyId("")
    """The key that signed; empty when unsigned."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message that arrived whole. ``role`` is None when it was not signed."""

    header: Header
    body: Message
    role: Role | None


class Standing(enum.Enum):
    """What a looker-on can say of who sent a frame."""

    VERIFIED = "verified"
    """Signed by the key that it names."""
    UNSIGNED = "unsigned"
    TAGGED = "tagged"
    """For one reader, who alone can check it."""
    UNKNOWN_KEY = "unknown key"
    FORGED = "forged"
    """Not signed by the key that it names."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A message that arrived whole, whoever sent it. ``role`` is that of a verified one."""

    header: Header
    body: Message
    standing: Standing
    role: Role | None


_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(Header)
_body_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(header: Header, body: Message, signer: Sealer | None = None) -> bytes:
    """Give the frame of a message, signed when a signer is given."""
    if signer is not None:
        header = msgspec.structs.replace(header, key=signer.key_id)
    header_bytes = _encoder.encode(header)
    body_bytes = _encoder.encode(body)
    frame = seal(VERSION, header_bytes, body_bytes, signer)
    assert len(frame) <= FRAME_BYTES_MAX, f"frame of {len(frame)} bytes"
    return frame


def decode(payload: bytes, keyring: Keyring) -> Received:
    """Take a frame apart and check it.

    Raises:
        RemoteProtocolError: reason ``oversized``, ``garbage``, ``version``, ``checksum``,
            ``unknown_key`` or ``signature``.
    """
    frame = unseal(payload, version=VERSION, bytes_max=FRAME_BYTES_MAX)
    header = unpacked(_header_decoder, frame.header)
    role = signed_role(frame, header.key, keyring) if header.key else None
    return Received(header=header, body=unpacked(_body_decoder, frame.body), role=role)


def look(payload: bytes, keyring: Keyring) -> Seen:
    """Take a frame apart for whoever only looks on: who sent it is told, and not demanded.

    Raises:
        RemoteProtocolError: reason ``oversized``, ``garbage``, ``version`` or ``checksum``.
    """
    frame = unseal(payload, version=VERSION, bytes_max=FRAME_BYTES_MAX)
    header = unpacked(_header_decoder, frame.header)
    body = unpacked(_body_decoder, frame.body)
    standing = _standing(frame, header.key, keyring)
    role = keyring.role(header.key) if standing is Standing.VERIFIED else None
    return Seen(header=header, body=body, standing=standing, role=role)


def _standing(frame: Frame, key: KeyId, keyring: Keyring) -> Standing:
    if not key:
        return Standing.UNSIGNED
    if keyring.role(key) is None:
        return Standing.UNKNOWN_KEY
    if keyring.verifies(key, frame.header + frame.body, frame.signature):
        return Standing.VERIFIED
    return Standing.TAGGED if len(frame.signature) == TAG_BYTES else Standing.FORGED
