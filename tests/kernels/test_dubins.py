"""The shortest ways of arcs and straights: no longer than the twin's, and they lead there."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.kernels.dubins import way_lengths, ways_between
from tests.kernels import naive_dubins as naive

POSES = st.tuples(st.floats(-20, 20), st.floats(-20, 20), st.floats(-7, 7))
RADII = st.floats(0.5, 6.0)
CHORD_RAD = math.radians(6.0)


def between(a, b, radius, *, backward=False):
    ends = np.array([[*a, *b]])
    poses, first = ways_between(ends, np.array([backward]), radius, CHORD_RAD)
    assert first.tolist() == [0, len(poses)]
    return poses


def off(a, b):
    return abs(math.remainder(a - b, math.tau))


@given(POSES, POSES, RADII)
def test_a_way_is_as_long_as_the_shortest_word_of_the_twin(a, b, radius):
    [length] = way_lengths(np.array([[*a, *b]]), radius)

    assert length <= min(map(sum, naive.parts_of(a, b, radius))) + 1e-8


@pytest.mark.parametrize("k", range(4))
def test_each_word_leads_to_its_end(k):
    a, b, radius = (1.0, 2.0, 0.3), (14.0, 9.0, 4.0), 2.0

    x, y, heading = naive.end_of(a, naive.parts_of(a, b, radius)[k], naive.WORDS[k], radius)

    assert math.dist((x, y), b[:2]) < 1e-6
    assert off(heading, b[2]) < 1e-6


@given(POSES, POSES, RADII, st.booleans())
def test_a_way_begins_and_ends_at_its_poses(a, b, radius, backward):
    poses = between(a, b, radius, backward=backward)

    assert poses[0].tolist() == pytest.approx(a, abs=1e-9)
    assert poses[-1, :2].tolist() == list(b[:2])
    assert off(poses[-1, 2], b[2]) < 1e-9


@given(POSES, POSES, RADII, st.booleans())
def test_no_chord_turns_more_or_tighter_than_allowed(a, b, radius, backward):
    poses = between(a, b, radius, backward=backward)

    ways, turns = np.hypot(*np.diff(poses[:, :2], axis=0).T), np.abs(np.diff(poses[:, 2]))
    assert (turns <= CHORD_RAD + 1e-8).all()
    # A chord is shorter than its arc by less than a thousandth at six degrees.
    assert (ways * 1.001 + 1e-6 >= radius * turns).all()


@given(POSES, POSES, RADII, st.booleans())
def test_chords_lead_along_the_heading_in_their_gear(a, b, radius, backward):
    poses = between(a, b, radius, backward=backward)

    for (x, y, heading), (to_x, to_y, after) in pairwise(poses):
        if math.hypot(to_x - x, to_y - y) > 1e-3:
            middle = 0.5 * (heading + after) + (math.pi if backward else 0.0)
            assert off(math.atan2(to_y - y, to_x - x), middle) < 1e-4


def test_a_pose_is_joined_with_itself():
    poses = between((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), 2.0)

    assert poses.tolist() == [[1.0, 2.0, 3.0]] * 2
