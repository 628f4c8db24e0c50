"""Steps of a plan over places, as motions in an order, and then as timed routes.

First all is put in one order, in which each motion is driven while everybody else stands: of the
machines that move in one step, who leaves a place goes before who comes to it; a ring of them goes
at once. Then each motion begins as soon as those before it have ended whose ways come near to its
own: the order of what is near stays as it was, and what is far apart goes on at the same time
(dependencies of a plan: Honig, Kiesel, Tinka, Durham, Ayanian 2019). One order for all has no ring,
so nobody waits for ever.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Shorts
from lunaredge.paths.fleet_repair_ends import Joined, Member, Motion, first_open, gears
from lunaredge.paths.fleet_repair_places import Places
from lunaredge.paths.fleet_repair_steps import moved_together
from lunaredge.paths.plan import Planner
from lunaredge.paths.plan_links import Way
from lunaredge.paths.plan_traffic import Body
from lunaredge.paths.route import Pose, Route

# Ways that come nearer to each other than the machines reach, and this, keep their order.
_NEAR_M = 1e-3
_SAME_RAD = 1e-9
# A knot that lies on the way between its neighbours, on time.
_SAME = 1e-7

Event = list[Motion]
"""Motions that go at once, in the same time; mostly one."""


class Timed(NamedTuple):
    """The routes of all members."""

    routes: list[Route]
    costs: list[float]


class Stepper:
    """Turns steps from place to place into motions, for machines with headings."""

    def __init__(self, members: list[Member], places: Places, bodies: list[Body]) -> None:
        self._members, self._places, self._bodies = members, places, bodies
        self._known: dict[tuple[Planner, int, int, float, float], Motion | None] = {}
        self._poses: list[Pose] = []

    def events(self, plan: Shorts, start: Joined, goal: Joined) -> list[Event] | None:
        """Give all motions in their order; None where a machine can't drive as planned.

        plan : int32 (T + 1, A)  the place of each member at each step
        """
        self._poses = [start.poses[k] for k in range(len(self._members))]
        events: list[Event] = [[motion] for motion in start.motions]
        for step in range(len(plan) - 1):
            for group in moved_together(plan[step], plan[step + 1]):
                turns, drives = [], []
                for k in group:
                    motion = self._motion(k, plan, step)
                    if motion is None:
                        return None
                    first, rest = _parted(motion)
                    turns.append([first])
                    drives.append(rest)
                # Those of a ring turn one by one, and then drive at once.
                events += [*turns, drives]
        for k, pose in goal.poses.items():
            last = self._turn(k, pose.heading_rad)
            events += [] if last is None else [[last]]
        return events + [[motion] for motion in goal.motions]

    def _motion(self, k: int, plan: Shorts, step: int) -> Motion | None:
        """Give a member's motion in a step; it stands at the end of it then."""
        here, there = int(plan[step, k]), int(plan[step + 1, k])
        a, b = self._places.points[[here, there]].tolist()
        planner, heading = self._members[k].planner, self._poses[k].heading_rad
        bearing = math.atan2(b[1] - a[1], b[0] - a[0])
        run_m = math.dist(a, b) * _run(self._places.points, plan[step:, k])
        machine = planner.machine
        ways = gears(planner, bearing, heading)
        ways.sort(
            key=lambda way: (
                abs(way[0] - heading) / machine.turn_rad_s_max
                + run_m * way[1] / machine.speed_m_s_max
            )
        )
        for toward, factor in ways:
            key = planner, here, there, round(heading, 9), round(toward, 9)
            if key not in self._known:
                poses = np.array([(*a, heading), (*a, toward), (*b, toward)])
                way = Way(0, 0, poses, factor)
                self._known[key] = first_open(k, planner, [way], self._bodies)
            motion = self._known[key]
            if motion is not None:
                self._poses[k] = Pose(b[0], b[1], toward)
                return motion._replace(member=k)
        return None

    def _turn(self, k: int, heading_rad: float) -> Motion | None:
        """Give the turn on the spot to a heading; None if it looks there already."""
        x, y, heading = self._poses[k]
        turn = math.remainder(heading_rad - heading, math.tau)
        if abs(turn) <= _SAME_RAD:
            return None
        poses = np.array([(x, y, heading), (x, y, heading + turn)])
        links = self._members[k].planner.links_along([Way(0, 0, poses, 1.0)])
        knots = links.chords.copy()
        knots[:, 0] *= links.costs[0, 0]
        return Motion(k, knots, float(links.costs[0, 1]))


def timed(members: list[Member], events: list[Event], start_s: float, go_s: float) -> Timed:
    """Give each motion its time, as early as those before it allow, and all routes.

    start_s : from then on all stand at their starts
    go_s    : nobody moves before
    """
    ready_s = [go_s] * len(members)
    driven_s, prices = [0.0] * len(members), [0.0] * len(members)
    knots = [[np.array([(start_s, *member.start)])] for member in members]
    ways = [[_corners(motion.knots) for motion in event] for event in events]
    tracks = _Tracks(members, sum(len(way) for event in ways for way in event))
    for event, corners in zip(events, ways, strict=True):
        begin_s = max(ready_s[motion.member] for motion in event)
        for motion, way in zip(event, corners, strict=True):
            begin_s = max(begin_s, tracks.free_s(motion.member, way))
        duration_s = max(float(motion.knots[-1, 0]) for motion in event)
        for motion, way in zip(event, corners, strict=True):
            k, own_s = motion.member, float(motion.knots[-1, 0])
            moved = motion.knots.copy()
            moved[:, 0] = begin_s + moved[:, 0] * (duration_s / own_s if own_s > 0.0 else 1.0)
            moved[:, 3] += _whole_turns(knots[k][-1][-1, 3], moved[0, 3])
            knots[k].append(moved)
            ready_s[k] = begin_s + duration_s
            driven_s[k] += own_s
            prices[k] += motion.price
            tracks.add(k, way, ready_s[k])
    routes = [_route(parts) for parts in knots]
    costs = [
        price + member.planner.second * (route.end_s - start_s - own_s)
        for price, member, route, own_s in zip(prices, members, routes, driven_s, strict=True)
    ]
    return Timed(routes, costs)


class _Tracks:
    """The stretches that have been driven, and when their machines were beyond them."""

    def __init__(self, members: list[Member], count: int) -> None:
        self._reaches_m = np.array([member.reach_m for member in members])
        self._stretches = np.empty((count, 4))
        self._owners, self._ends_s = np.empty(count, np.int64), np.empty(count)
        self._count = 0

    def add(self, member: int, stretches: Floats, end_s: float) -> None:
        """Enter a way, float64 (P, 4): from x, y to x, y."""
        rows = slice(self._count, self._count + len(stretches))
        self._stretches[rows], self._owners[rows], self._ends_s[rows] = stretches, member, end_s
        self._count += len(stretches)

    def free_s(self, member: int, stretches: Floats) -> float:
        """Give when all others that were there before are beyond whatever comes near to a way."""
        owners = self._owners[: self._count]
        near = np.zeros(self._count, np.bool_)
        range_m = self._reaches_m[owners] + self._reaches_m[member] + _NEAR_M
        for stretch in stretches:
            near |= _distances(stretch, self._stretches[: self._count]) < range_m
        near &= owners != member
        return float(self._ends_s[: self._count][near].max(initial=-math.inf))


def _distances(stretch: Floats, others: Floats) -> Floats:
    """Give the distance of a stretch from each of others, float64 (M,); 0 where they cross."""
    a, b, c, d = stretch[:2], stretch[2:], others[:, :2], others[:, 2:]
    nearest = np.minimum(_from(a[None], c, d), _from(b[None], c, d))
    for ends in (c, d):
        nearest = np.minimum(nearest, _from(ends, a[None], b[None]))
    crosses = (_side(a, b, c) * _side(a, b, d) < 0.0) & (_side(c, d, a) * _side(c, d, b) < 0.0)
    found: Floats = np.where(crosses, 0.0, nearest)
    return found


def _from(points: Floats, a: Floats, b: Floats) -> Floats:
    """Give the distances of points from stretches a to b; either may be one for all."""
    along, offset = b - a, points - a
    squared = np.maximum((along * along).sum(axis=1), 1e-300)
    part = np.clip((offset * along).sum(axis=1) / squared, 0.0, 1.0)
    rest = offset - part[:, None] * along
    found: Floats = np.hypot(rest[:, 0], rest[:, 1])
    return found


def _side(a: Floats, b: Floats, c: Floats) -> Floats:
    """Tell on which side of the line from a to b the points c lie, by sign."""
    ab, ac = b - a, c - a
    found: Floats = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    return found


def _run(points: Floats, places: Shorts) -> int:
    """Count how many steps from the first on lead straight on, waits left out."""
    steps = np.diff(points[places[np.append(True, places[1:] != places[:-1])]], axis=0)
    units = steps / np.hypot(steps[:, 0], steps[:, 1])[:, None]
    bends = np.flatnonzero((units @ units[0]) < 1.0 - 1e-6)
    return int(bends[0]) if len(bends) else len(steps)


def _parted(motion: Motion) -> tuple[Motion, Motion]:
    """Give the turn on the spot that a motion begins with, and the drive after it."""
    knots = motion.knots
    is_away = np.hypot(*(knots[:, 1:3] - knots[0, 1:3]).T) > 0.0
    k = int(np.argmax(is_away)) - 1
    drive = knots[k:].copy()
    drive[:, 0] -= drive[0, 0]
    return Motion(motion.member, knots[: k + 1], 0.0), Motion(motion.member, drive, motion.price)


def _corners(knots: Floats) -> Floats:
    """Give the stretches of a way, float64 (P, 4): from x, y to x, y."""
    points = _thinned(knots)[:, 1:3]
    if len(points) == 1:
        points = points.repeat(2, axis=0)
    return np.column_stack((points[:-1], points[1:]))


def _thinned(knots: Floats) -> Floats:
    """Give the knots without those that lie, on time, on the way between their neighbours."""
    kept = [knots[0]]
    for knot, after in pairwise(knots[1:]):
        part = (knot[0] - kept[-1][0]) / max(after[0] - kept[-1][0], 1e-300)
        if np.abs(kept[-1] + part * (after - kept[-1]) - knot).max() > _SAME:
            kept.append(knot)
    return np.array([*kept, *knots[1:][-1:]])


def _whole_turns(before_rad: float, after_rad: float) -> float:
    """Give the whole turns by which a heading is off another one that is the same."""
    return math.tau * round((before_rad - after_rad) / math.tau)


def _route(parts: list[Floats]) -> Route:
    """Join motions, with waits between them."""
    rows = [parts[0]]
    for part in parts[1:]:
        last = rows[-1][-1]
        if part[0, 0] > last[0]:
            rows.append(np.array([(part[0, 0], *last[1:])]))
        rows.append(part[1:])
    return Route(_thinned(np.concatenate(rows)))
