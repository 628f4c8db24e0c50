"""The queue of the searches on a grid: nodes in buckets by what they promise, without a heap.

The multi-level bucket structure of Denardo and Fox 1979: four levels of 1,024 buckets, a bucket of
the first as wide as one key, one of the next as wide as all of the level before. A bucket gives its
last node first, so that within a bucket the order is not the promises'.

A queue has an open bucket, `now`, which the search keeps; nothing is queued before it. Several
queues may share a pool. The functions are for other kernels to call.
"""

import numpy as np

from lunaredge.kernels.jit import Ints, Shorts, inner, kernel

_LEVEL_BITS = 10
_SLOTS = 1 << _LEVEL_BITS
_LEVELS = 4
KEY_MAX = (1 << (_LEVEL_BITS * _LEVELS)) - 1
BUCKETS = _LEVELS * _SLOTS
"""How many buckets a queue has."""

BLOCK = 32
"""Entries of a queue lie in blocks of so many numbers, the first of which says where it goes on."""

# So much of the pool stays free: one page or the moves of a node never take more at once.
_RESERVE = (_SLOTS + 16) * BLOCK
# Fewer nodes wait along the front of a small grid than it has, but not half as many.
_POOL_MIN = 1 << 18

Queue = tuple[Shorts, Shorts, Ints]
"""Pool of blocks; each bucket's last entry, -1 = empty; the first free block, the highest so far.

A free block says which is the next free one, 0 = the one behind it.
"""


def pool_for(cell_count: int) -> Shorts:
    """Give a pool for the front of a search on so many cells; one that needs more says so."""
    return np.zeros(cell_count // 2 + _POOL_MIN, np.int32)


def grown(pool: Shorts) -> Shorts:
    """Give a pool with room for four times as many nodes."""
    assert 4 * pool.size < np.iinfo(np.int32).max, "the queue outgrows its numbers"
    return np.zeros(4 * pool.size, np.int32)


@kernel
def queues(pool: Shorts, count: int) -> tuple[Shorts, Ints]:
    """Give the empty buckets of so many queues on a pool of zeros, and where its blocks stand."""
    return np.full((count, BUCKETS), -1, np.int32), np.array([BLOCK, BLOCK])


@inner
def has_room(queue: Queue) -> bool:
    """Tell whether the pool holds one more page, or the moves of one more node."""
    return bool(queue[2][1] + _RESERVE <= len(queue[0]))


@inner
def key_of(place: float, now: int) -> int:
    """Give the key of a promise, in widths of a bucket."""
    return max(now, int(min(place, KEY_MAX)))


@inner
def put(queue: Queue, now: int, cell: int, key: int) -> None:
    """Queue a node under a key, not before the bucket that is open."""
    pool, tops, blocks = queue
    apart = key ^ now
    level = (apart >> _LEVEL_BITS > 0) + (apart >> 2 * _LEVEL_BITS > 0)
    level += apart >> 3 * _LEVEL_BITS > 0
    slot = np.uint64(level * _SLOTS + ((key >> _LEVEL_BITS * level) & (_SLOTS - 1)))
    top = np.int64(tops[slot]) + 1
    if top & (BLOCK - 1) == 0:
        block = blocks[0]
        after = np.int64(pool[np.uint64(block)])
        blocks[0] = after if after else block + BLOCK
        blocks[1] = max(blocks[1], block)
        pool[np.uint64(block)], top = top - 1, block + 1
    pool[np.uint64(top)], tops[slot] = cell, top


@inner
def take(queue: Queue, bucket: int) -> int:
    """Take the last node out of a bucket that has one."""
    pool, tops, blocks = queue
    top = np.int64(tops[np.uint64(bucket)]) - 1
    cell = np.int64(pool[np.uint64(top + 1)])
    if top & (BLOCK - 1) == 0:
        block, top = top, np.int64(pool[np.uint64(top)])
        pool[np.uint64(block)], blocks[0] = blocks[0], block
    tops[np.uint64(bucket)] = top
    return int(cell)


@inner
def bucket_of(now: int) -> int:
    """Give the bucket that is open."""
    return now & (_SLOTS - 1)


@inner
def next_bucket(tops: Shorts, now: int) -> int:
    """Give the first bucket with nodes from the open one on, up to the end of the page; -1: none.

    returns : what is then `now`
    """
    slot = now & (_SLOTS - 1)
    while slot < _SLOTS and tops[np.uint64(slot)] < 0:
        slot += 1
    return (now & ~(_SLOTS - 1)) | slot if slot < _SLOTS else -1


@inner
def next_page(tops: Shorts, now: int) -> tuple[int, int]:
    """Give what is `now` as the next page opens, and the bucket whose nodes belong on it.

    They are to be taken out and queued again. At the end of all time: KEY_MAX + 1 and -1.
    """
    for level in range(1, _LEVELS):
        first = ((now >> _LEVEL_BITS * level) & (_SLOTS - 1)) + 1
        for bucket in range(level * _SLOTS + first, (level + 1) * _SLOTS):
            if tops[bucket] >= 0:
                above = now >> _LEVEL_BITS * (level + 1)
                return (above << _LEVEL_BITS | bucket & (_SLOTS - 1)) << _LEVEL_BITS * level, bucket
    return KEY_MAX + 1, -1
