"""Links between a pose that lies anywhere and the lattice: their chords, and what they cost."""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner, kernel


@kernel
def chords_of(
    poses: Floats, first: Ints, rates: Floats, ground: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Ints, Floats]:
    """Give ways as chords no longer than a cell, and the duration and price of each.

    poses   : float64 (N, 3)     x, y and heading, unwrapped, of all ways end to end
    first   : int64 (L + 1,)     where each way begins
    rates   : float64 (L, 4)     by how much a way is driven slower; rad/s of turning; the price of
                                 a second, and of a second of turning on the spot
    ground  : frame, float64 (3,); seconds and price of a metre, float64 (H, W), inf = closed
    returns : float64 (., 4)     part of the duration gone, x, y, heading; int64 (L + 1,) where each
              way's begin; float64 (L, 2) duration, s, and price, inf where a chord lies beyond

    Each chord is driven at the slowest pace of the open cells in the box around it.
    """
    out, out_first = np.empty((64, 4)), np.zeros(len(first), np.int64)
    costs, count = np.zeros((len(first) - 1, 2)), 0
    cell_m = ground[0][2]
    for way in range(len(first) - 1):
        begin = count
        slower, turning, second, turn_second = rates[way]
        out, count = _appended(out, count, 0.0, poses[first[way]])
        for k in range(first[way], first[way + 1] - 1):
            dx, dy = poses[k + 1, 0] - poses[k, 0], poses[k + 1, 1] - poses[k, 1]
            length = np.sqrt(dx * dx + dy * dy)
            pieces = max(1, int(np.ceil(length / cell_m - 1e-9)))
            turn_s = abs(poses[k + 1, 2] - poses[k, 2]) / turning / pieces
            for j in range(pieces):
                low, high = j / pieces, (j + 1) / pieces
                here = poses[k] + low * (poses[k + 1] - poses[k])
                there = poses[k] + high * (poses[k + 1] - poses[k])
                pace, price = _worst(here, there, ground)
                if length == 0.0:
                    time_s, cost = turn_s, turn_second * turn_s
                else:
                    drive_s = length / pieces * pace
                    time_s = max(slower * drive_s, turn_s)
                    cost = length / pieces * price + second * (time_s - drive_s)
                costs[way, 0] += time_s
                costs[way, 1] += cost if time_s < np.inf else np.inf
                end = poses[k + 1] if j == pieces - 1 else there
                out, count = _appended(out, count, costs[way, 0], end)
        if 0.0 < costs[way, 0] < np.inf:
            out[begin:count, 0] /= costs[way, 0]
        else:
            out[begin:count, 0] = 0.0
        out[count - 1, 0] = 1.0
        out_first[way + 1] = count
    return out[:count].copy(), out_first, costs


@kernel
def _appended(out: Floats, count: int, time_s: float, pose: Floats) -> tuple[Floats, int]:
    """Give the rows with one more, and their count."""
    if count == len(out):
        out = np.concatenate((out, np.empty_like(out)))
    out[count, 0], out[count, 1:] = time_s, pose
    return out, count + 1


@inner
def _worst(
    here: Floats, there: Floats, ground: tuple[Floats, Floats, Floats]
) -> tuple[float, float]:
    """Give the slowest pace and the highest price among the open cells around a chord."""
    frame, paces, prices = ground
    left = np.floor((min(here[0], there[0]) - frame[0]) / frame[2])
    right = np.floor((max(here[0], there[0]) - frame[0]) / frame[2])
    bottom = np.floor((min(here[1], there[1]) - frame[1]) / frame[2])
    top = np.floor((max(here[1], there[1]) - frame[1]) / frame[2])
    if left < 0.0 or bottom < 0.0 or right >= paces.shape[1] or top >= paces.shape[0]:
        return np.inf, np.inf
    pace, price = 0.0, 0.0
    for row in range(int(bottom), int(top) + 1):
        for column in range(int(left), int(right) + 1):
            if paces[row, column] < np.inf:
                pace = max(pace, paces[row, column])
                price = max(price, prices[row, column])
    return (pace, price) if pace > 0.0 else (np.inf, np.inf)
