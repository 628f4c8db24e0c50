"""Signatures: who may say what. Ed25519 by PyNaCl (1 MiB on a board, where cryptography has 8).

A site has one key per process: the scheduler, each node, each operator, Earth. A keyring holds
the public halves with their role; what is signed is the exact bytes that travel.

What goes to one reader in bulk is tagged instead: a keyed BLAKE2b (RFC 7693) under a secret that
sender and reader each work out of their own key and the other's (X25519, RFC 7748, of the same
keys in Montgomery form). Of 8 kB it costs 11 us, where checking a signature costs 75 (one core of
a Xeon, November 2026). Only that reader can check it, and nobody else could have made it.
"""

import enum
import hashlib
import hmac
from collections.abc import Mapping
from typing import Protocol

import msgspec
from nacl.bindings import (
    crypto_scalarmult,
    crypto_sign,
    crypto_sign_ed25519_pk_to_curve25519,
    crypto_sign_ed25519_sk_to_curve25519,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import VerifyKey

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import KeyId

SEED_BYTES = 32
SIGNATURE_BYTES = 64
TAG_BYTES = 32
_TAG_PURPOSE = b"lunaredge tag 1"


class Role(enum.Enum):
    """What the holder of a key may say."""

    SCHEDULER = "scheduler"
    NODE = "node"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    EARTH = "earth"
    ARCHIVE = "archive"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled key."""

    id: KeyId
    role: Role
    key: bytes


class Sealer(Protocol):
    """Who can vouch for bytes: a `Signer` to everybody, a `Tagger` to one reader."""

    key_id: KeyId

    def sign(self, message: bytes) -> bytes:
        """Give what proves that the holder of the key said exactly this."""
        ...


class Signer:
    """Signs with one secret key."""

    def __init__(self, key_id: KeyId, role: Role, seed: bytes) -> None:
        """Raises LocalProtocolError when the seed is not 32 bytes."""
        if len(seed) != SEED_BYTES:
            raise LocalProtocolError(f"signing seed of {key_id} has {len(seed)} bytes, not 32")
        self.key_id = key_id
        public, self._secret = crypto_sign_seed_keypair(seed)
        self.public = PublicKey(id=key_id, role=role, key=public)

    def sign(self, message: bytes) -> bytes:
        """Give the 64-byte signature of the message."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def tagger(self, reader: PublicKey) -> "Tagger | None":
        """Give what tags messages for that reader; None when its key is none to share with."""
        secret = self.shared_secret(reader, sender=self.public)
        return None if secret is None else Tagger(self.key_id, secret)

    def shared_secret(self, other: PublicKey, sender: PublicKey) -> bytes | None:
        """Give what only we and the other know, for one direction; None for an unusable key."""
        try:
            theirs = crypto_sign_ed25519_pk_to_curve25519(other.key)
            ours = crypto_sign_ed25519_sk_to_curve25519(self._secret)
            shared = crypto_scalarmult(ours, theirs)
        except (CryptoError, TypeError, ValueError):
            return None
        reader = other if sender.key == self.public.key else self.public
        return hashlib.blake2b(
            shared + sender.key + reader.key, digest_size=32, person=_TAG_PURPOSE
        ).digest()


class Tagger:
    """Tags messages for one reader."""

    def __init__(self, key_id: KeyId, secret: bytes) -> None:
        self.key_id = key_id
        self._secret = secret

    def sign(self, message: bytes) -> bytes:
        """Give the 32-byte tag of the message."""
        return hashlib.blake2b(message, digest_size=TAG_BYTES, key=self._secret).digest()


class Keyring:
    """The public keys a process trusts. With its own key it can check tags that are for it."""

    def __init__(self, keys: Mapping[KeyId, PublicKey], reader: Signer | None = None) -> None:
        self._publics = dict(keys)
        self._roles = {key_id: public.role for key_id, public in keys.items()}
        self._keys = {key_id: VerifyKey(public.key) for key_id, public in keys.items()}
        self._reader = reader
        self._taggers: dict[KeyId, Tagger | None] = {}
        """Worked out when first needed; as many as there are keys."""

    def public(self, key_id: KeyId) -> PublicKey | None:
        """Give an enrolled key; None when it is not enrolled."""
        return self._publics.get(key_id)

    def of_role(self, role: Role) -> tuple[KeyId, ...]:
        """Give the keys of that role, in order."""
        return tuple(sorted(key_id for key_id, found in self._roles.items() if found is role))

    def read_by(self, reader: Signer) -> "Keyring":
        """Give the same keyring with what it needs to check tags for that reader."""
        return Keyring(self._publics, reader)

    def role(self, key_id: KeyId) -> Role | None:
        """Give the key's role; None when it is not enrolled."""
        return self._roles.get(key_id)

    def verifies(self, key_id: KeyId, message: bytes, signature: bytes) -> bool:
        """Tell whether that enrolled key signed exactly these bytes, or tagged them for us."""
        key = self._keys.get(key_id)
        if key is not None and len(signature) == TAG_BYTES:
            tagger = self._tagger(key_id)
            return tagger is not None and hmac.compare_digest(tagger.sign(message), signature)
        if key is None or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            key.verify(message, signature)
        except BadSignatureError:
            return False
        return True

    def _tagger(self, key_id: KeyId) -> Tagger | None:
        if self._reader is None:
            return None
        if key_id not in self._taggers:
            sender = self._publics[key_id]
            secret = self._reader.shared_secret(sender, sender=sender)
            self._taggers[key_id] = None if secret is None else Tagger(key_id, secret)
        return self._taggers[key_id]
