import pytest

from lunaredge.agent.tasks import MachineTask, Steps, steps_after_leg
from lunaredge.ids import CommandId, TaskId
from lunaredge.model.task import Dump, Leg, Load
from lunaredge.wire.messages import Assign
from tests.agent.rig import DIG
from tests.agent.toy_machine import PATH

HAUL = (Leg(path=PATH, goal=Load(pile="a")), Leg(path=PATH, goal=Dump(pile="b")))


def task(*legs: Leg, repeat: bool = False, **steps: object) -> MachineTask:
    assign = Assign(
        command=CommandId("c"),
        task=TaskId("t"),
        attempt=1,
        legs=legs,
        repeat=repeat,
        workload=None,
    )
    return MachineTask(assign=assign, steps=Steps(**steps))  # type: ignore[arg-type]


def test_the_last_leg_ends_a_task_that_is_not_repeated() -> None:
    two = task(Leg(path=PATH), Leg(path=PATH, goal=DIG))

    after = steps_after_leg(two, found_empty=False, payload_kg=0.0)
    assert after == Steps(leg_index=1)
    last = MachineTask(assign=two.assign, steps=after)

    assert steps_after_leg(last, found_empty=False, payload_kg=0.0) is None


def test_a_repeated_task_begins_its_next_round() -> None:
    dumping = task(*HAUL, repeat=True, leg_index=1, started=True)

    after = steps_after_leg(dumping, found_empty=False, payload_kg=0.0)

    assert after == Steps(leg_index=0, round_index=1, started=True)


@pytest.mark.parametrize(
    ("leg_index", "emptied", "found_empty", "payload_kg", "ends"),
    [
        (0, False, True, 0.0, True),  # nothing there at all
        (0, False, True, 120.0, False),  # the last load must be dumped first
        (1, True, False, 0.0, True),  # it was
        (1, True, False, 50.0, False),  # something is left on board
        (1, False, True, 0.0, False),  # a Dump finds no pile empty
        (0, False, False, 0.0, False),
    ],
)
def test_a_repeated_task_ends_when_the_pile_is_empty_and_nothing_is_on_board(
    *, leg_index: int, emptied: bool, found_empty: bool, payload_kg: float, ends: bool
) -> None:
    hauling = task(*HAUL, repeat=True, leg_index=leg_index, emptied=emptied)

    after = steps_after_leg(hauling, found_empty=found_empty, payload_kg=payload_kg)

    assert (after is None) is ends


def test_progress_is_counted_in_legs() -> None:
    half = task(*HAUL, leg_index=1)

    assert half.progress_ratio(0.0) == 0.5
    assert half.progress_ratio(0.5) == 0.75
    assert half.progress_ratio(7.0) == 1.0
