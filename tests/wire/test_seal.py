"""Signatures and keyrings: who may say what."""

import hashlib

import pytest
from nacl.bindings import crypto_scalarmult

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import KeyId
from lunaredge.wire.seal import (
    SIGNATURE_BYTES,
    TAG_BYTES,
    Keyring,
    PublicKey,
    Role,
    Signer,
)

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


# --- tags ----------------------------------------------------------------------------------------

ARCHIVE = Signer(KeyId("archive"), Role.ARCHIVE, b"\x0a" * 32)
ROVER = Signer(KeyId("rover-1"), Role.NODE, b"\x0b" * 32)
ENROLLED = Keyring({key.key_id: key.public for key in (DOZER, ARCHIVE, ROVER)})
READER = ENROLLED.read_by(ARCHIVE)


def tag(message: bytes, sender: Signer = DOZER, reader: Signer = ARCHIVE) -> bytes:
    tagger = sender.tagger(reader.public)
    assert tagger is not None
    assert tagger.key_id == sender.key_id
    return tagger.sign(message)


def test_a_tag_is_believed_by_its_reader() -> None:
    assert len(tag(b"go")) == TAG_BYTES
    assert READER.verifies(DOZER.key_id, b"go", tag(b"go"))
    assert READER.role(DOZER.key_id) is Role.NODE


def test_a_reader_still_believes_signatures() -> None:
    assert READER.verifies(DOZER.key_id, b"go", DOZER.sign(b"go"))
    assert not READER.verifies(DOZER.key_id, b"stop", DOZER.sign(b"go"))


def test_a_tag_is_believed_by_nobody_else() -> None:
    assert not ENROLLED.verifies(DOZER.key_id, b"go", tag(b"go"))
    assert not ENROLLED.read_by(ROVER).verifies(DOZER.key_id, b"go", tag(b"go"))
    assert not ENROLLED.read_by(DOZER).verifies(DOZER.key_id, b"go", tag(b"go"))


def test_a_tag_of_other_bytes_or_another_sender_is_not_believed() -> None:
    assert not READER.verifies(DOZER.key_id, b"stop", tag(b"go"))
    assert not READER.verifies(ROVER.key_id, b"go", tag(b"go"))
    assert not READER.verifies(KeyId("stranger"), b"go", tag(b"go"))


def test_no_flipped_bit_of_a_tag_goes_unseen() -> None:
    honest = tag(b"go")

    for bit in range(8 * TAG_BYTES):
        forged = bytearray(honest)
        forged[bit // 8] ^= 1 << bit % 8
        assert not READER.verifies(DOZER.key_id, b"go", bytes(forged))


def test_what_a_reader_tags_does_not_come_back_as_its_senders() -> None:
    # Both can work out both directions' secrets, which differ.
    back = tag(b"go", sender=ARCHIVE, reader=DOZER)

    assert back != tag(b"go")
    assert not READER.verifies(DOZER.key_id, b"go", back)
    assert ENROLLED.read_by(DOZER).verifies(ARCHIVE.key_id, b"go", back)


@pytest.mark.parametrize(
    "key", [b"", b"\x00" * 32, b"\x01" + b"\x00" * 31, b"\xff" * 32, b"\x02" * 31], ids=bytes.hex
)
def test_a_key_that_can_not_be_shared_with_gives_no_tags(key: bytes) -> None:
    odd = PublicKey(id=KeyId("archive"), role=Role.ARCHIVE, key=key)

    assert DOZER.tagger(odd) is None


def test_an_enrolled_key_of_small_order_tags_nothing() -> None:
    # The neutral point: whatever is shared with it anybody can work out.
    weak = PublicKey(id=KeyId("weak"), role=Role.NODE, key=b"\x01" + b"\x00" * 31)
    reader = Keyring({weak.id: weak}, ARCHIVE)

    assert not reader.verifies(weak.id, b"go", bytes(TAG_BYTES))


def test_the_secret_is_of_both_keys_as_the_standards_have_it() -> None:
    # Worked out anew with the curve alone: RFC 7748's function of RFC 8032's scalar and point.
    scalar = bytearray(hashlib.sha512(b"\x01" * 32).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    shared = crypto_scalarmult(bytes(scalar), montgomery(ARCHIVE.public.key))
    secret = hashlib.blake2b(
        shared + DOZER.public.key + ARCHIVE.public.key, digest_size=32, person=b"lunaredge tag 1"
    ).digest()

    assert tag(b"go") == hashlib.blake2b(b"go", digest_size=32, key=secret).digest()


def montgomery(edwards: bytes) -> bytes:
    """Give u = (1 + y) / (1 - y) of an Edwards point, RFC 7748 section 4.1."""
    prime = 2**255 - 19
    y = int.from_bytes(edwards, "little") & (2**255 - 1)
    return ((1 + y) * pow(1 - y, -1, prime) % prime).to_bytes(32, "little")
