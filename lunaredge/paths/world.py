"""The world of a route: ground, boundary, zones, obstacles and reservations, checked together.

Owns what is asked, and which answer counts: the first violation in time; in a tie the first in the
order of `Kind`; without any, the least clearance. Each part of the world answers for itself,
exactly; nothing is measured here.

For one thread at a time: a check writes to the parts' working memory too.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import CORNERS
from lunaredge.kernels.corridors import are_inside
from lunaredge.kernels.jit import Floats
from lunaredge.paths.fleet import RANGE_M, Fleet, Meeting, Reservation
from lunaredge.paths.fleet_plan import FleetOptions, FleetPlan, Job, plan_fleet
from lunaredge.paths.given import checked, explained
from lunaredge.paths.machine import Machine
from lunaredge.paths.motion import MotionRules
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.passage import closed_cells
from lunaredge.paths.plan import Planner
from lunaredge.paths.planning import Area, area_of, planner_of
from lunaredge.paths.problem import NoRoute, Plan, PlanOptions, PlanRequest, never
from lunaredge.paths.route import (
    COORDINATE_M_MAX,
    HEADING,
    HEADING_RAD_MAX,
    TIME_S_MAX,
    Pose,
    Route,
    X,
)
from lunaredge.paths.scene import Scene, solids_of
from lunaredge.paths.solids import Solids, first_contact, least_clearance
from lunaredge.paths.verdict import Free, Kind, Verdict, Violation

# One prepared ground for each kind of machine; a site has some.
MACHINES_MAX = 64
# A planner holds some 20 bytes for each of the lattice's states: 80 MB at its largest.
PLANNERS_MAX = 8
PAIRS_MAX = 1_000_000
# Routes that start then still end within their own bounds.
START_S_MAX = TIME_S_MAX / 2
DEFAULT_OPTIONS = PlanOptions()
DEFAULT_FLEET_OPTIONS = FleetOptions()

_ORDER = tuple(Kind)


class Trip(NamedTuple):
    """One machine that is to go somewhere."""

    name: str
    machine: Machine
    start: Pose
    goal: Pose


class _Ground(NamedTuple):
    """The ground as one machine finds it."""

    cells: Occupancy | None
    rules: MotionRules


class World:
    """A scene and the reservations in it, prepared for many checks."""

    @checked("world")
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._solids = Solids(solids_of(scene))
        self._boundary = None
        if scene.boundary is not None:
            self._boundary = np.array(scene.boundary, dtype=np.float64)
        self._fleet = Fleet()
        self._holders: dict[str, Machine] = {}
        self._grounds: dict[Machine, _Ground] = {}
        self._planners: dict[tuple[Machine, PlanOptions, Area | None], Planner] = {}

    @property
    def reservations(self) -> tuple[str, ...]:
        """The names of those who have reserved, in the order in which they did."""
        return tuple(self._fleet)

    @checked("world")
    def reserve(
        self,
        name: str,
        machine: Machine,
        route: Route,
        *,
        from_s: float = -math.inf,
        until_s: float = math.inf,
    ) -> None:
        """Enter what a machine may occupy, in the place of what it had; checked against nobody.

        It stands at the first pose from ``from_s`` on, and at the last until ``until_s``.

        Raises:
            ConfigError: the times are none, or no room is left.
        """
        reservation = Reservation(
            footprint=machine.footprint, route=route, from_s=from_s, until_s=until_s
        )
        self._fleet.replace(name, reservation)
        self._holders[name] = machine

    @checked("world")
    def release(self, name: str) -> None:
        """Take away what a machine has reserved.

        Raises:
            ConfigError: it has nothing.
        """
        self._fleet.remove(name)
        del self._holders[name]

    @explained("world")
    def check(
        self,
        machine: Machine,
        route: Route,
        ignore: Iterable[str] = (),
        *,
        range_m: float = RANGE_M,
    ) -> Verdict:
        """Check a route against everything, but the reservations to ignore.

        Free: the least clearance within the range, where, when and to what; a range of 0 doesn't
        ask for it and is quicker. Else the first violation in time.
        """
        ground = self._ground(machine)
        found = [
            self._hit(machine, route),
            ground.rules.first_breach(route),
        ]
        if self._boundary is not None:
            found.append(_outside(self._boundary, machine, route))
        if ground.cells is not None:
            found.append(_stuck(ground.cells, machine, route))
        reservation = Reservation(
            footprint=machine.footprint, route=route, from_s=route.start_s, until_s=route.end_s
        )
        among = self._fleet.check(reservation, ignore=ignore, range_m=range_m)
        if isinstance(among, Violation):
            found.append(among)
        violations = [violation for violation in found if violation is not None]
        if violations:
            return min(violations, key=lambda one: (one.time_s, _ORDER.index(one.kind)))
        assert isinstance(among, Free)
        if range_m == 0.0:
            return among
        nearest = [self._nearness(machine, route, range_m), among]
        if ground.cells is not None:
            nearest.insert(1, _ground_nearness(ground.cells, machine, route, range_m))
        return min(nearest, key=lambda free: free.clearance_m)

    @explained("world")
    def check_many(
        self, trips: Sequence[tuple[Machine, Route]], *, range_m: float = RANGE_M
    ) -> list[Verdict]:
        """Check each of these routes by itself, in their order."""
        return [self.check(machine, route, range_m=range_m) for machine, route in trips]

    @checked("world")
    def change_ground(self, row: int, column: int, heights_m: ArrayLike) -> dict[str, Violation]:
        """Take new heights from that cell on; give the reservations that are not free any more.

        Costs the region, and a check of each reservation that comes into it; planners are made
        anew when they are asked next. A reservation counts from its route's start on.

        Raises:
            ConfigError: there is no grid, or the heights leave it.
        """
        before = self.scene.grid
        if before is None:
            raise ConfigError(
                "no ground to change",
                place="world",
                key="grid",
                value=None,
                remedy="make the world of a scene with a grid",
            )
        grid = before.updated(row, column, heights_m)
        self.scene = msgspec.structs.replace(self.scene, grid=grid)
        changed = grid.changed
        if changed is None:
            return {}
        self._planners.clear()
        for machine, ground in self._grounds.items():
            assert ground.cells is not None, "whoever has a grid has cells"
            closed = closed_cells(grid, machine, changed)
            ground.cells.update(changed.row_from, changed.column_from, closed)
            rules = MotionRules(grid, machine, self.scene.zones)
            self._grounds[machine] = ground._replace(rules=rules)
        return self._broken_in(grid.box_m(changed))

    def check_all(self) -> list[Meeting]:
        """Give the first meeting of each pair of reservations that ever meets, earliest first.

        A million pairs at most; whoever has more has them all on one heap.
        """
        pair_count = len(self._fleet) * (len(self._fleet) - 1) // 2
        return self._fleet.check_all(meetings_max=max(1, min(pair_count, PAIRS_MAX)))

    @checked("world")
    def plan(
        self,
        trip: Trip,
        *,
        start_s: float = 0.0,
        ignore: Iterable[str] = (),
        options: PlanOptions = DEFAULT_OPTIONS,
        is_over: Callable[[], bool] = never,
    ) -> Plan | NoRoute:
        """Give a free route between two poses, from which the machine stands at the goal for ever.

        Among all reservations but its own and those to ignore. ``is_over`` is asked every
        millisecond or so whether to give what has been found. What is given has passed `check`.

        Raises:
            ConfigError: a pose or a time is none.
        """
        _check_trips([trip], start_s)
        ignored = {trip.name, *ignore}
        others = {name: self._fleet[name] for name in self._fleet if name not in ignored}
        request = PlanRequest(
            start=trip.start, goal=trip.goal, start_s=start_s, reservations=others
        )
        if (beyond := self._end_beyond(trip)) is not None:
            return beyond
        planner = self._planner(trip.machine, (trip.start, trip.goal), options)
        plan = planner.plan(request, is_over)
        if isinstance(plan, NoRoute):
            return plan
        verdict = self.check(trip.machine, plan.route, ignored, range_m=0.0)
        if isinstance(verdict, Free):
            return plan
        return NoRoute(
            kind=verdict.kind,
            party=verdict.party,
            pose=verdict.pose,
            proven=False,
            states=plan.states,
            reason=f"the best route of the lattice breaks a rule of the drive: {verdict.reason}",
        )

    @checked("world")
    def plan_fleet(
        self,
        trips: Sequence[Trip],
        *,
        start_s: float = 0.0,
        options: PlanOptions = DEFAULT_OPTIONS,
        fleet_options: FleetOptions = DEFAULT_FLEET_OPTIONS,
        is_over: Callable[[], bool] = never,
    ) -> FleetPlan:
        """Give routes for several machines at once, which keep clear of one another too.

        Among all reservations but their own. Who finds no route holds, and the plan says why: it
        stands at its start for ever. Every route that is given has passed `check`.

        Raises:
            ConfigError: too many machines, a name twice, or a pose or a time is none.
        """
        _check_trips(trips, start_s)
        names = {trip.name for trip in trips}
        others = {name: self._fleet[name] for name in self._fleet if name not in names}
        ends = [pose for trip in trips for pose in (trip.start, trip.goal)]
        jobs = [
            Job(
                name=trip.name,
                planner=self._planner(trip.machine, ends, options),
                start=trip.start,
                goal=trip.goal,
            )
            for trip in trips
        ]
        machines = {trip.name: trip.machine for trip in trips}

        def is_fit(name: str, route: Route) -> bool:
            return isinstance(self.check(machines[name], route, names, range_m=0.0), Free)

        return plan_fleet(jobs, others, start_s, fleet_options, is_over, is_fit)

    def _end_beyond(self, trip: Trip) -> NoRoute | None:
        """Say so if the start or the goal is not inside the boundary: no lattice need be asked."""
        if self._boundary is None:
            return None
        for word, pose in (("start", trip.start), ("goal", trip.goal)):
            standing = Route([(0.0, *pose)])
            hit = self._hit(trip.machine, standing)
            is_over_edge = hit is not None and hit.kind is Kind.BOUNDARY
            if is_over_edge or _outside(self._boundary, trip.machine, standing):
                reason = f"the {word} is not inside the boundary"
                return NoRoute(kind=Kind.BOUNDARY, pose=pose, proven=True, reason=reason)
        return None

    def _planner(self, machine: Machine, ends: Sequence[Pose], options: PlanOptions) -> Planner:
        """Give a planner for that machine and ends; it is kept for the next plan."""
        is_open = self.scene.grid is None
        area = area_of(self.scene, machine, ends) if is_open else None
        key = machine, options, area
        found = self._planners.get(key)
        if found is None:
            if len(self._planners) == PLANNERS_MAX:
                self._planners.clear()
            found = self._planners[key] = planner_of(self.scene, machine, options, area)
        return found

    def _broken_in(self, box_m: tuple[float, float, float, float]) -> dict[str, Violation]:
        """Give the reservations that come into a box and are not free, their own kind aside."""
        broken = {}
        for name, machine in self._holders.items():
            route = self._fleet[name].route
            places, reach_m = route.knots[:, X:HEADING], machine.footprint.reach_m
            low, high = places.min(axis=0) - reach_m, places.max(axis=0) + reach_m
            if (low <= box_m[2:]).all() and (high >= box_m[:2]).all():
                verdict = self.check(machine, route, self._holders, range_m=0.0)
                if isinstance(verdict, Violation):
                    broken[name] = verdict
        return broken

    def _ground(self, machine: Machine) -> _Ground:
        """Give the ground as that machine finds it; kept for the next check."""
        found = self._grounds.get(machine)
        if found is None:
            if len(self._grounds) == MACHINES_MAX:
                self._grounds.clear()
            grid, cells = self.scene.grid, None
            if grid is not None:
                cells = Occupancy(closed_cells(grid, machine), grid.frame)
            rules = MotionRules(grid, machine, self.scene.zones)
            found = self._grounds[machine] = _Ground(cells, rules)
        return found

    def _hit(self, machine: Machine, route: Route) -> Violation | None:
        """Give what the route first meets of all that stands."""
        contact = first_contact(self._solids, machine.footprint, route)
        if contact is None:
            return None
        solid = self._solids[contact.solid]
        return Violation(
            kind=solid.kind,
            party=solid.party,
            segment=contact.segment,
            time_s=contact.time_s,
            pose=contact.pose,
            depth_m=contact.depth_m,
        )

    def _nearness(self, machine: Machine, route: Route, range_m: float) -> Free:
        """Give what the route comes nearest to of all that stands."""
        near = least_clearance(self._solids, machine.footprint, route, range_m)
        if near is None:
            return Free(clearance_m=range_m)
        solid = self._solids[near.solid]
        return Free(
            clearance_m=near.clearance_m,
            kind=solid.kind,
            party=solid.party,
            segment=near.segment,
            time_s=near.time_s,
            pose=near.pose,
        )


def _check_trips(trips: Sequence[Trip], start_s: float) -> None:
    """Check that trips and their start lie within the bounds of routes.

    Raises:
        ConfigError: they don't.
    """
    if not abs(start_s) <= START_S_MAX:
        raise _wrong("start_s", start_s, f"give seconds, at most {START_S_MAX:g}")
    limits = COORDINATE_M_MAX, COORDINATE_M_MAX, HEADING_RAD_MAX
    for trip in trips:
        for key, pose in (("start", trip.start), ("goal", trip.goal)):
            if any(abs(number) > most for number, most in zip(pose, limits, strict=True)):
                remedy = f"give metres, at most {COORDINATE_M_MAX:g}, and radians"
                raise _wrong(f"{key} of {trip.name}", tuple(pose), remedy)


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("nothing to plan with", place="world", key=key, value=value, remedy=remedy)


def _outside(boundary: Floats, machine: Machine, route: Route) -> Violation | None:
    """Give the start, if a part is outside there: from inside it gets out over an edge only."""
    parts, (x_m, y_m, heading_rad) = machine.footprint.parts, route.knots[0, X:].tolist()
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    ahead_m, aside_m = parts[:, CORNERS], parts[:, CORNERS + 1]
    points = np.column_stack(
        (x_m + cos * ahead_m - sin * aside_m, y_m + sin * ahead_m + cos * aside_m)
    )
    if are_inside(points, boundary).all():
        return None
    pose = Pose(x_m, y_m, heading_rad)
    return Violation(kind=Kind.BOUNDARY, segment=0, time_s=route.start_s, pose=pose)


def _stuck(cells: Occupancy, machine: Machine, route: Route) -> Violation | None:
    """Give where a route first meets closed ground."""
    contact = cells.first_contact(machine.footprint, route)
    if contact is None:
        return None
    return Violation(
        kind=Kind.GROUND,
        party=_cell_name(contact.cell),
        segment=contact.segment,
        time_s=contact.time_s,
        pose=contact.pose,
    )


def _ground_nearness(cells: Occupancy, machine: Machine, route: Route, range_m: float) -> Free:
    """Give where a route comes nearest to closed ground."""
    near = cells.least_clearance(machine.footprint, route, range_m)
    if not near.is_in_range:
        return Free(clearance_m=range_m)
    return Free(
        clearance_m=near.clearance_m,
        kind=Kind.GROUND,
        party=_cell_name(near.cell),
        segment=near.segment,
        time_s=near.time_s,
        pose=near.pose,
    )


def _cell_name(cell: tuple[int, int] | None) -> str:
    """Name closed ground: its row and column, or that the grid has ended."""
    return "beyond the grid" if cell is None else f"cell {cell[0]}, {cell[1]}"
