"""The benchmark of paths among solids: everybody is given the same, and says the same."""

import numpy as np
import pytest

from lunaredge.cli.bench.paths_solids import CALLS, SCALES, SETTINGS, contests
from lunaredge.cli.bench.paths_solids_peers import Ours, Shapely
from lunaredge.cli.bench.paths_solids_scene import POSES, Setting, scene_of
from lunaredge.cli.bench.row import BenchOptions

SMALL = Setting(boxes=60, side_m=90.0, paths=6)


def test_free_paths_are_free_and_thread_close_by():
    scene = scene_of(SMALL)

    hits = Ours(scene).query(scene.free)

    assert hits == [-1] * SMALL.paths
    assert scene.free.shape == (SMALL.paths, POSES, 3)
    assert max(Ours(scene).query(scene.wild)) >= 0


@pytest.mark.parametrize("shape", ["rectangle", "hexagon"])
@pytest.mark.parametrize("made_before", [False, True])
def test_shapely_gives_the_same_answers(shape, made_before):
    scene = scene_of(SMALL._replace(shape=shape))
    ours, peer = Ours(scene), Shapely(scene, made_before=made_before)
    paths = np.concatenate((scene.free, scene.wild))

    answers = peer.query(peer.prepare(paths))

    assert answers == ours.query(ours.prepare(paths))


def test_every_case_is_in_a_contest():
    found = contests(BenchOptions(seconds=None, data=None))

    cases = {case for contest in found for case in contest.cases}
    assert cases >= {*SETTINGS, *SCALES, *CALLS}
