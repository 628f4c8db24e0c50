"""Steps over places: who goes first, one by one, and made shorter."""

from itertools import pairwise

import numpy as np
import pytest

from lunaredge.kernels.mapf_boards import arrivals
from lunaredge.kernels.mapf_fields import cells_of
from lunaredge.paths.fleet_repair_steps import moved_together, one_by_one, shortened
from lunaredge.paths.grid_fleet import GridFleetOptions, first_plan
from lunaredge.paths.problem import never


def steps(*rows):
    return np.array(rows, np.int32)


def puzzle(seed, rows=3, columns=4, count=8):
    """A plan without rings for machines at random on a full grid."""
    dice = np.random.default_rng(seed)
    _, cells = cells_of(np.ones((rows, columns), np.bool_))
    ends = [dice.permutation(rows * columns)[:count].astype(np.int32) for _ in range(2)]
    return cells, first_plan(cells, *ends, GridFleetOptions(rings=False))


def breaks_rule(cells, plan):
    """Steps that are no plan by the strict rule, by looking at each."""
    wrong = []
    for step, (before, after) in enumerate(pairwise(plan)):
        for k, (a, b) in enumerate(zip(before, after, strict=True)):
            others = np.delete(before, k).tolist() + np.delete(after, k).tolist()
            if a != b and (b not in cells[a, :4] or a in others or b in others):
                wrong.append((step, k))
            if a == b and a in others:
                wrong.append((step, k))
    return wrong


def test_who_leaves_a_place_goes_before_who_comes_to_it() -> None:
    groups = moved_together(np.array([0, 1, 2, 9]), np.array([1, 2, 3, 9]))

    assert groups == [[2], [1], [0]]


def test_a_ring_goes_at_once() -> None:
    groups = moved_together(np.array([0, 1, 2, 5]), np.array([1, 2, 0, 6]))

    assert sorted(map(sorted, groups)) == [[0, 1, 2], [3]]


def test_one_by_one_nobody_comes_to_a_place_in_the_step_it_is_left() -> None:
    plan = one_by_one(steps([0, 1, 2], [1, 2, 3]))

    assert plan.tolist() == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]


@pytest.mark.parametrize("seed", range(8))
def test_shorter_plans_keep_the_rule_and_lead_from_start_to_goal(seed) -> None:
    cells, first = puzzle(seed)
    plan = one_by_one(first)

    shorter = shortened(cells, plan, 60, never)

    assert not breaks_rule(cells, plan)
    assert not breaks_rule(cells, shorter)
    assert (shorter[0] == first[0]).all()
    assert (shorter[-1] == first[-1]).all()
    assert arrivals(shorter).sum() <= arrivals(plan).sum()


def test_a_detour_is_left_out() -> None:
    _, cells = cells_of(np.ones((1, 5), np.bool_))
    plan = steps([0, 4], [1, 4], [2, 4], [1, 4], [2, 4])

    shorter = shortened(cells, plan, 20, never)

    assert shorter.tolist() == [[0, 4], [1, 4], [2, 4]]


def test_when_time_is_over_the_plan_stays() -> None:
    cells, first = puzzle(0)
    plan = one_by_one(first)

    assert np.array_equal(shortened(cells, plan, 60, lambda: True), plan)
