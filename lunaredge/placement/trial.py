"""One task tried on one node, beside all that is in a plan: how it is done, or what refuses it.

A machine does the task after all others in its list, a computer beside the others. It starts as
soon as it can, or, where its battery doesn't last for the dark, as soon as it is light. It charges
before, as soon as it can, only where it could not do it without. So a node that refuses it here
might still take it between two others, or after a later charge.
"""

from dataclasses import dataclass

from lunaredge.placement.plan import Charge, Placed
from lunaredge.placement.problem import Machine, Node, Resources, Task, end_of
from lunaredge.placement.refusals import Constraint, Refusal, listed
from lunaredge.placement.replay import NEVER, Replay, Stand, work_of

_RESOURCES = Resources.__struct_fields__

Outcome = Placed | Refusal
"""How a task would be done, or what refuses it."""


@dataclass(frozen=True, slots=True)
class Charging:
    """A charge before the task, and what it waited for."""

    charge: Charge
    cause: Constraint
    trip: tuple[int, int]


class Trial:
    """The trial of one task on one node that nothing final refuses."""

    def __init__(self, replay: Replay, task: Task, node: Node) -> None:
        self._replay = replay
        self.task = task
        self._node = node
        taken = work_of(task, node)
        assert taken is not None
        self._duration_s, self._energy_j = taken
        self._latest_s = replay.latest_s(task)

    def from_s(self, from_s: int) -> list[Refusal] | Placed:
        """Give how the task is done from then on at the soonest, or all that refuses it."""
        if self._node.machine is None:
            outcome = self._on_computer(max(from_s, self._node.ready_s))
            return outcome if isinstance(outcome, Placed) else [outcome]
        return self._on_machine(self._node.machine, from_s)

    def _on_computer(self, from_s: int) -> Outcome:
        """Go from hindrance to hindrance until nothing is in the way."""
        start_s, cause, resource = from_s, Constraint.BUSY, ""
        while start_s + self._duration_s <= self._latest_s:
            light_s = start_s
            if self.task.needs_light:
                light_s = self._replay.light_from_s(start_s, self._duration_s)
            if light_s > start_s:
                start_s, cause = light_s, Constraint.LIGHT
                continue
            free_s, resource = self._taken_until(start_s)
            if free_s is not None:
                start_s, cause = free_s, Constraint.BUSY
                continue
            fed_s = self._bus_until_s(start_s, start_s + self._duration_s, self._watts)
            if fed_s is None:
                return self._placed(start_s)
            start_s, cause = fed_s, Constraint.BUS
        return self._too_late(cause, start_s, self._last_hindrance(cause, start_s, resource))

    def _last_hindrance(self, cause: Constraint, until_s: int, resource: str) -> str:
        """Say what is in the way until then."""
        if cause is Constraint.LIGHT:
            return f"in light again from {until_s} s on"
        if cause is Constraint.BUS:
            return "the bus can't feed it" + _until(until_s)
        if not resource:
            return f"may start at {until_s} s"
        names = self._replay.taken(self._node, resource).tasks_at(until_s - 1)
        return f"{resource} is taken until {until_s} s by {listed(names)}"

    @property
    def _watts(self) -> int:
        return -(-self._energy_j // self._duration_s) if self._node.is_on_bus else 0

    def _taken_until(self, start_s: int) -> tuple[int | None, str]:
        """Give until when a resource is taken that the task needs, and which."""
        for name in _RESOURCES:
            # Who needs none of it can't run either beside what is fixed and takes too much.
            profile = self._replay.taken(self._node, name)
            room = getattr(self._node.has, name) - getattr(self.task.needs, name)
            until_s = profile.over_until_s(start_s, start_s + self._duration_s, room)
            if until_s is not None:
                return until_s, name
        return None, ""

    def _bus_until_s(self, from_s: int, until_s: int, watts: int) -> int | None:
        """Give until when the bus can't give so much more."""
        if not self._replay.problem.bus or not watts:
            return None
        room = self._replay.ceiling_w - watts
        return self._replay.bus.over_until_s(from_s, until_s, room)

    def _on_machine(self, machine: Machine, from_s: int) -> list[Refusal] | Placed:
        line = self._replay.line(self._node)
        stand = self._replay.stand(self._node, machine, line[-1] if line else None)
        direct = self._work(machine, stand, from_s)
        if isinstance(direct, Placed):
            return direct
        charged = [
            outcome
            for place in sorted(self._replay.posts)
            if (outcome := self._by_charger(machine, stand, place, from_s)) is not None
        ]
        placed = [outcome for outcome in charged if isinstance(outcome, Placed)]
        if placed:
            return min(placed, key=lambda item: (item.start_s, item.travel_j))
        refused = [outcome for outcome in charged if isinstance(outcome, Refusal)]
        is_late = direct.constraint in (Constraint.BUSY, Constraint.TRAVEL, Constraint.LIGHT)
        if is_late or not refused:
            return [direct]
        # The charge by which it misses the least, by time before by energy.
        return [min(refused, key=_distance), direct]

    def _by_charger(
        self, machine: Machine, stand: Stand, place: int, from_s: int
    ) -> Outcome | None:
        """Try it after a charge at a place; None: there can be none, or the battery is full."""
        charging = self._charging(machine, stand, place)
        if charging is None or isinstance(charging, Refusal):
            return charging
        charge = charging.charge
        full = Stand(charge.end_s, place, machine.battery_j, stand.family, stand.task)
        outcome = self._work(machine, full, from_s, charging)
        if isinstance(outcome, Refusal) and outcome.constraint is Constraint.WAY:
            return None
        return outcome

    def _charging(self, machine: Machine, stand: Stand, place: int) -> Charging | Refusal | None:
        """Find the first charge at a place."""
        replay, trip = self._replay, self._replay.way(machine, stand.place, place)
        if trip is None:
            return None
        begin_s = max(stand.at_s, self._node.ready_s) + trip[0]
        floor_j, cause = replay.floor_j(self._node, machine), Constraint.CHARGE
        while True:
            level_j = stand.level_j - self._lost_j(machine, trip, stand.at_s, begin_s)
            if level_j < floor_j:
                detail = f"would come to the charger at place {place} with {level_j} J"
                detail += f", must have {floor_j} J"
                return _refusal(Constraint.ENERGY, detail, floor_j - level_j)
            lacks_j = machine.battery_j - level_j
            if lacks_j <= 0:
                return None
            end_s = begin_s + -(-lacks_j // machine.charge_w)
            room = replay.posts[place] - 1
            post_s = replay.charging(place).over_until_s(begin_s, end_s, room)
            bus_s = self._bus_until_s(begin_s, end_s, machine.charge_w)
            if post_s is None and bus_s is None:
                charge = Charge(place=place, begin_s=begin_s, end_s=end_s, energy_j=lacks_j)
                return Charging(charge, cause, trip)
            cause = Constraint.BUS if post_s is None else Constraint.POST
            begin_s = max(post_s or 0, bus_s or 0)
            if begin_s >= NEVER:
                detail = (
                    f"must charge, which draws {machine.charge_w} W that the bus never gives again"
                )
                return _refusal(Constraint.BUS, detail)

    def _work(
        self, machine: Machine, stand: Stand, from_s: int, charging: Charging | None = None
    ) -> Outcome:
        """Give how a machine does it as it stands, or what refuses it."""
        task, replay, place = self.task, self._replay, self.task.place
        assert place is not None
        trip = replay.way(machine, stand.place, place)
        if trip is None:
            behind = f" after {stand.task}" if stand.task else ""
            detail = f"no way leads from place {stand.place}, where it is{behind}, to place {place}"
            return _refusal(Constraint.WAY, detail)
        ready_s = max(stand.at_s, self._node.ready_s)
        ready_s += replay.setup_s(stand.family, task.family) + trip[0]
        start_s = max(from_s, ready_s)
        if start_s + self._duration_s > self._latest_s:
            return self._too_late(*self._held(stand, start_s, charging))
        light_s = replay.light_from_s(start_s, self._duration_s)
        is_too_late = light_s + self._duration_s > self._latest_s
        if task.needs_light and is_too_late:
            detail = f"there at {start_s} s, in light so long only from {light_s} s on"
            return self._too_late(Constraint.LIGHT, light_s, detail)
        starts_s = [light_s if task.needs_light else start_s]
        if not is_too_late and machine.reserve_dark_j > machine.reserve_j:
            # In the dark it must keep more, so that it may do to wait.
            starts_s.append(light_s)
        outcomes = [self._by_battery(machine, stand, trip, at_s, charging) for at_s in starts_s]
        return next((one for one in outcomes if isinstance(one, Placed)), outcomes[0])

    def _by_battery(
        self,
        machine: Machine,
        stand: Stand,
        trip: tuple[int, int],
        start_s: int,
        charging: Charging | None,
    ) -> Outcome:
        """Give how a machine does it from then on, if its battery lasts."""
        replay, end_s = self._replay, start_s + self._duration_s
        level_j = stand.level_j - self._lost_j(machine, trip, stand.at_s, start_s)
        level_j -= self._energy_j + machine.heat_w * replay.dark_s(start_s, end_s)
        kept_j = self._kept_j(machine, start_s, end_s)
        if level_j < kept_j:
            full = f" after a full charge at place {stand.place}" if charging else ""
            detail = f"would have {level_j} J left at {end_s} s{full}, must have {kept_j} J for"
            detail += " its reserve and the way home"
            return _refusal(Constraint.ENERGY, detail, kept_j - level_j)
        return self._placed(start_s, trip, level_j, charging)

    def _held(
        self, stand: Stand, start_s: int, charging: Charging | None
    ) -> tuple[Constraint, int, str]:
        """Say what holds a machine up until it can start."""
        if charging is not None:
            return charging.cause, start_s, self._charged(charging)
        if stand.task:
            detail = f"is busy until {stand.at_s} s with {stand.task} and has to get there"
            return Constraint.BUSY, start_s, detail
        ready_s = max(stand.at_s, self._node.ready_s)
        detail = f"is ready at {ready_s} s, and can be there from where it is at {start_s} s"
        return Constraint.TRAVEL, start_s, detail

    def _charged(self, charging: Charging) -> str:
        """Say when it must charge, and what that waits for."""
        replay, charge = self._replay, charging.charge
        detail = f"must charge, at place {charge.place} from {charge.begin_s} to {charge.end_s} s"
        if charging.cause is Constraint.POST:
            names = replay.charging(charge.place).tasks_at(charge.begin_s - 1)
            detail += f", once the machine of {listed(names)} has"
        if charging.cause is Constraint.BUS:
            detail += ", since the bus can't feed it before"
        return detail

    def _lost_j(self, machine: Machine, trip: tuple[int, int], from_s: int, until_s: int) -> int:
        """Give what travel, waiting and the dark take of the battery."""
        waits_s = until_s - from_s - trip[0]
        heat_j = machine.heat_w * self._replay.dark_s(from_s, until_s)
        return trip[1] + machine.idle_w * waits_s + heat_j

    def _kept_j(self, machine: Machine, start_s: int, end_s: int) -> int:
        """Give what must be left at the end: the reserve and the way home."""
        reserve_j, place = machine.reserve_j, end_of(self.task)
        if self._replay.dark_s(start_s, end_s):
            reserve_j = max(reserve_j, machine.reserve_dark_j)
        assert place is not None
        return reserve_j + (self._replay.home_j(machine, place) or 0)

    def _placed(
        self,
        start_s: int,
        trip: tuple[int, int] = (0, 0),
        level_j: int | None = None,
        charging: Charging | None = None,
    ) -> Placed:
        to_charger = (0, 0) if charging is None else charging.trip
        return Placed(
            task=self.task.id,
            node=self._node.id,
            start_s=start_s,
            end_s=start_s + self._duration_s,
            energy_j=self._energy_j,
            travel_s=trip[0] + to_charger[0],
            travel_j=trip[1] + to_charger[1],
            charge=None if charging is None else charging.charge,
            level_j=level_j,
        )

    def _too_late(self, constraint: Constraint, start_s: int, detail: str) -> Refusal:
        if start_s >= NEVER:
            return _refusal(constraint, detail)
        end_s = start_s + self._duration_s
        detail = f"{detail}; it would end at {end_s} s, must end by {self._latest_s} s"
        return _refusal(constraint, detail, end_s - self._latest_s)


def _distance(refusal: Refusal) -> tuple[bool, bool, int]:
    is_energy = refusal.constraint is Constraint.ENERGY
    return is_energy, refusal.missing is None, refusal.missing or 0


def _refusal(constraint: Constraint, detail: str, missing: int | None = None) -> Refusal:
    return Refusal(constraint=constraint, detail=detail, missing=missing)


def _until(until_s: int) -> str:
    return " any more" if until_s >= NEVER else f" until {until_s} s"
