"""What the contenders of `bench paths` on a grid are given: closed cells, and free paths."""

import re
from functools import cache

import msgspec
import numpy as np

from lunaredge.cli.bench.drawn import Arrays, drawn
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.paths import Footprint
from lunaredge.paths.occupancy import Occupancy

SEED = 1
CELLS = 1024
CELL_M = 0.5
FRAME = (0.0, 0.0, CELL_M)
LENGTH_M, WIDTH_M = 4.0, 2.5
PATHS, POSES = 500, 200
_STEP_M = 0.5
_ROCK_M = (0.3, 2.5)
_SLOPE_DEG_MAX = 20.0
_STEEP_SHARE = 0.05
# Paths are drawn so many at a time, each step tried so often; those that get stuck are left out.
_DRAWN, _TRIES = 1500, 8


class GridScene(msgspec.Struct, frozen=True, kw_only=True):
    """A grid, and poses on it."""

    closed: Flags
    """bool (CELLS, CELLS)."""
    poses: Floats
    """float64 (N, 3): path after path, all of them free."""
    strayed: Floats
    """float64 (N, 3): the same poses moved by a metre or so, many of them not free."""


@cache
def draw_scene(case: str) -> GridScene:
    """Draw what a case names: `rocks 2 %`, `300 rocks`, `slopes`; and `, 1000 poses` of it."""
    ground, _, count = case.partition(", ")
    arrays = drawn(f"grid {ground}", lambda: _draw(ground))
    closed = arrays["closed"]
    poses = arrays["poses"][: int(count.split()[0]) if count else None]
    dice = np.random.default_rng((SEED, 2))
    strayed = poses + dice.normal(0.0, (1.0, 1.0, 0.5), poses.shape)
    return GridScene(closed=closed, poses=np.ascontiguousarray(poses), strayed=strayed)


def _draw(ground: str) -> Arrays:
    closed = _draw_ground(ground)
    return {"closed": closed, "poses": draw_paths(np.random.default_rng((SEED, 1)), closed)}


def draw_paths(dice: np.random.Generator, closed: Flags) -> Floats:
    """Draw free paths, float64 (PATHS * POSES, 3): steps of half a metre on a winding course."""
    grid = Occupancy(closed, FRAME)
    machine = Footprint.rectangle(LENGTH_M, WIDTH_M)
    found: list[Floats] = []
    while len(found) < PATHS:
        size_m = CELLS * CELL_M
        poses = np.empty((_DRAWN, POSES, 3))
        poses[:, 0] = dice.uniform((0.0, 0.0, -np.pi), (size_m, size_m, np.pi), (_DRAWN, 3))
        free = grid.check_poses(machine, poses[:, 0])
        bends = np.zeros(_DRAWN)
        for k in range(1, POSES):
            if k % 20 == 1:
                poses, bends, free = poses[free], bends[free], free[free]
            bends, moved = _go_on(dice, grid, machine, poses[:, k - 1 : k + 1], bends)
            free &= moved
        found += list(poses[free])
    return np.concatenate(found[:PATHS])


def _go_on(
    dice: np.random.Generator, grid: Occupancy, machine: Footprint, poses: Floats, bends: Floats
) -> tuple[Floats, Flags]:
    """Write the next pose of each path; give how it bends, and whether it is free."""
    moved = np.zeros(len(poses), np.bool_)
    poses[:, 1] = poses[:, 0]
    for attempt in range(_TRIES):
        spread = 0.15 if attempt else 0.03
        tried = (0.0 if attempt else bends) + dice.normal(0.0, spread, len(poses))
        after = poses[:, 0].copy()
        after[:, 2] += tried * _STEP_M
        after[:, 0] += np.cos(after[:, 2]) * _STEP_M
        after[:, 1] += np.sin(after[:, 2]) * _STEP_M
        taken = grid.check_poses(machine, after) & ~moved
        poses[taken, 1] = after[taken]
        bends = np.where(taken, tried, bends)
        moved |= taken
    return bends, moved


def _draw_ground(ground: str) -> Flags:
    dice = np.random.default_rng((SEED, 0))
    if ground == "slopes":
        return _draw_slopes_deg(dice) > _SLOPE_DEG_MAX
    number = float(re.findall(r"\d+", ground)[0])
    closed = np.zeros((CELLS, CELLS), np.bool_)
    share = number / 100.0 if ground.endswith("%") else 1.0
    count = CELLS * CELLS if ground.endswith("%") else int(number)
    for k in range(count):
        if k % 64 == 0 and closed.mean() >= share:
            break
        _put_rock(dice, closed)
    return closed


def _put_rock(dice: np.random.Generator, closed: Flags) -> None:
    """Close the cells whose centres a round rock covers."""
    row, column = dice.uniform(0.0, CELLS, 2)
    radius = dice.uniform(*_ROCK_M) / CELL_M
    low = np.maximum(np.array((row, column)) - radius - 1.0, 0.0).astype(int)
    high = (np.array((row, column)) + radius + 2.0).astype(int)
    part = closed[low[0] : high[0], low[1] : high[1]]
    rows, columns = np.ogrid[low[0] : low[0] + part.shape[0], low[1] : low[1] + part.shape[1]]
    part |= (rows + 0.5 - row) ** 2 + (columns + 0.5 - column) ** 2 <= radius**2


def _draw_slopes_deg(dice: np.random.Generator) -> Floats:
    """Draw the slopes of fractal hills, as steep as lets a share of them be closed.

    Spectral synthesis with amplitude 1 / f^2 (Saupe 1988).
    """
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(CELLS), np.fft.fftfreq(CELLS)))
    frequencies[0, 0] = 1.0
    waves = np.fft.fft2(dice.normal(size=(CELLS, CELLS))) / frequencies**2
    along, across = np.gradient(np.fft.ifft2(waves).real, CELL_M)
    rises = np.hypot(along, across)
    steep = np.tan(np.radians(_SLOPE_DEG_MAX)) / np.quantile(rises, 1.0 - _STEEP_SHARE)
    slopes_deg: Floats = np.degrees(np.arctan(rises * steep))
    return slopes_deg
