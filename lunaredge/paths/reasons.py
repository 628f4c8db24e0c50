"""Why there is no route: what is in the way, found by taking it away and looking again.

First the two poses themselves; then whether the ground and the barriers close the way on paper,
where turning is free; then whether they close it for the machine's own moves; what is left is
traffic. Where one thing alone is to blame it is named: the first whose removal opens the way.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lunaredge.paths.plan_gap import narrowest, needed_m
from lunaredge.paths.problem import Limits, NoRoute, PlanRequest
from lunaredge.paths.route import Pose
from lunaredge.paths.verdict import Kind

if TYPE_CHECKING:
    from lunaredge.paths.plan import Found, Planner

TIME_RAN_OUT = "time ran out"
# So many barriers or machines are taken away one by one.
SUSPECTS_MAX = 32
# Searches without one of them share the states that the plan itself may settle, four at least.
_SHARE = 4


def explain(
    planner: "Planner", request: PlanRequest, found: "Found", is_over: Callable[[], bool]
) -> NoRoute:
    """Give the reason why a search found nothing, as far as the time lasts."""
    blocked = blocked_end(planner, request)
    if blocked is not None:
        return msgspec.structs.replace(blocked, states=found.states)
    if not found.is_exhausted:
        why = TIME_RAN_OUT if is_over() else "no route found"
        reason = f"{why} after {found.states} lattice states; there may be one"
        return NoRoute(kind=None, proven=False, states=found.states, reason=reason)
    closed = _closed(_Search(planner, request, found, is_over))
    if is_over():
        reason = f"no way; {TIME_RAN_OUT} before it was known what closes it"
        return NoRoute(kind=None, proven=closed.proven, states=found.states, reason=reason)
    return closed


class _Search(NamedTuple):
    """A search that found nothing though it looked at all there is."""

    planner: "Planner"
    request: PlanRequest
    found: "Found"
    is_over: Callable[[], bool]

    def opens(self, planner: "Planner", request: PlanRequest) -> bool:
        """Tell whether there is a route then, as far as a share of the states and time tell."""
        states_max = max(1, planner.options.states_max // _SHARE)
        limits = Limits(planner.options.weights[:1], states_max, self.is_over)
        return not self.is_over() and planner.find(request, limits).words is not None


def _closed(search: _Search) -> NoRoute:
    """Say what closes the way."""
    planner, request, _, is_over = search
    still = msgspec.structs.replace(request, reservations={}, arrive_s=math.inf)
    passing = [barrier for barrier in planner.barriers if not barrier.is_lasting]
    lasting = planner.without(*passing)
    limits = Limits(planner.options.weights, planner.options.states_max, is_over)
    if planner.is_timed(request) and lasting.find(still, limits).words is not None:
        return _traffic(search)
    return _standing(search._replace(planner=lasting, request=still))


def blocked_end(planner: "Planner", request: PlanRequest) -> NoRoute | None:
    """Say what stands, or comes, where the machine is to start or to end."""
    for word, pose in (("start", request.start), ("goal", request.goal)):
        blocker = planner.blocker_at(pose)
        if blocker is not None:
            return _no(blocker, pose, f"the {word} is blocked by {_named(*blocker)}")
    taker = planner.taker_at(request.start, request.start_s, request)
    if taker is not None:
        reason = f"the start is taken by {_named(*taker)} at {request.start_s:g} s"
        return _no(taker, request.start, reason)
    if request.stay_s == math.inf:
        taker = planner.taker_at(request.goal, math.inf, request)
        if taker is not None:
            return _no(taker, request.goal, f"the goal is taken by {_named(*taker)} for ever")
    return None


def _traffic(search: _Search) -> NoRoute:
    """Say whose reservation, or which passing barrier, closes the way."""
    planner, request, found, _ = search
    for name in list(request.reservations)[:SUSPECTS_MAX]:
        others = {key: other for key, other in request.reservations.items() if key != name}
        less = msgspec.structs.replace(request, reservations=others)
        if search.opens(planner, less):
            return _because(Kind.RESERVATION, name, found)
    passing = [barrier for barrier in planner.barriers if not barrier.is_lasting]
    for barrier in passing[:SUSPECTS_MAX]:
        if search.opens(planner.without(barrier), request):
            return _because(barrier.kind, barrier.name, found)
    if request.arrive_s < math.inf:
        later = msgspec.structs.replace(request, arrive_s=math.inf)
        if search.opens(planner, later):
            reason = f"no route arrives by {request.arrive_s:g} s"
            return NoRoute(kind=None, proven=True, states=found.states, reason=reason)
    reason = "several machines or zones close the way together, none of them alone"
    return NoRoute(kind=Kind.RESERVATION, proven=True, states=found.states, reason=reason)


def _standing(search: _Search) -> NoRoute:
    """Say which lasting barrier closes the way, or that the ground does; and how wide it is."""
    planner, request, found, _ = search
    suspects = planner.barriers[:SUSPECTS_MAX]
    blame = next((some for some in suspects if search.opens(planner.without(some), request)), None)
    together = blame is None and bool(suspects)
    together = together and search.opens(planner.without(*planner.barriers), request)
    kind = blame.kind if blame else planner.barriers[0].kind if together else Kind.GROUND
    party = blame.name if blame else ""
    gap = narrowest(planner.ground, planner.solids, planner.machine, (request.start, request.goal))
    needed = needed_m(planner.machine)
    what = "several barriers together" if together else _named(kind, party)
    reason = f"no way: {what} in the way"
    pose, width_m = gap if gap is not None else (None, None)
    if pose is not None and width_m is not None:
        place = f"({pose.x_m:.1f}, {pose.y_m:.1f})"
        reason += f"; the widest gap is {width_m:.3f} m at {place}, {needed:.3f} m are needed"
        if width_m > needed:
            reason += f", and more to steer into it by cells of {planner.ground.cell_m:g} m"
    return NoRoute(
        kind=kind,
        party=party,
        pose=pose,
        gap_m=width_m,
        needed_m=needed if width_m is not None else None,
        proven=found.is_exhausted,
        states=found.states,
        reason=reason,
    )


def _because(kind: Kind, party: str, found: "Found") -> NoRoute:
    reason = f"no way: {_named(kind, party)} in the way, at all times"
    return NoRoute(kind=kind, party=party, proven=True, states=found.states, reason=reason)


def _no(what: tuple[Kind, str], pose: Pose, reason: str) -> NoRoute:
    return NoRoute(kind=what[0], party=what[1], pose=pose, proven=True, reason=reason)


def _named(kind: Kind, party: str) -> str:
    word = kind.value.replace("_", " ")
    return f"{word} {party}" if party else f"the {word}"
