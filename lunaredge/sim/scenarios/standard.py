"""The standard site: twelve machines, three computers, and orders that keep coming.

400 m x 300 m of gentle ground with one hill, a ridge with a gap too narrow for two machines and
room to go round it at both ends, a slow zone about the habitat. Three quarries are dug, hauled to
berms across the ridge, and three pads are surveyed, graded and compacted, again and again.
"""

import math

from lunaredge.ids import OrderId, SiteId
from lunaredge.model.fleet import Capability, Fleet
from lunaredge.model.site import Point, Site, TerrainGrid, Zone, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.scenarios.parts import box, computer, machine, task, terrain, zone
from lunaredge.sim.scenarios.plan import START_NS, Due, Scenario, contacts

CELL_M = 2.5
ROWS, COLUMNS = 120, 160

HOME_X_M, HOME_Y_M, HOME_GAP_M = 16.0, 34.0, 21.0

# An order is an hour of one machine's work, and its haulers wait for each other at stands and gap.
ORDER_EVERY_S = 1_800.0
# Two orders: behind by more than this, the site gets no new ones.
OPEN_MAX = 20
# Dug from a quarry with each order that names it: what one hauler carries.
DIG_KG = 400.0

# West ends of the pits; stands and heaps lie east of them, in a row.
QUARRIES: dict[str, Point] = {"a": (170.0, 120.0), "b": (170.0, 180.0), "c": (290.0, 60.0)}
# West ends of the berms; the stand lies west of each.
BERMS: dict[str, Point] = {"a": (330.0, 196.0), "b": (330.0, 236.0), "c": (110.0, 236.0)}
PADS = (
    box(280.0, 108.0, 298.0, 124.0),
    box(100.0, 180.0, 118.0, 196.0),
    box(340.0, 108.0, 356.0, 124.0),
)

# With all that is open at the end, an outage, and Earth's people slow to answer.
WORK_S_MAX = 8 * 3_600.0


def standard(hours: float = 1.0) -> Scenario:
    """Give the standard site with work for so long a safety phase."""
    assert hours > 0.0
    safety_s = hours * 3_600.0
    return Scenario(
        name="standard",
        site=_site(),
        fleet=_fleet(),
        orders=tuple(
            Due(at_s=number * ORDER_EVERY_S, order=_order(number))
            for number in range(math.ceil(safety_s / ORDER_EVERY_S))
        ),
        plan=contacts(safety_s + 2 * WORK_S_MAX),
        start_ns=START_NS,
        safety_s=safety_s,
        open_max=OPEN_MAX,
        battery_ratio_min=0.15,
        work_s_max=WORK_S_MAX,
    )


def _site() -> Site:
    quarries = [each for name, west in QUARRIES.items() for each in _quarry_zones(name, west)]
    berms = [
        zone(f"berm-{name}", ZoneKind.WORK, box(x_m, y_m - 6.0, x_m + 12.0, y_m + 6.0))
        for name, (x_m, y_m) in BERMS.items()
    ]
    pads = [zone(f"pad-{number}", ZoneKind.WORK, pad) for number, pad in enumerate(PADS)]
    return Site(
        name=SiteId("standard"),
        title="The standard site, made in code",
        boundary=box(4.0, 4.0, 396.0, 296.0),
        terrain=_terrain(),
        zones=(
            zone("crater", ZoneKind.KEEP_OUT, box(140.0, 205.0, 165.0, 228.0)),
            zone("habitat", ZoneKind.KEEP_OUT, box(62.0, 132.0, 84.0, 150.0)),
            zone("quiet", ZoneKind.SPEED, box(52.0, 122.0, 94.0, 160.0), 0.5),
            # One gap, too narrow for two machines; both ends of the ridge are free.
            zone("ridge-south", ZoneKind.KEEP_OUT, box(240.0, 50.0, 246.0, 141.0)),
            zone("ridge-north", ZoneKind.KEEP_OUT, box(240.0, 149.0, 246.0, 250.0)),
            *quarries,
            *berms,
            *pads,
            zone("park", ZoneKind.CHARGE, box(6.0, 20.0, 26.0, 280.0)),
        ),
        regolith_kg_m3=1_700.0,
    )


def _quarry_zones(name: str, west: Point) -> tuple[Zone, Zone]:
    x_m, y_m = west
    return (
        zone(f"pit-{name}", ZoneKind.WORK, box(x_m, y_m - 8.0, x_m + 16.0, y_m + 8.0)),
        zone(f"heap-{name}", ZoneKind.WORK, box(x_m + 23.0, y_m - 2.0, x_m + 27.0, y_m + 2.0)),
    )


def _terrain() -> TerrainGrid:
    """Rolling ground of under 2 degrees, and a hill whose flank rises by 9."""

    def height_m(x_m: float, y_m: float) -> float:
        hill_m = 6.0 * math.exp(-0.5 * ((x_m - 130.0) ** 2 + (y_m - 70.0) ** 2) / 22.0**2)
        return 0.5 * math.sin(x_m / 30.0) + 0.4 * math.cos(y_m / 25.0) + hill_m

    return terrain(CELL_M, ROWS, COLUMNS, height_m)


def _fleet() -> Fleet:
    kinds = (
        ("excavator", (Capability.EXCAVATE,), 3),
        ("hauler", (Capability.HAUL,), 4),
        ("grader", (Capability.GRADE, Capability.COMPACT), 3),
        ("rover", (Capability.SURVEY,), 2),
    )
    named = [
        (f"{kind}-{number}", tools)
        for kind, tools, count in kinds
        for number in range(1, count + 1)
    ]
    machines = [
        machine(name, tools, (HOME_X_M, HOME_Y_M + place * HOME_GAP_M))
        for place, (name, tools) in enumerate(named)
    ]
    computers = [computer(f"computer-{number}") for number in range(1, 4)]
    return Fleet(nodes=(*machines, *computers))


def _order(number: int) -> WorkOrder:
    """Give an order: two quarries and a pad by turns; every third asks for Earth's word besides."""
    names = tuple(QUARRIES)
    tasks = _pad_tasks(number)
    for turn in (number, number + 1):
        tasks += _quarry_tasks(number, names[turn % 3])
    if number % 3 == 0:
        berm = f"berm-{names[number // 3 % 3]}"
        survey = task(f"look-{number}", TaskKind.SURVEY, zone=berm, needs_earth=True)
        tasks += [survey, task(f"chart-{number}", TaskKind.FUSE_TERRAIN, after=[survey.id])]
    return WorkOrder(id=OrderId(f"shift-{number}"), title=f"Shift {number}", tasks=tuple(tasks))


def _pad_tasks(number: int) -> list[Task]:
    pad = f"pad-{number % 3}"
    return [
        task(f"survey-{number}", TaskKind.SURVEY, zone=pad),
        task(f"map-{number}", TaskKind.FUSE_TERRAIN, after=[f"survey-{number}"]),
        task(f"grade-{number}", TaskKind.GRADE, zone=pad, after=[f"map-{number}"]),
        task(f"compact-{number}", TaskKind.COMPACT, zone=pad, after=[f"grade-{number}"]),
    ]


def _quarry_tasks(number: int, name: str) -> list[Task]:
    """Dig deeper by one step, and haul what lies on the heap."""
    x_m, y_m = QUARRIES[name]
    to_x_m, to_y_m = BERMS[name]
    # Two haulers may be at one heap, and at one berm: they take the stands by turns.
    ways = (
        ((x_m + 30.5, y_m), (to_x_m - 3.5, to_y_m)),
        ((x_m + 25.0, y_m + 7.5), (to_x_m + 6.0, to_y_m + 10.5)),
    )
    stand, to_stand = ways[number % 2]
    dig = task(
        f"dig-{name}-{number}",
        TaskKind.EXCAVATE,
        zone=f"pit-{name}",
        pile=f"heap-{name}",
        # A goal is what has left the pit in all.
        mass_kg=DIG_KG * (number + 1),
        stand=(x_m + 19.5, y_m),
    )
    haul = task(
        f"haul-{name}-{number}",
        TaskKind.HAUL,
        after=[dig.id],
        mass_kg=DIG_KG,
        pile=f"heap-{name}",
        to_pile=f"berm-{name}",
        stand=stand,
        to_stand=to_stand,
    )
    return [dig, haul]
