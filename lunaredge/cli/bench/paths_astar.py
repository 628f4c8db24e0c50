"""A* on a grid against pyastar2d: the same maps, the same costs of entry, eight neighbours.

Ours keeps a grid prepared from one search to the next, which the peer can't; and once more anew for
each search, as the peer has it. Weights are sixteenths, so that the peer's sums in single precision
are exact and must be ours.

The rule is pyastar2d's, on both sides: a step to any of the eight neighbours costs the weight of
the cell entered, diagonals no more, and may pass between two blocked cells that touch at a corner.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.drawn import Arrays, drawn
from lunaredge.cli.bench.mapf_scenes import PASSABLE, largest_part, read_map
from lunaredge.cli.bench.paths_astar_maps import MAPS, SIDE
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.errors import ConfigError
from lunaredge.kernels.gridentry import EntryGrid
from lunaredge.kernels.jit import Ints, Singles

SIXTEENTH = 16.0
# Corner to corner, side to side, and two short ones, in parts of the side.
TRIPS = (
    (0.02, 0.03, 0.97, 0.96),
    (0.5, 0.02, 0.52, 0.98),
    (0.5, 0.5, 0.52, 0.55),
    (0.9, 0.1, 0.8, 0.2),
)

BOUND = (
    "Milliseconds of the processor a search, over four trips: two across the map, two short. Bound"
    " by the nodes taken up: 35 to 45 ns each where weights differ, and 11 to 32 ns where they are"
    " all the same, mostly for branches that can't be foreseen"
)
BOUND_ANEW = (
    f"{BOUND}; the grid handed over anew for each search, and where the nodes are few by reading"
    " the whole map (0.3 ms) for what is blocked and whether the weights differ"
)
RULE = (
    "Rule on both sides, pyastar2d's: a step to any of eight neighbours costs the weight of the"
    " cell entered, diagonals no more, and may cut the corner between two blocked cells"
)
PREPARED, ANEW = "grid kept", "grid anew"


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is compared: on maps of every kind, or on the MovingAI maps of a folder.

    Raises:
        ConfigError: a map is of another format.
    """
    folder = options.data or ""
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(MAPS, (SIDE, SIDE))
    if folder:
        shapes = {name: _shape(path) for name, path in _files(folder).items()}
    bounds = {PREPARED: BOUND, ANEW: BOUND_ANEW}
    return [
        Contest(
            module=__name__,
            cases={
                f"A*, {name}, {width} x {height}, {way}": f"{bounds[way]}. {RULE}"
                for name, (height, width) in shapes.items()
            },
            metric="ms_per_search",
            unit="ms",
            peers={"pyastar2d": "pyastar2d"},
            data=(folder,),
        )
        for way in bounds
    ]


def _shape(path: Path) -> tuple[int, ...]:
    free = read_map(path)
    if not free.any():
        remedy = f"give a map with some of {' '.join(sorted(PASSABLE))}"
        raise ConfigError(
            "no cell is passable", place=str(path), key="map", value=free.shape, remedy=remedy
        )
    return free.shape


def _files(folder: str) -> dict[str, Path]:
    """Give a folder's maps by the names that cases have for them."""
    return {path.stem.replace(", ", "-"): path for path in sorted(Path(folder).glob("*.map"))}


def contender(name: str, folder: str) -> Contender:
    """Make a contender."""
    files = _files(folder) if folder else {}
    if name == OURS:
        return Searches(_ours, files)
    peer: Any = importlib.import_module("pyastar2d")
    return Searches(lambda weights, _: lambda *trip: _peer(peer, weights, *trip), files)


Search = Callable[[int, int], Ints]


class Searches:
    """The trips over a map, by one library."""

    def __init__(self, prepare: Callable[[Singles, str], Search], files: dict[str, Path]) -> None:
        self._prepare = prepare
        self._files = files
        self._case = ""
        self._ready: tuple[Singles, list[tuple[int, int]], Search]

    def answer(self, case: str) -> list[float]:
        """Give the cost of each trip; -1 = there is no way."""
        weights, trips, search = self._map(case)
        paths = [search(*trip) for trip in trips]
        return [_cost(weights, path) if len(path) else -1.0 for path in paths]

    def measure(self, case: str, duration_s: float) -> float:
        """Give the processor's milliseconds per search."""
        _, trips, search = self._map(case)

        def job() -> int:
            for trip in trips:
                search(*trip)
            return len(trips)

        return cpu_us_each(job, duration_s) / 1e3

    def _map(self, case: str) -> tuple[Singles, list[tuple[int, int]], Search]:
        if case != self._case:
            name, way = case.split(", ")[1], case.rpartition(", ")[2]
            arrays = drawn(f"A* {name}", lambda: _draw(name, self._files.get(name)))
            weights, trips = arrays["weights"], list(map(tuple, arrays["trips"].tolist()))
            self._ready = weights, trips, self._prepare(weights, way)
            self._case = case
        return self._ready


def _draw(name: str, file: Path | None) -> Arrays:
    """Give a map's weights, and its trips as numbers of cells, from the largest part of it."""
    if file is None:
        weights = np.round(MAPS[name]() * SIXTEENTH) / SIXTEENTH
        cells = np.argwhere(np.isfinite(weights))
    else:
        free = read_map(file)
        weights = np.where(free, 1.0, np.inf)
        cells = np.column_stack(np.divmod(largest_part(free), free.shape[1]))
    trips = np.array([_trip(cells, weights.shape, trip) for trip in TRIPS], np.int64)
    return {"weights": weights.astype(np.float32), "trips": trips}


def _ours(weights: Singles, way: str) -> Search:
    if way == PREPARED:
        return _found_by(EntryGrid(weights))
    return lambda *trip: _found_by(EntryGrid(weights))(*trip)


def _found_by(grid: EntryGrid) -> Search:
    return lambda source, target: grid.find_path(source, target)[0]


def _peer(peer: Any, weights: Singles, source: int, target: int) -> Ints:
    width = weights.shape[1]
    ends = (divmod(source, width), divmod(target, width))
    path = peer.astar_path(weights, *ends, allow_diagonal=True)
    if path is None or len(path) == 0:
        return np.empty(0, np.int64)
    return np.asarray(path[:, 0] * width + path[:, 1], np.int64)


def _cost(weights: Singles, path: Ints) -> float:
    return float(weights.flat[path[1:]].astype(np.float64).sum())


def _trip(
    cells: Ints, shape: tuple[int, ...], parts: tuple[float, float, float, float]
) -> tuple[int, int]:
    """Give the cells nearest to a trip's ends."""
    ends = np.array(parts).reshape(2, 2) * shape
    away = [np.abs(cells - end).max(axis=1) for end in ends]
    source, target = (cells[int(np.argmin(far))] for far in away)
    return int(source @ (shape[1], 1)), int(target @ (shape[1], 1))
