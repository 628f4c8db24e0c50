"""The contest on a grid: every contender says the same of the same poses."""

import numpy as np
import pytest

from lunaredge.cli.bench.contest import OURS
from lunaredge.cli.bench.paths_grid import contender, contests
from lunaredge.cli.bench.paths_grid_scene import CELLS, draw_scene
from lunaredge.cli.bench.row import BenchOptions

CASE = "rocks 2 %, 4000 poses"


@pytest.mark.parametrize("name", ["discs", "tiers"])
def test_peers_give_our_verdicts(name):
    ours = contender(OURS).answer(CASE)

    assert contender(name).answer(CASE) == ours


def test_scenes_have_the_poses_and_the_rocks_that_their_case_names():
    scene = draw_scene(CASE)

    assert scene.poses.shape == scene.strayed.shape == (4000, 3)
    assert scene.closed.mean() == pytest.approx(0.02, abs=0.003)
    assert (draw_scene("slopes, 1 poses").closed.mean() - 0.05) == pytest.approx(0.0, abs=0.001)


def test_paths_are_free_and_some_strayed_poses_are_not():
    free, strayed = contender(OURS).answer(CASE)

    assert np.unpackbits(np.frombuffer(bytes.fromhex(free), np.uint8)).all()
    assert not np.unpackbits(np.frombuffer(bytes.fromhex(strayed), np.uint8)).all()


def test_cases_go_over_three_decades_of_poses_and_rocks():
    (contest,) = contests(BenchOptions(seconds=None, data=None))

    assert {"10 rocks", "1000 rocks", "rocks 2 %, 100 poses", "rocks 2 %"} <= set(contest.cases)
    assert contest.more_is_better
    assert CELLS == 1024
