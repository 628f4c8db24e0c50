"""A good plan soon: all tasks placed one after the other, the best few partial plans kept.

A beam search (Ow and Morton 1988). What a partial plan costs at least is known from the nodes'
knapsacks, whatever comes after it (`gap_worths`), so that a narrow beam comes near the cheapest
plan where groups of nodes that share anew (`gap_search`) are stuck.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gap_worths import Knapsacks
from lunaredge.kernels.jit import Floats, Ints, inner, kernel

PLACE, SIZE = range(2)
"""Counts: how many tasks are placed, and how many partial plans there are."""
COUNTS = 2

_BUCKETS = 1024


class Beam(NamedTuple):
    """Partial plans, of tasks up to a place in the order.

    counts  : int64 (2,)
    slacks  : int64 (2, W, N)    idle capacity; those of even places, and of odd ones
    least   : float64 (2, W)     what a plan then costs at least
    parents : int64 (T, W)       the partial plan that it comes from
    nodes   : int64 (T, W)       and where it puts the task of the place
    totals  : float64 (W N,)     what the next partial plans cost at least
    origins : int64 (2, W N)     what they come from, and where they put the task
    ends    : int64 (1024,)      how many are in a bucket
    """

    counts: Ints
    slacks: Ints
    least: Floats
    parents: Ints
    nodes: Ints
    totals: Floats
    origins: Ints
    ends: Ints


def beam_of(knapsacks: Knapsacks, width: int, bound: float) -> Beam:
    """Make a beam with the one empty plan, which costs the bound at least."""
    node_count, task_count = knapsacks.costs.shape
    beam = Beam(
        counts=np.array([0, 1]),
        slacks=np.zeros((2, width, node_count), dtype=np.int64),
        least=np.zeros((2, width)),
        parents=np.zeros((task_count, width), dtype=np.int64),
        nodes=np.zeros((task_count, width), dtype=np.int64),
        totals=np.zeros(width * node_count),
        origins=np.zeros((2, width * node_count), dtype=np.int64),
        ends=np.zeros(_BUCKETS, dtype=np.int64),
    )
    beam.slacks[0, 0] = knapsacks.capacities
    beam.least[0, 0] = bound
    return beam


@kernel
def widen(knapsacks: Knapsacks, out_beam: Beam, upper: float, look_count: int) -> bool:
    """Place tasks until about so many partial plans are gone on with; tell whether it is over.

    It is when all tasks are placed, or no plan of the beam can cost less than the upper one. The
    tables must be filled at the best worths.
    """
    counts = out_beam.counts
    looks = 0
    while looks < look_count and counts[PLACE] < len(knapsacks.order) and counts[SIZE] > 0:
        looks += counts[SIZE]
        found = 0
        for parent in range(counts[SIZE]):
            found = _branch(knapsacks, out_beam, parent, upper, found)
        _keep_best(knapsacks, out_beam, found)
        counts[PLACE] += 1
    return bool(counts[PLACE] == len(knapsacks.order) or counts[SIZE] == 0)


def best_of(knapsacks: Knapsacks, beam: Beam) -> tuple[float, Ints]:
    """Give the cost of the cheapest plan of a beam that is over, and the plan; inf = none."""
    place = int(beam.counts[PLACE])
    nodes = np.full(len(knapsacks.order), -1, dtype=np.int64)
    if beam.counts[SIZE] == 0:
        return np.inf, nodes
    way = int(beam.least[place % 2, : beam.counts[SIZE]].argmin())
    cost = float(beam.least[place % 2, way])
    for k in range(place - 1, -1, -1):
        nodes[knapsacks.order[k]] = beam.nodes[k, way]
        way = int(beam.parents[k, way])
    return cost, nodes


@inner
def _branch(knapsacks: Knapsacks, out_beam: Beam, parent: int, upper: float, found: int) -> int:
    """Add all ways to place the next task in a partial plan; give how many there are by now."""
    place = out_beam.counts[PLACE]
    task = knapsacks.order[place]
    slacks = out_beam.slacks[place % 2, parent]
    tables, rows = knapsacks.tables, knapsacks.rows
    least = out_beam.least[place % 2, parent] - knapsacks.best[task]
    for node in range(len(slacks)):
        now, later = rows[node, place], rows[node, place + 1]
        if now != later:
            least += tables[node, now, slacks[node]] - tables[node, later, slacks[node]]
    for node in range(len(slacks)):
        cost = knapsacks.costs[node, task]
        left = slacks[node] - knapsacks.usages[node, task]
        if cost == np.inf or left < 0:
            continue
        later = rows[node, place + 1]
        total = least + cost + tables[node, later, slacks[node]] - tables[node, later, left]
        if total <= upper - 1.0:
            out_beam.totals[found] = total
            out_beam.origins[0, found] = parent
            out_beam.origins[1, found] = node
            found += 1
    return found


@inner
def _keep_best(knapsacks: Knapsacks, out_beam: Beam, found: int) -> None:
    """Keep as many as the beam is wide, the cheapest; within a bucket, what was found first."""
    counts, totals, origins, ends = (
        out_beam.counts,
        out_beam.totals,
        out_beam.origins,
        out_beam.ends,
    )
    place, width = counts[PLACE], out_beam.nodes.shape[1]
    low, high = np.inf, -np.inf
    for k in range(found):
        low, high = min(low, totals[k]), max(high, totals[k])
    per_unit = (_BUCKETS - 1) / (high - low) if high > low else 0.0
    ends[:] = 0
    for k in range(found):
        ends[int((totals[k] - low) * per_unit)] += 1
    last, spare = 0, width
    while last < _BUCKETS - 1 and spare > ends[last]:
        spare -= ends[last]
        last += 1
    task = knapsacks.order[place]
    size = 0
    for k in range(found):
        bucket = int((totals[k] - low) * per_unit)
        if bucket > last or (bucket == last and spare == 0):
            continue
        if bucket == last:
            spare -= 1
        parent, node = origins[0, k], origins[1, k]
        for other in range(len(knapsacks.capacities)):
            here = out_beam.slacks[place % 2, parent, other]
            out_beam.slacks[(place + 1) % 2, size, other] = here
        out_beam.slacks[(place + 1) % 2, size, node] -= knapsacks.usages[node, task]
        out_beam.least[(place + 1) % 2, size] = totals[k]
        out_beam.parents[place, size], out_beam.nodes[place, size] = parent, node
        size += 1
    counts[SIZE] = size
