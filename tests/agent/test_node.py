"""The node contract: bad input, wakeups, clock jumps, leaving."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.errors import ConfigError
from lunaredge.ids import NodeId
from lunaredge.model.task import Leg
from lunaredge.node import Actuate, Node, Note, Persist, Publish
from lunaredge.wire import codec, topics
from lunaredge.wire.driver import Follow, Halt
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    Farewell,
    Heartbeat,
    RecordAck,
    RecordClass,
    Stop,
    TimeReply,
    TimeRequest,
)
from lunaredge.wire.records import Event
from tests.agent.rig import (
    AGENT_KEY,
    KEYRING,
    NODE,
    OPERATOR_KEY,
    SITE,
    Rig,
    boot_of,
    config,
    notes,
)
from tests.agent.toy_machine import PATH, seconds


def refused_notes(rig: Rig) -> list[Note]:
    return [note for note in notes(rig.effects) if note.event == "input.refused"]


def test_it_is_a_node_and_hears_its_topics_and_everybodys_authorities() -> None:
    node: Node = AgentNode(config(), boot_of(1), AGENT_KEY, KEYRING)

    assert node.subscriptions == (
        "lunaredge/v1/ridge/digger-1/cmd",
        "lunaredge/v1/ridge/digger-1/ack",
        "lunaredge/v1/ridge/digger-1/rebirth",
        "lunaredge/v1/ridge/all/stop",
        "lunaredge/v1/ridge/+/ma",
    )
    assert node.wakeup_ns() is None


def test_settings_that_can_not_be_used_are_refused_at_once() -> None:
    bad = config(sample_period_s=-1.0)

    with pytest.raises(ConfigError):
        AgentNode(bad, boot_of(1), AGENT_KEY, KEYRING)
    assert isinstance(bad, AgentConfig)


# --- bad input -----------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.sampled_from(["cmd", "ack", "stop", "node"]))
def test_garbage_is_counted_and_never_raised(payload: bytes, channel: str) -> None:
    rig = Rig()
    before = rig.state

    effects = rig.deliver(payload, channel)

    assert not [e for e in effects if isinstance(e, Persist | Actuate | Publish)]
    assert rig.state == before
    assert sum(rig.node._parts.outlet.refused.values()) == 1


def test_every_cut_and_flip_of_a_real_command_is_refused() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(Leg(path=PATH))
    frame = rig.frame(rig.grant_for(rig.last(AuthorityRequest)))
    draw = random.Random("flips")

    for _ in range(300):
        damaged = bytearray(frame)
        damaged[draw.randrange(len(frame))] ^= 1 << draw.randrange(8)
        rig.deliver(bytes(damaged))
        rig.deliver(frame[: draw.randrange(len(frame))])

    assert rig.orders(Follow) == []
    assert sum(rig.beat().refused.values()) == 600


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\x00" * (codec.FRAME_BYTES_MAX + 1), "oversized"),
        (b"\x91" * 60_000, "garbage"),
        (b"", "garbage"),
    ],
)
def test_what_is_not_a_frame_is_refused_by_name(payload: bytes, reason: str) -> None:
    rig = Rig()

    rig.deliver(payload)
    rig.run(10)

    assert rig.situation.refused == {reason: 1}


def test_a_source_is_noted_once_for_each_reason() -> None:
    rig = Rig()
    rig.effects.clear()

    for _ in range(20):
        rig.deliver(b"garbage")
        rig.deliver(b"", channel="ack")
        rig.deliver(rig.frame(Farewell(node=NODE, orderly=True)))

    noted = [(note.fields["source"], note.fields["reason"]) for note in refused_notes(rig)]
    assert len(noted) == len(set(noted)) == 3
    rig.run(10)
    assert rig.situation.refused == {"garbage": 40, "unexpected": 20}


def test_reasons_and_notes_are_bounded() -> None:
    rig = Rig()
    outlet = rig.node._parts.outlet

    for number in range(1000):
        outlet.refuse(f"source {number}", f"reason {number}")

    assert len(outlet.refused) <= 49
    assert sum(outlet.refused.values()) == 1000
    assert len(notes(rig.carry_out())) <= 256


def test_other_topics_are_refused_whatever_is_on_them() -> None:
    rig = Rig()
    stop = rig.frame(Stop(stop="s", node=None, reason=""), OPERATOR_KEY)

    for topic in ("", "lunaredge/v1/ridge/hauler-1/cmd", topics.build(SITE, NODE, "node")):
        rig.node.receive(topic, stop, rig.now_ns)
    rig.deliver(stop)

    rig.run(10)
    assert rig.situation.refused == {"topic": 3, "unexpected": 1}
    assert rig.situation.stops == ()


def test_a_time_answer_is_taken_once() -> None:
    rig = Rig()
    reply = TimeReply(local_ns=seconds(1000), site_ns=rig.site_ns)

    rig.tell(reply)
    rig.run(10)

    assert rig.situation.refused == {"time_unasked": 1}


def test_acknowledgements_come_from_the_scheduler_only_and_of_no_old_epoch() -> None:
    rig = Rig()
    rig.epoch = 3
    rig.prove()
    ack = RecordAck(record_class=RecordClass.EVENT, boot=rig.boot_id, through_seq=99)
    count = rig.beat().spool_count

    rig.deliver(rig.frame(ack, None), "ack")
    rig.deliver(rig.frame(ack, OPERATOR_KEY), "ack")
    rig.deliver(rig.frame(ack, epoch=2), "ack")
    assert rig.beat().spool_count >= count
    rig.deliver(rig.frame(ack), "ack")

    assert rig.beat().spool_count < count
    assert rig.situation.refused == {"unsigned": 1, "role": 1, "epoch": 1}


# --- time ----------------------------------------------------------------------------------------


def test_a_local_clock_that_goes_back_ends_every_permission_until_time_is_proven_again() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(20)

    rig.now_ns -= seconds(200)
    rig._next_sample_ns = rig.now_ns
    rig.node.tick(rig.now_ns)
    effects = rig.carry_out()

    assert next(e.order for e in effects if isinstance(e, Actuate)) == Halt()
    assert rig.heard[-1][1].header.clock_error_ns == codec.CLOCK_UNKNOWN
    assert rig.state in ("safe", "holding")
    assert "clock_jumped" in rig.codes(Event)
    before = len(rig.orders(Follow))
    rig.run(20)
    assert len(rig.orders(Follow)) == before
    assert rig.machine.speed_m_s == 0.0


def test_one_answer_that_contradicts_the_clock_ends_every_permission_at_once() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(20)
    rig.serves_time = False
    asked = len(rig.all(TimeRequest))
    while len(rig.all(TimeRequest)) == asked:
        rig.run(1)
    request = rig.last(TimeRequest)

    reply = TimeReply(local_ns=request.local_ns, site_ns=rig.site_ns + seconds(500))
    effects = rig.deliver(rig.frame(reply))

    assert next(e.order for e in effects if isinstance(e, Actuate)) == Halt()
    assert "clock_jumped" in rig.codes(Event)
    assert rig.follows_in(20) == []
    assert rig.all(TimeRequest)[-1].local_ns > request.local_ns


def test_after_a_clock_jump_a_renewal_sets_the_machine_going_again() -> None:
    rig = Rig()
    grant = rig.drive_off(Leg(path=PATH))
    rig.run(20)
    rig.now_ns -= seconds(200)
    rig._next_sample_ns = rig.now_ns
    rig.run(65)

    rig.renew(rig.last(AuthorityRenewal).request_no, grant)
    rig.run(10)

    assert rig.state == "driving"


def test_who_waits_at_a_stop_point_does_not_wait_out_a_clock_that_jumped_back() -> None:
    rig = Rig()
    grant = rig.drive_off(Leg(path=PATH), stop_m=12.0)
    rig.run(50)
    rig.now_ns -= seconds(900)
    rig._next_sample_ns = rig.now_ns
    answered = 0
    for _ in range(15):
        rig.run(10)
        if (request := rig.last(AuthorityRenewal).request_no) != answered:
            answered = request
            rig.renew(request, grant, stop_m=12.0)

    assert rig.last(AuthorityRequest).request_no > grant.request_no
    assert "waited_in_vain" in rig.codes(Event)


def test_a_shell_that_wakes_it_only_when_asked_never_spins() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH), Leg(path=PATH))
    ticks = 0

    end_ns = rig.now_ns + seconds(600)
    while rig.now_ns < end_ns:
        wakeup_ns = rig.node.wakeup_ns()
        assert wakeup_ns is not None
        assert wakeup_ns > rig.now_ns
        rig.now_ns = wakeup_ns
        rig.node.tick(rig.now_ns)
        rig.carry_out()
        ticks += 1

    assert ticks < 600


# --- leaving -------------------------------------------------------------------------------------


def test_leaving_halts_writes_everything_and_says_goodbye() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(20)

    rig.node.leave(rig.now_ns)
    effects = rig.carry_out()

    assert effects[0] == Actuate(Halt())
    assert any(isinstance(e, Persist) and b"telemetry" in e.value for e in effects)
    assert rig.heard[-1][1].body == Farewell(node=NODE, orderly=True)
    assert rig.heard[-1][1].role is not None


def test_the_will_is_a_signed_word_that_the_connection_broke() -> None:
    rig = Rig()

    will = rig.node.will(rig.now_ns)

    received = codec.decode(will.payload, KEYRING)
    assert received.body == Farewell(node=NodeId(NODE), orderly=False)
    assert received.role is not None
    assert will.topic == topics.build(SITE, NODE, "node")


def test_headers_carry_the_life_the_local_clock_and_the_estimate() -> None:
    rig = Rig()
    rig.prove()
    rig.run(10)

    header = next(r.header for _, r in reversed(rig.heard) if isinstance(r.body, Heartbeat))

    assert (header.node, header.boot) == (NODE, rig.boot_id)
    assert header.site_ns - header.local_ns == rig.site_ns - rig.now_ns
    assert 0 < header.clock_error_ns < seconds(2.1)
