"""Everybody's keys in a simulated site."""

import hashlib
from collections.abc import Callable, Mapping

from lunaredge.ids import KeyId
from lunaredge.model.fleet import Fleet
from lunaredge.wire import topics
from lunaredge.wire.seal import Keyring, PublicKey, Role, Signer

OPERATOR = KeyId("operator-sim")
WARDENS = (KeyId("operator-ana"), KeyId("operator-ben"), KeyId("operator-cat"))


# Signatures that are remembered: some minutes of a busy site, longer than a frame is on its way.
KNOWN_MAX = 2_048


class KnowingKeyring(Keyring):
    """A keyring that looks at each signature once, however many readers a frame has.

    In one process, what an enrolled signer has just signed need not be checked again either. Any
    other bytes, key or signature go through the real check.
    """

    def __init__(self, keys: Mapping[KeyId, PublicKey], reader: Signer | None = None) -> None:
        super().__init__(keys, reader)
        self._known: dict[tuple[KeyId, bytes, bytes], bool] = {}

    def know(self, key_id: KeyId, message: bytes, signature: bytes, *, good: bool) -> None:
        """Remember what the check of a signature gives; the oldest is forgotten."""
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[(key_id, signature, message)] = good

    def verifies(self, key_id: KeyId, message: bytes, signature: bytes) -> bool:
        """Tell whether that enrolled key signed exactly these bytes."""
        known = self._known.get((key_id, signature, message))
        if known is None:
            known = super().verifies(key_id, message, signature)
            self.know(key_id, message, signature, good=known)
        return known


class EnrolledSigner(Signer):
    """A signer whose key is on the ring, which learns what it signs."""

    def __init__(self, key_id: KeyId, role: Role, ring: Callable[[], KnowingKeyring]) -> None:
        super().__init__(key_id, role, _secret(key_id))
        self._ring = ring

    def sign(self, message: bytes) -> bytes:
        """Give the 64-byte signature of the message."""
        signature = super().sign(message)
        self._ring().know(self.key_id, message, signature, good=True)
        return signature


class Keys:
    """Every holder's signer, and the keyring that all of them trust."""

    def __init__(self, fleet: Fleet) -> None:
        roles = {
            KeyId(topics.SCHEDULER): Role.SCHEDULER,
            KeyId(topics.ARCHIVE): Role.ARCHIVE,
            KeyId(topics.GATEWAY): Role.GATEWAY,
            KeyId(topics.EARTH): Role.EARTH,
            OPERATOR: Role.OPERATOR,
        }
        roles |= dict.fromkeys(WARDENS, Role.OPERATOR)
        roles |= {KeyId(node.name): Role.NODE for node in fleet.nodes}
        self.signers = {
            name: EnrolledSigner(name, role, lambda: self.keyring) for name, role in roles.items()
        }
        self.keyring = KnowingKeyring(
            {name: signer.public for name, signer in self.signers.items()}
        )

    def signer(self, name: str) -> Signer:
        """Give a holder's signer."""
        return self.signers[KeyId(name)]


def simulated_signer(name: str, role: Role) -> Signer:
    """Give a signer whose secret is its name: fit for simulation and for nothing else."""
    return Signer(KeyId(name), role, _secret(name))


def _secret(name: str) -> bytes:
    return hashlib.sha256(f"simulated {name}".encode()).digest()
