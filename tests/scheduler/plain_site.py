"""A plain site for the scheduler's tests: 80 x 80 m of level ground, four machines, a computer."""

import struct

from lunaredge.ids import NodeId, OrderId, SiteId, TaskId
from lunaredge.model.fleet import Capability, ComputerSpec, Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Polygon, Site, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder

CELLS = 40


def box(x_m: float, y_m: float, width_m: float, height_m: float) -> Polygon:
    # As from a file: a checkpoint gives floats back, and to a digest 30 is not 30.0.
    x_m, y_m = float(x_m), float(y_m)
    right_m, top_m = x_m + width_m, y_m + height_m
    return ((x_m, y_m), (right_m, y_m), (right_m, top_m), (x_m, top_m))


def plain_site() -> Site:
    terrain = TerrainGrid(
        x_m=0.0,
        y_m=0.0,
        cell_m=2.0,
        rows=CELLS,
        columns=CELLS,
        heights_m=struct.pack(f"<{CELLS * CELLS}f", *([0.0] * CELLS * CELLS)),
    )
    zones = (
        Zone(name="pad", kind=ZoneKind.WORK, polygon=box(30, 50, 14, 14)),
        Zone(name="pit", kind=ZoneKind.WORK, polygon=box(60, 20, 4, 4)),
        Zone(name="pile", kind=ZoneKind.WORK, polygon=box(66, 20, 3, 4)),
        Zone(name="berm", kind=ZoneKind.WORK, polygon=box(60, 60, 4, 4)),
        Zone(name="crater", kind=ZoneKind.KEEP_OUT, polygon=box(36, 26, 10, 10)),
    )
    return Site(
        name=SiteId("plain"),
        title="a plain",
        boundary=box(1, 1, 78, 78),
        terrain=terrain,
        zones=zones,
        regolith_kg_m3=1600.0,
    )


def machine() -> MachineSpec:
    return MachineSpec(
        length_m=2.0,
        width_m=1.4,
        mass_kg=66.0,
        speed_m_s_max=0.3,
        turn_deg_s=10.0,
        deceleration_m_s2=0.3,
        slope_deg_max=15.0,
        payload_kg_max=80.0,
        battery_wh=1400.0,
        reserve_wh=200.0,
        idle_w=10.0,
        drive_w=60.0,
        charge_w=200.0,
        tool_width_m=1.4,
        work_speed_m_s=0.2,
        dig_kg_s=0.03,
        load_kg_s=0.3,
        dig_wh_kg=4.0,
    )


def plain_fleet() -> Fleet:
    kinds = {
        "excavator-1": Capability.EXCAVATE,
        "grader-1": Capability.GRADE,
        "grader-2": Capability.GRADE,
        "hauler-1": Capability.HAUL,
    }
    machines = [
        NodeSpec(
            name=NodeId(name),
            kind=name.split("-")[0],
            capabilities=(capability,),
            machine=machine(),
            home=(8.0 + 8.0 * i, 8.0),
        )
        for i, (name, capability) in enumerate(kinds.items())
    ]
    computer = NodeSpec(
        name=NodeId("dc-1"),
        kind="computer",
        capabilities=(Capability.COMPUTE,),
        computer=ComputerSpec(slots=2, memory_mib=4096),
    )
    return Fleet(nodes=(*machines, computer))


def task(name: str, kind: TaskKind, **fields: object) -> Task:
    return Task(id=TaskId(name), kind=kind, **fields)  # type: ignore[arg-type]


def grade(name: str = "grade-pad", **fields: object) -> Task:
    return task(name, TaskKind.GRADE, zone="pad", **fields)


def order(*tasks: Task, name: str = "job") -> WorkOrder:
    return WorkOrder(id=OrderId(name), title="a job", tasks=tasks)
