"""The benchmark of generalised assignment: its instances, and what it says of them."""

from pathlib import Path

import numpy as np
import pytest

from lunaredge.cli.bench import placement_gap
from lunaredge.cli.bench.placement_gap_data import (
    BEST_KNOWN,
    cost_of,
    drawn,
    instances,
    read_instance,
    read_instances,
)
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.errors import ConfigError

# Two nodes, three tasks: the cheapest plan is 0, 0, 1 for 4; all on node 0 would cost 3.
SMALL = "2 3\n1 1 1\n2 2 2\n1 1 1\n1 1\n1\n2 9\n"
LIST = (
    "Path,Item number,Agent number,Best known bound,Optimum,Best known solution value\n"
    "some/small,3,2,4,4,4\n"
)


def write(folder: Path, listed: str = LIST, text: str = SMALL) -> Path:
    (folder / BEST_KNOWN).write_text(listed, encoding="utf-8")
    (folder / "small").write_text(text, encoding="utf-8")
    return folder


def test_a_file_is_read_whatever_its_lines(tmp_path):
    found = read_instances(write(tmp_path))

    assert [(one.name, one.best_known) for one in found] == [("small", 4)]
    assert found[0].costs.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert found[0].usages.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert found[0].capacities.tolist() == [2, 9]


@pytest.mark.parametrize(
    ("listed", "text", "says"),
    [
        (LIST, SMALL.replace("2 2 2", "2 2 two"), "small: line 3: .*'two'"),
        (LIST, SMALL + "7\n", "count of numbers: .* got 17; give 16"),
        (LIST, "", "begin with"),
        (LIST, "0 3\n", "begin with"),
        (LIST.replace("some/small", "some/other"), SMALL, "other: file"),
        (LIST.replace("4,4,4", "4,4,"), SMALL, "line 2, Best known solution value"),
        ("name,cost\nsmall,4\n", SMALL, "line 1"),
        ("", SMALL, "line 1"),
    ],
)
def test_files_of_another_format_are_refused(tmp_path, listed, text, says):
    with pytest.raises(ConfigError, match=says):
        read_instances(write(tmp_path, listed, text))


def test_a_folder_without_the_list_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=BEST_KNOWN):
        instances(str(tmp_path))


def test_a_plan_counts_only_if_every_task_is_placed_and_fits(tmp_path):
    write(tmp_path)
    small = read_instance(tmp_path / "small", None)

    assert cost_of(small, [0, 0, 1]) == 4
    assert cost_of(small, [0, 0, 0]) is None
    assert cost_of(small, [0, 1]) is None
    assert cost_of(small, [0, 1, -1]) is None
    assert cost_of(small, [0, 1, 2]) is None


@pytest.mark.parametrize("kind", ["C", "D", "E"])
def test_classes_are_drawn_by_their_rules_and_the_same_each_time(kind):
    one, again = drawn(kind, 200, 10), drawn(kind, 200, 10)

    assert np.array_equal(one.costs, again.costs)
    assert one.costs.shape == one.usages.shape == (10, 200)
    assert np.array_equal(one.capacities, one.usages.sum(axis=1) * 8 // 100)
    if kind == "C":
        assert (one.costs.min(), one.costs.max()) == (10, 50)
        assert (one.usages.min(), one.usages.max()) == (5, 25)
    if kind == "D":
        assert abs(one.costs + one.usages - 111).max() == 10
        assert (one.usages.min(), one.usages.max()) == (1, 100)
    if kind == "E":
        assert one.usages.min() >= 1
        assert (abs(one.costs - 1000 / one.usages + 5) <= 6).all()


def test_a_short_run_gives_a_row_for_each_peer_and_budget(tmp_path):
    options = BenchOptions(seconds=0.5, data=str(write(tmp_path)))

    rows = placement_gap.rows(options)

    assert [row.peer for row in rows] == ["ortools", "highspy"]
    assert {row.case for row in rows} == {"assign small, 0.1 s"}
    assert {row.ours for row in rows} == {0.0}
    for row in rows:
        assert row.peer_value == 0.0 or "not installed" in row.reason


def test_time_is_shared_out():
    assert placement_gap._share(None, 15) == (10.0, 15)
    assert placement_gap._share(70.0, 15) == (10.0, 2)
    assert placement_gap._share(1e6, 15) == (10.0, 15)
    peer_s, count = placement_gap._share(3.11, 15)
    assert (peer_s, count) == (pytest.approx(1.0), 1)
