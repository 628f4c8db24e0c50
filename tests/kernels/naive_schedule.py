"""Slow and obvious twins of fits, and of plans made from a list, written from the contract.

Every second is tried. What a way, the darkness or a lost joule is, the judge of plans tells.
"""

import numpy as np

from lunaredge.kernels.schedule_board import AHEAD, FIRST, LAST, NEXT, NODE, START, Fit
from lunaredge.kernels.schedule_build import ANY
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_sheet import NEVER, NONE
from lunaredge.placement.plan import Plan, Score
from lunaredge.placement.problem import Charger, Resources
from lunaredge.placement.sheet import NEARBY_MAX
from tests.placement.case import (
    Case,
    Stand,
    charge_floor_j,
    dark_s,
    end_of,
    failure_domain,
    is_fixed,
    lost_j,
    setup_s,
    way,
    way_home_j,
    work,
)

NO_FIT = Fit(NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE)
RESOURCES = Resources.__struct_fields__


class Yard:
    """A problem and what is on its board: each task's node and fit, each node's tasks in order."""

    def __init__(self, problem, travel):
        nothing = Plan(placed=(), unplaced=(), score=Score(late_s=0, cost_j=0))
        self.case = Case.of_plan(problem, travel, nothing)
        self.problem = problem
        self.seconds = 4 * problem.horizon_s + 100
        places = {charger.place: [] for charger in problem.chargers}
        for charger in problem.chargers:
            places[charger.place] += ["post"] * charger.posts
        self.chargers = [Charger(place=at, posts=len(posts)) for at, posts in places.items()]
        self.placed = {}
        self.lines = [[] for _ in problem.nodes]
        self.held = {}
        self.waiting = set()
        self.numbers = {node.id: n for n, node in enumerate(problem.nodes)}
        for t, task in enumerate(problem.tasks):
            if is_fixed(task):
                n = self.numbers[task.current.node]
                level_j = problem.nodes[n].machine.charge_j if problem.nodes[n].machine else 0
                end_s = task.current.left_s
                self.put(t, n, NONE, Fit(0, end_s, NONE, NONE, NONE, level_j, 0, 0))

    def put(self, t, n, ahead, fit):
        self.placed[t] = n, fit
        self.lines[n].insert(0 if ahead == NONE else self.lines[n].index(ahead) + 1, t)

    def take(self, t):
        self.lines[self.placed.pop(t)[0]].remove(t)

    def last(self, n):
        return self.lines[n][-1] if self.lines[n] else NONE

    def stand(self, n, ahead):
        """Give how a machine leaves after a task; -1: at first."""
        node = self.problem.nodes[n]
        if ahead == NONE:
            machine = node.machine
            return Stand(node.ready_s, machine.place, machine.family, machine.charge_j)
        fit, task = self.placed[ahead][1], self.problem.tasks[ahead]
        return Stand(fit.end, end_of(task), task.family, fit.level)

    def drawn_w(self):
        """Give what is drawn from the bus in each second."""
        drawn_w = np.zeros(self.seconds, dtype=np.int64)
        for t, (n, fit) in self.placed.items():
            node = self.problem.nodes[n]
            drawn_w[fit.start : fit.end] += watts_of(self.problem.tasks[t], node)
            if fit.charger != NONE:
                drawn_w[fit.charge_start : fit.charge_end] += node.machine.charge_w
        for n, _, begin_s, end_s in self.held.values():
            drawn_w[begin_s:end_s] += self.problem.nodes[n].machine.charge_w
        return drawn_w

    def ceiling_w(self):
        """Give what the bus can give in each second."""
        ceiling_w = np.full(self.seconds, NEVER, dtype=np.int64)
        for ceiling in self.problem.bus:
            ceiling_w[ceiling.from_s :] = ceiling.power_w
        return ceiling_w

    def charging(self, q):
        """Give how many machines charge at a charger in each second."""
        charging = np.zeros(self.seconds, dtype=np.int64)
        for _, fit in self.placed.values():
            if fit.charger == q:
                charging[fit.charge_start : fit.charge_end] += 1
        for _, charger, begin_s, end_s in self.held.values():
            charging[begin_s:end_s] += charger == q
        return charging

    def used(self, n, resource):
        """Give how much of a resource of a node is in use in each second."""
        used = np.zeros(self.seconds, dtype=np.int64)
        for t in self.lines[n]:
            fit = self.placed[t][1]
            used[fit.start : fit.end] += getattr(self.problem.tasks[t].needs, resource)
        return used


def yard_of(problem, travel, board):
    """Give what is on a board."""
    yard = Yard(problem, travel)
    yard.placed = {
        t: (int(row[NODE]), fit_of(row)) for t, row in enumerate(board.rows) if row[NODE] != NONE
    }
    yard.lines = [line_of(board, n) for n in range(len(problem.nodes))]
    return yard


def fit_of(row):
    return Fit(*(int(value) for value in row[START:AHEAD]))


def line_of(board, n):
    """Give a node's list, and fail if its links don't agree."""
    line, ahead, t = [], NONE, int(board.lines[n, FIRST])
    while t != NONE:
        assert board.rows[t, NODE] == n
        assert board.rows[t, AHEAD] == ahead
        line.append(t)
        ahead, t = t, int(board.rows[t, NEXT])
    assert board.lines[n, [FIRST, LAST]].tolist() == ([line[0], line[-1]] if line else [NONE, NONE])
    return line


def watts_of(task, node):
    """Give what a task draws from the bus on a node."""
    if node.machine is not None or not node.is_on_bus:
        return 0
    duration_s, energy_j = work(task, node)
    return -(-energy_j // duration_s)


def latest_s(yard, task):
    horizon_s = yard.problem.horizon_s
    return horizon_s if task.latest_s is None else min(task.latest_s, horizon_s)


def may_ever(yard, t, n):
    """Tell whether a node, if it is not banned, can do a task at some time on its own."""
    task, node = yard.problem.tasks[t], yard.problem.nodes[n]
    if next((mode for mode in task.modes if mode.kind == node.kind), None) is None:
        return False
    if not set(task.capabilities) <= set(node.capabilities) or node.id in task.not_on:
        return False
    if any(getattr(task.needs, name) > getattr(node.has, name) for name in RESOURCES):
        return False
    if node.health_pct < task.health_pct_min:
        return False
    if node.machine is None:
        return True
    return task.place is not None and way_home_j(yard.case, node, end_of(task)) is not None


def is_pinned_to(yard, t, n):
    names = [name for name in yard.problem.tasks[t].only_on if name in yard.numbers]
    return not names or yard.problem.nodes[n].id in names


def is_apart(yard, t, n):
    """Tell whether no placed task of the same group is in a node's failure domain."""
    apart = yard.problem.tasks[t].apart
    if apart is None:
        return True
    nodes, tasks = yard.problem.nodes, yard.problem.tasks
    taken = [
        failure_domain(nodes[at], apart.level)
        for other, (at, _) in yard.placed.items()
        if other != t and tasks[other].apart is not None and tasks[other].apart.group == apart.group
    ]
    return failure_domain(nodes[n], apart.level) not in taken


def fit_on_computer(yard, t, n, earliest_s):
    """Give the first second from which a computer can do a task."""
    task, node = yard.problem.tasks[t], yard.problem.nodes[n]
    duration_s, watts = work(task, node)[0], watts_of(task, node)
    is_free = np.ones(yard.seconds, dtype=bool)
    if watts:
        is_free &= yard.drawn_w() + watts <= yard.ceiling_w()
    for name in RESOURCES:
        is_free &= yard.used(n, name) + getattr(task.needs, name) <= getattr(node.has, name)
    for start_s in range(max(earliest_s, node.ready_s), latest_s(yard, task) - duration_s + 1):
        end_s = start_s + duration_s
        is_light = not task.needs_light or dark_s(yard.case, start_s, end_s) == 0
        if is_light and is_free[start_s:end_s].all():
            return Fit(start_s, end_s, NONE, NONE, NONE, NONE, 0, 0)
    return NO_FIT


def fit_on_machine(yard, t, n, ahead, earliest_s, charger):
    """Give the first fit behind a task; by a charger if one is named, or if it must charge."""
    stand = yard.stand(n, ahead)
    if charger != AUTOMATIC:
        return charged_fit(yard, t, n, stand, earliest_s, charger)
    direct = direct_fit(yard, t, n, stand, earliest_s)
    if direct != NO_FIT:
        return direct
    fits = [charged_fit(yard, t, n, stand, earliest_s, q) for q in nearest(yard, n, stand.place)]
    fits = [fit for fit in fits if fit != NO_FIT]
    return min(fits, key=lambda fit: (fit.start, fit.travel_j), default=NO_FIT)


def nearest(yard, n, place):
    """Give the few chargers that are reached the soonest, the nearest first."""
    node = yard.problem.nodes[n]
    ways = [way(yard.case, node, place, charger.place) for charger in yard.chargers]
    reached = [q for q, found in enumerate(ways) if found is not None]
    return sorted(reached, key=lambda q: ways[q][0])[:NEARBY_MAX]


def direct_fit(yard, t, n, stand, earliest_s):
    """Try each second from that on at which the machine can have come."""
    case, task, node = yard.case, yard.problem.tasks[t], yard.problem.nodes[n]
    machine, taken = node.machine, way(case, node, stand.place, task.place)
    if taken is None:
        return NO_FIT
    duration_s, energy_j = work(task, node)
    ready_s = max(stand.at_s, node.ready_s) + setup_s(case, stand.family, task.family) + taken[0]
    for start_s in range(max(earliest_s, ready_s), latest_s(yard, task) - duration_s + 1):
        end_s = start_s + duration_s
        dark = dark_s(case, start_s, end_s)
        level_j = stand.level_j - lost_j(case, machine, taken, (stand.at_s, start_s))
        level_j -= energy_j + machine.heat_w * dark
        kept_j = max(machine.reserve_j, machine.reserve_dark_j) if dark else machine.reserve_j
        if task.needs_light and dark:
            continue
        if level_j >= kept_j + way_home_j(case, node, end_of(task)):
            return Fit(start_s, end_s, NONE, NONE, NONE, level_j, *taken)
    return NO_FIT


def charges(yard, n, stand, q):
    """Give when a machine might charge somewhere, begin and end, had it a post, power and time."""
    case, node, charger = yard.case, yard.problem.nodes[n], yard.chargers[q]
    machine, taken = node.machine, way(case, node, stand.place, charger.place)
    if taken is None:
        return
    arrival_s = max(stand.at_s, node.ready_s) + taken[0]
    for begin_s in range(arrival_s, yard.seconds):
        level_j = stand.level_j - lost_j(case, machine, taken, (stand.at_s, begin_s))
        # Who arrives full does not charge.
        if level_j >= machine.battery_j:
            return
        end_s = begin_s - (level_j - machine.battery_j) // machine.charge_w
        yield begin_s, end_s, level_j >= charge_floor_j(case, node, machine)


def free_charges(yard, n, stand, q):
    """Give those of the charges for which there is all of that, the first first."""
    charger, machine = yard.chargers[q], yard.problem.nodes[n].machine
    is_free = yard.drawn_w() + machine.charge_w <= yard.ceiling_w()
    is_free &= yard.charging(q) < charger.posts
    for begin_s, end_s, may_wait in charges(yard, n, stand, q):
        if not may_wait:
            return
        if is_free[begin_s:end_s].all():
            yield begin_s, end_s


def charged_fit(yard, t, n, stand, earliest_s, q):
    """Charge as soon as there is a post and power, then start as soon as that lets."""
    first = next(free_charges(yard, n, stand, q), None)
    return fit_after(yard, t, n, stand, earliest_s, q, first) if first else NO_FIT


def fit_after(yard, t, n, stand, earliest_s, q, pair):
    """Give the first fit after a charge."""
    node, place = yard.problem.nodes[n], yard.chargers[q].place
    taken = way(yard.case, node, stand.place, place)
    full = Stand(pair[1], place, stand.family, node.machine.battery_j)
    fit = direct_fit(yard, t, n, full, earliest_s)
    if fit == NO_FIT:
        return NO_FIT
    there = fit.travel_s + taken[0], fit.travel_j + taken[1]
    return Fit(fit.start, fit.end, q, *pair, fit.level, *there)


def postponed_fit(yard, t, n, fit):
    """Give a fit with the last charge after which it starts as it does; the same if not free."""
    stand, q = yard.stand(n, yard.last(n)), fit.charger
    found = [
        (pair, later)
        for *pair, _ in charges(yard, n, stand, q)
        if pair[0] >= fit.charge_start
        and (later := fit_after(yard, t, n, stand, fit.start, q, pair)).start == fit.start
    ]
    pair, later = found[-1]
    return later if tuple(pair) in free_charges(yard, n, stand, q) else fit


def fit_at_end(yard, t, n, earliest_s, charger):
    """Give the first fit after all that a node does; by that charger if that goes."""
    if yard.problem.nodes[n].machine is None:
        return fit_on_computer(yard, t, n, earliest_s)
    fit = fit_on_machine(yard, t, n, yard.last(n), earliest_s, charger)
    if fit == NO_FIT:
        return fit_on_machine(yard, t, n, yard.last(n), earliest_s, AUTOMATIC)
    return fit


def nodes_in_order(yard, t):
    """Give the nodes that a task may go to, by their places in its list, or by kind."""
    names = [name for name in yard.problem.tasks[t].only_on if name in yard.numbers]
    if names:
        return [yard.numbers[name] for name in names]
    kinds = [node.kind for node in yard.problem.nodes]
    return sorted(range(len(kinds)), key=lambda n: (kinds.index(kinds[n]), n))


def merit(yard, t, n, fit, haste_w):
    """Give what a fit counts among others: tardiness, value, and how busy its node is."""
    task, node = yard.problem.tasks[t], yard.problem.nodes[n]
    is_moved = task.current is not None and task.current.node != node.id
    cost_j = work(task, node)[1] + fit.travel_j + yard.problem.travel_j_s * fit.travel_s
    cost_j += task.current.move_j if is_moved else 0
    busy_s = sum(yard.placed[other][1].end - yard.placed[other][1].start for other in yard.lines[n])
    return task.weight * max(0, fit.end - task.due_s), cost_j + haste_w * fit.end, busy_s


def best_node(yard, t, earliest_s, without, haste_w):
    """Give the best node for a task, and its fit there."""
    found = []
    for n in nodes_in_order(yard, t):
        if n != without and may_ever(yard, t, n) and is_apart(yard, t, n):
            fit = fit_at_end(yard, t, n, earliest_s, AUTOMATIC)
            if fit != NO_FIT:
                found.append((n, fit))
    return min(found, key=lambda one: merit(yard, t, *one, haste_w), default=(NONE, NO_FIT))


def earliest_start(yard, t):
    """Give when a task may start by its own values and those before it; NEVER if one is missing."""
    task, number = yard.problem.tasks[t], {task.id: k for k, task in enumerate(yard.problem.tasks)}
    earliest = max(0, task.release_s, task.approved_s)
    for after in task.after:
        if number[after.task] not in yard.placed:
            return NEVER
        earliest = max(earliest, yard.placed[number[after.task]][1].end + after.lag_s)
    return earliest


def chosen_node(yard, genes, t, from_s, without, haste_w):
    """Give the node that the genes name for a task, if it will do, or else the best."""
    n = int(genes.nodes[t])
    if n not in (ANY, without) and is_pinned_to(yard, t, n):
        fit = NO_FIT
        if may_ever(yard, t, n) and is_apart(yard, t, n):
            fit = fit_at_end(yard, t, n, from_s, int(genes.chargers[t]))
        if fit != NO_FIT:
            return n, fit
    n, fit = best_node(yard, t, from_s, without, haste_w)
    return n, NO_FIT if n == NONE else fit_at_end(yard, t, n, from_s, int(genes.chargers[t]))


def put_chosen(yard, genes, t, n, fit):
    """Put a task on a node, its charge late if the genes say so."""
    if genes.late[t] and fit.charger != NONE:
        fit = postponed_fit(yard, t, n, fit)
    yard.put(t, n, yard.last(n), fit)


def hold(yard, genes, t):
    """Book the charge before a task as if it were its turn."""
    n, q = int(genes.nodes[t]), int(genes.chargers[t])
    if ANY in (n, q) or t not in yard.waiting or not yard.problem.nodes[n].machine:
        return
    first = next(free_charges(yard, n, yard.stand(n, yard.last(n)), q), None)
    if first and t not in yard.held:
        yard.held[t] = n, q, *first


def place_alone(yard, genes, t, haste_w):
    from_s = earliest_start(yard, t)
    if from_s < NEVER:
        n, fit = chosen_node(yard, genes, t, from_s, NONE, haste_w)
        if n != NONE:
            put_chosen(yard, genes, t, n, fit)


def place_pair(yard, genes, one, other, haste_w):
    """Put two tasks that meet where they start together: both choose anew until they do.

    Give whether the first has left the second no node, and taken one that it could have had.
    """
    is_first_round = True
    from_s = max(earliest_start(yard, one), earliest_start(yard, other))
    while from_s < NEVER:
        n, fit = chosen_node(yard, genes, one, from_s, NONE, haste_w)
        if n == NONE:
            return False
        put_chosen(yard, genes, one, n, fit)
        at, other_fit = chosen_node(yard, genes, other, fit.start, n, haste_w)
        if other_fit.start == fit.start:
            put_chosen(yard, genes, other, at, other_fit)
            return False
        yard.take(one)
        if at == NONE:
            return is_first_round and is_pinned_to(yard, other, n) and may_ever(yard, other, n)
        from_s, is_first_round = other_fit.start, False
    return False


def built(problem, travel, units, genes, haste_w):
    """Give what is on the board after each unit of the list was put where it can be."""
    yard = Yard(problem, travel)
    yard.waiting = set(units.ravel().tolist())
    for unit in genes.order.tolist():
        pair = units[unit].tolist()
        if genes.early[unit] != NONE:
            hold(yard, genes, int(genes.early[unit]))
        for t in pair:
            yard.held.pop(t, None)
            yard.waiting.discard(t)
        if pair[1] == NONE:
            place_alone(yard, genes, pair[0], haste_w)
        else:
            pair = pair[::-1] if genes.turned[unit] else pair
            if place_pair(yard, genes, *pair, haste_w):
                place_pair(yard, genes, *pair[::-1], haste_w)
    return yard
