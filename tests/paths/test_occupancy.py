"""Footprints on a grid: poses against shapely, routes against finely sampled poses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.paths import Footprint, Part, Route
from lunaredge.paths.occupancy import Occupancy
from tests.kernels import naive_occupancy as naive

CONTACT_M = 1e-4
CLEARANCE_ERROR_M = 1e-3
TIE_M = 1e-8
FRAME = (-3.0, 5.0, 0.5)
SHAPE = (20, 37)

MACHINES = {
    "rectangle": Footprint.rectangle(4.0, 2.5),
    "ahead": Footprint.rectangle(2.0, 1.0, ahead_m=1.5, margin_m=0.2),
    "disc": Footprint.disc(0.8),
    "point": Footprint.disc(0.0),
    "rod": Footprint(Part(corners=((-1.0, 0.0), (2.0, 0.5)))),
    "capsule": Footprint(Part(corners=((-1.0, 0.0), (1.0, 0.0)), margin_m=0.4)),
    "wedge": Footprint(Part(corners=((0.0, 0.0), (2.0, 1.0), (2.0, -1.0)), margin_m=0.1)),
    "dozer": Footprint(
        Part(corners=((-1.0, -0.5), (1.0, -0.5), (1.0, 0.5), (-1.0, 0.5))),
        Part(name="blade", corners=((1.2, -1.0), (1.2, 1.0))),
    ),
}
FOOTPRINTS = st.sampled_from(sorted(MACHINES)).map(MACHINES.__getitem__)
SEEDS = st.integers(0, 2**32 - 1)


def rocks(dice, share=0.01, shape=SHAPE):
    return dice.random(shape) < share


def draw_poses(dice, count):
    return dice.uniform((-6.0, 2.0, -7.0), (18.0, 18.0, 7.0), (count, 3))


def draw_route(dice, knots=5):
    steps = dice.normal(0.0, (1.0, 1.0, 0.7), (knots, 3))
    poses = dice.uniform((0.0, 7.0, -3.0), (12.0, 13.0, 3.0)) + np.cumsum(steps, axis=0)
    return Route.of_poses(poses, 2.0, start_s=10.0)


@settings(max_examples=40)
@given(SEEDS, FOOTPRINTS, st.booleans())
def test_poses_are_free_exactly_when_shapely_finds_room(seed, footprint, is_beyond_closed):
    dice = np.random.default_rng(seed)
    closed, poses = rocks(dice), draw_poses(dice, 40)
    grid = Occupancy(closed, FRAME, is_beyond_closed=is_beyond_closed)

    free = grid.check_poses(footprint, poses)

    for pose, is_free in zip(poses, free, strict=True):
        gap_m = naive.gap_m(closed, FRAME, footprint, pose, is_beyond_closed=is_beyond_closed)
        assert is_free == (gap_m > 0.0) or (gap_m != 0.0 and abs(gap_m) < TIE_M)


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_every_tier_gives_the_verdict_of_the_last(name):
    dice = np.random.default_rng(7)
    poses = draw_poses(dice, 4000)
    closed = rocks(dice)
    grid = Occupancy(closed, FRAME)
    alone = Occupancy(closed, FRAME)
    discs, parts = alone.outline(MACHINES[name])
    # No byte decides any more.
    discs[:, 2], discs[:, 3] = 300.0, 0.0

    free = grid.check_poses(MACHINES[name], poses)

    assert len(parts) >= 1
    assert (free == alone.check_poses(MACHINES[name], poses)).all()
    assert free.any()
    assert not free.all()


@pytest.mark.parametrize("margin_m", [1.365, 1.46])
def test_a_disc_far_from_the_origin_is_not_freed_by_the_table_of_headings(margin_m):
    dice = np.random.default_rng(8)
    closed = rocks(dice, 0.01, (300, 300))
    grid, alone = (Occupancy(closed, FRAME, is_beyond_closed=False) for _ in range(2))
    # With the table's error its radius is just under 3 cells, without it the other is.
    boom = Footprint(Part(corners=((30.0, 0.0),), margin_m=margin_m))
    discs, _ = alone.outline(boom)
    discs[:, 2], discs[:, 3] = 300.0, 0.0
    poses = dice.uniform((20.0, 30.0, -7.0), (120.0, 130.0, 7.0), (100_000, 3))

    assert (grid.check_poses(boom, poses) == alone.check_poses(boom, poses)).all()


@pytest.mark.parametrize("heading_rad", [0.0, math.pi, -math.pi, 6 * math.pi])
def test_an_edge_on_the_border_of_a_closed_cell_meets_it(heading_rad):
    closed = np.zeros((40, 40), np.bool_)
    closed[20, 30] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5))
    footprint = Footprint.rectangle(4.0, 2.5)

    # The cell is [15, 15.5] x [10, 10.5]; the machine's front is 2 m ahead, its side 1.25 m away.
    touching = [(13.0, 10.25), (17.5, 10.25), (15.25, 8.75), (15.25, 11.75), (13.0, 8.75)]
    apart = [(12.99999, 10.25), (17.50001, 10.25), (15.25, 8.74999), (12.99999, 8.75)]

    for x_m, y_m in touching:
        assert not grid.check_poses(footprint, (x_m, y_m, heading_rad))
    for x_m, y_m in apart:
        assert grid.check_poses(footprint, (x_m, y_m, heading_rad))


def test_a_point_on_the_corner_of_a_closed_cell_meets_it():
    closed = np.zeros((3, 3), np.bool_)
    closed[1, 1] = True
    grid = Occupancy(closed, (0.0, 0.0, 1.0), is_beyond_closed=False)
    poses = [(1.0, 1.0, 0.0), (2.0, 2.0, 0.0), (1.0, 2.0, 0.0), (0.99999, 0.99999, 0.0)]

    assert grid.check_poses(Footprint.disc(0.0), poses).tolist() == [False, False, False, True]


def test_one_cell_is_a_grid():
    footprint = Footprint.disc(0.4)
    poses = [(0.5, 0.5, 0.0), (0.4, 0.5, 0.0), (9.0, 9.0, 0.0)]

    open_cell = Occupancy([[False]], (0.0, 0.0, 1.0))
    closed_cell = Occupancy([[True]], (0.0, 0.0, 1.0), is_beyond_closed=False)

    assert open_cell.check_poses(footprint, poses).tolist() == [True, False, False]
    assert closed_cell.check_poses(footprint, poses).tolist() == [False, False, True]


def test_no_poses_have_no_verdicts():
    grid = Occupancy([[False]], (0.0, 0.0, 1.0))

    assert grid.check_poses(Footprint.disc(0.4), np.empty((0, 3))).shape == (0,)
    assert grid.check_poses(Footprint.disc(0.4), np.empty((4, 0, 3))).shape == (4, 0)


@given(SEEDS, FOOTPRINTS, st.integers(1, 3))
def test_a_turned_site_has_the_same_verdicts(seed, footprint, quarters):
    dice = np.random.default_rng(seed)
    closed, poses = rocks(dice, shape=(24, 24)), draw_poses(dice, 60)
    grid = Occupancy(closed, (-6.0, -6.0, 0.5))
    turned_grid = Occupancy(np.rot90(closed, -quarters), (-6.0, -6.0, 0.5))
    angle = quarters * math.pi / 2.0
    cos, sin = round(math.cos(angle)), round(math.sin(angle))
    poses[:, :2] -= (6.0, 10.0)
    turned = poses @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + (0.0, 0.0, angle)

    assert (grid.check_poses(footprint, poses) == turned_grid.check_poses(footprint, turned)).all()


@given(SEEDS, st.sampled_from(["rectangle", "ahead", "disc", "capsule", "wedge", "dozer"]))
def test_a_mirrored_site_has_the_same_verdicts(seed, name):
    dice = np.random.default_rng(seed)
    closed, poses = rocks(dice, shape=(24, 24)), draw_poses(dice, 60)
    poses[:, :2] -= (6.0, 10.0)
    grid = Occupancy(closed, (-6.0, -6.0, 0.5))

    mirrored = Occupancy(closed[::-1], (-6.0, -6.0, 0.5))

    # These machines are the same on both sides.
    free = grid.check_poses(MACHINES[name], poses)
    assert (mirrored.check_poses(MACHINES[name], poses * (1.0, -1.0, -1.0)) == free).all()


@given(SEEDS, FOOTPRINTS)
def test_a_tile_with_a_machine_s_reach_around_it_has_the_verdicts_of_the_whole(seed, footprint):
    dice = np.random.default_rng(seed)
    closed = rocks(dice, shape=(60, 70))
    whole = Occupancy(closed, (1e5, -2e5, 0.3))
    rows, columns = slice(17, 48), slice(13, 50)
    tile = Occupancy(closed[rows, columns], (1e5 + 13 * 0.3, -2e5 + 17 * 0.3, 0.3))
    halo_m = footprint.reach_m + 0.01
    low = (1e5 + 13 * 0.3 + halo_m, -2e5 + 17 * 0.3 + halo_m, -4.0)
    high = (1e5 + 50 * 0.3 - halo_m, -2e5 + 48 * 0.3 - halo_m, 4.0)

    poses = dice.uniform(low, high, (100, 3))

    assert (whole.check_poses(footprint, poses) == tile.check_poses(footprint, poses)).all()


@given(SEEDS, st.booleans(), st.sampled_from([2, 5, 31]))
def test_a_region_done_again_is_the_new_grid_bit_for_bit(seed, is_beyond_closed, range_cells):
    dice = np.random.default_rng(seed)
    closed = rocks(dice, 0.03, (30, 75))
    options = {"is_beyond_closed": is_beyond_closed, "range_cells": range_cells}
    grid = Occupancy(closed, FRAME, **options)
    height, width = dice.integers(1, (12, 40))
    row, column = dice.integers(0, (31 - height, 76 - width))
    patch = rocks(dice, 0.1, (height, width))

    grid.update(int(row), int(column), patch)

    closed[row : row + height, column : column + width] = patch
    for ours, other in zip(grid.cells, Occupancy(closed, FRAME, **options).cells, strict=True):
        assert ours.tobytes() == other.tobytes()


@settings(max_examples=60)
@given(SEEDS, FOOTPRINTS, st.booleans())
def test_the_first_contact_is_neither_missed_nor_invented(seed, footprint, is_beyond_closed):
    dice = np.random.default_rng(seed)
    closed, route = rocks(dice), draw_route(dice)
    grid = Occupancy(closed, FRAME, is_beyond_closed=is_beyond_closed)
    times_s, poses = naive.poses_along(route.knots, 2000)
    free = grid.check_poses(footprint, poses)

    contact = grid.first_contact(footprint, route)

    if contact is None:
        assert free.all()
    else:
        first_s = times_s[np.argmin(free)] if not free.all() else math.inf
        assert contact.time_s <= first_s + 1e-9
        gap_m = naive.gap_m(
            closed, FRAME, footprint, contact.pose, is_beyond_closed=is_beyond_closed
        )
        assert gap_m <= CONTACT_M
        assert free[times_s < contact.time_s].all()
        assert contact.pose == pytest.approx(route.pose_at(contact.time_s), abs=1e-9)
        assert times_s[0] + 2.0 * contact.segment <= contact.time_s
        assert contact.cell is None or closed[contact.cell]


@settings(max_examples=40)
@given(SEEDS, FOOTPRINTS, st.booleans())
def test_the_least_clearance_occurs_and_nothing_is_less(seed, footprint, is_beyond_closed):
    dice = np.random.default_rng(seed)
    closed, route = rocks(dice, 0.004), draw_route(dice, 3)
    grid = Occupancy(closed, FRAME, is_beyond_closed=is_beyond_closed)
    _, poses = naive.poses_along(route.knots, 100)

    nearest = grid.least_clearance(footprint, route, 3.0)

    gaps_m = [
        naive.gap_m(closed, FRAME, footprint, pose, is_beyond_closed=is_beyond_closed)
        for pose in (nearest.pose, *poses)
    ]
    assert nearest.clearance_m <= max(0.0, min(gaps_m)) + CLEARANCE_ERROR_M
    if nearest.is_in_range:
        assert nearest.clearance_m == pytest.approx(max(0.0, gaps_m[0]), abs=1e-6)
    else:
        assert nearest.clearance_m == 3.0
        assert nearest.cell is None


def test_a_rock_between_two_knots_is_met():
    closed = np.zeros((20, 2000), np.bool_)
    closed[10, 1000] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.1))
    route = Route([(0.0, 2.0, 1.05, 0.0), (1.0, 198.0, 1.05, 0.0)])

    contact = grid.first_contact(Footprint.disc(0.2), route)

    assert contact is not None
    assert contact.cell == (10, 1000)
    assert contact.pose.x_m == pytest.approx(99.8, abs=2 * CONTACT_M)


def test_a_turn_between_two_free_poses_is_met():
    closed = np.zeros((20, 20), np.bool_)
    closed[14, 10] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5))
    footprint = Footprint.rectangle(4.4, 1.0)
    there = [(0.0, 5.25, 5.25, 0.0), (1.0, 5.25, 5.25, math.pi)]

    contact = grid.first_contact(footprint, Route(there))

    assert grid.check_poses(footprint, np.array(there)[:, 1:]).all()
    assert contact is not None
    assert contact.cell == (14, 10)
    assert 0.3 < contact.time_s < 0.5


@pytest.mark.parametrize("turns", [1.0, 3.0, 30.0])
@pytest.mark.parametrize(("start_rad", "lap"), [(-1.0, 0.0), (0.5, 1.0)])
def test_full_turns_on_the_spot_are_looked_at_all_around(turns, start_rad, lap):
    closed = np.zeros((20, 20), np.bool_)
    closed[10, 15] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5))
    end_rad = start_rad + turns * math.tau
    route = Route([(0.0, 5.25, 5.25, start_rad), (turns, 5.25, 5.25, end_rad)])
    boom = Footprint.rectangle(2.3, 0.2, ahead_m=1.15)
    short_boom = Footprint.rectangle(2.1, 0.2, ahead_m=1.05)

    contact = grid.first_contact(boom, route)
    nearest = grid.least_clearance(short_boom, route)

    # Its left side, 0.1 m from its middle, meets the cell's corner at (2.25, -0.25) from there.
    assert contact is not None
    meets_rad = math.atan2(-0.25, 2.25) - math.asin(0.1 / math.hypot(2.25, 0.25)) + lap * math.tau
    assert contact.pose.heading_rad == pytest.approx(meets_rad, abs=1e-3)
    assert contact.time_s == pytest.approx((meets_rad - start_rad) / math.tau, abs=1e-3)
    assert nearest.clearance_m == pytest.approx(2.25 - math.hypot(2.1, 0.1), abs=1e-3)


def test_a_machine_that_waits_is_checked_where_it_stands():
    closed = np.zeros((20, 20), np.bool_)
    closed[10, 15] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5))
    here = Route([(3.0, 5.0, 5.25, 0.0), (3.0, 5.0, 5.25, 0.0), (9.0, 5.0, 5.25, 0.0)])

    near = grid.least_clearance(Footprint.rectangle(4.0, 2.0), here)
    contact = grid.first_contact(Footprint.rectangle(5.0, 2.0), here)

    assert near.clearance_m == pytest.approx(0.5)
    assert contact is not None
    assert (contact.time_s, contact.segment) == (3.0, 0)
    alone = grid.first_contact(Footprint.rectangle(5.0, 2.0), Route([(1.0, 5.0, 5.25, 0.0)]))
    assert alone is not None
    assert alone.time_s == 1.0


@pytest.mark.parametrize(("gap_m", "is_free"), [(1.1 * CONTACT_M, True), (0.0, False)])
def test_a_long_way_beside_a_wall_is_decided_by_a_tenth_of_a_millimetre(gap_m, is_free):
    closed = np.zeros((100, 4000), np.bool_)
    closed[50] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5))
    route = Route([(0.0, 5.0, 23.75 - gap_m, 0.0), (9.0, 1900.0, 23.75 - gap_m, 0.0)])

    contact = grid.first_contact(Footprint.rectangle(4.0, 2.5), route)

    assert (contact is None) == is_free


@pytest.mark.parametrize("turn_rad", [0.1, 3.0])
def test_a_turning_body_may_pass_as_near_as_a_tenth_of_a_millimetre(turn_rad):
    closed = np.zeros((20, 20), np.bool_)
    closed[10, 15] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5))
    # At heading 0 the front corners are nearest to the cell's lower corner, and never nearer.
    x_m = 7.5 - math.hypot(2.0, 0.1) - 1.1 * CONTACT_M
    ends = [(0.0, x_m, 5.25, -turn_rad), (1.0, x_m, 5.25, turn_rad)]

    assert grid.first_contact(Footprint.rectangle(4.0, 0.2), Route(ends)) is None


def test_ground_is_closed_where_it_is_too_steep_or_not_known_or_occupied():
    slopes_deg = np.array([[5.0, 20.0, 20.1], [math.nan, 0.0, 0.0]])
    occupied = np.array([[False, False, False], [False, True, False]])

    grid = Occupancy.of_ground(slopes_deg, 20.0, (0.0, 0.0, 1.0), occupied=occupied)

    assert grid.closed.tolist() == [[False, False, True], [True, True, False]]


def test_parts_that_are_higher_than_what_stands_there_pass_over():
    closed = np.zeros((20, 20), np.bool_)
    closed[10, 15] = True
    low = Part(corners=((0.0, 0.0), (1.0, 0.0)))
    boom = Part(name="boom", corners=((0.0, 0.0), (4.0, 0.0)), low_m=2.0, high_m=3.0)
    pose = (5.0, 5.2, 0.0)

    rocky = Occupancy(closed, (0.0, 0.0, 0.5), top_m=1.9)
    tall = Occupancy(closed, (0.0, 0.0, 0.5), top_m=2.0)

    assert rocky.check_poses(Footprint(low, boom), pose)
    assert not tall.check_poses(Footprint(low, boom), pose)
    assert rocky.check_poses(Footprint(boom), pose)


def test_clearances_are_bounds_for_all_of_a_cell():
    closed = np.zeros((30, 30), np.bool_)
    closed[3, 4] = True
    grid = Occupancy(closed, (0.0, 0.0, 0.5), is_beyond_closed=False)

    assert grid.clearance_m[3, 4] == 0.0
    assert grid.clearance_m[3, 5] == 0.0
    assert grid.clearance_m[3, 14] == pytest.approx(4.5, abs=0.07)
    assert grid.clearance_m[3, 14] <= 4.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"closed": [True]}, "closed"),
        ({"closed": [[True], [True, False]]}, "closed"),
        ({"closed": np.empty((0, 4), np.bool_)}, "closed"),
        ({"frame": (0.0, 0.0)}, "frame"),
        ({"frame": (0.0, 0.0, 0.0)}, r"frame\[2\]"),
        ({"frame": (math.nan, 0.0, 1.0)}, "frame"),
        ({"frame": (1e9, 0.0, 1.0)}, "frame"),
        ({"range_cells": 0}, "range_cells"),
        ({"top_m": math.nan}, "top_m"),
    ],
)
def test_what_is_no_grid_is_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        Occupancy(**({"closed": [[False]], "frame": (0.0, 0.0, 1.0)} | change))


@pytest.mark.parametrize("poses", [(1.0, 2.0), (math.nan, 0.0, 0.0), [(0.0, 0.0, math.inf)], "x"])
def test_what_is_no_pose_is_refused(poses):
    grid = Occupancy([[False]], (0.0, 0.0, 1.0))

    with pytest.raises(ConfigError, match="poses"):
        grid.check_poses(Footprint.disc(0.1), poses)


def test_the_first_wrong_pose_is_named_with_its_numbers():
    grid = Occupancy([[False]], (0.0, 0.0, 1.0))
    poses = np.zeros((2, 3, 3))
    poses[1, 2] = (0.5, math.inf, 0.0)

    with pytest.raises(ConfigError, match=r"poses\[1\]\[2\].*got \[0.5, inf, 0.0\]"):
        grid.check_poses(Footprint.disc(1.0), poses)


@pytest.mark.parametrize("row", [-1, 2])
def test_a_region_beyond_the_grid_is_refused(row):
    grid = Occupancy(np.zeros((3, 3), np.bool_), (0.0, 0.0, 1.0))

    with pytest.raises(ConfigError, match="row, column"):
        grid.update(row, 0, np.ones((2, 2), np.bool_))
    assert not grid.closed.any()


def test_slopes_and_occupied_cells_of_other_shapes_are_refused():
    with pytest.raises(ConfigError, match="occupied"):
        Occupancy.of_ground(np.zeros((2, 2)), 20.0, (0.0, 0.0, 1.0), occupied=np.zeros((2, 3)))
    with pytest.raises(ConfigError, match="slope_deg_max"):
        Occupancy.of_ground(np.zeros((2, 2)), math.nan, (0.0, 0.0, 1.0))


def test_a_range_that_is_none_is_refused():
    grid = Occupancy([[False]], (0.0, 0.0, 1.0))

    with pytest.raises(ConfigError, match="within_m"):
        grid.least_clearance(Footprint.disc(0.1), Route([(0.0, 0.5, 0.5, 0.0)]), math.nan)
