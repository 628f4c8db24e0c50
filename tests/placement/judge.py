"""An independent judge of plans, written from docs/explanation/placement.md and nothing else.

One function for each rule, in the page's order. Each looks at the whole plan anew, at every instant
at which something begins or ends, and gives a sentence for each thing that is not as it must be.
"""

import itertools
from collections.abc import Callable, Iterator

import msgspec

from lunaredge.placement.plan import Placed, Plan, Score
from lunaredge.placement.problem import Problem, Task
from lunaredge.placement.travel import Travel
from tests.placement.case import (
    Case,
    Leg,
    all_legs,
    charge_floor_j,
    charges,
    dark_s,
    end_of,
    failure_domain,
    in_time,
    is_fixed,
    is_fixed_on,
    machine_of,
    machines,
    setup_s,
    sound_legs,
    travelled,
    way_home_j,
    work,
)


def violations(problem: Problem, travel: Travel, plan: Plan) -> list[str]:
    """Say what the plan breaks: the rule, the tasks and nodes, the values. Empty: it is valid."""
    case = Case.of_plan(problem, travel, plan)
    unreadable = [f"roll: {said}" for said in roll(case)]
    if unreadable:
        return unreadable
    return [f"{rule.__name__}: {said}" for rule in RULES for said in rule(case)]


def roll(case: Case) -> Iterator[str]:
    """Each task is once in the plan, placed or unplaced, both in the problem's order."""
    placed = [item.task for item in case.plan.placed]
    unplaced = list(case.plan.unplaced)
    for task in placed + unplaced:
        if task not in case.tasks:
            yield f"the problem has no task {task}"
    for task in case.tasks:
        count = (placed + unplaced).count(task)
        if count != 1:
            yield f"{task} is {count} times in the plan"
    for name, found in (("placed", placed), ("unplaced", unplaced)):
        if found != [task for task in case.tasks if task in found]:
            yield f"{name} tasks are not in the problem's order: {found}"
    for item in case.plan.placed:
        if item.node not in case.nodes:
            yield f"{item.task} is on {item.node}, which is no node"


def modes(case: Case) -> Iterator[str]:
    """A task has a mode for the node's kind, and takes the time and energy that follow."""
    for task, node, item in case.pairs():
        takes = work(task, node)
        if takes is None:
            yield f"{task.id} has no mode for {node.id}, a {node.kind}"
        elif (item.end_s - item.start_s, item.energy_j) != takes:
            took = (item.end_s - item.start_s, item.energy_j)
            yield f"{task.id} takes {took} s and J on {node.id}, must take {takes}"
        if is_fixed(task):
            continue
        lacks = set(task.capabilities) - set(node.capabilities)
        if lacks:
            yield f"{node.id} lacks {sorted(lacks)} for {task.id}"
        if node.health_pct < task.health_pct_min:
            yield f"{node.id} has health {node.health_pct}, {task.id} asks {task.health_pct_min}"


def pins(case: Case) -> Iterator[str]:
    """A task is on one of the nodes that it is pinned to, and on none that is banned."""
    for task, node, _ in case.pairs():
        if is_fixed(task):
            continue
        if task.only_on and node.id not in task.only_on:
            yield f"{task.id} is on {node.id}, may only be on {task.only_on}"
        if node.id in task.not_on:
            yield f"{task.id} is on {node.id}, from which it is banned"


def times(case: Case) -> Iterator[str]:
    """A task starts late enough, and ends early enough."""
    for task, node, item in case.pairs():
        if is_fixed(task):
            continue
        latest_s = case.problem.horizon_s
        if task.latest_s is not None:
            latest_s = min(latest_s, task.latest_s)
        if item.end_s > latest_s:
            yield f"{task.id} ends at {item.end_s}, must by {latest_s}"
        if task.approved_s is None:
            yield f"{task.id} is not approved"
            continue
        earliest_s = max(0, task.release_s, task.approved_s, node.ready_s)
        if item.start_s < earliest_s:
            yield f"{task.id} starts at {item.start_s} on {node.id}, may from {earliest_s}"


def order(case: Case) -> Iterator[str]:
    """A task starts after the ends of those that it names, with their lags."""
    for task, _, item in case.pairs():
        for after in () if is_fixed(task) else task.after:
            before = case.of(after.task)
            if before is None:
                yield f"{task.id} is placed, but not {after.task} before it"
            elif item.start_s < before.end_s + after.lag_s:
                earliest_s = f"{before.end_s} + {after.lag_s}"
                yield f"{task.id} starts at {item.start_s}, {after.task} is over at {earliest_s}"


def hand_overs(case: Case) -> Iterator[str]:
    """Tasks that meet start together, on different nodes; both are placed or none."""
    for task in case.problem.tasks:
        if task.meets is None:
            continue
        one, other = case.of(task.id), case.of(task.meets)
        if (one is None) != (other is None):
            yield f"only one of {task.id} and {task.meets} is placed, though they meet"
        if one is None or other is None:
            continue
        if one.start_s != other.start_s:
            yield f"{one.task} starts at {one.start_s}, {other.task} at {other.start_s}"
        if one.node == other.node:
            yield f"{one.task} and {other.task} meet, but both are on {one.node}"


def resources(case: Case) -> Iterator[str]:
    """At every start, what runs on a node needs no more of any resource than it has."""
    for node in case.problem.nodes:
        pairs = [(task, item) for task, on, item in case.pairs() if on is node]
        for at_s in sorted({item.start_s for _, item in pairs}):
            running = [task for task, item in pairs if item.start_s <= at_s < item.end_s]
            if all(map(is_fixed, running)):
                continue
            for name, has in msgspec.structs.asdict(node.has).items():
                needed = sum(getattr(task.needs, name) for task in running)
                if needed > has:
                    names = [task.id for task in running]
                    yield f"at {at_s} {names} need {needed} {name} of {node.id}, it has {has}"


def one_at_a_time(case: Case) -> Iterator[str]:
    """A machine ends a task before it starts, or goes to, another one."""
    for node in machines(case):
        items = in_time(case, node)
        for one, other in itertools.pairwise(items):
            if other.start_s <= one.start_s or other.start_s < one.end_s:
                spans = [(i.task, i.start_s, i.end_s) for i in (one, other)]
                yield f"{node.id} does two tasks at once: {spans}"


def apart(case: Case) -> Iterator[str]:
    """Tasks of one group are in different failure domains."""
    taken: dict[tuple[str, object], Task] = {}
    for task, node, _ in case.pairs():
        if task.apart is None:
            continue
        domain = failure_domain(node, task.apart.level)
        other = taken.setdefault((task.apart.group, domain), task)
        if other is not task and not (is_fixed(task) and is_fixed(other)):
            level = task.apart.level.value
            yield f"{task.id} and {other.id} of {task.apart.group} share the {level} of {node.id}"


def light(case: Case) -> Iterator[str]:
    """A task that needs light is over before it is dark, or starts after."""
    for task, _, item in case.pairs():
        if task.needs_light and not is_fixed(task):
            seconds = dark_s(case, item.start_s, item.end_s)
            if seconds:
                yield f"{task.id} needs light, but {seconds} s of it are dark"


def travel(case: Case) -> Iterator[str]:
    """A machine has time for the travel and the set-up, and there is a way."""
    for leg in all_legs(case):
        who = f"{leg.task.id} on {leg.node.id}"
        if leg.task.place is None:
            yield f"{who} has no place"
        elif leg.is_broken:
            yield f"there is no way to {who}"
        else:
            yield from _is_in_time(case, leg, who)


def _is_in_time(case: Case, leg: Leg, who: str) -> Iterator[str]:
    at_s, charge = max(leg.leaves.at_s, leg.node.ready_s), leg.item.charge
    if charge is not None:
        if charge.begin_s < at_s + travelled(leg, 0)[0]:
            yield f"the charge before {who} begins at {charge.begin_s}, before it can be there"
        at_s = charge.end_s
    earliest_s = at_s + setup_s(case, leg.leaves.family, leg.task.family) + travelled(leg, -1)[0]
    if leg.item.start_s < earliest_s:
        yield f"{who} starts at {leg.item.start_s}, its machine can't before {earliest_s}"


def battery(case: Case) -> Iterator[str]:
    """At the end of a task a machine has its reserve and its way home."""
    for leg in sound_legs(case):
        who, home_j = (
            f"{leg.task.id} on {leg.node.id}",
            way_home_j(case, leg.node, end_of(leg.task)),
        )
        reserve_j = leg.machine.reserve_j
        if dark_s(case, leg.item.start_s, leg.item.end_s):
            reserve_j = max(reserve_j, leg.machine.reserve_dark_j)
        if home_j is None:
            yield f"{who} ends where no charger can be reached"
        elif leg.end_j < reserve_j + home_j:
            yield f"{who} leaves {leg.end_j} J, must leave {reserve_j} + {home_j}"


def charge(case: Case) -> Iterator[str]:
    """A charge is at a charger, begins above the reserve, and takes as long as it must."""
    for leg in sound_legs(case):
        if leg.item.charge is None:
            continue
        who, found = f"the charge before {leg.task.id} on {leg.node.id}", leg.item.charge
        lacks_j = leg.machine.battery_j - leg.begin_j
        if found.place not in {charger.place for charger in case.problem.chargers}:
            yield f"{who} is at place {found.place}, where no charger is"
        if leg.begin_j < charge_floor_j(case, leg.node, leg.machine):
            floor_j = charge_floor_j(case, leg.node, leg.machine)
            yield f"{who} begins with {leg.begin_j} J, must with {floor_j} at least"
        if lacks_j <= 0:
            yield f"{who} begins with a full battery"
        end_s = found.begin_s + max(1, -(-lacks_j // leg.machine.charge_w))
        if (found.end_s, found.energy_j) != (end_s, lacks_j):
            gives = (found.end_s, found.energy_j)
            yield f"{who} ends at and gives {gives}, must be {(end_s, lacks_j)}"


def posts(case: Case) -> Iterator[str]:
    """No more machines charge at a place than it has posts."""
    for place in {found.place for _, found in charges(case)}:
        here = [(node, found) for node, found in charges(case) if found.place == place]
        count = sum(c.posts for c in case.problem.chargers if c.place == place)
        for at_s in sorted({found.begin_s for _, found in here}):
            names = [node.id for node, found in here if found.begin_s <= at_s < found.end_s]
            if len(names) > count:
                yield f"at {at_s} {names} charge at place {place}, which has {count} posts"


def bus(case: Case) -> Iterator[str]:
    """At every instant, charges and the bus's computers draw no more than the bus can give."""
    draws = [(c.begin_s, c.end_s, machine_of(node).charge_w, False) for node, c in charges(case)]
    for task, node, item in case.pairs():
        if node.machine is None and node.is_on_bus:
            watts = -(-item.energy_j // max(1, item.end_s - item.start_s))
            draws.append((item.start_s, item.end_s, watts, is_fixed(task)))
    ceilings = case.problem.bus
    instants = {draw[0] for draw in draws} | {c.from_s for c in ceilings}
    for at_s in sorted(instants) if ceilings else ():
        now = [draw for draw in draws if draw[0] <= at_s < draw[1] and draw[2]]
        drawn = sum(watts for _, _, watts, _ in now)
        given = [c.power_w for c in ceilings if c.from_s <= max(0, at_s)][-1]
        if drawn > given and not all(is_fixed_draw for *_, is_fixed_draw in now):
            yield f"at {at_s} the bus gives {given} W, but {drawn} W are drawn"


def fixed(case: Case) -> Iterator[str]:
    """A fixed task stays where it is and starts at 0, before all others of its machine."""
    for task in case.problem.tasks:
        if task.current is None or not task.current.is_fixed:
            continue
        item = case.of(task.id)
        if item is None:
            yield f"{task.id} is fixed on {task.current.node}, but not placed"
        elif (item.node, item.start_s) != (task.current.node, 0):
            found = f"on {item.node} from {item.start_s}"
            yield f"{task.id} is fixed on {task.current.node} from 0, but placed {found}"


def fields(case: Case) -> Iterator[str]:
    """What an item says of its travel, charge and level is what follows from the rest."""
    legs = {leg.task.id: leg for leg in all_legs(case)}
    for task, node, item in case.pairs():
        said = (item.travel_s, item.travel_j, item.level_j)
        leg = legs.get(task.id)
        if leg is None and node.machine is not None and not is_fixed_on(task, node):
            continue  # It comes after one to which there is no way.
        if leg is None:
            level_j = None if node.machine is None else node.machine.charge_j
            right: tuple[int, int, int | None] = (0, 0, level_j)
            if item.charge is not None:
                yield f"{task.id} on {node.id} has a charge, and may have none"
        elif leg.is_broken:
            continue
        else:
            ways = [way for way in leg.ways if way is not None]
            right = (sum(way[0] for way in ways), sum(way[1] for way in ways), leg.end_j)
        if said != right:
            yield f"{task.id} on {node.id} says travel s, J and level {said}, must be {right}"


def score(case: Case) -> Iterator[str]:
    """The score is what follows from the items."""
    right = score_of(case.problem, case.plan.placed)
    if case.plan.score != right:
        yield f"the plan says {case.plan.score}, must be {right}"


RULES: tuple[Callable[[Case], Iterator[str]], ...] = (
    modes,
    pins,
    times,
    order,
    hand_overs,
    resources,
    one_at_a_time,
    apart,
    light,
    travel,
    battery,
    charge,
    posts,
    bus,
    fixed,
    fields,
    score,
)


def score_of(problem: Problem, placed: tuple[Placed, ...]) -> Score:
    """Give the score of a plan that places these."""
    items = {item.task: item for item in placed}
    late_s, cost_j = 0, 0
    for task in problem.tasks:
        item = items.get(task.id)
        end_s = 2 * problem.horizon_s if item is None else item.end_s
        late_s += task.weight * max(0, end_s - task.due_s)
        if item is None:
            continue
        cost_j += item.energy_j + item.travel_j + problem.travel_j_s * item.travel_s
        if task.current is not None and task.current.node != item.node:
            cost_j += task.current.move_j
    return Score(late_s=late_s, cost_j=cost_j)
