"""What the made sites are put together from: boxes, rolling ground, machines and tasks."""

import array
import sys
from collections.abc import Callable

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Capability, ComputerSpec, MachineSpec, NodeSpec
from lunaredge.model.site import Point, Polygon, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind

BATTERY_WH = 4_000.0
RESERVE_WH = 400.0


def box(x1_m: float, y1_m: float, x2_m: float, y2_m: float) -> Polygon:
    """Give a rectangle along the axes."""
    return ((x1_m, y1_m), (x2_m, y1_m), (x2_m, y2_m), (x1_m, y2_m))


def zone(name: str, kind: ZoneKind, polygon: Polygon, speed_m_s_max: float | None = None) -> Zone:
    """Give a zone."""
    return Zone(name=name, kind=kind, polygon=polygon, speed_m_s_max=speed_m_s_max)


def terrain(
    cell_m: float, rows: int, columns: int, height_m: Callable[[float, float], float]
) -> TerrainGrid:
    """Give a grid of heights, each cell's taken at its centre."""
    heights = array.array("f")
    for row in range(rows):
        for column in range(columns):
            heights.append(height_m((column + 0.5) * cell_m, (row + 0.5) * cell_m))
    if sys.byteorder == "big":
        heights.byteswap()
    return TerrainGrid(
        x_m=0.0, y_m=0.0, cell_m=cell_m, rows=rows, columns=columns, heights_m=heights.tobytes()
    )


def machine(name: str, capabilities: tuple[Capability, ...], home: Point) -> NodeSpec:
    """Give a machine; all are of one make, and differ by their tools."""
    return NodeSpec(
        name=NodeId(name),
        kind=name.rsplit("-", 1)[0],
        capabilities=capabilities,
        machine=MachineSpec(
            length_m=2.4,
            width_m=1.8,
            mass_kg=900.0,
            speed_m_s_max=1.0,
            turn_deg_s=20.0,
            deceleration_m_s2=0.4,
            slope_deg_max=15.0,
            payload_kg_max=400.0,
            battery_wh=BATTERY_WH,
            reserve_wh=RESERVE_WH,
            idle_w=60.0,
            drive_w=400.0,
            charge_w=600.0,
            tool_width_m=2.5,
            work_speed_m_s=0.6,
            dig_kg_s=4.0,
            load_kg_s=8.0,
            dig_wh_kg=0.15,
        ),
        home=home,
    )


def computer(name: str) -> NodeSpec:
    """Give a computer of the data centre."""
    return NodeSpec(
        name=NodeId(name),
        kind="computer",
        capabilities=(Capability.COMPUTE,),
        computer=ComputerSpec(slots=2, memory_mib=4_096),
    )


def task(name: str, kind: TaskKind, **fields: object) -> Task:
    """Give a task."""
    return msgspec.convert({"id": name, "kind": kind, **fields}, Task)
