"""Checks against many standing bodies, against the same done one by one."""

import itertools
import math

import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.kernels import sweep
from lunaredge.paths import solids as module
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.polygon import convex_pieces, rectangle, rods
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.solids import (
    Hit,
    Solid,
    Solids,
    check_path,
    check_poses,
    first_contact,
    least_clearance,
)
from tests.kernels import naive_convex as naive

HULL = Footprint.rectangle(4.0, 2.5)
TRIANGLE = Footprint(Part(corners=((-1.0, -1.0), (3.0, 0.0), (-1.0, 1.0)), margin_m=0.3))
HEXAGON = Footprint(
    Part(corners=tuple((2.0 * math.cos(k), 1.5 * math.sin(k)) for k in np.arange(6) * math.pi / 3))
)
DIGGER = Footprint(
    Part(name="body", corners=((-2.0, -1.2), (2.0, -1.2), (2.0, 1.2), (-2.0, 1.2)), high_m=2.0),
    Part(name="boom", corners=((2.0, 0.0), (7.0, 0.5)), margin_m=0.4, low_m=1.5, high_m=6.0),
    Part(name="blade", corners=((-3.0, 0.0),), margin_m=0.7, high_m=1.0),
)
FOOTPRINTS = pytest.mark.parametrize(
    "footprint", [HULL, TRIANGLE, HEXAGON, DIGGER], ids=["hull", "triangle", "hexagon", "digger"]
)
SIDE_M = 60.0


def scene(seed=5, count=40, side_m=SIDE_M):
    """Give boxes, rods, discs and needles, of all heights, some of them for a time only."""
    dice = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        x, y, heading = *dice.uniform(0.0, side_m, 2), dice.uniform(-4.0, 4.0)
        corners = rectangle(Pose(x, y, heading), *dice.uniform(0.5, 6.0, 2))
        low_m = float(dice.choice([0.0, 0.0, 2.5]))
        from_s = float(dice.choice([-math.inf, 40.0]))
        found.append(
            Solid(
                corners=corners[: int(dice.choice([1, 2, 3, 4, 4]))],
                margin_m=float(dice.choice([0.0, 0.0, 0.6])),
                low_m=low_m,
                high_m=low_m + float(dice.choice([1.2, math.inf])),
                from_s=from_s,
                until_s=from_s + 30.0 if math.isfinite(from_s) else math.inf,
            )
        )
    return found


def wander(seed, knots=40, step_m=1.0, side_m=SIDE_M):
    dice = np.random.default_rng(seed)
    headings = dice.uniform(-3.0, 3.0) + np.cumsum(dice.normal(0.0, 0.3, knots))
    ways = np.column_stack((np.cos(headings), np.sin(headings)))
    points = dice.uniform(0.0, side_m, 2) + step_m * np.cumsum(ways, axis=0)
    return np.column_stack((points, headings))


def at_one_height(part, solid):
    return solid.low_m <= part.high_m and solid.high_m >= part.low_m


def corners_of(part):
    return list(part.corners)


def hit_one_by_one(solids, footprint, pose):
    """Give the lowest solid that a pose meets, and the lowest part of those that do."""
    for number, solid in enumerate(solids):
        for index, part in enumerate(footprint.named):
            gap = naive.gap(naive.placed(part.corners, *pose), solid.corners)
            if at_one_height(part, solid) and gap <= part.margin_m + solid.margin_m:
                return number, index
    return None


def pairs_in_time(solids, footprint, route):
    """Give segment, solid and part, and both as moving bodies for `kernels.sweep`, with the cut."""
    rows = Solids(solids).arrays[0]
    legs = itertools.pairwise(route.knots.tolist())
    for k, ((t, *start), (end_t, *end)) in enumerate(legs):
        for number, solid in enumerate(solids):
            low = max(0.0, (solid.from_s - t) / (end_t - t))
            high = min(1.0, (solid.until_s - t) / (end_t - t))
            if low > high:
                continue
            change = np.subtract(end, start)
            motion = (*(start + low * change).tolist(), *((high - low) * change).tolist())
            standing = (*rows[number, 37:39].tolist(), 0.0, 0.0, 0.0, 0.0)
            for index, part in enumerate(footprint.named):
                if at_one_height(part, solid):
                    bodies = (footprint.parts[index], motion), (rows[number], standing)
                    yield (k, number, index), bodies, (low, high)


@FOOTPRINTS
def test_first_hits_are_those_of_one_by_one(footprint):
    bodies = scene()
    paths = np.array([wander(seed, knots=30) for seed in range(30)])

    hits = check_poses(Solids(bodies), footprint, paths)

    for path, (pose, *who) in zip(paths, hits.tolist(), strict=True):
        expected = (
            (k, *found)
            for k, at in enumerate(path.tolist())
            if (found := hit_one_by_one(bodies, footprint, at)) is not None
        )
        assert (pose, *who) == next(expected, (-1, -1, -1))
    assert (hits[:, 0] >= 0).any()
    assert (hits[:, 0] < 0).any()


def test_a_path_alone_has_the_answer_it_has_among_others():
    solids = Solids(scene())
    paths = np.array([wander(seed, knots=300, step_m=0.2) for seed in range(8)])

    together = check_poses(solids, HULL, paths).tolist()

    for path, hit in zip(paths, together, strict=True):
        alone = check_path(solids, HULL, path)
        assert ([alone.pose, alone.solid, alone.part] if alone else [-1, -1, -1]) == hit


@FOOTPRINTS
def test_first_contact_is_that_of_one_by_one(footprint):
    bodies = scene(seed=8)
    solids, work, met = Solids(bodies), sweep.work_space(), 0

    for seed in range(25):
        route = Route.of_poses(wander(seed, side_m=2 * SIDE_M), period_s=2.0)

        contact = first_contact(solids, footprint, route)

        found = []
        for (k, number, part), moving, (low, high) in pairs_in_time(bodies, footprint, route):
            u = sweep.first_meeting(*moving, work)
            if u <= 1.0:
                found.append((k, low + u * (high - low), number, part))
        if contact is None:
            assert not found
        else:
            met += 1
            k, u, *_ = min(found)
            assert contact.segment == k
            assert contact.time_s == pytest.approx(2.0 * (k + u), abs=1e-4)
            assert contact.depth_m >= 0.0
    assert 0 < met < 25


@FOOTPRINTS
def test_least_clearance_is_that_of_one_by_one(footprint):
    bodies = scene(seed=9)
    solids, work = Solids(bodies), sweep.work_space()

    for seed in range(12):
        route = Route.of_poses(wander(seed, knots=12, side_m=2 * SIDE_M), period_s=2.0)

        nearest = least_clearance(solids, footprint, route, 5.0)

        gaps = [
            sweep.least_gap(*moving, math.inf, work)[0]
            for _, moving, _ in pairs_in_time(bodies, footprint, route)
        ]
        expected = min(gaps, default=math.inf)
        if nearest is None:
            assert expected >= 5.0 - sweep.GAP_ERROR_M
        else:
            assert nearest.clearance_m == pytest.approx(expected, abs=2 * sweep.GAP_ERROR_M)
            assert nearest.pose.x_m == pytest.approx(route.pose_at(nearest.time_s).x_m)


@FOOTPRINTS
def test_the_depth_of_a_way_through_bodies_is_that_of_one_by_one(footprint):
    dice = np.random.default_rng(10)
    work, deep = sweep.work_space(), 0

    for seed in range(12):
        places = dice.uniform(0.0, SIDE_M, (8, 2)).tolist()
        bodies = [
            Solid(corners=rectangle(Pose(*place, k), *dice.uniform(1.0, 40.0, 2)))
            for k, place in enumerate(places)
        ]
        route = Route.of_poses(wander(seed, knots=20, step_m=4.0), period_s=2.0)

        nearest = least_clearance(Solids(bodies), footprint, route, 5.0)

        gaps = [
            sweep.least_gap(*moving, math.inf, work)[0]
            for _, moving, _ in pairs_in_time(bodies, footprint, route)
        ]
        assert nearest.clearance_m == pytest.approx(min(gaps), abs=2 * sweep.GAP_ERROR_M)
        deep += min(gaps) < -3.0
    assert deep > 3


@pytest.mark.parametrize("entries_max", [300, 3000])
def test_where_tiles_would_list_too_much_they_are_larger_and_answers_the_same(
    monkeypatch, entries_max
):
    bodies = [*scene(), *(Solid(corners=rectangle(Pose(30.0, 30.0, k), 9, 9)) for k in range(9))]
    paths = np.array([wander(seed, knots=30) for seed in range(20)])
    usual = Solids(bodies)
    monkeypatch.setattr(module, "ENTRIES_MAX", entries_max)
    monkeypatch.setattr(module, "TILES_MAX", 100)

    coarse, added = Solids(bodies), Solids(bodies[:1])
    for solid in bodies[1:]:
        added.add(solid)

    assert len(coarse.arrays[4]) < len(usual.arrays[4])
    assert len(added.arrays[4]) <= 2 * (2 * entries_max + 100 + 4096)
    for solids in (coarse, added):
        assert (check_poses(solids, HULL, paths) == check_poses(usual, HULL, paths)).all()


def test_bodies_that_come_and_go_leave_the_answers_of_a_new_set():
    bodies, more = scene(seed=1, count=20), scene(seed=2, count=20)
    paths = np.array([wander(seed, knots=20) for seed in range(40)])
    solids = Solids(bodies)

    added = [solids.add(solid) for solid in more]
    with_more = check_poses(solids, HULL, paths)
    for number in added:
        solids.remove(number)
    without = check_poses(solids, HULL, paths)

    assert (with_more == check_poses(Solids([*bodies, *more]), HULL, paths)).all()
    assert (without == check_poses(Solids(bodies), HULL, paths)).all()
    assert (with_more != without).any()
    assert len(solids) == len(bodies)


def test_a_body_far_from_all_others_is_taken_in():
    solids = Solids(scene(count=3))

    number = solids.add(Solid(corners=((5000.0, 5000.0),), margin_m=1.0))

    assert check_path(solids, HULL, [(5001.0, 5000.0, 0.0)]) == Hit(pose=0, solid=number, part=0)


@pytest.mark.parametrize("way", [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)])
def test_a_body_beyond_all_others_is_met_from_beyond(way):
    disc = Footprint.disc(1.0)
    middle = Solid(corners=((0.0, 0.0),), margin_m=1.0)
    for off_m in np.arange(1.0, 14.0, 0.5):
        solids = Solids([middle])

        number = solids.add(Solid(corners=((off_m * way[0], off_m * way[1]),), margin_m=1.0))

        beyond = [((off_m + 1.9) * way[0], (off_m + 1.9) * way[1], 0.0)]
        assert check_path(solids, disc, beyond) == Hit(pose=0, solid=number, part=0)
        # Beside the body all of the range is known, so that no check there takes longer.
        _, _, frame, clear, _ = solids.arrays
        side_m = (off_m + 1.0 + module.RANGE_M) * np.array(way)
        assert (frame[:2] <= side_m).all()
        assert (frame[:2] + frame[2] * np.array(clear.shape[::-1]) >= side_m).all()


def test_more_bodies_than_there_was_room_for_are_taken_in():
    solids = Solids([Solid(corners=((x_m, 0.0),), margin_m=1.0) for x_m in (0.0, 90.0)])

    numbers = [solids.add(Solid(corners=((4.0 * k, 0.0),), margin_m=1.0)) for k in range(1, 22)]

    assert numbers == list(range(2, 23))
    for k, number in enumerate(numbers, 1):
        hit = check_path(solids, Footprint.disc(0.5), [(4.0 * k, 0.0, 0.0)])
        assert hit == Hit(pose=0, solid=number, part=0)


def test_numbers_of_bodies_that_left_are_given_again():
    solids = Solids(scene(count=5))

    left = solids.remove(2)

    with pytest.raises(KeyError):
        solids[2]
    assert solids.add(left) == 2
    assert solids[2] == left


def test_an_empty_set_stands_in_nobodys_way():
    route = Route.of_poses([(0.0, 0.0, 0.0), (100.0, 0.0, 1.0)])

    assert check_path(Solids(), HULL, route.knots[:, 1:]) is None
    assert first_contact(Solids(), HULL, route) is None
    assert least_clearance(Solids(), HULL, route) is None
    assert check_poses(Solids(), HULL, np.zeros((0, 5, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("pose", "hits"),
    [((0.0, 0.0, 0.0), True), ((-1e-6, 0.0, 0.0), False), ((0.0, 5.25, math.pi), True)],
    ids=["edge on edge", "a micrometre off", "corner on corner"],
)
def test_touching_is_meeting(pose, hits):
    wall = Solids([Solid(corners=((2.0, -4.0), (3.0, -4.0), (3.0, 4.0), (2.0, 4.0)))])

    assert (check_path(wall, HULL, [pose]) is not None) == hits


def test_a_thin_wall_is_not_passed_through_between_knots():
    wall = Solids(Solid(corners=rod) for rod in rods([(0.0, -90.0), (0.0, 90.0)]))
    route = Route([(0.0, -500.0, 0.0, 0.0), (1.0, 500.0, 0.0, 0.0)])

    contact = first_contact(wall, HULL, route)

    assert contact is not None
    assert contact.time_s == pytest.approx(0.498, abs=1e-6)
    assert contact.depth_m == pytest.approx(1.25, abs=sweep.GAP_ERROR_M)


def test_a_full_turn_on_the_spot_sweeps_what_its_corners_reach():
    post = Solids([Solid(corners=((2.3, 0.0),))])
    turn = Route([(0.0, 0.0, 0.0, 0.0), (10.0, 0.0, 0.0, math.tau)])

    contact = first_contact(post, HULL, turn)

    assert check_path(post, HULL, turn.knots[:, 1:]) is None
    assert contact is not None
    assert 0.0 < contact.time_s < 1.5


def test_what_is_over_or_gone_is_no_obstacle():
    over = Solid(corners=((0.0, -5.0), (0.0, 5.0)), low_m=3.0)
    gone = Solid(corners=((0.0, -5.0), (0.0, 5.0)), from_s=0.0, until_s=3.0)
    low = Footprint(Part(corners=((0.0, 0.0),), margin_m=1.0, high_m=2.0))
    route = Route([(0.0, -10.0, 0.0, 0.0), (10.0, 10.0, 0.0, 0.0)])

    assert first_contact(Solids([over, gone]), low, route) is None
    assert first_contact(Solids([over, gone]), low, route.delayed(-3.0)) is not None


def test_a_single_knot_is_a_machine_that_stands():
    solids = Solids([Solid(corners=((0.0, 0.0),), margin_m=1.0, party="mast")])

    contact = first_contact(solids, HULL, Route([(7.0, 2.0, 0.0, 0.0)]))

    assert contact is not None
    assert (contact.segment, contact.time_s) == (0, 7.0)
    assert contact.depth_m == pytest.approx(1.0)
    assert first_contact(solids, HULL, Route([(7.0, 4.0, 0.0, 0.0)])) is None


def test_answers_do_not_change_far_from_the_origin():
    bodies = scene(seed=3)
    shift = 2.0**23
    far = [
        Solid(
            corners=tuple((x + shift, y - shift) for x, y in solid.corners),
            margin_m=solid.margin_m,
            low_m=solid.low_m,
            high_m=solid.high_m,
        )
        for solid in bodies
    ]
    paths = np.array([wander(seed, knots=30) for seed in range(40)])

    near_hits = check_poses(Solids(bodies), HEXAGON, paths)
    far_hits = check_poses(Solids(far), HEXAGON, paths + np.array((shift, -shift, 0.0)))

    assert (near_hits == far_hits).all()


def test_a_machine_larger_than_the_clearance_is_checked_all_the_same():
    crane = Footprint.rectangle(60.0, 2.0)
    bodies = scene(seed=4)
    paths = np.array([wander(seed, knots=6) for seed in range(15)])

    hits = check_poses(Solids(bodies), crane, paths)

    for path, (pose, *who) in zip(paths, hits.tolist(), strict=True):
        if pose >= 0:
            assert tuple(who) == hit_one_by_one(bodies, crane, path[pose].tolist())
        assert all(hit_one_by_one(bodies, crane, at.tolist()) is None for at in path[:pose])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_pose_that_is_none_is_refused(column, number):
    solids, poses = Solids(scene(count=3)), np.zeros((600, 3))
    poses[:, 0] = -500.0
    poses[523, column] = number

    with pytest.raises(ConfigError, match=r"poses\[523\]"):
        check_path(solids, HULL, poses)
    with pytest.raises(ConfigError, match=r"poses\[1\]\[523\]"):
        check_poses(solids, HULL, np.array((np.zeros((600, 3)), poses)))


@pytest.mark.parametrize("poses", [np.zeros(3), np.zeros((4, 2)), "here", [[1.0, 2.0, "east"]]])
def test_what_is_no_path_is_refused(poses):
    with pytest.raises(ConfigError):
        check_path(Solids(), HULL, poses)


@pytest.mark.parametrize(
    "fields",
    [
        {"corners": ()},
        {"corners": ((0.0, math.nan),)},
        {"corners": ((0.0, 1e9),)},
        {"corners": ((0.0, 0.0), (2.0, 0.0), (1.0, 0.1), (1.0, 3.0))},
        {"corners": ((0.0, 0.0), (0.0, 0.0), (1.0, 0.0))},
        {"corners": ((0.0, 0.0),), "margin_m": -1.0},
        {"corners": ((0.0, 0.0),), "low_m": 2.0, "high_m": 2.0},
        {"corners": ((0.0, 0.0),), "from_s": 2.0, "until_s": 1.0},
        {"corners": ((0.0, 0.0),), "from_s": math.nan},
    ],
)
def test_what_is_no_convex_body_is_refused(fields):
    with pytest.raises(ConfigError):
        Solid(**fields)


def test_a_concave_polygon_stands_as_its_pieces():
    yard = ((0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (10.0, 6.0), (0.0, 20.0))
    solids = Solids(Solid(corners=piece) for piece in convex_pieces(yard, "yard"))
    disc = Footprint.disc(0.5)

    assert check_path(solids, disc, [(10.0, 6.4, 0.0)]) is not None
    assert check_path(solids, disc, [(10.0, 7.5, 0.0)]) is None
    assert check_path(solids, disc, [(2.0, 10.0, 0.0)]) is not None
