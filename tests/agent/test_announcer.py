"""Stream births: who comes late, or missed one, can read what a node sends."""

import msgspec
import pytest

from lunaredge.agent import channels
from lunaredge.agent.announcer import TABLE
from lunaredge.ids import KeyId
from lunaredge.node import Publish
from lunaredge.wire import codec, topics
from lunaredge.wire.messages import Farewell, Held, RebirthRequest, RecordClass, StreamBirth, Upload
from lunaredge.wire.records import Alarm
from lunaredge.wire.seal import Role, Signer
from lunaredge.wire.telemetry import Channel, table_of
from tests.agent.rig import (
    AGENT_KEY,
    EVERYBODY,
    KEYRING,
    NODE,
    OPERATOR_KEY,
    SITE,
    Rig,
    boot_of,
    signer,
)
from tests.agent.toy_machine import seconds

TOPIC = topics.build(SITE, NODE, "birth")
OLD = (Channel(name="x_m", unit="m"), Channel(name="depth_cm", unit="cm"))


def births(rig: Rig) -> list[StreamBirth]:
    return rig.all(StreamBirth)


def ask(rig: Rig, key: Signer | None = None) -> None:
    rig.deliver(rig.frame(RebirthRequest(), key, epoch=0, expiry_ns=0), channel="rebirth")


def test_a_birth_is_said_at_each_connection_before_anything_that_needs_it() -> None:
    rig = Rig()
    rig.prove()
    rig.effects.clear()

    rig.node.disconnected(rig.now_ns)
    rig.node.connected(rig.now_ns)
    rig.carry_out()

    bodies = [codec.decode(e.payload, EVERYBODY).body for e in published(rig)]
    kinds = [type(body) for body in bodies]
    assert kinds.count(StreamBirth) == 1
    assert Upload in kinds
    assert kinds.index(StreamBirth) < kinds.index(Upload)


def published(rig: Rig) -> list[Publish]:
    return [effect for effect in rig.effects if isinstance(effect, Publish)]


def test_it_is_retained_and_signed_for_everybody() -> None:
    rig = Rig()

    (birth,) = [effect for effect in published(rig) if effect.topic == TOPIC]

    assert birth.retain
    received = codec.decode(birth.payload, KEYRING)
    assert (received.role, received.header.key) == (Role.NODE, AGENT_KEY.key_id)
    assert isinstance(received.body, StreamBirth)
    assert received.body.table == table_of(received.body.channels)
    assert not [e for e in published(rig) if e.retain and e.topic != TOPIC]


@pytest.mark.parametrize("key", [None, OPERATOR_KEY, signer("hauler-1", Role.NODE)])
def test_anybody_may_ask_for_it(key: Signer | None) -> None:
    rig = Rig()
    rig.run(11)

    ask(rig, key)

    assert len(births(rig)) == 2
    assert rig.beat().refused == {}


def test_a_crowd_that_asks_is_answered_together_after_ten_seconds() -> None:
    rig = Rig()
    rig.run(20)
    for _ in range(50):
        ask(rig)
    assert len(births(rig)) == 2

    rig.run(9)
    assert len(births(rig)) == 2
    rig.run(2)

    assert len(births(rig)) == 3
    rig.run(60)
    assert len(births(rig)) == 3
    assert rig.node._parts.announcer.asked_count == 50


def test_who_asks_just_after_a_connection_waits_too() -> None:
    rig = Rig()
    rig.run(4)

    ask(rig)
    rig.run(5)
    assert len(births(rig)) == 1
    rig.run(2)

    assert len(births(rig)) == 2


def test_nobody_waits_for_a_clock_that_went_back() -> None:
    rig = Rig()
    rig.run(100)
    ask(rig)
    ask(rig)
    assert len(births(rig)) == 2

    rig.now_ns -= seconds(90)
    rig.node.tick(rig.now_ns)
    rig.carry_out()
    rig.run(1)

    assert len(births(rig)) == 3


def test_what_is_no_request_is_refused_there() -> None:
    rig = Rig()

    rig.deliver(rig.frame(Farewell(node=NODE, orderly=True)), channel="rebirth")

    assert rig.beat().refused == {"unexpected": 1}
    assert len(births(rig)) == 1


def test_a_birth_lists_what_is_still_held() -> None:
    rig = Rig()
    rig.prove()
    rig.run(200)
    assert births(rig)[-1].held == ()

    ask(rig)

    numbers = [u.seq for u in rig.all(Upload) if u.record_class is RecordClass.RAW]
    (held,) = births(rig)[-1].held
    assert held == Held(record_class=RecordClass.RAW, boot=boot_of(1), floor_seq=1, last_seq=4)
    assert max(numbers) <= 4


def test_the_table_is_written_once_for_all_lives_of_one_software() -> None:
    rig = Rig()
    table = table_of(channels.table(is_machine=True))
    assert [key for key in rig.disk if key[0] == TABLE] == [(TABLE, "", table)]
    rig.effects.clear()

    rig.boot()

    assert not [effect for effect in rig.effects if getattr(effect, "table", "") == TABLE]


def test_an_earlier_table_is_announced_first_while_something_of_it_may_be_held() -> None:
    rig = Rig()
    rig.prove()
    rig.run(200)
    rig.disk[(TABLE, "", table_of(OLD))] = msgspec.msgpack.encode(OLD)

    rig.boot()

    topics_retained = [(e.topic, e.retain) for e in published(rig) if e.topic == TOPIC]
    assert [birth.channels for birth in births(rig)[-2:]] == [OLD, channels.table(is_machine=True)]
    assert topics_retained[-2:] == [(TOPIC, False), (TOPIC, True)]


def test_an_earlier_table_is_forgotten_once_nothing_is_held() -> None:
    rig = Rig()
    rig.prove()
    rig.acknowledge_all()
    rig.disk[(TABLE, "", table_of(OLD))] = msgspec.msgpack.encode(OLD)

    rig.boot()

    assert (TABLE, "", table_of(OLD)) not in rig.disk
    assert births(rig)[-1].channels == channels.table(is_machine=True)


@pytest.mark.parametrize("value", [None, b"", msgspec.msgpack.encode(OLD[:1]), b"\x90"])
def test_a_table_that_can_not_be_read_is_left_out_and_reported(value: bytes | None) -> None:
    rig = Rig()
    rig.run(200)
    rig.disk[(TABLE, "", table_of(OLD))] = value

    rig.boot()
    rig.prove()

    assert (TABLE, "", table_of(OLD)) not in rig.disk
    assert "state_corrupt" in rig.codes(Alarm)
    assert births(rig)[-1].channels == channels.table(is_machine=True)


def test_tables_of_many_changes_of_software_are_bounded() -> None:
    rig = Rig()
    rig.prove()
    rig.run(200)
    for number in range(20):
        one = (Channel(name=f"c{number}", unit="m"),)
        rig.disk[(TABLE, "", table_of(one))] = msgspec.msgpack.encode(one)
    before = len(births(rig))

    rig.boot()

    assert len(births(rig)) - before == 8
    assert len([key for key in rig.disk if key[0] == TABLE]) == 8


def test_the_archives_key_is_the_one_that_telemetry_is_sealed_for() -> None:
    rig = Rig()
    rig.prove()
    rig.run(100)

    frames = [e.payload for e in published(rig) if "/up/raw" in e.topic]

    assert frames
    assert codec.decode(frames[0], EVERYBODY).header.key == KeyId(NODE)
