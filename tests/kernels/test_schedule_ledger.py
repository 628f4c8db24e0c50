import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.schedule_ledger import (
    Ledgers,
    copy_ledgers,
    empty_ledgers,
    enter,
    first_fit,
)
from lunaredge.kernels.schedule_sheet import NEVER
from tests.kernels.naive_diary import Diary, free_places, ledger_seconds, ledger_steps

SECONDS = 60
ROOM = np.array([[4, 5], [3, 7], [0, 2]], dtype=np.int64)
randoms = st.builds(random.Random, st.integers(0, 1 << 30))

Use = tuple[int, int, int, tuple[int, int], int]


def drawn_use(rng: random.Random, seconds: int) -> Use:
    """Draw a ledger, an interval, what is used, and how many times."""
    start_s = rng.randrange(seconds - 1)
    end_s = rng.randrange(start_s + 1, min(seconds, start_s + 25))
    needs = (rng.randrange(3), rng.randrange(3))
    return rng.randrange(len(ROOM)), start_s, end_s, needs, rng.randint(1, 2)


def apply(ledgers: Ledgers, diary: Diary, use: Use, sign: int) -> None:
    which, start_s, end_s, needs, factor = use
    enter(ledgers, which, start_s, end_s, np.array(needs), sign * factor)
    diary.enter(which, start_s, end_s, needs, sign * factor)


def used_at_random(
    rng: random.Random, changes: int, seconds: int = SECONDS
) -> tuple[Ledgers, Diary, list[Use]]:
    """Enter and take out at random, with no more room than is promised to be enough."""
    uses_max = rng.choice((1, 3, 12, 40))
    ledgers, diary = empty_ledgers(ROOM, 2 * uses_max), Diary(ROOM, seconds)
    present: list[Use] = []
    for _ in range(changes):
        if present and (len(present) == uses_max or rng.random() < 0.4):
            apply(ledgers, diary, present.pop(rng.randrange(len(present))), -1)
        else:
            present.append(drawn_use(rng, seconds))
            apply(ledgers, diary, present[-1], 1)
    return ledgers, diary, present


def says(ledgers: Ledgers, seconds: int = SECONDS) -> list[list[list[int]]]:
    return [ledger_seconds(ledgers, k, seconds).tolist() for k in range(len(ROOM))]


@settings(max_examples=60, deadline=None)
@given(rng=randoms, changes=st.integers(0, 80))
def test_a_ledger_says_of_each_second_what_is_in_use(rng: random.Random, changes: int) -> None:
    ledgers, diary, _ = used_at_random(rng, changes)

    assert says(ledgers) == diary.used.tolist()


@settings(max_examples=25, deadline=None)
@given(rng=randoms, changes=st.integers(0, 60))
def test_the_first_fit_is_the_first_second_from_which_enough_is_free(
    rng: random.Random, changes: int
) -> None:
    ledgers, diary, _ = used_at_random(rng, changes)
    which, needs = rng.randrange(len(ROOM)), (rng.randrange(3), rng.randrange(4))
    factor = rng.randint(1, 2)
    # Lookups remember where they were: later and earlier ones must not harm each other.
    looks = [(start_s, duration_s) for start_s in range(SECONDS) for duration_s in (1, 2, 7, 99)]
    rng.shuffle(looks)

    found = [first_fit(ledgers, which, *look, np.array(needs), factor) for look in looks]

    wanted = [factor * need for need in needs]
    assert found == [diary.first_fit(which, *look, wanted) for look in looks]


def test_what_is_more_than_there_is_never_fits() -> None:
    ledgers = empty_ledgers(ROOM, 0)

    assert first_fit(ledgers, 0, 5, 10, np.array([5, 0]), 1) == NEVER
    assert first_fit(ledgers, 0, 5, 10, np.array([4, 5]), 1) == 5
    assert first_fit(ledgers, 2, 5, 10, np.array([1, 0]), 1) == NEVER


def test_one_use_may_begin_at_the_second_at_which_another_ends() -> None:
    ledgers = empty_ledgers(ROOM, 4)
    enter(ledgers, 0, 10, 20, np.array([4, 0]), 1)

    assert first_fit(ledgers, 0, 5, 5, np.array([4, 0]), 1) == 5
    assert first_fit(ledgers, 0, 5, 6, np.array([4, 0]), 1) == 20
    assert first_fit(ledgers, 0, 20, 6, np.array([4, 0]), 1) == 20


@settings(max_examples=30, deadline=None)
@given(rng=randoms)
def test_what_is_taken_out_in_any_order_leaves_nothing_behind(rng: random.Random) -> None:
    ledgers, diary, present = used_at_random(rng, 60)
    rng.shuffle(present)

    for use in present:
        apply(ledgers, diary, use, -1)

    assert says(ledgers) == Diary(ROOM, SECONDS).used.tolist()
    assert [ledger_steps(ledgers, k) for k in range(len(ROOM))] == [[0], [1], [2]]


@settings(max_examples=30, deadline=None)
@given(rng=randoms)
def test_every_step_is_in_one_ledger_or_free(rng: random.Random) -> None:
    ledgers, _, present = used_at_random(rng, 80)

    held = [step for k in range(len(ROOM)) for step in ledger_steps(ledgers, k)]

    free = free_places(ledgers.pool[0], ledgers.steps[:, 1])
    assert sorted(held + free) == list(range(ledgers.pool[1]))
    assert len(held) <= len(ROOM) + 2 * len(present)
    assert ledgers.pool[1] <= len(ledgers.steps)


@settings(max_examples=10, deadline=None)
@given(rng=randoms)
def test_long_ledgers_are_as_right_as_short_ones(rng: random.Random) -> None:
    ledgers, diary, _ = used_at_random(rng, 300, seconds=2_000)
    needs = (2, 1)
    looks = [(rng.randrange(2_000), rng.randrange(1, 40)) for _ in range(60)]

    found = [first_fit(ledgers, 0, *look, np.array(needs), 1) for look in looks]

    assert says(ledgers, 2_000) == diary.used.tolist()
    assert found == [diary.first_fit(0, *look, needs) for look in looks]


@settings(max_examples=30, deadline=None)
@given(rng=randoms)
def test_a_copy_says_the_same_and_goes_its_own_way(rng: random.Random) -> None:
    ledgers, diary, present = used_at_random(rng, rng.choice((0, 5, 60)))
    # The target has been something else before, longer or shorter.
    target, before = empty_ledgers(ROOM, len(ledgers.steps) - len(ROOM)), Diary(ROOM, SECONDS)
    for _ in range(rng.randrange(len(ledgers.steps) // 2)):
        apply(target, before, drawn_use(rng, SECONDS), 1)

    copy_ledgers(ledgers, target)
    as_copied, original = says(target), diary.used.tolist()
    for use in present:
        apply(target, diary, use, -1)

    assert as_copied == original
    assert says(target) == diary.used.tolist()
    assert says(ledgers) == original
