"""Which two agents have to change places, and whether they can: the swap operation.

Okumura, "Improving LaCAM for scalable eventually optimal multi-agent pathfinding", IJCAI 2023. Two
agents that face each other in a corridor change places where it widens: one pushes the other
backward until a cell with a third neighbour lets it by. Both questions are answered by walking the
corridor in thought.
"""

from lunaredge.kernels.jit import kernel
from lunaredge.kernels.mapf_fields import NEIGHBOURS, Fields, mark_at
from lunaredge.kernels.mapf_moves import Moves


@kernel
def partner(fields: Fields, moves: Moves, agent: int, cell: int) -> int:
    """Give the agent that has to pass this one, which would go to a cell first; -1 = none.

    It is who stands on that cell, or a neighbour who wants by: this agent then makes way.
    """
    here = moves.now[agent]
    other = moves.at_now[cell]
    if (
        other >= 0
        and other != agent
        and moves.after[other] < 0
        and _must_swap(fields, moves, agent, other, here, cell)
        and _can_swap(fields, moves, cell, here)
    ):
        return other
    if cell == here:
        return -1
    for k in range(NEIGHBOURS):
        near = fields.neighbours[here, k]
        other = moves.at_now[near]
        if (
            other >= 0
            and near != cell
            and _must_swap(fields, moves, other, agent, here, cell)
            and _can_swap(fields, moves, cell, here)
        ):
            return other
    return -1


@kernel
def _must_swap(
    fields: Fields, moves: Moves, pusher: int, pulled: int, behind: int, front: int
) -> bool:
    """Tell whether two agents, one behind the other, keep each other from their goals.

    The pusher stands behind and wants to the front, where the other one is pushed on and on until
    the corridor ends or widens.
    """
    while mark_at(fields, pusher, front) < mark_at(fields, pusher, behind):
        way_count, way = _ways_on(fields, moves, behind, front)
        if way_count >= 2:
            return False
        if way_count == 0:
            break
        behind, front = front, way
    return mark_at(fields, pulled, behind) < mark_at(fields, pulled, front) and (
        mark_at(fields, pusher, behind) == 1
        or mark_at(fields, pusher, front) < mark_at(fields, pusher, behind)
    )


@kernel
def _can_swap(fields: Fields, moves: Moves, behind: int, front: int) -> bool:
    """Tell whether going on from behind to the front leads to a place to pass, and not in a ring."""
    first = behind
    for _ in range(len(moves.at_now)):
        way_count, way = _ways_on(fields, moves, behind, front)
        if way_count >= 2:
            return True
        if way_count == 0 or way == first:
            return False
        behind, front = front, way
    return False


@kernel
def _ways_on(fields: Fields, moves: Moves, behind: int, front: int) -> tuple[int, int]:
    """Give how many ways lead on from the front, and the last of them.

    Back is no way, nor is a dead end whose only agent is at its goal there.
    """
    cell_count, way_count, way = len(moves.at_now) - 1, 0, -1
    for k in range(NEIGHBOURS):
        near = fields.neighbours[front, k]
        if near == cell_count or near == behind:
            continue
        agent = moves.at_now[near]
        if agent >= 0 and moves.goals[agent] == near and _is_dead_end(fields, near):
            continue
        way_count += 1
        way = near
    return way_count, way


@kernel
def _is_dead_end(fields: Fields, cell: int) -> bool:
    """Tell whether a cell has one neighbour only."""
    cell_count, count = len(fields.neighbours) - 1, 0
    for k in range(NEIGHBOURS):
        count += int(fields.neighbours[cell, k] != cell_count)
    return count == 1
