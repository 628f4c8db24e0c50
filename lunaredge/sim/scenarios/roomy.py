"""The roomy site: twelve machines on long ways of their own, to measure what authorities cost.

Flat ground of 400 m x 300 m. Each machine digs a little at one end of its lane, then at the other,
and so on: almost all of its time it drives. The last two cross each other's way; nobody else meets.
"""

from collections.abc import Sequence

from lunaredge.ids import OrderId, SiteId
from lunaredge.model.fleet import Capability, Fleet
from lunaredge.model.site import Point, Site, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.scenarios.parts import box, machine, task, terrain, zone
from lunaredge.sim.scenarios.plan import START_NS, Due, Scenario, contacts

MACHINES = 12
LANE_Y_M, LANE_GAP_M = 20.0, 23.0
WEST_X_M, EAST_X_M = 50.0, 370.0
TRIPS = 10
DIG_KG = 8.0
WORK_S_MAX = 6 * 3_600.0


def roomy(lanes: Sequence[int] = range(MACHINES)) -> Scenario:
    """Give the roomy site with the machines of these lanes at work; the others are not there."""
    return Scenario(
        name="roomy",
        site=_site(),
        fleet=Fleet(
            nodes=tuple(
                machine(_name(lane), (Capability.EXCAVATE,), (16.0, _y_m(lane))) for lane in lanes
            )
        ),
        orders=tuple(Due(order=_order(lane)) for lane in lanes),
        plan=contacts(2 * WORK_S_MAX),
        start_ns=START_NS,
        work_s_max=WORK_S_MAX,
    )


def _site() -> Site:
    ends = [
        each
        for lane in range(MACHINES)
        for name, (x_m, y_m) in _ends(lane).items()
        for each in _end_zones(name, x_m, y_m)
    ]
    return Site(
        name=SiteId("roomy"),
        title="Flat ground with room for everybody",
        boundary=box(4.0, 4.0, 396.0, 296.0),
        terrain=terrain(2.5, 120, 160, lambda x_m, y_m: 0.0),
        zones=(*ends, zone("park", ZoneKind.CHARGE, box(6.0, 8.0, 26.0, 292.0))),
        regolith_kg_m3=1_700.0,
    )


def _name(lane: int) -> str:
    return f"excavator-{lane + 1}"


def _y_m(lane: int) -> float:
    return LANE_Y_M + lane * LANE_GAP_M


def _ends(lane: int) -> dict[str, Point]:
    """Give a machine's two stands; the last two machines' east ends are swapped."""
    east = {MACHINES - 2: MACHINES - 1, MACHINES - 1: MACHINES - 2}.get(lane, lane)
    return {f"west-{lane}": (WEST_X_M, _y_m(lane)), f"east-{lane}": (EAST_X_M, _y_m(east))}


def _end_zones(name: str, x_m: float, y_m: float) -> tuple[Zone, Zone]:
    """Give the pit north of a stand and the heap south of it."""
    return (
        zone(f"pit-{name}", ZoneKind.WORK, box(x_m - 2.0, y_m + 3.0, x_m + 2.0, y_m + 7.0)),
        zone(f"heap-{name}", ZoneKind.WORK, box(x_m - 2.0, y_m - 7.0, x_m + 2.0, y_m - 3.0)),
    )


def _order(lane: int) -> WorkOrder:
    """Give a machine's trips, each after the last, from end to end."""
    ends = tuple(_ends(lane).items())
    tasks: list[Task] = []
    for trip in range(TRIPS):
        name, stand = ends[trip % 2]
        tasks.append(
            task(
                f"trip-{lane}-{trip}",
                TaskKind.EXCAVATE,
                after=[before.id for before in tasks[-1:]],
                only_on=[_name(lane)],
                zone=f"pit-{name}",
                pile=f"heap-{name}",
                mass_kg=DIG_KG * (trip // 2 + 1),
                stand=stand,
            )
        )
    return WorkOrder(id=OrderId(f"lane-{lane}"), title=f"Lane {lane}", tasks=tuple(tasks))
