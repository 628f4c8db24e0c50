"""Two yards with a lane between them, 200 m long and one machine wide, with one passing place.

Each yard is home to two rovers, whose work lies in the other one: whoever goes out meets somebody
who comes home. Nothing but retreat, or the rule who goes first, keeps them from standing head to
head in the lane.
"""

from lunaredge.ids import NodeId, OrderId, SiteId
from lunaredge.model.fleet import Capability, Fleet
from lunaredge.model.site import Site, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.scenarios.parts import box, machine, task, terrain, zone
from lunaredge.sim.scenarios.plan import START_NS, Due, Scenario, contacts

CELL_M = 2.0
ROWS, COLUMNS = 40, 160
# Homes by rover, and the zone that its work lies in.
HOMES = {
    "rover-1": (15.0, 20.0),
    "rover-2": (305.0, 60.0),
    "rover-3": (15.0, 60.0),
    "rover-4": (305.0, 20.0),
}
FAR = {"rover-1": "east", "rover-2": "west", "rover-3": "far-east", "rover-4": "far-west"}
ROUNDS = 2


def lane() -> Scenario:
    """Give the two yards, and work for everybody at the other end."""
    nodes = [machine(name, (Capability.SURVEY,), home) for name, home in HOMES.items()]
    return Scenario(
        name="lane",
        site=_site(),
        fleet=Fleet(nodes=tuple(nodes)),
        orders=(Due(order=_order()),),
        plan=contacts(48 * 3_600.0),
        start_ns=START_NS,
        battery_ratio_min=0.2,
        work_s_max=4 * 3_600.0,
    )


def _site() -> Site:
    walls = (
        box(60.0, 4.0, 260.0, 36.0),
        box(60.0, 44.0, 150.0, 76.0),
        box(150.0, 54.0, 166.0, 76.0),
        box(166.0, 44.0, 260.0, 76.0),
    )
    return Site(
        name=SiteId("lane"),
        title="Two yards and a lane, made in code",
        boundary=box(2.0, 2.0, 318.0, 78.0),
        terrain=terrain(CELL_M, ROWS, COLUMNS, lambda x_m, y_m: 0.0),
        zones=(
            *(
                zone(f"wall-{number}", ZoneKind.KEEP_OUT, wall)
                for number, wall in enumerate(walls, start=1)
            ),
            zone("west", ZoneKind.WORK, box(34.0, 12.0, 44.0, 20.0)),
            zone("far-west", ZoneKind.WORK, box(34.0, 60.0, 44.0, 68.0)),
            zone("east", ZoneKind.WORK, box(276.0, 60.0, 286.0, 68.0)),
            zone("far-east", ZoneKind.WORK, box(276.0, 12.0, 286.0, 20.0)),
            zone("park-west", ZoneKind.CHARGE, box(6.0, 8.0, 24.0, 72.0)),
            zone("park-east", ZoneKind.CHARGE, box(296.0, 8.0, 314.0, 72.0)),
        ),
        regolith_kg_m3=1_700.0,
    )


def _order() -> WorkOrder:
    return WorkOrder(
        id=OrderId("lane-job"),
        title="Look at the other yard",
        tasks=tuple(_look(name, number) for number in range(1, ROUNDS + 1) for name in HOMES),
    )


def _look(name: str, number: int) -> Task:
    after = [f"look-{name}-{number - 1}"] if number > 1 else []
    return task(
        f"look-{name}-{number}",
        TaskKind.SURVEY,
        zone=FAR[name],
        only_on=[NodeId(name)],
        after=after,
        # Long enough that it is home again by then.
        release_s=(number - 1) * 1_200.0,
    )
