"""A plan made from nothing, one agent after the other: prioritised planning, with rip-up.

Erdmann and Lozano-Perez, "On multiple moving objects", Algorithmica 2, 1987. Each agent goes as
early as those before it allow. An agent that finds no path takes its shortest way all the same, and
whoever it would meet there is planned once more, later. That may never end, so a caller counts;
where traffic is light it ends soon, with a plan far better than one made step by step.
"""

from lunaredge.kernels.jit import Flags, Shorts, inner
from lunaredge.kernels.mapf_agents import Seeds, draw
from lunaredge.kernels.mapf_astar import Sheet
from lunaredge.kernels.mapf_boards import (
    HORIZON,
    LEAVING,
    TAKEN,
    Boards,
    direction,
    is_set,
    toggle,
)
from lunaredge.kernels.mapf_fields import NEIGHBOURS, mark_at
from lunaredge.kernels.mapf_reroute import reroute

# What a path costs besides the words that are read for it, in words.
_PATH_WORK = 500


@inner
def take_off(out_boards: Boards, out_placed: Flags) -> None:
    """Take off the boards whoever is placed; nobody is then, bool (A,)."""
    for agent in range(len(out_placed)):
        if out_placed[agent]:
            toggle(out_boards, agent)
            out_placed[agent] = False


@inner
def place_in_turn(
    world: tuple[Shorts, Shorts],
    out_boards: Boards,
    out_sheet: Sheet,
    seeds: Seeds,
    turns: tuple[Shorts, Flags],
    work_limit: int,
) -> int:
    """Plan agents in order until one has no path or so many words have been read.

    Unchecked, as in `mapf_improve.improve`.

    world   : cells and fields, see `mapf_fields`
    turns   : int32 (A,) agents in order; bool (A,) who is placed, and on the boards, already
    returns : the agent without a path, or -1
    """
    order, placed = turns
    work = 0
    for k in range(len(order)):
        agent = int(order[k])
        if placed[agent]:
            continue
        if work >= work_limit:
            break
        query = (agent, out_boards.shape[HORIZON])
        cost, spent = reroute(world, out_boards, out_sheet, seeds, query)
        if cost < 0:
            return agent
        toggle(out_boards, agent)
        placed[agent] = True
        work += spent + _PATH_WORK
    return -1


@inner
def push_in(
    world: tuple[Shorts, Shorts], out_boards: Boards, seeds: Seeds, agent: int, out_placed: Flags
) -> None:
    """Place an agent on its shortest way, ties drawn, and take off whoever it would meet."""
    cells, fields = world
    plan, bits, boards = out_boards.plan, out_boards.bits, out_boards.boards
    cell = int(plan[0, agent])
    cost = mark_at(cells, fields, agent, cell) - 1
    for step in range(len(plan)):
        plan[step, agent] = cell
        if step < cost:
            cell = _next_cell(cells, fields, draw(seeds), agent, cell)
    for step in range(out_boards.shape[HORIZON] + 1):
        here, bit = plan[step, agent], bits[plan[step, agent]]
        if is_set(boards[step, TAKEN], bit):
            _rip_up(out_boards, out_placed, step, here)
        if step < cost:
            after = plan[step + 1, agent]
            if is_set(boards[step, LEAVING + direction(bit - bits[after])], bits[after]):
                _rip_up(out_boards, out_placed, step, after)
    out_boards.costs[agent] = cost
    toggle(out_boards, agent)
    out_placed[agent] = True


@inner
def _next_cell(cells: Shorts, fields: Shorts, drawn: int, agent: int, cell: int) -> int:
    """Draw one of the neighbours that are nearer to an agent's goal."""
    mark = mark_at(cells, fields, agent, cell)
    for k in range(NEIGHBOURS):
        near = int(cells[cell, (k + drawn) % NEIGHBOURS])
        if mark_at(cells, fields, agent, near) < mark:
            return near
    return cell


@inner
def _rip_up(out_boards: Boards, out_placed: Flags, step: int, cell: int) -> None:
    """Take off whoever is on a cell at a step."""
    for agent in range(len(out_placed)):
        if out_placed[agent] and out_boards.plan[step, agent] == cell:
            toggle(out_boards, agent)
            out_placed[agent] = False
