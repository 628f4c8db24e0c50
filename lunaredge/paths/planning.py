"""A scene as a planner takes it: a lattice over its ground, and all that stands as barriers.

The planner's ground is never kinder than the checks': a cell is closed where the ground is, or
where it lies wholly beyond the boundary; its pace is that of the slowest heading and speed zone.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.corridors import are_inside
from lunaredge.kernels.jit import Floats
from lunaredge.model.site import Polygon, ZoneKind
from lunaredge.paths.machine import Machine
from lunaredge.paths.passage import most_costs
from lunaredge.paths.plan import Planner
from lunaredge.paths.polygon import body_row, convex_pieces, edge_rods
from lunaredge.paths.problem import Barrier, PlanGround, PlanOptions
from lunaredge.paths.route import Pose
from lunaredge.paths.scene import Scene
from lunaredge.paths.verdict import Kind
from lunaredge.paths.zones import Obstacle, Zone

# Finer than the ground's own cells where that is bearable: machines pass between cells of 5 m.
CELLS_MAX = 250_000
# A lattice on open ground has this many cells or more across; machines pass between rocks.
_CELLS_PER_REACH = 2.0
# How far beyond everything that is known a way on open ground may lead.
_AROUND_M = 20.0


class Area(NamedTuple):
    """A rectangle of open ground: left, bottom, right, top, m."""

    left_m: float
    bottom_m: float
    right_m: float
    top_m: float


def planner_of(
    scene: Scene, machine: Machine, options: PlanOptions, area: Area | None = None
) -> Planner:
    """Give a planner for one machine; ``area`` is what it may use where there is no grid."""
    assert scene.grid is not None or area is not None, "a planner needs some ground"
    ground = _open_ground(machine, area) if area is not None else _ground_of(scene, machine)
    if scene.boundary is not None:
        _close_beyond(ground, np.array(scene.boundary, dtype=np.float64))
    for zone in scene.zones:
        if zone.kind is ZoneKind.SPEED:
            _slow_down(ground, zone, machine.footprint.reach_m)
    return Planner(ground, machine, barriers_of(scene), options)


def area_of(scene: Scene, machine: Machine, ends: Sequence[Pose]) -> Area:
    """Give the ground that ways between these poses may use in a scene without a grid."""
    points = [pose[:2] for pose in ends]
    for polygon in (*(zone.polygon for zone in scene.zones), *(o.polygon for o in scene.obstacles)):
        points += polygon
    around_m = _AROUND_M + 4.0 * machine.footprint.reach_m
    if scene.boundary is not None:
        points, around_m = list(scene.boundary), 0.0
    low, high = np.min(points, axis=0) - around_m, np.max(points, axis=0) + around_m
    return Area(*map(float, (*low, *high)))


def barriers_of(scene: Scene) -> tuple[Barrier, ...]:
    """Give all that stands: zones first, since reasons name the first, the boundary last."""
    return (
        *(_of_zone(zone) for zone in scene.zones if zone.kind is ZoneKind.KEEP_OUT),
        *(_of_obstacle(obstacle) for obstacle in scene.obstacles),
        *_of_boundary(scene.boundary),
    )


def _of_zone(zone: Zone) -> Barrier:
    pieces = convex_pieces(zone.polygon, f"zone {zone.name}")
    return Barrier(
        name=zone.name,
        kind=Kind.KEEP_OUT,
        rows=_rows(pieces),
        from_s=zone.from_s,
        until_s=zone.until_s,
    )


def _of_obstacle(obstacle: Obstacle) -> Barrier:
    pieces = convex_pieces(obstacle.polygon, f"obstacle {obstacle.name}")
    return Barrier(
        name=obstacle.name,
        kind=Kind.OBSTACLE,
        rows=_rows(pieces, obstacle.margin_m, obstacle.low_m, obstacle.high_m),
        from_s=obstacle.from_s,
        until_s=obstacle.until_s,
    )


def _of_boundary(boundary: Polygon | None) -> list[Barrier]:
    """Give each piece of the edge by itself: a machine is near to few of them."""
    if boundary is None:
        return []
    edge = edge_rods(boundary)
    return [Barrier(name="", kind=Kind.BOUNDARY, rows=_rows([rod])) for rod in edge]


def _rows(
    pieces: list[Polygon],
    margin_m: float = 0.0,
    low_m: float = -math.inf,
    high_m: float = math.inf,
) -> Floats:
    """Pack convex pieces as `Footprint.parts` are, about the world's origin."""
    return np.array([body_row(piece, margin_m, low_m, high_m) for piece in pieces])


def _open_ground(machine: Machine, area: Area) -> PlanGround:
    """Give level ground, in cells that suit the machine's size."""
    width_m, height_m = area.right_m - area.left_m, area.top_m - area.bottom_m
    cell_m = machine.footprint.reach_m / _CELLS_PER_REACH
    cell_m = max(cell_m, math.sqrt(width_m * height_m / CELLS_MAX), max(width_m, height_m) / 1e6)
    shape = math.ceil(height_m / cell_m) + 1, math.ceil(width_m / cell_m) + 1
    power = machine.power
    return PlanGround(
        (area.left_m, area.bottom_m, cell_m),
        np.full(shape, 1.0 / machine.speed_m_s_max),
        energies_wh_m=np.full(shape, power.drive_w / machine.speed_m_s_max / 3600.0),
    )


def _ground_of(scene: Scene, machine: Machine) -> PlanGround:
    """Give the grid as the machine finds it, in finer cells where that is bearable."""
    grid = scene.grid
    assert grid is not None
    costs = most_costs(grid, machine)
    closed = ~np.isfinite(costs.pace_s_m)
    gradients = np.stack((grid.gradient_x, grid.gradient_y), axis=2)
    gradients[closed] = 0.0
    wanted = math.ceil(grid.cell_m / machine.footprint.reach_m)
    count = max(1, min(wanted, math.isqrt(CELLS_MAX // closed.size)))
    x_m, y_m, cell_m = map(float, grid.frame)
    return PlanGround(
        (x_m, y_m, cell_m / count),
        _finer(costs.pace_s_m, count),
        energies_wh_m=_finer(np.where(closed, 0.0, costs.energy_wh_m), count),
        gradients=_finer(gradients, count),
    )


def _finer(layer: Floats, count: int) -> Floats:
    """Give every cell as ``count`` x ``count`` cells."""
    return layer.repeat(count, axis=0).repeat(count, axis=1)


def _close_beyond(ground: PlanGround, boundary: Floats) -> None:
    """Close the cells that lie wholly beyond the boundary."""
    centres = _centres(ground)
    beyond = ~are_inside(centres, boundary)
    far = _distances_m(centres, boundary) > math.sqrt(0.5) * ground.cell_m
    ground.paces_s_m[(beyond & far).reshape(ground.paces_s_m.shape)] = math.inf


def _slow_down(ground: PlanGround, zone: Zone, reach_m: float) -> None:
    """Hold the pace wherever a part of the machine may be in a speed zone."""
    assert zone.speed_m_s_max is not None, "a speed zone has a limit"
    polygon = np.array(zone.polygon, dtype=np.float64)
    centres = _centres(ground)
    near = _distances_m(centres, polygon) <= reach_m + ground.cell_m
    near = (near | are_inside(centres, polygon)).reshape(ground.paces_s_m.shape)
    ground.paces_s_m[near] = np.maximum(ground.paces_s_m[near], 1.0 / zone.speed_m_s_max)


def _centres(ground: PlanGround) -> Floats:
    """Give the centre of every cell, float64 (H * W, 2), row by row."""
    x_m, y_m, cell_m = ground.frame
    rows, columns = ground.paces_s_m.shape
    xs = x_m + (np.arange(columns) + 0.5) * cell_m
    ys = y_m + (np.arange(rows) + 0.5) * cell_m
    return np.column_stack((np.tile(xs, rows), np.repeat(ys, columns)))


def _distances_m(points: Floats, polygon: Floats) -> Floats:
    """Give the distance of each point to a polygon's edge, (K,)."""
    least_m2 = np.full(len(points), np.inf)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        step, offset = end - start, points - start
        along = np.clip(offset @ step / (step @ step), 0.0, 1.0)
        np.minimum(least_m2, ((offset - along[:, None] * step) ** 2).sum(axis=1), out=least_m2)
    distances_m: Floats = np.sqrt(least_m2)
    return distances_m
