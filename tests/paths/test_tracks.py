"""Places of tracks: what they take goes with what stands at a time."""

import math

import numpy as np

from lunaredge.paths import Footprint, Route
from lunaredge.paths.tracks import Tracks

DISC = Footprint.disc(1.0)
ALWAYS = (-math.inf, math.inf)


def route_of(knots):
    return Route(np.column_stack((np.arange(float(knots)), np.zeros((knots, 3)))))


def test_the_arrays_go_with_what_stands_not_with_what_ever_stood():
    tracks = Tracks(1_000_000_000)
    waves = [(30, 100), (60, 50), (120, 25), (250, 12), (500, 6), (1000, 3)]
    for length, count in waves:
        slots = [tracks.take(DISC, route_of(length)) for _ in range(count)]
        for slot in slots:
            tracks.lay(slot, DISC, route_of(length), ALWAYS)

        for slot in slots:
            tracks.give_back(slot)

    # A wave takes 30,000 numbers or less: the array has room for two of them, or twice that.
    assert len(tracks.index.numbers) <= 4 * 30_000
    assert len(tracks.index.tracks) <= 2 * 100
