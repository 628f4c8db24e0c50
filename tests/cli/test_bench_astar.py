"""A* of the benchmark on maps of a folder: the same trips and the same costs on both sides."""

import numpy as np
import pytest

from lunaredge.cli.bench import paths
from lunaredge.cli.bench.contest import OURS
from lunaredge.cli.bench.paths_astar import TRIPS, contender, contests
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.errors import ConfigError

# Two parts that only a corner joins; the larger one has a wall with a gap.
ROWS = ["..........", ".....@....", ".....@....", "..........", "@@@@@@@@@.", ".........@"]
MAP = f"type octile\nheight {len(ROWS)}\nwidth 10\nmap\n" + "\n".join(ROWS) + "\n"
KEPT, ANEW = "A*, small, 10 x 6, grid kept", "A*, small, 10 x 6, grid anew"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.map").write_text(MAP)
    return str(tmp_path)


def test_a_folder_of_maps_is_a_job_of_paths(folder):
    found = paths.contests(BenchOptions(seconds=None, data=folder))

    cases = [list(contest.cases) for contest in found["astar"]]
    assert list(found) == ["astar"]
    assert cases == [[KEPT], [ANEW]]
    assert all(
        "Rule on both sides" in contest.cases[case]
        for contest, (case,) in zip(found["astar"], cases, strict=True)
    )


def test_ours_finds_the_same_costs_kept_or_anew(folder):
    ours = contender(OURS, folder)

    kept, anew = ours.answer(KEPT), ours.answer(ANEW)

    assert kept == anew
    assert len(kept) == len(TRIPS)
    assert min(kept) >= 0.0
    assert ours.measure(KEPT, 0.0) > 0.0


def test_the_peer_finds_the_same_costs(folder):
    pytest.importorskip("pyastar2d")

    assert contender("pyastar2d", folder).answer(KEPT) == contender(OURS, folder).answer(KEPT)


def test_a_step_may_cut_a_corner_as_the_peer_has_it(tmp_path):
    (tmp_path / "diagonal.map").write_text("type octile\nheight 2\nwidth 2\nmap\n.@\n..\n")
    ours = contender(OURS, str(tmp_path))

    costs = ours.answer("A*, diagonal, 2 x 2, grid kept")

    # From corner to corner is one step, past the blocked cell, and costs one cell.
    assert costs[0] == 1.0


def test_maps_of_another_format_are_refused(tmp_path):
    (tmp_path / "broken.map").write_text("type octile\n")

    with pytest.raises(ConfigError, match="MovingAI"):
        contests(BenchOptions(seconds=None, data=str(tmp_path)))


def test_a_map_without_room_is_refused(tmp_path):
    (tmp_path / "full.map").write_text("type octile\nheight 1\nwidth 2\nmap\n@@\n")

    with pytest.raises(ConfigError, match="passable"):
        contests(BenchOptions(seconds=None, data=str(tmp_path)))


def test_drawn_maps_have_their_trips_within(monkeypatch):
    costs = contender(OURS, "").answer("A*, warehouse, 1024 x 1024, grid kept")

    assert np.all(np.array(costs) > 0.0)
