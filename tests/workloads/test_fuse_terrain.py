import hashlib
import random
import statistics
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.workloads.fuse_terrain import Map, run

# Quarters are exact in float32, so that the naive twin sees the same heights.
quarters = st.integers(-400, 400).map(lambda number: number / 4)
points = st.lists(st.tuples(quarters, quarters, quarters), max_size=40)


def packed(triples):
    return b"".join(struct.pack("<3f", *triple) for triple in triples)


def fused(patches, cell_m=5.0):
    document = msgspec.msgpack.encode({"cell_m": cell_m, "patches": patches})
    return msgspec.msgpack.decode(run(document), type=Map)


@given(points)
def test_each_cell_gets_the_median_of_its_heights(triples):
    cells = {}
    for x_m, y_m, z_m in triples:
        cells.setdefault((x_m // 5.0, y_m // 5.0), []).append(z_m)

    found = fused([packed(triples)])

    assert found.points == len(triples)
    assert found.cells == [
        ((column + 0.5) * 5.0, (row + 0.5) * 5.0, statistics.median(heights), len(heights))
        for (column, row), heights in sorted(cells.items())
    ]
    expected_m = [statistics.pstdev(heights) for _, heights in sorted(cells.items())]
    assert found.spread_m == pytest.approx(expected_m, abs=1e-9)


def test_the_order_of_patches_changes_no_byte():
    rng = random.Random(7)
    patches = [
        packed([(rng.uniform(0, 50), rng.uniform(0, 50), rng.gauss(0, 1)) for _ in range(200)])
        for _ in range(5)
    ]
    document = {"cell_m": 5.0, "patches": patches}
    turned = {"cell_m": 5.0, "patches": patches[::-1]}

    first, second = (run(msgspec.msgpack.encode(each)) for each in (document, turned))

    assert first == second


def test_one_bad_echo_does_not_move_the_ground():
    level = [(1.0, 1.0, 10.0)] * 4

    found = fused([packed([*level, (1.0, 1.0, -900.0)])])

    assert found.cells[0][2] == 10.0


def test_the_digest_is_over_the_cells():
    found = fused([packed([(1.0, 1.0, 2.0), (9.0, 1.0, 3.0)])])

    cells = np.array(found.cells, dtype="<f8").tobytes()
    assert found.sha256 == hashlib.sha256(cells).hexdigest()


def test_no_points_give_an_empty_map():
    assert fused([]).cells == fused([b""]).cells == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"", "not a set of surveys"),
        (msgspec.msgpack.encode({"cell_m": 5.0}), "not a set of surveys"),
        (msgspec.msgpack.encode({"cell_m": 0.0, "patches": []}), "cell_m"),
        (msgspec.msgpack.encode({"cell_m": float("nan"), "patches": []}), "cell_m"),
        (msgspec.msgpack.encode({"cell_m": 5.0, "patches": [b"abc"]}), "patch 0"),
        (
            msgspec.msgpack.encode({"cell_m": 5.0, "patches": [packed([(np.inf, 0.0, 0.0)])]}),
            "coordinate",
        ),
        (
            msgspec.msgpack.encode({"cell_m": 5.0, "patches": [packed([(0.0, 0.0, np.nan)])]}),
            "coordinate",
        ),
    ],
)
def test_input_that_is_no_survey_is_refused(document, words):
    with pytest.raises(ValueError, match=words):
        run(document)
