"""The ground of the generated sites: hills, what is too steep, and travel between places by it."""

from collections.abc import Mapping

import msgspec
import numpy as np

from lunaredge.kernels.gridpath import closed_moves, distance_field
from lunaredge.kernels.jit import Floats, Ints
from lunaredge.placement.travel import Travel

GRAVITY_M_S2 = 1.62
_CELLS = 64
_WAVES = 7
# Half the ground is flatter; the fine window of the ridge has 34 % below 10 deg (LOLA, 10 m).
_SLOPE_DEG_MEDIAN = 6.0
# Planning limits for rovers: full speed, caution from, stop beyond.
_SLOPE_DEG_EASY, _SLOPE_DEG_CAUTION, _SLOPE_DEG_STOP = 5.0, 15.0, 20.0
_SPEED_AT_CAUTION, _SPEED_BEYOND = 0.5, 0.25


class Mover(msgspec.Struct, frozen=True):
    """How one kind of machine drives."""

    speed_m_s: float
    drive_w: float
    mass_kg: float


def travel_over(
    dice: np.random.Generator, place_count: int, side_m: float, movers: Mapping[str, Mover]
) -> Travel:
    """Draw a square of hills with places on it, and give the travel between them.

    The way is the quickest over the grid; what is too steep is gone around. Its time is that of
    the slopes on it, its energy the drive's for that time and the lift, uphill.
    """
    heights_m = _heights_m(dice, side_m)
    paces = _paces(heights_m, side_m)
    cells, metres = _places(dice, paces, side_m, place_count)
    rises_m = np.maximum(0.0, heights_m.flat[cells][None, :] - heights_m.flat[cells][:, None])
    legs = {}
    for name, mover in movers.items():
        times_s = metres / mover.speed_m_s
        lifts_j = mover.mass_kg * GRAVITY_M_S2 * rises_m
        legs[name] = (times_s.tolist(), (times_s * mover.drive_w + lifts_j).tolist())
    return Travel.of(legs)


def _heights_m(dice: np.random.Generator, side_m: float) -> Floats:
    """Draw smooth hills of several sizes, float64 (_CELLS, _CELLS)."""
    rows, columns = np.indices((_CELLS, _CELLS)) / _CELLS
    heights = np.zeros((_CELLS, _CELLS))
    for wave in range(1, _WAVES + 1):
        turn, along, across = dice.uniform(-1.0, 1.0, 3) * (np.pi, wave, wave)
        heights += np.sin(2.0 * np.pi * (along * rows + across * columns) + turn) / wave
    slopes = np.hypot(*np.gradient(heights, side_m / _CELLS))
    scale = float(np.tan(np.radians(_SLOPE_DEG_MEDIAN)) / np.median(slopes))
    return heights * scale


def _paces(heights_m: Floats, side_m: float) -> Floats:
    """Give what a metre costs, in metres of flat ground; inf where it is too steep."""
    slopes_deg = np.degrees(np.arctan(np.hypot(*np.gradient(heights_m, side_m / _CELLS))))
    speeds = np.interp(slopes_deg, (_SLOPE_DEG_EASY, _SLOPE_DEG_CAUTION), (1.0, _SPEED_AT_CAUTION))
    slowed = np.where(slopes_deg > _SLOPE_DEG_CAUTION, _SPEED_BEYOND, speeds)
    return np.where(slopes_deg > _SLOPE_DEG_STOP, np.inf, 1.0 / slowed)


def _places(
    dice: np.random.Generator, paces: Floats, side_m: float, count: int
) -> tuple[Ints, Floats]:
    """Draw places that can be reached, int64 (P,); and the ways between, float64 (P, P)."""
    closed = closed_moves(paces)
    everywhere = np.arange(0, dtype=np.int64)

    def field_from(cell: int) -> Floats:
        sources = (np.array([cell]), np.zeros(1))
        return distance_field(paces, closed, side_m / _CELLS, sources, everywhere)[0]

    # A hill in the middle may shut in the first; the largest part has more than half the cells.
    free = np.flatnonzero(np.isfinite(paces.ravel()))
    while True:
        reached = np.flatnonzero(np.isfinite(field_from(int(dice.choice(free)))))
        if 2 * len(reached) > len(free):
            break
    cells = dice.choice(reached, count, replace=False)
    ways = np.stack([field_from(int(cell))[cells] for cell in cells])
    # Both directions sum the same steps in another order.
    return cells, np.minimum(ways, ways.T)
