"""A* on a grid against pyastar2d: the same maps, the same costs of entry, eight neighbours.

Both are given the weights anew in every call; ours once more with the grid prepared beforehand.
Weights are sixteenths, so that the peer's sums in single precision are exact and must be ours.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.cli.bench.worker import Contender
from lunaredge.kernels.gridentry import EntryGrid
from lunaredge.kernels.jit import Ints, Singles

SIDE = 1024
SEED = 3
SIXTEENTH = 16.0
# Corner to corner, side to side, and two short ones, in parts of the side.
TRIPS = (
    (0.02, 0.03, 0.97, 0.96),
    (0.5, 0.02, 0.52, 0.98),
    (0.5, 0.5, 0.52, 0.55),
    (0.9, 0.1, 0.8, 0.2),
)

BOUND = (
    "Milliseconds a search over four trips, two across the map and two short; the whole call, the"
    " grid handed over anew each time. Bound by the nodes taken up, about 40 ns each, and where"
    " those are few by reading the whole map for what is blocked"
)
"""What every figure here is of."""


def contests(options: BenchOptions) -> list[Contest]:
    """Give what is compared; other data make no difference."""
    assert options is not None
    return [
        Contest(
            module=__name__,
            cases={f"A*, {kind}, {SIDE} x {SIDE}": BOUND for kind in MAPS},
            metric="ms_per_search",
            unit="ms",
            peers={"pyastar2d": "pyastar2d"},
        )
    ]


def contender(name: str) -> Contender:
    """Make a contender."""
    if name == OURS:
        return Searches(lambda weights, trip: _ours(weights, *trip))
    peer: Any = importlib.import_module("pyastar2d")
    return Searches(lambda weights, trip: _peer(peer, weights, *trip))


class Searches:
    """The trips over a map, by one library."""

    def __init__(self, path: Callable[[Singles, tuple[int, int]], Ints]) -> None:
        self._path = path
        self._maps: dict[str, tuple[Singles, list[tuple[int, int]]]] = {}

    def answer(self, case: str) -> list[float]:
        """Give the cost of each trip; -1 = there is no way."""
        weights, trips = self._map(case)
        paths = [self._path(weights, trip) for trip in trips]
        return [_cost(weights, path) if len(path) else -1.0 for path in paths]

    def measure(self, case: str, duration_s: float) -> float:
        """Give the processor's milliseconds per search."""
        weights, trips = self._map(case)
        end_s, start_s, count = time.monotonic() + duration_s, time.process_time(), 0
        while count == 0 or time.monotonic() < end_s:
            for trip in trips:
                self._path(weights, trip)
            count += len(trips)
        return (time.process_time() - start_s) * 1e3 / count

    def _map(self, case: str) -> tuple[Singles, list[tuple[int, int]]]:
        if case not in self._maps:
            weights = MAPS[case.split(", ")[1]]()
            rounded = (np.round(weights * SIXTEENTH) / SIXTEENTH).astype(np.float32)
            self._maps[case] = rounded, [_trip(rounded, trip) for trip in TRIPS]
        return self._maps[case]


def _ours(weights: Singles, source: int, target: int) -> Ints:
    return EntryGrid(weights).find_path(source, target)[0]


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


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _open_field() -> Any:
    return np.ones((SIDE, SIDE))


def _rough() -> Any:
    return _rng().uniform(1.0, 10.0, (SIDE, SIDE))


def _hills() -> Any:
    """Smooth hills of several sizes, dear on their slopes; the steepest are blocked."""
    rows, columns = np.indices((SIDE, SIDE)) / SIDE
    heights = np.zeros((SIDE, SIDE))
    for wave in range(1, 25):
        turn, along, across = _rng().spawn(wave)[-1].uniform(-1.0, 1.0, 3) * (np.pi, wave, wave)
        heights += np.sin(2.0 * np.pi * (along * rows + across * columns) + turn) / wave
    slopes = np.hypot(*np.gradient(heights)) * 50.0
    return np.where(slopes > 1.8, np.inf, 1.0 + 8.0 * slopes**2)


def _rubble(blocked_ratio: float) -> Any:
    return np.where(_rng().random((SIDE, SIDE)) < blocked_ratio, np.inf, 1.0)


def _maze(corridor: int) -> Any:
    """A maze without loops (Wilson's or any other would do: depth first, the longest corridors)."""
    rng, pitch = _rng(), corridor + 1
    count = (SIDE - 1) // pitch
    weights = np.full((SIDE, SIDE), np.inf)
    seen, waiting = np.zeros((count, count), np.bool_), [(0, 0, 0, 0)]
    moves = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
    while waiting:
        row, column, before_row, before_column = waiting.pop()
        if seen[row, column]:
            continue
        seen[row, column] = True
        top, left = (1 + pitch * min(pair) for pair in ((row, before_row), (column, before_column)))
        bottom = 1 + pitch * max(row, before_row) + corridor
        right = 1 + pitch * max(column, before_column) + corridor
        weights[top:bottom, left:right] = 1.0
        for down, over in rng.permutation(moves).tolist():
            if 0 <= row + down < count and 0 <= column + over < count:
                waiting.append((row + down, column + over, row, column))
    return weights


MAPS: dict[str, Callable[[], Any]] = {
    "open field": _open_field,
    "rough ground": _rough,
    "hills": _hills,
    "20 % blocked": lambda: _rubble(0.2),
    "40 % blocked": lambda: _rubble(0.4),
    "narrow maze": lambda: _maze(1),
    "wide maze": lambda: _maze(7),
}
