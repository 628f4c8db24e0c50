"""A complete search for a plan of many agents: lazy constraints addition (LaCAM).

Okumura, "LaCAM: search-based algorithm for quick multi-agent pathfinding", AAAI 2023. A depth-first
search over configurations (where everybody stands). Each has one step tried by `mapf_pibt`; when
that leads to nothing new, the next step is tried under a constraint that fixes where the first
agents go, one agent more at each depth of a tree. When all trees are exhausted there is no plan.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, Shorts, inner, is_array, kernel
from lunaredge.kernels.mapf_agents import AFTER, CHOICES, GOAL, NOW, Seeds, clear, draw, stand
from lunaredge.kernels.mapf_fields import AT_AFTER, AT_NOW
from lunaredge.kernels.mapf_pibt import closes_ring, decide

RUNNING, FOUND, EXHAUSTED, FULL = range(4)
"""How a slice of the search ended."""

# Columns of `Search.counts`.
NODES, CONSTRAINTS, OPEN, FOUND_NODE, MAY_RING, COUNTS = range(6)
# Columns of `Search.constraints`: the constraint below, who, where, how many below, the next one.
_BELOW, _WHO, _WHERE, _DEPTH, _NEXT, CONSTRAINT_COLUMNS = range(6)
# Columns of `Search.links`: the node before, first and last constraint still to try.
_BEFORE, _FIRST, _LAST, LINK_COLUMNS = range(4)


class Search(NamedTuple):
    """A search for A agents, with room for N nodes and C constraints.

    cells       : int32 (N, A)  a node's configuration
    orders      : int32 (N, A)  agents in the order in which they choose
    waits       : int32 (N, A)  steps since an agent was at its goal
    links       : int32 (N, 3)  the node before, first and last of its constraints
    constraints : int32 (C, 5)  trees of constraints, in one queue per node
    open_nodes  : int32 (C,)    stack of nodes to go on with
    table       : int32 (2^k,)  nodes by the hash of their cells, -1 = none
    counts      : int64 (5,)    nodes, constraints, open nodes, the node that ends it (-1), and 1 if
                                agents may move round in a ring
    """

    cells: Shorts
    orders: Shorts
    waits: Shorts
    links: Shorts
    constraints: Shorts
    open_nodes: Shorts
    table: Shorts
    counts: Ints


def search_from(starts: Shorts, order: Shorts, node_count: int, *, may_ring: bool = True) -> Search:
    """Start a search with room for so many nodes.

    starts : int32 (A,)
    order  : int32 (A,)  agents, who chooses first; ties among those who wait equally long go by it

    may_ring : agents may move round in a ring, all at once
    """
    assert is_array(starts, np.int32, None)
    assert is_array(order, np.int32, len(starts))
    assert node_count > 0
    agent_count = len(starts)
    constraint_count = (CHOICES + 1) * node_count
    search = Search(
        cells=np.empty((node_count, agent_count), dtype=np.int32),
        orders=np.empty((node_count, agent_count), dtype=np.int32),
        waits=np.empty((node_count, agent_count), dtype=np.int32),
        links=np.full((node_count, LINK_COLUMNS), -1, dtype=np.int32),
        constraints=np.full((constraint_count, CONSTRAINT_COLUMNS), -1, dtype=np.int32),
        open_nodes=np.empty(constraint_count, dtype=np.int32),
        table=np.full(_table_size(node_count), -1, dtype=np.int32),
        counts=np.zeros(COUNTS, dtype=np.int64),
    )
    search.cells[0], search.orders[0], search.waits[0] = starts, order, 0
    search.counts[FOUND_NODE], search.counts[MAY_RING] = -1, may_ring
    _fill_table(search.cells, search.table, 1)
    _add_node(search, -1)
    return search


def widen(search: Search) -> Search:
    """Give the same search with twice the room."""
    table = np.full(_table_size(2 * len(search.cells)), -1, dtype=np.int32)
    _fill_table(search.cells, table, int(search.counts[NODES]))
    twice = {
        name: np.concatenate([array, np.full_like(array, -1)])
        for name, array in search._asdict().items()
        if name not in ("table", "counts")
    }
    return Search(**twice, table=table, counts=search.counts)


def plan_of(search: Search) -> Shorts:
    """Give the configurations from the start to the goals, int32 (T + 1, A)."""
    nodes, node = [], int(search.counts[FOUND_NODE])
    assert node >= 0, "the search has found nothing"
    while node >= 0:
        nodes.append(node)
        node = int(search.links[node, _BEFORE])
    return np.ascontiguousarray(search.cells[nodes[::-1]])


def _table_size(node_count: int) -> int:
    return 1 << (2 * node_count).bit_length()


@kernel
def advance(
    search: Search, world: tuple[Shorts, Shorts, Shorts], seeds: Seeds, iteration_count: int
) -> int:
    """Search for so many steps at most, and say how it ended.

    FULL: there is no room left, `widen` and go on. EXHAUSTED: there is no plan. Unchecked: what it
    is given comes from `search_from`, `seeds_from`, and in the world from `cells_of`,
    `agents_toward` and `fields_toward`.
    """
    counts, links, constraints = search.counts, search.links, search.constraints
    cells, agents = world[0], world[1]
    for _ in range(iteration_count):
        if counts[OPEN] == 0:
            return EXHAUSTED
        if (
            counts[NODES] == len(search.cells)
            or counts[CONSTRAINTS] + CHOICES > len(constraints)
            or counts[OPEN] == len(search.open_nodes)
        ):
            return FULL
        node = search.open_nodes[counts[OPEN] - 1]
        if _is_at_goals(search.cells[node], agents):
            counts[FOUND_NODE] = node
            return FOUND
        constraint = links[node, _FIRST]
        if constraint < 0:
            counts[OPEN] -= 1
            continue
        links[node, _FIRST] = constraints[constraint, _NEXT]
        _branch(search, cells, seeds, node, constraint)
        stand(cells, agents, search.cells[node])
        may_ring = counts[MAY_RING] != 0
        if _apply(search.constraints, cells, agents, (constraint, may_ring)) and _decide_all(
            (search.orders[node], may_ring), world, seeds
        ):
            _follow(search, agents, node)
        clear(cells, agents)
    return RUNNING


@inner
def _is_at_goals(places: Shorts, agents: Shorts) -> bool:
    agent = 0
    while agent < len(agents) and places[agent] == agents[agent, GOAL]:
        agent += 1
    return agent == len(agents)


@inner
def _branch(search: Search, cells: Shorts, seeds: Seeds, node: int, constraint: int) -> None:
    """Grow the tree above a constraint: the next agent in order goes to each cell it can."""
    depth = search.constraints[constraint, _DEPTH]
    if depth == search.cells.shape[1]:
        return
    agent = search.orders[node, depth]
    here, turn = search.cells[node, agent], draw(seeds)
    for k in range(CHOICES):
        cell = cells[here, (k + turn) % CHOICES]
        if cell < len(cells) - 1:
            _add_constraint(search, node, (constraint, agent, cell, depth + 1))


@inner
def _add_constraint(search: Search, node: int, row: tuple[int, int, int, int]) -> None:
    """Put a constraint at the end of a node's queue."""
    links, constraints, new = search.links, search.constraints, search.counts[CONSTRAINTS]
    search.counts[CONSTRAINTS] += 1
    constraints[new, _BELOW], constraints[new, _WHO] = row[0], row[1]
    constraints[new, _WHERE], constraints[new, _DEPTH] = row[2], row[3]
    constraints[new, _NEXT] = -1
    if links[node, _FIRST] < 0:
        links[node, _FIRST] = new
    else:
        constraints[links[node, _LAST], _NEXT] = new
    links[node, _LAST] = new


@inner
def _apply(constraints: Shorts, cells: Shorts, agents: Shorts, rule: tuple[int, bool]) -> bool:
    """Decide for the agents that a constraint names; False when they would meet.

    rule : the constraint, and whether agents may move round in a ring
    """
    constraint, may_ring = rule
    while constraints[constraint, _DEPTH] > 0:
        agent, cell = constraints[constraint, _WHO], constraints[constraint, _WHERE]
        other = cells[cell, AT_NOW]
        if cells[cell, AT_AFTER] >= 0:
            return False
        if other >= 0 and other != agent and agents[other, AFTER] == agents[agent, NOW]:
            return False
        if not may_ring and closes_ring(cells, agents, agent, cell):
            return False
        agents[agent, AFTER] = cell
        cells[cell, AT_AFTER] = agent
        constraint = constraints[constraint, _BELOW]
    return True


@inner
def _decide_all(
    rule: tuple[Shorts, bool], world: tuple[Shorts, Shorts, Shorts], seeds: Seeds
) -> bool:
    """Decide for everybody else, in order; False when somebody gets no cell.

    rule : the order, and whether agents may move round in a ring
    """
    order, may_ring = rule
    cells, agents, fields = world
    for k in range(len(order)):
        agent = int(order[k])
        if agents[agent, AFTER] < 0 and not decide(cells, agents, fields, seeds, (agent, may_ring)):
            return False
    return True


@kernel
def _follow(search: Search, agents: Shorts, node: int) -> None:
    """Go on from the configuration that was decided: a new node, or the one known for it."""
    after, new = search.cells[search.counts[NODES]], search.counts[NODES]
    for agent in range(len(agents)):
        after[agent] = agents[agent, AFTER]
    place = _find(search.cells, search.table, after)
    known = search.table[place]
    if known >= 0:
        search.open_nodes[search.counts[OPEN]] = known
        search.counts[OPEN] += 1
        return
    search.table[place] = new
    for agent in range(len(agents)):
        is_there = after[agent] == agents[agent, GOAL]
        search.waits[new, agent] = 0 if is_there else search.waits[node, agent] + 1
    _sort_agents(search, node, new)
    _add_node(search, node)


@inner
def _add_node(search: Search, before: int) -> None:
    """Open the node whose cells and order have been written, with the empty constraint."""
    new = search.counts[NODES]
    search.counts[NODES] += 1
    search.links[new, _BEFORE], search.links[new, _FIRST] = before, -1
    _add_constraint(search, new, (-1, -1, -1, 0))
    search.open_nodes[search.counts[OPEN]] = new
    search.counts[OPEN] += 1


@inner
def _sort_agents(search: Search, node: int, new: int) -> None:
    """Order agents by how long they have waited; the others keep the order of the node before."""
    orders, waits = search.orders[new], search.waits[new]
    for k in range(len(orders)):
        agent = search.orders[node, k]
        at = k
        while at > 0 and waits[orders[at - 1]] < waits[agent]:
            orders[at] = orders[at - 1]
            at -= 1
        orders[at] = agent


@inner
def _find(cells: Shorts, table: Shorts, wanted: Shorts) -> int:
    """Give the place in the table of a configuration, or the empty one where it belongs."""
    mask = len(table) - 1
    key = np.uint64(14695981039346656037)
    for agent in range(len(wanted)):
        key = (key ^ np.uint64(wanted[agent])) * np.uint64(1099511628211)
    place = int(np.int64((key ^ (key >> np.uint64(32))) & np.uint64(mask)))
    while table[place] >= 0 and not _is_same(cells[table[place]], wanted):
        place = (place + 1) & mask
    return place


@inner
def _is_same(cells: Shorts, wanted: Shorts) -> bool:
    agent = 0
    while agent < len(wanted) and cells[agent] == wanted[agent]:
        agent += 1
    return agent == len(wanted)


@inner
def _fill_table(cells: Shorts, out_table: Shorts, node_count: int) -> None:
    """Enter all nodes into an empty table."""
    for node in range(node_count):
        out_table[_find(cells, out_table, cells[node])] = node
