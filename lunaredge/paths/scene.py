"""What stands still on a site, or changes by plan: everything that is no machine."""

import math

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.model.site import Polygon, ZoneKind
from lunaredge.paths.given import check_fields
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.polygon import convex_pieces, edge_rods
from lunaredge.paths.solids import Solid
from lunaredge.paths.verdict import Kind
from lunaredge.paths.zones import Obstacle, Zone, check_simple


class Scene(msgspec.Struct, frozen=True, kw_only=True):
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
        check_fields(self, "no scene", "scene")
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


def solids_of(scene: Scene) -> list[Solid]:
    """Give all that stands in a scene as convex bodies: edges of the boundary, zones, obstacles."""
    solids = []
    if scene.boundary is not None:
        solids = [
            Solid(corners=rod, low_m=-math.inf, kind=Kind.BOUNDARY)
            for rod in edge_rods(scene.boundary)
        ]
    for zone in scene.zones:
        if zone.kind is ZoneKind.KEEP_OUT:
            for piece in convex_pieces(zone.polygon, f"zone {zone.name}"):
                solids.append(
                    Solid(
                        corners=piece,
                        low_m=-math.inf,
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
