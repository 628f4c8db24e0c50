"""Which two agents have to change places, and whether they can: the swap operation.

Okumura, "Improving LaCAM for scalable eventually optimal multi-agent pathfinding", IJCAI 2023. Two
agents that face each other in a corridor change places where it widens: one pushes the other
backward until a cell with a third neighbour lets it by. Both questions are answered by walking the
corridor in thought.
"""

from lunaredge.kernels.jit import Shorts, inner
from lunaredge.kernels.mapf_agents import AFTER, GOAL, NOW
from lunaredge.kernels.mapf_fields import AT_NOW, NEIGHBOURS, PASSES, degree, mark_at


@inner
def partner(cells: Shorts, agents: Shorts, fields: Shorts, agent: int, cell: int) -> int:
    """Give the agent that has to pass this one, which would go to a cell first; -1 = none.

    It is who stands on that cell, or a neighbour who wants by: this agent then makes way.
    """
    here = int(agents[agent, NOW])
    # Where two ways lead on beside the one back, nobody has to be passed.
    if cell == here or cells[cell, PASSES] > 2:
        return -1
    other = int(cells[cell, AT_NOW])
    if (
        other >= 0
        and agents[other, AFTER] < 0
        and _must_swap(cells, agents, fields, (agent, other), (here, cell))
        and _can_swap(cells, agents, cell, here)
    ):
        return other
    for k in range(NEIGHBOURS):
        near = cells[here, k]
        other = int(cells[near, AT_NOW])
        if (
            other >= 0
            and near != cell
            and _must_swap(cells, agents, fields, (other, agent), (here, cell))
            and _can_swap(cells, agents, cell, here)
        ):
            return other
    return -1


@inner
def _must_swap(
    cells: Shorts, agents: Shorts, fields: Shorts, pair: tuple[int, int], line: tuple[int, int]
) -> bool:
    """Tell whether two agents, one behind the other, keep each other from their goals.

    The first of the pair stands behind and wants to the front, where the second is pushed on and on
    until the corridor ends or widens.
    """
    pusher, pushed = pair
    behind, front = line
    mark, mark_front = mark_at(cells, fields, pusher, behind), 0
    while True:
        mark_front = mark_at(cells, fields, pusher, front)
        if mark_front >= mark:
            break
        way_count, way = _ways_on(cells, agents, behind, front)
        if way_count >= 2:
            return False
        if way_count == 0:
            break
        behind, front, mark = front, way, mark_front
    if mark_front >= mark and mark != 1:
        return False
    return mark_at(cells, fields, pushed, behind) < mark_at(cells, fields, pushed, front)


@inner
def _can_swap(cells: Shorts, agents: Shorts, first: int, second: int) -> bool:
    """Tell whether going from a first cell by a second and on leads to a place to pass.

    A dead end is none, and a ring without a branch neither.
    """
    behind, front = first, second
    for _ in range(len(cells)):
        way_count, way = _ways_on(cells, agents, behind, front)
        if way_count >= 2:
            return True
        if way_count == 0 or way == first:
            return False
        behind, front = front, way
    return False


@inner
def _ways_on(cells: Shorts, agents: Shorts, behind: int, front: int) -> tuple[int, int]:
    """Give how many ways lead on from the front, and the last of them.

    Back is no way, nor is a dead end whose only agent is at its goal there.
    """
    way_count, way = 0, -1
    for k in range(NEIGHBOURS):
        near = int(cells[front, k])
        if near != behind and near != len(cells) - 1:
            way_count += 1
            way = near
    if cells[front, PASSES] > way_count:
        return way_count, way
    way_count, way = 0, -1
    for k in range(NEIGHBOURS):
        near = int(cells[front, k])
        if near != behind and near != len(cells) - 1 and not _is_closed(cells, agents, near):
            way_count += 1
            way = near
    return way_count, way


@inner
def _is_closed(cells: Shorts, agents: Shorts, cell: int) -> bool:
    """Tell whether a cell is a dead end with an agent at its goal there."""
    agent = cells[cell, AT_NOW]
    return agent >= 0 and agents[agent, GOAL] == cell and degree(cells, cell) == 1
