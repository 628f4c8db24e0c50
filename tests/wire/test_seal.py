"""Signatures and keyrings: who may say what."""

import pytest

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import KeyId
from lunaredge.wire.seal import SIGNATURE_BYTES, Keyring, Role, Signer

DOZER = Signer(KeyId("dozer-1"), Role.NODE, b"\x01" * 32)
KEYRING = Keyring({DOZER.key_id: DOZER.public})


def test_the_signature_is_the_standards_own() -> None:
    # RFC 8032, section 7.1, test 1.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")

    signer = Signer(KeyId("vector"), Role.NODE, seed)

    assert signer.public.key.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert signer.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_a_holders_signature_is_believed() -> None:
    assert KEYRING.verifies(DOZER.key_id, b"go", DOZER.sign(b"go"))


def test_a_signature_of_other_bytes_is_not_believed() -> None:
    assert not KEYRING.verifies(DOZER.key_id, b"stop", DOZER.sign(b"go"))


@pytest.mark.parametrize("size", [0, 1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES + 1])
def test_a_signature_of_the_wrong_length_is_not_believed(size: int) -> None:
    assert not KEYRING.verifies(DOZER.key_id, b"go", (DOZER.sign(b"go") + b"\x00")[:size])


def test_a_stranger_is_not_believed() -> None:
    stranger = Signer(KeyId("dozer-2"), Role.NODE, b"\x02" * 32)

    assert not KEYRING.verifies(stranger.key_id, b"go", stranger.sign(b"go"))
    assert not KEYRING.verifies(DOZER.key_id, b"go", stranger.sign(b"go"))


def test_a_keyring_knows_the_role_of_its_holders_only() -> None:
    assert KEYRING.role(DOZER.key_id) is Role.NODE
    assert KEYRING.role(KeyId("dozer-2")) is None


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_the_wrong_length_is_our_own_mistake(size: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"dozer-1 has {size} bytes, not 32"):
        Signer(DOZER.key_id, Role.NODE, bytes(size))
