"""Whoever gives the library something wrong is told so: by key, value and remedy, never a traceback.

Every public function and class is called with what is right, but for one argument, which takes each
wrong value in turn. A value may turn out to do; whatever doesn't must end in an error of our own.
"""

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
    name="m",
    kind="hauler",
    length_m=4.0,
    width_m=2.0,
    mass_kg=100.0,
    payload_kg_max=10.0,
    speed_m_s_max=1.0,
    turn_deg_s=20.0,
    deceleration_m_s2=0.2,
    slope_deg_max=15.0,
    battery_wh=1000.0,
    idle_w=40.0,
    drive_w=150.0,
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


def call(make, method, **arguments):
    """Give a case: what to call on what, and with what arguments, all of them right."""
    return pytest.param((make, method, arguments), id=f"{make.__name__}.{method}")


CASES = [
    call(lambda: paths, "Part", name="p", corners=SQUARE, margin_m=0.1, low_m=0.0, high_m=2.0),
]
