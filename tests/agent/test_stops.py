import pytest

from lunaredge.agent.stops import OVERFLOW
from lunaredge.ids import CommandId, NodeId
from lunaredge.model.task import Leg
from lunaredge.node import Actuate, Effect, Persist, Publish
from lunaredge.wire import topics
from lunaredge.wire.driver import Follow, Halt
from lunaredge.wire.messages import Census, Hold, Stop
from lunaredge.wire.records import Event
from lunaredge.wire.seal import Signer
from tests.agent.rig import (
    AGENT_KEY,
    FORGER_KEY,
    NODE,
    OPERATOR_KEY,
    SCHEDULER_KEY,
    SITE,
    Rig,
    config,
    first,
)
from tests.agent.toy_machine import PATH


def driving() -> Rig:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(10)
    return rig


def test_a_stop_halts_first_then_latches_durably_then_reports() -> None:
    rig = driving()

    effects = rig.stop()

    assert effects[0] == Actuate(Halt())
    latch = first(effects, Persist, lambda e: e.table == "stop")
    event = first(effects, Persist, lambda e: b"stop_latched" in e.value)
    report = first(effects, Publish, lambda e: e.topic.endswith("/up/event"))
    assert 0 < latch < event < report
    assert rig.state == "stopped"
    assert rig.situation.stops == ("stop-1",)


def test_a_stop_voids_the_orders_that_are_not_carried_out_yet() -> None:
    rig = driving()
    rig.now_ns = rig.node.wakeup_ns() or rig.now_ns
    rig.node.tick(rig.now_ns)  # a refresh is waiting in the list

    effects = rig.stop()

    assert [e.order for e in effects if isinstance(e, Actuate)] == [Halt()]


@pytest.mark.parametrize("key", [OPERATOR_KEY, SCHEDULER_KEY, AGENT_KEY])
def test_any_enrolled_key_may_stop(key: Signer) -> None:
    rig = driving()

    rig.stop(key=key)

    assert rig.state == "stopped"


@pytest.mark.parametrize(("key", "reason"), [(None, "unsigned"), (FORGER_KEY, "signature")])
def test_a_stop_that_nobody_enrolled_signed_is_refused(key: Signer | None, reason: str) -> None:
    rig = driving()

    rig.stop(key=key)

    assert rig.state == "driving"
    assert rig.beat().refused == {reason: 1}


def test_a_stop_meant_for_another_node_changes_nothing() -> None:
    rig = driving()

    rig.stop(node="hauler-1")
    assert rig.state == "driving"
    rig.stop("stop-2", node="digger-1")

    assert rig.state == "stopped"


def test_a_stop_is_taken_before_a_census_and_without_site_time() -> None:
    rig = Rig()
    rig.serves_time = False
    rig.boot()

    rig.stop()
    rig.run(10)
    assert rig.situation.stops == ("stop-1",)
    rig.census()

    assert rig.state == "stopped"


def relayed(effects: list[Effect]) -> list[bytes]:
    return [
        effect.payload
        for effect in effects
        if isinstance(effect, Publish) and effect.topic == topics.stop_all(SITE)
    ]


def reconnected(rig: Rig) -> list[Effect]:
    rig.node.connected(rig.now_ns)
    return rig.carry_out()


def test_a_stop_is_handed_on_once_as_its_caller_signed_it_after_it_is_latched() -> None:
    rig = driving()
    frame = rig.frame(Stop(stop="s1", node=None, reason="smoke"), OPERATOR_KEY)

    effects = rig.deliver(frame, "stop")

    assert relayed(effects) == [frame]
    latch = first(effects, Persist, lambda e: e.table == "stop")
    assert latch < first(effects, Publish, lambda e: e.topic == topics.stop_all(SITE))
    assert relayed(rig.deliver(frame, "stop")) == []


def test_a_stop_that_holds_is_said_again_at_each_connection() -> None:
    rig = driving()
    frame = rig.frame(Stop(stop="s1", node=None, reason="smoke"), OPERATOR_KEY)
    rig.node.disconnected(rig.now_ns)
    assert relayed(rig.deliver(frame, "stop")) == []

    assert [relayed(reconnected(rig)) for _ in range(2)] == [[frame], [frame]]

    rig.release("s1")
    assert relayed(reconnected(rig)) == []


def test_a_stop_is_said_again_while_there_is_no_scheduler_to_say_it() -> None:
    rig = driving()
    frame = rig.frame(Stop(stop="s1", node=None, reason="smoke"), OPERATOR_KEY)
    rig.deliver(frame, "stop")

    rig.effects.clear()
    rig.run(60)
    assert relayed(rig.effects) == []

    rig.serves_time = False
    # It takes the agent two minutes to notice.
    rig.run(240)
    assert 20 <= len(relayed(rig.effects)) <= 26
    assert set(relayed(rig.effects)) == {frame}


def test_one_that_hands_a_stop_on_is_enough() -> None:
    rig = driving()
    frame = rig.frame(Stop(stop="s1", node=None, reason="smoke"), OPERATOR_KEY)
    rig.deliver(frame, "stop")

    rig.deliver(frame, "stop")

    assert [relayed(reconnected(rig)) for _ in range(2)] == [[], [frame]]


def test_a_stop_is_handed_on_to_each_new_leader_whoever_has_said_it_since() -> None:
    rig = driving()
    frame = rig.frame(Stop(stop="s1", node=None, reason="smoke"), OPERATOR_KEY)
    rig.deliver(frame, "stop")
    rig.deliver(frame, "stop")

    rig.effects.clear()
    rig.census()

    assert relayed(rig.effects) == [frame]


def test_a_copy_of_a_census_has_no_stop_handed_on() -> None:
    rig = driving()
    rig.stop()
    census = rig.frame(Census(command=rig.command_id(), boot=rig.boot_id))

    original, copy = (relayed(rig.deliver(census)) for _ in range(2))

    assert (len(original), copy) == (1, [])


def test_a_stop_is_handed_on_after_a_power_cycle() -> None:
    rig = driving()
    frame = rig.frame(Stop(stop="s1", node=None, reason="smoke"), OPERATOR_KEY)
    rig.deliver(frame, "stop")

    rig.boot()

    assert relayed(reconnected(rig)) == [frame]
    rig.census()
    rig.release("s1")
    rig.boot()
    assert relayed(reconnected(rig)) == []


def test_only_what_a_person_may_have_called_is_handed_on() -> None:
    rig = driving()
    stops = [
        Stop(stop="long", node=None, reason="x" * 3_000),
        Stop(stop="other", node=NodeId("elsewhere"), reason=""),
    ]

    frames = [rig.frame(stop, OPERATOR_KEY) for stop in stops]

    assert [relayed(rig.deliver(frame, "stop")) for frame in frames] == [[], []]
    assert rig.situation.stops == ("long",)


def test_a_released_stop_lets_the_machine_go_on() -> None:
    rig = driving()
    rig.stop()
    rig.run(60)

    rig.release()
    rig.run(5)

    assert rig.state == "driving"
    assert rig.codes(Event)[-2:] == ["stop_latched", "stop_released"]


def test_each_stop_must_be_released_by_itself() -> None:
    rig = driving()
    rig.stop("stop-1")
    rig.stop("stop-2")

    rig.release("stop-1")
    rig.run(30)

    assert rig.state == "stopped"
    assert rig.situation.stops == ("stop-2",)


def test_a_stop_is_taken_once_even_if_it_is_played_back_after_its_release() -> None:
    rig = driving()
    rig.stop()
    rig.run(60)
    rig.release()
    rig.run(5)

    effects = rig.stop()
    rig.run(5)

    assert Actuate(Halt()) not in effects
    assert rig.state == "driving"


def test_a_release_that_overtakes_its_stop_counts() -> None:
    rig = driving()

    rig.release("stop-9")
    rig.stop("stop-9")

    assert rig.state == "driving"


def test_a_latched_stop_survives_a_restart() -> None:
    rig = driving()
    rig.stop()

    rig.boot()
    rig.census()
    rig.run(60)

    assert rig.state == "stopped"
    assert rig.situation.stops == ("stop-1",)
    assert rig.situation.task == "t1"


def test_a_released_stop_is_remembered_over_a_restart() -> None:
    rig = driving()
    rig.stop()
    rig.release()
    rig.boot()
    rig.prove()

    rig.stop()

    assert rig.state == "requesting"


def test_a_damaged_latch_holds() -> None:
    rig = driving()
    rig.stop()
    rig.release()
    rig.disk[("stop", "stop-1", 0)] = b"\xc1"

    rig.boot()
    rig.prove()

    assert rig.state == "stopped"
    rig.release()
    assert rig.state == "requesting"


def test_more_stops_than_can_be_kept_hold_under_one_more_id() -> None:
    rig = driving()

    for number in range(100):
        rig.stop(f"flood-{number}")

    assert len(rig.beat().stops) == 33
    assert rig.situation.stops[-1] == OVERFLOW
    for number in range(100):
        rig.release(f"flood-{number}")
    assert rig.state == "stopped"
    rig.release(OVERFLOW)
    assert rig.state != "stopped"
    assert len([key for key in rig.disk if key[0] == "stop"]) <= 65


def test_a_long_id_stops_and_can_be_released() -> None:
    rig = driving()

    rig.stop("s" * 500)
    assert rig.state == "stopped"
    rig.release("s" * 500)

    assert rig.beat().stops == ()


def test_a_computer_latches_a_stop_but_its_workloads_go_on() -> None:
    rig = Rig(config(is_machine=False))
    rig.census()
    rig.compute()

    effects = rig.stop()

    assert [e for e in effects if isinstance(e, Actuate)] == []
    assert rig.state == "stopped"
    assert rig.situation.task == "t1"
    assert rig.orders(Follow) == []


def test_a_stop_overtakes_everything_that_is_not_carried_out_yet() -> None:
    rig = driving()
    hold = rig.frame(Hold(command=CommandId("h"), turn=1))
    rig.node.receive(topics.build(SITE, NODE, "cmd"), hold, rig.now_ns)

    effects = rig.stop()

    assert effects[0] == Actuate(Halt())
    assert any(isinstance(effect, Persist) and effect.table == "hold" for effect in effects)
