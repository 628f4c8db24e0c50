"""Small grounds, walls and machines for the planner's tests, and a check that plans nothing."""

import math
from itertools import pairwise

import numpy as np
import shapely
from shapely import affinity

from lunaredge.paths.fleet import Fleet, Reservation
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.plan import Planner
from lunaredge.paths.problem import Barrier, PlanGround, PlanOptions, PlanRequest
from lunaredge.paths.route import Pose, Route

OUTLINE = Footprint.rectangle(4.0, 2.5)


def machine(drive=Drive.SKID, **figures):
    return Machine(
        footprint=OUTLINE,
        drive=drive,
        radius_m_min=5.0,
        speed_m_s_max=0.5,
        turn_rad_s_max=0.3,
        **figures,
    )


def level(rows=30, columns=40, cell_m=1.0):
    """Level ground, driven at 0.5 m/s."""
    return PlanGround((0.0, 0.0, cell_m), np.full((rows, columns), 2.0))


def wall(left, bottom, right, top, name="wall", **window):
    corners = ((left, bottom), (right, bottom), (right, top), (left, top))
    return Barrier(name=name, rows=Footprint(Part(corners=corners)).parts, **window)


def corridor(gap=None):
    """Two walls along x that leave 5 m between y = 12.5 and 17.5; a gap in the upper one."""
    lower = wall(8.0, -1.0, 32.0, 12.5, "south")
    if gap is None:
        return lower, wall(8.0, 17.5, 32.0, 31.0, "north")
    left, right = gap
    return lower, wall(8.0, 17.5, left, 31.0, "north"), wall(right, 17.5, 32.0, 31.0, "north east")


def planner(*barriers, drive=Drive.SKID, ground=None, **options):
    return Planner(ground or level(), machine(drive), barriers, PlanOptions(**options))


def ask(start=(4.0, 15.0, 0.0), goal=(36.0, 15.0, 0.0), **others):
    return PlanRequest(start=Pose(*start), goal=Pose(*goal), **others)


def stands(x, y, heading=0.0, **window):
    return Reservation(footprint=OUTLINE, route=Route([(0.0, x, y, heading)]), **window)


def drives(*knots, **window):
    return Reservation(footprint=OUTLINE, route=Route(knots), **window)


def overlaps(route, others=(), barriers=(), count=4):
    """Overlaps of a route with others, sampled; none is what a sound plan has."""
    found = []
    times = route.knots[:, 0]
    fine = np.concatenate([np.linspace(a, b, count) for a, b in pairwise(times)] or [times])
    for time_s in fine:
        here = placed(route.pose_at(time_s))
        for other in others:
            if other.from_s <= time_s <= other.until_s:
                there = placed(other.route.pose_at(time_s))
                found.append(here.intersection(there).area)
        for barrier in barriers:
            if barrier.from_s <= time_s <= barrier.until_s:
                for row in barrier.rows:
                    corners = row[5 : 5 + 2 * int(row[0])].reshape(-1, 2)
                    found.append(here.intersection(shapely.MultiPoint(corners).convex_hull).area)
    return [area for area in found if area > 1e-9]


def placed(pose):
    box = affinity.rotate(shapely.box(-2.0, -1.25, 2.0, 1.25), pose[2], (0, 0), use_radians=True)
    return affinity.translate(box, pose[0], pose[1])


def meets(route, others):
    """The first meeting of a route with reservations, by the fleet's exact check."""
    fleet = Fleet()
    for k, other in enumerate(others):
        fleet.add(f"{k}", other)
    own = Reservation(footprint=OUTLINE, route=route, from_s=route.start_s)
    return fleet.check(own)


def ends_at(route, pose):
    last = route.knots[-1]
    return np.allclose(last[1:3], pose[:2], atol=1e-9) and math.isclose(
        math.remainder(last[3] - pose[2], math.tau), 0.0, abs_tol=1e-9
    )
