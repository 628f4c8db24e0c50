"""What the contenders of `paths_solids` are given: boxes at random, and paths between them."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from lunaredge.cli.bench.drawn import Arrays, drawn
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.polygon import rectangle
from lunaredge.paths.route import Pose
from lunaredge.paths.solids import Solid, Solids, check_poses

SEED = 4
LENGTH_M, WIDTH_M = 4.0, 2.5
BOX_M_MIN, BOX_M_MAX = 1.0, 8.0
STEP_M = 0.5
POSES = 200
# Paths at random beside the free ones: where they hit first is compared, not timed.
WILD = 100
_TRIES = 9


class Setting(NamedTuple):
    """One scene."""

    boxes: int
    side_m: float
    paths: int
    shape: str = "rectangle"


class Scene(NamedTuple):
    """Boxes, and the paths of one machine among them."""

    boxes: Floats
    """float64 (B, 5): x, y, heading, length, width."""
    solids: Solids
    footprint: Footprint
    free: Floats
    """float64 (N, POSES, 3), without a hit."""
    wild: Floats
    """float64 (WILD, POSES, 3), as they come."""


@cache
def scene_of(setting: Setting) -> Scene:
    """Make a scene; the same for every contender."""
    arrays = drawn(f"solids {setting}", lambda: _draw(setting))
    footprint = footprint_of(setting.shape)
    boxes, free, wild = (arrays[name] for name in ("boxes", "free", "wild"))
    return Scene(boxes, _solids_of(boxes), footprint, free, wild)


def _draw(setting: Setting) -> Arrays:
    dice = np.random.default_rng(SEED)
    places = dice.uniform(0.0, setting.side_m, (setting.boxes, 2))
    headings = dice.uniform(-math.pi, math.pi, setting.boxes)
    sizes = dice.uniform(BOX_M_MIN, BOX_M_MAX, (setting.boxes, 2))
    boxes = np.column_stack((places, headings, sizes))
    solids = _solids_of(boxes)
    footprint = footprint_of(setting.shape)
    free = np.empty((setting.paths, POSES, 3))
    free[:, 0] = _starts(solids, footprint, setting, dice)
    bends = np.zeros(setting.paths)
    for k in range(1, POSES):
        bends = np.clip(bends + dice.normal(0.0, 0.05, setting.paths), -0.2, 0.2)
        free[:, k] = _onward(solids, footprint, free[:, k - 1], bends)
    return {"boxes": boxes, "free": free, "wild": _wild(dice, setting.side_m)}


def _solids_of(boxes: Floats) -> Solids:
    return Solids(
        Solid(corners=rectangle(Pose(x, y, heading), length, width))
        for x, y, heading, length, width in boxes.tolist()
    )


def footprint_of(shape: str) -> Footprint:
    """Give a footprint by the name of its shape."""
    if shape == "hexagon":
        angles = np.arange(6) * math.tau / 6
        corners = np.column_stack((2.0 * np.cos(angles), 1.4 * np.sin(angles)))
        return Footprint(Part(corners=tuple(map(tuple, corners.tolist()))))
    return Footprint.rectangle(LENGTH_M, WIDTH_M)


def _starts(
    solids: Solids, footprint: Footprint, setting: Setting, dice: np.random.Generator
) -> Floats:
    """Draw poses until there are enough free ones."""
    found: list[Floats] = []
    while sum(map(len, found)) < setting.paths:
        places = dice.uniform(0.0, setting.side_m, (setting.paths, 2))
        headings = dice.uniform(-math.pi, math.pi, setting.paths)
        poses = np.column_stack((places, headings))
        found.append(poses[_are_free(solids, footprint, poses)])
    return np.concatenate(found)[: setting.paths]


def _onward(solids: Solids, footprint: Footprint, here: Floats, bends: Floats) -> Floats:
    """Go one step from each pose, turning aside as far as it needs; else stay."""
    there = here.copy()
    stuck = np.arange(len(here))
    for attempt in range(_TRIES):
        side = (attempt + 1) // 2 * 0.15 * (-1) ** attempt
        heading = here[stuck, 2] + bends[stuck] * STEP_M + side
        way = STEP_M * np.column_stack((np.cos(heading), np.sin(heading)))
        ahead = np.column_stack((here[stuck, :2] + way, heading))
        is_free = _are_free(solids, footprint, ahead)
        there[stuck[is_free]] = ahead[is_free]
        stuck = stuck[~is_free]
    return there


def _are_free(solids: Solids, footprint: Footprint, poses: Floats) -> Flags:
    free: Flags = check_poses(solids, footprint, poses[:, None, :])[:, 0] < 0
    return free


def _wild(dice: np.random.Generator, side_m: float) -> Floats:
    starts = np.zeros((WILD, 1, 3))
    starts[:, 0, :2] = dice.uniform(0.0, side_m, (WILD, 2))
    return starts + np.cumsum(dice.normal(0.0, (0.5, 0.5, 0.2), (WILD, POSES, 3)), axis=1)
