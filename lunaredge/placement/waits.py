"""What decided when each task of a plan starts: the constraint that forbids it a second sooner.

One second sooner, with all else where it is: what then breaks is what the task waits for. If
several things would, the first in the order of `Cause` is told; its partner only if nothing of its
own would, so that no two wait for each other. If nothing at all would, it waits for nothing: it
starts at 0, or the plan left it slack.
"""

from collections.abc import Iterator

import msgspec

from lunaredge.placement.plan import Cause, Charge, Placed, Plan, Wait
from lunaredge.placement.problem import Machine, Node, Problem, Resources, Task, end_of, is_fixed
from lunaredge.placement.replay import Replay, Stand
from lunaredge.placement.travel import Travel

_RESOURCES = Resources.__struct_fields__
_RANKS = {cause: rank for rank, cause in enumerate(Cause)}


def waits(problem: Problem, travel: Travel, plan: Plan) -> tuple[Wait, ...]:
    """Give what each placed task waits for, in the plan's order; the plan is valid."""
    replay = Replay(problem, travel, plan)
    return tuple(wait_of(replay, item) for item in plan.placed)


def with_waits(problem: Problem, travel: Travel, plan: Plan) -> Plan:
    """Give a valid plan that says what each of its tasks waits for."""
    pairs = zip(plan.placed, waits(problem, travel, plan), strict=True)
    placed = tuple(msgspec.structs.replace(item, wait=wait) for item, wait in pairs)
    return msgspec.structs.replace(plan, placed=placed)


def wait_of(replay: Replay, item: Placed) -> Wait:
    """Give what one placed task waits for."""
    task = replay.tasks[item.task]
    if is_fixed(task):
        return Wait(cause=Cause.NOTHING)
    own = min(_own(replay, task, item), key=lambda wait: _RANKS[wait.cause], default=None)
    if own is not None:
        return own
    partner = replay.partners.get(task.id)
    if partner is not None and any(_own(replay, replay.tasks[partner], replay.items[partner])):
        return Wait(cause=Cause.PARTNER, task=partner)
    return Wait(cause=Cause.NOTHING)


def _own(replay: Replay, task: Task, item: Placed) -> Iterator[Wait]:
    """Give all that forbids a task to start a second sooner, its partner aside."""
    start_s, node = item.start_s, replay.nodes[item.node]
    if start_s == 0:
        return
    if start_s == task.release_s:
        yield Wait(cause=Cause.RELEASE)
    if start_s == task.approved_s:
        yield Wait(cause=Cause.APPROVAL)
    if start_s == node.ready_s:
        yield Wait(cause=Cause.READY)
    for after in task.after:
        before = replay.items.get(after.task)
        if before is not None and before.end_s + after.lag_s == start_s:
            yield Wait(cause=Cause.ORDER, task=after.task)
    if node.machine is None:
        yield from _on_computer(replay, task, node, item)
    else:
        yield from _on_machine(replay, node, node.machine, item)
    if replay.dark_s(start_s - 1, start_s) and (
        task.needs_light or _is_too_low_in_the_dark(replay, task, node, item)
    ):
        yield Wait(cause=Cause.LIGHT)


def _on_computer(replay: Replay, task: Task, node: Node, item: Placed) -> Iterator[Wait]:
    """Look at what else runs, or draws from the bus, in the second before."""
    before_s = item.start_s - 1
    for name in _RESOURCES:
        profile = replay.taken(node, name)
        if profile.at(before_s) + getattr(task.needs, name) > getattr(node.has, name):
            yield Wait(cause=Cause.NODE, task=profile.ended_at(item.start_s))
    own_w = _begun_w(replay, item)
    if replay.problem.bus and own_w:
        partner = replay.partners.get(task.id)
        also_w = 0 if partner is None else _begun_w(replay, replay.items[partner])
        yield from _bus(replay, item.start_s, own_w + also_w)


def _begun_w(replay: Replay, item: Placed) -> int:
    """Give what a task draws from the bus itself, from its start."""
    draws = replay.bus_draws(item) if item.charge is None else []
    return sum(draw.amount for draw in draws)


def _on_machine(replay: Replay, node: Node, machine: Machine, item: Placed) -> Iterator[Wait]:
    """Look at when the machine can be there: from the task before, or from its charger."""
    task, last = replay.tasks[item.task], replay.ahead.get(item.task)
    stand = replay.stand(node, machine, last)
    assert task.place is not None
    source = stand.place if item.charge is None else item.charge.place
    trip = replay.way(machine, source, task.place)
    way_s = replay.setup_s(stand.family, task.family) + (0 if trip is None else trip[0])
    if item.charge is not None:
        if item.charge.end_s + way_s == item.start_s:
            yield _charge_wait(replay, node, machine, stand, item.charge)
        return
    if max(stand.at_s, node.ready_s) + way_s != item.start_s:
        return
    if way_s:
        yield Wait(cause=Cause.TRAVEL, task=stand.task)
    elif stand.task and stand.at_s == item.start_s:
        yield Wait(cause=Cause.NODE, task=stand.task)


def _is_too_low_in_the_dark(replay: Replay, task: Task, node: Node, item: Placed) -> bool:
    """Tell whether a machine that began in the dark would keep less than it must there."""
    machine, place = node.machine, end_of(task)
    if machine is None or place is None or item.level_j is None:
        return False
    spared_j = machine.heat_w * replay.dark_s(item.end_s - 1, item.end_s) + machine.idle_w
    home_j = replay.home_j(machine, place) or 0
    kept_j = max(machine.reserve_j, machine.reserve_dark_j) + home_j
    return item.level_j + spared_j < kept_j


def _charge_wait(
    replay: Replay, node: Node, machine: Machine, stand: Stand, charge: Charge
) -> Wait:
    """Say what a charge waits for, if its machine was there before it begins."""
    trip = replay.way(machine, stand.place, charge.place)
    trip_s = 0 if trip is None else trip[0]
    begin_s = charge.begin_s
    if max(stand.at_s, node.ready_s) + trip_s < begin_s:
        posts = replay.charging(charge.place)
        if posts.at(begin_s - 1) >= replay.posts[charge.place]:
            return Wait(cause=Cause.POST, task=posts.ended_at(begin_s))
        for wait in _bus(replay, begin_s, machine.charge_w) if replay.problem.bus else ():
            return wait
    return Wait(cause=Cause.CHARGE, task=stand.task)


def _bus(replay: Replay, start_s: int, watts: int) -> Iterator[Wait]:
    """Tell whether the bus could not give so much more in the second before."""
    if replay.bus.at(start_s - 1) + watts > replay.ceiling_w:
        yield Wait(cause=Cause.BUS, task=replay.bus.ended_at(start_s))
