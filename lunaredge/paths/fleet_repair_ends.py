"""From where machines start to places to pass from, and from such places to where they end.

Starts and goals lie anywhere. One machine after the other drives from its start to a free place
near by while all others stand: those that have done so on their places, the others at their starts.
Goals are the same backward in time: the machine that gets away from its goal first is the last to
arrive. Every motion is checked exactly against all that stands.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.convex import CORNERS, COUNT
from lunaredge.kernels.jit import Floats
from lunaredge.paths.fleet_repair_places import SAME_M, Places
from lunaredge.paths.machine import Drive
from lunaredge.paths.plan import Planner
from lunaredge.paths.plan_links import Way
from lunaredge.paths.plan_traffic import Body
from lunaredge.paths.primitives import BACKWARD_FACTOR
from lunaredge.paths.problem import Limits, PlanRequest
from lunaredge.paths.route import Pose

# So many of the nearest places are tried by a straight way, and by a search of so many states.
_NEAREST = 8
_SEARCHED = 4
_STATES_MAX = 4000
_ORDERS_MAX = 3


class Member(NamedTuple):
    """One machine that takes part."""

    job: int
    planner: Planner
    start: Pose
    goal: Pose

    @property
    def reach_m(self) -> float:
        """How far from its origin the machine comes."""
        return self.planner.machine.footprint.reach_m


class Motion(NamedTuple):
    """What one machine does while those around it stand."""

    member: int
    knots: Floats
    """float64 (K, 4): seconds from its own beginning, x, y, heading."""
    price: float


class Joined(NamedTuple):
    """How the members are joined with the places at one end."""

    places: dict[int, int]
    """Member to place."""
    poses: dict[int, Pose]
    """How they stand there."""
    motions: list[Motion]
    """In the order in which they are driven."""
    stuck: list[int]
    """Members that are not joined."""


def stands(parts: Floats, pose: Pose) -> Body:
    """Give a machine that stands somewhere for ever, as a body whose parts are turned for that.

    parts : float64 (S, COLUMNS)  rows of `kernels.convex`
    """
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    rows = parts.copy()
    for row in rows:
        corners = row[CORNERS : CORNERS + 2 * int(row[COUNT])].reshape(-1, 2)
        corners[:] = corners @ np.array(((cos, sin), (-sin, cos)))
    legs = np.array([(-math.inf, math.inf, pose.x_m, pose.y_m, 0.0, 0.0, 0.0, 0.0)])
    return Body("", rows, legs)


def gears(planner: Planner, bearing_rad: float, heading_rad: float) -> list[tuple[float, float]]:
    """Give how a machine can drive on a bearing: after the short turn to a heading, and how slow.

    heading_rad : that which it has; a crab can keep it
    """
    machine = planner.machine
    ways = [(bearing_rad, 1.0)]
    if machine.drive is Drive.CRAB:
        ways.insert(0, (heading_rad, 1.0))
    elif machine.reverses:
        ways.append((bearing_rad + math.pi, BACKWARD_FACTOR))
    return [
        (heading_rad + math.remainder(toward - heading_rad, math.tau), factor)
        for toward, factor in ways
    ]


def first_open(member: int, planner: Planner, ways: list[Way], bodies: list[Body]) -> Motion | None:
    """Give the quickest of some ways that nothing stands in; None if there is none."""
    links = planner.links_along(ways)
    is_open = planner.are_open(links, bodies) & np.isfinite(links.costs).all(axis=1)
    if not is_open.any():
        return None
    k = int(np.argmin(np.where(is_open, links.costs[:, 0], np.inf)))
    knots = links.chords[links.first[k] : links.first[k + 1]].copy()
    knots[:, 0] *= links.costs[k, 0]
    return Motion(member, knots, float(links.costs[k, 1]))


def joined(
    members: list[Member],
    places: Places,
    bodies: list[Body],
    is_over: Callable[[], bool],
    *,
    is_start: bool,
) -> Joined:
    """Join starts, or goals, with places that all can turn on, one machine after the other."""
    first: set[int] = set()
    for _ in range(_ORDERS_MAX):
        ends = _Ends(members, places, bodies, is_over, is_start=is_start)
        ends.take_own_places()
        waiting = ends.waiting(first)
        while waiting and not is_over():
            gone_count = sum(ends.go(k) for k in waiting)
            if gone_count == 0 and not any(map(ends.search, waiting)):
                break
            waiting = ends.waiting(first)
        if not waiting or first.issuperset(waiting) or is_over():
            break
        # In the next order those go first for whom no place was left.
        first.update(waiting)
    motions = ends.motions if is_start else ends.motions[::-1]
    return Joined(ends.places_of, ends.poses, motions, waiting)


class _Ends:
    """Who stands where so far."""

    def __init__(
        self,
        members: list[Member],
        places: Places,
        bodies: list[Body],
        is_over: Callable[[], bool],
        *,
        is_start: bool,
    ) -> None:
        self._members, self._places, self._bodies = members, places, bodies
        self._is_start, self._is_over = is_start, is_over
        self.poses = {k: m.start if is_start else m.goal for k, m in enumerate(members)}
        self.places_of: dict[int, int] = {}
        self.motions: list[Motion] = []
        self._free = places.turns.copy()
        self._standing = {k: self._body(k) for k in self.poses}

    def waiting(self, first: set[int]) -> list[int]:
        """Give those who have no place yet: some first, and then who is nearest to one."""
        left = [k for k in self.poses if k not in self.places_of]
        near_m = {k: float(self._distances(k).min(initial=math.inf)) for k in left}
        return sorted(left, key=lambda k: (k not in first, near_m[k], k))

    def take_own_places(self) -> None:
        """Give those their place who stand on it."""
        for k in self.poses:
            near = self._nearest(k, 1)
            if near and self._distances(k)[near[0]] <= SAME_M:
                self._settle(k, near[0], self.poses[k], None)

    def go(self, k: int) -> bool:
        """Drive straight between a machine's end and a place near by, if it can."""
        planner = self._members[k].planner
        for place in self._nearest(k, _NEAREST):
            found = first_open(k, planner, self._ways(k, place), self._others(k))
            if found is not None:
                at = found.knots[-1 if self._is_start else 0, 1:].tolist()
                self._settle(k, place, Pose(*at), found)
                return True
        return False

    def search(self, k: int) -> bool:
        """Find a way between a machine's end and a place near by on the lattice, if there is."""
        member, here = self._members[k], self.poses[k]
        limits = Limits((max(member.planner.options.weights),), _STATES_MAX, self._is_over)
        for place in self._nearest(k, _SEARCHED):
            x, y = self._places.points[place].tolist()
            there = Pose(x, y, math.atan2(y - here.y_m, x - here.x_m))
            start, goal = (here, there) if self._is_start else (there, here)
            request = PlanRequest(start=start, goal=goal)
            found = member.planner.find(request, limits, self._others(k))
            if found.words is not None:
                knots = member.planner.route_of(found, start).knots
                price = float(found.figures[-1, 2])
                self._settle(k, place, there, Motion(k, knots, price))
                return True
        return False

    def _ways(self, k: int, place: int) -> list[Way]:
        """Give the straight ways between a machine's end and a place."""
        here, there = self.poses[k], self._places.points[place].tolist()
        along = (there[0] - here.x_m, there[1] - here.y_m)
        bearing = math.atan2(along[1], along[0]) + (0.0 if self._is_start else math.pi)
        ways = []
        for heading, factor in gears(self._members[k].planner, bearing, here.heading_rad):
            way = [here, (*here[:2], heading), (*there, heading)]
            ways.append(Way(0, 0, np.array(way if self._is_start else way[::-1]), factor))
        return ways

    def _settle(self, k: int, place: int, pose: Pose, motion: Motion | None) -> None:
        self.places_of[k], self.poses[k] = place, pose
        self._free[place] = False
        self._standing[k] = self._body(k)
        if motion is not None:
            self.motions.append(motion)

    def _body(self, k: int) -> Body:
        return stands(self._members[k].planner.machine.footprint.parts, self.poses[k])

    def _others(self, k: int) -> list[Body]:
        return self._bodies + [body for j, body in self._standing.items() if j != k]

    def _distances(self, k: int) -> Floats:
        """Give the distance of each free place, inf for those that are not."""
        here = self.poses[k]
        apart = np.hypot(*(self._places.points - np.array(here[:2])).T)
        return np.where(self._free, apart, np.inf)

    def _nearest(self, k: int, count: int) -> list[int]:
        """Give the nearest free places."""
        apart = self._distances(k)
        order = np.argsort(apart, kind="stable")[:count]
        return [int(place) for place in order if apart[place] < np.inf]
