"""Routes, reservations and requests of a scene file, as values of the paths library."""

import math
import re
from collections.abc import Iterable, Mapping

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.paths.machine import Machine
from lunaredge.paths.route import HEADING, TURN_RAD_MAX, Pose, Route
from lunaredge.runtime.files.document import Document, KeyPath
from lunaredge.runtime.files.route_legs import route_along
from lunaredge.runtime.files.route_placing import check_new, or_else, placed
from lunaredge.runtime.files.route_shape import (
    Knot,
    RequestPart,
    ReservationPart,
    RoutePart,
    WayPart,
)

# Which knot the library speaks of.
_INDEX = re.compile(r"knots\[(\d+)\]")


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A route of a scene, or a reservation: who drives it, and when it counts."""

    name: str
    machine_name: str
    machine: Machine
    route: Route
    ignore: tuple[str, ...] = ()
    from_s: float = -math.inf
    until_s: float = math.inf


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A route that is wanted."""

    name: str
    machine_name: str
    machine: Machine
    start: Pose
    goal: Pose
    start_s: float
    ignore: tuple[str, ...] = ()


def trips_of(
    document: Document,
    group: str,
    parts: Iterable[WayPart],
    machines: Mapping[str, Machine],
) -> Iterable[Trip]:
    """Give the routes or reservations of a file.

    Raises:
        ConfigError: a name taken, no such machine, no way to go or two.
    """
    names: set[str] = set()
    for i, part in enumerate(parts):
        key: KeyPath = (group, i)
        check_new(document, key, part.name, names)
        machine = _machine_named(document, key, part.machine, machines)
        trip = Trip(
            name=part.name,
            machine_name=part.machine,
            machine=machine,
            route=_route_of(document, key, part, machine),
        )
        if isinstance(part, RoutePart):
            trip = msgspec.structs.replace(trip, ignore=part.ignore)
        elif isinstance(part, ReservationPart):
            trip = _windowed(document, key, part, trip)
        yield trip


def _windowed(document: Document, key: KeyPath, part: ReservationPart, trip: Trip) -> Trip:
    from_s, until_s = or_else(part.from_s, -math.inf), or_else(part.until_s, math.inf)
    if not from_s < until_s:
        remedy = f"give more than from_s, {from_s:g}"
        raise document.error("it ends before it begins", (*key, "until_s"), until_s, remedy)
    return msgspec.structs.replace(trip, from_s=from_s, until_s=until_s)


def _route_of(document: Document, key: KeyPath, part: WayPart, machine: Machine) -> Route:
    if (part.knots is None) == (part.points is None):
        remedy = "give either knots, or points and speed_m_s"
        raise document.error("the route has no way, or two", key, part.name, remedy)
    for name in ("speed_m_s", "start_s"):
        if part.points is None and name in part.model_fields_set:
            remedy = "remove it; knots have times of their own"
            raise document.error("this goes with points", (*key, name), getattr(part, name), remedy)
    if part.points is None:
        assert part.knots is not None
        return _route_by(document, (*key, "knots"), part.knots)
    if part.speed_m_s is None:
        remedy = f"give {WayPart.model_fields['speed_m_s'].description}"
        raise document.error("points need a speed", (*key, "speed_m_s"), None, remedy)
    with placed(document, key):
        return route_along(part.points, machine, part.speed_m_s, part.start_s)


def _route_by(document: Document, key: KeyPath, knots: tuple[Knot, ...]) -> Route:
    """Give the route by knots; what the library refuses is told in the file's degrees."""
    try:
        return Route([(time_s, x, y, math.radians(deg)) for time_s, x, y, deg in knots])
    except ConfigError as exc:
        index = _INDEX.search(exc.key)
        if index is None:
            raise document.error(exc.problem, key, len(knots), exc.remedy) from exc
        k = int(index[1])
        if exc.key.startswith("turn"):
            turn_deg = knots[k][HEADING] - knots[k - 1][HEADING]
            problem = "the turn from the knot before is more than anyone means"
            remedy = f"turn up to {math.degrees(TURN_RAD_MAX):.0f} deg from knot to knot"
            raise document.error(problem, (*key, k, HEADING), turn_deg, remedy) from exc
        problem = "this knot does not follow the one before in time"
        raise document.error(problem, (*key, k), list(knots[k]), exc.remedy) from exc


def requests_of(
    document: Document, parts: tuple[RequestPart, ...], machines: Mapping[str, Machine]
) -> Iterable[Request]:
    """Give the requests of a file.

    Raises:
        ConfigError: a name taken, or no such machine.
    """
    names: set[str] = set()
    for i, part in enumerate(parts):
        check_new(document, ("requests", i), part.name, names)
        yield Request(
            name=part.name,
            machine_name=part.machine,
            machine=_machine_named(document, ("requests", i), part.machine, machines),
            start=_pose_of(part.start),
            goal=_pose_of(part.goal),
            start_s=part.start_s,
            ignore=part.ignore,
        )


def _pose_of(row: tuple[float, float, float]) -> Pose:
    x_m, y_m, heading_deg = row
    return Pose(x_m, y_m, math.radians(heading_deg))


def _machine_named(
    document: Document, key: KeyPath, name: str, machines: Mapping[str, Machine]
) -> Machine:
    if name not in machines:
        known = ", ".join(list(machines)[:10]) or "none yet; give machines, or a fleet"
        raise document.error(
            "there is no such machine", (*key, "machine"), name, f"use one of: {known}"
        )
    return machines[name]


def check_ignored(
    document: Document,
    group: str,
    parts: Iterable[RoutePart | RequestPart],
    holders: list[str],
) -> None:
    """Check that what is ignored is there.

    Raises:
        ConfigError: there is no such reservation.
    """
    known = set(holders)
    for i, part in enumerate(parts):
        for k, name in enumerate(part.ignore):
            if name not in known:
                remedy = "use one of: " + (", ".join(holders[:10]) or "there is none; remove it")
                key = (group, i, "ignore", k)
                raise document.error("there is no such reservation", key, name, remedy)
