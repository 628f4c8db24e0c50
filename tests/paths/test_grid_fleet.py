"""Plans for many machines on a grid, as a user asks for them."""

import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.kernels import mapf_improve, mapf_lacam, mapf_priority
from lunaredge.paths.grid_fleet import (
    FaultKind,
    GridFleetOptions,
    GridMap,
    GridPlan,
    Unsolved,
    UnsolvedReason,
    check_grid_plan,
    compile_kernels,
    plan_grid_fleet,
)

OPEN = GridMap(np.ones((3, 4), dtype=bool))
CORRIDOR = GridMap(np.ones((1, 5), dtype=bool))


def crowd(seed, count=60, shape=(16, 16)):
    """Draw a map with obstacles, and starts and goals on its largest part."""
    rng = np.random.default_rng(seed)
    free = rng.random(shape) > 0.1
    free[0] = free[:, 0] = True
    cells = np.flatnonzero(free)
    grid = GridMap(free)
    alone = [
        cell
        for cell in cells.tolist()
        if isinstance(plan_grid_fleet(grid, [0], [cell], GridFleetOptions(iterations=0)), GridPlan)
    ]
    return grid, rng.permutation(alone)[:count], rng.permutation(alone)[:count]


def test_a_crowd_gets_a_valid_plan_that_only_gets_cheaper():
    grid, starts, goals = crowd(1)

    first = plan_grid_fleet(grid, starts, goals, GridFleetOptions(iterations=0))
    plan = plan_grid_fleet(grid, starts, goals, GridFleetOptions(iterations=30))

    assert check_grid_plan(grid, starts, goals, first.positions) is None
    assert check_grid_plan(grid, starts, goals, plan.positions) is None
    assert plan.lower_bound <= plan.sum_of_costs < plan.first_plan == first.sum_of_costs
    assert plan.positions.dtype == np.int32
    assert plan.makespan == len(plan.positions) - 1


def test_the_same_seed_gives_the_same_plan_and_another_another():
    grid, starts, goals = crowd(2)

    plans = [
        plan_grid_fleet(grid, starts, goals, GridFleetOptions(iterations=5, seed=seed)).positions
        for seed in (4, 4, 5)
    ]

    assert np.array_equal(plans[0], plans[1])
    assert not np.array_equal(plans[0], plans[2])


def test_a_clock_ends_the_improvement_and_leaves_a_valid_plan():
    grid, starts, goals = crowd(3)
    looks = iter(range(10**6))

    plan = plan_grid_fleet(
        grid, starts, goals, GridFleetOptions(iterations=10**6, is_over=lambda: next(looks) > 9)
    )

    assert plan.iterations <= 10
    assert check_grid_plan(grid, starts, goals, plan.positions) is None


def test_time_that_is_over_before_a_plan_is_found_is_said():
    starts, goals = [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]

    answer = plan_grid_fleet(CORRIDOR, starts, goals, GridFleetOptions(is_over=lambda: True))

    assert answer.reason in (UnsolvedReason.TIME, UnsolvedReason.EXHAUSTED)


def test_a_search_that_is_given_up_proves_nothing():
    grid, starts, goals = crowd(4)

    answer = plan_grid_fleet(grid, starts, goals, GridFleetOptions(search_iterations=3))

    assert answer == Unsolved(reason=UnsolvedReason.ITERATIONS)
    assert not answer.is_proved


def test_a_swap_in_a_corridor_is_proved_impossible():
    answer = plan_grid_fleet(CORRIDOR, [0, 4], [4, 0])

    assert answer == Unsolved(reason=UnsolvedReason.EXHAUSTED)
    assert answer.is_proved


def test_a_ring_that_is_full_may_turn():
    ring = GridMap([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    cells = [0, 1, 2, 5, 8, 7, 6, 3]

    plan = plan_grid_fleet(ring, cells, [*cells[1:], cells[0]])

    assert plan.sum_of_costs == 8
    assert check_grid_plan(ring, cells, [*cells[1:], cells[0]], plan.positions) is None


def test_a_goal_without_a_way_names_the_machine():
    grid = GridMap([[1, 1, 0, 1]])

    answer = plan_grid_fleet(grid, [0, 3], [1, 0])

    assert answer == Unsolved(reason=UnsolvedReason.UNREACHABLE, agents=(1,))
    assert answer.is_proved


@pytest.mark.parametrize("count", [0, 1, 3])
def test_machines_that_are_there_already_need_no_step(count):
    cells = list(range(count))

    plan = plan_grid_fleet(OPEN, cells, cells)

    assert plan.positions.shape == (1, count)
    assert plan.sum_of_costs == plan.lower_bound == plan.makespan == 0


def test_every_kernel_can_be_compiled_ahead_of_the_first_plan():
    compile_kernels()

    kernels = (mapf_lacam.advance, mapf_priority.push_in, mapf_improve.improve)
    assert all(kernel.signatures for kernel in kernels)


def test_a_lone_machine_goes_the_shortest_way():
    plan = plan_grid_fleet(OPEN, [0], [11])

    assert plan.sum_of_costs == plan.lower_bound == plan.makespan == 5


@pytest.mark.parametrize(
    ("starts", "goals", "key"),
    [
        ([0, 0], [1, 2], "starts[1]"),
        ([0, 1], [2, 2], "goals[1]"),
        ([0, 12], [1, 2], "starts[1]"),
        ([-1], [2], "starts[0]"),
        ([0], [1, 2], "goals"),
        ([0.5], [1], "starts"),
        ([np.nan], [1], "starts"),
        ([[0, 1]], [[1, 2]], "starts"),
        (range(13), range(13), "starts[12]"),
    ],
)
def test_starts_and_goals_that_cannot_be_are_refused_by_name(starts, goals, key):
    with pytest.raises(ConfigError) as caught:
        plan_grid_fleet(OPEN, list(starts), list(goals))

    assert caught.value.key == key


def test_a_start_in_a_wall_is_refused():
    with pytest.raises(ConfigError, match="give a free cell"):
        plan_grid_fleet(GridMap([[1, 0]]), [1], [0])


@pytest.mark.parametrize("free", [[1, 0], [[0.5, 1.0]], [[2, 1]], [["a"]], [[1], [1, 0]]])
def test_what_is_no_map_is_refused(free):
    with pytest.raises(ConfigError, match="grid map"):
        GridMap(free)


@pytest.mark.parametrize("free", [np.zeros((1, 1), bool), np.zeros((3, 3), bool)])
def test_a_map_without_free_cells_takes_nobody(free):
    plan = plan_grid_fleet(GridMap(free), [], [])

    assert plan.positions.shape == (1, 0)
    with pytest.raises(ConfigError):
        plan_grid_fleet(GridMap(free), [0], [0])


@pytest.mark.parametrize("options", [{"seed": -1}, {"iterations": -1}, {"search_iterations": 0.5}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError):
        plan_grid_fleet(OPEN, [0], [1], GridFleetOptions(**options))


@pytest.mark.parametrize(
    ("positions", "kind", "agents"),
    [
        ([[0, 5], [1, 4]], FaultKind.GOAL, (1,)),
        ([[4, 5], [1, 6]], FaultKind.START, (0,)),
        ([[0, 5], [5, 4], [1, 6]], FaultKind.JUMP, (0,)),
        ([[0, 5], [1, 1], [1, 6]], FaultKind.VERTEX, (0, 1)),
        ([[0, 5], [4, 5], [5, 4], [1, 6]], FaultKind.SWAP, (0, 1)),
        ([[0, 5], [-1, 5], [1, 6]], FaultKind.WALL, (0,)),
        ([[0, 5], [12, 5], [1, 6]], FaultKind.WALL, (0,)),
        ([[0.0, 5.0]], FaultKind.SHAPE, ()),
        ([[0], [1]], FaultKind.SHAPE, ()),
        (np.empty((0, 2), int), FaultKind.SHAPE, ()),
    ],
)
def test_the_check_finds_every_kind_of_fault(positions, kind, agents):
    fault = check_grid_plan(OPEN, [0, 5], [1, 6], positions)

    assert fault.kind == kind
    assert fault.agents == agents


def test_the_check_finds_a_wall_and_not_the_edge_of_the_map():
    grid = GridMap([[1, 0], [1, 1]])

    assert check_grid_plan(grid, [0], [3], [[0], [1], [3]]).kind == FaultKind.WALL
    assert check_grid_plan(OPEN, [3], [4], [[3], [4]]).kind == FaultKind.JUMP
    assert check_grid_plan(grid, [0], [3], [[0], [2], [3]]) is None
