"""What a step of many agents is made in: who stands where, who goes where, and the drawn numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.jit import Ints, Shorts, kernel
from lunaredge.kernels.mapf_fields import NEIGHBOURS

CHOICES = NEIGHBOURS + 1
Seeds = NDArray[np.uint64]


class Moves(NamedTuple):
    """A step that is being made, for A agents on V cells.

    goals    : int32 (A,)
    now      : int32 (A,)       where each agent stands
    after    : int32 (A,)       where it will stand, -1 = not decided
    at_now   : int32 (V + 1,)   who stands on a cell, -1 = nobody
    at_after : int32 (V + 1,)   who will; never -1 in the last place, so that "no cell" is taken
    choices  : int32 (A, 6)     cells an agent would go to, best first; their count
    keys     : int64 (5,)       what choices are ordered by
    tried    : int32 (A,)       how many of them it has tried
    pulled   : int32 (A,)       who follows it, when it makes way in a corridor; -1 = nobody
    stack    : int32 (A,)       who waits for whom
    """

    goals: Shorts
    now: Shorts
    after: Shorts
    at_now: Shorts
    at_after: Shorts
    choices: Shorts
    keys: Ints
    tried: Shorts
    pulled: Shorts
    stack: Shorts


def moves_toward(goals: Shorts, cell_count: int) -> Moves:
    """Make room for steps of agents with these goals, int32 (A,)."""
    agent_count = len(goals)
    at_after = np.full(cell_count + 1, -1, dtype=np.int32)
    at_after[cell_count] = 0
    return Moves(
        goals=goals,
        now=np.full(agent_count, -1, dtype=np.int32),
        after=np.full(agent_count, -1, dtype=np.int32),
        at_now=np.full(cell_count + 1, -1, dtype=np.int32),
        at_after=at_after,
        choices=np.zeros((agent_count, CHOICES + 1), dtype=np.int32),
        keys=np.zeros(CHOICES, dtype=np.int64),
        tried=np.zeros(agent_count, dtype=np.int32),
        pulled=np.full(agent_count, -1, dtype=np.int32),
        stack=np.zeros(agent_count + 1, dtype=np.int32),
    )


def seeds_from(seed: int) -> Seeds:
    """Make the state of the random numbers, uint64 (1,)."""
    return np.array([np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] | 1], np.uint64)


@kernel
def draw(seeds: Seeds) -> int:
    """Draw 62 random bits: xorshift64* (Vigna 2016)."""
    state = seeds[0]
    state ^= state >> np.uint64(12)
    state ^= state << np.uint64(25)
    state ^= state >> np.uint64(27)
    seeds[0] = state
    return np.int64((state * np.uint64(2685821657736338717)) >> np.uint64(2))


@kernel
def stand(moves: Moves, cells: Shorts) -> None:
    """Put the agents on their cells, none of them decided."""
    for agent in range(len(cells)):
        cell = cells[agent]
        moves.now[agent] = cell
        moves.after[agent] = -1
        moves.at_now[cell] = agent


@kernel
def clear(moves: Moves) -> None:
    """Take the agents off the map again."""
    for agent in range(len(moves.now)):
        moves.at_now[moves.now[agent]] = -1
        if moves.after[agent] >= 0:
            moves.at_after[moves.after[agent]] = -1
