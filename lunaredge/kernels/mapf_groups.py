"""Which agents to plan anew together: the neighbourhoods of a large neighbourhood search.

Li, Chen, Harabor, Stuckey and Koenig, "Anytime multi-agent path finding via large neighborhood
search", IJCAI 2021: agents drawn at random, and those that keep a late agent from its shortest way.
A third kind takes the agents nearest to a late one at one step: who is close can change places.
"""

import numpy as np

from lunaredge.kernels.jit import Shorts, inner, kernel
from lunaredge.kernels.mapf_agents import CHOICES, Seeds, draw
from lunaredge.kernels.mapf_boards import STRIDE, TAKEN, Boards, is_set
from lunaredge.kernels.mapf_fields import mark_at

ANY, NEAR, IN_THE_WAY, KINDS = range(4)
# Draws of the agent that a group forms around: the latest of so many.
_DRAWN_COUNT = 3
# A walk that meets nobody new is given up, and so are walks after so many.
_WALK_COUNT = 12


@inner
def choose(
    world: tuple[Shorts, Shorts], boards: Boards, seeds: Seeds, kind: int, out_group: Shorts
) -> None:
    """Fill a group with different agents, the one that it forms around first.

    world     : cells and fields, see `mapf_fields`
    out_group : int32 (n,)  room for as many as there are agents, at most
    """
    cells, fields = world
    agent = _late_agent(fields, boards, seeds)
    out_group[0] = agent
    count = 1
    if kind == NEAR:
        count = _add_near(boards, draw(seeds) % (boards.costs[agent] + 1), count, out_group)
    elif kind == IN_THE_WAY:
        for _ in range(_WALK_COUNT):
            if count == len(out_group):
                break
            count = _add_in_the_way(cells, fields, boards, seeds, (count, out_group))
    while count < len(out_group):
        count = _add_any(out_group, count, draw(seeds), len(boards.costs))


@inner
def _late_agent(fields: Shorts, boards: Boards, seeds: Seeds) -> int:
    """Draw a few agents and give the one that loses most against its shortest way."""
    best, most = 0, -1
    for _ in range(_DRAWN_COUNT):
        agent = draw(seeds) % len(boards.costs)
        late = boards.costs[agent] + 1 - fields[agent, 0, boards.plan[0, agent]]
        if late > most:
            best, most = agent, late
    return best


@inner
def _add(out_group: Shorts, count: int, agent: int) -> int:
    """Add an agent that is not yet in a group; gives the new count."""
    for k in range(count):
        if out_group[k] == agent:
            return count
    out_group[count] = agent
    return count + 1


@inner
def _add_any(out_group: Shorts, count: int, drawn: int, agent_count: int) -> int:
    """Add the first agent from a drawn one on that is not yet in a group; gives the new count."""
    for k in range(agent_count):
        more = _add(out_group, count, (drawn + k) % agent_count)
        if more > count:
            return more
    return count


@kernel
def _add_near(boards: Boards, step: int, count: int, out_group: Shorts) -> int:
    """Add the agents nearest to the first one at a step, ties to the lower number."""
    stride, places = boards.shape[STRIDE], boards.plan[step]
    here = boards.bits[places[out_group[0]]]
    apart = np.empty(len(places), np.int32)
    for agent in range(len(places)):
        bit = boards.bits[places[agent]]
        apart[agent] = abs(bit // stride - here // stride) + abs(bit % stride - here % stride)
    apart[out_group[0]] = np.iinfo(np.int32).max
    while count < len(out_group):
        agent = int(np.argmin(apart))
        apart[agent] = np.iinfo(np.int32).max
        out_group[count] = agent
        count += 1
    return count


@inner
def _add_in_the_way(
    cells: Shorts, fields: Shorts, boards: Boards, seeds: Seeds, into: tuple[int, Shorts]
) -> int:
    """Walk from somewhere on the first agent's path as if it were alone, and add whom it meets.

    The walk only goes where the agent would still arrive earlier than it does; gives the new count.
    """
    count, group = into
    agent = int(group[0])
    cost = boards.costs[agent]
    if cost == 0:
        return count
    start = draw(seeds) % cost
    cell = int(boards.plan[start, agent])
    for step in range(start, cost):
        turn, found = draw(seeds), False
        for k in range(CHOICES):
            near = int(cells[cell, (k + turn) % CHOICES])
            if near == len(cells) - 1:
                continue
            if step + mark_at(cells, fields, agent, near) < cost:
                cell, found = near, True
                break
        if not found:
            break
        if is_set(boards.boards[step + 1, TAKEN], boards.bits[cell]):
            other = _who_is_at(boards.plan[step + 1], cell)
            count = _add(group, count, other)
            if count == len(group):
                break
    return count


@inner
def _who_is_at(places: Shorts, cell: int) -> int:
    """Give the agent on a cell, or the first agent when there is none."""
    for agent in range(len(places)):
        if places[agent] == cell:
            return agent
    return 0
