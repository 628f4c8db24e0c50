"""The keyring that remembers: it says what the plain one says, of good and of forged signatures."""

import pytest

from lunaredge.ids import KeyId
from lunaredge.sim.keys import KNOWN_MAX, OPERATOR, Keys, simulated_signer
from lunaredge.sim.scenario import small
from lunaredge.wire import seal
from lunaredge.wire.seal import Role

MESSAGE = b"drive on"


@pytest.fixture
def keys():
    return Keys(small().fleet)


@pytest.fixture
def checks(monkeypatch):
    """What is really checked."""
    seen = []
    honest = seal.Keyring.verifies

    def verifies(self, key_id, message, signature):
        seen.append(message)
        return honest(self, key_id, message, signature)

    monkeypatch.setattr(seal.Keyring, "verifies", verifies)
    return seen


def test_what_an_enrolled_signer_signs_verifies_and_nothing_near_it_does(keys):
    signature = keys.signer(OPERATOR).sign(MESSAGE)

    assert keys.keyring.verifies(OPERATOR, MESSAGE, signature)
    assert not keys.keyring.verifies(OPERATOR, MESSAGE + b"!", signature)
    assert not keys.keyring.verifies(KeyId("scheduler"), MESSAGE, signature)
    assert not keys.keyring.verifies(OPERATOR, MESSAGE, signature[:-1] + b"\0")


def test_a_forged_signature_is_refused_however_often_it_comes(keys, checks):
    stranger = simulated_signer("stranger", Role.SCHEDULER)
    signature = stranger.sign(MESSAGE)

    answers = [keys.keyring.verifies(KeyId("scheduler"), MESSAGE, signature) for _ in range(3)]

    assert answers == [False, False, False]
    assert checks == [MESSAGE]


def test_a_signature_from_elsewhere_is_really_checked(keys, checks):
    twin = simulated_signer(OPERATOR, Role.OPERATOR)
    signature = twin.sign(MESSAGE)

    assert keys.keyring.verifies(OPERATOR, MESSAGE, signature)
    assert checks == [MESSAGE]


def test_no_more_than_so_many_signatures_are_remembered(keys, checks):
    signature = keys.signer(OPERATOR).sign(MESSAGE)
    for number in range(KNOWN_MAX):
        keys.signer(OPERATOR).sign(b"%d" % number)

    assert keys.keyring.verifies(OPERATOR, MESSAGE, signature)
    assert checks == [MESSAGE]
