"""A plan as boards of bits: for each step, which cells are taken and which moves are.

One bit is one cell of the grid, row by row with a closed column between rows, so that a whole board
moves by a shift. All that one agent could reach at a step is then one board too, made from the
board before in a few instructions per 64 cells: see `mapf_reach`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.jit import Flags, Ints, Shorts, inner, is_array
from lunaredge.kernels.mapf_fields import NEIGHBOURS

Words = NDArray[np.uint64]

WORD_BITS = 64
TAKEN, LEAVING, BOARDS = 0, 1, 1 + NEIGHBOURS
"""Boards of a step: taken cells (walls too), then by direction the cells that are left that way."""
STRIDE, HORIZON, IS_COMPACT, SHAPE_SIZE = range(4)
"""Places in `Boards.shape`: bits from a cell to the one above, the last step that counts, and 1
when bits are the numbers of free cells: less where walls are many, but nothing can be shifted."""
COMPACT_BYTES = 1 << 29
"""From this size on boards are compact."""


class Boards(NamedTuple):
    """A plan of A agents over T steps, on boards of B words, and room to look for a path.

    plan   : int32 (T + 1, A)      each agent's cell at each step
    costs  : int32 (A,)            when each agent arrives for good
    bits   : int32 (V + 1,)        each cell's bit
    boards : uint64 (T + 1, 5, B)  see `TAKEN`
    layers : uint64 (T + 1, B)     what one agent can reach
    shape  : int64 (3,)            see `STRIDE`
    """

    plan: Shorts
    costs: Shorts
    bits: Shorts
    boards: Words
    layers: Words
    shape: Ints


def board_bytes(free: Flags, step_count: int) -> int:
    """Give how much memory boards for a map and a plan of so many steps take."""
    return _bytes(_places(free, step_count)[1], step_count)


def boards_of(free: Flags, plan: Shorts) -> Boards:
    """Lay a plan out on boards.

    free : bool (H, W)
    plan : int32 (T + 1, A), numbers of free cells, row by row; no two agents meet
    """
    assert is_array(free, np.bool_, None, None)
    assert is_array(plan, np.int32, None, None)
    assert ((plan >= 0) & (plan < free.sum())).all(), "a place is no cell"
    bits, word_count, shape = _places(free, len(plan) - 1)
    walls = np.full(word_count, ~np.uint64(0))
    np.bitwise_and.at(
        walls, bits[:-1] // WORD_BITS, ~(np.uint64(1) << (bits[:-1] % WORD_BITS).astype(np.uint64))
    )
    boards = np.zeros((len(plan), BOARDS, word_count), dtype=np.uint64)
    boards[:, TAKEN] = walls
    laid = Boards(
        plan=plan.copy(),
        costs=arrivals(plan),
        bits=bits,
        boards=boards,
        layers=np.zeros((len(plan), word_count), dtype=np.uint64),
        shape=shape,
    )
    _toggle_all(laid)
    return laid


def arrivals(plan: Shorts) -> Shorts:
    """Give when each agent arrives for good, int32 (A,), of a plan int32 (T + 1, A)."""
    is_away = plan != plan[-1]
    last = len(plan) - np.argmax(is_away[::-1], axis=0)
    return np.where(is_away.any(axis=0), last, 0).astype(np.int32)


def _guard_words(stride: int) -> int:
    """Give how many closed words a board needs before its first cell and after its last."""
    return 2 * (stride // WORD_BITS) + 4


def _places(free: Flags, step_count: int) -> tuple[Shorts, int, Ints]:
    """Give each cell's bit, the words of a board, and what `Boards.shape` holds."""
    rows, columns = np.nonzero(free)
    bits = np.zeros(len(rows) + 1, dtype=np.int32)
    stride, first, word_count = _layout(free.shape)
    if _bytes(word_count, step_count) < COMPACT_BYTES:
        bits[:-1] = first + rows * stride + columns
        return bits, word_count, np.array([stride, step_count, 0], dtype=np.int64)
    bits[:-1] = np.arange(len(rows))
    return bits, len(rows) // WORD_BITS + 1, np.array([1, step_count, 1], dtype=np.int64)


def _bytes(word_count: int, step_count: int) -> int:
    return (step_count + 1) * (BOARDS + 1) * 8 * word_count


def _layout(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Give the stride, the bit of cell (0, 0) and the number of words of a board."""
    stride = shape[1] + 1
    # A shift by a whole word has no bits to take from the next one.
    stride += int(stride % WORD_BITS == 0)
    guard = _guard_words(stride)
    return stride, guard * WORD_BITS, 2 * guard + -(-shape[0] * stride // WORD_BITS)


@inner
def is_set(board: Words, bit: int) -> bool:
    """Tell whether a bit of a board, uint64 (B,), is set."""
    return bool((board[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1))


@inner
def toggle(boards: Boards, agent: int) -> None:
    """Put an agent's path on the boards, or take it off: until the horizon, and how it moves.

    Its bits are nobody else's, so that they are all set or all clear, and both are one flip.
    """
    plan, bits, out, horizon = boards.plan, boards.bits, boards.boards, boards.shape[HORIZON]
    bit = bits[plan[0, agent]]
    for step in range(horizon + 1):
        word, flip = bit >> 6, np.uint64(1) << np.uint64(bit & 63)
        out[step, TAKEN, word] ^= flip
        if step < boards.costs[agent]:
            after = bits[plan[step + 1, agent]]
            if after != bit:
                out[step, LEAVING + direction(after - bit), word] ^= flip
                bit = after


@inner
def direction(shift: int) -> int:
    """Give the board of `LEAVING` for a move by so many bits, a number of its own for each way.

    It is the way's column in `mapf_fields.cells`, but on compact boards where a row has one cell.
    """
    if shift == -1:
        return 0
    if shift == 1:
        return 1
    return 2 if shift < 0 else 3


@inner
def _toggle_all(boards: Boards) -> None:
    for agent in range(len(boards.costs)):
        toggle(boards, agent)
