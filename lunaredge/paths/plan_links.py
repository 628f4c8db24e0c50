"""Links: how a pose that lies anywhere is joined with the lattice, exactly.

A machine that turns on the spot turns toward a cell's centre, drives there, and turns to the
nearest lattice heading. An Ackermann machine takes the shortest of ways of two arcs of its radius
and a straight between (Dubins 1957; the forms are those of Shkel and Lumelsky 2001), forward or
backward. Each link is a sequence of chords like any move, and is checked like one.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats
from lunaredge.kernels.lattice import ANGLES, HEADINGS, Links
from lunaredge.kernels.lattice_links import chords_of
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.primitives import BACKWARD_FACTOR, RADIUS_FACTOR, arc
from lunaredge.paths.route import Pose

# Of the Ackermann ways from or to a pose, so many of the shortest are tried in each gear.
_WAYS_MAX = 24
# The straight way from start to goal is tried where it is no longer than this, in cells.
_STRAIGHT_MAX = 60.0
# Poses this near are the same.
_SAME_M = 1e-6
_SAME_RAD = 1e-9
# Cells to all sides in which a skid-steered machine is joined, and how far off its heading.
_AHEAD = 6
_AHEAD_RAD = 0.35
_ANGLES: list[float] = ANGLES.tolist()
# Turns of the two arcs of a Dubins way: left is 1.
_WORDS = ((1, 1), (-1, -1), (1, -1), (-1, 1))


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
    first, last = lattice.start_state, lattice.start_state + 1
    ways = []
    if math.dist(start[:2], goal[:2]) <= _STRAIGHT_MAX * lattice.frame[2]:
        ways += _ways((first, start), (last, goal), machine)
    for near in _near(start, machine, lattice, is_start=True):
        ways += _fewest_turns(_ways((first, start), near, machine), machine)
    for near in _near(goal, machine, lattice, is_start=False):
        ways += _fewest_turns(_ways(near, (last, goal), machine), machine)
    ways.sort(key=lambda way: way.source)
    return packed(ways, machine, lattice)


_Place = tuple[int, Pose]
"""A state, and the pose that it stands for."""


def _ways(source: _Place, target: _Place, machine: Machine) -> list[Way]:
    """Give the ways between two places; none, where it can't be driven at once."""
    (_, a), (_, b) = source, target
    apart_m = math.dist(a[:2], b[:2])
    if apart_m <= _SAME_M:
        turn = math.remainder(b[2] - a[2], math.tau)
        if abs(turn) <= _SAME_RAD or machine.drive is not Drive.ACKERMANN:
            return [Way(source[0], target[0], np.array([a, (*b[:2], a[2] + turn)]), 1.0)]
    gears = (1.0, BACKWARD_FACTOR) if machine.reverses else (1.0,)
    if machine.drive is Drive.CRAB:
        middles = [(*a[:2], b[2]), (*b[:2], a[2])]
        return [Way(source[0], target[0], _unwrapped([a, middle, b]), 1.0) for middle in middles]
    if machine.drive is Drive.SKID:
        bearing = math.atan2(b[1] - a[1], b[0] - a[0])
        toward = [bearing if gear == 1.0 else bearing + math.pi for gear in gears]
        return [
            Way(source[0], target[0], _unwrapped([a, (*a[:2], way), (*b[:2], way), b]), gear)
            for way, gear in zip(toward, gears, strict=True)
        ]
    ends = np.array([a]), np.array([b])
    return [
        Way(source[0], target[0], _dubins(ends, machine.radius_m_min * RADIUS_FACTOR, gear), gear)
        for gear in gears
    ]


def _fewest_turns(ways: list[Way], machine: Machine) -> list[Way]:
    """Give the one of two ways on which a skid-steered machine turns less; all of other drives."""
    if machine.drive is not Drive.SKID:
        return ways
    turns = [sum(abs(b - a) for a, b in pairwise(way.poses[:, 2].tolist())) for way in ways]
    return [ways[turns.index(min(turns))]]


def _near(pose: Pose, machine: Machine, lattice: Lattice, *, is_start: bool) -> list[_Place]:
    """Give the lattice states to join a pose with."""
    x_m, y_m, cell_m = map(float, lattice.frame)
    rows, columns = lattice.paces_s_m.shape
    radius_m = machine.radius_m_min * RADIUS_FACTOR if machine.drive is Drive.ACKERMANN else 0.0
    # Stepping aside by half a cell takes some sqrt(4 R a) along.
    reach = _AHEAD if radius_m == 0.0 else math.ceil(math.sqrt(2.0 * radius_m / cell_m)) + 2
    row, column = math.floor((pose[1] - y_m) / cell_m), math.floor((pose[0] - x_m) / cell_m)
    places = []
    for i in range(max(0, row - reach), min(rows, row + reach + 1)):
        for j in range(max(0, column - reach), min(columns, column + reach + 1)):
            x, y = x_m + (j + 0.5) * cell_m, y_m + (i + 0.5) * cell_m
            is_beside = abs(i - row) <= 1 and abs(j - column) <= 1
            for heading in _headings(pose, (x, y), machine, is_beside=is_beside):
                state = (i * columns + j) * HEADINGS + heading
                places.append((state, Pose(x, y, _ANGLES[heading])))
    if machine.drive is not Drive.ACKERMANN or not places:
        return places
    poses = np.array([place[1] for place in places])
    here = np.broadcast_to(np.array(pose), poses.shape)
    ends = (here, poses) if is_start else (poses, here)
    chosen: set[int] = set()
    for gear in (1.0, BACKWARD_FACTOR) if machine.reverses else (1.0,):
        lengths = _dubins_words(*_in_gear(*ends, gear), radius_m)[0].sum(axis=2).min(axis=1)
        chosen |= set(np.argsort(lengths, kind="stable")[:_WAYS_MAX].tolist())
    return [places[k] for k in sorted(chosen)]


def _headings(
    pose: Pose, centre: tuple[float, float], machine: Machine, *, is_beside: bool
) -> list[int]:
    """Give the lattice headings in which to stand at a cell's centre around a pose.

    From cells that are not next to the pose's a skid-steered machine is joined where it has to turn
    a little only: between walls, it may have no room for more.
    """
    if machine.drive is Drive.ACKERMANN:
        return list(range(HEADINGS))
    heading = pose[2]
    if machine.drive is Drive.SKID and math.dist(pose[:2], centre) > _SAME_M:
        heading = math.atan2(centre[1] - pose[1], centre[0] - pose[0])
    if not is_beside and (
        machine.drive is Drive.CRAB or abs(math.remainder(heading - pose[2], math.pi)) > _AHEAD_RAD
    ):
        return []
    # Along the way there, or against it.
    nearest = min(
        range(HEADINGS), key=lambda k: abs(math.remainder(_ANGLES[k] - heading, math.tau))
    )
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


def _in_gear(a: Floats, b: Floats, gear: float) -> tuple[Floats, Floats]:
    """Give ends as if the machine's back were its front, in the backward gear."""
    turn = np.array((0.0, 0.0, 0.0 if gear == 1.0 else math.pi))
    return a + turn, b + turn


def _dubins_words(a: Floats, b: Floats, radius_m: float) -> tuple[Floats, Floats]:
    """Give the parts of the four ways of two arcs and a straight from poses a to b, (N, 3) each.

    returns : float64 (N, 4, 3)  lengths of arc, straight and arc, in radii, by `_WORDS`, inf where
              there is none; and those turns
    """
    dx, dy = (b[:, :2] - a[:, :2]).T / radius_m
    distance, bearing = np.hypot(dx, dy), np.arctan2(dy, dx)
    parts = np.empty((len(a), len(_WORDS), 3))
    for k, (first, last) in enumerate(_WORDS):
        # A right turn first is the mirror image of a left one.
        alpha, beta = first * (a[:, 2] - bearing), first * (b[:, 2] - bearing)
        if first == last:
            across = np.cos(beta) - np.cos(alpha)
            along = distance + np.sin(alpha) - np.sin(beta)
            toward = np.arctan2(across, along)
            straight, into = np.hypot(across, along), beta - toward
        else:
            across = -np.cos(alpha) - np.cos(beta)
            along = distance + np.sin(alpha) + np.sin(beta)
            squared = across**2 + along**2 - 4.0
            straight = np.sqrt(np.where(squared >= 0.0, squared, np.inf))
            toward = np.arctan2(across, along) - np.arctan2(-2.0, straight)
            into = toward - beta
        parts[:, k, 0] = _positive(toward - alpha)
        parts[:, k, 1], parts[:, k, 2] = straight, _positive(into)
    return parts, np.array(_WORDS)


def _positive(turns: Floats) -> Floats:
    """Give turns from 0 to a full one; what is a full one but for rounding is none."""
    wrapped = np.mod(turns, math.tau)
    kept: Floats = np.where(wrapped > math.tau - 1e-9, 0.0, wrapped)
    return kept


def _dubins(ends: tuple[Floats, Floats], radius_m: float, gear: float) -> Floats:
    """Give the poses along the shortest way of two arcs and a straight in a gear."""
    a, b = _in_gear(*ends, gear)
    parts, words = _dubins_words(a, b, radius_m)
    k = int(np.argmin(parts[0].sum(axis=1)))
    poses = a
    for turn, length in zip((words[k, 0], 0, words[k, 1]), parts[0, k], strict=True):
        x, y, heading = poses[-1]
        if turn and length > _SAME_RAD:
            bow = arc(heading, turn * length, radius_m)[1:] + np.array((x, y, 0.0))
            poses = np.vstack((poses, bow))
        elif not turn and length * radius_m > _SAME_M:
            way = length * radius_m
            end = (x + way * math.cos(heading), y + way * math.sin(heading), heading)
            poses = np.vstack((poses, end))
    if len(poses) == 1:
        poses = np.vstack((poses, poses))
    # Rounding must not move the end; it is a nanometre.
    poses[-1, :2] = b[0, :2]
    poses[-1, 2] += math.remainder(b[0, 2] - poses[-1, 2], math.tau)
    found: Floats = poses - np.array((0.0, 0.0, 0.0 if gear == 1.0 else math.pi))
    return found


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
