"""Barriers and reservations as legs that the lattice's kernels find by bins of the plane."""

import math

import numpy as np

from lunaredge.kernels.convex import CORNERS, COUNT, MARGIN, REACH
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.lattice import Traffic
from lunaredge.kernels.lattice_timed import legs_in_bins
from lunaredge.paths.fleet import Reservation
from lunaredge.paths.problem import Barrier, PlanGround

# Finer bins hold fewer legs, but every leg is in more of them.
_BINS_ACROSS_MAX = 256


class Body:
    """A thing in the plane: parts about its own origin, and legs, float64 (L, 8)."""

    __slots__ = ("legs", "name", "parts")

    def __init__(self, name: str, parts: Floats, legs: Floats) -> None:
        self.name = name
        self.parts = parts
        self.legs = legs


def body_of_barrier(barrier: Barrier) -> Body:
    """Give a barrier as a body; its origin is amid its corners, so that numbers stay small."""
    rows = barrier.rows.copy()
    corners = [_corners(row) for row in rows]
    x, y = np.concatenate(corners).mean(axis=0)
    for row, places in zip(rows, corners, strict=True):
        places -= (x, y)
        row[CORNERS : CORNERS + places.size] = places.ravel()
        row[REACH] = np.hypot(*places.T).max() + row[MARGIN]
    legs = np.array([(barrier.from_s, barrier.until_s, x, y, 0.0, 0.0, 0.0, 0.0)])
    return Body(barrier.name, rows, legs)


def body_of_reservation(name: str, reservation: Reservation) -> Body:
    """Give a reservation as a body; its legs end where it stops to count."""
    knots = reservation.route.knots
    changes = np.diff(knots[:, 1:], axis=0)
    moving = np.column_stack((knots[:-1, 0], knots[1:, 0], knots[:-1, 1:], changes))
    before = [-math.inf, knots[0, 0], *knots[0, 1:], 0.0, 0.0, 0.0]
    after = [knots[-1, 0], math.inf, *knots[-1, 1:], 0.0, 0.0, 0.0]
    legs = np.vstack((before, moving[moving[:, 1] > moving[:, 0]], after))
    legs = legs[(legs[:, 1] >= reservation.from_s) & (legs[:, 0] <= reservation.until_s)]
    # A leg that moves is cut where the window ends; one that stands only ends there.
    start = np.maximum(legs[:, 0], reservation.from_s)
    end = np.minimum(legs[:, 1], reservation.until_s)
    with np.errstate(invalid="ignore"):
        span = legs[:, 1] - legs[:, 0]
        skip, part = (start - legs[:, 0]) / span, (end - start) / span
    moves = legs[:, 5:].any(axis=1)
    legs[moves, 2:5] += skip[moves, None] * legs[moves, 5:]
    legs[moves, 5:] *= part[moves, None]
    legs[:, 0], legs[:, 1] = start, end
    return Body(name, reservation.footprint.parts, np.ascontiguousarray(legs))


def traffic_of(bodies: list[Body], ground: PlanGround, range_m: float) -> Traffic:
    """Give an index of bodies over a grid; its bins are some cells wide.

    range_m : how far from a point the kernels look for them
    """
    shape = ground.paces_s_m.shape
    cells = max(math.ceil(range_m / ground.cell_m), math.ceil(max(shape) / _BINS_ACROSS_MAX))
    rows, columns = (math.ceil(count / cells) for count in shape)
    legs = np.concatenate([body.legs for body in bodies] or [np.empty((0, 8))])
    owners = np.repeat(np.arange(len(bodies)), [len(body.legs) for body in bodies])
    parts = np.concatenate([body.parts for body in bodies] or [np.empty((0, CORNERS + 32))])
    reaches = np.array([body.parts[:, REACH].max() for body in bodies])
    frame = ground.frame * (1.0, 1.0, cells)
    first, found, spans = legs_in_bins(legs, reaches[owners] + range_m, frame, rows, columns)
    return Traffic(
        legs=legs,
        owners=owners.astype(np.int64),
        parts_first=np.concatenate(([0], np.cumsum([len(body.parts) for body in bodies]))).astype(
            np.int64
        ),
        parts=parts,
        boxes=_boxes(parts),
        reaches=reaches,
        frame=frame,
        bin_first=first,
        bin_legs=found,
        bin_spans=spans,
        bin_columns=columns,
    )


def _corners(row: Floats) -> Floats:
    return row[CORNERS : CORNERS + 2 * int(row[COUNT])].reshape(-1, 2).copy()


def _boxes(parts: Floats) -> Floats:
    """Give the box around each part, margin and all: left, bottom, right, top."""
    boxes = np.empty((len(parts), 4))
    for box, part in zip(boxes, parts, strict=True):
        corners = _corners(part)
        box[:2] = corners.min(axis=0) - part[MARGIN]
        box[2:] = corners.max(axis=0) + part[MARGIN]
    return boxes
