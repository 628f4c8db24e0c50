"""A machine that a person has locked out does not move by its agent, whatever comes."""

import pytest

from lunaredge.model.task import Leg
from lunaredge.node import Persist, Publish
from lunaredge.wire.driver import Follow
from lunaredge.wire.messages import AuthorityRequest, CommandReply
from lunaredge.wire.records import Event
from tests.agent.rig import Rig, config, first
from tests.agent.test_stops import driving
from tests.agent.toy_machine import PATH

ANA = "operator-ana/lockout-1-1"
BEN = "operator-ben/lockout-1-2"


def test_a_locked_machine_comes_to_rest_and_stays() -> None:
    rig = driving()

    rig.lock()
    rig.run(60)

    assert rig.state == "locked"
    assert rig.situation.locks == (ANA,)
    assert rig.situation.at_rest
    assert rig.follows_in(600) == []


def test_a_tag_is_on_the_disk_before_it_is_confirmed() -> None:
    rig = driving()

    effects = rig.lock()

    latch = first(effects, Persist, lambda e: e.table == "lockout")
    answer = first(effects, Publish, lambda e: e.topic.endswith("/reply"))
    assert latch < answer


def test_a_locked_machine_gives_its_task_and_its_authority_back_when_asked() -> None:
    rig = driving()
    rig.lock()

    rig.cancel()
    rig.run(60)

    assert rig.outcomes()[-1] == "cancelled"
    assert rig.beat().authority is None


def test_a_locked_machine_takes_no_task_and_no_authority() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(Leg(path=PATH))
    rig.lock()

    rig.grant()
    granted = rig.last(CommandReply)
    rig.cancel()
    rig.assign(Leg(path=PATH), task="t2")

    assert (granted.ok, granted.reason) == (False, "locked")
    assert (rig.last(CommandReply).ok, rig.last(CommandReply).reason) == (False, "locked")
    assert rig.situation.authority is None
    assert rig.orders(Follow) == []


def test_a_tag_outlives_a_power_cycle() -> None:
    rig = driving()
    rig.lock()

    rig.boot()
    rig.prove()

    assert rig.state == "locked"
    assert rig.situation.locks == (ANA,)
    assert rig.follows_in(600) == []


def test_a_damaged_tag_keeps_the_machine_locked() -> None:
    rig = driving()
    rig.lock()
    rig.unlock()
    rig.disk[("lockout", ANA, 0)] = b"\xc1"

    rig.boot()
    rig.prove()

    assert rig.state == "locked"
    assert rig.situation.locks == (ANA,)


def test_every_tag_must_be_taken_off() -> None:
    rig = driving()
    rig.lock(ANA)
    rig.lock(BEN)

    rig.unlock(ANA)
    rig.run(60)
    still = rig.state
    rig.unlock(BEN)
    rig.run(5)

    assert still == "locked"
    assert rig.state == "driving"


def test_a_late_copy_of_a_lock_out_does_not_lock_again() -> None:
    rig = driving()

    rig.unlock(ANA)
    rig.lock(ANA)

    assert rig.state == "driving"


@pytest.mark.parametrize("first_word", ["lock", "stop"])
def test_a_stop_and_a_lock_out_are_released_each_by_itself(first_word: str) -> None:
    rig = driving()
    words = {"lock": rig.lock, "stop": rig.stop}
    words[first_word]()
    words["stop" if first_word == "lock" else "lock"]()

    shown = rig.state
    rig.unlock()
    after_unlock = rig.state
    rig.release()
    rig.run(5)

    assert (shown, after_unlock, rig.state) == ("locked", "stopped", "driving")


def test_an_unlocked_machine_goes_on_by_itself() -> None:
    rig = driving()
    rig.lock()
    rig.run(60)
    rig.cancel()
    asked = len(rig.all(AuthorityRequest))

    rig.unlock()
    rig.assign(Leg(path=PATH), task="t2")
    rig.run(5)

    assert len(rig.all(AuthorityRequest)) == asked + 1
    assert [code for code in rig.codes(Event) if "lock" in code] == ["locked_out", "unlocked"]


def test_a_computer_can_not_be_locked_out() -> None:
    rig = Rig(config(is_machine=False))
    rig.census()

    rig.lock()

    assert rig.last(CommandReply).reason == "unable"
    assert rig.state == "idle"
