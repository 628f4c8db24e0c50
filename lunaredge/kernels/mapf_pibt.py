"""One step of many agents at once: priority inheritance with backtracking (PIBT).

Okumura, Machida, Defago and Tamura, "Priority inheritance with backtracking for iterative
multi-agent path finding", Artificial Intelligence 310, 2022. An agent takes the best free cell
beside it; an agent that stands there inherits its priority and moves on first, or the next best
cell is tried. Two agents that have to pass each other in a corridor do so by the swap operation, in
`mapf_swap`.
"""

from lunaredge.kernels.jit import Shorts, inner
from lunaredge.kernels.mapf_agents import (
    AFTER,
    CHOICE,
    CHOICES,
    NOW,
    PULLED,
    TRIED,
    WAITER,
    Seeds,
    draw,
)
from lunaredge.kernels.mapf_fields import AT_AFTER, AT_NOW, degree, mark_at
from lunaredge.kernels.mapf_swap import partner

# A key orders a choice: its mark, a drawn number, its column.
_DRAWN_BITS = 7
_DRAWN_MASK = (1 << _DRAWN_BITS) - 1
_COLUMN_BITS = 3
_COLUMN_MASK = (1 << _COLUMN_BITS) - 1
_IS_PLACED, _IS_STUCK = -1, -2


@inner
def decide(
    cells: Shorts, agents: Shorts, fields: Shorts, seeds: Seeds, who: tuple[int, bool]
) -> bool:
    """Decide where an agent goes, and everybody who has to make way for it.

    who : the agent, and whether agents may move round in a ring

    False: it stays, since it gets no cell, though somebody above it wants to come. Bounded: every
    agent is taken up once at most, and tries five cells.
    """
    # Two short ways for the two that are many: who is at its goal and left there, and who finds
    # the cell that it wants empty.
    agent, may_ring = who
    here = int(agents[agent, NOW])
    if fields[agent, 0, here] == 1 and cells[here, AT_AFTER] < 0:
        _take(cells, agents, agent, here)
        return True
    _prefer(cells, agents, fields, seeds, agent)
    cell = int(agents[agent, CHOICE])
    if cells[cell, AT_NOW] < 0 and cells[cell, AT_AFTER] < 0 and agents[agent, PULLED] < 0:
        _take(cells, agents, agent, cell)
        return True
    one, is_placed = agent, False
    agents[agent, WAITER] = -1
    while one >= 0:
        if is_placed:
            _pull(cells, agents, (one, may_ring))
            one = int(agents[one, WAITER])
            continue
        other = _try_next(cells, agents, (one, may_ring))
        if other == _IS_PLACED:
            is_placed = True
        elif other == _IS_STUCK:
            _take(cells, agents, one, int(agents[one, NOW]))
            one = int(agents[one, WAITER])
        else:
            _prefer(cells, agents, fields, seeds, other)
            agents[other, WAITER] = one
            one = other
    return is_placed


@inner
def closes_ring(cells: Shorts, agents: Shorts, agent: int, cell: int) -> bool:
    """Tell whether all agents of a ring would move if an agent went to a cell.

    The walk ends: no two go to one cell, and no ring has been closed before.
    """
    here, at = agents[agent, NOW], cell
    while at != here:
        other = cells[at, AT_NOW]
        if other < 0 or agents[other, AFTER] < 0 or agents[other, AFTER] == at:
            return False
        at = int(agents[other, AFTER])
    return bool(cell != here)


@inner
def _take(cells: Shorts, agents: Shorts, agent: int, cell: int) -> None:
    """Decide that an agent goes to a cell."""
    agents[agent, AFTER] = cell
    cells[cell, AT_AFTER] = agent


@inner
def _try_next(cells: Shorts, agents: Shorts, who: tuple[int, bool]) -> int:
    """Give an agent the next of its choices that is free, and say who has to leave it first.

    _IS_PLACED: nobody. _IS_STUCK: no choice is left.
    """
    agent, may_ring = who
    here = agents[agent, NOW]
    for k in range(agents[agent, TRIED], CHOICES):
        cell = int(agents[agent, CHOICE + k])
        if cells[cell, AT_AFTER] >= 0:
            continue
        other = int(cells[cell, AT_NOW])
        if other >= 0 and agents[other, AFTER] == here:
            continue
        if not may_ring and closes_ring(cells, agents, agent, cell):
            continue
        agents[agent, TRIED] = k + 1
        _take(cells, agents, agent, cell)
        if other < 0 or other == agent or agents[other, AFTER] >= 0:
            return _IS_PLACED
        return other
    agents[agent, TRIED] = CHOICES
    return _IS_STUCK


@inner
def _prefer(cells: Shorts, agents: Shorts, fields: Shorts, seeds: Seeds, agent: int) -> None:
    """Order the cells that an agent could go to: nearest its goal first, then as drawn.

    An agent that another one has to pass in a corridor goes the other way round.
    """
    here, bits = int(agents[agent, NOW]), draw(seeds)
    left, right = int(cells[here, 0]), int(cells[here, 1])
    below, above = int(cells[here, 2]), int(cells[here, 3])
    a, b = int(fields[agent, 0, left]), int(fields[agent, 0, right])
    c, d = int(fields[agent, 0, below]), int(fields[agent, 0, above])
    if min(min(a, b), min(c, d)) == 0:
        a, b = mark_at(cells, fields, agent, left), mark_at(cells, fields, agent, right)
        c, d = mark_at(cells, fields, agent, below), mark_at(cells, fields, agent, above)
    a, b = _key(a, bits, 0), _key(b, bits, 1)
    c, d = _key(c, bits, 2), _key(d, bits, 3)
    e = _key(int(fields[agent, 0, here]), bits, 4)
    # A sorting network for five: no branch that a processor could guess wrong.
    a, b = min(a, b), max(a, b)
    d, e = min(d, e), max(d, e)
    c, e = min(c, e), max(c, e)
    c, d = min(c, d), max(c, d)
    b, e = min(b, e), max(b, e)
    a, d = min(a, d), max(a, d)
    a, c = min(a, c), max(a, c)
    b, d = min(b, d), max(b, d)
    b, c = min(b, c), max(b, c)
    agents[agent, CHOICE] = cells[here, a & _COLUMN_MASK]
    agents[agent, CHOICE + 1] = cells[here, b & _COLUMN_MASK]
    agents[agent, CHOICE + 2] = cells[here, c & _COLUMN_MASK]
    agents[agent, CHOICE + 3] = cells[here, d & _COLUMN_MASK]
    agents[agent, CHOICE + 4] = cells[here, e & _COLUMN_MASK]
    agents[agent, TRIED] = 0
    agents[agent, PULLED] = -1
    if (
        cells[left, AT_NOW] >= 0
        or cells[right, AT_NOW] >= 0
        or cells[below, AT_NOW] >= 0
        or cells[above, AT_NOW] >= 0
    ):
        _back_off(cells, agents, fields, agent)


@inner
def _back_off(cells: Shorts, agents: Shorts, fields: Shorts, agent: int) -> None:
    """Turn an agent's choices round if another one has to pass it."""
    other = partner(cells, agents, fields, agent, int(agents[agent, CHOICE]))
    if other < 0:
        return
    agents[agent, PULLED] = other
    count = degree(cells, int(agents[agent, NOW])) + 1
    for k in range(count // 2):
        first, last = CHOICE + k, CHOICE + count - 1 - k
        agents[agent, first], agents[agent, last] = agents[agent, last], agents[agent, first]


@inner
def _key(mark: int, bits: int, column: int) -> int:
    """Give what orders a choice: its mark, then a drawn number, then its column."""
    drawn = (bits >> (_DRAWN_BITS * column)) & _DRAWN_MASK
    return (((mark << _DRAWN_BITS) | drawn) << _COLUMN_BITS) | column


@inner
def _pull(cells: Shorts, agents: Shorts, who: tuple[int, bool]) -> None:
    """Let the agent that follows this one take its cell, if this one got its first choice."""
    agent, may_ring = who
    other, here = int(agents[agent, PULLED]), int(agents[agent, NOW])
    if other < 0 or agents[agent, TRIED] != 1 or agents[other, AFTER] >= 0:
        return
    if not may_ring and closes_ring(cells, agents, other, here):
        return
    if cells[here, AT_AFTER] < 0 and agents[agent, AFTER] != agents[other, NOW]:
        _take(cells, agents, other, here)
