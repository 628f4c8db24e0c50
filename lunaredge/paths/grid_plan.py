"""Plans of many machines on a grid: the map, the plan, and an independent check of it.

The standard problem (Stern et al., "Multi-agent pathfinding: definitions, variants, and
benchmarks", SoCS 2019): at each step a machine stays or moves to one of four neighbours. No two are
on one cell (vertex conflict), no two change places (swap conflict; to follow, or to move round in a
ring, is allowed). A machine stays on its goal. The cost is the sum of the last arrivals.

Cells are numbered row by row: row * W + column.
"""

import enum

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Flags, Shorts
from lunaredge.paths.given import checked

# 4,096 x 4,096; a cell's number fits 32 bits with room.
CELLS_MAX = 1 << 24


class GridMap:
    """Which cells are free, bool (H, W).

    Raises:
        ConfigError: not two-dimensional, not True or False (or 1 or 0), or too large.
    """

    __slots__ = ("free",)

    def __init__(self, free: ArrayLike) -> None:
        """Check and keep a copy."""
        if isinstance(free, np.ma.MaskedArray):
            raise _wrong("free", "an array with a mask", "fill it")
        try:
            given = np.asarray(free)
        except ValueError as exc:
            raise _wrong("free", "rows of different lengths", "give H x W flags") from exc
        if given.ndim != 2 or given.size == 0:
            raise _wrong("free", f"an array of shape {given.shape}", "give H x W flags, 1 or more")
        if given.size > CELLS_MAX:
            raise _wrong("free", f"{given.size} cells", f"give at most {CELLS_MAX}")
        flags = given.astype(np.bool_) if given.dtype.kind in "biu" else None
        if flags is None or not np.array_equal(flags, given):
            raise _wrong("free", f"values of {given.dtype}", "give True or 1 for a free cell")
        self.free: Flags = np.ascontiguousarray(flags)
        self.free.setflags(write=False)

    def cells(self, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.int64]:
        """Number cells by their rows and columns. They are not checked; a plan's input is."""
        numbers: NDArray[np.int64] = np.asarray(rows, dtype=np.int64) * self.free.shape[1]
        numbers += np.asarray(columns, dtype=np.int64)
        return numbers


class GridPlan(msgspec.Struct, frozen=True, kw_only=True, tag="grid_plan"):
    """Where everybody is at each step."""

    positions: Shorts
    """int32 (T + 1, A), numbers of cells; from the last step on everybody stays."""
    sum_of_costs: int
    """The sum over machines of when each is at its goal for good."""
    lower_bound: int
    """The same if every machine were alone: no plan costs less."""
    first_plan: int
    """The sum of costs of the first plan found."""
    iterations: int
    """Slices of improvement since."""

    @property
    def makespan(self) -> int:
        """The number of steps until everybody has arrived."""
        return len(self.positions) - 1


class FaultKind(enum.StrEnum):
    """What can be wrong with a plan."""

    SHAPE = "shape"
    START = "start"
    GOAL = "goal"
    WALL = "wall"
    JUMP = "jump"
    VERTEX = "vertex"
    SWAP = "swap"


class GridFault(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is wrong with a plan: what, when, and with whom."""

    kind: FaultKind
    step: int = 0
    agents: tuple[int, ...] = ()


@checked("grid plan")
def check_grid_plan(
    grid: GridMap, starts: ArrayLike, goals: ArrayLike, positions: ArrayLike
) -> GridFault | None:
    """Give what is wrong with a plan first, or None. Shares nothing with the planner.

    starts, goals : numbers of cells, (A,)
    positions     : numbers of cells, (T + 1, A)
    """
    try:
        places, first, last = np.asarray(positions), np.asarray(starts), np.asarray(goals)
    except ValueError:
        return GridFault(kind=FaultKind.SHAPE)
    is_whole = places.dtype.kind in "iu" and first.ndim == 1 and first.shape == last.shape
    if not is_whole or places.ndim != 2 or places.shape[1:] != first.shape or len(places) == 0:
        return GridFault(kind=FaultKind.SHAPE)
    for kind, step, want in ((FaultKind.START, 0, first), (FaultKind.GOAL, len(places) - 1, last)):
        if (places[step] != want).any():
            return _fault(kind, step, np.flatnonzero(places[step] != want)[:1])
    for step, here in enumerate(places.astype(np.int64)):
        fault = _fault_of_step(grid, step, here, places[max(step - 1, 0)].astype(np.int64))
        if fault is not None:
            return fault
    return None


def _fault_of_step(
    grid: GridMap, step: int, here: NDArray[np.int64], before: NDArray[np.int64]
) -> GridFault | None:
    """Look at one step, and the moves into it."""
    width = grid.free.shape[1]
    is_out = (here < 0) | (here >= grid.free.size)
    is_out |= ~grid.free.ravel()[np.where(is_out, 0, here)] if grid.free.size else True
    if is_out.any():
        return _fault(FaultKind.WALL, step, np.flatnonzero(is_out)[:1])
    apart = np.abs(here // width - before // width) + np.abs(here % width - before % width)
    if (apart > 1).any():
        return _fault(FaultKind.JUMP, step, np.flatnonzero(apart > 1)[:1])
    at: dict[int, int] = {}
    for agent, cell in enumerate(here.tolist()):
        if at.setdefault(cell, agent) != agent:
            return _fault(FaultKind.VERTEX, step, [at[cell], agent])
    for agent, cell in enumerate(before.tolist()):
        other = at.get(cell, agent)
        if other != agent and before[other] == here[agent]:
            return _fault(FaultKind.SWAP, step, sorted((agent, other)))
    return None


def _fault(kind: FaultKind, step: int, agents: ArrayLike) -> GridFault:
    return GridFault(kind=kind, step=step, agents=tuple(np.asarray(agents).tolist()))


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("not a grid", place="grid map", key=key, value=value, remedy=remedy)
