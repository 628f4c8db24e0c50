"""`lunaredge route check`: whether each route of a scene is free; if not, what is first met."""

import argparse
import math
import textwrap
from collections.abc import Sequence

from lunaredge.cli.route.scene import chosen, world_of
from lunaredge.cli.table import as_json
from lunaredge.paths.route import Pose
from lunaredge.paths.verdict import Free, Verdict, Violation
from lunaredge.paths.world import World
from lunaredge.runtime.files.route_scene import load_scene
from lunaredge.runtime.files.route_trips import Trip

COLUMNS = 80


def run(options: argparse.Namespace) -> int:
    """Check and print."""
    scene = load_scene(options.scene)
    trips = chosen(options.scene, "routes", scene.routes, options.route)
    verdicts = verdicts_of(world_of(scene), trips, is_together=options.together)
    free_count = sum(isinstance(verdict, Free) for verdict in verdicts)
    if options.json:
        rows = [_row(trip, verdict) for trip, verdict in zip(trips, verdicts, strict=True)]
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
            print(as_text(trip, verdict))
        how = "checked together" if options.together else "each checked alone"
        print(f"{free_count} of {len(trips)} free, {how}")
    return 0 if free_count == len(trips) else 1


def verdicts_of(world: World, trips: Sequence[Trip], *, is_together: bool) -> list[Verdict]:
    """Check each route alone; together, against all the others as well."""
    if is_together:
        for trip in trips:
            world.reserve(trip.name, trip.machine, trip.route)
    # What is reserved by a route's own name is the route, or what it replaces.
    return [world.check(trip.machine, trip.route, (*trip.ignore, trip.name)) for trip in trips]


def as_text(trip: Trip, verdict: Verdict) -> str:
    """Give a verdict as people read it: a line for the answer, one or more for the reason."""
    is_free = isinstance(verdict, Free)
    reason = _clearance(verdict) if isinstance(verdict, Free) else _reason(verdict)
    head = f"{trip.name} ({trip.machine_name}): {'free' if is_free else 'NOT FREE'}"
    body = textwrap.fill(reason, COLUMNS, initial_indent="  ", subsequent_indent="  ")
    return f"{head}\n{body}"


def pose_row(pose: Pose) -> dict[str, float]:
    """Give a pose as files have it."""
    return {"x_m": pose.x_m, "y_m": pose.y_m, "heading_deg": math.degrees(pose.heading_rad)}


def finite(value: float | None) -> float | None:
    """Give a number that JSON can hold; None for what it can't."""
    return value if value is not None and math.isfinite(value) else None


def _clearance(free: Free) -> str:
    if free.kind is None:
        return f"nothing within {free.clearance_m:g} m"
    what = f"{free.kind.value.replace('_', ' ')} {free.party}".strip()
    where = f"at {free.time_s:.2f} s, ({free.pose.x_m:.2f}, {free.pose.y_m:.2f})"
    return f"least clearance {free.clearance_m:.2f} m to {what} {where}, {_how_placed(free)}"


def _reason(violation: Violation) -> str:
    depth = f", {violation.depth_m:.2f} m deep" if violation.depth_m > 0.0 else ""
    return f"{violation.reason}, {_how_placed(violation)}{depth}"


def _how_placed(verdict: Verdict) -> str:
    heading_deg = math.degrees(verdict.pose.heading_rad)
    return f"heading {heading_deg:.0f} deg, segment {verdict.segment}"


def _row(trip: Trip, verdict: Verdict) -> dict[str, object]:
    row: dict[str, object] = {
        "route": trip.name,
        "machine": trip.machine_name,
        "free": isinstance(verdict, Free),
        "kind": verdict.kind and verdict.kind.value,
        "party": verdict.party,
    }
    if verdict.kind is not None:
        row |= {
            "segment": verdict.segment,
            "time_s": finite(verdict.time_s),
            "pose": pose_row(verdict.pose),
        }
    if isinstance(verdict, Free):
        return row | {"clearance_m": finite(verdict.clearance_m)}
    return row | {
        "depth_m": verdict.depth_m,
        "value": finite(verdict.value),
        "limit": finite(verdict.limit),
        "reason": verdict.reason,
    }
