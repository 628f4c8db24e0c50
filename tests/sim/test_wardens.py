"""Wardens lock machines out and let them go again: whoever was waiting gets his machine back."""

from msgspec.structs import replace

from lunaredge.sim.options import WardenOptions, calm
from lunaredge.sim.run import prepared, run_seed
from lunaredge.sim.scenario import small


def test_machines_that_people_keep_stand_still_and_the_job_is_done_after_all():
    options = replace(calm(), safety_s=900.0, wardens=WardenOptions(lockout_s=60.0))

    outcome = run_seed(3, small(), options)

    assert outcome.ok, outcome.failure
    assert outcome.interventions > 5
    assert outcome.invariants["lockout"].checked > 100


def test_closed_zones_are_left_and_kept_clear_and_the_job_is_done_after_all():
    options = replace(calm(), safety_s=600.0, wardens=WardenOptions(close_s=60.0))

    outcome = run_seed(4, small(), options)

    assert outcome.ok, outcome.failure
    assert outcome.interventions > 5
    assert outcome.invariants["closure"].checked > 100


def test_who_is_silent_is_vouched_for_and_the_job_is_done_after_all():
    faults = replace(calm().faults, cut_s=60.0, kill_agent_s=60.0, down_s_max=600.0)
    options = replace(
        calm(),
        safety_s=900.0,
        authority_lifetime_s=120.0,
        faults=faults,
        wardens=WardenOptions(vouch_s=10.0),
    )
    run = prepared(1, small(), options)

    outcome = run.outcome()

    assert outcome.ok, outcome.failure
    assert len(run.wardens.vouched) > 3
