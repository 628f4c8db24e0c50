"""The job of `bench paths` on the ground: layers of a height grid, made and kept up to date."""

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.relief import HALO, LAYERS
from lunaredge.paths.grid import SiteGrid

_SIDE = 1024
_CELL_M = 2.0
_MADE_BOUND = (
    "Slope, gradient, roughness and step of every cell, heights copied in. Bound by instructions:"
    " 25 to 30 ns a cell, two thirds of them the arctangent and the hypotenuse. Processor time of"
    " one thread. numpy works with whole arrays: bound by memory"
)
_CHANGED_BOUND = (
    f"New heights of a square of a grid of {_SIDE} x {_SIDE} cells. Ours makes a new version, equal"
    " bit for bit to a grid made anew, and keeps the old one. Bound by the blocks of 32 x 32 cells"
    " touched, 50 us each. numpy makes all layers anew"
)
_MADE = {f"layers of {side} x {side} cells": side for side in (64, 256, 1024)}
_CHANGED = {f"change of {side} x {side} cells": side for side in (1, 10, 100, 1000)}


def contests(options: BenchOptions) -> list[Contest]:
    """Give the contest; it draws its own ground, whatever data the options name."""
    return [
        Contest(
            module=__name__,
            cases=dict.fromkeys(_MADE, _MADE_BOUND) | dict.fromkeys(_CHANGED, _CHANGED_BOUND),
            metric="ms",
            unit="ms",
            peers={"numpy": "numpy"},
        )
    ]


def contender(name: str) -> Contender:
    """Make a contender."""
    return OurGround() if name == OURS else NumpyGround()


class OurGround:
    """lunaredge's own grid."""

    def __init__(self) -> None:
        self._grids: dict[int, SiteGrid] = {}

    def answer(self, case: str) -> object:
        """Give the sum of each layer, away from the border."""
        if case in _MADE:
            return _sums(_layers_of(self._grid(_MADE[case])))
        row, column, heights_m = draw_change(_CHANGED[case])
        return _sums(_layers_of(self._grid(_SIDE).updated(row, column, heights_m)))

    def measure(self, case: str, duration_s: float) -> float:
        """Give milliseconds."""
        if case in _MADE:
            heights_m = draw_heights_m(_MADE[case])
            return (
                cpu_us_each(lambda: _count(SiteGrid.of_heights(heights_m, _CELL_M)), duration_s)
                / 1e3
            )
        grid, (row, column, heights_m) = self._grid(_SIDE), draw_change(_CHANGED[case])
        return cpu_us_each(lambda: _count(grid.updated(row, column, heights_m)), duration_s) / 1e3

    def _grid(self, side: int) -> SiteGrid:
        if side not in self._grids:
            self._grids[side] = SiteGrid.of_heights(draw_heights_m(side), _CELL_M)
        return self._grids[side]


class NumpyGround:
    """What a user of NumPy writes: shifted views of whole arrays."""

    def answer(self, case: str) -> object:
        """Give the sum of each layer, away from the border."""
        return _sums(_numpy_layers(self._heights_m(case)))

    def measure(self, case: str, duration_s: float) -> float:
        """Give milliseconds."""
        heights_m = self._heights_m(case)
        return cpu_us_each(lambda: len(_numpy_layers(heights_m)) // LAYERS, duration_s) / 1e3

    def _heights_m(self, case: str) -> Floats:
        if case in _MADE:
            return draw_heights_m(_MADE[case])
        heights_m = draw_heights_m(_SIDE)
        row, column, change = draw_change(_CHANGED[case])
        heights_m[row : row + len(change), column : column + len(change)] = change
        return heights_m


def draw_heights_m(side: int) -> Floats:
    """Draw rolling ground with a rough surface, metres."""
    rows, columns = np.mgrid[0:side, 0:side] * _CELL_M
    hills: Floats = 8.0 * np.sin(columns / 60.0) * np.cos(rows / 45.0)
    return hills + np.random.default_rng(side).normal(size=(side, side)) * 0.05


def draw_change(side: int) -> tuple[int, int, Floats]:
    """Draw what is new in a square of the ground: row, column, heights."""
    first = (_SIDE - side) // 2
    return first, first, np.random.default_rng(side).normal(size=(side, side))


def _count(_: SiteGrid) -> int:
    return 1


def _layers_of(grid: SiteGrid) -> list[Floats]:
    return [grid.layer(layer) for layer in range(LAYERS)]


def _sums(layers: list[Floats]) -> list[float]:
    """Sum what every contender defines the same, the ground away from the border."""
    return [float(np.abs(layer[HALO:-HALO, HALO:-HALO]).sum()) for layer in layers]


def _numpy_layers(heights_m: Floats) -> list[Floats]:
    along, across = map(np.asarray, np.gradient(heights_m, _CELL_M))
    slopes_deg: Floats = np.degrees(np.arctan(np.hypot(across, along)))
    padded = np.pad(heights_m, HALO, mode="edge")
    return [heights_m, across, along, slopes_deg, _roughness_m(padded), _step_m(padded)]


def _shifted(padded: Floats, rows: int, columns: int) -> Floats:
    """Give the neighbour of every cell that is so many rows and columns on."""
    height, width = padded.shape[0] - 2 * HALO, padded.shape[1] - 2 * HALO
    return padded[HALO + rows :, HALO + columns :][:height, :width]


def _roughness_m(padded: Floats) -> Floats:
    middle = _shifted(padded, 0, 0)
    rises = {(i, j): _shifted(padded, i, j) - middle for i in (-1, 0, 1) for j in (-1, 0, 1)}
    mean = sum(rises.values()) / 9.0
    up = sum(i * rise for (i, _), rise in rises.items()) / 6.0
    right = sum(j * rise for (_, j), rise in rises.items()) / 6.0
    squares = sum((rise - mean - i * up - j * right) ** 2 for (i, j), rise in rises.items())
    return np.asarray(np.sqrt(squares / 9.0))


def _step_m(padded: Floats) -> Floats:
    steps_m = np.zeros_like(_shifted(padded, 0, 0))
    for i, j in ((0, 1), (1, 0), (1, 1), (1, -1)):
        bends = [_bend(padded, k * i, k * j, (i, j)) for k in (-1, 0, 1)]
        for other in (bends[0], bends[2]):
            np.maximum(steps_m, np.minimum(bends[1], other), out=steps_m)
    return steps_m


def _bend(padded: Floats, rows: int, columns: int, line: tuple[int, int]) -> Floats:
    """Give how far the cells so many rows and columns on are off the line of their neighbours."""
    middle = _shifted(padded, rows, columns)
    before = padded[HALO + rows - line[0] :, HALO + columns - line[1] :]
    after = padded[HALO + rows + line[0] :, HALO + columns + line[1] :]
    height, width = middle.shape
    return np.abs(before[:height, :width] + after[:height, :width] - 2.0 * middle)
