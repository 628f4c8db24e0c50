"""Planning a route from pose to pose: safe intervals over a state lattice, anytime.

`Planner` keeps what stays the same from plan to plan: the ground as one machine finds it, its
moves, and what stands for ever. A plan is searched for with one weight after the other, each time
for something cheaper than what was found (restarting weighted A*: Richter, Thayer, Ruml 2010).
"""

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import msgspec
import numpy as np

from lunaredge.kernels import lattice_search as search
from lunaredge.kernels.convex import MARGIN, REACH
from lunaredge.kernels.jit import Flags, Floats, Ints
from lunaredge.kernels.lattice import (
    HEADINGS,
    Guide,
    Links,
    Moves,
    Paving,
    Pool,
    Scene,
    Task,
    Traffic,
)
from lunaredge.kernels.lattice_field import guide_toward, landmarks, least_by
from lunaredge.kernels.lattice_static import open_links
from lunaredge.kernels.lattice_timed import taken_times
from lunaredge.kernels.sweep import CONTACT_M, work_space
from lunaredge.paths.fleet import Reservation
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.plan_ground import stand
from lunaredge.paths.plan_links import Lattice, Way, links_of, packed
from lunaredge.paths.plan_traffic import (
    Body,
    body_of_barrier,
    body_of_reservation,
    traffic_of,
)
from lunaredge.paths.primitives import moves_of
from lunaredge.paths.problem import (
    Barrier,
    Limits,
    NoRoute,
    Plan,
    PlanGround,
    PlanOptions,
    PlanRequest,
    never,
)
from lunaredge.paths.reasons import explain
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.verdict import Kind

# States settled between two looks at whether time is over: half a millisecond or so.
_SLICE = 1024
# Landmarks of all the cells of a larger ground would take too much room.
_MARKED_CELLS_MAX = 1 << 20
# A finer lattice than the one given has no more cells; its states take 130 MB.
REFINED_CELLS_MAX = 1 << 20
# Room for so many nodes at first.
_NODES = 1 << 15
# What a plan leaves between bodies: a check may count anything up to CONTACT_M as met.
KEPT_FREE_M = 2.0 * CONTACT_M
# Farther than bodies reach one looks, for rounding and for what counts as contact.
_SPARE_M = 0.01
# What the way still to go counts on top where the goal is taken for longer than the way there. With
# nothing, all that can be reached in the meantime would be looked at before the last few metres.
_HASTE = 3.0
# Where a search settles more states than that, one with a greater weight gives a first answer.
_TRIAL_MAX = 800
_WEIGHT_HASTY = 1.2


class Found(NamedTuple):
    """What a search came to."""

    words: Ints | None
    """int64 (K, 2): states and the moves into them, from the start on; None = nothing found."""
    figures: Floats
    """float64 (K, 3): when each move begins and ends, s, and the cost then."""
    links: Links
    bound: float
    states: int
    is_exhausted: bool
    """Nothing was left to try, and nothing was given up."""


class Planner:
    """Plans for one machine on one ground among barriers; reusable, and not thread-safe."""

    def __init__(
        self,
        ground: PlanGround,
        machine: Machine,
        barriers: tuple[Barrier, ...] = (),
        options: PlanOptions | None = None,
        moves: Moves | None = None,
    ) -> None:
        """Prepare; the moves are worked out unless they are given."""
        self.ground = ground
        self.machine = machine
        self.options = options or PlanOptions()
        power, wh = machine.power, self.options.wh
        second = self.options.second + wh * power.idle_w / 3600.0
        turning = second + wh * (power.drive_w - power.idle_w) / 3600.0
        prices = self.options.second * ground.paces_s_m + wh * ground.energies_wh_m
        self._lattice = Lattice(ground.frame, ground.paces_s_m, prices, second, turning)
        self._parts = machine.footprint.parts.copy()
        self._parts[:, (MARGIN, REACH)] += KEPT_FREE_M
        self._moves = moves or moves_of(machine, self._parts, ground.cell_m, wh)
        self._work = work_space()
        self.barriers = barriers
        # As far as any move leads: whoever is asked where a move begins knows all of its traffic.
        move_m = float(np.hypot(*self._moves.chords[:, 1:3].T).max())
        self._range_m = machine.footprint.reach_m + max(ground.cell_m, move_m) + _SPARE_M
        self._passing = [body_of_barrier(barrier) for barrier in barriers if not barrier.is_lasting]
        lasting = [body_of_barrier(barrier) for barrier in barriers if barrier.is_lasting]
        self.solids = self._indexed(lasting)
        self._ground, self._graph = stand(
            ground, machine, self._moves, self.solids, self._lattice.prices
        )
        states = ground.paces_s_m.size * HEADINGS
        self._slots, self._open_moves = np.zeros(states + 2, np.int32), np.zeros(states, np.int64)
        self._kept: dict[str, tuple[Reservation, Body]] = {}
        self._paving = self._graph.guide.paving
        if ground.paces_s_m.size <= _MARKED_CELLS_MAX and moves is None:
            self._paving = self._marked()

    def plan(self, request: PlanRequest, is_over: Callable[[], bool] = never) -> Plan | NoRoute:
        """Give the cheapest route found before the states or the time end; or why there is none.

        Where a gap is wide enough and the lattice too coarse to steer into it, half its cells are
        tried, and half of those, as long as there are no more than `REFINED_CELLS_MAX`.

        is_over : looked at about every millisecond
        """
        limits = Limits(self.options.weights, self.options.states_max, is_over)
        found = self.find(request, limits)
        if found.words is None:
            no = explain(self, request, found, is_over)
            finer = self._finer if _may_fit(no) and not is_over() else None
            again = finer and finer.plan(request, is_over)
            return again if isinstance(again, Plan) or (again and again.proven) else no
        return Plan(
            route=self.route_of(found, request.start),
            cost=float(found.figures[-1, 2]),
            bound=found.bound,
            states=found.states,
        )

    def find(
        self, request: PlanRequest, limits: Limits | None = None, bodies: list[Body] | None = None
    ) -> Found:
        """Search among the request's reservations, or among bodies that were made from them.

        Where energy has a price and nothing is found, it searches once more for time alone: the
        cheapest way into a span of safe time may be a late one, and an early one is forgotten; with
        time alone they are the same, and nothing is missed.
        """
        limits = limits or Limits(self.options.weights, self.options.states_max)
        if bodies is None:
            bodies = self._bodies(request)
        found = self._found(request, limits, bodies)
        is_certain = found.words is not None or self.options.wh == 0.0 or not found.is_exhausted
        if is_certain or not (bodies or self.is_timed(request)):
            return found
        hasty = self._hasty.find(request, limits, bodies)
        return hasty._replace(bound=math.inf, states=found.states + hasty.states)

    def route_of(self, found: Found, start: Pose) -> Route:
        """Give the route along what was found."""
        assert found.words is not None
        frame = np.append(self.ground.frame, self.ground.paces_s_m.shape[1])
        tables = self._moves, found.links
        return Route(search.knots_along(found.words, found.figures, tables, frame, np.array(start)))

    def links_along(self, ways: list[Way]) -> Links:
        """Give ways as motions with durations and prices, as the machine drives this ground."""
        return packed(ways, self.machine, self._lattice)

    def are_open(self, links: Links, bodies: list[Body]) -> Flags:
        """Tell of each link whether nothing lasting is in its way, nor one of those bodies.

        bodies : they count at all times, where their legs begin and unturned
        """
        is_open = open_links(links, self._ground, self.solids, self._parts)
        if bodies:
            is_open &= open_links(links, self._ground, self._indexed(bodies), self._parts)
        return is_open

    def is_clear(self, pose: Pose, bodies: list[Body], from_s: float, until_s: float) -> bool:
        """Tell whether nobody passes where the machine would stand between two times."""
        traffic = self._indexed(self._passing + bodies)
        times = np.empty((len(traffic.legs) + 1, 2))
        count = taken_times(pose, self._parts, traffic, self._work, times)
        return not any(low <= until_s and high >= from_s for low, high in times[:count])

    @property
    def passing(self) -> tuple[Body, ...]:
        """The barriers that do not stand for ever."""
        return tuple(self._passing)

    @property
    def second(self) -> float:
        """Price of a second of waiting."""
        return self._lattice.second

    def is_timed(self, request: PlanRequest) -> bool:
        """Tell whether time matters: something moves, comes or goes, or there is a deadline."""
        return bool(request.reservations or self._passing or request.arrive_s < math.inf)

    def without(self, *barriers: Barrier) -> "Planner":
        """Give the same planner without some barriers."""
        left = tuple(barrier for barrier in self.barriers if barrier not in barriers)
        if len(left) == len(self.barriers):
            return self
        return Planner(self.ground, self.machine, left, self.options, self._moves)

    def blocker_at(self, pose: Pose) -> tuple[Kind, str] | None:
        """Give what stands where the machine would stand: its kind, and its name if it has one."""
        links = _standing(pose)
        none = self._indexed([])
        if not open_links(links, self._ground, none, self._parts)[0]:
            is_inside = self.ground.cell_of(pose) is not None
            return (Kind.GROUND if is_inside else Kind.BOUNDARY), ""
        for barrier in self.barriers:
            solid = self._indexed([body_of_barrier(barrier)])
            if barrier.is_lasting and not open_links(links, self._ground, solid, self._parts)[0]:
                return barrier.kind, barrier.name
        return None

    def taker_at(self, pose: Pose, time_s: float, request: PlanRequest) -> tuple[Kind, str] | None:
        """Give what passes where the machine would stand, at a time; inf = for ever in the end."""
        bodies = self._bodies(request)
        kinds = {barrier.name: barrier.kind for barrier in self.barriers}
        for body in [*self._passing, *bodies]:
            traffic = self._indexed([body])
            times = np.empty((len(body.legs) + 1, 2))
            count = taken_times(pose, self._parts, traffic, self._work, times)
            if any(low <= time_s <= high for low, high in times[:count]):
                return kinds.get(body.name, Kind.RESERVATION), body.name
        return None

    @cached_property
    def _hasty(self) -> "Planner":
        options = msgspec.structs.replace(self.options, wh=0.0)
        return Planner(self.ground, self.machine, self.barriers, options)

    @cached_property
    def _finer(self) -> "Planner | None":
        ground = self.ground.halved(REFINED_CELLS_MAX)
        states_max = max(1, self.options.states_max // 2)
        options = msgspec.structs.replace(self.options, states_max=states_max)
        if ground is None:
            return None
        return Planner(ground, self.machine, self.barriers, options)

    def _bodies(self, request: PlanRequest) -> list[Body]:
        """Give the reservations as bodies; those of the last request are kept."""
        kept = {}
        for name, other in request.reservations.items():
            known, body = self._kept.get(name, (None, None))
            if known is not other or body is None:
                body = body_of_reservation(name, other)
            kept[name] = other, body
        self._kept = kept
        return [body for _, body in kept.values()]

    def _marked(self) -> Paving:
        """Give the paving with landmarks."""
        marks = landmarks(self._paving, self.scene(self._indexed([]), _none()), self._work, 8)
        return self._paving._replace(marks=marks, farthest=float(marks.max()))

    def scene(self, traffic: Traffic, links: Links) -> Scene:
        """Give what a search looks at where something is near."""
        return Scene(
            self._moves, self._ground, self.solids, traffic, self._parts, links, self._open_moves
        )

    def _indexed(self, bodies: list[Body]) -> Traffic:
        return traffic_of(bodies, self.ground, self._range_m)

    def _found(self, request: PlanRequest, limits: Limits, bodies: list[Body]) -> Found:
        """Search with one weight after the other, each time for something cheaper."""
        links = self._open_links(request)
        guide = self._guide(request, links)
        traffic = self._indexed(self._passing + bodies)
        graph = self._graph._replace(guide=guide, bin_spans=traffic.bin_spans)
        scene = self.scene(traffic, links)
        pool, task = self._pool(traffic), self._task(request)
        least = self._least(scene, guide)
        best = Found(None, np.empty((0, 3)), links, math.inf, 0, is_exhausted=False)
        reached = math.inf
        for weight, lead_s, is_trial in self._passes(limits, least):
            if best.words is not None and weight >= reached:
                continue
            task = task._replace(weight=weight, lead_s=lead_s)
            free_s, leave_s = search.begin(graph, scene, task, pool)
            if lead_s < math.inf and leave_s == task.start_s:
                continue
            is_first, done = best.words is None, self.second * (leave_s - task.start_s)
            free_cost = self.second * (free_s - task.start_s)
            most = weight * least if is_trial else least
            haste = _HASTE if is_first and free_cost - done > most else 0.0
            task = task._replace(free_s=free_s, haste=haste)
            states_max = limits.states_max - best.states
            if not is_first:
                states_max = min(states_max, self.options.better_max)
            elif is_trial:
                states_max = min(states_max, _TRIAL_MAX)
            run = partial(search.run, graph, scene, task)
            cost_max = math.inf if is_first else float(best.figures[-1, 2])
            status = search.EXHAUSTED
            if free_s < math.inf:
                status, pool = _driven(run, pool, cost_max, limits._replace(states_max=states_max))
            states = best.states + int(pool.counts[search.POPPED])
            if status == search.FOUND:
                words, figures = search.way_to(pool.counts[search.GOAL_NODE], pool)
                figures[0] = task.start_s, task.start_s, 0.0
                bound = weight + haste if leave_s == task.start_s else math.inf
                lower = max(least, free_cost)
                bound = max(1.0, min(bound, figures[-1, 2] / lower if lower > 0.0 else bound))
                best = Found(words, figures, links, bound, states, is_exhausted=False)
                reached = weight
                if bound <= limits.weights[-1]:
                    break
            elif is_trial and (leave_s > task.start_s or status != search.EXHAUSTED):
                best = best._replace(states=states)
            elif status != search.EXHAUSTED or pool.counts[search.GIVEN_UP]:
                return best._replace(states=states)
            else:
                return best._replace(bound=1.0, states=states, is_exhausted=True)
        return best

    def _passes(self, limits: Limits, least: float) -> list[tuple[float, float, bool]]:
        """Give the weights to search with, each with when to leave, and if it is to end early.

        When to leave is how long before the goal is free, s; inf = at once.

        Where the goal is taken for longer than the way there, the wait is tried at the start first.
        Where the first weight takes too long, a greater one gives a first answer; at once for
        Ackermann steering, since the guide knows nothing of its radius.
        """
        first, *others = limits.weights
        hasty, lead_s = max(first, _WEIGHT_HASTY), least / self.second
        lower = [(weight, math.inf, False) for weight in others]
        if self.machine.drive is Drive.ACKERMANN or first == hasty:
            again = [(first, math.inf, False)] if first < hasty else lower
            return [(hasty, lead_s, True), (hasty, math.inf, False), *again]
        trials = [(first, lead_s, True), (first, math.inf, True)]
        return [*trials, (hasty, math.inf, False), (first, math.inf, False), *lower]

    def _task(self, request: PlanRequest) -> Task:
        """Give what is asked as kernels take it; the weight and the goal's time are still open."""
        return Task(
            ends=np.array((request.start, request.goal)),
            start_s=float(request.start_s),
            stay_s=float(request.stay_s),
            free_s=-math.inf,
            arrive_s=float(request.arrive_s),
            tick_s=self.options.tick_s,
            second=self.second,
            weight=1.0,
            haste=0.0,
            lead_s=math.inf,
        )

    def _open_links(self, request: PlanRequest) -> Links:
        """Give the links that nothing standing is in the way of."""
        links = links_of(request.start, request.goal, self.machine, self._lattice)
        is_open = open_links(links, self._ground, self.solids, self._parts)
        return chosen(links, is_open & np.isfinite(links.costs[:, 1]))

    def _guide(self, request: PlanRequest, links: Links) -> Guide:
        """Give the cost to go, not worked out yet: to a link into the goal, and along it."""
        states = self._lattice.start_state
        into = (links.ends[:, 1] == states + 1) & (links.ends[:, 0] < states)
        sources = links.ends[into, 0] // HEADINGS, np.ascontiguousarray(links.costs[into, 1])
        cell = self.ground.cell_of(request.start)
        return guide_toward(self._paving, sources, -1 if cell is None else cell)

    def _least(self, scene: Scene, guide: Guide) -> float:
        """Give a lower bound of what any route costs."""
        start, links = self._lattice.start_state, scene.links
        first = links.ends[:, 0] == start
        targets, prices = links.ends[first, 1], links.costs[first, 1]
        inner = targets < start
        cells = targets[inner] // HEADINGS
        least = least_by(cells, prices[inner], guide, scene, self._work)
        return float(prices[~inner].min(initial=least))

    def _pool(self, traffic: Traffic) -> Pool:
        """Give room for a search."""
        fullest = int(np.diff(traffic.bin_first).max())
        count = max(_NODES, 4 * (fullest + 2))
        return Pool(
            slots=self._slots,
            words=np.empty((count, 5), np.int32),
            figures=np.empty((count, 6)),
            keys=np.empty(count),
            waiting=np.empty(count, np.int32),
            counts=np.zeros(5, np.int64),
            times=np.empty((fullest + 1, 2)),
            work=self._work,
        )


def _may_fit(no: NoRoute) -> bool:
    """Tell whether what is said to be in the way leaves a gap that is wide enough."""
    return no.gap_m is not None and no.needed_m is not None and no.gap_m > no.needed_m


def _none() -> Links:
    """Give no links."""
    return Links(
        np.empty((0, 2), np.int64), np.empty((0, 2)), np.zeros(1, np.int64), np.empty((0, 4))
    )


def _standing(pose: Pose) -> Links:
    """Give a link that only stands at a pose."""
    chords = np.array([(0.0, *pose), (1.0, *pose)])
    return Links(np.zeros((1, 2), np.int64), np.zeros((1, 2)), np.array((0, 2)), chords)


def _driven(
    run: Callable[[Pool, int, float], int], pool: Pool, cost_max: float, limits: Limits
) -> tuple[int, Pool]:
    """Run a search until it ends or the limits do; give how it ended, and its pool."""
    status = search.PAUSED
    while status in (search.PAUSED, search.FULL):
        if status == search.FULL:
            pool = _grown(pool)
        left = limits.states_max - int(pool.counts[search.POPPED])
        if left <= 0 or limits.is_over():
            break
        status = run(pool, min(_SLICE, left), cost_max)
    return status, pool


def _grown(pool: Pool) -> Pool:
    """Give the same pool with twice the room."""
    return pool._replace(
        words=np.concatenate((pool.words, np.empty_like(pool.words))),
        figures=np.concatenate((pool.figures, np.empty_like(pool.figures))),
        keys=np.concatenate((pool.keys, np.empty_like(pool.keys))),
        waiting=np.concatenate((pool.waiting, np.empty_like(pool.waiting))),
    )


def chosen(links: Links, which: Flags) -> Links:
    """Give some of the links."""
    counts = np.diff(links.first)
    rows = np.repeat(which, counts)
    return Links(
        ends=np.ascontiguousarray(links.ends[which]),
        costs=np.ascontiguousarray(links.costs[which]),
        first=np.concatenate(([0], np.cumsum(counts[which]))).astype(np.int64),
        chords=np.ascontiguousarray(links.chords[rows]),
    )
