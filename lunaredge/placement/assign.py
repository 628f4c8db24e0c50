"""Which node does which task, when each task takes one share of one capacity.

The front door to the generalised assignment problem: every task on exactly one node, what the tasks
use of a node within its capacity, at the least total cost. It knows no clock. Whoever has a
deadline gives ``is_over``, which is asked some thousand times a second.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels.gap import AMOUNT_MAX, PAIRS_MAX, TASKS_MAX, Solver
from lunaredge.kernels.jit import Flags, Floats, Ints
from lunaredge.placement.asked import counted

_PLACE = "assign"
_ROUNDS = 20_000


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in which all that is placed fits."""

    nodes: Ints
    """int64 (T,), the node of each task; -1 = it is placed nowhere."""
    cost: int
    """The sum over the tasks that are placed."""
    bound: int | None
    """No plan that places every task costs less; None: some task can't be on any node."""
    rounds: int
    """How much of the search was done."""

    @property
    def unplaced(self) -> tuple[int, ...]:
        """The tasks that are placed nowhere, in order."""
        return tuple(int(task) for task in np.flatnonzero(self.nodes < 0))

    @property
    def is_optimal(self) -> bool:
        """Whether every task is placed and no plan costs less; False where that isn't proven."""
        return self.bound is not None and not self.unplaced and self.cost <= self.bound


class AssignOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long to search, and from what seed.

    Raises:
        ConfigError: a number below 0, or none.
    """

    rounds: int = _ROUNDS
    """So many groups of nodes share their tasks anew at most, 20 to 50 us each; what proves a plan
    to be the cheapest takes up to twice as long beside them, where the numbers are small enough."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the fields."""
        for key in ("rounds", "seed"):
            counted(_PLACE, key, getattr(self, key))


def _never() -> bool:
    return False


def assign(
    costs: ArrayLike,
    usages: ArrayLike,
    capacities: ArrayLike,
    *,
    options: AssignOptions | None = None,
    is_over: Callable[[], bool] = _never,
    start: ArrayLike | None = None,
) -> Assignment:
    """Place tasks on nodes at the least cost that is found until it is over.

    costs      : (N, T)  whole numbers, at most 10^9 in size; inf = the node can't take the task
    usages     : (N, T), or (T,) if a task uses as much of any node; whole numbers of 0 to 10^9
    capacities : (N,)    whole numbers of at least 0, or inf
    options    : how much to search, and the seed
    is_over    : asked between slices of work; the first plan is made even if it is over
    start      : (T,)    a plan to start from, such as the one that runs, -1 = nowhere. What doesn't
                 fit there any more is put anew

    If not all tasks can be placed, or no way to is found, as many are left out as it takes: the
    plan says which, and never over-fills a node. A plan that is proven to be the cheapest ends the
    search. The same input, seed and number of rounds give the same plan; of plans of equal cost the
    one that is found first stands.

    Raises:
        ConfigError: shapes that don't match, or a value that is not as said; more than 100,000
            tasks or 16,777,216 pairs.
    """
    chosen = AssignOptions() if options is None else options
    given = _costs(costs)
    node_count, task_count = given.shape
    used = _usages(usages, given.shape)
    room = np.minimum(_capacities(capacities, node_count), used.sum(axis=1))
    starts = _start(start, node_count, task_count)
    given[used > room[:, None]] = np.inf
    able = np.flatnonzero(np.isfinite(given).any(axis=0))
    nodes = np.full(task_count, -1, dtype=np.int64)
    bound, rounds = (0, 0)
    if len(able) > 0:
        part = np.ascontiguousarray(given[:, able]), np.ascontiguousarray(used[:, able])
        room = np.minimum(room, part[1].sum(axis=1))
        solver = Solver(*part, room, starts[able], seed=chosen.seed)
        _solve(solver, chosen.rounds, is_over)
        nodes[able] = solver.nodes()
        bound, rounds = solver.bound, solver.rounds
    return Assignment(
        nodes=nodes,
        cost=_cost(given, nodes),
        bound=bound if len(able) == task_count else None,
        rounds=rounds,
    )


def _solve(solver: Solver, rounds: int, is_over: Callable[[], bool]) -> None:
    while not (is_over() or solver.climb()):
        pass
    solver.begin()
    while not (is_over() or solver.improve(rounds)):
        pass


def _cost(costs: Floats, nodes: Ints) -> int:
    put = np.flatnonzero(nodes >= 0)
    return int(costs[nodes[put], put].sum())


def _costs(values: ArrayLike) -> Floats:
    """Give costs as an array of their own.

    Raises:
        ConfigError: they are not as `assign` says.
    """
    costs = _array(values, "costs", (None, None)).copy()
    if costs.shape[1] > TASKS_MAX:
        raise _wrong("too many tasks", "costs", costs.shape[1], f"give at most {TASKS_MAX}")
    if costs.size > PAIRS_MAX:
        raise _wrong("too many pairs", "costs", costs.size, f"give at most {PAIRS_MAX}")
    fits = (costs == np.inf) | ((abs(costs) <= AMOUNT_MAX) & (np.trunc(costs) == costs))
    _check(fits, costs, "costs", "give whole numbers of at most 10^9, or inf for what can't be")
    return costs


def _usages(values: ArrayLike, shape: tuple[int, ...]) -> Floats:
    flat = np.ndim(_plain(values, "usages")) == 1
    usages = _array(values, "usages", shape[1:] if flat else shape)
    fits = (usages >= 0.0) & (usages <= AMOUNT_MAX) & (np.trunc(usages) == usages)
    _check(fits, usages, "usages", "give whole numbers of 0 to 10^9")
    return np.ascontiguousarray(np.broadcast_to(usages, shape))


def _capacities(values: ArrayLike, node_count: int) -> Floats:
    capacities = _array(values, "capacities", (node_count,))
    fits = (capacities >= 0.0) & (np.trunc(capacities) == capacities)
    _check(fits, capacities, "capacities", "give whole numbers of at least 0, or inf")
    return capacities


def _start(values: ArrayLike | None, node_count: int, task_count: int) -> Ints:
    if values is None:
        return np.full(task_count, -1, dtype=np.int64)
    start = _array(values, "start", (task_count,))
    fits = (start >= -1.0) & (start < node_count) & (np.trunc(start) == start)
    _check(fits, start, "start", f"give numbers of nodes, 0 to {node_count - 1}, or -1")
    return start.astype(np.int64)


def _plain(values: ArrayLike, key: str) -> Floats:
    try:
        if isinstance(values, np.ma.MaskedArray):
            raise TypeError("some may be masked")
        array = np.asarray(values)
        if array.dtype.kind not in "iuf" and array.size > 0:
            raise TypeError(f"values of {array.dtype}")
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as exc:
        raise _wrong("no array of numbers", key, str(exc), "give rows of numbers") from exc


def _array(values: ArrayLike, key: str, shape: tuple[int | None, ...]) -> Floats:
    array = np.ascontiguousarray(_plain(values, key))
    wanted = tuple(
        have if want is None else want for want, have in zip(shape, array.shape, strict=False)
    )
    if array.shape != wanted or array.ndim != len(shape):
        said = " x ".join("any" if want is None else str(want) for want in shape)
        raise _wrong("another shape", key, array.shape, f"give {said} numbers")
    return array


def _check(fits: Flags, values: Floats, key: str, remedy: str) -> None:
    if fits.all():
        return
    where = tuple(int(k) for k in np.argwhere(~fits)[0])
    place = "".join(f"[{k}]" for k in where)
    raise _wrong("no such number", key + place, float(values[where]), remedy)


def _wrong(problem: str, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place=_PLACE, key=key, value=value, remedy=remedy)
