"""Outsets: where each node is when it is free next, and what is left of what it has in hand."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lunaredge.errors import Infeasible
from lunaredge.model.site import Point
from lunaredge.scheduler.candidates import NodeCandidate, TaskCandidate
from lunaredge.scheduler.effort import Effort, Standing, drive_wh, efforts
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import checked_legs, tool_refusal
from lunaredge.scheduler.travel import known_place, travels

# What is left of work that the ground no longer allows, until somebody takes it away.
UNKNOWN_S = 3600.0


class Held(NamedTuple):
    """A task in hand."""

    candidate: TaskCandidate
    left_s: float
    left_wh: float = 0.0


class Outset(NamedTuple):
    """A node when it is free next."""

    held: tuple[Held, ...] = ()
    standing: Standing | None = None
    """Its machine; None for computers, and for machines of which not all is known."""
    ready_s: float = 0.0
    """Besides what it has in hand."""
    charge_wh: float = 0.0


def outset_of(
    ground: GroundMap,
    node: NodeCandidate,
    in_hand: Sequence[TaskCandidate],
    corridor_margin_m: float,
) -> Outset:
    """Give the outset of a node that has those tasks in hand."""
    spec, position, battery_wh = node.spec.machine, node.position, node.battery_wh
    if spec is None:
        return Outset(tuple(_computing(candidate) for candidate in in_hand))
    if position is None or battery_wh is None or not math.isfinite(battery_wh):
        return Outset(tuple(Held(candidate, UNKNOWN_S) for candidate in in_hand))
    standing = Standing(
        spec=spec,
        half_width_m=spec.radius_m + corridor_margin_m,
        position=position,
        home=node.spec.home or position,
    )
    position = known_place(ground, standing.mover, position)
    standing = msgspec.structs.replace(standing, position=position)
    if in_hand:
        return _at_work(ground, standing, in_hand[0], battery_wh, corridor_margin_m)
    if node.home_first:
        (way,) = travels(ground, standing.mover, position, [standing.home])
        if math.isfinite(way.duration_s):
            at_home = msgspec.structs.replace(standing, position=standing.home)
            left_wh = max(0.0, battery_wh - drive_wh(spec, way))
            return Outset((), at_home, way.duration_s, left_wh)
    return Outset((), standing, 0.0, max(0.0, battery_wh))


def _computing(candidate: TaskCandidate) -> Held:
    assert candidate.in_hand is not None
    left_s = candidate.duration_s - candidate.in_hand.elapsed_s
    return Held(candidate, _left_s(left_s, -left_s))


def _at_work(
    ground: GroundMap,
    standing: Standing,
    candidate: TaskCandidate,
    battery_wh: float,
    corridor_margin_m: float,
) -> Outset:
    """Give the outset of a machine that has a task in hand: it will stand where that ends."""
    assert candidate.in_hand is not None
    end: Point | None = None
    effort: Effort | None = None
    try:
        if tool_refusal(candidate.task, standing.spec):
            raise Infeasible("the machine has lost its tool since")
        legs = checked_legs(candidate.task, standing.spec, ground, corridor_margin_m)
        (effort,) = efforts(ground, standing, [(candidate.task, legs)])
        end = legs[-1].path[-1]
    except Infeasible:
        pass
    if effort is None or end is None:
        return Outset((Held(candidate, UNKNOWN_S),), standing, 0.0, max(0.0, battery_wh))
    ratio = candidate.in_hand.left_ratio
    overdue_s = candidate.in_hand.elapsed_s - effort.travel_s - effort.work_s
    left_s = _left_s(effort.travel_s + ratio * effort.work_s, overdue_s)
    left_wh = effort.energy_wh - (1.0 - ratio) * effort.work_wh
    return Outset(
        (Held(candidate, left_s, left_wh),),
        msgspec.structs.replace(standing, position=end),
        0.0,
        max(0.0, battery_wh - left_wh),
    )


def _left_s(estimate_s: float, overdue_s: float) -> float:
    """Give how long work still takes: what is overdue, as long again as it has been.

    So nobody waits for ever for the next second of work that has stalled.
    """
    return max(estimate_s, overdue_s, 1.0)
