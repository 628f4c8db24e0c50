"""Small made-up sites, machines and tasks for the planner's tests."""

import array
import math
from collections.abc import Callable
from itertools import pairwise

from lunaredge.ids import NodeId, SiteId, TaskId
from lunaredge.model.fleet import Capability, ComputerSpec, Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Point, Polygon, Site, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind
from lunaredge.scheduler.paths import Chain, RouteProblem

Height = Callable[[float, float], float]


def flat(_x_m: float, _y_m: float) -> float:
    return 0.0


def box(left_m: float, low_m: float, right_m: float, high_m: float) -> Polygon:
    """Give an upright rectangle, counter-clockwise from its lower left corner."""
    return (left_m, low_m), (right_m, low_m), (right_m, high_m), (left_m, high_m)


def terrain(side_m: float = 200.0, cell_m: float = 5.0, height_m: Height = flat) -> TerrainGrid:
    """Give a square grid around the origin."""
    count = round(side_m / cell_m)
    places_m = [(index + 0.5) * cell_m - side_m / 2 for index in range(count)]
    heights = array.array("f", (height_m(x, y) for y in places_m for x in places_m))
    return TerrainGrid(
        x_m=-side_m / 2,
        y_m=-side_m / 2,
        cell_m=cell_m,
        rows=count,
        columns=count,
        heights_m=heights.tobytes(),
    )


def zone(name: str, polygon: Polygon, kind: ZoneKind = ZoneKind.WORK) -> Zone:
    limit_m_s = 0.1 if kind is ZoneKind.SPEED else None
    return Zone(name=name, kind=kind, polygon=polygon, speed_m_s_max=limit_m_s)


def site(*zones: Zone, height_m: Height = flat, side_m: float = 200.0, cell_m: float = 5.0) -> Site:
    """Give a square site around the origin, its boundary 5 m inside of the terrain's edge."""
    reach_m = side_m / 2 - 5.0
    return Site(
        name=SiteId("made-up"),
        title="Made up",
        boundary=box(-reach_m, -reach_m, reach_m, reach_m),
        terrain=terrain(side_m, cell_m, height_m),
        zones=zones,
        regolith_kg_m3=1600.0,
    )


def ridge(x_m: float, _y_m: float) -> float:
    """Give a ridge along y, 45 degrees steep, between x = -10 and 10; flat elsewhere."""
    return max(0.0, 10.0 - abs(x_m))


def machine(**changes: float) -> MachineSpec:
    figures = {
        "length_m": 2.0,
        "width_m": 1.5,
        "mass_kg": 200.0,
        "speed_m_s_max": 0.5,
        "turn_deg_s": 10.0,
        "deceleration_m_s2": 0.2,
        "slope_deg_max": 15.0,
        "payload_kg_max": 100.0,
        "battery_wh": 2000.0,
        "reserve_wh": 200.0,
        "idle_w": 20.0,
        "drive_w": 120.0,
        "charge_w": 500.0,
        "tool_width_m": 1.5,
        "work_speed_m_s": 0.25,
        "dig_kg_s": 0.2,
        "load_kg_s": 1.0,
        "dig_wh_kg": 1.2,
    }
    return MachineSpec(**(figures | changes))


def node(
    name: str, *capabilities: Capability, home: Point = (0.0, 0.0), spec: MachineSpec | None = None
) -> NodeSpec:
    return NodeSpec(
        name=NodeId(name),
        kind=name,
        capabilities=capabilities,
        machine=spec if spec is not None else machine(),
        home=home,
    )


def computer(name: str = "dc-1", *, memory_mib: int = 4096) -> NodeSpec:
    return NodeSpec(
        name=NodeId(name),
        kind="computer",
        capabilities=(Capability.COMPUTE,),
        computer=ComputerSpec(slots=2, memory_mib=memory_mib),
    )


def fleet(*nodes: NodeSpec) -> Fleet:
    return Fleet(nodes=nodes)


def task(name: str, kind: TaskKind, **fields: object) -> Task:
    return Task(id=TaskId(name), kind=kind, **fields)


def disc(owner: str, x_m: float, y_m: float, half_width_m: float = 2.0) -> Chain:
    return Chain(points=((x_m, y_m),), half_width_m=half_width_m, owner=NodeId(owner))


def route(
    start: Point, *path: Point, claims: tuple[Chain, ...] = (), half_width_m: float = 2.0
) -> RouteProblem:
    return RouteProblem(
        version=3,
        node=NodeId("rover-1"),
        request_no=7,
        start=start,
        path=path,
        half_width_m=half_width_m,
        slope_deg_max=15.0,
        claims=claims,
    )


def nearest_m(path: tuple[Point, ...], point: Point) -> float:
    """Give the distance from a point to a path, sampled every centimetre."""
    samples = [path[0]]
    for (ax, ay), (bx, by) in pairwise(path):
        count = max(1, math.ceil(math.dist((ax, ay), (bx, by)) / 0.01))
        samples += [
            (ax + (bx - ax) * k / count, ay + (by - ay) * k / count) for k in range(1, count + 1)
        ]
    return min(math.dist(sample, point) for sample in samples)
