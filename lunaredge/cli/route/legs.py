"""Routes of one machine that are driven together: legs of its day, one after the other."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.paths.route import Pose, wrapped
from lunaredge.runtime.files.route_trips import Trip

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


def _is_near(here: Pose, there: Pose) -> bool:
    jump_m = math.dist(here[:2], there[:2])
    turn_rad = abs(wrapped(there.heading_rad - here.heading_rad))
    return jump_m <= _JUMP_M and turn_rad <= _JUMP_RAD


def _wrong(path: Path, problem: str, value: str, remedy: str) -> ConfigError:
    return ConfigError(problem, place=str(path), key="routes", value=value, remedy=remedy)
