"""Outlook: a site as the placement library is asked about it.

Owns what the words of both mean to each other. Every machine is its own kind and its own mover, and
counts places from itself: 0 is where it is when it is free, 1 its home with its charger, and the
others are where tasks begin and end for it; so nobody plans to charge in another's home.
"""

import math
from collections.abc import Hashable, Sequence
from itertools import chain, islice

from lunaredge import placement as library
from lunaredge.ids import NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.model.task import Task, TaskKind
from lunaredge.placement.problem import ENERGY_J_MAX, HORIZON_S_MAX
from lunaredge.scheduler.ability import Ability, abilities, is_out
from lunaredge.scheduler.arrays import travel_of
from lunaredge.scheduler.candidates import NodeCandidate, PlacementProblem, Planned, TaskCandidate
from lunaredge.scheduler.effort import Standing, charged_wh, drive_wh, kept_wh
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.outset import Held, Outset, outset_of
from lunaredge.scheduler.travel import Travel, travels
from lunaredge.scheduler.window import Window, ends_of, weight_of
from lunaredge.units import NS_PER_S, SECONDS_PER_HOUR

HORIZON_S = 14 * 86_400
"""As far as a site looks ahead: an outage of the direct Earth link."""
MOVE_J = 36_000
"""What it costs to give a task to another node than the plan before: about a walk of 200 m."""
HERE, HOME = 0, 1
# A slot of a computer; the library counts processors in thousandths.
_SLOT_MCORES = 1000


class Outlook:
    """One placement problem, asked in the library's words."""

    def __init__(self, ground: GroundMap, asked: PlacementProblem, window: Window) -> None:
        self._ground = ground
        self._asked = asked
        in_hand: dict[NodeId, list[TaskCandidate]] = {}
        for candidate in asked.tasks:
            if candidate.in_hand is not None:
                in_hand.setdefault(candidate.in_hand.node, []).append(candidate)
        self.outsets = {
            node.spec.name: outset_of(
                ground, node, in_hand.get(node.spec.name, ()), asked.corridor_margin_m
            )
            for node in asked.nodes
        }
        self.tasks = window.tasks
        """Those that have a place in the plan, the most urgent first."""
        self.abilities: dict[NodeId, dict[TaskId, Ability]] = {
            node.spec.name: self._abilities(node, self.tasks) for node in asked.nodes
        }
        self._places = _Places(self.tasks, self._held())
        self._stranded = {
            held.candidate.task.id
            for node in asked.nodes
            if is_out(node)
            for held in self.outsets[node.spec.name].held
        }
        self._nodes = [node for node in asked.nodes if self._has_part(node)]
        names = {node.spec.name for node in self._nodes}
        self._nodes_before = {item.task: item.node for item in asked.before if item.node in names}
        self.problem = self._problem()
        self.travel = travel_of(
            {
                node.spec.name: self._ways(node, standing, window.exact_count)
                for node in self._nodes
                if (standing := self.outsets[node.spec.name].standing) is not None
            },
            self._places.count,
            HOME,
        )

    def before(self) -> library.Plan:
        """Give the plan that holds until this one, as far as times and nodes go."""
        return library.Plan(
            placed=tuple(self._placed(item) for item in self._asked.before),
            unplaced=(),
            score=library.Score(late_s=0, cost_j=0),
        )

    def _placed(self, item: Planned) -> library.Placed:
        leave_s, start_s, end_s = (
            (time_ns - self._asked.now_ns) // NS_PER_S
            for time_ns in (item.leave_ns, item.start_ns, item.end_ns)
        )
        charge = None
        if item.charged_ns is not None:
            charged_s = (item.charged_ns - self._asked.now_ns) // NS_PER_S
            charge = library.Charge(place=HOME, begin_s=leave_s, end_s=charged_s, energy_j=0)
        return library.Placed(
            task=item.task,
            node=item.node,
            start_s=start_s,
            end_s=end_s,
            energy_j=0,
            charge=charge,
        )

    def _abilities(
        self, node: NodeCandidate, tasks: Sequence[TaskCandidate]
    ) -> dict[TaskId, Ability]:
        standing = self.outsets[node.spec.name].standing
        margin_m = self._asked.corridor_margin_m
        found = abilities(self._ground, node, standing, tasks, margin_m, self._asked.closing)
        return {c.task.id: ability for c, ability in zip(tasks, found, strict=True)}

    def _held(self) -> list[Held]:
        return [held for outset in self.outsets.values() for held in outset.held]

    def _has_part(self, node: NodeCandidate) -> bool:
        return bool(self.outsets[node.spec.name].held) or not is_out(node)

    # --- the library's problem ----------------------------------------------------------------

    def _problem(self) -> library.Problem:
        machine_count = sum(self._standing_of(node.spec.name) is not None for node in self._nodes)
        chargers = (library.Charger(place=HOME, posts=machine_count),) if machine_count else ()
        held = [self._fixed(held) for held in self._held()]
        return library.Problem(
            tasks=(*held, *(self._task(candidate) for candidate in self.tasks)),
            nodes=tuple(self._node(node) for node in self._nodes),
            horizon_s=HORIZON_S,
            chargers=chargers,
        )

    def _node(self, node: NodeCandidate) -> library.Node:
        name = node.spec.name
        outset = self.outsets[name]
        has = library.Resources()
        if node.spec.computer is not None:
            slots = max(0, node.free_slots) + len(outset.held)
            has = library.Resources(
                cpu_mcores=slots * _SLOT_MCORES, memory_mib=node.spec.computer.memory_mib
            )
        return library.Node(
            id=name,
            kind=name,
            has=has,
            ready_s=min(math.ceil(outset.ready_s), HORIZON_S),
            machine=None if outset.standing is None else _machine(name, outset, outset.standing),
        )

    def _fixed(self, held: Held) -> library.Task:
        in_hand = held.candidate.in_hand
        assert in_hand is not None
        is_machine = self._standing_of(in_hand.node) is not None
        return library.Task(
            id=held.candidate.task.id,
            modes=(),
            place=HERE if is_machine else None,
            end_place=self._places.end(held.candidate.task) if is_machine else None,
            needs=_needs(held.candidate) if not is_machine else library.Resources(),
            current=library.Current(
                node=in_hand.node,
                left_s=_seconds(held.left_s),
                left_j=_joules(held.left_wh),
                is_fixed=True,
            ),
        )

    def _task(self, candidate: TaskCandidate) -> library.Task:
        task = candidate.task
        modes = tuple(
            mode
            for node in self._nodes
            if not is_out(node) and (mode := self._mode(candidate, node)) is not None
        )
        before = self._nodes_before.get(task.id)
        moves = any(self._standing_of(NodeId(mode.kind)) is not None for mode in modes)
        return library.Task(
            id=task.id,
            modes=modes,
            needs=_needs(candidate),
            weight=weight_of(candidate),
            release_s=min(math.ceil(candidate.release_s), HORIZON_S_MAX),
            due_s=_from_now(task.due_s or 0.0, candidate),
            latest_s=None if task.latest_s is None else _from_now(task.latest_s, candidate),
            approved_s=None if self._is_in_doubt(candidate) else 0,
            place=self._places.start(task) if moves else None,
            end_place=self._places.end(task) if moves else None,
            after=tuple(library.After(task=other) for other in candidate.waits_for),
            current=None if before is None else library.Current(node=before, move_j=MOVE_J),
        )

    def _is_in_doubt(self, candidate: TaskCandidate) -> bool:
        """Tell whether a task waits for people, or for work that nobody knows the end of."""
        if candidate.needs_word or candidate.closed:
            return True
        return any(other in self._stranded for other in candidate.waits_for)

    def _mode(self, candidate: TaskCandidate, node: NodeCandidate) -> library.Mode | None:
        name = node.spec.name
        ability = self.abilities[name][candidate.task.id]
        if not ability.is_able or node.carries not in (None, candidate.task.id):
            return None
        if ability.effort is None:
            return library.Mode(kind=name, duration_s=_seconds(candidate.duration_s))
        return library.Mode(
            kind=name,
            duration_s=_seconds(ability.effort.work_s),
            energy_j=_joules(ability.effort.work_wh),
        )

    def _standing_of(self, name: NodeId) -> Standing | None:
        return self.outsets[name].standing

    # --- travel -------------------------------------------------------------------------------

    def _ways(
        self, node: NodeCandidate, standing: Standing, exact_count: int
    ) -> list[tuple[int, int, int, int]]:
        """Give a machine's ways: from here and home to every task, and from each on and home.

        Beyond so many places that tasks end at, the way to the next task is left to lead by home:
        a search over the ground for each would take too long.
        """
        starts: dict[int, Point] = {}
        ends: dict[int, Point] = {}
        for candidate in self.tasks:
            legs = self.abilities[node.spec.name][candidate.task.id].legs
            if legs:
                starts[self._places.start(candidate.task)] = legs[0].path[0]
                ends[self._places.end(candidate.task)] = legs[-1].path[-1]
        origin = HERE
        for held in self.outsets[node.spec.name].held:
            origin = self._places.end(held.candidate.task)
            ends = {origin: standing.position} | ends
        ways = _Ways(self._ground, standing)
        ways.add(origin, standing.position, {HOME: standing.home} | starts)
        ways.add_home({origin: standing.position} | ends | starts)
        for place, point in islice(ends.items(), exact_count):
            if place != origin:
                ways.add(place, point, starts)
        return ways.listed()


class _Ways:
    """What a machine takes from place to place."""

    def __init__(self, ground: GroundMap, standing: Standing) -> None:
        self._ground = ground
        self._standing = standing
        self._found: dict[tuple[int, int], tuple[int, int]] = {}

    def add(self, source: int, point: Point, goals: dict[int, Point]) -> None:
        """Add the ways from one place to others."""
        mover = self._standing.mover
        found = travels(self._ground, mover, point, list(goals.values()))
        for goal, way in zip(goals, found, strict=True):
            self._keep(source, goal, way)

    def add_home(self, places: dict[int, Point]) -> None:
        """Add the ways home from places, and back."""
        standing = self._standing
        found = travels(self._ground, standing.mover, standing.home, list(places.values()))
        for place, way in zip(places, found, strict=True):
            self._keep(HOME, place, way)
            self._keep(place, HOME, way.reversed)

    def listed(self) -> list[tuple[int, int, int, int]]:
        """Give them all: from, to, seconds, joules."""
        return [(*pair, *cost) for pair, cost in self._found.items()]

    def _keep(self, source: int, goal: int, way: Travel) -> None:
        if source != goal and math.isfinite(way.duration_s):
            energy_wh = drive_wh(self._standing.spec, way)
            self._found[source, goal] = (math.ceil(way.duration_s), _joules(energy_wh))


class _Places:
    """The places at which tasks begin and end, numbered behind those of the machine itself.

    Where a machine begins to cover a zone depends on its tool, so places are told apart by the
    work and not by where they are.
    """

    def __init__(self, tasks: Sequence[TaskCandidate], held: Sequence[Held]) -> None:
        self._numbers: dict[Hashable, int] = {}
        ends = [ends_of(one.candidate.task)[1] for one in held]
        for key in chain(ends, chain.from_iterable(ends_of(one.task) for one in tasks)):
            self._numbers.setdefault(key, HOME + 1 + len(self._numbers))

    @property
    def count(self) -> int:
        """How many places there are."""
        return HOME + 1 + len(self._numbers)

    def start(self, task: Task) -> int:
        """Give where a task begins."""
        return self._numbers[ends_of(task)[0]]

    def end(self, task: Task) -> int:
        """Give where a task ends."""
        return self._numbers[ends_of(task)[1]]


def _machine(name: NodeId, outset: Outset, standing: Standing) -> library.Machine:
    spec = standing.spec
    charge_j = math.floor(min(outset.charge_wh * SECONDS_PER_HOUR, ENERGY_J_MAX))
    return library.Machine(
        mover=name,
        place=HERE,
        battery_j=max(charge_j, math.floor(charged_wh(spec) * SECONDS_PER_HOUR)),
        charge_j=charge_j,
        reserve_j=_joules(kept_wh(spec)),
        idle_w=math.ceil(spec.idle_w),
        charge_w=max(1, math.floor(spec.charge_w)),
    )


def _needs(candidate: TaskCandidate) -> library.Resources:
    if candidate.task.kind is not TaskKind.FUSE_TERRAIN:
        return library.Resources()
    return library.Resources(cpu_mcores=_SLOT_MCORES, memory_mib=candidate.memory_mib)


def _from_now(span_s: float, candidate: TaskCandidate) -> int:
    """Give a time that counts from when a task was submitted, as one from now on."""
    left_s = math.floor(span_s - candidate.waiting_s)
    return max(-HORIZON_S_MAX, min(left_s, HORIZON_S_MAX))


def _seconds(duration_s: float) -> int:
    """Give whole seconds, at least one and at most the horizon."""
    return max(1, min(math.ceil(duration_s), HORIZON_S))


def _joules(energy_wh: float) -> int:
    # More than any battery holds is as good as all that can be told.
    return math.ceil(max(0.0, min(energy_wh * SECONDS_PER_HOUR, ENERGY_J_MAX)))
