"""Random placement problems, small and spiteful: everything that the contract speaks of, at once.

Values lie close together, so that ties, exact fits and near misses are common. Each problem leaves
out some of the traits, so that what the others do is not drowned; one in seven has them all.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st
from msgspec.structs import replace

from lunaredge.placement.plan import Placed, Plan
from lunaredge.placement.problem import (
    After,
    Apart,
    Ceiling,
    Charger,
    Current,
    Level,
    Machine,
    Mode,
    Node,
    Problem,
    Resources,
    Setup,
    Task,
    Window,
)
from lunaredge.placement.travel import Travel
from tests.placement.case import work
from tests.placement.judge import score_of, violations

MACHINE_KINDS = ("rover", "hauler")
KINDS = (*MACHINE_KINDS, "board")
CAPABILITIES = ("dig", "lift")
FAMILIES = ("any", "dig", "haul")
MOVERS = ("wheels", "tracks")
TRAITS = (
    "approvals",
    "apart",
    "bus",
    "capabilities",
    "chargers",
    "current",
    "darkness",
    "health",
    "latest",
    "light",
    "meets",
    "needs",
    "order",
    "pins",
    "ready",
    "releases",
    "setups",
    "thirst",
    "travel",
    "walls",
    "weights",
)
# A big problem is a small one in other units, some seconds, joules and watts off: sums get long.
UNITS_S = (1, 1, 1, 500_000)
UNITS_W = (1, 1, 1, 1_000)

Item = TypeVar("Item")


@dataclass(frozen=True)
class Dice:
    """Draws for one problem: which traits it has, and its units."""

    rng: random.Random
    traits: frozenset[str]
    unit_s: int
    unit_w: int
    place_count: int

    def often(self, share: float, trait: str = "") -> bool:
        """Tell yes in a share of cases, if the problem has the trait. Shrinks to no."""
        return (not trait or trait in self.traits) and self.rng.random() >= 1.0 - share

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self.rng.randint(0, len(items) - 1)]

    def some_of(self, items: Sequence[Item], share: float) -> tuple[Item, ...]:
        return tuple(item for item in items if self.often(share))

    def count(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def seconds(self, low: int, high: int) -> int:
        off_s = self.rng.randint(-1, 1) if self.unit_s > 1 and low > 0 else 0
        return self.rng.randint(low, high) * self.unit_s + off_s

    def joules(self, low: int, high: int) -> int:
        unit_j = self.unit_s * self.unit_w
        off_j = self.rng.randint(-1, 1) if unit_j > 1 and low > 0 else 0
        return self.rng.randint(low, high) * unit_j + off_j

    def watts(self, low: int, high: int) -> int:
        return self.rng.randint(low, high) * self.unit_w

    def place(self) -> int:
        return self.rng.randint(0, self.place_count - 1)


def problems(tasks_max: int = 8, nodes_max: int = 5) -> st.SearchStrategy[tuple[Problem, Travel]]:
    """Give a strategy for small problems; they shrink to fewer tasks, nodes and traits."""
    randoms = st.randoms(use_true_random=False)
    return st.builds(random_problem, randoms, st.integers(0, tasks_max), st.integers(0, nodes_max))


def random_problem(rng: random.Random, tasks: int, nodes: int) -> tuple[Problem, Travel]:
    """Draw a problem with so many tasks and nodes; a seeded generator gives the same again."""
    dice = _dice(rng)
    travel = _travel(dice)
    site = tuple(_node(dice, index) for index in range(nodes))
    drawn = [_task(dice, index, site) for index in range(tasks)]
    for change in (_ordered, _met, _set_apart):
        drawn = change(dice, drawn)
    problem = Problem(
        tasks=tuple(drawn),
        nodes=site,
        horizon_s=dice.seconds(1, 5) if dice.often(0.05) else dice.seconds(30, 90),
        chargers=_chargers(dice),
        bus=_bus(dice, drawn, site),
        darkness=_darkness(dice),
        setups=_setups(dice),
        travel_j_s=dice.watts(0, 3),
    )
    return _with_fixed(dice, problem, travel), travel


def _dice(rng: random.Random) -> Dice:
    share = 1.0 if rng.random() >= 0.85 else 0.4
    traits = frozenset(trait for trait in TRAITS if rng.random() >= 1.0 - share)
    unit_s = UNITS_S[rng.randint(0, len(UNITS_S) - 1)]
    unit_w = UNITS_W[rng.randint(0, len(UNITS_W) - 1)]
    place_count = 0 if rng.random() >= 0.95 else rng.randint(1, 4)
    return Dice(rng, traits, unit_s, unit_w, place_count)


def _travel(dice: Dice) -> Travel:
    if not dice.place_count:
        return Travel()
    return Travel.of({mover: _legs(dice) for mover in MOVERS})


def _legs(dice: Dice) -> tuple[list[list[float]], list[list[float]]]:
    count = dice.place_count
    times_s, energies_j = (
        [[0.0] * count for _ in range(count)],
        [[0.0] * count for _ in range(count)],
    )
    if "travel" not in dice.traits:
        return times_s, energies_j
    for source in range(count):
        for target in range(count):
            if source == target:
                continue
            has_way = not dice.often(0.15, "walls")
            times_s[source][target] = dice.seconds(0, 6) if has_way else math.inf
            energies_j[source][target] = dice.joules(0, 9) if has_way else math.inf
    return times_s, energies_j


def _node(dice: Dice, index: int) -> Node:
    machine = _machine(dice) if dice.place_count and dice.often(0.6) else None
    kinds = KINDS if dice.often(0.1) else ("board",) if machine is None else MACHINE_KINDS
    full = Resources(cpu_mcores=9, memory_mib=9, tools=9)
    return Node(
        id=f"n{index}",
        kind=dice.one_of(kinds),
        capabilities=dice.some_of(CAPABILITIES, 0.85) if "capabilities" in dice.traits else (),
        has=_resources(dice, 3, 6) if "needs" in dice.traits else full,
        ready_s=dice.seconds(0, 12) if dice.often(0.4, "ready") else 0,
        health_pct=dice.one_of((100, 99, 80, 67, 33, 1)) if dice.often(0.5, "health") else 100,
        board=dice.one_of(("", "b0", "b1")) if "apart" in dice.traits else "",
        rack=dice.one_of(("", "r0", "r1")) if "apart" in dice.traits else "",
        is_on_bus=not dice.often(0.2),
        machine=machine,
    )


def _machine(dice: Dice) -> Machine:
    if "thirst" not in dice.traits:
        battery_j = dice.joules(200, 300)
        charge_j = battery_j
    else:
        battery_j = dice.joules(30, 60)
        charge_j = battery_j if dice.often(0.2) else dice.joules(0, 25)
    is_cold = "darkness" in dice.traits
    return Machine(
        mover=dice.one_of(MOVERS),
        place=dice.place(),
        battery_j=battery_j,
        charge_j=charge_j,
        reserve_j=dice.joules(0, 5),
        reserve_dark_j=dice.joules(0, 12) if is_cold else 0,
        idle_w=dice.one_of((0, 0, 1, 2)) * dice.unit_w,
        heat_w=dice.one_of((0, 1, 2)) * dice.unit_w if is_cold else 0,
        charge_w=dice.watts(3, 20),
        family=dice.one_of(FAMILIES) if "setups" in dice.traits else "any",
    )


def _resources(dice: Dice, low: int, high: int) -> Resources:
    return Resources(
        cpu_mcores=dice.count(low, high),
        memory_mib=dice.count(low, high),
        tools=dice.count(low, high),
    )


def _task(dice: Dice, index: int, site: tuple[Node, ...]) -> Task:
    place = dice.place() if dice.place_count and not dice.often(0.05) else None
    task = Task(
        id=f"t{index}",
        modes=_modes(dice),
        needs=_resources(dice, 0, 3) if "needs" in dice.traits else Resources(),
        weight=dice.one_of((1, 2, 3, 1000)) if "weights" in dice.traits else 1,
        due_s=dice.seconds(-5, 40),
        place=place,
        end_place=dice.place() if place is not None and dice.often(0.3) else None,
        family=dice.one_of(FAMILIES) if "setups" in dice.traits else "any",
        needs_light=dice.often(0.3, "light"),
    )
    task = _timed(dice, task)
    task = _pinned(dice, task, [node.id for node in site])
    return replace(task, current=_current(dice, site)) if dice.often(0.5, "current") else task


def _modes(dice: Dice) -> tuple[Mode, ...]:
    # Equal tasks, of one second and no energy, are common: ties.
    if dice.often(0.1):
        return tuple(Mode(kind=kind, duration_s=1) for kind in KINDS)
    kinds = dice.some_of(KINDS, 0.85)
    return tuple(
        Mode(kind=kind, duration_s=dice.seconds(1, 9), energy_j=dice.joules(0, 16))
        for kind in kinds
    )


def _timed(dice: Dice, task: Task) -> Task:
    release_s = dice.seconds(-5, 20) if dice.often(0.5, "releases") else 0
    approved_s: int | None = dice.seconds(-3, 15) if dice.often(0.4, "approvals") else 0
    latest_s = None
    if dice.often(0.5, "latest"):
        # Some seconds after the earliest end of all, or anywhere.
        earliest_s = max(0, release_s) + min((m.duration_s for m in task.modes), default=1)
        latest_s = earliest_s + dice.seconds(0, 15) if dice.often(0.5) else dice.seconds(5, 80)
    if dice.often(0.07, "approvals"):
        approved_s = None
    return replace(task, release_s=release_s, approved_s=approved_s, latest_s=latest_s)


def _pinned(dice: Dice, task: Task, nodes: list[str]) -> Task:
    capabilities: tuple[str, ...] = ()
    if dice.often(0.4, "capabilities"):
        capabilities = dice.some_of(CAPABILITIES, 0.5)
    health_pct_min = dice.one_of((1, 50, 80, 100)) if dice.often(0.2, "health") else 1
    named = [*nodes, "elsewhere"]
    only_on = dice.some_of(named, 0.6) if dice.often(0.25, "pins") else ()
    not_on = dice.some_of(named, 0.3) if dice.often(0.25, "pins") else ()
    return replace(
        task,
        capabilities=capabilities,
        health_pct_min=health_pct_min,
        only_on=only_on,
        not_on=not_on,
    )


def _current(dice: Dice, site: tuple[Node, ...]) -> Current:
    node = "lost" if not site or dice.often(0.1) else dice.one_of(site).id
    if dice.often(0.5):
        return Current(node=node, move_j=dice.joules(0, 20))
    left_s, left_j = dice.seconds(1, 9), dice.joules(0, 12)
    return Current(node=node, move_j=dice.joules(0, 20), left_s=left_s, left_j=left_j)


def _ordered(dice: Dice, tasks: list[Task]) -> list[Task]:
    """Let tasks wait for earlier ones, and seldom for later ones, themselves or unknown ones."""
    if "order" not in dice.traits:
        return tasks
    ordered = []
    for index, task in enumerate(tasks):
        names = [other.id for other in (tasks if dice.often(0.06) else tasks[:index])]
        names += ["nobody"] if dice.often(0.02) else []
        chosen = dice.some_of(names[-3:], 0.35)
        lags_s = [dice.seconds(0, 6) if dice.often(0.5) else 0 for _ in chosen]
        after = tuple(After(task=name, lag_s=lag) for name, lag in zip(chosen, lags_s, strict=True))
        ordered.append(replace(task, after=after))
    return ordered


def _met(dice: Dice, tasks: list[Task]) -> list[Task]:
    """Let some pairs meet, neighbours or not; one of them says so, or both."""
    met = list(tasks)
    free = list(range(len(tasks)))
    while len(free) > 1:
        one = free.pop(0)
        if not dice.often(0.4, "meets"):
            continue
        other = free.pop(dice.count(0, len(free) - 1))
        says, says_too = dice.one_of(((True, False), (False, True), (True, True)))
        if says:
            met[one] = replace(met[one], meets=met[other].id)
        if says_too:
            met[other] = replace(met[other], meets=met[one].id)
    return met


def _set_apart(dice: Dice, tasks: list[Task]) -> list[Task]:
    groups = [Apart(group=f"g{k}", level=dice.one_of(tuple(Level))) for k in range(2)]
    return [
        replace(task, apart=dice.one_of(groups)) if dice.often(0.5, "apart") else task
        for task in tasks
    ]


def _chargers(dice: Dice) -> tuple[Charger, ...]:
    if not dice.place_count or not dice.traits & {"chargers", "thirst"}:
        return ()
    return tuple(
        Charger(place=dice.place(), posts=2 if dice.often(0.2) else 1)
        for _ in range(dice.count(1, 3))
    )


def _bus(dice: Dice, tasks: list[Task], site: tuple[Node, ...]) -> tuple[Ceiling, ...]:
    """Draw ceilings near to what one or two of the site's machines and computers draw."""
    if "bus" not in dice.traits:
        return ()
    draws_w = [node.machine.charge_w for node in site if node.machine is not None]
    for task in tasks:
        taken = [work(task, node) for node in site if node.machine is None]
        draws_w += [-(-found[1] // found[0]) for found in taken[:1] if found is not None]
    draws_w.append(0)
    from_s, ceilings = 0, []
    for _ in range(dice.count(1, 3)):
        power_w = dice.one_of(draws_w) + (dice.one_of(draws_w) if dice.often(0.5) else 0)
        power_w += dice.count(-1, 1) if dice.often(0.3) else 0
        ceilings.append(Ceiling(from_s=from_s, power_w=max(0, power_w)))
        from_s += max(1, dice.seconds(1, 20))
    return tuple(ceilings)


def _darkness(dice: Dice) -> tuple[Window, ...]:
    if "darkness" not in dice.traits:
        return ()
    from_s, windows = dice.seconds(-5, 15), []
    for _ in range(dice.count(1, 3)):
        until_s = from_s + max(1, dice.seconds(1, 15))
        windows.append(Window(from_s=from_s, until_s=until_s))
        from_s = until_s + max(1, dice.seconds(1, 15))
    return tuple(windows)


def _setups(dice: Dice) -> tuple[Setup, ...]:
    pairs = [(source, target) for source in FAMILIES for target in FAMILIES if source != target]
    if "setups" not in dice.traits:
        return ()
    return tuple(
        Setup(source=source, target=target, duration_s=dice.seconds(0, 5))
        for source, target in dice.some_of(pairs, 0.6)
    )


def _with_fixed(dice: Dice, problem: Problem, travel: Travel) -> Problem:
    """Fix some of the tasks that run, as long as the fixed ones alone keep every rule."""
    meeting = {name for task in problem.tasks if task.meets for name in (task.id, task.meets)}
    for index, task in enumerate(problem.tasks):
        runs = task.current is not None and task.current.left_s is not None
        if not runs or task.id in meeting or not dice.often(0.5):
            continue
        assert task.current is not None
        tasks = list(problem.tasks)
        tasks[index] = replace(task, current=replace(task.current, is_fixed=True))
        tried = replace(problem, tasks=tuple(tasks))
        plan = _fixed_alone(tried)
        if plan is not None and not violations(tried, travel, plan):
            problem = tried
    return problem


def _fixed_alone(problem: Problem) -> Plan | None:
    """Give the plan that places what is fixed and nothing else; None: there is no such plan."""
    nodes = {node.id: node for node in problem.nodes}
    placed = []
    for task in problem.tasks:
        if task.current is None or not task.current.is_fixed:
            continue
        node = nodes.get(task.current.node)
        taken = None if node is None else work(task, node)
        if node is None or taken is None or (node.machine is not None and task.place is None):
            return None
        level_j = None if node.machine is None else node.machine.charge_j
        placed.append(
            Placed(
                task=task.id,
                node=node.id,
                start_s=0,
                end_s=taken[0],
                energy_j=taken[1],
                level_j=level_j,
            )
        )
    names = {item.task for item in placed}
    unplaced = tuple(task.id for task in problem.tasks if task.id not in names)
    items = tuple(placed)
    return Plan(placed=items, unplaced=unplaced, score=score_of(problem, items))
