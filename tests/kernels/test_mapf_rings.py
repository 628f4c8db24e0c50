"""Plans without rings: in each step there is one that can go first."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from lunaredge.paths.grid_fleet import (
    GridFleetOptions,
    GridMap,
    GridPlan,
    Unsolved,
    UnsolvedReason,
    check_grid_plan,
    plan_grid_fleet,
)

RINGLESS = GridFleetOptions(rings=False)


def has_ring(before, after):
    """Whether the places that are left are those that are come to, for some who all move."""
    follows = {int(a): int(b) for a, b in zip(before, after, strict=True) if a != b}
    for start in follows:
        at = start
        for _ in follows:
            at = follows.get(at, -1)
            if at == start:
                return True
    return False


def reachable(rows, columns, start):
    """All that single moves to an empty cell lead to from a configuration, by flooding."""
    known, waiting = {start}, [start]
    while waiting:
        places = waiting.pop()
        for k, place in enumerate(places):
            row, column = divmod(place, columns)
            for r, c in (
                (row + 1, column),
                (row - 1, column),
                (row, column + 1),
                (row, column - 1),
            ):
                near = r * columns + c
                if 0 <= r < rows and 0 <= c < columns and near not in places:
                    after = (*places[:k], near, *places[k + 1 :])
                    if after not in known:
                        known.add(after)
                        waiting.append(after)
    return known


def test_a_full_square_turns_only_where_rings_may() -> None:
    square = GridMap(np.ones((2, 2), bool))

    turned = plan_grid_fleet(square, [0, 1, 3, 2], [1, 3, 2, 0])
    stuck = plan_grid_fleet(square, [0, 1, 3, 2], [1, 3, 2, 0], RINGLESS)

    assert isinstance(turned, GridPlan)
    assert isinstance(stuck, Unsolved)
    assert stuck.reason is UnsolvedReason.EXHAUSTED


def test_a_puzzle_with_one_gap_is_solved_if_and_only_if_it_can_be() -> None:
    start = (0, 1, 2)
    known = reachable(2, 2, start)
    board = GridMap(np.ones((2, 2), bool))

    for goal in permutations(range(4), 3):
        found = plan_grid_fleet(board, list(start), list(goal), RINGLESS)

        assert isinstance(found, GridPlan) == (goal in known), goal


@pytest.mark.parametrize("seed", range(12))
def test_crowded_plans_hold_no_ring_and_are_right(seed) -> None:
    dice = np.random.default_rng(seed)
    board = GridMap(np.ones((4, 4), bool))
    starts, goals = dice.permutation(16)[:13], dice.permutation(16)[:13]

    plan = plan_grid_fleet(board, starts, goals, GridFleetOptions(rings=False, seed=seed))

    assert isinstance(plan, GridPlan)
    assert check_grid_plan(board, starts, goals, plan.positions) is None
    rows = plan.positions
    assert not any(has_ring(a, b) for a, b in pairwise(rows))
