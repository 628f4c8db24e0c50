"""The legend of a map: what is on it, and nothing else."""

import textwrap
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lunaredge.cli.route.layers import (
    BLACK,
    OTHERS,
    ROUTE_COLOURS,
    SOLID,
    YELLOW,
    ZONE_STYLES,
    is_timed,
)
from lunaredge.model.site import ZoneKind
from lunaredge.paths.verdict import Violation
from lunaredge.runtime.files.route_scene import SceneFile
from lunaredge.runtime.files.route_trips import Trip

ROUTES_MAX = 10
_LETTERS = 36
_ZONE_WORDS = {
    ZoneKind.KEEP_OUT: "keep-out zone",
    ZoneKind.SPEED: "speed zone",
    ZoneKind.WORK: "work zone",
    ZoneKind.CHARGE: "charge zone",
    ZoneKind.HAVEN: "haven",
}
# The veil's colour as it looks over middle grey.
_CLOSED = "#7E6B79"


def legend_of(
    scene: SceneFile, violation: tuple[Trip, Violation] | None, closed_to: str
) -> list[Any]:
    """Give the legend's entries."""
    handles = [*_ways(scene), *_places(scene)]
    if closed_to:
        handles.append(Patch(facecolor=_CLOSED, label=f"ground closed to {closed_to}"))
    if violation is not None:
        trip, found = violation
        words = textwrap.fill(f"{trip.name}: {found.reason}", _LETTERS)
        handles.append(_mark("X", words, YELLOW))
    return handles


def _ways(scene: SceneFile) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=ROUTE_COLOURS[k % len(ROUTE_COLOURS)], label=f"route {trip.name}")
        for k, trip in enumerate(scene.routes[:ROUTES_MAX])
    ]
    more = len(scene.routes) - ROUTES_MAX
    if more > 0:
        handles.append(Line2D([], [], color="none", label=f"and {more} routes more"))
    if scene.reservations:
        handles.append(Line2D([], [], color=OTHERS, linestyle=(0, (4, 2)), label="reservation"))
    if scene.requests:
        handles += [_mark("o", "wanted from", "white"), _mark("s", "wanted to", "white")]
    return handles


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
