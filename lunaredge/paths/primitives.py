"""The moves of a machine over the state lattice: motion primitives (Pivtoraiko, Knepper 2009).

Skid steer drives along its heading and turns on the spot; crab steering drives along any lattice
vector at any heading; Ackermann steering joins two headings by a straight, an arc of at least its
radius, and a straight. Arcs are driven as short chords with the heading turning evenly on each.
Moves from the first four headings are worked out, the others are these turned by right angles.
"""

import math
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.convex import COLUMNS
from lunaredge.kernels.jit import Floats, Ints
from lunaredge.kernels.lattice import ANGLES, HEADINGS, LENGTHS, MOVES_MAX, VECTORS, Moves
from lunaredge.kernels.lattice_static import swept_cells
from lunaredge.paths.machine import Drive, Machine

# Backward one sees less, and drives that much slower.
BACKWARD_FACTOR = 1.25
# On a chord of an arc a heading is off the way by half of this at most.
CHORD_TURN_RAD = math.radians(6.0)
# A chord is a little shorter than its arc, so its radius is; the arc makes up for that.
RADIUS_FACTOR = 1.001
# Turns that Ackermann moves make, in headings.
_ARCS = (1, 2, 4)

_QUARTER = HEADINGS // 4
_POINT = np.array([[1.0] + [0.0] * (COLUMNS - 1)])

_Way = tuple[int, int, Floats, float]
"""A heading, the heading after, the chords between, and by how much it is driven slower."""


class _Move(NamedTuple):
    """One move; its arrays are as `Moves` has them."""

    heading: int
    after: int
    chords: Floats
    factor: float
    chain: Ints
    swept: Ints
    track: Floats


def moves_of(machine: Machine, parts: Floats, cell_m: float, wh: float) -> Moves:
    """Give a machine's moves on a lattice of cells.

    parts : float64 (S, COLUMNS)  the machine's, with what is to be kept free around them
    wh    : the price of a Wh
    """
    base = [
        _move(way, parts, cell_m)
        for heading in range(_QUARTER)
        for way in _ways(heading, machine, cell_m)
    ]
    made = [_turned(move, quarters) for quarters in range(4) for move in base]
    counts = [sum(move.heading == heading for move in made) for heading in range(HEADINGS)]
    assert max(counts) <= MOVES_MAX, "too many moves for a word of flags"
    ends = [np.rint(move.chords[-1, 2:0:-1] / cell_m) for move in made]
    return Moves(
        first=_starts(counts),
        steps=np.column_stack((ends, [move.after for move in made])).astype(np.int64),
        costs=np.array([_costs(move, machine, cell_m, wh) for move in made]),
        chain_first=_starts([len(move.chain) for move in made]),
        chain=np.concatenate([move.chain for move in made]),
        swept_first=_starts([len(move.swept) for move in made]),
        swept=np.concatenate([move.swept for move in made]),
        track_first=_starts([len(move.track) for move in made]),
        track=np.concatenate([move.track for move in made]),
        chord_first=_starts([len(move.chords) for move in made]),
        chords=np.concatenate([move.chords for move in made]),
    )


def arc(heading_rad: float, turn_rad: float, radius_m: float) -> Floats:
    """Give the poses along an arc from (0, 0), forward; float64 (K, 3): x, y, heading."""
    count = max(1, math.ceil(abs(turn_rad) / CHORD_TURN_RAD - 1e-9))
    headings = heading_rad + turn_rad * np.arange(count + 1) / count
    way = radius_m * math.copysign(1.0, turn_rad)
    x = way * (np.sin(headings) - math.sin(heading_rad))
    y = -way * (np.cos(headings) - math.cos(heading_rad))
    return np.column_stack((x, y, headings))


def timed(poses: Floats) -> Floats:
    """Give poses, (K, 3), as chords: each with the part of the way gone, or of the turn."""
    ways = np.hypot(*np.diff(poses[:, :2], axis=0).T)
    if not ways.sum() > 0.0:
        ways = np.abs(np.diff(poses[:, 2]))
    total = ways.sum()
    parts = np.concatenate(([0.0], np.cumsum(ways) / total if total > 0.0 else ways))
    parts[-1] = 1.0
    return np.ascontiguousarray(np.column_stack((parts, poses)))


def _ways(heading: int, machine: Machine, cell_m: float) -> list[_Way]:
    """Give what a machine can do from a heading."""
    ways: list[_Way] = []
    if machine.drive is Drive.ACKERMANN:
        radius_m = machine.radius_m_min
        ways.append((heading, heading, _straight(heading, 0, cell_m), 1.0))
        turns = [sign * count for sign in (1, -1) for count in _ARCS]
        for count in turns:
            bow = _bow(heading, count, radius_m, cell_m)
            ways.append((heading, heading + count, bow, 1.0))
        if machine.reverses:
            back = _straight(heading, 8, cell_m)
            ways.append((heading, heading, back, BACKWARD_FACTOR))
            for count in turns:
                back = _backward(_bow(heading + count, -count, radius_m, cell_m), heading)
                ways.append((heading, heading + count, back, BACKWARD_FACTOR))
        return ways
    if machine.drive is Drive.CRAB:
        for toward in range(HEADINGS):
            ways.append((heading, heading, _straight(heading, toward, cell_m), 1.0))
    else:
        ways.append((heading, heading, _straight(heading, 0, cell_m), 1.0))
        if machine.reverses:
            ways.append((heading, heading, _straight(heading, 8, cell_m), BACKWARD_FACTOR))
    for count in (1, -1):
        poses = np.array([(0.0, 0.0, 0.0), (0.0, 0.0, _turn_rad(heading, count))])
        poses[:, 2] += ANGLES[heading]
        ways.append((heading, heading + count, timed(poses), 1.0))
    return ways


def _turn_rad(heading: int, count: int) -> float:
    turn = ANGLES[(heading + count) % HEADINGS] - ANGLES[heading % HEADINGS]
    return math.remainder(turn, math.tau)


def _straight(heading: int, toward: int, cell_m: float) -> Floats:
    """Give the chord along the lattice vector so many headings from a heading, which stays."""
    x, y = VECTORS[(heading + toward) % HEADINGS] * cell_m
    return timed(np.array([(0.0, 0.0, ANGLES[heading]), (x, y, ANGLES[heading])]))


def _bow(heading: int, count: int, radius_m: float, cell_m: float) -> Floats:
    """Give the shortest way that turns by so many headings and ends on a cell's centre.

    The two straights' lines meet somewhere; a before there and b after it, in cells, the arc takes
    min(a, b) of both, so its radius is min(a, b) / tan(turn / 2).
    """
    heading, after = heading % HEADINGS, (heading + count) % HEADINGS
    turn_rad = _turn_rad(heading, count)
    slope = math.tan(abs(turn_rad) / 2.0)
    least = RADIUS_FACTOR * radius_m / cell_m * slope
    reach = math.ceil(2.0 * least) + 3
    columns, rows = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    (ux, uy), (vx, vy) = VECTORS[heading] / LENGTHS[heading], VECTORS[after] / LENGTHS[after]
    across = ux * vy - uy * vx
    a, b = (columns * vy - rows * vx) / across, (rows * ux - columns * uy) / across
    lengths = np.where(np.minimum(a, b) >= least - 1e-9, a + b, np.inf)
    at = np.unravel_index(int(np.argmin(lengths)), lengths.shape)
    tangent = min(a[at], b[at])
    bow = arc(ANGLES[heading], turn_rad, tangent / slope * cell_m)
    bow[:, :2] += np.array((ux, uy)) * (a[at] - tangent) * cell_m
    end = (columns[at] * cell_m, rows[at] * cell_m, bow[-1, 2])
    poses = np.vstack(((0.0, 0.0, ANGLES[heading]), bow, end))
    keep = np.hypot(*np.diff(poses[:, :2], axis=0).T) > 1e-6 * cell_m
    poses = poses[np.concatenate(([True], keep))]
    poses[-1] = end
    return timed(poses)


def _backward(chords: Floats, heading: int) -> Floats:
    """Give the same way driven backward from its end, which has that heading."""
    back = chords[::-1].copy()
    back[:, 0] = 1.0 - back[:, 0]
    back[:, 1:3] -= back[0, 1:3].copy()
    back[:, 3] += ANGLES[heading] - back[0, 3]
    return back


def _chain(chords: Floats, cell_m: float) -> Ints:
    """Give the grid steps that price a way: row and column offset, and direction.

    They run along the two lattice vectors next to the way's direction, which span the whole grid.
    First comes that nearer to how the way begins.
    """
    column, row = (round(number / cell_m) for number in chords[-1, 1:3])
    counts = np.zeros(HEADINGS, np.int64)
    for k in range(HEADINGS):
        after = (k + 1) % HEADINGS
        (ax, ay), (bx, by) = VECTORS[k], VECTORS[after]
        i, j = column * by - row * bx, row * ax - column * ay
        if i >= 0 and j >= 0:
            counts[k], counts[after] = i, j
            break
    angle = math.atan2(chords[1, 2], chords[1, 1])
    order = sorted(range(HEADINGS), key=lambda k: abs(math.remainder(ANGLES[k] - angle, math.tau)))
    run = np.repeat(order, counts[order])
    offsets = np.cumsum(VECTORS[run], axis=0) - VECTORS[run]
    return np.column_stack((offsets[:, ::-1], run)).astype(np.int64)


def _move(way: _Way, parts: Floats, cell_m: float) -> _Move:
    """Add the cells that the footprint touches, and those that its origin crosses."""
    heading, after, chords, factor = way
    swept = np.unique(swept_cells(chords, parts, cell_m)[:, 1:], axis=0)
    crossed = swept_cells(chords, _POINT, cell_m)
    ends = np.sort(np.column_stack((chords[:-1, 3], chords[1:, 3])), axis=1)
    track = np.column_stack((crossed[:, 1:], ends[crossed[:, 0]])).astype(np.float64)
    chain = _chain(chords, cell_m)
    return _Move(heading, after % HEADINGS, chords, factor, chain, swept, track)


def _turned(move: _Move, quarters: int) -> _Move:
    """Give the same move turned by right angles."""
    count = quarters * _QUARTER
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    cells, plane = np.array([(cos, -sin), (sin, cos)]), np.array([(cos, sin), (-sin, cos)])
    chords, chain, track = move.chords.copy(), move.chain.copy(), move.track.copy()
    chords[:, 1:3] = chords[:, 1:3] @ plane
    chords[:, 3] += quarters * math.pi / 2.0
    chain[:, :2] = chain[:, :2] @ cells
    chain[:, 2] = (chain[:, 2] + count) % HEADINGS
    track[:, :2] = track[:, :2] @ cells
    track[:, 2:] += quarters * math.pi / 2.0
    return _Move(
        (move.heading + count) % HEADINGS,
        (move.after + count) % HEADINGS,
        chords,
        move.factor,
        chain,
        move.swept @ cells,
        track,
    )


def _costs(move: _Move, machine: Machine, cell_m: float, wh: float) -> tuple[float, float, float]:
    """Give by how much a move is slower than its chain, its least duration, and its price on top.

    An arc shorter than its chain counts as long as that: the guide must not promise too much.
    """
    # The chord that turns the most in its share of the time says how long all of it takes.
    steps = np.diff(move.chords, axis=0)
    least_s = float((np.abs(steps[:, 3]) / steps[:, 0]).max()) / machine.turn_rad_s_max
    if not len(move.chain):
        power_w = machine.power.drive_w - machine.power.idle_w
        return 1.0, least_s, wh * power_w * least_s / 3600.0
    driven = float(np.hypot(*np.diff(move.chords[:, 1:3], axis=0).T).sum()) / cell_m
    return move.factor * max(1.0, driven / LENGTHS[move.chain[:, 2]].sum()), least_s, 0.0


def _starts(counts: list[int]) -> Ints:
    """Give where each of some lists begins when they stand end to end."""
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
