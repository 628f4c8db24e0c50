"""The bucket queue of the grid searches, against a sorted list."""

import bisect

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from lunaredge.kernels.gridqueue import (
    BLOCK,
    KEY_MAX,
    bucket_of,
    grown,
    has_room,
    key_of,
    next_bucket,
    next_page,
    pool_for,
    put,
    queues,
    take,
)

RISES = st.sampled_from([0, 1, 2, 40, 1500, 70_000, 3_000_000, 2_000_000_000])


def opened(queue, now, keys):
    """Give what is `now` as the first bucket with nodes opens; None once there is none."""
    while now <= KEY_MAX:
        first = next_bucket(queue[1], now)
        if first >= 0:
            return first
        now, bucket = next_page(queue[1], now)
        while bucket >= 0 and queue[1][bucket] >= 0:
            cell = take(queue, bucket)
            put(queue, now, cell, keys[cell])
    return None


@example([[0] * 70, [1500] * 70, [0]])
@given(st.lists(st.lists(RISES, max_size=40), min_size=1, max_size=12))
def test_nodes_come_out_by_their_keys_and_each_once(rounds):
    pool = pool_for(1000)
    tops, blocks = queues(pool, 2)
    queue, now, keys, waiting = (pool, tops[1], blocks), 0, [], []

    for rises in rounds:
        for rise in rises:
            keys.append(key_of(float(now + rise), now))
            bisect.insort(waiting, keys[-1])
            put(queue, now, len(keys) - 1, keys[-1])
        if waiting:
            now = opened(queue, now, keys)
            assert keys[take(queue, bucket_of(now))] == waiting.pop(0) == now
    while (after := opened(queue, now, keys)) is not None:
        now = after
        assert keys[take(queue, bucket_of(now))] == waiting.pop(0) == now

    assert not waiting
    assert (tops == -1).all()


def test_a_key_is_never_before_the_bucket_that_is_open_nor_beyond_the_last():
    keys = [key_of(place, 7) for place in (3.9, 7.0, 9.9, 1e300)]

    assert keys == [7, 7, 9, KEY_MAX]


def test_the_last_node_of_a_bucket_comes_first_from_block_to_block():
    pool = pool_for(0)
    tops, blocks = queues(pool, 1)
    queue = (pool, tops[0], blocks)
    cells = list(range(3 * BLOCK))

    for cell in cells:
        put(queue, 5, cell, 5)
    found = [take(queue, 5) for _ in cells]

    assert found == cells[::-1]


def test_a_pool_that_is_full_says_so_before_it_is_and_grows():
    pool = pool_for(0)
    tops, blocks = queues(pool, 1)
    queue = (pool, tops[0], blocks)

    count = 0
    while has_room(queue):
        put(queue, 0, count, 0)
        count += 1

    assert 0 < count < len(pool)
    assert len(grown(pool)) == 4 * len(pool)
    assert np.count_nonzero(tops[0] >= 0) == 1
