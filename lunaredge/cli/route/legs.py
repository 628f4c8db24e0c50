"""Routes of one machine: legs of its day, one after the other. It is in one place at a time."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.paths.route import Pose, wrapped
from lunaredge.runtime.files.route_trips import Request, Trip

# What a written file rounds; no machine jumps further.
_JUMP_M, _JUMP_RAD = 1e-3, 1e-3


def legs_of(trips: Sequence[Trip], machine_name: str) -> list[Trip]:
    """Give the routes of a machine in the order that it drives them."""
    own = [trip for trip in trips if trip.machine_name == machine_name]
    return sorted(own, key=lambda trip: trip.route.start_s)


def check_legs(path: Path, trips: Sequence[Trip]) -> None:
    """Check that no machine is to be in two places at once.

    Raises:
        ConfigError: routes of one machine overlap in time, or one begins elsewhere than the one
            before it ended.
    """
    for name in dict.fromkeys(trip.machine_name for trip in trips):
        for leg, following in pairwise(legs_of(trips, name)):
            told = f"{leg.name}, then {following.name}"
            if following.route.start_s < leg.route.end_s:
                problem = f"{name} is to drive two routes at once"
                times = f"{following.route.start_s:g} s is before {leg.route.end_s:g} s"
                remedy = f"choose one by --route, or give them times one after the other: {times}"
                raise _wrong(path, problem, told, remedy)
            if not _is_near(leg.route.pose_at(math.inf), following.route.pose_at(-math.inf)):
                problem = f"{name} does not start where its route before ended"
                remedy = "let its routes follow each other, or choose one by --route"
                raise _wrong(path, problem, told, remedy)


def span_of(trip: Trip, trips: Sequence[Trip]) -> tuple[float, float]:
    """Give from when until when a route's machine is on it, or stands at its ends."""
    legs = legs_of(trips, trip.machine_name)
    k = legs.index(trip)
    from_s = -math.inf if k == 0 else trip.route.start_s
    until_s = math.inf if k + 1 == len(legs) else legs[k + 1].route.start_s
    return from_s, until_s


def driven_at(trips: Sequence[Trip], at_s: float) -> frozenset[str]:
    """Give the names of the routes that their machines are on at a time, or stand at an end of.

    Of the legs of a machine, one: it stands at the end of the last that it drove, before all of
    them at the start of the first. Routes at the same time are alternatives, and all of them count.
    """
    names: set[str] = set()
    for machine_name in dict.fromkeys(trip.machine_name for trip in trips):
        legs = legs_of(trips, machine_name)
        # Who began last by then has taken over from all that had ended when it began.
        last = bisect_right([leg.route.start_s for leg in legs], at_s) - 1
        first_end_s = math.inf
        for k, leg in enumerate(legs):
            is_over = k < last and leg.route.end_s <= legs[last].route.start_s
            is_to_come = k > last and first_end_s <= leg.route.start_s
            first_end_s = min(first_end_s, leg.route.end_s)
            if not (is_over or is_to_come):
                names.add(leg.name)
    return frozenset(names)


def check_machines(path: Path, requests: Sequence[Request]) -> None:
    """Check that no machine is wanted twice.

    Raises:
        ConfigError: one is; it can't stand at two starts.
    """
    first: dict[str, str] = {}
    for request in requests:
        name = request.machine_name
        if name in first:
            problem = f"machine {name} has two requests"
            told = f"{first[name]} and {request.name}"
            remedy = "choose one by --request; plan what follows it from its goal, in another file"
            raise _wrong(path, problem, told, remedy, "requests")
        first[name] = request.name


def _is_near(here: Pose, there: Pose) -> bool:
    jump_m = math.dist(here[:2], there[:2])
    turn_rad = abs(wrapped(there.heading_rad - here.heading_rad))
    return jump_m <= _JUMP_M and turn_rad <= _JUMP_RAD


def _wrong(path: Path, problem: str, value: str, remedy: str, group: str = "routes") -> ConfigError:
    return ConfigError(problem, place=str(path), key=group, value=value, remedy=remedy)
