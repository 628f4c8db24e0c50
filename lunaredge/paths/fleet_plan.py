"""Planning the routes of many machines together: one after the other, each around those before.

Prioritised planning (Erdmann and Lozano-Perez 1987), where machines that still wait for their turn
keep their start poses (revised prioritised planning: Cap, Novak, Kleiner, Selecky 2015), so that
whoever finds no route can hold, and holding is safe. Where a start is in somebody's way, it is
passed over in the hope that its machine gets out of the way in time; if it then can't, the attempt
counts for nothing. In the next the machines that failed go first; and later on they also set out
later, ever more so, and so leave the others time to reach a passing place. A machine that has no
route even alone holds, and no attempt is made for its sake. What the best attempt gives is improved
by planning one machine anew among the others. All of it is bounded.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.paths.fleet import Fleet, Meeting, Reservation
from lunaredge.paths.fleet_repair import Scene, repairs
from lunaredge.paths.given import check_fields
from lunaredge.paths.plan import Found, Planner
from lunaredge.paths.plan_traffic import Body, body_of_reservation
from lunaredge.paths.problem import Limits, NoRoute, PlanRequest, never
from lunaredge.paths.reasons import TIME_RAN_OUT, blocked_end
from lunaredge.paths.route import Pose, Route

JOBS_MAX = 1000
# A route may settle so many lattice states, however many machines share them.
_STATES_LEAST = 2000
# Attempts until what is left is repaired: in dense traffic the later ones seldom find more.
_REPAIR_AFTER = 4
# What is repaired has at least this share of all states left to be improved with.
_REPAIR_SHARE = 4


def always(_name: str, _route: Route) -> bool:
    """Tell that a machine may drive a route."""
    return True


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One machine that is to go somewhere, all at the same time."""

    name: str
    planner: Planner
    """For its kind of machine; machines of one kind share it."""
    start: Pose
    goal: Pose


class FleetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long to look.

    Raises:
        ConfigError: a count or a time that makes no sense.
    """

    attempts_max: int = 8
    """Orders of the machines that are tried until all have routes."""
    delay_s: float = 20.0
    """How much later a machine that failed sets out in the third attempt; then twice that."""
    rounds_max: int = 1
    """Times that each machine is planned anew among the others."""
    states_max: int = 400_000
    """Lattice states to settle in all. Each route gets a share; what comes after all of them are
    settled holds, unless it is repaired, which has a quarter as many to be improved with."""

    def __post_init__(self) -> None:
        """Refuse what is no count and no time."""
        check_fields(self, "no options", "fleet plan")
        for key, most in (("attempts_max", 100), ("delay_s", 1e6), ("rounds_max", 100)):
            value = getattr(self, key)
            if not 0 <= value <= most:
                remedy = f"give 0 to {most:g}"
                raise ConfigError(
                    "no options", place="fleet plan", key=key, value=value, remedy=remedy
                )


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Routes that keep clear of one another, all machines standing at their ends for ever."""

    routes: Mapping[str, Route]
    """Of all machines; one that holds stands at its start."""
    holds: Mapping[str, str]
    """The machines that hold, and why."""
    cost: float
    """Of all routes together."""
    attempts: int
    meetings: tuple[Meeting, ...]
    """Machines that stand in each other's way at their starts already; nobody else ever meets."""


def plan_fleet(
    jobs: Sequence[Job],
    reservations: Mapping[str, Reservation],
    start_s: float,
    options: FleetOptions | None = None,
    is_over: Callable[[], bool] = never,
    is_fit: Callable[[str, Route], bool] = always,
) -> FleetPlan:
    """Plan all machines together, among other machines' reservations.

    is_fit : tells of a machine by its name whether it may drive a route, other than for traffic
    Raises:
        ConfigError: too many machines, or a name twice.
    """
    names = [job.name for job in jobs]
    if len(jobs) > JOBS_MAX or len({*names, *reservations}) < len(names) + len(reservations):
        raise ConfigError(
            "no fleet to plan for",
            place="plan_fleet",
            key="jobs",
            value=len(jobs),
            remedy=f"give up to {JOBS_MAX} machines, each with a name of its own",
        )
    options = options or FleetOptions()
    table = _Table(Scene(jobs, reservations, start_s, is_over, is_fit), options.states_max)
    order = sorted(range(len(jobs)), key=lambda k: -math.dist(jobs[k].start[:2], jobs[k].goal[:2]))
    best, attempts = _Outcome({}, {}), 0
    failed: list[int] = []
    while attempts < options.attempts_max:
        late_s = options.delay_s * 2.0 ** (attempts - 2) if attempts >= 2 else 0.0
        outcome, failed = table.attempt(order, dict.fromkeys(failed, late_s))
        attempts += 1
        if outcome is not None and outcome.rank > best.rank:
            best = outcome
        if failed and (attempts == min(_REPAIR_AFTER, options.attempts_max) or table.is_over()):
            table.states_left = max(table.states_left, options.states_max // _REPAIR_SHARE)
            best = table.repaired(best, order)
        if table.is_done(best) or table.is_over():
            break
        order = failed + [k for k in order if k not in failed]
    for _ in range(options.rounds_max):
        best = table.improved(best, order)
    return table.result(best, attempts)


class _Outcome:
    """Routes found, and costs, by job; whoever has none holds."""

    def __init__(self, routes: dict[int, Route], costs: dict[int, float]) -> None:
        self.routes = routes
        self.costs = costs

    @property
    def rank(self) -> tuple[int, float]:
        """More routes are better, then a lower cost."""
        return len(self.routes), -sum(self.costs.values())

    def by_end(self, order: list[int]) -> list[int]:
        """Order jobs by arrival, for whoever waits for those before it; who has no route is last.

        order : of those that arrive at the same time
        """
        ends_s = {k: self.routes[k].end_s if k in self.routes else math.inf for k in order}
        return sorted(order, key=ends_s.__getitem__)


class _Table:
    """All that attempts share."""

    def __init__(self, scene: Scene, states_max: int) -> None:
        self._scene = scene
        self._jobs, self._others, self._start_s = scene.jobs, scene.others, scene.start_s
        self.states_left = states_max
        self._fixed = [body_of_reservation(*other) for other in scene.others.items()]
        self._starts = [
            self._body(k, Route([(scene.start_s, *job.start)])) for k, job in enumerate(scene.jobs)
        ]
        self._hopeless: dict[int, Body] = {}
        """Those that have no route even alone, and stand."""

    def is_over(self) -> bool:
        """Tell whether time is, or all states are settled."""
        return self.states_left <= 0 or self._scene.is_over()

    def is_done(self, outcome: _Outcome) -> bool:
        """Tell whether all machines have routes that can have one."""
        return len(outcome.routes) + len(self._hopeless) == len(self._jobs)

    def attempt(
        self, order: list[int], late_s: Mapping[int, float]
    ) -> tuple[_Outcome | None, list[int]]:
        """Plan in an order, some setting out later; give what came of it, and who failed.

        None: a machine that failed can't hold, since somebody's route leads over its start. Who has
        no route even alone has not failed, and is left out of the next attempt.
        """
        order = [k for k in order if k not in self._hopeless]
        outcome = _Outcome({}, {})
        bodies: dict[int, Body] = {}
        failed: list[int] = []
        is_safe = True
        for at, k in enumerate(order):
            waiting = [self._starts[other] for other in order[at + 1 :]]
            done = [*self._standing(), *bodies.values()]
            is_late = self.is_over()
            later_s = late_s.get(k, 0.0)
            if is_late or not (
                self._plan(k, [*done, *waiting], outcome, later_s)
                or self._plan(k, done, outcome, later_s)
            ):
                if is_late or self._has_hope(k):
                    failed.append(k)
                others = list(bodies.values())
                is_safe = is_safe and self._may_stand(k, others, math.inf)
            route = outcome.routes.get(k)
            bodies[k] = self._starts[k] if route is None else self._body(k, route)
        return (outcome if is_safe else None), failed

    def repaired(self, best: _Outcome, order: list[int]) -> _Outcome:
        """Give what is better than the best attempt, if machines hold in it, see `fleet_repair`."""
        found, costs = dict(best.routes), dict(best.costs)
        for repair in repairs(self._scene, found, frozenset(self._hopeless)):
            again = _Outcome(
                {k: found[k] for k in repair.kept} | repair.routes,
                {k: costs[k] for k in repair.kept} | repair.costs,
            )
            better = self.improved(again, again.by_end(order))
            best = max(best, better, key=lambda outcome: outcome.rank)
            if self.is_done(best):
                break
        return best

    def improved(self, best: _Outcome, order: list[int]) -> _Outcome:
        """Plan each machine once more among all others; keep what is cheaper, or new."""
        bodies = {k: self._body(k, best.routes[k]) for k in best.routes}
        for k in order:
            if self.is_over():
                break
            if k in self._hopeless:
                continue
            others = [bodies.get(j, self._starts[j]) for j in order if j != k]
            again = _Outcome({}, {})
            found = self._plan(k, [*self._fixed, *others], again)
            if found and again.costs[k] < best.costs.get(k, math.inf) * (1.0 - 1e-6):
                best.routes[k], best.costs[k] = again.routes[k], again.costs[k]
                bodies[k] = self._body(k, again.routes[k])
        return best

    def result(self, best: _Outcome, attempts: int) -> FleetPlan:
        """Give the routes, checked: every machine against every other, exactly."""
        routes = {
            job.name: best.routes.get(k, Route([(self._start_s, *job.start)]))
            for k, job in enumerate(self._jobs)
        }
        fleet = Fleet()
        for name, other in self._others.items():
            fleet.add(name, other)
        for job in self._jobs:
            outline = job.planner.machine.footprint
            own = Reservation(footprint=outline, route=routes[job.name], from_s=self._start_s)
            fleet.add(job.name, own)
        moving = {self._jobs[k].name for k in best.routes}
        meetings = tuple(
            meeting
            for meeting in fleet.check_all()
            if not {meeting.first, meeting.second} <= set(self._others)
        )
        assert not any({some.first, some.second} & moving for some in meetings), "routes meet"
        holds = {
            job.name: self._reason(k, routes)
            for k, job in enumerate(self._jobs)
            if k not in best.routes
        }
        cost = sum(best.costs.values())
        return FleetPlan(
            routes=routes, holds=holds, cost=cost, attempts=attempts, meetings=meetings
        )

    def _plan(self, k: int, bodies: list[Body], outcome: _Outcome, later_s: float = 0.0) -> bool:
        """Plan one machine among bodies; tell whether there is a route, and keep it."""
        job = self._jobs[k]
        if later_s and not self._may_stand(k, bodies, self._start_s + later_s):
            return False
        found = self._found(k, bodies, later_s)
        route = self._route(k, found, later_s)
        if route is None:
            return False
        outcome.routes[k] = route
        outcome.costs[k] = float(found.figures[-1, 2]) + later_s * job.planner.second
        return True

    def _found(self, k: int, bodies: list[Body], later_s: float = 0.0) -> Found:
        """Search a way for one machine among bodies, with its share of the states."""
        job = self._jobs[k]
        request = PlanRequest(start=job.start, goal=job.goal, start_s=self._start_s + later_s)
        options = job.planner.options
        share = max(_STATES_LEAST, self.states_left // (2 * len(self._jobs)))
        limits = Limits(options.weights, min(options.states_max, share), self.is_over)
        found = job.planner.find(request, limits, bodies)
        self.states_left -= found.states
        return found

    def _route(self, k: int, found: Found, later_s: float = 0.0) -> Route | None:
        """Give the route of a way that was found, if the machine may drive it."""
        job = self._jobs[k]
        if found.words is None:
            return None
        route = job.planner.route_of(found, job.start)
        if later_s:
            route = Route(np.vstack(((self._start_s, *job.start), route.knots)))
        return route if self._scene.is_fit(job.name, route) else None

    def _standing(self) -> list[Body]:
        """Give what no plan can move: the other reservations, and who has no route."""
        return [*self._fixed, *self._hopeless.values()]

    def _has_hope(self, k: int) -> bool:
        """Tell whether a machine may have a route while no other of the fleet moves or waits to."""
        found = self._found(k, self._standing())
        has_way = found.words is not None or not found.is_exhausted
        if has_way and (found.words is None or self._route(k, found) is not None):
            return True
        self._hopeless[k] = self._starts[k]
        return False

    def _may_stand(self, k: int, bodies: list[Body], until_s: float) -> bool:
        """Tell whether a machine can stand at its start until then."""
        job = self._jobs[k]
        return job.planner.is_clear(job.start, bodies, self._start_s, until_s)

    def _body(self, k: int, route: Route) -> Body:
        job = self._jobs[k]
        outline = job.planner.machine.footprint
        return body_of_reservation(job.name, Reservation(footprint=outline, route=route))

    def _reason(self, k: int, routes: Mapping[str, Route]) -> str:
        """Say why a machine holds, as things ended."""
        job = self._jobs[k]
        if self._scene.is_over():
            return f"{TIME_RAN_OUT} before it had a route; there may be one"
        others = dict(self._others)
        for other in self._jobs:
            if other is not job:
                outline = other.planner.machine.footprint
                others[other.name] = Reservation(
                    footprint=outline, route=routes[other.name], from_s=self._start_s
                )
        request = PlanRequest(
            start=job.start, goal=job.goal, start_s=self._start_s, reservations=others
        )
        blocked = blocked_end(job.planner, request)
        if blocked is not None:
            return blocked.reason
        alone = job.planner.plan(
            msgspec.structs.replace(request, reservations=self._others), self._scene.is_over
        )
        if isinstance(alone, NoRoute):
            return alone.reason
        if not self._scene.is_fit(job.name, alone.route):
            return "the best route of the lattice breaks a rule of the drive"
        return "no way among the others' routes"
