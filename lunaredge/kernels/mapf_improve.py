"""A plan made cheaper, a few agents at a time: large neighbourhood search.

Li, Chen, Harabor, Stuckey and Koenig, "Anytime multi-agent path finding via large neighborhood
search", IJCAI 2021. A group of agents is taken off the plan and planned anew one after the other,
each as early as the others allow; the new paths are kept when they cost no more in sum. Which kinds
and sizes of groups are tried goes by what they brought so far (Ropke and Pisinger 2006).
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, Shorts, inner, kernel
from lunaredge.kernels.mapf_agents import Seeds, draw
from lunaredge.kernels.mapf_astar import Sheet, sheet
from lunaredge.kernels.mapf_boards import HORIZON, Boards, toggle
from lunaredge.kernels.mapf_groups import KINDS, choose
from lunaredge.kernels.mapf_reroute import reroute

SIZES = 4
"""Groups have 2, 4, 8 or 16 agents."""
GROUP_MAX = 1 << SIZES

# How fast the memory of what a kind of group brought fades, and what every kind is tried at least.
_FADING = 0.02
_WEIGHT_MIN = 0.02
# What a group costs besides the words that it reads, in words.
_GROUP_WORK = 500
# A path may end later than the whole plan does, if the sum gains by it.
_SLACK = 8
_DRAWN_RANGE = 1 << 30

ROUNDS, GAINS, TALLIES = range(3)


class Improver(NamedTuple):
    """What the search remembers.

    group   : int32 (16,)        agents that are being planned anew
    saved   : int32 (16, T + 1)  their paths before
    costs   : int32 (16,)        and their costs
    weights : float64 (3 * 4,)   what each kind and size of group brought, per work
    tallies : int64 (2,)         groups tried, and steps saved in all
    sheet   : room for `mapf_astar`
    """

    group: Shorts
    saved: Shorts
    costs: Shorts
    weights: Floats
    tallies: Ints
    sheet: Sheet


def improver_of(boards: Boards) -> Improver:
    """Make an improver for a plan on boards."""
    return Improver(
        group=np.zeros(GROUP_MAX, dtype=np.int32),
        saved=np.zeros((GROUP_MAX, len(boards.plan)), dtype=np.int32),
        costs=np.zeros(GROUP_MAX, dtype=np.int32),
        weights=np.ones(KINDS * SIZES),
        tallies=np.zeros(TALLIES, dtype=np.int64),
        sheet=sheet(),
    )


@kernel
def improve(
    world: tuple[Shorts, Shorts],
    out_boards: Boards,
    out_improver: Improver,
    seeds: Seeds,
    work_limit: int,
) -> None:
    """Try groups until so many words of boards have been read; the group then at work is ended.

    Unchecked: what it is given comes from `boards_of`, `improver_of` and `seeds_from`.

    world : cells and fields, see `mapf_fields`
    """
    work, weights = 0, out_improver.weights
    costs = out_boards.costs
    out_boards.shape[HORIZON] = min(out_boards.shape[HORIZON], np.max(costs) + _SLACK)
    while work < work_limit:
        arm = _draw_arm(weights, seeds)
        size = min(2 << (arm % SIZES), len(costs))
        group = out_improver.group[:size]
        choose(world, out_boards, seeds, arm // SIZES, group)
        _shuffle(group, seeds)
        gain, spent = _plan_anew(world, out_boards, out_improver, seeds, size)
        spent += _GROUP_WORK
        work += spent
        worth = 1000.0 * gain / spent
        weights[arm] += _FADING * (worth - weights[arm])
        out_improver.tallies[ROUNDS] += 1
        out_improver.tallies[GAINS] += gain


@kernel
def _draw_arm(weights: Floats, seeds: Seeds) -> int:
    """Draw a kind and size of group by their weights, each at least at a small share."""
    least = _WEIGHT_MIN * max(np.max(weights), 1e-9)
    total = 0.0
    for weight in weights:
        total += max(weight, least)
    drawn = total * float(draw(seeds) % _DRAWN_RANGE) / _DRAWN_RANGE
    for arm in range(len(weights)):
        drawn -= max(weights[arm], least)
        if drawn < 0.0:
            return arm
    return len(weights) - 1


@inner
def _shuffle(group: Shorts, seeds: Seeds) -> None:
    for k in range(len(group) - 1, 0, -1):
        other = draw(seeds) % (k + 1)
        group[k], group[other] = group[other], group[k]


@inner
def _plan_anew(
    world: tuple[Shorts, Shorts],
    out_boards: Boards,
    out_improver: Improver,
    seeds: Seeds,
    size: int,
) -> tuple[int, int]:
    """Plan a group anew, or leave everything as it was; gives the steps saved and the work.

    Each path has to leave those after it their shortest ways at least, or the group is given up.
    """
    group, plan, fields = out_improver.group, out_boards.plan, world[1]
    left, least, work, done = 0, 0, 0, 0
    for agent in group[:size]:
        left += out_boards.costs[agent]
        least += fields[agent, 0, plan[0, agent]] - 1
    if left == least:
        return 0, work
    _save(out_boards, out_improver, size)
    while done < size:
        agent = int(group[done])
        least -= fields[agent, 0, plan[0, agent]] - 1
        cost, spent = reroute(world, out_boards, out_improver.sheet, seeds, (agent, left - least))
        work += spent
        if cost < 0:
            _restore(out_boards, out_improver, done, size)
            return 0, work
        toggle(out_boards, agent)
        left -= cost
        done += 1
    return left, work


@kernel
def _save(out_boards: Boards, out_improver: Improver, size: int) -> None:
    """Keep a group's paths and take them off the boards."""
    plan = out_boards.plan
    for k in range(size):
        agent = int(out_improver.group[k])
        toggle(out_boards, agent)
        out_improver.costs[k] = out_boards.costs[agent]
        for step in range(len(plan)):
            out_improver.saved[k, step] = plan[step, agent]


@kernel
def _restore(out_boards: Boards, out_improver: Improver, put_count: int, size: int) -> None:
    """Put a group's paths back; the first few of them have new ones on the boards."""
    plan = out_boards.plan
    for k in range(put_count):
        toggle(out_boards, int(out_improver.group[k]))
    for k in range(size):
        agent = int(out_improver.group[k])
        out_boards.costs[agent] = out_improver.costs[k]
        for step in range(len(plan)):
            plan[step, agent] = out_improver.saved[k, step]
        toggle(out_boards, agent)
