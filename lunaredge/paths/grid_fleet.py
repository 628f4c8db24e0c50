"""Plan many machines together on a grid, complete and anytime.

LaCAM over PIBT finds a first plan in milliseconds (`kernels.mapf_lacam`), or proves that there is
none; large neighbourhood search makes it cheaper for as long as there is time
(`kernels.mapf_improve`). The same input, seed and number of iterations give the same plan.
"""

import enum
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels import mapf_agents, mapf_boards, mapf_fields, mapf_lacam
from lunaredge.kernels.jit import Shorts
from lunaredge.paths.given import check_fields, checked
from lunaredge.paths.grid_improve import Budget, improve_plan
from lunaredge.paths.grid_plan import (
    FaultKind,
    GridFault,
    GridMap,
    GridPlan,
    check_grid_plan,
)
from lunaredge.paths.problem import never

__all__ = [
    "FaultKind",
    "GridFault",
    "GridFleetOptions",
    "GridMap",
    "GridPlan",
    "Unsolved",
    "UnsolvedReason",
    "check_grid_plan",
    "compile_kernels",
    "plan_grid_fleet",
]

# Distances to every goal are kept where they are asked for; this is what they could take.
FIELD_BYTES_MAX = 1 << 32
SEARCH_BYTES_MAX = 1 << 30
_NO_PLAN = "can't plan this"
# Steps of agents in a slice of the search: 2 to 5 ms.
_SLICE_MOVES = 20_000
_NODES_FIRST = 512
_NODE_BYTES, _AGENT_BYTES = 200, 12


class GridFleetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long to plan, and by which drawn numbers.

    Raises:
        ConfigError: a count that is none, or negative.
    """

    seed: int = 0
    iterations: int = 500
    """Slices of improvement, 2 to 5 ms each on a map of the benchmark; 0 = the first plan."""
    search_iterations: int = 1_000_000
    """Steps of the search for the first plan, before it is given up."""
    rings: bool = True
    """Machines may move round in a ring, all at once. False: there is always one that goes first;
    such a plan is not improved."""
    is_over: Callable[[], bool] = never
    """Looked at after each slice, of the search too."""

    def __post_init__(self) -> None:
        """Refuse what is no count."""
        check_fields(self, _NO_PLAN, "grid fleet")
        _check_options(self)


class UnsolvedReason(enum.StrEnum):
    """Why there is no plan."""

    UNREACHABLE = "unreachable"
    """Some machine has no way to its goal, even alone."""
    EXHAUSTED = "exhausted"
    """Every configuration that can be reached was looked at."""
    ITERATIONS = "iterations"
    TIME = "time"
    MEMORY = "memory"


class Unsolved(msgspec.Struct, frozen=True, kw_only=True, tag="unsolved"):
    """No plan was found; everybody holds, which is always safe."""

    reason: UnsolvedReason
    agents: tuple[int, ...] = ()
    """Who can't reach its goal."""

    @property
    def is_proved(self) -> bool:
        """Whether there is none, and not only none found."""
        return self.reason in (UnsolvedReason.UNREACHABLE, UnsolvedReason.EXHAUSTED)


@checked("grid fleet")
def plan_grid_fleet(
    grid: GridMap, starts: ArrayLike, goals: ArrayLike, options: GridFleetOptions | None = None
) -> GridPlan | Unsolved:
    """Give a plan that takes every machine from its start to its goal, or why there is none.

    starts, goals : numbers of cells (row * W + column), (A,)

    Raises:
        ConfigError: a start or goal that is no free cell, two machines with the same one, not as
            many starts as goals, or more than memory holds.
    """
    wanted = options or GridFleetOptions()
    numbers, cells = mapf_fields.cells_of(grid.free)
    sources = _numbered(grid, numbers, starts, "starts")
    targets = _numbered(grid, numbers, goals, "goals")
    if len(sources) != len(targets):
        raise _wrong("goals", f"{len(targets)} for {len(sources)} starts", "give one per start")
    if len(sources) * len(cells) * 8 > FIELD_BYTES_MAX:
        value = f"{len(sources)} machines on {len(cells) - 1} free cells"
        raise _wrong("starts", value, "plan fewer machines together, or on a smaller grid")
    fields = mapf_fields.fields_toward(cells, targets)
    lengths = mapf_fields.distances(cells, fields, sources)
    if (lengths < 0).any():
        lost = tuple(np.flatnonzero(lengths < 0).tolist())
        return Unsolved(reason=UnsolvedReason.UNREACHABLE, agents=lost)
    seeds = mapf_agents.seeds_from(wanted.seed)
    found = _first_plan((cells, fields), (sources, targets), lengths, seeds, wanted)
    if isinstance(found, Unsolved):
        return found
    run = Budget(slices=wanted.iterations if wanted.rings else 0, is_over=wanted.is_over)
    best = improve_plan((cells, fields), grid.free, found, seeds, run)
    assert (best[0] == sources).all(), "a plan begins elsewhere"
    assert (best[-1] == targets).all(), "a plan ends elsewhere"
    return GridPlan(
        positions=np.flatnonzero(grid.free).astype(np.int32)[best],
        sum_of_costs=_sum_of_costs(best),
        lower_bound=int(lengths.sum()),
        first_plan=_sum_of_costs(found),
        iterations=run.spent,
    )


def first_plan(
    cells: Shorts, starts: Shorts, goals: Shorts, options: GridFleetOptions
) -> Shorts | Unsolved:
    """Give the first plan on any graph in which nobody has more than four neighbours.

    cells         : as `mapf_fields.cells_of` gives them
    starts, goals : int32 (A,)  numbers of cells, each once
    returns       : int32 (T + 1, A)
    """
    fields = mapf_fields.fields_toward(cells, goals)
    lengths = mapf_fields.distances(cells, fields, starts)
    if (lengths < 0).any():
        lost = tuple(np.flatnonzero(lengths < 0).tolist())
        return Unsolved(reason=UnsolvedReason.UNREACHABLE, agents=lost)
    seeds = mapf_agents.seeds_from(options.seed)
    return _first_plan((cells, fields), (starts, goals), lengths, seeds, options)


def compile_kernels() -> None:
    """Compile every kernel that a plan needs, or load it: two machines pass each other."""
    grid = GridMap([[1, 1, 1], [0, 1, 0]])
    answer = plan_grid_fleet(grid, [0, 2], [2, 0], GridFleetOptions(iterations=40))
    assert isinstance(answer, GridPlan), "two machines can't pass each other"


def _first_plan(
    world: tuple[Shorts, Shorts],
    ends: tuple[Shorts, Shorts],
    lengths: Shorts,
    seeds: mapf_agents.Seeds,
    options: GridFleetOptions,
) -> Shorts | Unsolved:
    """Search until there is a plan, int32 (T + 1, A) in numbers of free cells."""
    starts, goals = ends
    # Who has farthest to go chooses first.
    order = np.argsort(-lengths, kind="stable").astype(np.int32)
    agents = mapf_agents.agents_toward(goals)
    search = mapf_lacam.search_from(starts, order, _NODES_FIRST, may_ring=options.rings)
    nodes_max = SEARCH_BYTES_MAX // (_NODE_BYTES + _AGENT_BYTES * len(starts))
    slice_size = max(1, _SLICE_MOVES // max(1, len(starts)))
    left = options.search_iterations
    while left > 0:
        status = mapf_lacam.advance(
            search, (world[0], agents, world[1]), seeds, min(slice_size, left)
        )
        left -= slice_size
        if status == mapf_lacam.FOUND:
            return mapf_lacam.plan_of(search)
        if status == mapf_lacam.EXHAUSTED:
            return Unsolved(reason=UnsolvedReason.EXHAUSTED)
        if status == mapf_lacam.FULL:
            if 2 * len(search.cells) > nodes_max:
                return Unsolved(reason=UnsolvedReason.MEMORY)
            search = mapf_lacam.widen(search)
        if options.is_over():
            return Unsolved(reason=UnsolvedReason.TIME)
    return Unsolved(reason=UnsolvedReason.ITERATIONS)


def _sum_of_costs(plan: Shorts) -> int:
    return int(mapf_boards.arrivals(plan).sum())


def _numbered(grid: GridMap, numbers: Shorts, cells: ArrayLike, key: str) -> Shorts:
    """Give the numbers of free cells, int32 (A,), for cells of the grid."""
    try:
        given = np.asarray(cells)
    except ValueError:
        raise _wrong(key, cells, "give whole numbers of cells, one per machine") from None
    if given.ndim != 1 or (given.size > 0 and given.dtype.kind not in "iu"):
        what = f"an array of {given.dtype} of shape {given.shape}"
        raise _wrong(key, what, "give whole numbers of cells, one per machine")
    if given.size == 0:
        return np.empty(0, dtype=np.int32)
    is_out = (given < 0) | (given >= grid.free.size)
    if is_out.any():
        agent = int(np.argmax(is_out))
        raise _wrong(f"{key}[{agent}]", int(given[agent]), "give the number of a cell of the grid")
    found = numbers.ravel()[given]
    if (found < 0).any():
        agent = int(np.argmax(found < 0))
        raise _wrong(f"{key}[{agent}]", int(given[agent]), "give a free cell")
    order = np.argsort(found, kind="stable")
    same = np.flatnonzero(found[order][1:] == found[order][:-1])
    if len(same):
        one, other = sorted(order[same[0] : same[0] + 2].tolist())
        remedy = f"machine {one} has it already; give each a cell of its own"
        raise _wrong(f"{key}[{other}]", int(given[other]), remedy)
    return np.ascontiguousarray(found, dtype=np.int32)


def _check_options(options: GridFleetOptions) -> None:
    for key in ("seed", "iterations", "search_iterations"):
        value = getattr(options, key)
        if value < 0:
            raise _wrong(key, value, "give a whole number of at least 0")


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(_NO_PLAN, place="grid fleet", key=key, value=value, remedy=remedy)
