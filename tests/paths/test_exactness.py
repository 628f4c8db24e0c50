"""Continuous checks against independent judges: nothing missed, no alarm outside the margin.

The same cases by the million: ``python -m tests.paths.campaign``.
"""

import numpy as np
import pytest

from lunaredge.kernels import sweep
from lunaredge.paths import Footprint, Part
from tests.paths import judges, oracle

CASES = 4500
MISS_M = 1e-3
# Two bodies may drift through a metre of empty space; here only what is near counts.
ALARM_M = sweep.CONTACT_M + oracle.RESOLUTION_M


def meetings(cases):
    """Ask the code under test: the share of the motion at which each pair first meets, or inf."""
    rows = [
        [
            Footprint(Part(corners=tuple(map(tuple, corners)), margin_m=margin)).parts[0]
            for corners, margin in zip(all_corners, cases.margins[:, side], strict=True)
        ]
        for side, all_corners in enumerate((cases.corners_a.tolist(), cases.corners_b.tolist()))
    ]
    work = sweep.work_space()
    return np.array(
        [
            sweep.first_meeting((row_a, motion_a), (row_b, motion_b), work)
            for row_a, row_b, motion_a, motion_b in zip(
                *rows, as_steps(cases.motions_a), as_steps(cases.motions_b), strict=True
            )
        ]
    )


def as_steps(motions):
    return [(*row[:3], *(np.subtract(row[3:], row[:3]))) for row in motions.tolist()]


def judged(seed, count, corner_count):
    cases = oracle.draw(np.random.default_rng(seed), count, corner_count)
    return cases, oracle.least_gaps(cases)


@pytest.mark.parametrize("corner_count", [3, 4, 6])
def test_no_collision_is_missed_and_no_alarm_is_false(corner_count):
    cases, (low_m, high_m) = judged(corner_count, CASES // 3, corner_count)

    met = np.isfinite(meetings(cases))

    near = np.abs(high_m) < 0.06
    assert near.mean() > 0.4, "too few cases are near contact"
    assert not (~met & (high_m < -MISS_M)).any()
    assert not (met & (low_m > ALARM_M)).any()
    assert met.any()
    assert not met.all()


def test_bodies_are_in_contact_where_they_are_said_to_meet_first():
    cases, _ = judged(11, CASES // 6, 4)

    at = meetings(cases)

    met = np.isfinite(at)
    gaps_m = oracle.gaps_at(cases.some(met), at[met])
    later = at[met] > 0.0
    assert (gaps_m <= ALARM_M).all()
    assert (gaps_m[later] >= 0.0).all()


def test_without_turns_the_swept_area_says_the_same():
    straight = judges.without_turns(oracle.draw(np.random.default_rng(3), CASES // 3))

    met = np.isfinite(meetings(straight))

    gaps_m = judges.swept_gaps(straight)
    assert not (~met & (gaps_m <= 0.0)).any()
    assert not (met & (gaps_m > ALARM_M)).any()


def test_what_another_library_finds_between_samples_is_found():
    pytest.importorskip("fcl")
    boxes = judges.boxes(np.random.default_rng(5), 150)

    met = np.isfinite(meetings(boxes))

    found = judges.fcl_meets(boxes)
    assert found.sum() > 50
    assert not (found & ~met).any()
