"""Words that newer ones have outdone, and lives that later ones have."""

import msgspec
import pytest

from lunaredge.ids import BootId, CommandId
from lunaredge.node import Actuate, Rebirth
from lunaredge.wire.driver import Halt
from lunaredge.wire.messages import CommandReply, Hold, Outlived, Resume
from tests.agent.rig import OPERATOR_KEY, SCHEDULER_KEY, Rig


def ready() -> Rig:
    rig = Rig()
    rig.prove()
    return rig


def replies(rig: Rig) -> list[CommandReply]:
    return rig.all(CommandReply)


def test_a_resume_that_comes_after_a_newer_hold_changes_nothing() -> None:
    rig = ready()
    rig.hold()
    late = Resume(command=CommandId("late"), turn=rig.turns + 1)
    rig.tell(Hold(command=CommandId("newer"), turn=rig.turns + 2))

    rig.tell(late)

    assert replies(rig)[-1] == CommandReply(
        command=CommandId("late"), ok=False, reason="superseded"
    )
    assert rig.beat().held


def test_a_hold_that_comes_after_a_newer_resume_changes_nothing() -> None:
    rig = ready()
    rig.tell(Resume(command=CommandId("newer"), turn=9))

    effects = rig.tell(Hold(command=CommandId("late"), turn=8))

    assert replies(rig)[-1].reason == "superseded"
    assert Actuate(Halt()) not in effects
    assert not rig.beat().held


def test_a_superseded_word_is_known_after_a_restart_too() -> None:
    rig = ready()
    rig.tell(Hold(command=CommandId("newer"), turn=9))

    rig.boot()
    rig.prove()
    rig.tell(Resume(command=CommandId("late"), turn=8))

    assert rig.beat().held


def test_a_new_leader_counts_its_turns_anew() -> None:
    rig = ready()
    rig.tell(Hold(command=CommandId("old leader"), turn=9))

    rig.epoch += 1
    rig.tell(Resume(command=CommandId("new leader"), turn=1))

    assert not rig.beat().held


def test_a_life_below_an_earlier_one_ends_to_begin_above_it() -> None:
    rig = Rig()
    floor = BootId(9 << 24)

    effects = rig.tell(Outlived(boot=rig.boot_id, floor=floor))

    assert Rebirth(floor) in effects


@pytest.mark.parametrize("why", ["another life", "below itself", "a stranger", "no key"])
def test_only_the_schedulers_word_to_this_very_life_ends_it(why: str) -> None:
    rig = Rig()
    outlived = Outlived(boot=rig.boot_id, floor=BootId(9 << 24))
    if why == "another life":
        outlived = msgspec.structs.replace(outlived, boot=BootId(rig.boot_id - 1))
    if why == "below itself":
        outlived = msgspec.structs.replace(outlived, floor=BootId(rig.boot_id - 1))
    key = {"a stranger": OPERATOR_KEY, "no key": None}.get(why, SCHEDULER_KEY)

    effects = rig.tell(outlived, key)

    assert not [effect for effect in effects if isinstance(effect, Rebirth)]
