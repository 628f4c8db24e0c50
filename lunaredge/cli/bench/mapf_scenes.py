"""Scenes for many machines: drawn by the rules of the benchmark's classes, or read from its files.

The classes are those of Stern et al., "Multi-agent pathfinding: definitions, variants, and
benchmarks", SoCS 2019, on the maps of Sturtevant, "Benchmarks for grid-based pathfinding", 2012.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Flags, Ints
from lunaredge.paths.grid_fleet import GridMap

SEED = 1
# As many machines of a scenario as the figures of others are given for.
AGENTS_MAX = 400
PASSABLE = frozenset(".GS")
_HEADER_LINES = 4
_SCENARIO_COLUMNS = 9


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A map, and where its machines start and end: numbers of cells, int64 (A,)."""

    name: str
    grid: GridMap
    starts: Ints
    goals: Ints


def drawn_scenes() -> Iterator[Scene]:
    """Draw one or two scenes of each class."""
    rng = np.random.default_rng(SEED)
    yield _with_agents("empty-48-48", np.ones((48, 48), dtype=np.bool_), 400, rng)
    yield _with_agents("random-32-32-20", _scattered((32, 32), 0.2, rng), 100, rng)
    yield _with_agents("random-32-32-20", _scattered((32, 32), 0.2, rng), 300, rng)
    yield _with_agents("random-64-64-20", _scattered((64, 64), 0.2, rng), 200, rng)
    yield _with_agents("room-32-32-4", _rooms((32, 32), 4, rng), 50, rng)
    yield _with_agents("room-64-64-8", _rooms((64, 64), 8, rng), 200, rng)
    yield _with_agents("maze-32-32-4", _maze((32, 32), 4, rng), 50, rng)
    yield _with_agents("warehouse-64-40-10-2", _warehouse((40, 64), (2, 10)), 200, rng)


def read_scenes(folder: str) -> Iterator[Scene]:
    """Read each scenario of a folder, with the first of its machines.

    Raises:
        ConfigError: no scenario there, one that names no map, or a file of another format.
    """
    paths = sorted(Path(folder).glob("*.scen"))
    if not paths:
        raise _wrong(folder, "*.scen", "none", "give a folder with MovingAI .map and .scen files")
    for path in paths:
        yield _read_scene(path)


def _read_scene(path: Path) -> Scene:
    rows = [line.split() for line in _read(path).splitlines()[1:] if line.strip()]
    for number, row in enumerate(rows, start=2):
        is_row = len(row) == _SCENARIO_COLUMNS and all(cell.isdecimal() for cell in row[2:8])
        if not is_row:
            key = f"line {number}"
            raise _wrong(path, key, " ".join(row), "give 9 columns of the MovingAI format")
    if not rows:
        raise _wrong(path, "line 2", "nothing", "give at least one machine")
    grid = GridMap(read_map(path.parent / Path(rows[0][1]).name))
    places = np.array([row[4:8] for row in rows[:AGENTS_MAX]], dtype=np.int64)
    height, width = grid.free.shape
    if (places >= [width, height, width, height]).any():
        raise _wrong(path, "columns 5 to 8", "a cell off the map", "give its map")
    return Scene(
        name=f"{path.stem}, {len(places)} machines",
        grid=grid,
        starts=grid.cells(places[:, 1], places[:, 0]),
        goals=grid.cells(places[:, 3], places[:, 2]),
    )


def read_map(path: Path) -> Flags:
    """Give which cells of a MovingAI map are passable, bool (H, W).

    Raises:
        ConfigError: it can't be read, or is of another format.
    """
    lines = _read(path).splitlines()
    rows = [line for line in lines[_HEADER_LINES:] if line]
    if len(lines) < _HEADER_LINES or not rows or len({len(row) for row in rows}) != 1:
        raise _wrong(path, "rows", len(rows), "give the MovingAI format: 4 lines, then equal rows")
    return np.array([[cell in PASSABLE for cell in row] for row in rows], dtype=np.bool_)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise _wrong(path, "file", path.name, "give a readable text file") from exc


def _with_agents(name: str, free: Flags, count: int, rng: np.random.Generator) -> Scene:
    """Put machines on the largest connected part of a map."""
    cells = largest_part(free)
    return Scene(
        name=f"{name}, {count} machines",
        grid=GridMap(free),
        starts=rng.permutation(cells)[:count],
        goals=rng.permutation(cells)[:count],
    )


def _scattered(shape: tuple[int, int], ratio: float, rng: np.random.Generator) -> Flags:
    """Close a share of the cells."""
    free = np.ones(shape, dtype=np.bool_)
    free.flat[rng.permutation(free.size)[: round(ratio * free.size)]] = False
    return free


def _rooms(shape: tuple[int, int], size: int, rng: np.random.Generator) -> Flags:
    """Draw rooms of so many cells, a wall of one between them, and a door in each wall."""
    free = np.ones(shape, dtype=np.bool_)
    step = size + 1
    free[size::step] = free[:, size::step] = False
    for row in range(0, shape[0], step):
        for column in range(0, shape[1], step):
            height, width = min(size, shape[0] - row), min(size, shape[1] - column)
            if column + size + 1 < shape[1]:
                free[row + rng.integers(height), column + size] = True
            if row + size + 1 < shape[0]:
                free[row + size, column + rng.integers(width)] = True
    return free


def _maze(shape: tuple[int, int], width: int, rng: np.random.Generator) -> Flags:
    """Carve corridors of that width, walls of one cell between them, by a walk in depth."""
    step = width + 1
    count = ((shape[0] + 1) // step, (shape[1] + 1) // step)
    free = np.zeros(shape, dtype=np.bool_)
    stack, seen = [(0, 0)], {(0, 0)}
    free[:width, :width] = True
    while stack:
        row, column = stack[-1]
        around = [(row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)]
        ways = [
            (i, j)
            for i, j in around
            if 0 <= i < count[0] and 0 <= j < count[1] and (i, j) not in seen
        ]
        if not ways:
            stack.pop()
            continue
        i, j = ways[rng.integers(len(ways))]
        top, left = min(i, row) * step, min(j, column) * step
        bottom, right = max(i, row) * step + width, max(j, column) * step + width
        free[top:bottom, left:right] = True
        seen.add((i, j))
        stack.append((i, j))
    return free


def _warehouse(shape: tuple[int, int], shelf: tuple[int, int]) -> Flags:
    """Set up shelves, aisles of one cell between them, and room at both ends."""
    free = np.ones(shape, dtype=np.bool_)
    height, width = shelf
    for row in range(1, shape[0] - height, height + 1):
        for column in range(width // 2, shape[1] - width, width + 1):
            free[row : row + height, column : column + width] = False
    return free


def largest_part(free: Flags) -> Ints:
    """Give the cells of the largest connected part, the first of equal ones."""
    width, left = free.shape[1], set(np.flatnonzero(free).tolist())
    best: list[int] = []
    while left:
        start = min(left)
        left.remove(start)
        part, queue = [start], deque([start])
        while queue:
            cell = queue.popleft()
            sides = [cell - width, cell + width]
            sides += [cell - 1] if cell % width else []
            sides += [cell + 1] if (cell + 1) % width else []
            for near in sides:
                if near in left:
                    left.remove(near)
                    part.append(near)
                    queue.append(near)
        best = max(best, part, key=len)
    return np.array(sorted(best), dtype=np.int64)


def _wrong(place: object, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(
        "not a scene of many machines", place=str(place), key=key, value=value, remedy=remedy
    )
