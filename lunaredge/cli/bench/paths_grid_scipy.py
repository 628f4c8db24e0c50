"""The peer of `bench paths` on a grid: a distance transform, asked by NumPy, and exact at the end.

SciPy's transform gives each cell the distance from its centre to the nearest closed centre; a point
of the cell is nearer to a point of the closed one by no more than a diagonal. Poses that discs do
not settle so are checked exactly, rectangle against square by separating axes, all at once.
"""

import importlib
import math
from typing import Any

from lunaredge.cli.bench.paths_grid_scene import (
    CELL_M,
    CELLS,
    LENGTH_M,
    WIDTH_M,
    draw_scene,
)
from lunaredge.cli.bench.worker import cpu_us_each

# Three discs along the machine cover it; more look-ups cost more than they settle.
_DISCS = 3


class ScipyGrid:
    """A contender. scipy is loaded by name and typed Any: it may be missing."""

    def __init__(self, *, is_tiered: bool) -> None:
        self._numpy: Any = importlib.import_module("numpy")
        self._ndimage: Any = importlib.import_module("scipy.ndimage")
        self._is_tiered = is_tiered
        """Whether one look at the reference point comes before the discs."""
        self._case = ""
        self._closed: Any = None
        self._room_m: Any = None

    def answer(self, case: str) -> object:
        """Give the verdicts as bits, of the free poses and of the strayed ones."""
        self._prepare(case)
        scene = draw_scene(case)
        return [
            self._numpy.packbits(self._are_free(poses)).tobytes().hex()
            for poses in (scene.poses, scene.strayed)
        ]

    def measure(self, case: str, duration_s: float) -> float:
        """Give a million poses per second."""
        self._prepare(case)
        poses = draw_scene(case).poses
        return 1.0 / cpu_us_each(lambda: len(self._are_free(poses)), duration_s)

    def _prepare(self, case: str) -> None:
        if case == self._case:
            return
        # One closed ring stands for all beyond the grid.
        self._closed = self._numpy.pad(draw_scene(case).closed, 1, constant_values=True)
        field_m = self._ndimage.distance_transform_edt(~self._closed) * CELL_M
        self._room_m = field_m - math.sqrt(2.0) * CELL_M
        self._case = case

    def _are_free(self, poses: Any) -> Any:
        numpy = self._numpy
        if self._is_tiered:
            free = self._room_at(poses[:, 0], poses[:, 1]) > math.hypot(LENGTH_M, WIDTH_M) / 2.0
            left = numpy.flatnonzero(~free)
        else:
            free, left = numpy.zeros(len(poses), bool), numpy.arange(len(poses))
        left = left[~self._discs_are_free(poses[left])]
        free[:] = True
        free[left] = self._squares_are_free(poses[left])
        return free

    def _room_at(self, x_m: Any, y_m: Any) -> Any:
        row = (y_m / CELL_M + 1.0).clip(0, CELLS + 1).astype(self._numpy.intp)
        column = (x_m / CELL_M + 1.0).clip(0, CELLS + 1).astype(self._numpy.intp)
        return self._room_m[row, column]

    def _discs_are_free(self, poses: Any) -> Any:
        numpy = self._numpy
        cos, sin = numpy.cos(poses[:, 2]), numpy.sin(poses[:, 2])
        radius_m = math.hypot(LENGTH_M / _DISCS, WIDTH_M) / 2.0
        free = numpy.ones(len(poses), bool)
        for k in range(_DISCS):
            ahead_m = (k + 0.5) * LENGTH_M / _DISCS - LENGTH_M / 2.0
            room_m = self._room_at(poses[:, 0] + ahead_m * cos, poses[:, 1] + ahead_m * sin)
            free &= room_m > radius_m
        return free

    def _squares_are_free(self, poses: Any) -> Any:
        """Look at the closed cells of the window around each pose."""
        numpy = self._numpy
        reach = math.ceil(math.hypot(LENGTH_M, WIDTH_M) / 2.0 / CELL_M) + 1
        row = numpy.floor(poses[:, 1] / CELL_M).astype(numpy.intp)
        column = numpy.floor(poses[:, 0] / CELL_M).astype(numpy.intp)
        steps = numpy.arange(-reach, reach + 1)
        rows = (row[:, None, None] + steps[:, None]).clip(-1, CELLS) + 0 * steps
        columns = (column[:, None, None] + steps).clip(-1, CELLS) + 0 * steps[:, None]
        which, i, j = numpy.nonzero(self._closed[rows + 1, columns + 1])
        hit = self._meets(poses[which], rows[which, i, j], columns[which, i, j])
        free = numpy.ones(len(poses), bool)
        free[which[hit]] = False
        return free & self._are_inside(poses)

    def _meets(self, poses: Any, rows: Any, columns: Any) -> Any:
        """Tell which rectangles meet which squares, on the axes of both."""
        numpy = self._numpy
        cos, sin = numpy.cos(poses[:, 2]), numpy.sin(poses[:, 2])
        dx, dy = (columns + 0.5) * CELL_M - poses[:, 0], (rows + 0.5) * CELL_M - poses[:, 1]
        wide, deep = numpy.abs(cos), numpy.abs(sin)
        half, long, side = CELL_M / 2.0, LENGTH_M / 2.0, WIDTH_M / 2.0
        return (
            (numpy.abs(dx) <= half + long * wide + side * deep)
            & (numpy.abs(dy) <= half + long * deep + side * wide)
            & (numpy.abs(dx * cos + dy * sin) <= long + half * (wide + deep))
            & (numpy.abs(dy * cos - dx * sin) <= side + half * (wide + deep))
        )

    def _are_inside(self, poses: Any) -> Any:
        numpy = self._numpy
        wide, deep = numpy.abs(numpy.cos(poses[:, 2])), numpy.abs(numpy.sin(poses[:, 2]))
        long, side, size_m = LENGTH_M / 2.0, WIDTH_M / 2.0, CELLS * CELL_M
        x_room, y_room = long * wide + side * deep, long * deep + side * wide
        x_m, y_m = poses[:, 0], poses[:, 1]
        return (x_m > x_room) & (y_m > y_room) & (x_m < size_m - x_room) & (y_m < size_m - y_room)
