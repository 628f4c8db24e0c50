from types import SimpleNamespace

import pytest

from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.runtime.standby import Leader, Standby
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages
from lunaredge.wire.seal import Keyring, Role, Signer

PATIENCE_NS = 90 * NS_PER_S


def silent_at(leader, now_s):
    return leader.is_silent(now_s * NS_PER_S, PATIENCE_NS)


def test_a_leader_is_silent_after_three_turns_without_a_word():
    leader = Leader(heard_ns=100 * NS_PER_S, connected_ns=0)

    assert not silent_at(leader, 189)
    assert silent_at(leader, 190)


def test_a_leader_that_nobody_could_hear_was_not_silent():
    parted = Leader(heard_ns=100 * NS_PER_S, connected_ns=None)
    back = Leader(heard_ns=100 * NS_PER_S, connected_ns=1_000 * NS_PER_S)

    assert not silent_at(parted, 1_000)
    assert not silent_at(back, 1_089)
    assert silent_at(back, 1_090)


def test_a_leader_never_heard_is_silent_in_time():
    leader = Leader(heard_ns=None, connected_ns=0)

    assert not silent_at(leader, 89)
    assert silent_at(leader, 90)


SCHEDULER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"\1" * 32)
NODE = Signer(KeyId("scout-1"), Role.NODE, b"\2" * 32)
KEYRING = Keyring({signer.key_id: signer.public for signer in (SCHEDULER, NODE)})


def standby(tmp_path):
    clock = SimpleNamespace(now_ns=lambda: 9 * NS_PER_S, speed=1.0)
    store = tmp_path / "scheduler.db"
    return Standby(SiteId("tiny"), store, clock, signer=SCHEDULER, keyring=KEYRING)


@pytest.mark.parametrize(
    ("signer", "name", "heard_s"),
    [
        (SCHEDULER, "site", 7),
        (SCHEDULER, "standby", None),
        (NODE, "site", None),
        (None, "site", None),
    ],
)
def test_only_the_leaders_own_word_is_heard(tmp_path, signer, name, heard_s):
    waiting = standby(tmp_path)
    header = codec.Header(node=NodeId("scheduler"), boot=BootId(1), number=1, local_ns=1, site_ns=1)
    view = messages.View(name=name, site_ns=7 * NS_PER_S, rows=b"[]")

    waiting.on_message("site", codec.encode(header, view, signer))

    assert waiting.leader.heard_ns == (heard_s and heard_s * NS_PER_S)


def test_a_standby_signs_what_it_shows_as_the_scheduler(tmp_path):
    waiting, sent = standby(tmp_path), []
    waiting._link = SimpleNamespace(publish=lambda _, payload, **__: sent.append(payload))

    waiting._show([])

    assert [codec.decode(payload, KEYRING).role for payload in sent] == [Role.SCHEDULER]
