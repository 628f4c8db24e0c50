"""A hand calculation of the demo's order: how long each task takes, and what it costs a battery.

Written apart from the scheduler, so that the demo's sizing is checked by something else than what
it sizes. It knows nothing of waiting for corridors.
"""

import heapq
import math

import msgspec
from shapely import LineString
from shapely import Polygon as Shape

from lunaredge.model.fleet import Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Point, Site, ZoneKind
from lunaredge.model.task import CAPABILITY_OF_KIND, Task, TaskKind, WorkOrder
from lunaredge.runtime.files.contact_file import ContactFile
from lunaredge.units import SECONDS_PER_HOUR, ns_from_s, s_from_ns

# Asking for an authority, braking and setting off, for every leg.
LEG_S = 15.0
FUSE_S = 60.0
# A machine's half corridor: routes keep this far from keep-out zones.
CLEARANCE_M = 2.5
# Boots, census and the operator's submit, before the first task starts.
START_S = 120.0
# Earth is asked when the contact opens, and people look before they say yes.
EARTH_S = 60.0


class Entry(msgspec.Struct, frozen=True):
    """One task in the calculated run."""

    task: Task
    node: NodeSpec
    start_s: float
    end_s: float
    travel_m: float
    energy_wh: float


class Calculation:
    """The run in which every ready task goes to the first free node that can do it."""

    def __init__(self, site: Site, order: WorkOrder, contacts: ContactFile) -> None:
        self._site = site
        self._order = order
        self._contacts = contacts
        self._masses_kg = {
            task.pile: task.mass_kg for task in order.tasks if task.kind is TaskKind.EXCAVATE
        }
        self._done: dict[str, Entry] = {}

    def run(self, fleet: Fleet) -> list[Entry]:
        free_s = {node.name: START_S for node in fleet.nodes}
        places = {node.name: node.home for node in fleet.nodes}
        while len(self._done) < len(self._order.tasks):
            choices = [
                self._entry(task, node, max(free_s[node.name], ready_s), places[node.name])
                for task, ready_s in self._ready()
                for node in fleet.nodes
                if CAPABILITY_OF_KIND[task.kind] in node.capabilities
            ]
            entry = min(choices, key=lambda e: (e.start_s, e.task.priority, e.travel_m, e.task.id))
            self._done[entry.task.id] = entry
            free_s[entry.node.name] = entry.end_s
            places[entry.node.name] = self._place_after(entry.task)
        return list(self._done.values())

    def _ready(self) -> list[tuple[Task, float]]:
        return [
            (task, self._ready_s(task))
            for task in self._order.tasks
            if task.id not in self._done and all(other in self._done for other in task.after)
        ]

    def _ready_s(self, task: Task) -> float:
        ready_s = max((self._done[other].end_s for other in task.after), default=START_S)
        if not task.needs_earth:
            return ready_s
        plan, epoch_ns = self._contacts.plan, self._contacts.epoch_ns
        now_ns = epoch_ns + ns_from_s(ready_s)
        following = plan.next_after(now_ns)
        if plan.at(now_ns) is None and following is not None:
            ready_s = s_from_ns(following.start_ns - epoch_ns)
        return ready_s + EARTH_S

    def _entry(self, task: Task, node: NodeSpec, start_s: float, place: Point | None) -> Entry:
        spec = node.machine
        if spec is None:
            return Entry(task, node, start_s, start_s + FUSE_S, 0.0, 0.0)
        assert place is not None
        if task.kind is TaskKind.HAUL:
            travel_m, legs, work_s, work_w = self._haul(task, spec, place)
        elif task.kind is TaskKind.EXCAVATE:
            travel_m, legs = route_m(self._site, place, task.stand), 1
            work_s = task.mass_kg / spec.dig_kg_s
            work_w = spec.idle_w + spec.dig_kg_s * spec.dig_wh_kg * SECONDS_PER_HOUR
        else:
            travel_m, legs, work_s, work_w = self._cover(task, spec, place)
        drive_s = travel_m / spec.speed_m_s_max + legs * LEG_S
        energy_wh = (drive_s * spec.drive_w + work_s * work_w) / SECONDS_PER_HOUR
        return Entry(task, node, start_s, start_s + drive_s + work_s, travel_m, energy_wh)

    def _haul(self, task: Task, spec: MachineSpec, place: Point) -> tuple[float, int, float, float]:
        """Count the way back for a last look at the empty pile too."""
        mass_kg = self._masses_kg[task.pile]
        trips = math.ceil(mass_kg / spec.payload_kg_max)
        leg_m = route_m(self._site, task.stand, task.to_stand)
        travel_m = route_m(self._site, place, task.stand) + 2 * trips * leg_m
        return travel_m, 2 * trips + 1, 2 * mass_kg / spec.load_kg_s, spec.drive_w

    def _cover(
        self, task: Task, spec: MachineSpec, place: Point
    ) -> tuple[float, int, float, float]:
        west_m, south_m, width_m, height_m = _box(self._site, task.zone)
        travel_m = route_m(self._site, place, (west_m, south_m))
        lines = math.ceil(min(width_m, height_m) / spec.tool_width_m)
        along_m = lines * max(width_m, height_m) + min(width_m, height_m)
        work_s = along_m / spec.work_speed_m_s + lines * 180.0 / spec.turn_deg_s
        return travel_m, task.passes * lines, task.passes * work_s, spec.drive_w

    def _place_after(self, task: Task) -> Point | None:
        if task.kind is TaskKind.FUSE_TERRAIN:
            return None
        if task.stand is not None:
            return task.stand
        west_m, south_m, width_m, height_m = _box(self._site, task.zone)
        return (west_m + width_m, south_m + height_m)


def _box(site: Site, name: str) -> tuple[float, float, float, float]:
    xs, ys = zip(*site.zone(name).polygon, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def route_m(site: Site, source: Point, target: Point) -> float:
    """Give the length of the shortest way around the keep-out zones, over their widened corners."""
    zones = [
        Shape(zone.polygon).buffer(CLEARANCE_M, join_style="mitre")
        for zone in site.zones
        if zone.kind is ZoneKind.KEEP_OUT
    ]
    points = [source, target, *(p for zone in zones for p in zone.exterior.coords[:-1])]
    inner = [zone.buffer(-0.01) for zone in zones]
    best_m = {0: 0.0}
    queue = [(0.0, 0)]
    while queue:
        so_far_m, at = heapq.heappop(queue)
        if at == 1:
            return so_far_m
        if so_far_m > best_m[at]:
            continue
        for i, point in enumerate(points):
            length_m = so_far_m + math.dist(points[at], point)
            if length_m >= best_m.get(i, math.inf):
                continue
            line = LineString((points[at], point))
            if not any(line.intersects(zone) for zone in inner):
                best_m[i] = length_m
                heapq.heappush(queue, (length_m, i))
    raise AssertionError(f"no way from {source} to {target}")
