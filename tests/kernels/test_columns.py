"""Columns of a batch against their plain twins: types, gaps, what is no number, and lies."""

import math
import random

import numpy as np
import pytest

from lunaredge.kernels.columns import (
    LENGTHS,
    ROWS,
    SOUND,
    TIMES,
    check_columns,
    fold_columns,
    stand_columns,
    sum_columns,
)
from tests.kernels import naive_columns

ODD = (math.nan, math.inf, -math.inf, 0.0, -0.0, 3.4e38, 1e-45)


def same(ours: float, theirs: float) -> bool:
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i4", "<i8", "u1"])
@pytest.mark.parametrize("seed", range(20))
def test_folds_are_those_of_the_plain_twin(dtype: str, seed: int) -> None:
    dice = random.Random(f"{dtype}/{seed}")
    kind = np.dtype(dtype)
    counts = [dice.choice((0, 1, 2, 17)) for _ in range(dice.randint(1, 9))]
    odd = ODD if kind.kind == "f" else ()
    columns = [
        np.array([dice.choice((*odd, dice.randint(0, 200))) for _ in range(count)], kind)
        for count in counts
    ]
    values = np.concatenate([*columns, np.empty(0, kind)])
    lows, highs, lasts = (np.empty(len(counts)) for _ in range(3))

    broken = fold_columns(values, np.array(counts, np.uint16), lows, highs, lasts)

    expected, broken_expected = naive_columns.fold([column.tolist() for column in columns])
    assert broken == broken_expected
    for ours, theirs in zip(zip(lows, highs, lasts, strict=True), expected, strict=True):
        assert all(map(same, ours, theirs))


@pytest.mark.parametrize("seed", range(200))
def test_what_cannot_be_is_found_as_by_the_plain_twin(seed: int) -> None:
    dice = random.Random(seed)
    row_count = dice.randint(0, 6)
    offsets = sorted(dice.randrange(100) for _ in range(row_count))
    span = dice.choice((100, 100, 100, dice.randrange(100)))
    listed: list[list[int] | None] = []
    for _ in range(dice.randint(1, 5)):
        rows = sorted(dice.sample(range(row_count), dice.randint(0, row_count)))
        listed.append(None if len(rows) == row_count else rows)
    lists = [rows for rows in listed if rows]
    if lists and dice.random() < 0.4:
        spoilt = dice.choice(lists)
        spoilt[dice.randrange(len(spoilt))] = dice.randrange(row_count + 2)
    if row_count > 1 and dice.random() < 0.3:
        dice.shuffle(offsets)
    sizes = [dice.choice((1, 4, 8)) for _ in listed]
    counts = [row_count if rows is None else len(rows) for rows in listed]
    flat = [row for rows in listed if rows is not None for row in rows]
    last_ns = np.empty(len(listed), np.int64)

    found = check_columns(
        np.array(counts, np.uint16),
        np.array(sizes, np.int64),
        np.array(flat, np.uint16),
        np.array(offsets, np.int64),
        span,
        sum(size * count for size, count in zip(sizes, counts, strict=True)),
        last_ns,
    )

    expected = naive_columns.flaw(row_count, listed, offsets, span)
    assert found == {"": SOUND, "rows": ROWS, "times": TIMES}[expected]
    if found == SOUND:
        rows_of = [range(row_count) if rows is None else rows for rows in listed]
        assert last_ns.tolist() == [offsets[rows[-1]] if rows else -1 for rows in rows_of]


@pytest.mark.parametrize(
    ("counts", "rows", "values_bytes"),
    [
        ([2, 1], [0], 11),
        ([2, 1], [], 12),
        ([2, 1], [0, 1], 12),
        ([3, 2], [], 20),
    ],
)
def test_lengths_that_lie_are_found(counts: list[int], rows: list[int], values_bytes: int) -> None:
    found = check_columns(
        np.array(counts, np.uint16),
        np.array([4, 4], np.int64),
        np.array(rows, np.uint16),
        np.array([0, 1], np.int64),
        5,
        values_bytes,
        np.empty(2, np.int64),
    )

    assert found == LENGTHS


def test_a_later_value_stands_and_an_older_one_does_not() -> None:
    lasts, measured_ns = np.array([1.0, 1.0, 1.0]), np.array([10, 10, 10])
    blank_ns = np.array([0, 12, 30])

    new = np.array([2.0, 2.0, np.nan])
    stand_columns(new, np.array([9, 20, 40]), lasts, measured_ns, blank_ns)

    assert lasts.tolist() == [1.0, 2.0, 1.0]
    assert measured_ns.tolist() == [10, 20, 10]
    assert blank_ns.tolist() == [0, 0, 30]


def test_a_stretch_comes_to_what_its_batches_come_to_together() -> None:
    dice = random.Random(5)
    batches = [[[dice.uniform(-9, 9) for _ in range(4)] for _ in range(3)] for _ in range(6)]
    folds, counts = np.full((3, 3), np.nan), np.zeros(3, np.int64)

    for batch in batches:
        told, _ = naive_columns.fold(batch)
        sum_columns(np.array(told).T.copy(), np.full(3, 4, np.uint16), folds, counts)

    whole = [[value for batch in batches for value in batch[k]] for k in range(3)]
    assert folds.T.tolist() == [list(row) for row in naive_columns.fold(whole)[0]]
    assert counts.tolist() == [24, 24, 24]
