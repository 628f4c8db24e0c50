"""A* on a grid against pyastar2d: the same maps, the same costs of entry, eight neighbours.

Ours keeps a grid prepared from one search to the next, which the peer can't; and once more anew for
each search, as the peer has it. Weights are sixteenths, so that the peer's sums in single precision
are exact and must be ours.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest
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
    " by the nodes taken up: 35 to 45 ns each where weights differ, and 17 to 35 ns where they are"
    " all the same, mostly for branches that can't be foreseen"
)
BOUND_ANEW = (
    f"{BOUND}; the grid handed over anew for each search, and where the nodes are few by reading"
    " the whole map (0.4 ms) for what is blocked and whether the weights differ"
)
PREPARED, ANEW = "grid kept", "grid anew"


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is compared, on maps of every kind.

    Raises:
        ConfigError: other data are asked for.
    """
    if options.data is not None:
        raise ConfigError(
            "the maps of A* are drawn",
            place="lunaredge bench paths",
            key="--data",
            value=options.data,
            remedy="leave it out",
        )
    bounds = {PREPARED: BOUND, ANEW: BOUND_ANEW}
    return [
        Contest(
            module=__name__,
            cases={f"A*, {kind}, {SIDE} x {SIDE}, {way}": bounds[way] for kind in MAPS},
            metric="ms_per_search",
            unit="ms",
            peers={"pyastar2d": "pyastar2d"},
            data=(way,),
        )
        for way in bounds
    ]


def contender(name: str, way: str) -> Contender:
    """Make a contender."""
    if name != OURS:
        peer: Any = importlib.import_module("pyastar2d")
        return Searches(lambda weights: lambda *trip: _peer(peer, weights, *trip))
    if way == PREPARED:
        return Searches(lambda weights: _found_by(EntryGrid(weights)))
    return Searches(lambda weights: lambda *trip: _found_by(EntryGrid(weights))(*trip))


Search = Callable[[int, int], Ints]


class Searches:
    """The trips over a map, by one library."""

    def __init__(self, prepare: Callable[[Singles], Search]) -> None:
        self._prepare = prepare
        self._maps: dict[str, tuple[Singles, list[tuple[int, int]], Search]] = {}

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
        if case not in self._maps:
            weights = MAPS[case.split(", ")[1]]()
            rounded = (np.round(weights * SIXTEENTH) / SIXTEENTH).astype(np.float32)
            trips = [_trip(rounded, trip) for trip in TRIPS]
            self._maps[case] = rounded, trips, self._prepare(rounded)
        return self._maps[case]


def _found_by(grid: EntryGrid) -> Search:
    return lambda source, target: grid.find_path(source, target)[0]


def _peer(peer: Any, weights: Singles, source: int, target: int) -> Ints:
    ends = (divmod(source, SIDE), divmod(target, SIDE))
    path = peer.astar_path(weights, *ends, allow_diagonal=True)
    if path is None or len(path) == 0:
        return np.empty(0, np.int64)
    return np.asarray(path[:, 0] * SIDE + path[:, 1], np.int64)


def _cost(weights: Singles, path: Ints) -> float:
    return float(weights.flat[path[1:]].astype(np.float64).sum())


def _trip(weights: Singles, parts: tuple[float, float, float, float]) -> tuple[int, int]:
    """Give the free cells nearest to a trip's ends."""
    cells = np.argwhere(np.isfinite(weights))
    ends = np.array(parts).reshape(2, 2) * SIDE
    away = [np.abs(cells - end).max(axis=1) for end in ends]
    source, target = (cells[int(np.argmin(far))] for far in away)
    return int(source @ (SIDE, 1)), int(target @ (SIDE, 1))
