"""A plan made from nothing, one agent after the other: prioritised planning.

Erdmann and Lozano-Perez, "On multiple moving objects", Algorithmica 2, 1987. Each agent goes as
early as those before it allow. That may fail where there is a plan, but where traffic is light its
plan is far better than one made step by step, and quickly there.
"""

from lunaredge.kernels.jit import Shorts, kernel
from lunaredge.kernels.mapf_agents import Seeds
from lunaredge.kernels.mapf_astar import Sheet
from lunaredge.kernels.mapf_boards import HORIZON, Boards, toggle
from lunaredge.kernels.mapf_reroute import reroute

# What a path costs besides the words that are read for it, in words.
_PATH_WORK = 500


@kernel
def take_off(out_boards: Boards, agents: Shorts) -> None:
    """Take agents off the boards, int32 (n,)."""
    for agent in agents:
        toggle(out_boards, agent)


@kernel
def place_in_turn(
    world: tuple[Shorts, Shorts],
    out_boards: Boards,
    out_sheet: Sheet,
    seeds: Seeds,
    order: Shorts,
    work_limit: int,
) -> tuple[int, bool]:
    """Plan agents in order, none of whom is on the boards, until so many words have been read.

    world   : cells and fields, see `mapf_fields`
    order   : int32 (n,)  agents
    returns : how many of them are placed, and whether the next one has no path
    """
    work = 0
    for k in range(len(order)):
        if work >= work_limit:
            return k, False
        query = (order[k], out_boards.shape[HORIZON])
        cost, spent = reroute(world, out_boards, out_sheet, seeds, query)
        if cost < 0:
            return k, True
        toggle(out_boards, order[k])
        work += spent + _PATH_WORK
    return len(order), False
