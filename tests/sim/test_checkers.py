"""Each checker stays silent on an honest run and speaks on one that breaks its invariant."""

import msgspec
import pytest

from lunaredge.model.task import Task, TaskKind
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.checker import first_violation, report
from lunaredge.sim.checkers.earth import EarthChecker
from lunaredge.sim.checkers.energy import EnergyChecker
from lunaredge.sim.checkers.freshness import FreshnessChecker
from lunaredge.sim.checkers.replay import ReplayChecker
from lunaredge.sim.checkers.separation import SeparationChecker
from lunaredge.sim.checkers.tasks import TaskChecker
from lunaredge.units import NS_PER_S
from tests.sim.exhibits import (
    FLEET,
    replied,
    situated,
    truth,
    watch,
)

# --- I1 ---------------------------------------------------------------------------------------


def test_machines_side_by_side_are_separate_and_their_gap_is_kept():
    checker = SeparationChecker(FLEET)

    texts = watch(checker, truth(0, ("a", 0, 0, 0), ("b", 2.5, 0, 0)))

    assert texts == []
    assert checker.separation_m_min == pytest.approx(0.5)
    assert checker.checked == 1


def test_machines_in_one_place_break_separation():
    texts = watch(SeparationChecker(FLEET), truth(0, ("a", 0, 0, 0), ("b", 1.9, 0.5, 0)))

    assert texts == ["a and b overlap"]


# --- I5 ---------------------------------------------------------------------------------------


def phase(at_ns, name, task="t1"):
    return seen.TaskSeen(at_ns=at_ns, task=task, phase=name)


def test_a_task_that_runs_its_course_is_fine():
    texts = watch(TaskChecker(), phase(1, "queued"), phase(2, "started"), phase(3, "done"))

    assert texts == []


def test_a_task_that_never_ends_is_found():
    texts = watch(TaskChecker(), phase(1, "queued"), phase(2, "started"))

    assert texts == ["t1 never ended"]


def test_a_task_that_a_broken_off_run_left_is_not_judged():
    checker = TaskChecker()
    checker.is_broken_off = True

    assert watch(checker, phase(1, "queued"), phase(2, "started")) == []


def test_a_task_that_ends_twice_is_found():
    texts = watch(TaskChecker(), phase(1, "done"), phase(2, "failed"))

    assert texts == ["t1 was done and is failed now"]


def test_an_ended_task_must_not_be_assigned_again():
    texts = watch(
        TaskChecker(), phase(1, "done"), seen.Assigned(at_ns=2, node="a", task="t1", attempt=2)
    )

    assert texts == ["t1 was assigned to a after it was done"]


def test_digging_far_over_the_goal_is_found():
    texts = watch(TaskChecker(), seen.Heaped(at_ns=1, zone="pit", moved_kg=1200, goal_kg=900))

    assert texts == ["pit lost 1200 kg, 300 kg over its goal"]


# --- I6 ---------------------------------------------------------------------------------------


def injected(at_s, *, changed=False, counted=True):
    return seen.Injected(
        at_ns=at_s * NS_PER_S, node="a", kind="forged", changed=changed, counted=counted
    )


def test_a_forged_command_that_is_counted_and_changes_nothing_is_fine():
    texts = watch(
        FreshnessChecker(), situated(0), injected(1), situated(40, refused={"signature": 1})
    )

    assert texts == []


def test_a_forged_command_that_changes_something_is_found():
    texts = watch(FreshnessChecker(), situated(0), injected(1, changed=True, counted=False))

    assert texts == ["a forged command changed a"]


def test_a_forged_command_that_is_not_counted_is_found():
    texts = watch(FreshnessChecker(), situated(0), injected(1), situated(40))

    assert texts == ["a counted 0 refused messages, 1 were injected"]


def test_a_count_that_died_with_its_process_is_not_missed():
    texts = watch(FreshnessChecker(), situated(0), injected(1), situated(40, boot=2))

    assert texts == []


def test_two_results_of_one_command_are_found():
    texts = watch(FreshnessChecker(), replied(1, "ma1"), replied(2, "ma1", ok=False))

    assert len(texts) == 1


def test_a_result_that_rotted_on_its_nodes_disk_may_be_another_one_later():
    first = replied(1, "ma1")
    rotted = seen.ResultRotted(at_ns=2, node=first.node, command=first.command)

    assert watch(FreshnessChecker(), first, rotted, replied(3, "ma1", ok=False)) == []


# --- I7 ---------------------------------------------------------------------------------------


def submitted(at_s=0, **fields):
    task = Task(id="t1", kind=TaskKind.SURVEY, **fields)
    return seen.Submitted(at_ns=at_s * NS_PER_S, tasks=(task,))


def test_a_task_that_needs_earth_may_begin_after_its_word():
    texts = watch(
        EarthChecker(),
        submitted(needs_earth=True),
        seen.Approved(at_ns=1, task="t1", approved=True),
        seen.Assigned(at_ns=2, node="a", task="t1", attempt=1),
    )

    assert texts == []


def test_a_task_that_begins_without_earths_word_is_found():
    texts = watch(
        EarthChecker(),
        submitted(needs_earth=True),
        seen.Approved(at_ns=1, task="t1", approved=False),
        seen.Assigned(at_ns=2, node="a", task="t1", attempt=1),
    )

    assert texts == ["t1 was begun without Earth's word"]


def test_an_outage_in_which_free_work_stands_still_is_found():
    texts = watch(
        EarthChecker(),
        submitted(),
        seen.EarthLink(at_ns=0, up=False),
        truth(10, ("a", 0, 0, 1)),
        seen.EarthLink(at_ns=3000 * NS_PER_S, up=True),
    )

    assert texts == ["nothing was done for 2990 s of an outage"]


def test_an_outage_counts_from_when_there_is_work_for_it():
    texts = watch(
        EarthChecker(),
        seen.EarthLink(at_ns=0, up=False),
        submitted(2000),
        submitted(2700),
        seen.EarthLink(at_ns=2800 * NS_PER_S, up=True),
    )

    assert texts == ["nothing was done for 800 s of an outage"]


def test_an_outage_counts_from_when_a_task_may_begin():
    early, late = submitted(release_s=1200.0), submitted(after=("t1",))
    order = seen.Submitted(
        at_ns=0, tasks=(msgspec.structs.replace(late.tasks[0], id="t2"), *early.tasks)
    )
    texts = watch(
        EarthChecker(),
        order,
        seen.EarthLink(at_ns=0, up=False),
        seen.EarthLink(at_ns=1800 * NS_PER_S, up=True),
        seen.EarthLink(at_ns=1800 * NS_PER_S, up=False),
        seen.EarthLink(at_ns=2500 * NS_PER_S, up=True),
    )

    assert texts == ["nothing was done for 700 s of an outage"]


def test_who_digs_in_an_outage_works_though_it_stands_still():
    def dug(at_s, moved_kg):
        return seen.Heaped(at_ns=at_s * NS_PER_S, zone="pit", moved_kg=moved_kg, goal_kg=900.0)

    texts = watch(
        EarthChecker(),
        submitted(),
        seen.EarthLink(at_ns=0, up=False),
        dug(2000, 400.0),
        seen.EarthLink(at_ns=2100 * NS_PER_S, up=True),
        seen.EarthLink(at_ns=3000 * NS_PER_S, up=False),
        dug(5000, 400.0),
        seen.EarthLink(at_ns=5100 * NS_PER_S, up=True),
    )

    assert texts == ["nothing was done for 2100 s of an outage"]


def test_a_disturbance_in_an_outage_excuses_the_standstill_before_it():
    texts = watch(
        EarthChecker(),
        submitted(),
        seen.EarthLink(at_ns=0, up=False),
        seen.Disturbed(at_ns=500 * NS_PER_S, what="the scheduler is killed"),
        seen.EarthLink(at_ns=1000 * NS_PER_S, up=True),
    )

    assert texts == []


def test_a_standstill_that_people_ordered_is_not_held_against_the_outage():
    texts = watch(
        EarthChecker(),
        submitted(),
        seen.EarthLink(at_ns=0, up=False),
        seen.Restrained(at_ns=100 * NS_PER_S, cause="people", restrained=True),
        seen.Restrained(at_ns=2000 * NS_PER_S, cause="people", restrained=False),
        seen.EarthLink(at_ns=2500 * NS_PER_S, up=True),
    )

    assert texts == []


def test_a_standstill_that_outlasts_what_people_ordered_is_found():
    texts = watch(
        EarthChecker(),
        submitted(),
        seen.EarthLink(at_ns=0, up=False),
        seen.Restrained(at_ns=100 * NS_PER_S, cause="people", restrained=True),
        seen.Restrained(at_ns=200 * NS_PER_S, cause="people", restrained=False),
        seen.EarthLink(at_ns=2500 * NS_PER_S, up=True),
    )

    assert texts == ["nothing was done for 2300 s of an outage"]


def test_a_hold_that_ends_does_not_bring_a_lost_agent_back():
    texts = watch(
        EarthChecker(),
        submitted(),
        seen.EarthLink(at_ns=0, up=False),
        seen.Restrained(at_ns=10 * NS_PER_S, cause="a lost agent", restrained=True),
        seen.Restrained(at_ns=20 * NS_PER_S, cause="people", restrained=True),
        seen.Restrained(at_ns=30 * NS_PER_S, cause="people", restrained=False),
        seen.EarthLink(at_ns=3000 * NS_PER_S, up=True),
    )

    assert texts == []


# --- I8, I9 -----------------------------------------------------------------------------------


def test_a_battery_under_its_reserve_is_found():
    checker = EnergyChecker(FLEET)

    assert watch(checker, truth(0, ("a", 0, 0, 0))) == []
    assert watch(checker, truth(1, ("a", 0, 0, 0), battery_wh=99.0)) == [
        "a holds 99 Wh, reserve 100"
    ]


def test_a_replay_that_differs_is_found():
    checker = ReplayChecker()

    assert watch(checker, seen.Replayed(at_ns=1, live="x", replayed="x")) == []
    assert len(watch(checker, seen.Replayed(at_ns=2, live="x", replayed="y"))) == 1


# --- report -----------------------------------------------------------------------------------


def test_the_report_names_each_invariant_and_the_first_violation_wins():
    energy, replay = EnergyChecker(FLEET), ReplayChecker()
    watch(energy, truth(5, ("a", 0, 0, 0), battery_wh=0.0))
    watch(replay, seen.Replayed(at_ns=1, live="x", replayed="y"))

    verdicts = report([energy, replay])
    first = first_violation([energy, replay])

    assert not verdicts["I8"].ok
    assert verdicts["I9"].violations == 1
    assert first is not None
    assert first.invariant == "I9"
