"""Maps on which searches of a grid are compared: open, rough, blocked, and built."""

from collections.abc import Callable
from typing import Any

import numpy as np

SIDE = 1024
SEED = 3


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
    """A maze without loops, dug depth first: its ways are as long as they can be."""
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


def _rooms() -> Any:
    """Rooms in rows, most of them with a door to the next one; some are locked."""
    rng, pitch = _rng(), 32
    weights = np.ones((SIDE, SIDE))
    weights[::pitch], weights[:, ::pitch] = np.inf, np.inf
    for row in range(0, SIDE, pitch):
        for column in range(0, SIDE, pitch):
            door, other = rng.integers(1, pitch, 2)
            if rng.random() < 0.8:
                weights[row + door, column] = 1.0
            if rng.random() < 0.8:
                weights[row, column + other] = 1.0
    return weights


def _warehouse() -> Any:
    weights = np.ones((SIDE, SIDE))
    for row in range(8, SIDE - 8, 6):
        for column in range(8, SIDE - 8, 24):
            weights[row : row + 3, column : column + 20] = np.inf
    return weights


def _fractal() -> Any:
    """Ground that is rough at every size, dear on its slopes; the steepest are blocked."""
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    waves[0, 0] = np.inf
    noise = np.fft.fft2(_rng().standard_normal((SIDE, SIDE)))
    slopes = np.hypot(*np.gradient(np.fft.ifft2(noise * waves**-1.5).real))
    slopes /= np.median(slopes)
    return np.where(slopes > 3.0, np.inf, 1.0 + 2.0 * slopes**2)


MAPS: dict[str, Callable[[], Any]] = {
    "open field": _open_field,
    "rough ground": _rough,
    "hills": _hills,
    "20 % blocked": lambda: _rubble(0.2),
    "40 % blocked": lambda: _rubble(0.4),
    "narrow maze": lambda: _maze(1),
    "wide maze": lambda: _maze(7),
    "rooms": _rooms,
    "warehouse": _warehouse,
    "fractal ground": _fractal,
}
