"""Sites as they may be, drawn: work orders and fleets for the contests of placement.

What is drawn, and from which figures, is told in `placement_site_orders` and
`placement_site_fleet`; here come the terms of each task and what runs already. Every task can be
placed by itself; together they want more than there is at times: posts, the bus, light.
"""

import random

import msgspec
import numpy as np

from lunaredge.cli.bench.placement_site_fleet import (
    HOUR_S,
    KINDS,
    SETUPS,
    draw_bus,
    draw_chargers,
    draw_darkness,
    draw_fleet,
)
from lunaredge.cli.bench.placement_site_ground import travel_over
from lunaredge.cli.bench.placement_site_orders import Orders
from lunaredge.placement.problem import Current, Mode, Node, Problem, Task
from lunaredge.placement.travel import Travel

DAY_S = 86_400
PLACES_MAX = 256
# A site of five nodes is 250 m wide, one of a thousand 1 km (the reference site: 200 m).
_SIDE_M, _SIDE_M_PER_ROOT = 200.0, 25.0
# How many of the tasks have such a term; those that are not due are wanted as soon as possible.
_DUE_SHARE, _LATEST_SHARE, _APPROVAL_SHARE = 0.5, 0.03, 0.05
_BAN_SHARE, _PIN_SHARE, _HEALTH_SHARE = 0.05, 0.03, 0.05
_FIXED_SHARE, _RUNS_SHARE, _PLANNED_SHARE = 0.1, 0.15, 0.08
_WEAR_J_S = 20

# Nodes by their kind.
Kinds = dict[str, list[Node]]


def site_instance(size: tuple[int, int], seed: int) -> tuple[Problem, Travel]:
    """Draw a site of so many tasks and nodes, at least five; the same for the same seed."""
    task_count, node_count = size
    name = f"site {task_count} x {node_count} #{seed}"
    dice = random.Random(name)
    place_count = min(PLACES_MAX, 8 + task_count // 4)
    yard = min(place_count, 4 + node_count // 12)
    nodes = draw_fleet(dice, node_count, yard)
    kinds: Kinds = {}
    for node in nodes:
        kinds.setdefault(node.kind, []).append(node)
    horizon_s = DAY_S if task_count <= 5 * node_count else 2 * DAY_S
    darkness = draw_darkness(dice, horizon_s)
    orders = Orders(dice, place_count, node_count // 3)
    orders.fill(task_count)
    problem = Problem(
        tasks=_with_currents(dice, _with_terms(dice, orders, kinds), kinds),
        nodes=nodes,
        horizon_s=horizon_s,
        chargers=draw_chargers(dice, nodes, yard),
        bus=draw_bus(dice, node_count, darkness),
        darkness=darkness,
        setups=SETUPS,
        travel_j_s=_WEAR_J_S,
    )
    side_m = _SIDE_M + _SIDE_M_PER_ROOT * node_count**0.5
    movers = {kind: figures.mover for kind, figures in KINDS.items()}
    return problem, travel_over(_numbers(dice), place_count, side_m, movers)


def _numbers(dice: random.Random) -> np.random.Generator:
    return np.random.default_rng(dice.getrandbits(64))


def _with_terms(dice: random.Random, orders: Orders, nodes: Kinds) -> list[Task]:
    """Give each task when it is due, and what else may bind it."""
    ends_s: dict[str, int] = {}
    found = []
    for task in orders.tasks:
        ready_s = max([0, task.release_s, *(ends_s[a.task] + a.lag_s for a in task.after)])
        ends_s[task.id] = ready_s + min(mode.duration_s for mode in task.modes)
        length_s = ends_s[task.id] - max(0, task.release_s)
        changes: dict[str, object] = {"due_s": dice.choice((0, max(0, task.release_s)))}
        if dice.random() < _DUE_SHARE:
            changes["due_s"] = max(0, task.release_s) + int(dice.uniform(1.2, 3.0) * length_s)
        if dice.random() < _LATEST_SHARE:
            changes["latest_s"] = ends_s[task.id] + 2 * length_s + 12 * HOUR_S
        if dice.random() < _APPROVAL_SHARE:
            changes["approved_s"] = int(dice.uniform(0.5, 3.0) * HOUR_S)
        if dice.random() < _HEALTH_SHARE:
            changes["health_pct_min"] = 80
        able = [node.id for node in _able(task, nodes)]
        if len(able) > 3 and dice.random() < _BAN_SHARE:
            changes["not_on"] = tuple(dice.sample(able, len(able) // 3))
        if len(able) > 3 and dice.random() < _PIN_SHARE:
            changes["only_on"] = tuple(dice.sample(able, len(able) // 2))
        found.append(msgspec.structs.replace(task, **changes))
    return found


def _with_currents(dice: random.Random, tasks: list[Task], nodes: Kinds) -> tuple[Task, ...]:
    """Give some tasks where they run, or were to run."""
    taken: set[str] = set()
    found = []
    for task in tasks:
        able = _able(task, nodes)
        node = dice.choice(able)
        current = None if node.id in taken else _current(dice, task, node)
        if current is not None and current.left_s is not None:
            taken.add(current.node)
        found.append(msgspec.structs.replace(task, current=current))
    return tuple(found)


def _current(dice: random.Random, task: Task, node: Node) -> Current | None:
    """Draw what is known of a task on a node: it is fixed, runs, was planned, or none of it."""
    draw, left, move_j = dice.random(), dice.uniform(0.2, 0.9), dice.randint(1, 20) * 10_000
    mode = _mode_on(task, node)
    left_s, left_j = max(1, int(left * mode.duration_s)), int(left * mode.energy_j)
    running = Current(node=node.id, move_j=move_j, left_s=left_s, left_j=left_j)
    is_first = not task.after and task.meets is None and task.apart is None
    is_machine = node.machine is not None
    if (
        is_first
        and task.release_s <= 0 == node.ready_s
        and draw < _FIXED_SHARE * (3 if is_machine else 1)
    ):
        # A hauler's task is its excavator's partner, and never stands alone.
        return None if ".haul-" in task.id else msgspec.structs.replace(running, is_fixed=True)
    if is_first and not is_machine and draw < _FIXED_SHARE + _RUNS_SHARE:
        return running
    return Current(node=node.id, move_j=move_j) if draw > 1.0 - _PLANNED_SHARE else None


def _able(task: Task, nodes: Kinds) -> list[Node]:
    """Give the nodes that a task may go to by kind, tools, health and pins."""
    needed = set(task.capabilities)
    return [
        node
        for mode in task.modes
        for node in nodes.get(mode.kind, ())
        if needed <= set(node.capabilities)
        and node.health_pct >= task.health_pct_min
        and (not task.only_on or node.id in task.only_on)
        and node.id not in task.not_on
    ]


def _mode_on(task: Task, node: Node) -> Mode:
    return next(mode for mode in task.modes if mode.kind == node.kind)
