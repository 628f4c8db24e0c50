"""Protecting lines, each taken away: the simulator must notice within ten seeds.

Each protection gets the weather that it is for, so that a few seeds are enough; most take one.
Every checker of the jury has a mutant here that it finds.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lunaredge.agent.neighbours import Neighbours
from lunaredge.model.contact import ContactPlan
from lunaredge.sim.checkers.reuse import ReuseChecker
from lunaredge.sim.options import Options
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import Scenario, ramp, small
from tests.sim import mutants, weathers

SEEDS = range(1, 11)


def in_sight() -> ContactPlan:
    """Give a plan without an outage."""
    first, last = SMALL.plan.contacts[0], SMALL.plan.contacts[-1]
    return ContactPlan(contacts=(replace(first, end_ns=last.end_ns),))


# Time enough to do the job after everything is healed; who has not done it then, waits in vain.
SMALL = replace(small(), work_s_max=3_600.0)
RAMP = replace(ramp(), work_s_max=3_600.0)
SITES = {
    mutants.machines_stop_on_ramps: RAMP,
    mutants.bodies_hang_in_ramps: RAMP,
    # A dig leaves so little over the reserve that a wait away from home uses it up. Earth is in
    # sight all the time: else machines that strand idle an outage away first.
    mutants.every_battery_is_taken_for_full: replace(
        SMALL, battery_ratio_min=0.05, plan=in_sight()
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutate", "options", "expected"),
    [
        (mutants.everybody_else_is_forgotten, weathers.CALM, {"I1", "I3"}),
        (mutants.ground_is_freed_before_it_is_left, weathers.CALM, {"I1", "I2", "I3"}),
        (mutants.silence_frees_ground, weathers.PARTED, {"I3"}),
        (mutants.nobody_is_counted_before_a_grant, weathers.SPLIT, {"I1", "I2", "I3"}),
        (mutants.epochs_are_counted_on_by_one, weathers.SPLIT, {"I1", "I2", "I3", "I6"}),
        (mutants.leases_never_end, weathers.BEREFT, {"I2"}),
        (mutants.work_goes_on_after_its_lease, weathers.BEREFT, {"I2"}),
        (mutants.broken_clocks_are_trusted, weathers.FROZEN, {"I2", "I6"}),
        (mutants.repeats_are_taken_for_news, weathers.DOUBLES, {"I4"}),
        (mutants.old_leaders_are_obeyed, weathers.ATTACKED, {"I6"}),
        (mutants.old_commands_are_obeyed, weathers.ATTACKED, {"I6"}),
        (mutants.results_are_forgotten, weathers.ATTACKED, {"I6"}),
        (mutants.late_holds_are_obeyed, weathers.HASTY, {"I7", "liveness"}),
        (mutants.tags_are_on_neither_disk, weathers.GUARDED_KILLED, {"lockout"}),
        (mutants.driving_by_hand_takes_no_ground, weathers.DRIVEN, {"lockout"}),
        (mutants.an_area_is_ready_whoever_is_in_it, weathers.DRIVEN, {"lockout"}),
        (mutants.one_other_takes_a_tag_off, weathers.GUARDED, {"lockout"}),
        (mutants.locked_out_is_shown_at_once, weathers.GUARDED_PARTED, {"lockout"}),
        (mutants.forgeries_are_believed, weathers.ATTACKED, {"I6"}),
        (mutants.earth_is_not_waited_for, weathers.UNHEARD, {"I7"}),
        (mutants.a_decision_is_not_journaled, weathers.KILLED, {"I9"}),
        (mutants.a_silent_machine_hinders_no_clearing, weathers.CLOSING_PARTED, {"closure"}),
        (mutants.a_zone_is_clear_when_nobody_stands_in_it, weathers.CLOSING_PARTED, {"closure"}),
        (mutants.closed_zones_bar_no_way, weathers.CLOSING, {"closure"}),
        (mutants.machines_stop_on_ramps, weathers.CALM, {"standing"}),
        (mutants.bodies_hang_in_ramps, weathers.CALM, {"standing"}),
        (mutants.a_lease_counts_from_its_coming, weathers.LATE, {"I2"}),
        (mutants.set_points_never_die, weathers.BRIEF, {"I2"}),
        (mutants.a_clock_errs_no_more_as_time_passes, weathers.RUNNING_WRONG, {"I6"}),
        (mutants.any_addressee_will_do, weathers.ATTACKED, {"I6"}),
        (mutants.stops_are_passed_over, weathers.STOPPING, {"I6"}),
        (mutants.one_word_proves_a_task_lost, weathers.REBORN, {"I5"}),
        (mutants.unknown_authorities_are_passed_over, weathers.RESTORED, {"I3"}),
        (mutants.words_leave_before_they_are_written, weathers.FALLING, {"I4", "I7", "liveness"}),
        (
            mutants.samples_are_acknowledged_before_they_are_written,
            weathers.UNKEPT,
            {"I4", "liveness"},
        ),
        (mutants.repeated_samples_are_taken_for_news, weathers.DOUBLES, {"I4"}),
        (mutants.holes_are_closed_at_once, weathers.LOSSY, {"I4", "liveness"}),
        (mutants.every_battery_is_taken_for_full, weathers.TIGHT, {"I8"}),
        (mutants.what_is_to_be_given_back_is_free_at_once, weathers.CARRIED_AND_PARTED, {"I3"}),
        (mutants.who_may_still_move_is_vouched_for, weathers.VOUCHED, {"I1", "I2", "I3", "I5"}),
        (mutants.late_answers_are_obeyed, weathers.ATTACKED, {"I6"}),
        (mutants.where_a_machine_was_carried_is_not_learnt, weathers.CARRIED, {"I3"}),
        (mutants.renewals_undo_shortenings, weathers.CARRIED_UNHEARD, {"shortening", "I3"}),
        (mutants.shortenings_are_answered_and_not_obeyed, weathers.CARRIED, {"shortening"}),
        (mutants.nobody_works, weathers.CALM, {"liveness"}),
        (mutants.nobody_works, weathers.REBORN, {"liveness"}),
        (mutants.a_bad_pose_stops_nobody, weathers.LOST, {"I2"}),
        (mutants.nothing_is_in_the_way, weathers.CARRIED, {"I1"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_missing_protection_is_found(
    mutate: Callable[[pytest.MonkeyPatch], None],
    options: Options,
    expected: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutate(monkeypatch)

    assert found(SITES.get(mutate, SMALL), options) in expected


@pytest.mark.slow
def test_machines_that_look_twice_hold_no_ground_twice_though_their_leader_forgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutants.everybody_else_is_forgotten(monkeypatch)
    monkeypatch.setattr(ReuseChecker, "_judge", lambda *grant: None)
    calm_for_a_while = replace(weathers.CALM, safety_s=300.0)
    hurried = replace(SMALL, work_s_max=0.0)

    assert found(hurried, calm_for_a_while) == "liveness"
    monkeypatch.setattr(Neighbours, "in_the_way", lambda self, *ground: None)
    assert found(hurried, calm_for_a_while) == "taking"


def found(scenario: Scenario, options: Options) -> str:
    """Give what broke first, in the first seed in which anything did; nothing in none."""
    failures = (run_seed(seed, scenario, options).failure for seed in SEEDS)
    return next((failure.split(":")[0] for failure in failures if failure), "")
