"""`lunaredge route check`: whether each route of a scene is free; if not, what is first met."""

import argparse
import math
from collections.abc import Collection, Sequence

from lunaredge.cli.route.legs import check_legs, legs_of, span_of
from lunaredge.cli.route.scene import chosen, opened, own_reservation, world_of
from lunaredge.cli.route.wording import degrees, indented, metres
from lunaredge.cli.table import as_json
from lunaredge.paths.route import Pose
from lunaredge.paths.verdict import Free, Kind, Verdict, Violation
from lunaredge.paths.world import World
from lunaredge.runtime.files.route_scene import SceneFile
from lunaredge.runtime.files.route_trips import Trip


def run(options: argparse.Namespace) -> int:
    """Check and print."""
    scene = opened(options.scene)
    trips = chosen(options.scene, "routes", scene.routes, options.route)
    if options.together:
        check_legs(options.scene, trips)
    verdicts = verdicts_of(world_of(scene), trips, is_together=options.together)
    together = {trip.name for trip in trips} if options.together else set()
    free_count = sum(isinstance(verdict, Free) for verdict in verdicts)
    if options.json:
        rows = [
            _row(scene, trip, found, together) for trip, found in zip(trips, verdicts, strict=True)
        ]
        document = {
            "scene": str(options.scene),
            "together": options.together,
            "free": free_count,
            "violations": len(trips) - free_count,
            "routes": rows,
        }
        print(as_json(document))
    else:
        for trip, verdict in zip(trips, verdicts, strict=True):
            print(as_text(scene, trip, verdict, together))
        how = "checked together" if options.together else "each checked alone"
        print(f"{free_count} of {len(trips)} free, {how}")
    return 0 if free_count == len(trips) else 1


def verdicts_of(world: World, trips: Sequence[Trip], *, is_together: bool) -> list[Verdict]:
    """Check each route alone; together, against those of all other machines as well."""
    # What is reserved by a route's own name is the route, or what it replaces.
    own: dict[str, tuple[str, ...]] = {trip.name: (trip.name,) for trip in trips}
    if is_together:
        for trip in trips:
            from_s, until_s = span_of(trip, trips)
            world.reserve(trip.name, trip.machine, trip.route, from_s=from_s, until_s=until_s)
            # No machine meets itself.
            own[trip.name] = tuple(leg.name for leg in legs_of(trips, trip.machine_name))
    return [
        world.check(trip.machine, trip.route, (*trip.ignore, *own[trip.name])) for trip in trips
    ]


def as_text(scene: SceneFile, trip: Trip, verdict: Verdict, routes: Collection[str] = ()) -> str:
    """Give a verdict as people read it: a line for the answer, one or more for the reason.

    ``routes`` are those that count as reservations, being driven together.
    """
    is_free = isinstance(verdict, Free)
    reason = _clearance(verdict) if isinstance(verdict, Free) else _reason(verdict)
    head = f"{trip.name} ({trip.machine_name}): {'free' if is_free else 'NOT FREE'}"
    return f"{head}\n{indented(_by_role(scene, trip, reason, verdict, routes))}"


def pose_row(pose: Pose) -> dict[str, float]:
    """Give a pose as files have it."""
    return {"x_m": pose.x_m, "y_m": pose.y_m, "heading_deg": math.degrees(pose.heading_rad)}


def finite(value: float | None) -> float | None:
    """Give a number that JSON can hold; None for what it can't."""
    return value if value is not None and math.isfinite(value) else None


def _clearance(free: Free) -> str:
    if free.kind is None or free.pose is None:
        return f"nothing within {free.clearance_m:g} m"
    what = f"{free.kind.value.replace('_', ' ')} {free.party}".strip()
    where = f"at {free.time_s:.2f} s, ({free.pose.x_m:.2f}, {free.pose.y_m:.2f})"
    placed = _how_placed(free.pose, free.segment)
    return f"least clearance {metres(free.clearance_m)} to {what} {where}, {placed}"


def _reason(violation: Violation) -> str:
    depth = f", {metres(violation.depth_m)} deep" if violation.depth_m > 0.0 else ""
    return f"{violation.reason}, {_how_placed(violation.pose, violation.segment)}{depth}"


def _how_placed(pose: Pose, segment: int | None) -> str:
    return f"heading {degrees(math.degrees(pose.heading_rad))}, segment {segment}"


def _by_role(
    scene: SceneFile, trip: Trip, reason: str, verdict: Verdict, routes: Collection[str]
) -> str:
    """Call a route that is driven at the same time a route: the file has no such reservation.

    Whose own reservation is against it is told so.
    """
    if verdict.kind is not Kind.RESERVATION:
        return reason
    if verdict.party in routes:
        return reason.replace(f"reservation {verdict.party}", f"route {verdict.party}", 1)
    own = "" if isinstance(verdict, Free) else own_reservation(scene, trip, verdict.party)
    return f"{reason}; {own}" if own else reason


def _row(
    scene: SceneFile, trip: Trip, verdict: Verdict, routes: Collection[str]
) -> dict[str, object]:
    row: dict[str, object] = {
        "route": trip.name,
        "machine": trip.machine_name,
        "free": isinstance(verdict, Free),
        "kind": verdict.kind and verdict.kind.value,
        "party": verdict.party,
        "segment": verdict.segment,
        "time_s": finite(verdict.time_s),
        "pose": None if verdict.pose is None else pose_row(verdict.pose),
    }
    if isinstance(verdict, Free):
        return row | {"clearance_m": finite(verdict.clearance_m)}
    return row | {
        "depth_m": verdict.depth_m,
        "value": finite(verdict.value),
        "limit": finite(verdict.limit),
        "reason": _by_role(scene, trip, verdict.reason, verdict, routes),
    }
