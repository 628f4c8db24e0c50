"""Links: how a pose that lies anywhere is joined with the lattice, exactly.

A machine that turns on the spot turns toward a cell's centre, drives there, and turns to the
nearest lattice heading. An Ackermann machine takes the shortest way of two arcs of its radius and a
straight between, forward or backward (`kernels.dubins`). Each link is a sequence of chords like any
move, and is checked like one.
"""

import math
from bisect import bisect
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.dubins import way_lengths, ways_between
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.lattice import ANGLES, HEADINGS, Links
from lunaredge.kernels.lattice_links import chords_of
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.primitives import BACKWARD_FACTOR, CHORD_TURN_RAD, RADIUS_FACTOR
from lunaredge.paths.route import Pose

# Of the Ackermann ways from or to a pose, so many of the shortest are tried in each gear.
_WAYS_MAX = 24
# The straight way from start to goal is tried where it is no longer than this, in cells.
_STRAIGHT_MAX = 60.0
# Poses this near are the same.
_SAME_M = 1e-6
# Cells to all sides in which a skid-steered machine is joined, and how far off its heading.
_AHEAD = 6
_AHEAD_RAD = 0.35
_ANGLES: list[float] = ANGLES.tolist()
# Which of the numbers of two poses are headings.
_HEADINGS_OF_ENDS = np.array((0.0, 0.0, 1.0) * 2)
# Where one heading of the lattice ends to be the nearest one, and the next begins.
_BETWEEN = [0.5 * sum(pair) for pair in pairwise([*_ANGLES, math.tau])]


class Way(NamedTuple):
    """A way from one state to another."""

    source: int
    target: int
    poses: Floats
    """float64 (K, 3): x, y, heading, unwrapped."""
    factor: float
    """By how much it is driven slower than forward."""


class Lattice(NamedTuple):
    """Where the states are, and what a way between them costs."""

    frame: Floats
    """float64 (3,): x_m, y_m, cell_m."""
    paces_s_m: Floats
    """float64 (H, W)."""
    prices: Floats
    """float64 (H, W): of a metre."""
    second: float
    turn_second: float
    """Price of a second of turning on the spot."""

    @property
    def start_state(self) -> int:
        """The state that stands for the start pose; the next one stands for the goal."""
        return self.paces_s_m.size * HEADINGS


def links_of(start: Pose, goal: Pose, machine: Machine, lattice: Lattice) -> Links:
    """Give the links from the start, to the goal, and from one to the other."""
    first, last = (lattice.start_state, start), (lattice.start_state + 1, goal)
    is_direct = math.dist(start[:2], goal[:2]) <= _STRAIGHT_MAX * lattice.frame[2]
    direct = [(first, last)] if is_direct else []
    pairs = [(first, near) for near in _near(start, machine, lattice, is_start=True)]
    pairs += [(near, last) for near in _near(goal, machine, lattice, is_start=False)]
    if machine.drive is Drive.ACKERMANN:
        ways = _bows(direct + pairs, machine)
    else:
        ways = [way for pair in direct for way in _ways(*pair, machine)]
        ways += [way for pair in pairs for way in _fewest_turns(_ways(*pair, machine), machine)]
    ways.sort(key=lambda way: way.source)
    return packed(ways, machine, lattice)


_Place = tuple[int, Pose]
"""A state, and the pose that it stands for."""


def _ways(source: _Place, target: _Place, machine: Machine) -> list[Way]:
    """Give the ways between two places of a machine that turns on the spot."""
    (_, a), (_, b) = source, target
    if math.dist(a[:2], b[:2]) <= _SAME_M:
        turn = math.remainder(b[2] - a[2], math.tau)
        return [Way(source[0], target[0], np.array([a, (*b[:2], a[2] + turn)]), 1.0)]
    if machine.drive is Drive.CRAB:
        middles = [(*a[:2], b[2]), (*b[:2], a[2])]
        return [Way(source[0], target[0], _unwrapped([a, middle, b]), 1.0) for middle in middles]
    bearing = math.atan2(b[1] - a[1], b[0] - a[0])
    toward = [bearing if gear == 1.0 else bearing + math.pi for gear in _gears(machine)]
    return [
        Way(source[0], target[0], _unwrapped([a, (*a[:2], way), (*b[:2], way), b]), gear)
        for way, gear in zip(toward, _gears(machine), strict=True)
    ]


def _bows(pairs: list[tuple[_Place, _Place]], machine: Machine) -> list[Way]:
    """Give the ways between pairs of places, in each gear, that the machine's steering allows."""
    gears = _gears(machine)
    ends = np.array([(*a, *b) for (_, a), (_, b) in pairs for _ in gears]).reshape(-1, 6)
    backward = np.array([gear != 1.0 for _ in pairs for gear in gears], np.bool_)
    radius_m = machine.radius_m_min * RADIUS_FACTOR
    poses, first = ways_between(ends, backward, radius_m, CHORD_TURN_RAD)
    cuts = first.tolist()
    return [
        Way(pair[0][0], pair[1][0], poses[cuts[at] : cuts[at + 1]], gears[at % len(gears)])
        for at, pair in enumerate(pair for pair in pairs for _ in gears)
    ]


def _gears(machine: Machine) -> tuple[float, ...]:
    """Give by how much the machine is slower in each of its gears."""
    return (1.0, BACKWARD_FACTOR) if machine.reverses else (1.0,)


def _fewest_turns(ways: list[Way], machine: Machine) -> list[Way]:
    """Give the one of two ways on which a skid-steered machine turns less; all of other drives."""
    if machine.drive is not Drive.SKID:
        return ways
    turns = [sum(abs(b - a) for a, b in pairwise(way.poses[:, 2].tolist())) for way in ways]
    return [ways[turns.index(min(turns))]]


def _near(pose: Pose, machine: Machine, lattice: Lattice, *, is_start: bool) -> list[_Place]:
    """Give the lattice states to join a pose with."""
    if machine.drive is Drive.ACKERMANN:
        return _near_by_bows(pose, machine, lattice, is_start=is_start)
    rows, columns, (row, column) = _cells_around(pose, lattice, _AHEAD)
    x_m, y_m, cell_m = map(float, lattice.frame)
    places = []
    for i in rows:
        for j in columns:
            x, y = x_m + (j + 0.5) * cell_m, y_m + (i + 0.5) * cell_m
            is_beside = abs(i - row) <= 1 and abs(j - column) <= 1
            for heading in _headings(pose, (x, y), machine, is_beside=is_beside):
                state = (i * lattice.paces_s_m.shape[1] + j) * HEADINGS + heading
                places.append((state, Pose(x, y, _ANGLES[heading])))
    return places


def _near_by_bows(
    pose: Pose, machine: Machine, lattice: Lattice, *, is_start: bool
) -> list[_Place]:
    """Give the states that the shortest ways of arcs and straights lead to, or come from."""
    radius_m = machine.radius_m_min * RADIUS_FACTOR
    # Stepping aside by half a cell takes some sqrt(4 R a) along.
    reach = math.ceil(math.sqrt(2.0 * radius_m / float(lattice.frame[2]))) + 2
    rows, columns, _ = _cells_around(pose, lattice, reach)
    i, j, k = (
        index.ravel() for index in np.meshgrid(rows, columns, range(HEADINGS), indexing="ij")
    )
    states = (i * lattice.paces_s_m.shape[1] + j) * HEADINGS + k
    centres = lattice.frame[:2] + (np.column_stack((j, i)) + 0.5) * lattice.frame[2]
    poses = np.column_stack((centres, ANGLES[k]))
    here = np.broadcast_to(np.array(pose), poses.shape)
    ends = np.hstack((here, poses) if is_start else (poses, here))
    chosen = np.zeros(len(states), np.bool_)
    for gear in _gears(machine):
        turned = ends + (0.0 if gear == 1.0 else math.pi) * _HEADINGS_OF_ENDS
        order = np.argsort(way_lengths(turned, radius_m), kind="stable")
        chosen[order[:_WAYS_MAX]] = True
    found = zip(states[chosen].tolist(), poses[chosen].tolist(), strict=True)
    return [(state, Pose(*place)) for state, place in found]


def _cells_around(pose: Pose, lattice: Lattice, reach: int) -> tuple[range, range, tuple[int, int]]:
    """Give the rows and columns within so many cells of a pose, and its own."""
    x_m, y_m, cell_m = map(float, lattice.frame)
    row_count, column_count = lattice.paces_s_m.shape
    row, column = math.floor((pose[1] - y_m) / cell_m), math.floor((pose[0] - x_m) / cell_m)
    rows = range(max(0, row - reach), min(row_count, row + reach + 1))
    columns = range(max(0, column - reach), min(column_count, column + reach + 1))
    return rows, columns, (row, column)


def _headings(
    pose: Pose, centre: tuple[float, float], machine: Machine, *, is_beside: bool
) -> list[int]:
    """Give the lattice headings in which to stand at a cell's centre around a pose.

    From cells that are not next to the pose's a skid-steered machine is joined where it has to turn
    a little only: between walls, it may have no room for more.
    """
    heading = pose[2]
    if machine.drive is Drive.SKID and math.dist(pose[:2], centre) > _SAME_M:
        heading = math.atan2(centre[1] - pose[1], centre[0] - pose[0])
    if not is_beside and (
        machine.drive is Drive.CRAB or abs(math.remainder(heading - pose[2], math.pi)) > _AHEAD_RAD
    ):
        return []
    # Along the way there, or against it.
    nearest = bisect(_BETWEEN, heading % math.tau) % HEADINGS
    opposite = (nearest + HEADINGS // 2) % HEADINGS
    if is_beside:
        return [nearest, opposite]
    turned = abs(math.remainder(_ANGLES[nearest] - pose[2], math.tau))
    return [nearest if turned < math.pi / 2.0 else opposite]


def _unwrapped(poses: list[Pose | tuple[float, ...]]) -> Floats:
    """Give poses whose headings turn the short way from each to the next."""
    rows, heading = [], poses[0][2]
    for x, y, toward in poses:
        heading += math.remainder(toward - heading, math.tau)
        rows.append((x, y, heading))
    return np.array(rows, dtype=np.float64)


def packed(ways: list[Way], machine: Machine, lattice: Lattice) -> Links:
    """Give ways as kernels take them, with the duration and the price of each."""
    poses = np.concatenate([way.poses for way in ways] or [np.empty((0, 3))])
    counts = np.array([len(way.poses) for way in ways], np.int64)
    rates = np.empty((len(ways), 4))
    rates[:, 0] = [way.factor for way in ways]
    rates[:, 1:] = machine.turn_rad_s_max, lattice.second, lattice.turn_second
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    ground = lattice.frame, lattice.paces_s_m, lattice.prices
    chords, first, costs = chords_of(np.ascontiguousarray(poses), starts, rates, ground)
    ends = np.array([way[:2] for way in ways], np.int64).reshape(-1, 2)
    return Links(ends, costs, first, chords)
