"""Dense traffic with real footprints: here planning one after the other ends in holds."""

import math

import numpy as np

from lunaredge.paths.footprint import Footprint
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.route import Pose
from lunaredge.paths.scene import Scene
from lunaredge.paths.world import Trip, World
from lunaredge.paths.zones import Obstacle

OUTLINE = Footprint.rectangle(4.0, 2.5)


def machine(drive=Drive.SKID, outline=OUTLINE):
    return Machine(
        footprint=outline, drive=drive, radius_m_min=5.0, speed_m_s_max=0.5, turn_rad_s_max=0.3
    )


def block(name, left, bottom, right, top):
    corners = ((left, bottom), (right, bottom), (right, top), (left, top))
    return Obstacle(name=name, polygon=corners)


def walled(width_m, height_m, *obstacles):
    corners = ((0.0, 0.0), (width_m, 0.0), (width_m, height_m), (0.0, height_m))
    return World(Scene(boundary=corners, obstacles=obstacles))


def trips_of(pairs, kind=None):
    kind = kind or machine()
    return [Trip(f"m{k}", kind, Pose(*a), Pose(*b)) for k, (a, b) in enumerate(pairs)]


def bay(seed):
    """Three machines in a dead-end corridor turn their order round, with one bay to pass in."""
    dice = np.random.default_rng(seed)
    left = float(dice.uniform(14.0, 26.0))
    world = walled(
        40.0, 12.0, block("west", 0.0, 5.2, left, 12.0), block("east", left + 6.0, 5.2, 40.0, 12.0)
    )
    places = [(x, 2.6, heading) for x, heading in ((5.0, 0.0), (12.0, 0.0), (35.0, math.pi))]
    return world, trips_of(zip(places, reversed(places), strict=True))


def ring(seed):
    """Eight machines fill a ring, and each goes some places on."""
    dice = np.random.default_rng(seed)
    world = walled(19.2, 19.2, block("middle", 5.6, 5.6, 13.6, 13.6))
    around = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    turns = (0, 0, 1, 1, 2, 2, 3, 3)
    poses = [
        (2.8 + 6.8 * column, 2.8 + 6.8 * row, turn * math.pi / 2.0)
        for (column, row), turn in zip(around, turns, strict=True)
    ]
    on = int(dice.integers(1, 5)) + 2 * (seed % 2)
    return world, trips_of(zip(poses, poses[on:] + poses[:on], strict=True))


def yard(seed):
    """Twelve machines cross a yard of 40 x 40 m, six from the west and six from the south."""
    dice = np.random.default_rng(seed)
    pairs = []
    for side in range(2):
        turn = side * math.pi / 2.0
        for k, other in enumerate(dice.permutation(6)):
            start, goal = (-17.0, 5.2 * k - 13.0), (17.0, 5.2 * int(other) - 13.0)
            pairs.append((_around(start, turn), _around(goal, turn)))
    return walled(40.0, 40.0), trips_of(pairs)


def _around(point, turn_rad):
    """A pose turned about the middle of the yard."""
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    x, y = cos * point[0] - sin * point[1], sin * point[0] + cos * point[1]
    return 20.0 + x, 20.0 + y, turn_rad


def swapped(seed, count=13):
    """Machines on a square of sixteen places, each on the goal of another one."""
    dice = np.random.default_rng(seed)
    poses = [
        (3.0 + 5.2 * int(slot % 4), 3.0 + 5.2 * int(slot // 4), float(dice.uniform(0.0, 6.0)))
        for slot in dice.permutation(16)[:count]
    ]
    goals = [poses[int(k)] for k in np.roll(np.arange(count), int(dice.integers(1, count)))]
    return walled(22.0, 22.0), trips_of(zip(poses, goals, strict=True))


def crowd(seed, count=22, side_m=36.0):
    """Machines at random in a yard with rocks, with random goals.

    There has to be room: for 22 in 36 x 36 m, for 9 in 24 x 24 m.
    """
    dice = np.random.default_rng(seed)
    rocks = []
    for k in range(4):
        x, y = dice.uniform(6.0, side_m - 8.0, 2)
        rocks.append(
            block(f"rock{k}", x, y, x + dice.uniform(1.0, 2.0), y + dice.uniform(1.0, 2.0))
        )
    centres = [np.mean(rock.polygon, axis=0) for rock in rocks]
    ends = [_scattered(dice, count, side_m, centres) for _ in range(2)]
    return walled(side_m, side_m, *rocks), trips_of(zip(*ends, strict=True))


def _scattered(dice, count, side_m, rocks):
    poses = []
    for _ in range(20_000):
        x, y = dice.uniform(2.7, side_m - 2.7, 2)
        apart = all(math.dist((x, y), pose[:2]) > 5.0 for pose in poses)
        if apart and all(math.dist((x, y), rock) > 4.2 for rock in rocks):
            poses.append((float(x), float(y), float(dice.uniform(-3.0, 3.0))))
        if len(poses) == count:
            return poses
    raise AssertionError(f"no room for {count} machines")


KINDS = {"bay": bay, "ring": ring, "yard": yard, "swapped": swapped, "crowd": crowd}


def turned(world, trips, turn_rad):
    """The same scene, turned about the origin."""
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)

    def place(x, y):
        return cos * x - sin * y, sin * x + cos * y

    def pose(at):
        return Pose(*place(at.x_m, at.y_m), at.heading_rad + turn_rad)

    scene = world.scene
    obstacles = tuple(
        Obstacle(name=thing.name, polygon=tuple(place(*corner) for corner in thing.polygon))
        for thing in scene.obstacles
    )
    boundary = tuple(place(*corner) for corner in scene.boundary)
    moved = [trip._replace(start=pose(trip.start), goal=pose(trip.goal)) for trip in trips]
    return World(Scene(boundary=boundary, obstacles=obstacles)), moved
