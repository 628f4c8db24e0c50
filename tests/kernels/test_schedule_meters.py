import random
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.schedule_meters import (
    BLOCK,
    Meters,
    copy_meters,
    draw_from,
    first_free,
    idle_meters,
)
from lunaredge.kernels.schedule_sheet import NEVER
from tests.kernels.naive_diary import Diary, free_places, meter_blocks, meter_seconds

SECONDS = 400
LIMITS = np.array([9, 2, 100], dtype=np.int64)
USED = 1
"""Where a pool counts the blocks that were ever used."""
randoms = st.builds(random.Random, st.integers(0, 1 << 30))

Draw = tuple[int, int, int, int]


def drawn_draw(rng: random.Random, length_max: int) -> Draw:
    """Draw a meter, an interval and an amount; most are on one meter, so that its list is long."""
    start_s = rng.randrange(SECONDS - 1)
    end_s = rng.randrange(start_s + 1, min(SECONDS, start_s + length_max + 1))
    if rng.random() < 0.02:
        end_s = NEVER
    return rng.choice((0, 0, 0, 1, 2)), start_s, end_s, rng.randrange(4)


def apply(meters: Meters, diary: Diary, draw: Draw, sign: int) -> None:
    which, start_s, end_s, amount = draw
    draw_from(meters, which, start_s, end_s, sign * amount)
    diary.enter(which, start_s, end_s, [amount], sign)


def drawn_at_random(
    rng: random.Random, changes: int, draws_max: int = 0
) -> tuple[Meters, Diary, list[Draw]]:
    """Draw and stop at random, in waves, with no more room than is promised to be enough."""
    draws_max = draws_max or rng.choice((2, 30, 300))
    length_max = rng.choice((2, 20, SECONDS))
    meters, diary = idle_meters(LIMITS, draws_max), Diary(LIMITS, SECONDS)
    present: list[Draw] = []
    share = 0.3
    for _ in range(changes):
        share = rng.choice((0.1, 0.9)) if rng.random() < 0.02 else share
        if present and (len(present) == draws_max or rng.random() < share):
            apply(meters, diary, present.pop(rng.randrange(len(present))), -1)
        else:
            present.append(drawn_draw(rng, length_max))
            apply(meters, diary, present[-1], 1)
    return meters, diary, present


def says(meters: Meters, seconds: int = SECONDS) -> list[list[int]]:
    return [meter_seconds(meters, k, seconds).tolist() for k in range(len(LIMITS))]


def told(diary: Diary) -> list[list[int]]:
    return diary.used[:, :, 0].tolist()


@settings(max_examples=30, deadline=None)
@given(rng=randoms, changes=st.integers(0, 500))
def test_a_meter_says_of_each_second_what_is_drawn(rng: random.Random, changes: int) -> None:
    meters, diary, _ = drawn_at_random(rng, changes)

    assert says(meters) == told(diary)


@settings(max_examples=30, deadline=None)
@given(rng=randoms, changes=st.integers(0, 400))
def test_the_first_free_second_is_the_first_from_which_so_much_may_be_drawn(
    rng: random.Random, changes: int
) -> None:
    meters, diary, _ = drawn_at_random(rng, changes)
    which = rng.randrange(len(LIMITS))
    busy = int(diary.used[which].max())
    # Amounts near what is left at the busiest second are free here and there.
    amounts = {1, *(int(LIMITS[which]) - busy + more for more in (0, 1, 3))}
    looks = [
        (start_s, duration_s, amount)
        for start_s in rng.sample(range(SECONDS), 12)
        for duration_s in (1, 2, 9, 150, 1_000)
        for amount in sorted(amounts)
    ]
    rng.shuffle(looks)

    found = [first_free(meters, which, *look) for look in looks]

    assert found == [diary.first_fit(which, *look[:2], [look[2]]) for look in looks]


def test_more_than_the_limit_is_never_free() -> None:
    meters = idle_meters(LIMITS, 1)

    assert first_free(meters, 1, 5, 10, 3) == NEVER
    assert first_free(meters, 1, 5, 10, 2) == 5


def test_one_draw_may_begin_at_the_second_at_which_another_ends() -> None:
    meters = idle_meters(LIMITS, 1)
    draw_from(meters, 1, 10, 20, 2)

    assert first_free(meters, 1, 5, 5, 1) == 5
    assert first_free(meters, 1, 5, 6, 1) == 20
    assert first_free(meters, 1, 20, 6, 1) == 20


@settings(max_examples=15, deadline=None)
@given(rng=randoms)
def test_what_stops_in_any_order_leaves_nothing_behind(rng: random.Random) -> None:
    meters, diary, present = drawn_at_random(rng, 300)
    rng.shuffle(present)

    for draw in present:
        apply(meters, diary, draw, -1)

    assert says(meters) == told(diary) == told(Diary(LIMITS, SECONDS))
    assert [meter_blocks(meters, k) for k in range(len(LIMITS))] == [[0], [1], [2]]
    assert meters.blocks[: len(LIMITS), 0].tolist() == [1, 1, 1]


@settings(max_examples=15, deadline=None)
@given(rng=randoms)
def test_every_block_is_in_one_meter_or_free(rng: random.Random) -> None:
    meters, _, present = drawn_at_random(rng, 500)

    held = [block for k in range(len(LIMITS)) for block in meter_blocks(meters, k)]

    free = free_places(meters.pool[0], meters.blocks[:, 1])
    assert sorted(held + free) == list(range(meters.pool[USED]))
    assert sum(meters.blocks[held, 0]) <= len(LIMITS) + 2 * len(present)
    assert meters.pool[USED] <= len(meters.blocks)


def test_long_draws_over_many_blocks_are_added_to_each_of_them() -> None:
    meters, diary = idle_meters(LIMITS, 500), Diary(LIMITS, 3_000)
    for k in range(400):
        apply(meters, diary, (2, 7 * k, 7 * k + 3 + k % 3, 1 + k % 5), 1)
    blocks = len(meter_blocks(meters, 2))

    for start_s, end_s in ((0, 3_000), (5, 2_900), (700, 1_400), (701, 703), (1_000, NEVER)):
        apply(meters, diary, (2, start_s, end_s, 10), 1)
        assert says(meters, 3_000) == told(diary)

    assert blocks > 20
    assert first_free(meters, 2, 0, 600, 75) == diary.first_fit(2, 0, 600, [75])


def test_what_draws_nothing_leaves_no_steps() -> None:
    meters = idle_meters(LIMITS, 500)

    for k in range(500):
        draw_from(meters, 0, 5 * k + 1, 5 * k + 3, 0)
        draw_from(meters, 0, 5 * k + 1, 5 * k + 3, 0)

    assert meter_blocks(meters, 0) == [0]
    assert meters.pool[USED] == len(LIMITS)


def test_a_block_between_full_ones_may_lose_all_its_steps() -> None:
    meters, diary = idle_meters(LIMITS, 200), Diary(LIMITS, 2_100)
    draws = [(2, 10 * k + 5, 10 * k + 10, 1 + k % 3) for k in range(200)]
    for draw in draws:
        apply(meters, diary, draw, 1)
    before, block, behind = meter_blocks(meters, 2)[4:7]
    held = meters.steps[block, : meters.blocks[block, 0], 0].tolist()
    for neighbour in (before, behind):
        from_s = int(meters.steps[neighbour, 1, 0]) // 10 * 10
        apply(meters, diary, (2, from_s + 1, from_s + 3, 1), 1)
        apply(meters, diary, (2, from_s + 11, from_s + 13, 1), 1)

    for draw in draws:
        if draw[1] in held or draw[2] in held:
            apply(meters, diary, draw, -1)
            assert says(meters, 2_100) == told(diary)

    assert block not in meter_blocks(meters, 2)


def emptied_to_one_step_a_block(order: int, count: int) -> tuple[Meters, Meters]:
    """Fill a meter again and again; each time leave as little in its new blocks as keeps them.

    Give it, and one with the room that is promised for so many draws: never are there more.
    """
    roomy = idle_meters(LIMITS[:1], 40 * count)
    present, begin_s = 0, 10
    for _ in range(8):
        new = [(begin_s + 10 * k, begin_s + 10 * k + 5) for k in range(count - present)]
        begin_s += 10 * count
        for start_s, end_s in new:
            draw_from(roomy, 0, start_s, end_s, 1)
        firsts = {int(roomy.steps[block, 0, 0]) for block in meter_blocks(roomy, 0)}
        kept = [draw for draw in new if firsts & set(draw)]
        for start_s, end_s in [draw for draw in new if draw not in kept][::order]:
            draw_from(roomy, 0, start_s, end_s, -1)
        present += len(kept)
    return roomy, idle_meters(LIMITS[:1], count)


def test_no_order_in_which_draws_stop_takes_more_blocks_than_there_is_room_for() -> None:
    for order in (1, -1):
        roomy, promised = emptied_to_one_step_a_block(order, 400)

        assert roomy.pool[USED] <= len(promised.blocks)
        assert sum(roomy.blocks[meter_blocks(roomy, 0), 0]) <= 1 + 2 * 400


@settings(max_examples=15, deadline=None)
@given(rng=randoms)
def test_two_blocks_beside_each_other_hold_more_than_half_of_one(rng: random.Random) -> None:
    meters, _, _ = drawn_at_random(rng, 500)

    for k in range(len(LIMITS)):
        counts = meters.blocks[meter_blocks(meters, k), 0].tolist()
        pairs = pairwise(counts)
        assert all(one + other > BLOCK // 2 for one, other in pairs)


@settings(max_examples=15, deadline=None)
@given(rng=randoms)
def test_a_copy_says_the_same_and_goes_its_own_way(rng: random.Random) -> None:
    meters, diary, present = drawn_at_random(rng, rng.choice((0, 5, 300)), draws_max=200)
    # The target has been something else before, longer or shorter.
    target, _, _ = drawn_at_random(rng, rng.choice((0, 5, 300)), draws_max=200)

    copy_meters(meters, target)
    as_copied, original = says(target), told(diary)
    for draw in present:
        apply(target, diary, draw, -1)

    assert as_copied == original
    assert says(target) == told(diary)
    assert says(meters) == original
