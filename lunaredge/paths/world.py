"""The world of a route: ground, boundary, zones, obstacles and reservations, checked together.

Owns what is asked in which order, and which answer counts: the first violation in time; in a tie
the first in the order of `Kind`; else the least clearance. Each part of the world answers for
itself, exactly; here nothing is measured.

For one thread at a time: a check writes to the parts' working memory too.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lunaredge.errors import ConfigError
from lunaredge.model.site import Polygon, ZoneKind
from lunaredge.paths.fleet import RANGE_M, Fleet, Meeting, Reservation
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Machine
from lunaredge.paths.motion import MotionRules
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.route import Route
from lunaredge.paths.solids import Solids
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
        for thing in (*self.zones, *self.obstacles):
            if thing.name in seen:
                raise ConfigError(
                    "a second thing of that name",
                    place="scene",
                    key="name",
                    value=thing.name,
                    remedy="give every zone and obstacle a name of its own",
                )
            seen.add(thing.name)
