"""The contest on the ground: every contender makes the same ground, and sees the same in it."""

import pytest

from lunaredge.cli.bench import paths_ground
from lunaredge.cli.bench.contest import OURS, agree
from lunaredge.cli.bench.row import BenchOptions

(CONTEST,) = paths_ground.contests(BenchOptions(seconds=None, data=None))


@pytest.mark.parametrize("case", ["layers of 64 x 64 cells", "change of 10 x 10 cells"])
def test_contenders_agree_on_the_layers(case):
    ours, numpys = (paths_ground.contender(name) for name in (OURS, CONTEST.peers["numpy"]))

    assert case in CONTEST.cases
    assert agree(ours.answer(case), numpys.answer(case))


def test_a_figure_is_milliseconds():
    ours = paths_ground.contender(OURS)
    ours.answer("layers of 64 x 64 cells")

    assert 0.01 < ours.measure("layers of 64 x 64 cells", 0.02) < 1000.0
