"""What refuses a task on a node whatever the plan, and however long it waits.

Owns the constraints' names, and those of them that the problem alone decides. What another plan
could change is looked at by `trial`.
"""

import enum
from collections.abc import Iterator, Sequence

import msgspec

from lunaredge.placement.problem import Machine, Node, Resources, Task, end_of
from lunaredge.placement.replay import Replay, work_of

_RESOURCES = Resources.__struct_fields__
_UNITS = {"mcores": "mcores", "mib": "MiB", "kg": "kg", "w": "W", "kbit_s": "kbit/s"}


class Constraint(enum.StrEnum):
    """What refuses a task; the most decisive first.

    The first five refuse it everywhere. Up to `POWER` only another problem would help, and from
    `APART` on another plan.
    """

    UNKNOWN = "unknown"
    """It is to come after a task that is not in the problem."""
    CIRCLE = "circle"
    """It waits for itself."""
    APPROVAL = "approval"
    UNPLACED = "unplaced"
    """A task before it is not placed."""
    PARTNER = "partner"
    """The task that it meets can't be placed, or not at the same second."""
    KIND = "kind"
    PIN = "pin"
    BAN = "ban"
    CAPABILITY = "capability"
    HEALTH = "health"
    RESOURCE = "resource"
    PLACE = "place"
    WAY = "way"
    HOME = "home"
    WINDOW = "window"
    """It takes longer than the time in which it may be done."""
    LIGHT = "light"
    BATTERY = "battery"
    POWER = "power"
    """It draws more than the bus ever gives."""
    APART = "apart"
    ORDER = "order"
    """The tasks before it end too late."""
    BUSY = "busy"
    ENERGY = "energy"
    CHARGE = "charge"
    POST = "post"
    BUS = "bus"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task can't be placed on a node, or anywhere."""

    constraint: Constraint
    detail: str
    """What is asked and what there is, with their units."""
    is_final: bool = False
    """Neither another plan nor waiting would change it."""
    missing: int | None = None
    """How much is missing, in the unit of the detail; None where it is no amount."""


def listed(names: Sequence[str]) -> str:
    """Name up to four."""
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more if names else "nothing"


class Obstacles:
    """What the problem alone says of one task on each node."""

    def __init__(self, replay: Replay, task: Task) -> None:
        self._replay = replay
        self._task = task
        partner = replay.partners.get(task.id)
        unit = (task,) if partner is None else (task, replay.tasks[partner])
        # They start together, so neither does before both may.
        self.from_s = max(0, *(max(one.release_s, one.approved_s or 0) for one in unit))
        self._sources: dict[str, set[int]] = {}

    def on(self, node: Node) -> list[Refusal]:
        """Give what refuses the task on a node, the most decisive first."""
        found = [*self._by_name(node)]
        if work_of(self._task, node) is not None:
            found += self._in_time(node)
            found += self._on_bus(node) if node.machine is None else self._on_site(node)
        return found

    def _by_name(self, node: Node) -> Iterator[Refusal]:
        """Compare what the task asks of a node with what it is and has."""
        task = self._task
        if work_of(task, node) is None:
            kinds = listed([mode.kind for mode in task.modes])
            yield _final(Constraint.KIND, f"runs on {kinds}, this is {node.kind}")
        if task.only_on and node.id not in task.only_on:
            yield _final(Constraint.PIN, f"is pinned to {listed(task.only_on)}")
        if node.id in task.not_on:
            yield _final(Constraint.BAN, "is banned from it")
        lacks = [name for name in task.capabilities if name not in node.capabilities]
        if lacks:
            yield _final(Constraint.CAPABILITY, f"needs {listed(lacks)}", len(lacks))
        less = task.health_pct_min - node.health_pct
        if less > 0:
            detail = f"needs {task.health_pct_min} % health, has {node.health_pct} %"
            yield _final(Constraint.HEALTH, detail, less)
        for name in _RESOURCES:
            needs, has = getattr(task.needs, name), getattr(node.has, name)
            if needs > has:
                detail = f"needs {_amount(needs, name)}, has {_amount(has, name)}"
                yield _final(Constraint.RESOURCE, detail, needs - has)

    def _in_time(self, node: Node) -> Iterator[Refusal]:
        """Compare the time that it takes with the time in which it may be done."""
        task, replay = self._task, self._replay
        duration_s, _ = _known(work_of(task, node))
        from_s, latest_s = max(self.from_s, node.ready_s), replay.latest_s(task)
        missing_s = from_s + duration_s - latest_s
        if missing_s > 0:
            detail = f"takes {duration_s} s, may start at {from_s} s and must end by {latest_s} s"
            yield _final(Constraint.WINDOW, detail, missing_s)
        elif task.needs_light:
            light_s = replay.light_from_s(from_s, duration_s)
            missing_s = light_s + duration_s - latest_s
            if missing_s > 0:
                detail = f"takes {duration_s} s in light, which lasts so long only from {light_s} s"
                detail += f" on, and must end by {latest_s} s"
                yield _final(Constraint.LIGHT, detail, missing_s)

    def _on_bus(self, node: Node) -> Iterator[Refusal]:
        duration_s, energy_j = _known(work_of(self._task, node))
        watts = -(-energy_j // duration_s) if node.is_on_bus else 0
        missing_w = watts - self._replay.ceiling_w
        if missing_w > 0:
            detail = f"draws {watts} W, the bus gives {self._replay.ceiling_w} W at most"
            yield _final(Constraint.POWER, detail, missing_w)

    def _on_site(self, node: Node) -> Iterator[Refusal]:
        """Look whether a machine can get there, do it, and get home."""
        task, replay, machine = self._task, self._replay, node.machine
        assert machine is not None
        place, end_place = task.place, end_of(task)
        if place is None or end_place is None:
            yield _final(Constraint.PLACE, "has no place, which a machine must go to")
            return
        if not self._is_reached(node, machine, place):
            origin = replay.origin(node, machine)
            yield _final(Constraint.WAY, f"no way leads from place {origin} to place {place}")
        home_j = replay.home_j(machine, end_place)
        if home_j is None:
            yield _final(Constraint.HOME, f"no way leads from place {end_place} to any charger")
        else:
            yield from self._by_battery(node, machine, home_j)

    def _by_battery(self, node: Node, machine: Machine, home_j: int) -> Iterator[Refusal]:
        """Compare what is in the battery at most with what is used and left at the least."""
        replay, place = self._replay, self._task.place
        assert place is not None
        sources = {replay.origin(node, machine), *replay.posts, *self._ends(node.kind)}
        ways = [replay.way(machine, source, place) for source in sources]
        trip_j = min((way[1] for way in ways if way is not None), default=0)
        _, energy_j = _known(work_of(self._task, node))
        most_j = max(machine.charge_j, machine.battery_j if replay.posts else 0)
        missing_j = energy_j + trip_j + machine.reserve_j + home_j - most_j
        if missing_j > 0:
            holds = "its battery holds" if replay.posts else "no charger is there, it has"
            detail = f"takes {energy_j} J and {trip_j} J of travel, must leave {machine.reserve_j}"
            detail += f" J of reserve and {home_j} J for the way home; {holds} {most_j} J"
            yield _final(Constraint.BATTERY, detail, missing_j)

    def _is_reached(self, node: Node, machine: Machine, place: int) -> bool:
        """Tell whether a machine can get to a place, by whatever chargers and tasks."""
        replay, open_places = self._replay, [self._replay.origin(node, machine)]
        if replay.way(machine, open_places[0], place) is not None:
            return True
        steps = {(charger, charger) for charger in replay.posts} | self._moves(node.kind)
        seen = set(open_places)
        for source in open_places:
            if replay.way(machine, source, place) is not None:
                return True
            for target, end in steps:
                if end not in seen and replay.way(machine, source, target) is not None:
                    seen.add(end)
                    open_places.append(end)
        return False

    def _ends(self, kind: str) -> set[int]:
        """Give where the other tasks of a kind of node end."""
        if kind not in self._sources:
            self._sources[kind] = {end for _, end in self._moves(kind)}
        return self._sources[kind]

    def _moves(self, kind: str) -> set[tuple[int, int]]:
        """Give from where to where the other tasks of a kind of node go."""
        return {
            (task.place, task.place if task.end_place is None else task.end_place)
            for task in self._replay.problem.tasks
            if task.place is not None
            and task.id != self._task.id
            and any(mode.kind == kind for mode in task.modes)
        }


def _final(constraint: Constraint, detail: str, missing: int | None = None) -> Refusal:
    return Refusal(constraint=constraint, detail=detail, is_final=True, missing=missing)


def _amount(amount: int, name: str) -> str:
    """Give an amount of a resource with its unit: ``80 kg of payload``."""
    for ending, unit in _UNITS.items():
        if name.endswith(f"_{ending}"):
            return f"{amount} {unit} of {name.removesuffix(f'_{ending}')}"
    return f"{amount} {name}"


def _known(taken: tuple[int, int] | None) -> tuple[int, int]:
    assert taken is not None
    return taken
