"""Routes: whether a corridor is free, and a free way to the place where a leg begins.

Owns route problems and their answers. What is granted, and to whom, is not decided here; a problem
carries everything but the ground, so that it can be solved elsewhere and kept in a journal.
"""

import enum
import math
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from itertools import pairwise

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.polyline import WAVER_M, Box
from lunaredge.model.site import Point
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.route import Route
from lunaredge.scheduler.arrays import Lattice, Lines, Path, points_array
from lunaredge.scheduler.ground import GroundMap

# Half a machine's corridor is its radius and this, where the caller does not say otherwise: pose
# error, tracking error, overrun of the stop point, error of the terrain map.
CORRIDOR_MARGIN_M = 0.8

# What the margin of a resting body is for in any case: its pose's error and the map's.
RESTING_M = 0.4
# More than what the lattice keeps over the checks.
CLEAR_M = 1e-3

# More than sums of coordinates are off by.
ROUNDING_M = 1e-6

# Ways onto the lattice that are tried from one point, the nearest first.
JOINS_MAX = 4

NO_PATH = "no path"


class ViolationKind(enum.StrEnum):
    """What stands against a corridor, in the order of looking."""

    BOUNDARY = "boundary"
    KEEP_OUT = "keep_out"
    SLOPE = "slope"
    CLAIM = "claim"
    CLOSED = "closed"


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where a corridor is not free."""

    kind: ViolationKind
    name: str = ""
    """The keep-out or closed zone, or the machine whose claim it is."""
    segment: int
    """Index of the path's segment: from point ``segment`` to the next."""
    slope_deg: float = 0.0

    @property
    def owner(self) -> NodeId | None:
        """The machine that stands in the way; None when it is the ground."""
        return NodeId(self.name) if self.kind is ViolationKind.CLAIM else None

    @property
    def reason(self) -> str:
        """What an operator reads."""
        match self.kind:
            case ViolationKind.BOUNDARY:
                return "boundary"
            case ViolationKind.KEEP_OUT:
                return f"keep_out {self.name}"
            case ViolationKind.SLOPE:
                known = math.isfinite(self.slope_deg)
                return f"slope of {self.slope_deg:.1f} deg" if known else "slope not known"
            case ViolationKind.CLAIM:
                return f"blocked by {self.name}"
            case ViolationKind.CLOSED:
                return f"{self.name} is closed"


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a machine may be: everything within ``half_width_m`` of a polyline.

    A closed one is an area: the polygon of its points, its inside too. That may also be a zone
    which people have closed; it has a name and no owner.
    """

    points: tuple[Point, ...]
    half_width_m: float
    owner: NodeId
    closed: bool = False
    zone: str = ""
    may_roll: bool = False
    """What is there is not known to be at rest."""


def may_meet(one: Box, other: Box) -> bool:
    """Tell whether what is in two boxes may meet."""
    # What is no number is not far: the kernels refuse it.
    return not (
        one[0] > other[2] + ROUNDING_M
        or other[0] > one[2] + ROUNDING_M
        or one[1] > other[3] + ROUNDING_M
        or other[1] > one[3] + ROUNDING_M
    )


def eased(
    chains: Iterable[Chain], start: Point, half_width_m: float, margin_m: float
) -> tuple[Chain, ...]:
    """Give chains without the little by which resting bodies reach into a start's corridor.

    Two machines at rest that were found a hand's breadth too near could never leave each other
    else. No way comes nearer than the start is, and no body loses what its corridor's margin of
    ``margin_m`` is for while it rests.
    """
    give_m = min(WAVER_M, max(0.0, margin_m - RESTING_M))
    return tuple(_eased(chain, start, half_width_m, give_m) for chain in chains)


def _eased(chain: Chain, start: Point, half_width_m: float, give_m: float) -> Chain:
    if len(chain.points) != 1 or chain.zone or chain.closed or chain.may_roll:
        return chain
    room_m = math.dist(chain.points[0], start) - half_width_m - CLEAR_M
    if not max(0.0, chain.half_width_m - give_m) <= room_m < chain.half_width_m:
        return chain
    return msgspec.structs.replace(chain, half_width_m=room_m)


def blocked_by(chain: Chain) -> str:
    """Say what is in the way."""
    return f"{chain.zone} is closed" if chain.zone else f"blocked by {chain.owner}"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine may spend on a leg, so that it still comes home."""

    spec: MachineSpec
    home: Point
    charge_wh: float
    """In its battery, over the reserve."""
    work_wh: float
    """What the leg's goal takes, once it is there."""
    way_home: tuple[Point, ...] | None = None
    """Where ways home are kept, its own from there to the start."""


class RouteProblem(msgspec.Struct, frozen=True, kw_only=True, tag="route_problem"):
    """Lead a machine from where it stands to the start of its leg, and along the leg."""

    version: int
    node: NodeId
    request_no: int
    start: Point
    path: tuple[Point, ...]
    """The leg's path, followed exactly."""
    half_width_m: float
    slope_deg_max: float
    claims: tuple[Chain, ...]
    """Of the other machines."""
    budget: Budget | None = None
    """None where the battery is not asked: on the way home."""
    stranded: tuple[NodeId, ...] = ()
    """Of the other machines those that won't get out of the way by themselves."""
    left: tuple[Chain, ...] = ()
    """Closed zones that the machine stands in and is to leave first."""
    with_care: bool = False
    """People may be in these."""


class RouteSolution(msgspec.Struct, frozen=True, kw_only=True, tag="route_solution"):
    """A free path, or an empty one and the reason."""

    version: int
    node: NodeId
    request_no: int
    path: tuple[Point, ...] = ()
    tool_from_m: float = 0.0
    """Station along the path at which the leg begins."""
    reason: str = ""
    exhausting: bool = False
    """The battery would not last along the path and home, or for more waiting."""
    no_return: bool = False
    """The battery would not last along the path and back by the way that the machine came."""
    blocked_by: NodeId | None = None
    """The machine without whose claim there would be a path; None when it is the ground."""
    closed_by: tuple[NodeId, ...] = ()
    """Stranded machines that close every way by themselves, each of them needed for that."""
    way: tuple[Point, ...] = ()
    """Where it would go if none of the others were there."""
    left: tuple[Chain, ...] = ()
    """The zones that it leads out of."""
    with_care: bool = False
    """It leads into them no deeper than its machine was."""
    out_m: float = 0.0
    """Station along the path at which it has left them."""


class Chains:
    """Claims as arrays: what first stands against a path."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._open = [chain for chain in chains if not chain.closed]
        self._areas = [chain for chain in chains if chain.closed]

    @cached_property
    def lines(self) -> Lines:
        """The open ones."""
        return Lines.of((chain.points, chain.half_width_m) for chain in self._open)

    @cached_property
    def rings(self) -> Lines:
        """The closed ones."""
        return Lines.of((chain.points, 0.0) for chain in self._areas)

    def first_met(self, path: Path, half_width_m: float) -> tuple[int, Chain] | None:
        """Give the path's first segment that meets a claim, and which."""
        points = points_array(path)
        found: list[tuple[int, Chain]] = []
        if self._open and (met := self.lines.first_conflict(points, half_width_m)):
            found.append((met[0], self._open[met[1]]))
        if self._areas and (entered := self.rings.first_near(points, half_width_m)):
            found.append((entered[0], self._areas[entered[1]]))
        return min(found, key=lambda each: each[0], default=None)

    def closing(self, lattice: Lattice, half_width_m: float) -> Lattice:
        """Give a lattice without the moves that meet a claim."""
        if self._areas:
            lattice = lattice.without(self.rings, half_width_m, closed=True)
        if self._open:
            lattice = lattice.without(self.lines, half_width_m, closed=False)
        return lattice


class Corridor:
    """Checks paths of one half width and slope limit against the ground and a set of claims."""

    def __init__(
        self,
        ground: GroundMap,
        half_width_m: float,
        slope_deg_max: float,
        claims: tuple[Chain, ...],
    ) -> None:
        assert half_width_m > 0.0, "a machine has a body"
        self._ground = ground
        self._half_width_m = half_width_m
        self._slope_deg_max = slope_deg_max
        self._claims = Chains(claims)

    def violation(self, path: Path) -> Violation | None:
        """Give the first thing that stands against the path; None when it is free."""
        assert path, "a path has a point"
        # A comparison with NaN is always false: such a path would seem to touch nothing.
        broken = next((i for i, p in enumerate(path) if not all(map(math.isfinite, p))), None)
        if broken is not None:
            return Violation(kind=ViolationKind.BOUNDARY, segment=max(0, broken - 1))
        if not self._ground.contains(path[0]):
            return Violation(kind=ViolationKind.BOUNDARY, segment=0)
        disc, route = _disc(self._half_width_m), _traced(path)
        if stands := self._ground.first_standing(disc, route):
            solid = self._ground.standing[stands.solid]
            kind = ViolationKind(solid.kind.value)
            return Violation(kind=kind, name=solid.party, segment=stands.segment)
        if steep := self._ground.first_steep(disc, route, self._slope_deg_max):
            segment, slope_deg = steep
            return Violation(kind=ViolationKind.SLOPE, segment=segment, slope_deg=slope_deg)
        if met := self._claims.first_met(path, self._half_width_m):
            segment, chain = met
            kind = ViolationKind.CLOSED if chain.zone else ViolationKind.CLAIM
            return Violation(kind=kind, name=chain.zone or chain.owner, segment=segment)
        return None

    def way(self, start: Point, goal: Point) -> Path:
        """Give a short free path between two points; empty when none was found.

        A straight line if it is free; else moves over the lattice, pulled straight where they can.
        """
        if self.violation((start, goal)) is None:
            return (start, goal)
        lattice = self.lattice()
        sources, targets = self.joins(lattice, start), self.joins(lattice, goal)
        between = lattice.path(sources, [cell for cell, _ in targets])
        return self._pulled((start, *between, goal)) if between else ()

    def joins(self, lattice: Lattice, point: Point) -> list[tuple[int, float]]:
        """Give lattice cells that a straight free line joins to the point, and its length, m."""
        found: list[tuple[int, float]] = []
        for cell in lattice.cells_near(point):
            centre = lattice.centre(cell)
            if len(found) < JOINS_MAX and self.violation((point, centre)) is None:
                found.append((cell, math.dist(point, centre)))
        return found

    def lattice(self) -> Lattice:
        """Give the moves that are free of the ground and of the claims."""
        lattice = self._ground.lattice(self._half_width_m, self._slope_deg_max)
        return self._claims.closing(lattice, self._half_width_m)

    def _pulled(self, path: Path) -> Path:
        """Leave out every point that a free straight line can pass by, from the start on."""
        kept = [path[0]]
        for point, following in pairwise(path[1:]):
            if self.violation((kept[-1], following)) is not None:
                kept.append(point)
        return (*kept, path[-1])


def check_route(
    ground: GroundMap,
    path: Path,
    half_width_m: float,
    slope_deg_max: float,
    claims: tuple[Chain, ...],
) -> Violation | None:
    """Give the first thing that stands against a path, its first point included; None when free."""
    return Corridor(ground, half_width_m, slope_deg_max, claims).violation(path)


def way_alone(ground: GroundMap, problem: RouteProblem) -> Path:
    """Give the way to a leg that would be free without anybody; empty when there is none."""
    alone = Corridor(ground, problem.half_width_m, problem.slope_deg_max, ())
    return alone.way(problem.start, problem.path[0])


def closers(ground: GroundMap, problem: RouteProblem) -> tuple[NodeId, ...]:
    """Give stranded machines that close every way by themselves, whoever else moves aside.

    As few as do it: without any one of them those that are left leave a way. None where others
    are needed to close it, or where the ground or a closed zone does it alone.
    """
    lasting = [name for name in problem.stranded if any(c.owner == name for c in problem.claims)]
    # Most refusals are for traffic that goes on: one more plan tells.
    if not lasting or _is_open(ground, problem, lasting) or not _is_open(ground, problem, ()):
        return ()
    for name in tuple(lasting):
        others = [other for other in lasting if other != name]
        if not _is_open(ground, problem, others):
            lasting = others
    return tuple(lasting)


def _is_open(ground: GroundMap, problem: RouteProblem, owners: Sequence[NodeId]) -> bool:
    """Tell whether there is a way with the claims of those machines alone, and the closed zones."""
    claims = tuple(chain for chain in problem.claims if chain.zone or chain.owner in owners)
    return bool(plan_route(ground, msgspec.structs.replace(problem, claims=claims)).path)


def plan_route(ground: GroundMap, problem: RouteProblem) -> RouteSolution:
    """Plan a free path from the start to the leg's first point and along the leg."""
    corridor = Corridor(ground, problem.half_width_m, problem.slope_deg_max, problem.claims)
    stands = corridor.violation((problem.start,))
    if stands is not None:
        return refused(problem, f"{stands.reason} at the start", stands.owner)
    ahead = corridor.violation(problem.path)
    if ahead is not None:
        return refused(problem, ahead.reason, ahead.owner)
    if problem.start == problem.path[0]:
        return _solved(problem, (problem.start,))
    way = corridor.way(problem.start, problem.path[0])
    if not way:
        # The lattice gives up where others leave little room; the way that a machine would take
        # alone may still pass between them, and if not it shows who is in the way.
        way = way_alone(ground, problem)
        met = corridor.violation(way) if way else None
        if met is not None:
            return refused(problem, met.reason, met.owner)
        if not way:
            return refused(problem, NO_PATH)
    assert corridor.violation(way) is None, "a planned way is free"
    return _solved(problem, way)


def refused(
    problem: RouteProblem,
    reason: str,
    blocked_by: NodeId | None = None,
    *,
    exhausting: bool = False,
) -> RouteSolution:
    """Give the answer to a problem that has no route, and who or what stands against it."""
    return RouteSolution(
        version=problem.version,
        node=problem.node,
        request_no=problem.request_no,
        reason=reason,
        exhausting=exhausting,
        blocked_by=blocked_by,
    )


def length_m(path: Path) -> float:
    """Give the length of a path; 0.0 for a single point."""
    return sum((math.dist(a, b) for a, b in pairwise(path)), 0.0)


@cache
def _disc(half_width_m: float) -> Footprint:
    """Give a corridor's cross-section: what a machine may need at any heading."""
    return Footprint.disc(half_width_m)


def _traced(path: Path) -> Route:
    """Give a path as a route; claims know no time, so a segment takes a second."""
    return Route([(float(k), x_m, y_m, 0.0) for k, (x_m, y_m) in enumerate(path)])


def _solved(problem: RouteProblem, way: Path) -> RouteSolution:
    return RouteSolution(
        version=problem.version,
        node=problem.node,
        request_no=problem.request_no,
        path=way + problem.path[1:],
        tool_from_m=length_m(way),
    )
