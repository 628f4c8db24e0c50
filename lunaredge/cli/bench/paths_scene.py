"""What the contenders of `bench paths` are given: a site, routes on it, and others' claims."""

import math
import random
from pathlib import Path

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.ids import NodeId
from lunaredge.model.site import Point
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import CORRIDOR_MARGIN_M, Chain

SEED = 1
ROUTES = 500
# Steps of a random route and of a claim, m: a leg of work, and a machine's authority.
ROUTE_STEP_M = (2.0, 12.0)
CLAIM_STEP_M = (1.0, 6.0)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A site, one kind of machine on it, and routes to be checked."""

    ground: GroundMap
    half_width_m: float
    slope_deg_max: float
    routes: tuple[tuple[Point, ...], ...]


def check_case(count: int) -> str:
    """Give the name of a case."""
    return f"check, {count} claims"


def load_scene(folder: Path) -> Scene:
    """Read a site and its fleet, and draw the routes.

    Raises:
        ConfigError: a file can't be used, or nothing in the fleet moves.
    """
    site = load_site(folder / "site.toml")
    fleet = load_fleet(folder / "fleet.toml", site)
    specs = [node.machine for node in fleet.nodes if node.machine is not None]
    if not specs:
        raise ConfigError(
            "a fleet without machines needs no routes",
            place=str(folder / "fleet.toml"),
            key="nodes",
            value=len(fleet.nodes),
            remedy="name another folder",
        )
    spec = max(specs, key=lambda spec: spec.radius_m)
    ground = GroundMap.of(site)
    dice = random.Random(f"{SEED}/routes")
    return Scene(
        ground=ground,
        half_width_m=spec.radius_m + CORRIDOR_MARGIN_M,
        slope_deg_max=spec.slope_deg_max,
        routes=tuple(walk(dice, ground, ROUTE_STEP_M) for _ in range(ROUTES)),
    )


def walk(dice: random.Random, ground: GroundMap, step_m: tuple[float, float]) -> tuple[Point, ...]:
    """Draw a polyline of 2 to 8 points inside the boundary's box."""
    low, high = ground.boundary.min(axis=0), ground.boundary.max(axis=0)
    points = [(dice.uniform(low[0], high[0]), dice.uniform(low[1], high[1]))]
    heading_rad = dice.uniform(-math.pi, math.pi)
    for _ in range(dice.randint(1, 7)):
        heading_rad += dice.uniform(-1.0, 1.0)
        length_m = dice.uniform(*step_m)
        x_m, y_m = points[-1]
        points.append(
            (x_m + length_m * math.cos(heading_rad), y_m + length_m * math.sin(heading_rad))
        )
    return tuple(points)


def draw_claims(scene: Scene, count: int) -> tuple[Chain, ...]:
    """Draw what other machines may occupy."""
    dice = random.Random(f"{SEED}/claims/{count}")
    return tuple(
        Chain(
            points=walk(dice, scene.ground, CLAIM_STEP_M),
            half_width_m=dice.uniform(1.0, scene.half_width_m),
            owner=NodeId(f"machine-{k}"),
        )
        for k in range(count)
    )


def claim_count(case: str) -> int:
    """Give the number of claims that a case names."""
    return int(case.split(", ")[1].split()[0])
