"""The part of the CP-SAT model that only machines have: rounds, charges and batteries.

Machines that differ in nothing but where and how they begin are a class;
`placement_site_cpsat_circuit` has the ways between their stops.

Idling, heating and travel take from a battery between two tasks, by when the one ends and the other
starts. So that no product arises, levels are kept as potentials: the level plus all that would have
been lost by idling and heating since 0. Between two stops the potential only falls by the travel's
energy, less its idling, which is a number. All of it is exact, in whole joules.
"""

from typing import Any

import msgspec

from lunaredge.cli.bench.placement_site_cpsat_site import Job
from lunaredge.cli.bench.placement_site_cpsat_tasks import Demand, Model
from lunaredge.placement.problem import Machine


class Charging(msgspec.Struct, kw_only=True):
    """A charge before a task; `at` says at which charger."""

    at: dict[int, Any]
    is_made: Any
    begin: Any
    length: Any
    end: Any
    level: Any
    detour: Any
    """What the way there costs more than by the cheapest charger, at least."""
    arrival: Any = 0
    """When the machine is at the task, at the soonest."""


class Stop(msgspec.Struct, kw_only=True):
    """A task as one class of machines does it; or where one machine begins."""

    place: int
    family: str
    end: Any
    earliest_end_s: int
    leaving: Any
    """The potential with which it is left."""
    on: dict[int, Any]
    """By the machine's number."""
    job: Job | None = None
    present: Any = 1
    arrival: Any = 0
    level: Any = 0
    charging: Charging | None = None


class Rounds:
    """The machines of one class with their stops."""

    def __init__(self, model: Model, numbers: list[int], chargers_max: int) -> None:
        """Add them; before each task only the nearest chargers count, as many as are given."""
        self.model = model
        self.cp = model.cp
        self.site = model.site
        self.problem = model.site.problem
        self.numbers = numbers
        self._chargers_max = chargers_max
        machine = self.site.nodes[numbers[0]].machine
        assert machine is not None
        self.machine: Machine = machine
        self.posts: list[list[Demand]] = [[] for _ in self.problem.chargers]
        """By charger, the charges there."""
        dark_s = sum(window.until_s - window.from_s for window in self.problem.darkness)
        # More than any potential: a full battery and everything that can be lost.
        self._most_j = 2 * machine.battery_j + machine.heat_w * dark_s
        self._most_j += 4 * machine.idle_w * self.problem.horizon_s
        legs = self.site.legs[machine.mover]
        costs = [self.site.leg_cost((time_s, energy_j)) for row in legs for time_s, energy_j in row]
        self._detour_max = max(0, *costs)
        self.depots = [self._depot(number) for number in numbers]
        jobs = [job for job in model.jobs if not job.is_fixed and job.on.keys() & set(numbers)]
        self.stops = [self._stop(job) for job in jobs]
        for number in numbers:
            found = [stop.job for stop in self.stops if stop.job and number in stop.on]
            self.cp.add_no_overlap(model.spans(job, number) for job in found)

    def _lost_by(self, moment: Any, low_s: int, high_s: int) -> Any:
        """Give what idling and heating would have taken since 0."""
        machine = self.machine
        lost = machine.idle_w * moment
        if machine.heat_w:
            lost += machine.heat_w * self._dark_s(moment, low_s, high_s)
        return lost

    def _dark_s(self, moment: Any, low_s: int, high_s: int) -> Any:
        """Give the seconds of darkness before a moment: a line with bends."""
        cp = self.cp
        total: Any = 0
        for window in self.problem.darkness:
            length_s = max(0, window.until_s - max(0, window.from_s))
            if window.until_s <= low_s:
                total += length_s
            elif window.from_s < high_s:
                before, within, after = (cp.new_bool_var("") for _ in range(3))
                share = cp.new_int_var(0, length_s, "")
                begin_s = max(0, window.from_s)
                cp.add_exactly_one(before, within, after)
                cp.add(moment <= begin_s).only_enforce_if(before)
                cp.add(share == 0).only_enforce_if(before)
                cp.add_linear_constraint(moment, begin_s, window.until_s).only_enforce_if(within)
                cp.add(share == moment - begin_s).only_enforce_if(within)
                cp.add(moment >= window.until_s).only_enforce_if(after)
                cp.add(share == length_s).only_enforce_if(after)
                total += share
        return total

    def _depot(self, number: int) -> Stop:
        """Make the stop where a machine begins; a fixed task of its own comes before."""
        node = self.site.nodes[number]
        assert node.machine is not None
        place, family, left_s = node.machine.place, node.machine.family, node.ready_s
        for job in self.model.jobs:
            if job.is_fixed and number in job.on:
                place, family = job.end_place, job.task.family
                left_s = job.options[number].duration_s
        begun = [
            max(0, min(left_s, window.until_s) - max(0, window.from_s))
            for window in self.problem.darkness
        ]
        lost_j = self.machine.idle_w * left_s + self.machine.heat_w * sum(begun)
        ready_s = max(node.ready_s, left_s)
        return Stop(
            place=place,
            family=family,
            end=ready_s,
            earliest_end_s=ready_s,
            leaving=node.machine.charge_j + lost_j,
            on={number: 1},
        )

    def _stop(self, job: Job) -> Stop:
        cp, machine = self.cp, self.machine
        on = {number: job.on[number] for number in self.numbers if number in job.on}
        present: Any = job.placed
        if len(on) < len(job.on):
            present = next(iter(on.values())) if len(on) == 1 else cp.new_bool_var("")
            if len(on) > 1:
                cp.add(sum(on.values()) == present)
        home_j = self.site.home_j(machine.mover, job.end_place)
        assert home_j is not None, "it is no option"
        least_j = machine.reserve_j + home_j
        level = cp.new_int_var(min(least_j, machine.battery_j), machine.battery_j, "")
        if least_j > machine.battery_j:
            cp.add(present == 0)
        arrival = cp.new_int_var(-self._most_j, self._most_j, "")
        leaving = cp.new_int_var(-self._most_j, self._most_j, "")
        first_s, last_s = job.earliest_s + job.shortest_s, job.latest_s
        lost = self._lost_by(job.end, first_s, last_s)
        cp.add(leaving == level + lost)
        stop = Stop(
            place=job.end_place,
            family=job.task.family,
            end=job.end,
            earliest_end_s=first_s,
            leaving=leaving,
            on=on,
            job=job,
            present=present,
            arrival=arrival,
            level=level,
        )
        self._add_reserve(stop, job, least_j - machine.reserve_j)
        # From the arrival to the end: idling until the start, heat until the end, and the work.
        dark = lost - machine.idle_w * job.end
        energy = sum(job.options[number].energy_j * literal for number, literal in on.items())
        spent = machine.idle_w * job.start + dark + energy
        self._add_charging(stop, job, spent)
        return stop

    def _add_reserve(self, stop: Stop, job: Job, home_j: int) -> None:
        """Add the higher reserve after work in the dark."""
        cp, machine = self.cp, self.machine
        if machine.reserve_dark_j <= machine.reserve_j:
            return
        for window in self.problem.darkness:
            if window.until_s <= job.earliest_s or window.from_s >= job.latest_s:
                continue
            is_before, is_behind, is_within = (cp.new_bool_var("") for _ in range(3))
            cp.add_bool_or(is_before, is_behind, is_within, ~stop.present)
            cp.add(job.end <= window.from_s).only_enforce_if(is_before)
            cp.add(job.start >= window.until_s).only_enforce_if(is_behind)
            least_j = machine.reserve_dark_j + home_j
            cp.add(stop.level >= least_j).only_enforce_if(is_within, stop.present)

    def _add_charging(self, stop: Stop, job: Job, spent: Any) -> None:
        """Add the battery from the arrival to the end of the task, with a charge or without."""
        cp, machine = self.cp, self.machine
        assert job.task.place is not None
        away = {
            k: leg
            for k, charger in enumerate(self.problem.chargers)
            if (leg := self.site.leg(machine.mover, charger.place, job.task.place)) is not None
        }
        nearest = sorted(away, key=lambda k: (away[k][0], k))[: self._chargers_max]
        away = {k: away[k] for k in nearest}
        if not away:
            cp.add(stop.level == stop.arrival - spent)
            return
        longest_s = -(-machine.battery_j // machine.charge_w)
        last_s = job.latest_s - job.shortest_s
        made = cp.new_bool_var("")
        at = {k: cp.new_bool_var("") for k in away}
        charging = Charging(
            at=at,
            is_made=made,
            begin=cp.new_int_var(0, last_s, ""),
            length=cp.new_int_var(1, longest_s, ""),
            end=cp.new_int_var(0, last_s + longest_s, ""),
            level=cp.new_int_var(0, machine.battery_j - 1, ""),
            detour=cp.new_int_var(0, self._detour_max, ""),
        )
        cp.add_exactly_one([*at.values(), ~made])
        cp.add_implication(made, stop.present)
        self._add_charge(stop, charging)
        cp.add(stop.level == stop.arrival - spent).only_enforce_if(~made)
        ways_s = sum(away[k][0] * literal for k, literal in at.items())
        ways_j = sum((away[k][1] - machine.idle_w * away[k][0]) * at[k] for k in at)
        lost = self._lost_by(charging.end, 0, last_s)
        full = machine.battery_j + lost - ways_j
        cp.add(stop.level == full - spent).only_enforce_if(made)
        charging.arrival = charging.end + ways_s
        cp.add(job.start >= charging.arrival).only_enforce_if(made)
        self.model.cost.append(charging.detour)
        for k, literal in at.items():
            self.model.cost.append(self.site.leg_cost(away[k]) * literal)
            span = cp.new_optional_interval_var(
                charging.begin, charging.length, charging.end, literal, ""
            )
            self.posts[k].append((span, 1))
        stop.charging = charging

    def _add_charge(self, stop: Stop, charging: Charging) -> None:
        """Add how long it takes, from which level, and what it draws."""
        cp, machine = self.cp, self.machine
        lost = self._lost_by(charging.begin, 0, self.problem.horizon_s)
        cp.add(charging.level == stop.arrival - lost).only_enforce_if(charging.is_made)
        # Rounded up: so many seconds and no fewer.
        missing = machine.battery_j - charging.level
        full = machine.charge_w * charging.length
        cp.add(full >= missing)
        cp.add(full <= missing + machine.charge_w - 1)
        low = [literal for number, literal in stop.on.items() if self._is_low(number)]
        least = machine.reserve_j * (1 - sum(low))
        cp.add(charging.level >= least).only_enforce_if(charging.is_made)
        span = cp.new_optional_interval_var(
            charging.begin, charging.length, charging.end, charging.is_made, ""
        )
        self.model.draws.append((span, machine.charge_w))

    def _is_low(self, number: int) -> bool:
        """Tell whether a machine has less at its start than its reserve and a way home."""
        node = self.site.nodes[number]
        assert node.machine is not None
        depot = self.depots[self.numbers.index(number)]
        home_j = self.site.home_j(self.machine.mover, depot.place)
        return home_j is None or node.machine.charge_j < self.machine.reserve_j + home_j
