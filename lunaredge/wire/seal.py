"""Signatures: who may say what. Ed25519 by PyNaCl (1 MiB on a board, where cryptography has 8).

A site has one key per process: the scheduler, each node, each operator, Earth. A keyring holds
the public halves with their role; what is signed is the exact bytes that travel.
"""

import enum
from collections.abc import Mapping

import msgspec
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import KeyId

SEED_BYTES = 32
SIGNATURE_BYTES = 64


class Role(enum.Enum):
    """What the holder of a key may say."""

    SCHEDULER = "scheduler"
    NODE = "node"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    EARTH = "earth"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """One enrolled key."""

    id: KeyId
    role: Role
    key: bytes


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


class Keyring:
    """The public keys a process trusts."""

    def __init__(self, keys: Mapping[KeyId, PublicKey]) -> None:
        self._roles = {key_id: public.role for key_id, public in keys.items()}
        self._keys = {key_id: VerifyKey(public.key) for key_id, public in keys.items()}

    def role(self, key_id: KeyId) -> Role | None:
        """Give the key's role; None when it is not enrolled."""
        return self._roles.get(key_id)

    def verifies(self, key_id: KeyId, message: bytes, signature: bytes) -> bool:
        """Tell whether that enrolled key signed exactly these bytes."""
        key = self._keys.get(key_id)
        if key is None or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            key.verify(message, signature)
        except BadSignatureError:
            return False
        return True
