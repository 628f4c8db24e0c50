"""The small site, for tests that must be quick: five machines and a computer, one job.

Gentle ground of 150 m x 120 m, one gap that everybody must pass, and a job of well under an hour of
virtual time.
"""

import math

from msgspec.structs import replace

from lunaredge.ids import NodeId, OrderId, SiteId, TaskId
from lunaredge.model.fleet import Capability, Fleet
from lunaredge.model.site import Site, TerrainGrid, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.scenarios.parts import box, computer, machine, task, terrain, zone
from lunaredge.sim.scenarios.plan import START_NS, Due, Scenario, contacts

CELL_M = 2.0
ROWS, COLUMNS = 60, 75
HOME_X_M = 15.0

STANDS = {"a": (77.5, 26.0), "b": (55.5, 98.0)}


def small() -> Scenario:
    """Give the small site and its job."""
    return Scenario(
        name="small",
        site=_site(),
        fleet=_fleet(),
        orders=(Due(order=_order()),),
        plan=contacts(48 * 3_600.0),
        start_ns=START_NS,
        battery_ratio_min=0.06,
        work_s_max=4 * 3_600.0,
    )


def swap() -> Scenario:
    """Give the small site with two excavators that change places: each waits for the other."""
    excavators = ("excavator-1", "excavator-2")
    order = WorkOrder(
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
    )
    return replace(
        small(),
        name="swap",
        fleet=Fleet(
            nodes=tuple(
                machine(name, (Capability.EXCAVATE,), (HOME_X_M, home_y_m))
                for name, home_y_m in zip(excavators, (20.0, 100.0), strict=True)
            )
        ),
        orders=(Due(order=order),),
    )


def ramp() -> Scenario:
    """Give the small site with a ramp on the way home, on which no machine may stand."""
    site = _site()
    slope = zone("ramp", ZoneKind.NO_STANDING, box(34.0, 64.0, 60.0, 84.0))
    return replace(small(), name="ramp", site=replace(site, zones=(*site.zones, slope)))


def _site() -> Site:
    return Site(
        name=SiteId("small"),
        title="A gentle site made in code",
        boundary=box(2.0, 2.0, 148.0, 118.0),
        terrain=_terrain(),
        zones=(
            zone("crater", ZoneKind.KEEP_OUT, box(40.0, 50.0, 52.0, 62.0)),
            # Between pits and berms there is one gap, too narrow for two machines.
            zone("ridge-south", ZoneKind.KEEP_OUT, box(98.0, 6.0, 102.0, 49.0)),
            zone("ridge-north", ZoneKind.KEEP_OUT, box(98.0, 57.0, 102.0, 114.0)),
            zone("pad", ZoneKind.WORK, box(64.0, 70.0, 80.0, 84.0)),
            zone("pit-a", ZoneKind.WORK, box(62.0, 20.0, 74.0, 32.0)),
            zone("heap-a", ZoneKind.WORK, box(81.0, 24.0, 85.0, 28.0)),
            zone("berm-a", ZoneKind.WORK, box(124.0, 70.0, 130.0, 76.0)),
            zone("pit-b", ZoneKind.WORK, box(40.0, 92.0, 52.0, 104.0)),
            zone("heap-b", ZoneKind.WORK, box(59.0, 96.0, 63.0, 100.0)),
            zone("berm-b", ZoneKind.WORK, box(124.0, 30.0, 130.0, 36.0)),
            zone("park", ZoneKind.CHARGE, box(6.0, 8.0, 24.0, 112.0)),
        ),
        regolith_kg_m3=1_700.0,
    )


def _terrain() -> TerrainGrid:
    """Rolling ground: the steepest slope is under 2 degrees."""

    def height_m(x_m: float, y_m: float) -> float:
        return 0.5 * math.sin(x_m / 30.0) + 0.4 * math.cos(y_m / 25.0)

    return terrain(CELL_M, ROWS, COLUMNS, height_m)


def _fleet() -> Fleet:
    machines = (
        ("excavator-1", (Capability.EXCAVATE,), 60.0),
        ("hauler-1", (Capability.HAUL,), 20.0),
        ("hauler-2", (Capability.HAUL,), 100.0),
        ("grader-1", (Capability.GRADE, Capability.COMPACT), 40.0),
        ("rover-1", (Capability.SURVEY,), 80.0),
    )
    nodes = [machine(name, tools, (HOME_X_M, home_y_m)) for name, tools, home_y_m in machines]
    return Fleet(nodes=(*nodes, computer("computer-1")))


def _dig(side: str, mass_kg: float, on: str, after: list[str]) -> Task:
    return Task(
        id=TaskId(f"dig-{side}-{mass_kg:.0f}"),
        kind=TaskKind.EXCAVATE,
        zone=f"pit-{side}",
        pile=f"heap-{side}",
        mass_kg=mass_kg,
        stand=STANDS[side],
        only_on=(NodeId(on),),
        after=tuple(TaskId(before) for before in after),
    )


def _order() -> WorkOrder:
    return WorkOrder(
        id=OrderId("small-job"),
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
                for side, stand in STANDS.items()
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
