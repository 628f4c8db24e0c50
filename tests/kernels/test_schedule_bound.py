"""The search for a bound: the same as by every order, at any time valid, whatever its room."""

import random

import numpy as np
import pytest

from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.kernels.schedule_bound import (
    BEST,
    FULL,
    GOES_ON,
    SOLVED,
    STATUS,
    TAKEN,
    room_for,
    search,
)
from lunaredge.kernels.schedule_heads import HEAD_S
from lunaredge.kernels.schedule_sheet import FIXED, NEVER
from lunaredge.placement.scope import Layout, Outset
from lunaredge.placement.sheet import board_of, numbers_of, sheet_of
from tests.kernels.naive_bound import TooLarge, naive_least_late
from tests.placement.problems import random_problem


def scopes(problem, travel):
    """Give each scope of a problem with its first state, by itself."""
    sheet = sheet_of(problem, travel, numbers_of(problem, travel))
    outset = Outset.of(sheet, board_of(problem, sheet))
    for units in outset.parts():
        counted = (outset.heads[:, HEAD_S] >= NEVER) | (sheet.tasks[:, FIXED] > 0)
        layout = Layout(outset, units, counted)
        scope = layout.scope()
        yield sheet, scope, layout.root(scope)


def searched(sheet, scope, root, *, states=50_000, steps=100_000):
    room = room_for(scope, root, states)
    search(sheet, scope, room, steps)
    return room


@pytest.mark.parametrize("first_seed", range(0, 240, 60))
def test_the_search_finds_what_every_order_finds(first_seed):
    compared = 0
    for seed in range(first_seed, first_seed + 60):
        rng = random.Random(seed)
        problem, travel = random_problem(rng, rng.randint(1, 3), rng.randint(1, 3))
        for sheet, scope, root in scopes(problem, travel):
            try:
                expected = naive_least_late(sheet, scope, root)
            except TooLarge:
                continue

            room = searched(sheet, scope, root)

            assert room.counts[STATUS] == SOLVED
            assert room.counts[BEST] == expected, seed
            compared += 1
    assert compared > 20


@pytest.fixture(scope="module")
def machines():
    return next(scopes(*site_instance((20, 5), 1)))


def test_a_search_that_is_broken_off_and_goes_on_ends_the_same(machines):
    sheet, scope, root = machines
    whole = searched(sheet, scope, root)

    parts = room_for(scope, root, 50_000)
    while parts.counts[STATUS] == GOES_ON:
        search(sheet, scope, parts, 7)

    assert np.array_equal(parts.counts, whole.counts)


def test_the_bound_only_rises(machines):
    sheet, scope, root = machines
    room = room_for(scope, root, 50_000)
    found = []

    while room.counts[STATUS] == GOES_ON:
        search(sheet, scope, room, 5)
        found.append(int(room.counts[BEST]))

    assert found == sorted(found)
    assert len(set(found)) > 3


def test_a_search_without_room_stops_below_the_whole_one(machines):
    sheet, scope, root = machines
    whole = searched(sheet, scope, root)

    room = searched(sheet, scope, root, states=300)

    assert room.counts[STATUS] == FULL
    assert 0 < room.counts[BEST] <= whole.counts[BEST]


def test_states_that_are_no_better_are_dropped(machines):
    sheet, scope, root = machines

    room = searched(sheet, scope, root)

    assert room.counts[STATUS] == SOLVED
    assert room.counts[TAKEN] < 2_000
