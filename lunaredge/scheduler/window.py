"""The window: as many of the tasks that wait as a plan can hold.

The most urgent come first, but every node that is there has a task in it that it could do now, if
there is one at all: nobody stands idle because others' work fills the window.
"""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from lunaredge.model.task import Task, TaskKind, is_capable, may_be_on
from lunaredge.placement.problem import WEIGHT_MAX
from lunaredge.scheduler.ability import is_out
from lunaredge.scheduler.candidates import NodeCandidate, PlacementProblem, TaskCandidate
from lunaredge.scheduler.ground import GroundMap

# So many units are planned by lists, which is the better search (see `placement.engine`).
TASKS_MAX = 384
# For each hour that a task has waited it counts twice as much, as if it ranked one priority higher.
AGING_S = 3600.0
PLACES_MAX = 256
# Of the travel table: machines by places by places; 64 MB.
_WAYS_MAX = 1 << 22
# A search over so many cells in all takes 3 s on a flight computer's data-centre board, once for
# each version of the ground; then its results are known.
_CELLS_MAX = 8_000_000


def weight_of(candidate: TaskCandidate) -> int:
    """Give what a second of a task's tardiness counts: half as much for each priority further."""
    doublings = 9 - candidate.task.priority + math.floor(candidate.waiting_s / AGING_S)
    return WEIGHT_MAX if doublings >= WEIGHT_MAX.bit_length() - 1 else 1 << max(0, doublings)


class Window(NamedTuple):
    """What is planned, and how exactly."""

    tasks: tuple[TaskCandidate, ...]
    """The most urgent first."""
    exact_count: int
    """From the ends of how many tasks each machine's ways are searched on the ground."""


def window_of(ground: GroundMap, asked: PlacementProblem) -> Window:
    """Give the window of a placement."""
    waiting = [c for c in asked.tasks if c.in_hand is None and not c.is_trip_home]
    waiting.sort(key=lambda candidate: (not candidate.is_ready, -weight_of(candidate)))
    machine_count = sum(node.spec.machine is not None for node in asked.nodes)
    held_count = sum(candidate.in_hand is not None for candidate in asked.tasks)
    place_count = min(PLACES_MAX, math.isqrt(_WAYS_MAX // max(1, machine_count)))
    # Each machine counts its own place, its home, and where what is in hand ends.
    place_count = max(2, place_count - 2 - held_count)
    there = [node for node in asked.nodes if not is_out(node)]
    free, busy = ([n for n in there if (n.free_slots > 0) is wanted] for wanted in (True, False))
    firsts = [*_first_of_each(waiting, free), *_first_of_each(waiting, busy)]
    chosen = _fitting([*firsts, *waiting], place_count)
    ranks = {candidate.task.id: rank for rank, candidate in enumerate(waiting)}
    return Window(
        tasks=tuple(sorted(chosen, key=lambda candidate: ranks[candidate.task.id])),
        exact_count=max(2, _CELLS_MAX // (ground.search_cells * max(1, machine_count))),
    )


def _first_of_each(
    ranked: Sequence[TaskCandidate], nodes: Sequence[NodeCandidate]
) -> list[TaskCandidate]:
    """Give for each node the most urgent task that it could have."""
    found: list[TaskCandidate] = []
    wanting = list(nodes)
    for candidate in ranked:
        task = candidate.task
        takers = [
            node
            for node in wanting
            if is_capable(node.spec, task) and may_be_on(task, node.spec.name)
        ]
        if takers:
            found.append(candidate)
            wanting.remove(takers[0])
    return found


def _fitting(candidates: Sequence[TaskCandidate], place_count: int) -> list[TaskCandidate]:
    """Give the first ones, each once, that are not too many and not at too many places."""
    chosen: dict[str, TaskCandidate] = {}
    places: set[Hashable] = set()
    for candidate in candidates:
        if len(chosen) == TASKS_MAX:
            break
        more = places.union(ends_of(candidate.task))
        if len(more) <= place_count:
            chosen.setdefault(candidate.task.id, candidate)
            places = more
    return list(chosen.values())


def ends_of(task: Task) -> tuple[Hashable, Hashable]:
    """Give names of where a task begins and ends, the same for the same work.

    Where a machine begins to cover a zone depends on its tool, so places are told apart by the work
    and not by where they are.
    """
    match task.kind:
        case TaskKind.SURVEY | TaskKind.GRADE | TaskKind.COMPACT:
            work = (task.kind, task.zone, task.passes)
            return (*work, "first"), (*work, "last")
        case TaskKind.HAUL:
            return task.stand, task.to_stand
        case TaskKind.EXCAVATE | TaskKind.PARK | TaskKind.FUSE_TERRAIN:
            return task.stand, task.stand
