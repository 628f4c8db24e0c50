"""The kernels for many agents against plain searches."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels import (
    mapf_agents,
    mapf_astar,
    mapf_boards,
    mapf_fields,
    mapf_flood,
    mapf_improve,
    mapf_lacam,
    mapf_priority,
    mapf_reroute,
)
from tests.kernels import naive_mapf

SEEDS = st.integers(0, 1000)
MAPS = arrays(
    np.bool_,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.sampled_from([True, True, True, False]),
)
SMALL_MAPS = arrays(
    np.bool_,
    st.tuples(st.integers(1, 3), st.integers(2, 3)),
    elements=st.sampled_from([True, True, True, False]),
)


def ends(free, seed, count):
    """Draw different starts, and different goals."""
    rng = np.random.default_rng(seed)
    total = int(free.sum())
    starts, goals = rng.permutation(total)[:count], rng.permutation(total)[:count]
    return starts.astype(np.int32), goals.astype(np.int32)


def solve(free, starts, goals, seed=0, slices=1000):
    """Search for a first plan; gives how it ended, the plan, and the world."""
    _, cells = mapf_fields.cells_of(free)
    fields = mapf_fields.fields_toward(cells, goals)
    agents, seeds = mapf_agents.agents_toward(goals), mapf_agents.seeds_from(seed)
    order = np.arange(len(goals), dtype=np.int32)
    search = mapf_lacam.search_from(starts, order, 4)
    for _ in range(slices):
        status = mapf_lacam.advance(search, (cells, agents, fields), seeds, 1000)
        if status == mapf_lacam.FULL:
            search = mapf_lacam.widen(search)
        elif status != mapf_lacam.RUNNING:
            break
    plan = mapf_lacam.plan_of(search) if status == mapf_lacam.FOUND else None
    return status, plan, (cells, fields)


def crowded(seed, shape=(7, 9), count=16):
    """Make a solved scene with many agents: the map, the plan and the world."""
    rng = np.random.default_rng(seed)
    free = rng.random(shape) > 0.1
    starts, goals = ends(free, seed, count)
    near = naive_mapf.graph(free)
    assume(all(a in naive_mapf.distances(near, b) for a, b in zip(starts, goals, strict=True)))
    _, plan, world = solve(free, starts, goals, seed)
    assume(plan is not None)
    return free, plan, world


def is_plan(free, plan):
    near = naive_mapf.graph(free)
    steps = zip(plan[:-1].tolist(), plan[1:].tolist(), strict=True)
    return all(naive_mapf.is_step(near, now, after) for now, after in steps)


@given(MAPS, SEEDS)
def test_a_field_says_the_same_in_whatever_order_it_is_asked(free, seed):
    assume(free.any())
    _, goals = ends(free, seed, 1)
    near = naive_mapf.graph(free)
    _, cells = mapf_fields.cells_of(free)
    fields = mapf_fields.fields_toward(cells, goals)
    steps = naive_mapf.distances(near, int(goals[0]))

    found = {}
    for cell in np.random.default_rng(seed).permutation(len(near)):
        found[int(cell)] = int(mapf_fields.distances(cells, fields, np.array([cell], np.int32))[0])

    assert found == {cell: steps.get(cell, -1) for cell in range(len(near))}


@settings(max_examples=60)
@given(SMALL_MAPS, SEEDS, st.integers(1, 4))
def test_the_search_finds_a_plan_exactly_where_there_is_one(free, seed, count):
    assume(free.sum() >= count)
    starts, goals = ends(free, seed, count)
    near = naive_mapf.graph(free)

    status, plan, _ = solve(free, starts, goals, seed)

    if naive_mapf.is_solvable(near, starts.tolist(), goals.tolist()):
        assert status == mapf_lacam.FOUND
        assert plan[0].tolist() == starts.tolist()
        assert plan[-1].tolist() == goals.tolist()
        assert is_plan(free, plan)
    else:
        assert status == mapf_lacam.EXHAUSTED


@settings(max_examples=30)
@given(SEEDS)
def test_a_crowd_gets_through_without_meeting(seed):
    free, plan, _ = crowded(seed)

    assert is_plan(free, plan)


def test_two_agents_pass_each_other_where_a_corridor_widens():
    free = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 0]], dtype=bool)

    status, plan, _ = solve(free, np.array([0, 5], np.int32), np.array([5, 0], np.int32))

    assert status == mapf_lacam.FOUND
    assert is_plan(free, plan)


def test_a_search_that_is_widened_goes_on_as_if_it_had_been_wide():
    free = np.ones((3, 4), dtype=bool)
    starts, goals = ends(free, 3, 9)

    _, narrow, (cells, _) = solve(free, starts, goals)
    search = mapf_lacam.search_from(starts, np.arange(9, dtype=np.int32), 10_000)
    world = (cells, mapf_agents.agents_toward(goals), mapf_fields.fields_toward(cells, goals))
    mapf_lacam.advance(search, world, mapf_agents.seeds_from(0), 10_000)

    assert (mapf_lacam.plan_of(search) == narrow).all()


@settings(max_examples=40)
@given(SEEDS, st.integers(0, 15))
def test_what_is_put_on_the_boards_and_taken_off_leaves_no_trace(seed, agent):
    free, plan, _ = crowded(seed)
    boards = mapf_boards.boards_of(free, plan)
    before = boards.boards.copy()

    mapf_boards.toggle(boards, agent)
    is_changed = (boards.boards != before).any()
    mapf_boards.toggle(boards, agent)

    assert is_changed
    assert (boards.boards == before).all()


@pytest.mark.parametrize("shape", [(7, 9), (3, 70), (40, 3), (3, 63)])
@pytest.mark.parametrize("way", ["flood", "astar", "reroute", "compact"])
def test_an_agent_arrives_as_early_as_a_plain_search_says(way, shape, monkeypatch):
    if way == "compact":
        monkeypatch.setattr(mapf_boards, "COMPACT_BYTES", 0)
    for seed in range(10):
        free = np.random.default_rng(seed).random(shape) > 0.02
        starts, goals = ends(free, seed, 8)
        status, plan, world = solve(free, starts, goals, seed, slices=5)
        if status != mapf_lacam.FOUND:
            continue
        boards, seeds = mapf_boards.boards_of(free, plan), mapf_agents.seeds_from(seed)
        near, agent = naive_mapf.graph(free), seed % 8
        last = int(boards.costs[agent]) - seed % 3
        others = np.delete(plan, agent, axis=1).tolist()
        expected = naive_mapf.arrival(near, int(starts[agent]), int(goals[agent]), others, last)

        mapf_boards.toggle(boards, agent)
        arrival = look(way, world, boards, seeds, (agent, last))

        assert arrival == expected
        if arrival >= 0:
            boards.plan[arrival:, agent] = goals[agent]
            assert is_plan(free, boards.plan)


def look(way, world, boards, seeds, query):
    """Ask one of the searches, both of which are exact."""
    agent, last = query
    goal = boards.plan[-1, agent]
    earliest = mapf_reroute._free_from(boards, boards.bits[goal])
    sheet = mapf_astar.sheet()
    if way == "flood":
        return mapf_flood.flood(world[0], boards, seeds, (agent, earliest, last))[0]
    if way == "astar":
        answer, _ = mapf_astar.look(world, boards, sheet, seeds, (agent, earliest, last, 8000))
        assert answer != mapf_astar.UNKNOWN
        assert (sheet.table == -1).all()
        return answer
    return mapf_reroute.reroute(world, boards, sheet, seeds, query)[0]


@settings(max_examples=15)
@given(SEEDS)
def test_an_improved_plan_is_a_plan_that_costs_no_more(seed):
    free, plan, world = crowded(seed)
    boards, seeds = mapf_boards.boards_of(free, plan), mapf_agents.seeds_from(seed)
    improver = mapf_improve.improver_of(boards)

    mapf_improve.improve(world, boards, improver, seeds, 50_000)

    assert is_plan(free, boards.plan)
    assert (boards.plan[[0, -1]] == plan[[0, -1]]).all()
    assert boards.costs.sum() == naive_mapf.sum_of_costs(boards.plan)
    gain = improver.tallies[mapf_improve.GAINS]
    assert boards.costs.sum() == naive_mapf.sum_of_costs(plan) - gain
    assert (boards.boards == mapf_boards.boards_of(free, boards.plan).boards)[
        : boards.shape[mapf_boards.HORIZON]
    ].all()


@settings(max_examples=15)
@given(SEEDS)
def test_a_plan_made_one_agent_after_the_other_is_a_plan(seed):
    free, plan, world = crowded(seed, count=8)
    boards, seeds = mapf_boards.boards_of(free, plan), mapf_agents.seeds_from(seed)
    order, placed = np.arange(8, dtype=np.int32), np.ones(8, dtype=bool)
    sheet, turns = mapf_astar.sheet(), (order, placed)

    mapf_priority.take_off(boards, placed)
    assert not placed.any()
    for _ in range(20):
        stuck = mapf_priority.place_in_turn(world, boards, sheet, seeds, turns, 10**9)
        assert is_plan(free, boards.plan[:, placed])
        if stuck < 0:
            break
        assert not placed[stuck]
        mapf_priority.push_in(world, boards, seeds, stuck, placed)
        assert placed[stuck]
        assert is_plan(free, boards.plan[:, placed])

    assert placed.all() or stuck >= 0
