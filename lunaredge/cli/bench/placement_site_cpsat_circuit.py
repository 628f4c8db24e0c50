"""The part of the CP-SAT model that has the ways between stops: a circuit for each class.

It leads from the first machine's beginning over its tasks to the second's beginning, and so on (the
"giant tour" of vehicle routing). A charge before a task is a stop by itself.
"""

from typing import Any, NamedTuple

from lunaredge.cli.bench.placement_site_cpsat_rounds import Charging, Rounds, Stop
from lunaredge.cli.bench.placement_site_cpsat_site import Job


class Way(NamedTuple):
    """A way that a machine may go, straight or by a charger."""

    source: Stop
    target: Stop
    literal: Any
    is_straight: bool


class Circuit:
    """The circuit of one class of machines."""

    def __init__(self, rounds: Rounds, reach: int | None) -> None:
        """Add it; with a reach, to each stop only from as many of the nearest."""
        self.cp = rounds.cp
        self.rounds = rounds
        self.site = rounds.site
        self.ways: list[Way] = []
        self._mover = rounds.machine.mover
        self._number_of = {id(stop): k for k, stop in enumerate([*rounds.depots, *rounds.stops])}
        count = len(self._number_of)
        self._charge_of = {id(stop): count + k for k, stop in enumerate(rounds.stops)}
        self._graph: list[tuple[int, int, Any]] = []
        self._add_ends()
        for stop in rounds.stops:
            self._add_ways_to(stop, reach)
        self.cp.add_circuit(self._graph)

    def _add_ends(self) -> None:
        """Add what may be left out, and the ways back to the beginnings."""
        depots = self.rounds.depots
        for k in range(len(depots)):
            self._graph.append((k, (k + 1) % len(depots), self.cp.new_bool_var("")))
        for stop in self.rounds.stops:
            at = self._number_of[id(stop)]
            self._graph.append((at, at, ~stop.present))
            for k, number in enumerate(self.rounds.numbers):
                if number in stop.on:
                    last = self.cp.new_bool_var("")
                    self.cp.add_implication(last, stop.on[number])
                    self._graph.append((at, (k + 1) % len(depots), last))
            if stop.charging is not None:
                charge, made = self._charge_of[id(stop)], stop.charging.is_made
                self._graph += ((charge, charge, ~made), (charge, at, made))

    def _add_ways_to(self, stop: Stop, reach: int | None) -> None:
        job = stop.job
        assert job is not None
        sources = [source for source in self._sources(stop, job) if source is not stop]
        if reach is not None:
            sources = sorted(sources, key=lambda source: self._length_s(source, job))[:reach]
        for source in sources:
            literals = [self._straight(source, stop, job)]
            if stop.charging is not None:
                literals.append(self._by_charger(source, stop, job, stop.charging))
            self._link(source, stop, [literal for literal in literals if literal is not None])

    def _sources(self, stop: Stop, job: Job) -> list[Stop]:
        """Give the stops that may come right before one."""
        found = [depot for depot in self.rounds.depots if depot.on.keys() & stop.on.keys()]
        number_of, before = self.site.number_of, self.rounds.model.before
        last_s = job.latest_s - job.shortest_s
        for source in self.rounds.stops:
            assert source.job is not None
            task = source.job.task
            if (
                number_of[job.task.id] not in before[number_of[task.id]]
                and source.earliest_end_s <= last_s
                and task.id != job.task.meets
                and task.meets != job.task.id
                and source.on.keys() & stop.on.keys()
            ):
                found.append(source)
        return found

    def _length_s(self, source: Stop, job: Job) -> float:
        assert job.task.place is not None
        leg = self.site.leg(self._mover, source.place, job.task.place)
        return float("inf") if leg is None else leg[0]

    def _place_of(self, charger: int) -> int:
        return self.site.problem.chargers[charger].place

    def _straight(self, source: Stop, stop: Stop, job: Job) -> Any:
        assert job.task.place is not None
        leg = self.site.leg(self._mover, source.place, job.task.place)
        if leg is None:
            return None
        literal = self.cp.new_bool_var("")
        self._add_way(Way(source, stop, literal, is_straight=True), self._number_of[id(stop)])
        lost_j = leg[1] - self.rounds.machine.idle_w * leg[0]
        self.cp.add(stop.arrival == source.leaving - lost_j).only_enforce_if(literal)
        ready_s = leg[0] + self._setup_s(source, job)
        self.cp.add(job.start >= source.end + ready_s).only_enforce_if(literal)
        self.rounds.model.cost.append(self.site.leg_cost(leg) * literal)
        return literal

    def _by_charger(self, source: Stop, stop: Stop, job: Job, charging: Charging) -> Any:
        """Add the way to a charge: how long it is depends on which charger is taken."""
        cp, idle_w, literal = self.cp, self.rounds.machine.idle_w, self.cp.new_bool_var("")
        legs: dict[int, tuple[int, int]] = {}
        for charger, is_taken in charging.at.items():
            leg = self.site.leg(self._mover, source.place, self._place_of(charger))
            if leg is None:
                cp.add_bool_or(~literal, ~is_taken)
            else:
                legs[charger] = leg
        if not legs:
            return None

        def taken(values: dict[int, int]) -> Any:
            least = min(values.values())
            return least + sum(
                (value - least) * charging.at[k] for k, value in values.items() if value > least
            )

        self._add_way(Way(source, stop, literal, is_straight=False), self._charge_of[id(stop)])
        times_s = taken({k: leg[0] for k, leg in legs.items()})
        lost_j = taken({k: leg[1] - idle_w * leg[0] for k, leg in legs.items()})
        costs = {k: self.site.leg_cost(leg) for k, leg in legs.items()}
        cp.add(charging.begin >= source.end + times_s).only_enforce_if(literal)
        cp.add(stop.arrival == source.leaving - lost_j).only_enforce_if(literal)
        self.rounds.model.cost.append(min(costs.values()) * literal)
        if max(costs.values()) > min(costs.values()):
            rest = taken(costs) - min(costs.values())
            cp.add(charging.detour >= rest).only_enforce_if(literal)
        setup_s = self._setup_s(source, job)
        if setup_s:
            cp.add(job.start >= charging.arrival + setup_s).only_enforce_if(literal)
        return literal

    def _add_way(self, way: Way, target: int) -> None:
        self._graph.append((self._number_of[id(way.source)], target, way.literal))
        self.ways.append(way)

    def _link(self, source: Stop, stop: Stop, literals: list[Any]) -> None:
        """Keep both ends of a way on one machine."""
        if source.job is None or len(self.rounds.numbers) == 1:
            for literal in literals:
                number = next(iter(source.on))
                self.cp.add_implication(literal, stop.on[number])
            return
        follows = self.cp.new_bool_var("")
        for literal in literals:
            self.cp.add_implication(literal, follows)
        # The other way round follows, since each is on one machine.
        for number, here in source.on.items():
            there = stop.on.get(number)
            self.cp.add_bool_or(~follows, ~here, *([] if there is None else [there]))

    def _setup_s(self, source: Stop, job: Job) -> int:
        return self.site.setups_s.get((source.family, job.task.family), 0)
