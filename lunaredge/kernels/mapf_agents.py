"""The agents' table, in which a step of all of them is made, and the drawn numbers.

agents : int32 (A, 16)  one cache line per agent, by the columns below
seeds  : uint64 (1,)    the state of the random numbers
"""

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.jit import Shorts, inner
from lunaredge.kernels.mapf_fields import AT_AFTER, AT_NOW, NEIGHBOURS

Seeds = NDArray[np.uint64]

CHOICES = NEIGHBOURS + 1
GOAL, NOW, AFTER, TRIED, PULLED, WAITER, CHOICE = range(7)
"""Columns: the goal; where it stands; where it will (-1 = not decided); how many of its choices it
has tried; who follows it when it makes way (-1 = nobody); who waits for it to leave; and from
CHOICE on the cells that it would go to, best first, among them "no cell", which is always taken."""
AGENT_COLUMNS = 16
_WORD = (1 << 64) - 1


def agents_toward(goals: Shorts) -> Shorts:
    """Make the table of agents with these goals, int32 (A,)."""
    agents = np.full((len(goals), AGENT_COLUMNS), -1, dtype=np.int32)
    agents[:, GOAL] = goals
    return agents


def seeds_from(seed: int) -> Seeds:
    """Make the state of the random numbers from any seed of at least 0.

    One step of SplitMix64 (Steele, Lea and Flood 2014): near seeds give numbers far apart.
    """
    assert seed >= 0
    mixed = (seed + 1) * 0x9E3779B97F4A7C15 & _WORD
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    # The state must never be 0.
    return np.array([mixed ^ mixed >> 31 | 1], dtype=np.uint64)


@inner
def draw(seeds: Seeds) -> int:
    """Draw 62 random bits: xorshift64* (Vigna 2016)."""
    state = seeds[0]
    state ^= state >> np.uint64(12)
    state ^= state << np.uint64(25)
    state ^= state >> np.uint64(27)
    seeds[0] = state
    return int(np.int64((state * np.uint64(2685821657736338717)) >> np.uint64(2)))


@inner
def below(seeds: Seeds, count: int) -> int:
    """Draw a number from 0 to one below ``count``."""
    return draw(seeds) % count


@inner
def stand(cells: Shorts, agents: Shorts, places: Shorts) -> None:
    """Put the agents on their cells, int32 (A,), none of them decided."""
    for agent in range(len(agents)):
        cell = places[agent]
        agents[agent, NOW] = cell
        agents[agent, AFTER] = -1
        cells[cell, AT_NOW] = agent


@inner
def clear(cells: Shorts, agents: Shorts) -> None:
    """Take the agents off the map again."""
    for agent in range(len(agents)):
        cells[agents[agent, NOW], AT_NOW] = -1
        if agents[agent, AFTER] >= 0:
            cells[agents[agent, AFTER], AT_AFTER] = -1
