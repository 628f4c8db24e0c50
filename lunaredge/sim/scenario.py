"""What is simulated: a site, its fleet, the job, the Earth link's plan, and everybody's keys.

The standard site is made here in code: gentle ground of 150 m x 120 m, five machines and a
computer, one gap that everybody must pass, and a job of well under an hour of virtual time.
"""

import array
import hashlib
import math
import sys

import msgspec
from msgspec.structs import replace

from lunaredge.ids import KeyId, NodeId, OrderId, SiteId, TaskId
from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.model.fleet import Capability, ComputerSpec, Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Polygon, Site, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.units import ns_from_s
from lunaredge.wire import topics
from lunaredge.wire.seal import Keyring, PublicKey, Role, Signer

# 2027-01-15T08:00:00Z, so that site times look like real ones.
START_NS = 1_800_000_000 * 1_000_000_000

OPERATOR = KeyId("operator-sim")

BATTERY_WH = 4_000.0
RESERVE_WH = 400.0

CELL_M = 2.0
ROWS, COLUMNS = 60, 75


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One job on one site."""

    name: str
    site: Site
    fleet: Fleet
    order: WorkOrder
    plan: ContactPlan
    start_ns: int
    battery_ratio_min: float = 1.0
    """The least share of the charge over the reserve that the job can be done with."""
    work_s_max: float
    """Once everything is healed, the job must be done within this virtual time."""


class Keys:
    """Every holder's signer, and the keyring that all of them trust."""

    def __init__(self, fleet: Fleet) -> None:
        roles = {
            KeyId(topics.SCHEDULER): Role.SCHEDULER,
            KeyId(topics.GATEWAY): Role.GATEWAY,
            KeyId(topics.EARTH): Role.EARTH,
            OPERATOR: Role.OPERATOR,
        }
        roles |= {KeyId(node.name): Role.NODE for node in fleet.nodes}
        self.signers = {name: simulated_signer(name, role) for name, role in roles.items()}
        publics: dict[KeyId, PublicKey] = {
            name: signer.public for name, signer in self.signers.items()
        }
        self.keyring = Keyring(publics)

    def signer(self, name: str) -> Signer:
        """Give a holder's signer."""
        return self.signers[KeyId(name)]


def simulated_signer(name: str, role: Role) -> Signer:
    """Give a signer whose secret is its name: fit for simulation and for nothing else."""
    return Signer(KeyId(name), role, hashlib.sha256(f"simulated {name}".encode()).digest())


def standard() -> Scenario:
    """Give the small standard site and its job."""
    return Scenario(
        name="standard",
        site=_site(),
        fleet=_fleet(),
        order=_order(),
        plan=_plan(),
        start_ns=START_NS,
        battery_ratio_min=0.06,
        work_s_max=4 * 3_600.0,
    )


def swap() -> Scenario:
    """Give the standard site with two excavators that change places: each waits for the other."""
    base = standard()
    excavators = ("excavator-1", "excavator-2")
    return replace(
        base,
        name="swap",
        fleet=Fleet(
            nodes=tuple(
                _machine(name, (Capability.EXCAVATE,), home_y_m)
                for name, home_y_m in zip(excavators, (20.0, 100.0), strict=True)
            )
        ),
        order=WorkOrder(
            id=OrderId("swap-job"),
            title="Two pits by turns",
            tasks=tuple(
                _dig(side, mass_kg, on, after)
                for mass_kg, turn, after in (
                    (300.0, excavators, []),
                    (600.0, excavators[::-1], ["dig-a-300", "dig-b-300"]),
                )
                for side, on in zip("ab", turn, strict=True)
            ),
        ),
    )


def with_batteries(scenario: Scenario, ratio: float) -> Scenario:
    """Give the scenario with batteries that hold only a share of their charge over the reserve."""
    nodes = tuple(_with_battery(node, ratio) for node in scenario.fleet.nodes)
    return replace(scenario, fleet=Fleet(nodes=nodes))


def _with_battery(node: NodeSpec, ratio: float) -> NodeSpec:
    machine = node.machine
    if machine is None:
        return node
    usable_wh = machine.battery_wh - machine.reserve_wh
    battery_wh = machine.reserve_wh + ratio * usable_wh
    return replace(node, machine=replace(machine, battery_wh=battery_wh))


def _plan() -> ContactPlan:
    """Contacts of 25 minutes with 15 minutes between them, for two days; light time as it is."""
    contacts = []
    for i in range(72):
        start_ns = START_NS + ns_from_s(i * 2_400.0)
        contacts.append(
            Contact(
                link="relay",
                start_ns=start_ns,
                end_ns=start_ns + ns_from_s(1_500.0),
                light_time_s=1.3,
            )
        )
    return ContactPlan(contacts=tuple(contacts))


def _site() -> Site:
    return Site(
        name=SiteId("standard"),
        title="A gentle site made in code",
        boundary=_box(2.0, 2.0, 148.0, 118.0),
        terrain=_terrain(),
        zones=(
            _zone("crater", ZoneKind.KEEP_OUT, 40.0, 50.0, 52.0, 62.0),
            # Between pits and berms there is one gap, too narrow for two machines.
            _zone("ridge-south", ZoneKind.KEEP_OUT, 98.0, 6.0, 102.0, 49.0),
            _zone("ridge-north", ZoneKind.KEEP_OUT, 98.0, 57.0, 102.0, 114.0),
            _zone("pad", ZoneKind.WORK, 64.0, 70.0, 80.0, 84.0),
            _zone("pit-a", ZoneKind.WORK, 62.0, 20.0, 74.0, 32.0),
            _zone("heap-a", ZoneKind.WORK, 81.0, 24.0, 85.0, 28.0),
            _zone("berm-a", ZoneKind.WORK, 124.0, 70.0, 130.0, 76.0),
            _zone("pit-b", ZoneKind.WORK, 40.0, 92.0, 52.0, 104.0),
            _zone("heap-b", ZoneKind.WORK, 59.0, 96.0, 63.0, 100.0),
            _zone("berm-b", ZoneKind.WORK, 124.0, 30.0, 130.0, 36.0),
            _zone("park", ZoneKind.CHARGE, 6.0, 8.0, 24.0, 112.0),
        ),
        regolith_kg_m3=1_700.0,
    )


def _terrain() -> TerrainGrid:
    """Rolling ground: the steepest slope is under 2 degrees."""
    heights = array.array("f")
    for row in range(ROWS):
        for column in range(COLUMNS):
            x_m, y_m = (column + 0.5) * CELL_M, (row + 0.5) * CELL_M
            heights.append(0.5 * math.sin(x_m / 30.0) + 0.4 * math.cos(y_m / 25.0))
    if sys.byteorder == "big":
        heights.byteswap()
    return TerrainGrid(
        x_m=0.0, y_m=0.0, cell_m=CELL_M, rows=ROWS, columns=COLUMNS, heights_m=heights.tobytes()
    )


def _fleet() -> Fleet:
    computer = ComputerSpec(slots=2, memory_mib=4_096)
    return Fleet(
        nodes=(
            _machine("excavator-1", (Capability.EXCAVATE,), 60.0),
            _machine("hauler-1", (Capability.HAUL,), 20.0),
            _machine("hauler-2", (Capability.HAUL,), 100.0),
            _machine("grader-1", (Capability.GRADE, Capability.COMPACT), 40.0),
            _machine("rover-1", (Capability.SURVEY,), 80.0),
            NodeSpec(
                name=NodeId("computer-1"),
                kind="computer",
                capabilities=(Capability.COMPUTE,),
                computer=computer,
            ),
        )
    )


def _machine(name: str, capabilities: tuple[Capability, ...], home_y_m: float) -> NodeSpec:
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
        home=(15.0, home_y_m),
    )


STANDS = {"a": (77.5, 26.0), "b": (55.5, 98.0)}


def _dig(side: str, mass_kg: float, on: str, after: list[str]) -> Task:
    return Task(
        id=TaskId(f"dig-{side}-{mass_kg:.0f}"),
        kind=TaskKind.EXCAVATE,
        zone=f"pit-{side}",
        pile=f"heap-{side}",
        mass_kg=mass_kg,
        stand=STANDS[side],
        only_on=(NodeId(on),),
        after=tuple(TaskId(task) for task in after),
    )


def _order() -> WorkOrder:
    def task(name: str, kind: TaskKind, **fields: object) -> Task:
        return msgspec.convert({"id": name, "kind": kind, **fields}, Task)

    return WorkOrder(
        id=OrderId("standard-job"),
        title="Pad and berm",
        tasks=(
            task("survey-pad", TaskKind.SURVEY, zone="pad"),
            task("map-pad", TaskKind.FUSE_TERRAIN, after=["survey-pad"]),
            task("grade-pad", TaskKind.GRADE, zone="pad", after=["map-pad"]),
            task("compact-pad", TaskKind.COMPACT, zone="pad", after=["grade-pad"]),
            *(
                task(
                    f"dig-{side}",
                    TaskKind.EXCAVATE,
                    zone=f"pit-{side}",
                    pile=f"heap-{side}",
                    mass_kg=900.0,
                    stand=stand,
                )
                for side, stand in (("a", (77.5, 26.0)), ("b", (55.5, 98.0)))
            ),
            *(
                task(
                    f"haul-{side}",
                    TaskKind.HAUL,
                    after=[f"dig-{side}"],
                    mass_kg=900.0,
                    pile=f"heap-{side}",
                    to_pile=f"berm-{side}",
                    stand=stand,
                    to_stand=to_stand,
                )
                for side, stand, to_stand in (
                    ("a", (88.5, 26.0), (120.5, 73.0)),
                    ("b", (66.5, 98.0), (120.5, 33.0)),
                )
            ),
            task("survey-berm", TaskKind.SURVEY, zone="berm-a", needs_earth=True),
            task("map-berm", TaskKind.FUSE_TERRAIN, after=["survey-berm"]),
        ),
    )


def _zone(name: str, kind: ZoneKind, x1_m: float, y1_m: float, x2_m: float, y2_m: float) -> Zone:
    return Zone(name=name, kind=kind, polygon=_box(x1_m, y1_m, x2_m, y2_m))


def _box(x1_m: float, y1_m: float, x2_m: float, y2_m: float) -> Polygon:
    return ((x1_m, y1_m), (x2_m, y1_m), (x2_m, y2_m), (x1_m, y2_m))
