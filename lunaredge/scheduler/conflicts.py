"""Conflicts: a machine is found where another one may go.

It woke up there, was pushed, was carried by hand, or does not know well enough where it is. Nothing
but the other's word gives the ground back, so the other is asked at once to stop short of it, and
the ground stays claimed by both.
"""

import math
from collections.abc import Callable
from functools import partial

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.polyline import WAVER_M
from lunaredge.scheduler import reach, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.wire.messages import Shorten

ALARM = "conflict"


def watch(ctx: Context, node: NodeEntry) -> None:
    """Have all others keep away from where a machine may be, each time that this is other ground.

    Where it drives by its authority, nobody else was granted anything; unless it is beside its way,
    or knows its place worse than that allows for.
    """
    if ctx.is_machine(node.name):
        is_elsewhere, is_changed = _is_elsewhere(node), _is_doubt_changed(ctx, node)
        if is_elsewhere or is_changed:
            _meet(ctx, node)
        elif ctx.is_alarmed(node.name, ALARM):
            _judge_anew(ctx, node)
    for each in ctx.state.nodes.values():
        # Also of those who are silent: what they are on may be given back all the same.
        if node.name in each.met and not _is_met(ctx, each, node):
            _tell(ctx, each, tuple(name for name in each.met if name != node.name))
        elif not each.met and ctx.is_alarmed(each.name, ALARM):
            # The alarm is of an earlier version, which did not keep the names.
            _judge_anew(ctx, each)


def ask_again(ctx: Context, node: NodeEntry, granted: Granted) -> None:
    """Ask for a shortening anew that nobody is asked for any more, and that was not obeyed.

    It overtook its grant, and was refused by a node that knew of no such authority.
    """
    if granted.shortening and not ctx.is_pending(node.name, Shorten):
        _ask(ctx, node, granted)


def review(ctx: Context, node: NodeEntry) -> None:
    """Have a machine that is counted in keep away from where all who are counted may be.

    Only its word shows under which revision it drives: an older journal may have asked it for
    something else under that number.
    """
    if _is_off_its_way(ctx, node) and ctx.is_machine(node.name):
        # Who was counted before it was held against the word of somebody who was not.
        _meet(ctx, node)
    if node.granted is None:
        return
    for other in ctx.state.nodes.values():
        if other is node or not ctx.is_machine(other.name):
            continue
        is_known = other.vouched or _is_heard(ctx, other)
        if not is_known or not _is_off_its_way(ctx, other):
            continue
        claim = tuple(space.claim(ctx, other))
        if _shorten_before(ctx, claim, node, node.granted):
            rest = tuple(name for name in other.met if name != node.name)
            _tell(ctx, other, (*rest, node.name))


def _is_elsewhere(node: NodeEntry) -> bool:
    """Tell whether a machine stands elsewhere than when the others were last asked."""
    at = node.astray_at or (node.body if _stands(node) else None)
    before = node.met_at
    if at is not None and before is not None and math.dist(at, before) <= WAVER_M / 2.0:
        return False
    # Gone, or driving: when it is back, others may have been granted where it was.
    node.met_at = at
    return at is not None


def _is_doubt_changed(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine knows its place worse, or better, than when others were last asked.

    Better counts too: others may be granted then what it may be on again when it is worse.
    """
    lost_m = space.lost_m(ctx, node)
    wavers = lost_m > 0.0 and abs(lost_m - node.met_lost_m) <= WAVER_M / 2.0
    if wavers or lost_m == node.met_lost_m:
        return False
    node.met_lost_m = lost_m
    return True


def _is_heard(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine has told this leader where it is, counted or not."""
    return node.seen is not None and node.seen.at_ns >= ctx.state.lead_ns


def _is_off_its_way(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine may be where no authority leads it."""
    return _stands(node) or node.astray_at is not None or space.lost_m(ctx, node) > 0.0


def _stands(node: NodeEntry) -> bool:
    return node.granted is None or not node.granted.taken


def _meet(ctx: Context, node: NodeEntry) -> None:
    """Shorten every authority that reaches to where a machine stands now."""
    claim = tuple(space.claim(ctx, node))
    is_shortened = partial(_shorten_before, ctx, claim)
    _tell(ctx, node, _met(ctx, node, is_shortened))


def _judge_anew(ctx: Context, node: NodeEntry) -> None:
    """Say whose ground it is that a machine is still on: others give theirs back as they go."""
    core = _core(tuple(space.claim(ctx, node)))
    _tell(ctx, node, _met(ctx, node, lambda _, granted: any(_reaches(granted, core))))


def _is_met(ctx: Context, node: NodeEntry, other: NodeEntry) -> bool:
    """Tell whether a machine is on another's ground still."""
    if other.granted is None:
        return False
    return any(_reaches(other.granted, _core(tuple(space.claim(ctx, node)))))


def _met(
    ctx: Context, node: NodeEntry, reaches: Callable[[NodeEntry, Granted], bool]
) -> tuple[NodeId, ...]:
    return tuple(
        other.name
        for other in ctx.state.nodes.values()
        if other.name != node.name and other.granted is not None and ctx.is_machine(other.name)
        if reaches(other, other.granted)
    )


def _tell(ctx: Context, node: NodeEntry, met: tuple[NodeId, ...]) -> None:
    """Name in the alarm the others whose ground a machine is on; clear it where nobody is."""
    node.met = met
    if met:
        stands = "stands" if _stands(node) else "may be"
        text = f"{stands} on ground granted to {', '.join(met)}"
        ctx.reword_alarm(node.name, ALARM, text)
    else:
        ctx.clear_alarm(node.name, ALARM)


def _shorten_before(
    ctx: Context, claim: tuple[Chain, ...], node: NodeEntry, granted: Granted
) -> bool:
    """Have a machine stop before it meets a claim; tell whether its authority reaches into it.

    What comes near by no more than a measured place wavers was granted clear of it.
    """
    is_ahead, is_behind = _reaches(granted, _core(claim))
    if not is_ahead and not is_behind:
        return False
    here_m = granted.passed_m
    stop_m, from_m = granted.stop_m, 0.0
    if is_ahead:
        # Clear of all of it, so that both can leave again.
        window_m = (here_m, granted.stop_m + granted.overlap_m)
        free_m, _ = reach.free_until(granted, window_m, claim)
        stop_m = _before_section(granted, max(here_m, free_m - granted.overlap_m))
    if is_behind:
        from_m = here_m
    if granted.shortening:
        if granted.asked_stop_m <= stop_m and granted.asked_from_m >= from_m:
            return True
        # The node may never hear of the one before: this one asks for all of it.
        stop_m, from_m = min(stop_m, granted.asked_stop_m), max(from_m, granted.asked_from_m)
    granted.revision += 1
    granted.shortening = True
    granted.asked_stop_m, granted.asked_from_m = stop_m, from_m
    ctx.forget_commands(node.name, Shorten)
    _ask(ctx, node, granted)
    ctx.tell("authority.shortened", node=node.name, authority=granted.id)
    return True


def _core(claim: tuple[Chain, ...]) -> tuple[Chain, ...]:
    """Give a claim without the rim in which a place measured twice may differ."""
    return tuple(
        msgspec.structs.replace(chain, half_width_m=max(0.0, chain.half_width_m - WAVER_M))
        for chain in claim
    )


def _reaches(granted: Granted, core: tuple[Chain, ...]) -> tuple[bool, bool]:
    """Tell whether an authority reaches into a claim ahead, and behind on its way home."""
    here_m = granted.passed_m
    _, ahead = reach.free_until(granted, (here_m, granted.stop_m + granted.overlap_m), core)
    if not granted.leads_home:
        return ahead is not None, False
    _, behind = reach.free_until(granted, (0.0, here_m), core)
    return ahead is not None, behind is not None


def _before_section(granted: Granted, stop_m: float) -> float:
    """Give a stop point before a no-standing section that the machine has not entered yet."""
    section = granted.section_at(stop_m)
    return stop_m if section is None or granted.passed_m > section[0] else section[0]


def _ask(ctx: Context, node: NodeEntry, granted: Granted) -> None:
    body = Shorten(
        command=ctx.command_id(),
        authority=granted.id,
        stop_m=granted.asked_stop_m,
        from_m=granted.asked_from_m,
        revision=granted.revision,
    )
    ctx.order(node.name, body)
