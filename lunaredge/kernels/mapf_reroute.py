"""The quickest path of one agent among all others of a plan."""

from lunaredge.kernels.jit import Shorts, inner
from lunaredge.kernels.mapf_agents import Seeds
from lunaredge.kernels.mapf_astar import STATES_MAX, UNKNOWN, Sheet, look
from lunaredge.kernels.mapf_boards import HORIZON, IS_COMPACT, TAKEN, Boards, is_set
from lunaredge.kernels.mapf_fields import mark_at
from lunaredge.kernels.mapf_flood import flood

# A state of A* costs as much as so many words of a flood, which reads half of all words at each
# step or so. On boards of fewer words A* is not worth a try.
_STATE_WORDS = 192
_WORDS_MIN = 400


@inner
def reroute(
    world: tuple[Shorts, Shorts],
    out_boards: Boards,
    out_sheet: Sheet,
    seeds: Seeds,
    query: tuple[int, int],
) -> tuple[int, int]:
    """Write an agent's quickest path into the plan, and its cost.

    The agent is off the boards, and stays off: `toggle` puts it on. Both searches are exact; the
    one that is cheap on a sparse map has the first try, for as long as it could be the cheaper one.
    On compact boards it is the only one, and may give up.

    world   : cells and fields, see `mapf_fields`
    query   : the agent, and the latest arrival that is of use
    returns : the cost, -1 = no path arrives in time and the plan is as it was; the work in words
    """
    cells, fields = world
    agent, limit = query
    plan, horizon = out_boards.plan, out_boards.shape[HORIZON]
    goal = plan[len(plan) - 1, agent]
    earliest, last = _free_from(out_boards, out_boards.bits[goal]), min(limit, horizon)
    length = mark_at(cells, fields, agent, int(plan[0, agent])) - 1
    if max(earliest, length) > last:
        return -1, 0
    arrival, work = UNKNOWN, 0
    is_compact, word_count = out_boards.shape[IS_COMPACT] == 1, out_boards.layers.shape[1]
    if is_compact or word_count > _WORDS_MIN:
        states_max = min(STATES_MAX, length * word_count // (2 * _STATE_WORDS))
        states_max = STATES_MAX if is_compact else states_max
        arrival, work = look(
            world, out_boards, out_sheet, seeds, (agent, earliest, last, states_max)
        )
        work *= _STATE_WORDS
    if arrival == UNKNOWN and not is_compact:
        arrival, more = flood(cells, out_boards, seeds, (agent, earliest, last))
        work += more
    if arrival < 0:
        return -1, work
    for step in range(arrival + 1, len(plan)):
        plan[step, agent] = goal
    out_boards.costs[agent] = arrival
    return arrival, work


@inner
def _free_from(boards: Boards, bit: int) -> int:
    """Give the first step from which a cell is free until the horizon."""
    step = int(boards.shape[HORIZON]) + 1
    while step > 0 and not is_set(boards.boards[step - 1, TAKEN], bit):
        step -= 1
    return step
