"""The picture of what a check costs: which rows make its curves."""

import json
from pathlib import Path

import msgspec
import pytest

from lunaredge.cli.bench import paths
from lunaredge.cli.bench.paths_plot import CURVES, draw, points_of
from lunaredge.cli.bench.row import BenchRow
from lunaredge.cli.main import main

ROW = BenchRow(case="", metric="", unit="1/s", ours=None)
SOLIDS, _, _, OBSTACLES, MACHINES = CURVES


def row(case, ours, unit="1/s"):
    return msgspec.structs.replace(ROW, case=case, ours=ours, unit=unit)


def test_a_rate_of_poses_is_the_time_of_the_whole_job():
    rows = [
        row("10,000 poses, 1,000 boxes on 1000 m", 1e8),
        row("200 poses, 1,000 boxes on 1000 m", 5e7),
        row("200 poses, 1,000 boxes on 2000 m", 1e9),
    ]

    assert points_of(SOLIDS, rows) == [(200.0, 4.0), (10_000.0, 100.0)]


def test_of_obstacles_the_number_of_poses_stays():
    assert points_of(OBSTACLES, [row("100,000 poses, 10 boxes on 1000 m", 1e8)]) == [(10.0, 1e3)]


def test_what_was_not_measured_is_no_point():
    case = "all pairs, continuous, 30 machines x 200 poses on 387 m"

    assert points_of(MACHINES, [row(case, None, "us")]) == []
    assert points_of(MACHINES, [row(case, 7.0, "us")]) == [(30.0, 7.0)]


def test_a_picture_is_drawn(tmp_path):
    rows = [row(f"{size} poses, 1,000 boxes on 1000 m", 1e8) for size in ("200", "1,000")]

    draw(rows, tmp_path / "cost.png")

    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sim", "--plot", "x.png"], "measure one of paths"),
        (["paths", "--plot", "x.jpg"], ".png"),
        (["paths", "--plot", "no-such-folder/x.png"], "make the folder"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_at_once(words, said, capsys):
    code = main(["bench", *words])

    assert code == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_picture_that_finds_no_room_leaves_the_figures(tmp_path, monkeypatch, capsys):
    out = tmp_path / "cost.png"
    out.symlink_to("/dev/full")
    monkeypatch.setattr(paths, "rows", lambda _: [row("a case", 1e8)])

    code = main(["bench", "paths", "--plot", str(out), "--json"])

    captured = capsys.readouterr()
    assert code == 3
    assert "No space left on device" in captured.err
    assert json.loads(captured.out)["rows"][0]["ours"] == 1e8
