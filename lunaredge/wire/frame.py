"""The frame: a header and a body as bytes, with the checksum and the signature over them.

A frame is a msgpack array ``[version, header, body, signature, crc]``. Header and body travel as
byte strings, so that the signature and the checksum cover the exact bytes that travel and no
re-encoding can change them. The checksum (CRC-32 over header, body and signature) finds damage;
the signature (over header and body) finds forgery. What header and body mean is the business of
`codec` (messages of the site) and `link` (datagrams of the Earth link).
"""

import zlib
from typing import TypeVar

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import KeyId
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.seal import Keyring, Role, Sealer

Value = TypeVar("Value")


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A frame as it travels."""

    version: int
    header: bytes
    body: bytes
    signature: bytes
    crc: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


def seal(version: int, header: bytes, body: bytes, signer: Sealer | None) -> bytes:
    """Give the bytes of a frame, signed when a signer is given."""
    signature = signer.sign(header + body) if signer is not None else b""
    crc = zlib.crc32(header + body + signature)
    return _encoder.encode(Frame(version, header, body, signature, crc))


def unseal(payload: bytes, *, version: int, bytes_max: int) -> Frame:
    """Take a frame apart and check it for damage; who signed it is not checked yet.

    Raises:
        RemoteProtocolError: reason ``oversized``, ``garbage``, ``version`` or ``checksum``.
    """
    if len(payload) > bytes_max:
        raise RemoteProtocolError("oversized", f"{len(payload)} bytes")
    frame = unpacked(_decoder, payload)
    if frame.version != version:
        raise RemoteProtocolError("version", f"{frame.version}, not {version}")
    if zlib.crc32(frame.header + frame.body + frame.signature) != frame.crc:
        raise RemoteProtocolError("checksum")
    return frame


def signed_role(frame: Frame, key: KeyId, keyring: Keyring) -> Role:
    """Give the role of the key that signed the frame.

    Raises:
        RemoteProtocolError: reason ``unknown_key`` or ``signature``.
    """
    role = keyring.role(key)
    if role is None:
        raise RemoteProtocolError("unknown_key", key)
    if not keyring.verifies(key, frame.header + frame.body, frame.signature):
        raise RemoteProtocolError("signature", key)
    return role


def unpacked(decoder: "msgspec.msgpack.Decoder[Value]", payload: bytes) -> Value:
    """Decode bytes from afar.

    Raises:
        RemoteProtocolError: reason ``garbage``.
    """
    try:
        return decoder.decode(payload)
    except MALFORMED as exc:
        raise RemoteProtocolError("garbage", str(exc)) from exc
