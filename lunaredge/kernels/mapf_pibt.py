"""One step of many agents at once: priority inheritance with backtracking (PIBT).

Okumura, Machida, Defago and Tamura, "Priority inheritance with backtracking for iterative
multi-agent path finding", Artificial Intelligence 310, 2022. An agent takes the best free cell
beside it; an agent that stands there inherits its priority and moves on first, or the next best
cell is tried. Two agents that have to pass each other in a corridor do so by the swap operation of
Okumura, "Improving LaCAM for scalable eventually optimal multi-agent pathfinding", IJCAI 2023.
"""

from lunaredge.kernels.jit import kernel
from lunaredge.kernels.mapf_fields import NEIGHBOURS, Fields, mark_at
from lunaredge.kernels.mapf_moves import CHOICES, Moves, Seeds, draw
from lunaredge.kernels.mapf_swap import partner

# A random number breaks ties among cells that are equally far and equally free.
_TIE_BITS = 7
_TIE_MASK = (1 << _TIE_BITS) - 1


@kernel
def decide(fields: Fields, moves: Moves, seeds: Seeds, agent: int) -> bool:
    """Decide where an agent goes, and everybody who has to make way for it.

    Gives False when it can't leave and its own cell is all it gets against its own wish: somebody
    else wanted that cell. Bounded: an agent is taken up once, and tries five cells.
    """
    stack, after = moves.stack, moves.after
    _prefer(fields, moves, seeds, agent)
    stack[0], depth, is_placed = agent, 1, False
    while depth > 0:
        one = stack[depth - 1]
        if is_placed:
            _pull(moves, one)
            depth -= 1
            continue
        other = _try_next(moves, one)
        if other == -1:
            is_placed = True
        elif other == -2:
            after[one] = moves.now[one]
            moves.at_after[moves.now[one]] = one
            depth -= 1
        else:
            _prefer(fields, moves, seeds, other)
            stack[depth] = other
            depth += 1
    return is_placed


@kernel
def _try_next(moves: Moves, agent: int) -> int:
    """Take the next cell that is free.

    Gives -1 when it is the agent's, -2 when there is none, or who has to leave it first.
    """
    here = moves.now[agent]
    while moves.tried[agent] < moves.choices[agent, CHOICES]:
        cell = moves.choices[agent, moves.tried[agent]]
        moves.tried[agent] += 1
        if moves.at_after[cell] >= 0:
            continue
        other = moves.at_now[cell]
        if other >= 0 and moves.after[other] == here:
            continue
        moves.after[agent] = cell
        moves.at_after[cell] = agent
        if other < 0 or other == agent or moves.after[other] >= 0:
            return -1
        return other
    return -2


@kernel
def _prefer(fields: Fields, moves: Moves, seeds: Seeds, agent: int) -> None:
    """Order the cells that an agent could go to: nearest its goal first, then empty, then drawn.

    An agent that another one has to pass in a corridor goes the other way round: it backs off.
    """
    here, count, cell_count = moves.now[agent], 0, len(moves.at_now) - 1
    choices, keys, bits = moves.choices, moves.keys, draw(seeds)
    for k in range(CHOICES):
        cell = fields.neighbours[here, k] if k < NEIGHBOURS else here
        if cell == cell_count:
            continue
        is_taken = moves.at_now[cell] >= 0
        key = (mark_at(fields, agent, cell) << (_TIE_BITS + 1)) | (bits & _TIE_MASK)
        #key |= int(is_taken) << _TIE_BITS
        bits >>= _TIE_BITS
        at = count
        while at > 0 and keys[at - 1] > key:
            keys[at] = keys[at - 1]
            choices[agent, at] = choices[agent, at - 1]
            at -= 1
        keys[at], choices[agent, at] = key, cell
        count += 1
    choices[agent, CHOICES] = count
    moves.tried[agent] = 0
    moves.pulled[agent] = partner(fields, moves, agent, choices[agent, 0])
    if moves.pulled[agent] >= 0:
        for k in range(count // 2):
            last = count - 1 - k
            choices[agent, k], choices[agent, last] = choices[agent, last], choices[agent, k]


@kernel
def _pull(moves: Moves, agent: int) -> None:
    """Let the agent that follows this one take its cell, if this one got its first choice."""
    other, here = moves.pulled[agent], moves.now[agent]
    if other < 0 or moves.tried[agent] != 1 or moves.after[other] >= 0:
        return
    if moves.at_after[here] < 0 and moves.after[agent] != moves.now[other]:
        moves.after[other] = here
        moves.at_after[here] = other
