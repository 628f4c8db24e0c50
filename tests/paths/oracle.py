"""Independent judges of continuous collision checks, and the cases that they judge.

Nothing of the code under test is used here. A case is two rounded convex bodies that move from pose
to pose, linearly, over one interval. The judge cuts the interval until each piece is settled: with
the gap at its middle (shapely's distance, exact for polygons) and no point of the bodies faster
than a bound, the gap anywhere in the piece lies within that bound of the middle's.
"""

from dataclasses import dataclass

import numpy as np
import shapely

# Half a piece's motion at which the judge stops cutting: the least gap is known as well as this.
RESOLUTION_M = 1e-4
CUTS_MAX = 40
# A shift moves the place of the least gap too: some are needed until it is the one wanted.
SHIFTS = 5


@dataclass(frozen=True)
class Cases:
    """N cases. Bodies have V corners each, in their own frames, convex and counter-clockwise."""

    corners_a: np.ndarray  # (N, V, 2)
    corners_b: np.ndarray  # (N, V, 2)
    margins: np.ndarray  # (N, 2)
    motions_a: np.ndarray  # (N, 6): x, y, heading at the start and at the end
    motions_b: np.ndarray  # (N, 6)

    def __len__(self):
        return len(self.margins)

    def some(self, chosen):
        return Cases(
            self.corners_a[chosen],
            self.corners_b[chosen],
            self.margins[chosen],
            self.motions_a[chosen],
            self.motions_b[chosen],
        )


def draw(dice, count, corner_count=4):
    """Draw cases; more than half of them come to within some centimetres of contact."""
    cases = Cases(
        convex(dice, count, corner_count),
        convex(dice, count, corner_count),
        np.where(dice.random((count, 2)) < 0.3, 0.0, dice.uniform(0.002, 0.5, (count, 2))),
        motions(dice, count),
        motions(dice, count),
    )
    return brought_near(cases, dice)


def brought_near(cases, dice):
    """Shift the second bodies of most cases, so that the least gap is some centimetres."""
    near = dice.random(len(cases)) < 0.75
    wanted_m = dice.uniform(-0.05, 0.05, len(cases))
    for _ in range(SHIFTS):
        gaps_m, axes = roughly_least(cases)
        shift = np.where(near[:, None], (wanted_m - gaps_m)[:, None] * axes, 0.0)
        cases.motions_b[:, 0:2] += shift
        cases.motions_b[:, 3:5] += shift
    return cases


def convex(dice, count, corner_count):
    """Draw convex polygons: corners on an ellipse, in order, off the centre of turning."""
    angles = np.sort(dice.uniform(0.0, 2.0 * np.pi, (count, corner_count)), axis=1)
    axes_m = dice.uniform(0.3, 4.0, (count, 1, 2))
    ring = np.stack((np.cos(angles), np.sin(angles)), axis=2) * axes_m
    return ring + dice.uniform(-1.5, 1.5, (count, 1, 2))


def motions(dice, count):
    """Draw motions: some stand, some turn on the spot, some only drive, some turn many times."""
    start = np.column_stack((dice.uniform(-8, 8, (count, 2)), dice.uniform(-9, 9, count)))
    drive = dice.uniform(-12, 12, (count, 2)) * (dice.random((count, 1)) < 0.8)
    turn = dice.choice([0.0, 0.1, 1.0, 2 * np.pi, 20.0], count) * dice.uniform(-1, 1, count)
    return np.hstack((start, start + np.column_stack((drive, turn))))


def placed(corners, motions, at):
    """Place bodies at a share of their motion: (N, V, 2)."""
    pose = motions[:, :3] + at[:, None] * (motions[:, 3:] - motions[:, :3])
    cos, sin = np.cos(pose[:, 2])[:, None], np.sin(pose[:, 2])[:, None]
    x, y = corners[:, :, 0], corners[:, :, 1]
    return np.stack((cos * x - sin * y + pose[:, :1], sin * x + cos * y + pose[:, 1:2]), axis=2)


def signed_gaps(a, b):
    """Give the widest gap along any edge's normal, and that normal from a to b.

    Where the bodies overlap it is the depth with a minus; else a lower bound of their distance.
    """
    best, axes = np.full(len(a), -np.inf), np.zeros((len(a), 2))
    for first, second, sign in ((a, b, 1.0), (b, a, -1.0)):
        for k in range(first.shape[1]):
            edge = first[:, (k + 1) % first.shape[1]] - first[:, k]
            length = np.hypot(edge[:, 0], edge[:, 1])
            normal = (
                np.stack((edge[:, 1], -edge[:, 0]), axis=1) / np.maximum(length, 1e-300)[:, None]
            )
            reach = np.einsum("nvk,nk->nv", second - first[:, k : k + 1], normal).min(axis=1)
            reach = np.where(length > 1e-9, reach, -np.inf)
            better = reach > best
            best[better], axes[better] = reach[better], sign * normal[better]
    return best, axes


def roughly_least(cases, steps=33):
    """Give about the least gap, margins taken off, and the axis of it."""
    best, axes = np.full(len(cases), np.inf), np.zeros((len(cases), 2))
    for at in np.linspace(0.0, 1.0, steps):
        shares = np.full(len(cases), at)
        gaps, normals = signed_gaps(
            placed(cases.corners_a, cases.motions_a, shares),
            placed(cases.corners_b, cases.motions_b, shares),
        )
        better = gaps < best
        best[better], axes[better] = gaps[better], normals[better]
    return best - cases.margins.sum(axis=1), axes


def fastest_m(cases):
    """Give a bound on how far any point of one body moves as seen from the other, all in all."""
    total = np.zeros(len(cases))
    for corners, motion in ((cases.corners_a, cases.motions_a), (cases.corners_b, cases.motions_b)):
        reach = np.hypot(corners[:, :, 0], corners[:, :, 1]).max(axis=1)
        total += reach * np.abs(motion[:, 5] - motion[:, 2])
    drive = (cases.motions_a[:, 3:5] - cases.motions_a[:, :2]) - (
        cases.motions_b[:, 3:5] - cases.motions_b[:, :2]
    )
    return total + np.hypot(drive[:, 0], drive[:, 1])


def gaps_at(cases, at):
    """Give the gap between the bodies, margins taken off; minus the depth where they overlap."""
    a = placed(cases.corners_a, cases.motions_a, at)
    b = placed(cases.corners_b, cases.motions_b, at)
    apart = shapely.distance(shapely.polygons(a), shapely.polygons(b))
    return np.where(apart > 0.0, apart, np.minimum(signed_gaps(a, b)[0], 0.0)) - cases.margins.sum(
        axis=1
    )


def least_gaps(cases):
    """Bound the least gap of each case over its whole interval: (N,) low, (N,) high, m.

    The two are within `RESOLUTION_M` where the least gap is no deeper than 5 mm and no wider than
    10 cm; elsewhere only which side of these it lies on is sure.
    """
    high = np.full(len(cases), np.inf)
    sure = np.full(len(cases), np.inf)
    travel_m = fastest_m(cases)
    owners = np.arange(len(cases))
    lows, highs = np.zeros(len(cases)), np.ones(len(cases))
    for _ in range(CUTS_MAX):
        middle, half = 0.5 * (lows + highs), 0.5 * (highs - lows)
        gaps = gaps_at(cases.some(owners), middle)
        np.minimum.at(high, owners, gaps)
        bounds = gaps - travel_m[owners] * half
        is_fine = travel_m[owners] * half <= RESOLUTION_M
        is_open = ~is_fine & (bounds < np.minimum(high[owners], 0.1)) & (high[owners] > -0.005)
        np.minimum.at(sure, owners[~is_open], bounds[~is_open])
        if not is_open.any():
            break
        owners = np.repeat(owners[is_open], 2)
        lows, highs = (
            np.column_stack((lows[is_open], middle[is_open])).ravel(),
            np.column_stack((middle[is_open], highs[is_open])).ravel(),
        )
    else:
        raise AssertionError("the judge did not come to an end")
    return sure, high
