"""Whoever gives the library something wrong is told so: by key, value and remedy.

Every public function and class is called with what is right, but for one argument, which takes each
wrong value in turn. A value may do after all; one that doesn't must end in an error of our own.
"""

import enum
import math
from fractions import Fraction

import numpy as np
import pytest

from lunaredge import paths
from lunaredge.errors import ConfigError
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.site import TerrainGrid
from lunaredge.model.site import Zone as SiteZone
from lunaredge.paths import (
    Drive,
    Fleet,
    FleetOptions,
    Footprint,
    GridFleetOptions,
    GridMap,
    Machine,
    Moments,
    MotionRules,
    Obstacle,
    Occupancy,
    Part,
    PlanOptions,
    Pose,
    Power,
    Region,
    Reservation,
    Route,
    Scene,
    SiteGrid,
    Solid,
    Solids,
    Stability,
    Tile,
    Traction,
    Trip,
    World,
    Zone,
    ZoneKind,
    check_grid_plan,
    check_path,
    check_poses,
    convex_pieces,
    plan_grid_fleet,
)
from lunaredge.paths.grid_plan import GridFault

WRONG = (
    None,
    "a",
    "",
    b"a",
    True,
    0,
    -1,
    1.5,
    -2.0,
    3,
    10**400,
    1e11,
    1e300,
    math.nan,
    math.inf,
    -math.inf,
    1j,
    Fraction(1, 3),
    np.float32(0.5),
    (),
    [],
    {},
    object(),
    int,
    (1, 2),
    (0.0, 0.0, 0.0),
    ("a", "b", "c"),
    [(1, 2), (3,)],
    [[math.nan] * 3],
    np.zeros(0),
    np.zeros((0, 3)),
    np.zeros((0, 4)),
    np.zeros((2, 2, 2)),
    np.full((2, 3), math.nan),
    np.full((2, 4), 1e300),
    np.array(1.0),
    np.array(["a"]),
    np.array([None]),
    Pose(0.0, 0.0, math.nan),
    [None],
    lambda: "a",
)
SQUARE = ((0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0))
BODY = Footprint.rectangle(4.0, 2.0)
HULL = Machine(footprint=BODY, speed_m_s_max=1.0, turn_rad_s_max=0.5)
ROUTE = Route([(0.0, 5.0, 5.0, 0.0), (5.0, 9.0, 5.0, 0.0)])
HEIGHTS_M = np.zeros((20, 20))
GROUND = SiteGrid.of_heights(HEIGHTS_M, 1.0)
CELLS = Occupancy(np.zeros((20, 20), np.bool_), (0.0, 0.0, 1.0))
HELD = Reservation(footprint=BODY, route=ROUTE)
START, GOAL = Pose(5.0, 5.0, 0.0), Pose(9.0, 5.0, 0.0)
QUICK = PlanOptions(states_max=50)
SPEC = MachineSpec(
    length_m=4.0,
    width_m=2.0,
    mass_kg=100.0,
    payload_kg_max=10.0,
    speed_m_s_max=1.0,
    turn_deg_s=20.0,
    deceleration_m_s2=0.2,
    slope_deg_max=15.0,
    battery_wh=1000.0,
    reserve_wh=100.0,
    idle_w=40.0,
    drive_w=150.0,
    charge_w=100.0,
    tool_width_m=1.0,
    work_speed_m_s=0.1,
    dig_kg_s=1.0,
    load_kg_s=1.0,
    dig_wh_kg=0.1,
)
TERRAIN = TerrainGrid(
    x_m=0.0, y_m=0.0, cell_m=1.0, rows=2, columns=2, heights_m=np.zeros(4, "<f4").tobytes()
)


def world():
    found = World(Scene(grid=GROUND, boundary=SQUARE))
    found.reserve("a", HULL, ROUTE)
    return found


def fleet():
    found = Fleet()
    found.add("a", HELD)
    return found


def solids():
    return Solids([Solid(corners=((15.0, 15.0),), margin_m=1.0)])


def struct(kind, /, **fields):
    """Give a case of a value that is made of its fields."""
    return pytest.param(kind, fields, id=kind.__name__)


def method(make, method_name, /, **arguments):
    """Give a case of a method of something that is made anew for each call."""

    def run(**given):
        return getattr(make(), method_name)(**given)

    return pytest.param(run, arguments, id=f"{make.__name__}.{method_name}")


def made(thing):
    """Give what makes a thing, which no call changes."""

    def make():
        return thing

    make.__name__ = thing.__name__ if isinstance(thing, type) else type(thing).__name__
    return make


CASES = [
    struct(Part, name="p", corners=SQUARE, margin_m=0.1, low_m=0.0, high_m=2.0),
    method(made(Footprint), "rectangle", length_m=4.0, width_m=2.0, ahead_m=1.0, margin_m=0.1),
    method(made(Footprint), "disc", radius_m=1.0),
    pytest.param(lambda part: Footprint(part), {"part": BODY.named[0]}, id="Footprint"),
    struct(Route, knots=[(0.0, 0.0, 0.0, 0.0)]),
    method(made(Route), "of_poses", poses=[START], period_s=1.0, start_s=0.0),
    method(made(ROUTE), "pose_at", time_s=1.0),
    method(made(ROUTE), "at", segment=0, part=0.5),
    method(made(ROUTE), "delayed", delay_s=1.0),
    struct(Stability, track_m=1.0, wheelbase_m=1.5, centre_height_m=0.5, centre_ahead_m=0.0),
    struct(Traction, friction_ratio=0.7, health_ratio=1.0),
    struct(Power, idle_w=40.0, drive_w=100.0),
    struct(
        Machine,
        footprint=BODY,
        drive=Drive.SKID,
        reverses=True,
        radius_m_min=0.0,
        speed_m_s_max=1.0,
        turn_rad_s_max=0.5,
        reaction_s=0.5,
        slope_along_deg_max=10.0,
        step_m_max=0.3,
        mass_kg=100.0,
        stability=None,
        traction=Traction(),
        power=Power(),
    ),
    method(made(HULL), "braking_m_s2", downhill_deg=1.0),
    method(made(HULL), "stopping_m", speed_m_s=1.0, downhill_deg=1.0),
    method(made(HULL), "speed_limit_m_s", downhill_deg=1.0),
    method(made(HULL), "travel_s", distance_m=1.0),
    method(made(Machine), "of_spec", spec=SPEC, payload_kg=1.0),
    struct(Zone, name="z", kind=ZoneKind.SPEED, polygon=SQUARE, speed_m_s_max=1.0, from_s=0.0),
    method(made(Zone), "of", zone=SiteZone(name="z", kind=ZoneKind.WORK, polygon=SQUARE)),
    struct(Obstacle, name="o", polygon=SQUARE, low_m=0.0, high_m=2.0, margin_m=0.1, until_s=1.0),
    struct(Scene, grid=GROUND, boundary=SQUARE, zones=(), obstacles=()),
    struct(Solid, corners=SQUARE, margin_m=0.1, low_m=0.0, from_s=0.0, kind="obstacle", party="p"),
    struct(Solids, solids=[Solid(corners=SQUARE)], reach_m=3.0),
    method(solids, "add", solid=Solid(corners=SQUARE)),
    struct(check_path, solids=solids(), footprint=BODY, poses=[START]),
    struct(check_poses, solids=solids(), footprint=BODY, poses=[[START]]),
    struct(convex_pieces, polygon=SQUARE, place="here"),
    struct(Reservation, footprint=BODY, route=ROUTE, from_s=0.0, until_s=9.0),
    struct(Fleet, reservations_max=10, bytes_max=1_000_000),
    method(fleet, "add", name="b", reservation=HELD),
    method(fleet, "replace", name="a", reservation=HELD),
    method(fleet, "remove", name="a"),
    method(fleet, "check", reservation=HELD, ignore=("a",), range_m=1.0, moments=Moments.ALL),
    method(fleet, "check_all", meetings_max=9, moments=Moments.ALL),
    method(fleet, "meeting_times", meetings_max=9, moments=Moments.ALL),
    struct(
        Occupancy,
        closed=np.zeros((3, 3), np.bool_),
        frame=(0.0, 0.0, 1.0),
        is_beyond_closed=True,
        top_m=1.0,
        range_cells=8,
    ),
    method(
        made(Occupancy),
        "of_ground",
        slopes_deg=np.zeros((3, 3)),
        slope_deg_max=10.0,
        frame=(0.0, 0.0, 1.0),
        occupied=np.zeros((3, 3), np.bool_),
        is_beyond_closed=True,
    ),
    method(made(CELLS), "update", row=0, column=0, closed=[[False]]),
    method(made(CELLS), "check_poses", footprint=BODY, poses=[START]),
    method(made(CELLS), "first_contact", footprint=BODY, route=ROUTE),
    method(made(CELLS), "least_clearance", footprint=BODY, route=ROUTE, within_m=2.0),
    method(made(SiteGrid), "of_heights", heights_m=HEIGHTS_M, cell_m=1.0, x_m=0.0, y_m=0.0),
    method(made(SiteGrid), "of_tiles", tiles=[Tile(HEIGHTS_M, 0.0, 0.0, 1.0)]),
    method(made(SiteGrid), "of_terrain", terrain=TERRAIN),
    method(made(GROUND), "updated", row=0, column=0, heights_m=[[1.0]]),
    method(made(GROUND), "cropped", region=Region(0, 2, 0, 2)),
    method(made(GROUND), "coarsened", count=2),
    method(made(GROUND), "layer", layer=0, region=Region(0, 2, 0, 2)),
    method(made(GROUND), "box_m", region=Region(0, 2, 0, 2)),
    method(made(GROUND), "cell_of", x_m=1.0, y_m=1.0),
    struct(MotionRules, grid=GROUND, machine=HULL, zones=()),
    method(made(MotionRules(GROUND, HULL)), "first_breach", route=ROUTE),
    method(made(MotionRules(GROUND, HULL)), "energy_wh", route=ROUTE),
    method(made(MotionRules(GROUND, HULL)), "least_s", route=ROUTE),
    struct(
        PlanOptions,
        second=1.0,
        wh=0.0,
        weights=(1.1,),
        states_max=10,
        better_max=10,
        tick_s=1.0,
    ),
    struct(FleetOptions, attempts_max=1, delay_s=1.0, rounds_max=0),
    struct(World, scene=Scene()),
    method(world, "reserve", name="b", machine=HULL, route=ROUTE, from_s=0.0, until_s=9.0),
    method(world, "release", name="a"),
    method(world, "check", machine=HULL, route=ROUTE, ignore=("a",), range_m=1.0),
    method(world, "check_many", trips=[(HULL, ROUTE)], range_m=1.0),
    method(world, "change_ground", row=0, column=0, heights_m=[[0.1]]),
    method(
        world,
        "plan",
        trip=Trip("a", HULL, START, GOAL),
        start_s=0.0,
        ignore=("b",),
        options=QUICK,
        is_over=lambda: False,
    ),
    method(
        world,
        "plan_fleet",
        trips=[Trip("a", HULL, START, GOAL)],
        start_s=0.0,
        options=QUICK,
        fleet_options=FleetOptions(),
        is_over=lambda: False,
    ),
    struct(GridMap, free=np.ones((2, 2), np.bool_)),
    struct(GridFleetOptions, seed=0, iterations=0, search_iterations=10, is_over=lambda: False),
    struct(
        plan_grid_fleet,
        grid=GridMap([[1, 1]]),
        starts=[0],
        goals=[1],
        options=GridFleetOptions(iterations=0),
    ),
    struct(check_grid_plan, grid=GridMap([[1, 1]]), starts=[0], goals=[1], positions=[[0], [1]]),
]


def outcome(run, arguments):
    """Give how a call ends: taken, refused by an error of our own, or what else was raised."""
    try:
        answer = run(**arguments)
    except ConfigError as error:
        return "refused" if error.key and error.remedy else "refused without a word"
    except Exception as error:
        return repr(error)
    return "refused" if isinstance(answer, GridFault) else "taken"


@pytest.mark.parametrize(("run", "right"), CASES)
def test_a_wrong_value_is_taken_or_refused_by_name_and_never_ends_in_a_traceback(run, right):
    outcomes = {
        (key, repr(value)): outcome(run, {**right, key: value}) for key in right for value in WRONG
    }

    assert outcome(run, right) == "taken"
    others = {case: end for case, end in outcomes.items() if end not in ("taken", "refused")}
    assert others == {}
    # What takes everything checks nothing.
    assert {key for (key, _), end in outcomes.items() if end == "refused"} == set(right)


ARRAYS = [
    pytest.param(Route, (2, 4), id="Route"),
    pytest.param(Route.of_poses, (2, 3), id="of_poses"),
    pytest.param(lambda poses: check_path(solids(), BODY, poses), (2, 3), id="check_path"),
    pytest.param(lambda poses: check_poses(solids(), BODY, poses), (1, 2, 3), id="check_poses"),
    pytest.param(lambda poses: CELLS.check_poses(BODY, poses), (2, 3), id="Occupancy.check_poses"),
    pytest.param(lambda frame: Occupancy([[True]], frame), (3,), id="frame"),
    pytest.param(
        lambda slopes_deg: Occupancy.of_ground(slopes_deg, 9.0, (0.0, 0.0, 1.0)),
        (2, 3),
        id="slopes",
    ),
]
FLAGS = [
    pytest.param(lambda closed: Occupancy(closed, (0.0, 0.0, 1.0)), id="Occupancy"),
    pytest.param(lambda closed: CELLS.update(0, 0, closed), id="update"),
    pytest.param(GridMap, id="GridMap"),
]


@pytest.mark.parametrize("kind", ["U8", "S8", "complex", "m8[s]", "M8[s]", "bool", "object"])
@pytest.mark.parametrize(("take", "shape"), ARRAYS)
def test_an_array_that_could_be_read_as_numbers_but_is_none_is_refused(take, shape, kind):
    ones = np.ones(shape, np.int64)

    take(ones)

    with pytest.raises(ConfigError):
        take(ones.astype(kind))


@pytest.mark.parametrize(("take", "shape"), ARRAYS)
def test_an_array_with_a_mask_is_refused(take, shape):
    with pytest.raises(ConfigError):
        take(np.ma.masked_array(np.ones(shape), mask=np.ones(shape, np.bool_)))


@pytest.mark.parametrize(
    "wrong",
    [
        [["yes", "no"]],
        [[0.0, 1.0]],
        [[math.nan, 1.0]],
        [[0, 2]],
        [[None, True]],
        np.ma.masked_array([[True, False]], mask=[[True, False]]),
        np.zeros((0, 0), np.bool_),
    ],
    ids=str,
)
@pytest.mark.parametrize("take", FLAGS)
def test_what_is_neither_true_nor_false_is_no_flag(take, wrong):
    take([[0, 1]])
    take(np.array([[False, True]]))

    with pytest.raises(ConfigError):
        take(wrong)


def test_every_public_name_that_takes_something_is_asked():
    asked = {case.id.split(".")[0] for case in CASES}
    kinds = {name: getattr(paths, name) for name in paths.__all__}
    enums = {name for name, kind in kinds.items() if isinstance(kind, enum.EnumMeta)}

    # Named tuples are looked at where they are taken.
    plain = {"Pose", "Region", "Tile", "Trip"}
    answers = {"FleetPlan", "Free", "GridPlan", "Meeting", "NoRoute", "Plan", "Unsolved"}
    answers |= {"GridFault", "Hit", "Verdict", "Violation"}
    assert set(kinds) - asked - enums - plain == answers


@pytest.mark.parametrize("field", ["start", "goal"])
def test_a_pose_may_be_a_plain_tuple_and_an_enumeration_its_value(field):
    ends = {"start": START, "goal": GOAL, field: tuple(GOAL)}

    machine = Machine(footprint=BODY, drive="crab", speed_m_s_max=1, turn_rad_s_max=1)
    plan = world().plan(Trip("a", machine, **ends))

    assert machine.drive is Drive.CRAB
    assert plan.route.pose_at(math.inf) == GOAL


def test_names_to_ignore_are_several_not_the_letters_of_one():
    with pytest.raises(ConfigError, match="ignore"):
        world().check(HULL, ROUTE, "a")
