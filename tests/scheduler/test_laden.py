"""A haul given back with part of its load on board."""

from lunaredge.ids import TaskId
from lunaredge.model.task import TaskKind
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site


def given_back(payload_kg: float) -> Site:
    """Hauler-1 has failed at its haul, with so much in its bed."""
    site = Site()
    site.census()
    haul = plain_site.task(
        "haul",
        TaskKind.HAUL,
        pile="pile",
        to_pile="berm",
        stand=(72.0, 22.0),
        to_stand=(58.0, 62.0),
    )
    site.submit(plain_site.order(haul))
    site.solve()
    site.reply("hauler-1", site.assignment("hauler-1").command)
    word = site.situation("hauler-1", payload_kg=payload_kg, task="haul", attempt=1)
    site.say("hauler-1", messages.Heartbeat(situation=word))
    site.report("hauler-1", "haul", "failed", 1)
    return site


def test_a_load_on_board_is_delivered_by_the_machine_that_carries_it() -> None:
    site = given_back(40.0)

    (candidate,) = site.problems[-1].tasks
    assert site.scheduler.core.state.tasks[TaskId("haul")].bound_to == "hauler-1"
    assert candidate.task.only_on == ("hauler-1",)


def test_an_empty_machine_leaves_its_haul_to_anyone() -> None:
    site = given_back(0.0)

    (candidate,) = site.problems[-1].tasks
    assert site.scheduler.core.state.tasks[TaskId("haul")].bound_to is None
    assert candidate.task.only_on == ()


def test_a_machine_with_a_load_on_board_takes_no_other_haul() -> None:
    site = given_back(40.0)
    other = plain_site.task(
        "other",
        TaskKind.HAUL,
        pile="pit",
        to_pile="pad",
        stand=(58.0, 22.0),
        to_stand=(46.0, 57.0),
        priority=1,
    )
    site.submit(plain_site.order(other, name="another"))

    site.solve()
    site.wait(61.0)
    site.solve()

    assert site.assignment("hauler-1").task == "haul"
    refusal = next(
        r for r in site.scheduler.core.state.tasks[TaskId("other")].refusals if r.node == "hauler-1"
    )
    assert (refusal.constraint, refusal.detail) in {
        ("laden", "carries a load of haul"),
        ("busy", "has a task in hand"),
    }
