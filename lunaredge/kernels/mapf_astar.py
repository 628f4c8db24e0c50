"""The earliest arrival of one agent among the others, by space-time A*.

Silver, "Cooperative pathfinding", AIIDE 2005, guided by the exact distances of `mapf_fields`. Where
few others are in the way it goes almost straight to the goal, whatever the size of the map; where
many are, `mapf_flood` is quicker, and so this search gives up after so many states.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Shorts, inner, kernel
from lunaredge.kernels.mapf_agents import CHOICES, Seeds, draw
from lunaredge.kernels.mapf_boards import LEAVING, TAKEN, Boards, direction, is_set
from lunaredge.kernels.mapf_fields import FAR, NEIGHBOURS, mark_at

NONE, UNKNOWN = -1, -2
"""What is given instead of an arrival: there is none in time; the search was given up."""

STATES_MAX = 1 << 15
_DELAYS_MAX = 256
_CELL, _STEP, _BEFORE, _NEXT, _COLUMNS = range(5)


class Sheet(NamedTuple):
    """Room for a search.

    states : int32 (N, 4)   cell, step, the state before, the next one of equal promise
    firsts : int32 (256,)   the first state by how much later than possible it would arrive
    table  : int32 (2 * N,) states by cell and step, -1 = none; left empty
    """

    states: Shorts
    firsts: Shorts
    table: Shorts


def sheet() -> Sheet:
    """Make room for searches."""
    return Sheet(
        states=np.empty((STATES_MAX + CHOICES, _COLUMNS), dtype=np.int32),
        firsts=np.empty(_DELAYS_MAX, dtype=np.int32),
        table=np.full(2 * STATES_MAX, -1, dtype=np.int32),
    )


@kernel
def look(
    world: tuple[Shorts, Shorts],
    out_boards: Boards,
    out_sheet: Sheet,
    seeds: Seeds,
    query: tuple[int, int, int, int],
) -> tuple[int, int]:
    """Write an agent's quickest path into the plan until it arrives, unless the search is given up.

    The agent is off the boards. Ties among states go to the one found last, moves are drawn.

    world   : cells and fields, see `mapf_fields`
    query   : the agent, the first step from which its goal stays free, the last step of use, and
              how many states to look at
    returns : the arrival, NONE or UNKNOWN; the states looked at
    """
    cells, fields = world
    agent, earliest, last, states_max = query
    states, firsts = out_sheet.states, out_sheet.firsts
    start = int(out_boards.plan[0, agent])
    goal = out_boards.plan[len(out_boards.plan) - 1, agent]
    best = max(mark_at(cells, fields, agent, start) - 1, earliest)
    delay_count = min(last - best + 1, _DELAYS_MAX)
    answer = NONE if best + delay_count > last else UNKNOWN
    firsts[: max(delay_count, 0)] = -1
    count, found, delay = 0, -1, 0
    if delay_count > 0:
        count = _add(out_sheet, count, (start, 0, -1, 0))
    while delay < delay_count:
        state = int(firsts[delay])
        if state < 0:
            delay += 1
            continue
        if count > states_max:
            answer = UNKNOWN
            break
        firsts[delay] = states[state, _NEXT]
        if states[state, _CELL] == goal and states[state, _STEP] >= earliest:
            found = state
            break
        reach = (agent, earliest, best, delay_count)
        count = _expand(world, out_boards, out_sheet, draw(seeds), (state, count), reach)
    _clear(out_sheet, count)
    if found < 0:
        return answer, count
    arrival = states[found, _STEP]
    while found >= 0:
        out_boards.plan[states[found, _STEP], agent] = states[found, _CELL]
        found = states[found, _BEFORE]
    return arrival, count


@inner
def _expand(
    world: tuple[Shorts, Shorts],
    boards: Boards,
    out_sheet: Sheet,
    drawn: int,
    at: tuple[int, int],
    reach: tuple[int, int, int, int],
) -> int:
    """Add the states one step after one; gives the new count."""
    cells, fields = world
    state, count = at
    agent, earliest, best, delay_count = reach
    cell, step = int(out_sheet.states[state, _CELL]), int(out_sheet.states[state, _STEP])
    for k in range(CHOICES):
        way = (k + drawn) % CHOICES
        near = int(cells[cell, way])
        mark = mark_at(cells, fields, agent, near)
        delay = max(step + mark, earliest) - best
        if mark >= FAR or delay >= delay_count:
            continue
        bit = boards.bits[near]
        if is_set(boards.boards[step + 1, TAKEN], bit):
            continue
        back = LEAVING + direction(boards.bits[cell] - bit)
        if way < NEIGHBOURS and is_set(boards.boards[step, back], bit):
            continue
        count = _add(out_sheet, count, (near, step + 1, state, delay))
    return count


@inner
def _place(out_sheet: Sheet, cell: int, step: int) -> int:
    """Give the place in the table of a cell at a step, or the empty one where it belongs."""
    states, table = out_sheet.states, out_sheet.table
    mask = len(table) - 1
    place = (cell * 40503 + step * 30011) & mask
    while table[place] >= 0:
        known = table[place]
        if states[known, _CELL] == cell and states[known, _STEP] == step:
            break
        place = (place + 1) & mask
    return place


@inner
def _add(out_sheet: Sheet, count: int, row: tuple[int, int, int, int]) -> int:
    """Add a state, unless it is known; gives the new count.

    row : cell, step, the state before, the delay
    """
    place = _place(out_sheet, row[0], row[1])
    if out_sheet.table[place] >= 0:
        return count
    out_sheet.table[place] = count
    states = out_sheet.states
    states[count, _CELL], states[count, _STEP], states[count, _BEFORE] = row[0], row[1], row[2]
    states[count, _NEXT] = out_sheet.firsts[row[3]]
    out_sheet.firsts[row[3]] = count
    return count + 1


@inner
def _clear(out_sheet: Sheet, count: int) -> None:
    """Empty the table: every state found again by a walk, last first, so that no walk breaks."""
    for state in range(count - 1, -1, -1):
        cell, step = int(out_sheet.states[state, _CELL]), int(out_sheet.states[state, _STEP])
        out_sheet.table[_place(out_sheet, cell, step)] = -1
