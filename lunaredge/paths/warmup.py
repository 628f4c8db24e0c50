"""Compiling every kernel of the library, or loading it from the cache, by using each once."""

import math

import numpy as np

from lunaredge.kernels import gridfield, gridpath
from lunaredge.kernels.gridentry import EntryGrid
from lunaredge.model.site import ZoneKind
from lunaredge.paths.fleet import Fleet, Moments, Reservation
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.grid_fleet import compile_kernels
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.motion import MotionRules
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.passage import clearance_m, least_costs, travel_costs
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.scene import Scene
from lunaredge.paths.solids import Solid, Solids, check_path, check_poses
from lunaredge.paths.verdict import Free
from lunaredge.paths.world import Trip, World
from lunaredge.paths.zones import Obstacle, Zone

_SIDE_M = 40.0
_BOX = ((18.0, 10.0), (22.0, 10.0), (22.0, 14.0), (18.0, 14.0))


def warm_up() -> None:
    """Check and plan on a small site, with a thing of every kind on it."""
    world = World(_small_scene())
    boom = Part(name="boom", corners=((1.0, 0.0), (3.0, 0.0)), margin_m=0.3, low_m=1.5)
    body = Part(corners=((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)))
    machine = Machine(footprint=Footprint(body, boom), speed_m_s_max=1.0, turn_rad_s_max=0.5)
    free = Route([(0.0, 5.0, 30.0, 0.0), (30.0, 25.0, 30.0, 0.0), (40.0, 25.0, 30.0, 1.0)])
    blocked = Route([(0.0, 5.0, 12.0, 0.0), (30.0, 35.0, 12.0, 0.0)])
    verdict = world.check(machine, free)
    assert isinstance(verdict, Free), verdict
    world.reserve("one", machine, free)
    world.reserve("other", machine, blocked)
    for route in (blocked, free, Route(blocked.knots[:1]), free.delayed(20.0)):
        world.check(machine, route)
    world.check_all()
    _warm_planners(world, machine)
    _warm_grids(machine)
    _warm_sets(machine.footprint, free)
    compile_kernels()
    world.change_ground(1, 1, [[0.5]])


def _small_scene() -> Scene:
    heights_m = np.zeros((20, 20))
    heights_m[1, 18] = 3.0
    corner, side = 1.0, _SIDE_M - 1.0
    slow = ((2.0, 34.0), (8.0, 34.0), (8.0, 38.0), (2.0, 38.0))
    return Scene(
        grid=SiteGrid.of_heights(heights_m, 2.0),
        boundary=((corner, corner), (side, corner), (side, side), (corner, side)),
        zones=(
            Zone(name="closed", kind=ZoneKind.KEEP_OUT, polygon=_BOX),
            Zone(name="slow", kind=ZoneKind.SPEED, polygon=slow, speed_m_s_max=0.5),
        ),
        obstacles=(Obstacle(name="rock", polygon=((30.0, 20.0), (32.0, 20.0), (31.0, 22.0))),),
    )


def _warm_planners(world: World, machine: Machine) -> None:
    start, goal = Pose(6.0, 20.0, 0.0), Pose(34.0, 30.0, math.pi / 2)
    truck = Machine(
        footprint=machine.footprint,
        drive=Drive.ACKERMANN,
        radius_m_min=4.0,
        speed_m_s_max=1.0,
        turn_rad_s_max=0.5,
    )
    for one in (machine, truck):
        world.plan(Trip("one", one, start, goal), ignore=["other"])
    world.plan(Trip("third", machine, start, goal))
    world.plan(Trip("third", machine, start, Pose(20.0, 12.0, 0.0)))
    wall = ((24.0, 0.0), (26.0, 0.0), (26.0, 40.0), (24.0, 40.0))
    walled = Scene(
        grid=SiteGrid.of_heights(np.zeros((20, 20)), 2.0),
        zones=(Zone(name="wall", kind=ZoneKind.KEEP_OUT, polygon=wall),),
    )
    World(walled).plan(Trip("kept", machine, start, goal))
    world.plan_fleet([Trip("a", machine, start, goal), Trip("b", machine, goal, start)])


def _warm_grids(machine: Machine) -> None:
    grid = SiteGrid.of_heights(np.zeros((8, 8)), 2.0)
    Occupancy(np.zeros((8, 8), np.bool_), grid.frame).check_poses(
        machine.footprint, np.full((1, 3), 5.0)
    )
    MotionRules(grid, machine).energy_wh(Route([(0.0, 4.0, 4.0, 0.0), (9.0, 9.0, 4.0, 0.0)]))
    clearance_m(grid, machine)
    least_costs(grid, machine)
    travel_costs(grid, machine, 0.0)
    weights = np.ones((8, 8), np.float32)
    for there in (weights, np.arange(1.0, 65.0, dtype=np.float32).reshape(8, 8)):
        EntryGrid(there).find_path(0, 63)
    costs, cells = np.ones((8, 8)), np.zeros(1, np.int64)
    closed = gridpath.closed_moves(costs)
    gridfield.lower_bound_field(costs, 1.0, cells)
    gridpath.find_path(costs, closed, 1.0, (cells, np.zeros(1)), cells + 63)
    gridpath.distance_field(costs, closed, 1.0, (cells, np.zeros(1)), cells + 63)


def _warm_sets(footprint: Footprint, route: Route) -> None:
    solids = Solids([Solid(corners=_BOX)])
    solids.remove(solids.add(Solid(corners=((1.0, 1.0),), margin_m=1.0)))
    poses = np.ascontiguousarray(route.knots[:, 1:])
    check_path(solids, footprint, poses)
    check_poses(solids, footprint, poses[None])
    fleet = Fleet()
    for name in ("one", "other"):
        fleet.add(name, Reservation(footprint=footprint, route=route))
    for moments in Moments:
        fleet.check_all(moments=moments)
        fleet.check(fleet["one"], moments=moments, range_m=0.0)
