"""Tasks: every kind of work has someone who can do it, and goals keep their kind on the wire."""

import msgspec
import pytest

from lunaredge.model.fleet import Capability
from lunaredge.model.task import CAPABILITY_OF_KIND, Dig, Dump, Load, TaskKind, WorkGoal


def test_every_kind_that_can_be_ordered_asks_for_a_capability() -> None:
    assert set(CAPABILITY_OF_KIND) == set(TaskKind) - {TaskKind.PARK}


def test_every_capability_is_asked_for_by_some_kind() -> None:
    assert set(CAPABILITY_OF_KIND.values()) == set(Capability)


@pytest.mark.parametrize(
    "goal", [Dig(zone="pit", pile="heap", mass_kg=9.0), Load(pile="heap"), Dump(pile="berm")]
)
def test_a_goal_keeps_its_kind(goal: WorkGoal) -> None:
    payload = msgspec.msgpack.encode(goal)

    assert msgspec.msgpack.decode(payload, type=WorkGoal) == goal
