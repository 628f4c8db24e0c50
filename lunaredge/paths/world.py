"""The world of a route: ground, boundary, zones, obstacles and reservations, checked together.

Owns what is asked, and which answer counts: the first violation in time; in a tie the first in the
order of `Kind`; without any, the least clearance. Each part of the world answers for itself,
exactly; nothing is measured here.

For one thread at a time: a check writes to the parts' working memory too.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.corridors import are_inside
from lunaredge.kernels.jit import Floats
from lunaredge.model.site import Polygon, ZoneKind
from lunaredge.paths.fleet import RANGE_M, Fleet, Meeting, Reservation
from lunaredge.paths.footprint import CORNERS
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Machine
from lunaredge.paths.motion import MotionRules
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.passage import closed_cells
from lunaredge.paths.polygon import convex_pieces, rods
from lunaredge.paths.route import Pose, Route, X
from lunaredge.paths.solids import Solid, Solids, first_contact, least_clearance
from lunaredge.paths.verdict import Free, Kind, Verdict, Violation
from lunaredge.paths.zones import Obstacle, Zone, check_simple

# One prepared ground for each kind of machine; a site has some.
MACHINES_MAX = 64

_ORDER = tuple(Kind)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What stands still, or changes by plan: everything but the machines.

    Raises:
        ConfigError: the boundary is no simple polygon, or two things have one name.
    """

    grid: SiteGrid | None = None
    """None: level and open everywhere."""
    boundary: Polygon | None = None
    """No part of a machine may leave it. None: the world has no edge, but for the grid's."""
    zones: tuple[Zone, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what can't be told apart, or encloses nothing."""
        if self.boundary is not None:
            check_simple(self.boundary, "boundary")
        seen: set[str] = set()
        names = [zone.name for zone in self.zones] + [thing.name for thing in self.obstacles]
        for name in names:
            if name in seen:
                raise ConfigError(
                    "a second thing of that name",
                    place="scene",
                    key="name",
                    value=name,
                    remedy="give every zone and obstacle a name of its own",
                )
            seen.add(name)


class _Ground(NamedTuple):
    """The ground as one machine finds it."""

    cells: Occupancy | None
    rules: MotionRules


class World:
    """A scene and the reservations in it, prepared for many checks."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._solids = Solids(solids_of(scene))
        self._boundary = None
        if scene.boundary is not None:
            self._boundary = np.array(scene.boundary, dtype=np.float64)
        self._fleet = Fleet()
        self._grounds: dict[Machine, _Ground] = {}

    @property
    def reservations(self) -> tuple[str, ...]:
        """The names of those who have reserved, in the order in which they did."""
        return tuple(self._fleet)

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

    def release(self, name: str) -> None:
        """Take away what a machine has reserved.

        Raises:
            ConfigError: it has nothing.
        """
        self._fleet.remove(name)

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

    def check_many(
        self, trips: Sequence[tuple[Machine, Route]], *, range_m: float = RANGE_M
    ) -> list[Verdict]:
        """Check each of these routes by itself, in their order."""
        return [self.check(machine, route, range_m=range_m) for machine, route in trips]

    def check_all(self) -> list[Meeting]:
        """Give the first meeting of each pair of reservations that ever meets, earliest first."""
        return self._fleet.check_all()

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


def solids_of(scene: Scene) -> list[Solid]:
    """Give all that stands in a scene as convex bodies: edges of the boundary, zones, obstacles."""
    solids = []
    if scene.boundary is not None:
        edge = (*scene.boundary, scene.boundary[0])
        solids = [Solid(corners=rod, kind=Kind.BOUNDARY) for rod in rods(edge)]
    for zone in scene.zones:
        if zone.kind is ZoneKind.KEEP_OUT:
            for piece in convex_pieces(zone.polygon, f"zone {zone.name}"):
                solids.append(
                    Solid(
                        corners=piece,
                        from_s=zone.from_s,
                        until_s=zone.until_s,
                        kind=Kind.KEEP_OUT,
                        party=zone.name,
                    )
                )
    for obstacle in scene.obstacles:
        for piece in convex_pieces(obstacle.polygon, f"obstacle {obstacle.name}"):
            solids.append(
                Solid(
                    corners=piece,
                    margin_m=obstacle.margin_m,
                    low_m=obstacle.low_m,
                    high_m=obstacle.high_m,
                    from_s=obstacle.from_s,
                    until_s=obstacle.until_s,
                    kind=Kind.OBSTACLE,
                    party=obstacle.name,
                )
            )
    return solids


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
