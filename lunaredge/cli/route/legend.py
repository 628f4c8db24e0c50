"""The legend of a map: what is on it, and nothing else."""

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lunaredge.cli.route.layers import (
    BLACK,
    SOLID,
    THEIRS,
    YELLOW,
    ZONE_STYLES,
    Stroke,
    is_timed,
    stroke_of,
)
from lunaredge.model.site import ZoneKind
from lunaredge.paths.verdict import Violation
from lunaredge.runtime.files.route_scene import SceneFile
from lunaredge.runtime.files.route_trips import Trip

ROUTES_MAX = 12
VIOLATIONS_MAX = 5
_LETTERS = 36
Found = tuple[Trip, Violation]
_ZONE_WORDS = {
    ZoneKind.KEEP_OUT: "keep-out zone",
    ZoneKind.SPEED: "speed zone",
    ZoneKind.WORK: "work zone",
    ZoneKind.CHARGE: "charge zone",
    ZoneKind.HAVEN: "haven",
    ZoneKind.NO_STANDING: "no-standing zone",
}
# The veil's colour as it looks over middle grey.
_CLOSED = "#7E6B79"


def legend_of(scene: SceneFile, violations: Sequence[Found], closed_to: str) -> list[Any]:
    """Give the legend's entries."""
    handles = [*_ways(scene), *_places(scene)]
    if closed_to:
        handles.append(Patch(facecolor=_CLOSED, label=_wrapped(f"ground closed to {closed_to}")))
    for number, (trip, found) in enumerate(violations[:VIOLATIONS_MAX], start=1):
        words = _wrapped(f"{number}: {trip.name}: {found.reason}")
        handles.append(_mark("X", words, YELLOW))
    return handles + _rest(len(violations) - VIOLATIONS_MAX, "violations")


def lines_of(handles: Sequence[Any]) -> int:
    """Count the lines that a legend has."""
    return sum(1 + str(handle.get_label()).count("\n") for handle in handles)


def _ways(scene: SceneFile) -> list[Any]:
    handles: list[Any] = []
    for k, trip in enumerate(scene.routes[:ROUTES_MAX]):
        handles.append(_line(f"route {trip.name}", stroke_of(k)))
    handles += _rest(len(scene.routes) - ROUTES_MAX, "routes")
    if scene.reservations:
        handles.append(_line("reservation", THEIRS))
    if scene.requests:
        handles += [_mark("o", "wanted from", "white"), _mark("s", "wanted to", "white")]
    return handles


def _line(words: str, stroke: Stroke) -> Line2D:
    return Line2D([], [], color=stroke.colour, linestyle=stroke.line, label=_wrapped(words))


def _wrapped(words: str) -> str:
    """Give words in lines that fit beside the map."""
    return textwrap.fill(words, _LETTERS)


def _rest(count: int, what: str) -> list[Any]:
    """Say how many are left out, if any are."""
    return [Line2D([], [], color="none", label=f"and {count} {what} more")] if count > 0 else []


def _places(scene: SceneFile) -> list[Any]:
    handles: list[Any] = []
    if scene.obstacles:
        handles.append(Patch(facecolor=SOLID, label="obstacle"))
    for kind, (colour, hatch, style) in ZONE_STYLES.items():
        if any(zone.kind is kind for zone in scene.zones):
            words = _ZONE_WORDS[kind]
            handles.append(
                Patch(fill=False, edgecolor=colour, hatch=hatch, linestyle=style, label=words)
            )
    if any(map(is_timed, scene.zones)):
        words = "zone with a time"
        handles.append(Patch(fill=False, edgecolor=BLACK, linestyle=":", label=words))
    if scene.boundary is not None:
        handles.append(Patch(fill=False, edgecolor=BLACK, linewidth=1.4, label="boundary"))
    return handles


def _mark(mark: str, words: str, colour: str) -> Line2D:
    return Line2D(
        [],
        [],
        marker=mark,
        linestyle="none",
        markerfacecolor=colour,
        markeredgecolor=BLACK,
        label=words,
    )
