"""A small site with two machines, and ways to drive them as an agent would."""

import struct
from collections.abc import Callable

import msgspec

from lunaredge.ids import NodeId, SiteId
from lunaredge.machine.world import World
from lunaredge.model.fleet import Capability, Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Point, Polygon, Site, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import WorkGoal
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Follow, Halt, MachineOrder, Sample, Work

SIDE = 24
CELL_M = 5.0
START_NS = 1_000 * NS_PER_S
LIFETIME_S = 2.0
ONE, TWO = NodeId("one"), NodeId("two")


def box(x_m: float, y_m: float, width_m: float, depth_m: float) -> Polygon:
    return ((x_m, y_m), (x_m + width_m, y_m), (x_m + width_m, y_m + depth_m), (x_m, y_m + depth_m))


def site(height_m: Callable[[float, float], float] = lambda x, y: 0.0) -> Site:
    centres = [(index + 0.5) * CELL_M for index in range(SIDE)]
    heights = [height_m(x, y) for y in centres for x in centres]
    terrain = TerrainGrid(
        x_m=0.0,
        y_m=0.0,
        cell_m=CELL_M,
        rows=SIDE,
        columns=SIDE,
        heights_m=struct.pack(f"<{SIDE * SIDE}f", *heights),
    )
    return Site(
        name=SiteId("proving-ground"),
        title="a proving ground",
        boundary=box(10, 10, 100, 100),
        terrain=terrain,
        zones=(
            Zone(name="pad", kind=ZoneKind.WORK, polygon=box(40, 40, 20, 12)),
            Zone(name="pit", kind=ZoneKind.WORK, polygon=box(24, 18, 4, 4)),
            Zone(name="heap", kind=ZoneKind.WORK, polygon=box(16, 18, 3, 4)),
            Zone(name="yard", kind=ZoneKind.CHARGE, polygon=box(16, 28, 12, 8)),
        ),
        regolith_kg_m3=1600.0,
    )


def spec(**changes: float) -> MachineSpec:
    figures: dict[str, float] = {
        "length_m": 2.0,
        "width_m": 1.2,
        "mass_kg": 100.0,
        "speed_m_s_max": 0.5,
        "turn_deg_s": 20.0,
        "deceleration_m_s2": 0.2,
        "slope_deg_max": 15.0,
        "payload_kg_max": 30.0,
        "battery_wh": 1000.0,
        "reserve_wh": 200.0,
        "idle_w": 30.0,
        "drive_w": 130.0,
        "charge_w": 300.0,
        "tool_width_m": 2.0,
        "work_speed_m_s": 0.25,
        "dig_kg_s": 0.5,
        "load_kg_s": 1.0,
        "dig_wh_kg": 1.0,
    }
    return MachineSpec(**(figures | changes))


def node(name: NodeId, home: Point, machine: MachineSpec) -> NodeSpec:
    every = tuple(Capability)
    return NodeSpec(name=name, kind="digger", capabilities=every, machine=machine, home=home)


class WellDriven(World):
    """A world whose drivers know the newest sample, whatever they order."""

    def order(self, machine: NodeId, frame: MachineOrder, now_ns: int) -> str | None:
        if not isinstance(frame, Halt):
            frame = msgspec.structs.replace(frame, basis_ns=self.now_ns - START_NS)
        return super().order(machine, frame, now_ns)


def world(
    *,
    machine: MachineSpec | None = None,
    homes: tuple[Point, Point] = ((20.0, 24.0), (20.0, 32.0)),
    ground: Site | None = None,
    seed: int = 7,
) -> World:
    machine = machine or spec()
    fleet = Fleet(nodes=(node(ONE, homes[0], machine), node(TWO, homes[1], machine)))
    return WellDriven(ground or site(), fleet, LIFETIME_S, seed, START_NS)


def follow(order_no: int, *path: Point, stop_m: float = 1e6, speed_m_s: float = 0.5) -> Follow:
    return Follow(
        order_no=order_no,
        basis_ns=0,
        path=path,
        stop_m=stop_m,
        speed_m_s=speed_m_s,
        tool=None,
        tool_from_m=0.0,
    )


def work(order_no: int, goal: WorkGoal) -> Work:
    return Work(order_no=order_no, basis_ns=0, goal=goal)


def place(site_of: World, machine: NodeId = ONE) -> Point:
    """Give where a machine measures itself to be."""
    sample = site_of.sample(machine)
    return sample.x_m, sample.y_m


def keep(
    held: World, order: Follow | Work, duration_s: float, machine: NodeId = ONE
) -> list[Sample]:
    """Give an order and refresh it twice a second; returns a sample for each refresh."""
    samples = []
    for _ in range(round(duration_s * 2)):
        refused = held.order(machine, order, held.now_ns)
        assert refused is None, refused
        held.advance(held.now_ns + NS_PER_S // 2 + 100_000_000)
        samples.append(held.sample(machine))
    return samples


def wait(held: World, duration_s: float) -> None:
    held.advance(held.now_ns + round(duration_s * NS_PER_S))
