"""Outlines of machines as polygons to draw: parts with their rounded margins, placed at poses."""

import math

import numpy as np

from lunaredge.kernels.convex import CORNERS, COUNT, MARGIN
from lunaredge.kernels.jit import Floats
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.route import Pose, Route

# A round of 24 corners is round to the eye.
_ARC_STEP_RAD = math.tau / 24


def outlines_of(footprint: Footprint) -> list[Floats]:
    """Give each part with its margin as a polygon, (N, 2), in the machine's frame; m."""
    return [_grown(row) for row in footprint.parts]


def placed(outline: Floats, pose: Pose) -> Floats:
    """Give an outline at a pose."""
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    turned = outline @ np.array(((cos, sin), (-sin, cos)))
    moved: Floats = turned + np.array((pose.x_m, pose.y_m))
    return moved


def poses_along(route: Route, spacing_m: float, count_max: int) -> list[Pose]:
    """Give poses along a route so far apart, its ends among them; fewer where it is long."""
    knots = route.knots
    steps_m = np.hypot(*np.diff(knots[:, 1:3], axis=0).T)
    # A turn on the spot has a length too: that of the outline's way.
    steps_m = steps_m + np.abs(np.diff(knots[:, 3])) * spacing_m
    along_m = np.concatenate(((0.0,), np.cumsum(steps_m)))
    count = max(2, min(count_max, 1 + math.ceil(along_m[-1] / spacing_m)))
    wanted_m = np.linspace(0.0, along_m[-1], count)
    columns = [np.interp(wanted_m, along_m, knots[:, column]) for column in (1, 2, 3)]
    return [Pose(*map(float, row)) for row in zip(*columns, strict=True)]


def _grown(row: Floats) -> Floats:
    """Give a part's corners moved out by its margin, with an arc around each."""
    count, margin_m = int(row[COUNT]), float(row[MARGIN])
    corners = row[CORNERS : CORNERS + 2 * count].reshape(count, 2)
    if margin_m == 0.0:
        return corners
    points = []
    for k, corner in enumerate(corners):
        before, after = corner - corners[k - 1], corners[(k + 1) % count] - corner
        # The arc goes from the outward side of the edge before to that of the edge after.
        first = math.atan2(-before[0], before[1]) if count > 1 else 0.0
        turn = math.tau
        if count > 1:
            turn = math.atan2(-after[0], after[1]) - first
            turn %= math.tau
        arc = first + np.linspace(0.0, turn, 2 + int(turn / _ARC_STEP_RAD))
        points.append(corner + margin_m * np.column_stack((np.cos(arc), np.sin(arc))))
    return np.vstack(points)
