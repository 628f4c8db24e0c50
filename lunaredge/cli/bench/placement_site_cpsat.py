"""CP-SAT of OR-tools as a peer: the whole of a placement problem as a model, exact to the second.

What a plan has to keep is docs/explanation/placement.md. All of it is in the model, so that each of
its solutions is a plan; and on problems of usual size every plan is one of its solutions, so that
its bound is one of the problem.
"""

import importlib
import threading
import time
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from lunaredge.cli.bench.placement_site_cpsat_circuit import Circuit, Way
from lunaredge.cli.bench.placement_site_cpsat_rounds import Rounds
from lunaredge.cli.bench.placement_site_cpsat_site import Job, Site
from lunaredge.cli.bench.placement_site_cpsat_tasks import Model
from lunaredge.placement.plan import Charge, Placed, Plan, Score
from lunaredge.placement.problem import Problem
from lunaredge.placement.travel import Travel

# Beyond, the model isn't built in a minute: of the ways, only the nearest are kept.
WAYS_MAX = 50_000
_CHARGERS_KEPT = 2
# Tardiness counts first, and on large sites no time is ever enough for it.
_LATE_SHARE_SMALL = 0.75
_POLL_S = 0.02
_WAYS_SMALL = 2_000
_WHOLE_SEARCHES = (
    *("core", "default_lp", "fixed", "max_lp", "no_lp"),
    *("pseudo_costs", "quick_restart", "reduced_costs"),
)


class Answer(NamedTuple):
    """What CP-SAT has to say after its time."""

    plan: Plan | None
    bound: Score | None
    """No plan is better; None: it knows of none."""
    status: str


def solve(problem: Problem, travel: Travel, seconds: float) -> Answer:
    """Plan within so much processor time, the model's building and presolving included.

    One thread; first the least tardiness, then, with that kept, the least cost.

    Raises:
        ModuleNotFoundError: OR-tools is not installed.
    """
    end_s = time.process_time() + seconds
    solver = importlib.import_module("ortools.sat.python.cp_model")
    whole = _Whole(solver.CpModel(), problem, travel, end_s)
    return _Search(solver, whole, end_s).run()


class _Whole:
    """The whole model."""

    def __init__(self, cp: Any, problem: Problem, travel: Travel, end_s: float) -> None:
        self.cp = cp
        self.site = Site(problem, travel)
        self.model = Model(cp, self.site)
        classes = self._classes()
        way_count = sum(map(self._way_count, classes))
        self.is_small, self.is_whole = way_count <= _WAYS_SMALL, way_count <= WAYS_MAX
        chargers_max = len(problem.chargers) if self.is_whole else _CHARGERS_KEPT
        rounds = [Rounds(self.model, numbers, chargers_max) for numbers in classes]
        stop_count = sum(len(one.stops) for one in rounds)
        reach = None if self.is_whole else WAYS_MAX // (2 * stop_count)
        self.circuits: list[Circuit] = []
        for one in rounds:
            if time.process_time() < end_s:
                self.circuits.append(Circuit(one, reach))
        for k, charger in enumerate(problem.chargers):
            asked = [charge for one in rounds for charge in one.posts[k]]
            self.model.add_cumulative(asked, charger.posts)
        self.model.add_bus()

    def _classes(self) -> list[list[int]]:
        """Give the numbers of the machines that differ in nothing but where they begin."""
        classes: dict[tuple[Any, ...], list[int]] = {}
        for number, node in enumerate(self.site.nodes):
            machine = node.machine
            if machine is not None:
                figures = (machine.battery_j, machine.reserve_j, machine.reserve_dark_j)
                watts = (machine.idle_w, machine.heat_w, machine.charge_w)
                key = (node.kind, machine.mover, *figures, *watts)
                classes.setdefault(key, []).append(number)
        return list(classes.values())

    def _way_count(self, numbers: list[int]) -> int:
        stop_count = sum(bool(job.on.keys() & set(numbers)) for job in self.model.jobs)
        return 2 * stop_count * (stop_count + len(numbers))


class _Found(NamedTuple):
    """A solution, with how far from the least it may be."""

    solver: Any
    status: str

    @property
    def least(self) -> int:
        bound: float = self.solver.best_objective_bound
        return round(bound)

    @property
    def reached(self) -> int:
        value: float = self.solver.objective_value
        return round(value)

    @property
    def is_proven(self) -> bool:
        return self.status == "OPTIMAL"


class _Search:
    """A search within the time: tardiness, then cost, then tardiness again if time is left."""

    def __init__(self, api: Any, whole: _Whole, end_s: float) -> None:
        self._api = api
        self._whole = whole
        self._end_s = end_s

    def run(self) -> Answer:
        """Give the best plan found."""
        late = sum(self._whole.model.late)
        left_s = self._end_s - time.process_time()
        if left_s <= 0.0:
            return Answer(None, None, "no time left once the model was built")
        spared_s = (1.0 - _LATE_SHARE_SMALL) * left_s if self._whole.is_small else 0.0
        first = self._least(late, self._end_s - spared_s)
        if first is None:
            return Answer(None, None, "no plan in its time")
        self._whole.cp.add(late <= first.reached)
        second = self._least(sum(self._whole.model.cost), self._end_s)
        third = None if first.is_proven else self._least(late, self._end_s)
        best, least_s = second or first, first.least
        if third is not None:
            best = third if third.reached < first.reached else best
            least_s = max(least_s, third.least)
        # The least cost was sought among plans with the first one's tardiness.
        least_j = second.least if second is not None and least_s == first.reached else 0
        bound = Score(late_s=least_s, cost_j=least_j) if self._whole.is_whole else None
        steps = (("late", first), ("cost", second), ("late again", third))
        told = [f"{name} {found.status}" for name, found in steps if found is not None]
        return Answer(_plan(self._whole, best.solver), bound, ", ".join(told))

    def _least(self, objective: Any, end_s: float) -> _Found | None:
        """Go on from the last solution; None where none is found."""
        cp = self._whole.cp
        cp.minimize(objective)
        found = self._solve(end_s)
        if found.status not in ("OPTIMAL", "FEASIBLE"):
            return None
        cp.clear_hints()
        for k, value in enumerate(found.solver.response_proto.solution):
            cp.add_hint(cp.get_int_var_from_proto_index(k), value)
        return found

    def _solve(self, end_s: float) -> _Found:
        """Search until so much processor time is spent."""
        solver = self._api.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 1
        # One thread, but all of the portfolio in turn: large neighbourhoods too.
        solver.parameters.interleave_search = True
        if not self._whole.is_small:
            # Found by trial on sites of 200 x 50: probing alone took 20 s of the 60, and turns of
            # whole searches as long as twenty of large neighbourhoods.
            solver.parameters.max_presolve_iterations = 1
            solver.parameters.cp_model_probing_level = 0
            solver.parameters.linearization_level = 0
            solver.parameters.ignore_subsolvers.extend(_WHOLE_SEARCHES)
        is_done = threading.Event()

        def watch() -> None:
            while not is_done.wait(_POLL_S):
                if time.process_time() >= end_s:
                    solver.stop_search()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            status = solver.solve(self._whole.cp)
        finally:
            is_done.set()
            watcher.join()
        return _Found(solver, solver.status_name(status))


def _plan(whole: _Whole, solved: Any) -> Plan:
    """Read a plan from a solution."""
    site = whole.site
    made: dict[str, Placed] = {}
    for job in whole.model.jobs:
        for number, literal in job.on.items():
            if solved.boolean_value(literal):
                made[job.task.id] = _placed(site, job, number, solved)
    for circuit in whole.circuits:
        for way in circuit.ways:
            if way.target.job is not None and solved.boolean_value(way.literal):
                name = way.target.job.task.id
                made[name] = _moved(circuit, made[name], way, solved)
    placed = tuple(made[task.id] for task in site.problem.tasks if task.id in made)
    unplaced = tuple(task.id for task in site.problem.tasks if task.id not in made)
    return Plan(placed=placed, unplaced=unplaced, score=_score(site.problem, made))


def _score(problem: Problem, made: dict[str, Placed]) -> Score:
    """Give the score; the model's own terms are bounds, tight only where they are minimised."""
    late_s = cost_j = 0
    for task in problem.tasks:
        placed, current = made.get(task.id), task.current
        end_s = 2 * problem.horizon_s if placed is None else placed.end_s
        late_s += task.weight * max(0, end_s - task.due_s)
        if placed is not None:
            cost_j += placed.energy_j + placed.travel_j + problem.travel_j_s * placed.travel_s
            if current is not None and current.node != placed.node:
                cost_j += current.move_j
    return Score(late_s=late_s, cost_j=cost_j)


def _placed(site: Site, job: Job, number: int, solved: Any) -> Placed:
    """Give a task's place in the plan, without what its machine does before it."""
    node, option, start_s = site.nodes[number], job.options[number], solved.value(job.start)
    return Placed(
        task=job.task.id,
        node=node.id,
        start_s=start_s,
        end_s=start_s + option.duration_s,
        energy_j=option.energy_j,
        level_j=None if node.machine is None else node.machine.charge_j,
    )


def _moved(circuit: Circuit, placed: Placed, way: Way, solved: Any) -> Placed:
    """Add the way to a task, and the charge on it."""
    stop, charge, stops = way.target, None, [way.source.place]
    assert stop.job is not None
    if not way.is_straight:
        assert stop.charging is not None
        taken = next(k for k, at in stop.charging.at.items() if solved.boolean_value(at))
        place = circuit.site.problem.chargers[taken].place
        begin_s = solved.value(stop.charging.begin)
        charge = Charge(
            place=place,
            begin_s=begin_s,
            end_s=begin_s + solved.value(stop.charging.length),
            energy_j=circuit.rounds.machine.battery_j - solved.value(stop.charging.level),
        )
        stops.append(place)
    mover = circuit.rounds.machine.mover
    assert stop.job.task.place is not None
    stops.append(stop.job.task.place)
    legs = [circuit.site.leg(mover, *pair) for pair in pairwise(stops)]
    return msgspec.structs.replace(
        placed,
        travel_s=sum(leg[0] for leg in legs if leg is not None),
        travel_j=sum(leg[1] for leg in legs if leg is not None),
        charge=charge,
        level_j=solved.value(stop.level),
    )
