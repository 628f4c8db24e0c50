"""What refuses a task on a node whatever the plan, and however long it waits.

Owns the constraints' names, and those of them that the problem alone decides. What another plan
could change is looked at by `trial`.
"""

import enum
from collections.abc import Iterator, Sequence

import msgspec

from lunaredge.placement.access import Access
from lunaredge.placement.problem import Machine, Node, Resources, Task, end_of
from lunaredge.placement.replay import NEVER, Replay, work_of

_RESOURCES = Resources.__struct_fields__
_UNITS = {"mcores": "mcores", "mib": "MiB", "kg": "kg", "w": "W", "kbit_s": "kbit/s"}


class Constraint(enum.StrEnum):
    """What refuses a task; the most decisive first.

    The first five refuse it everywhere. Up to `POWER` only another problem would help, and from
    `APART` on another plan, but for what says of itself that it is final.
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
    READY = "ready"
    """The node is lost, or not ready before the horizon ends."""
    CAPABILITY = "capability"
    HEALTH = "health"
    RESOURCE = "resource"
    PLACE = "place"
    WAY = "way"
    HOME = "home"
    WINDOW = "window"
    """It takes longer than the time in which it may be done, or in which the node can be there."""
    LIGHT = "light"
    BATTERY = "battery"
    POWER = "power"
    """It, or the charge that it needs, draws more than the bus ever gives."""
    APART = "apart"
    ORDER = "order"
    """The tasks before it end too late."""
    BUSY = "busy"
    TRAVEL = "travel"
    """An idle machine comes too late from where it is."""
    CHARGE = "charge"
    """It must charge first, and is charged too late."""
    POST = "post"
    BUS = "bus"
    ENERGY = "energy"


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
    more = f" and {len(names) - 4:,} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more if names else "nothing"


class Obstacles:
    """What the problem alone says of one task on each node."""

    def __init__(self, replay: Replay, task: Task) -> None:
        self._replay = replay
        self._task = task
        self._access = Access(replay, task)
        self.from_s, self._since = _first_s(replay, task)

    def on(self, node: Node) -> list[Refusal]:
        """Give what refuses the task on a node, the most decisive first."""
        found = [*self._by_name(node)]
        if work_of(self._task, node) is None or node.ready_s >= self._replay.problem.horizon_s:
            return found
        timely = [*self._in_time(node)]
        found += timely
        if node.machine is None:
            return [*found, *self._on_bus(node)]
        sited = [*self._on_site(node, node.machine)]
        found += sited
        return found if timely or sited else [*found, *self._from_afar(node, node.machine)]

    def _by_name(self, node: Node) -> Iterator[Refusal]:
        """Compare what the task asks of a node with what it is and has."""
        task = self._task
        if work_of(task, node) is None:
            detail = f"{runs_on(task)}, this is {node.kind}" if task.modes else runs_on(task)
            yield _final(Constraint.KIND, detail)
        if task.only_on and node.id not in task.only_on:
            yield _final(Constraint.PIN, f"is pinned to {listed(task.only_on)}")
        if node.id in task.not_on:
            yield _final(Constraint.BAN, "is banned from it")
        horizon_s = self._replay.problem.horizon_s
        if node.ready_s >= horizon_s:
            detail = f"is lost, or not ready before the horizon ends at {horizon_s} s"
            yield _final(Constraint.READY, detail)
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
            since = " (it is ready then)" if node.ready_s > self.from_s else self._since
            detail = f"takes {duration_s} s, may start at {from_s} s{since} and must end by"
            yield _final(Constraint.WINDOW, f"{detail} {latest_s} s", missing_s)
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

    def _on_site(self, node: Node, machine: Machine) -> Iterator[Refusal]:
        """Look whether a machine can get there, do it, and get home."""
        task, replay = self._task, self._replay
        place, end_place = task.place, end_of(task)
        if place is None or end_place is None:
            yield _final(Constraint.PLACE, "the task has no place, and a machine must go to one")
            return
        if not self._access.is_reached(node, machine, place):
            origin = replay.outset(node, machine).place
            yield _final(Constraint.WAY, f"no way leads from place {origin} to place {place}")
        if replay.home_j(machine, end_place) is None:
            yield _final(Constraint.HOME, f"no way leads from place {end_place} to any charger")
        else:
            yield from self._by_battery(node, machine)

    def _by_battery(self, node: Node, machine: Machine) -> Iterator[Refusal]:
        """Compare what is in the battery at most with what is used and left at the least."""
        replay, (energy_j, trip_j, home_j) = self._replay, self._least_j(node, machine)
        least_j = energy_j + trip_j + machine.reserve_j + home_j
        most_j = max(machine.charge_j, machine.battery_j if replay.posts else 0)
        if least_j > most_j:
            holds = "its battery holds" if replay.posts else "no charger is there, it has"
            detail = f"takes {energy_j} J and {trip_j} J of travel, must leave {machine.reserve_j}"
            detail += f" J of reserve and {home_j} J for the way home; {holds} {most_j} J"
            yield _final(Constraint.BATTERY, detail, least_j - most_j)
            return
        charge_s, fed_s = self._charge(node, machine)
        if fed_s < replay.problem.horizon_s:
            return
        detail = f"must charge first: it has {machine.charge_j} J and needs {least_j} J;"
        if machine.charge_w > replay.ceiling_w:
            detail += f" a charge draws {machine.charge_w} W, the bus gives {replay.ceiling_w} W"
            missing_w = machine.charge_w - replay.ceiling_w
            yield _final(Constraint.POWER, f"{detail} at most", missing_w)
        else:
            detail += f" the bus never gives the {machine.charge_w} W of its charge for the"
            yield _final(Constraint.POWER, f"{detail} {charge_s} s that it takes at the least")

    def _from_afar(self, node: Node, machine: Machine) -> Iterator[Refusal]:
        """Look whether a machine can be there early enough, charged where it must be."""
        task, replay = self._task, self._replay
        duration_s, _ = _known(work_of(task, node))
        charge_s, fed_s = self._charge(node, machine)
        latest_s = replay.latest_s(task)
        enough_s = 0 if task.needs_light else latest_s - duration_s
        start_s = self._access.there_s(node, machine, charge_s, enough_s)
        start_s = max(self.from_s, start_s)
        if charge_s:
            start_s = max(start_s, fed_s + charge_s)
        if start_s >= NEVER:
            detail = f"must charge first, and no way by a charger leads to place {task.place}"
            yield _final(Constraint.CHARGE, detail)
            return
        constraint = Constraint.CHARGE if charge_s else Constraint.WINDOW
        outset = replay.outset(node, machine)
        set_up = " and its set-up" if replay.setup_s(outset.family, task.family) else ""
        detail = f"can't begin before {start_s} s, for its way there{set_up}"
        if charge_s:
            detail = f"must charge first, for {charge_s} s at the least"
            is_unfed = fed_s > outset.at_s
            detail += f", which the bus feeds from {fed_s} s on" if is_unfed else ""
            detail += f", and can't begin before {start_s} s"
        detail += f"; takes {duration_s} s"
        if task.needs_light:
            light_s = replay.light_from_s(start_s, duration_s)
            if light_s > start_s:
                detail += f" in light, which lasts so long only from {light_s} s on"
                start_s, constraint = light_s, Constraint.LIGHT
        missing_s = start_s + duration_s - latest_s
        if missing_s > 0:
            yield _final(constraint, f"{detail} and must end by {latest_s} s", missing_s)

    def _charge(self, node: Node, machine: Machine) -> tuple[int, int]:
        """Give how long it must charge before at the least, and from when on the bus can feed it.

        The first of its charges fills all that is missing at first, and maybe more. 0: it need not.
        """
        replay = self._replay
        if machine.charge_j >= sum(self._least_j(node, machine)) + machine.reserve_j:
            return 0, 0
        charge_s = -(-(machine.battery_j - machine.charge_j) // machine.charge_w)
        from_s = replay.outset(node, machine).at_s
        return charge_s, replay.fed_from_s(from_s, charge_s, machine.charge_w)

    def _least_j(self, node: Node, machine: Machine) -> tuple[int, int, int]:
        """Give what the task, a way to it and the way home take at the least."""
        replay, place, end_place = self._replay, self._task.place, end_of(self._task)
        assert place is not None
        assert end_place is not None
        trip_j = self._access.least_way_j(node, machine, place)
        _, energy_j = _known(work_of(self._task, node))
        return energy_j, trip_j, replay.home_j(machine, end_place) or 0


def runs_on(task: Task) -> str:
    """Say on what kinds of nodes a task runs."""
    kinds = listed([mode.kind for mode in task.modes])
    return f"runs on {kinds}" if task.modes else "has no modes, so that it runs nowhere"


def _first_s(replay: Replay, task: Task) -> tuple[int, str]:
    """Give when a task may start at the soonest, and by whose release or approval.

    Two that meet start together, so neither does before both may.
    """
    partner = replay.partners.get(task.id)
    firsts_s = [(0, ""), (task.release_s, " (its release)"), (task.approved_s or 0, " (approval)")]
    if partner is not None:
        other = replay.tasks[partner]
        firsts_s.append((other.release_s, f" (the release of {partner}, which it meets)"))
        firsts_s.append((other.approved_s or 0, f" (the approval of {partner}, which it meets)"))
    return max(firsts_s, key=lambda first: first[0])


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
