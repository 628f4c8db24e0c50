"""The moves of a machine over the state lattice: motion primitives (Pivtoraiko, Knepper 2009).

Skid steer drives along its heading and turns on the spot; crab steering drives along any lattice
vector at any heading; Ackermann steering joins two headings by a straight, an arc of at least its
radius, and a straight. Arcs are driven as short chords with the heading turning evenly on each.
Moves from the first four headings are worked out, the others are these turned by right angles.
"""

import math

import numpy as np

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
_POINT_ROW = np.array([[1.0] + [0.0] * 36])


class _Move:
    """One move from heading: chords float64 (C, 4), and how its costs come about."""

    def __init__(self, heading: int, after: int, chords: Floats, *, factor: float = 1.0) -> None:
        self.heading = heading
        self.after = after % HEADINGS
        self.chords = chords
        self.factor = factor
        self.least_s = 0.0


def moves_of(machine: Machine, cell_m: float, wh: float) -> Moves:
    """Give a machine's moves on a lattice of cells.

    wh : the price of a Wh
    """
    made = [move for heading in range(HEADINGS) for move in _moves_from(heading, machine, cell_m)]
    if machine.drive is Drive.ACKERMANN and machine.reverses:
        made += [_reversed(move) for move in made]
    for move in made:
        turned = abs(move.chords[-1, 3] - move.chords[0, 3])
        move.least_s = turned / machine.turn_rad_s_max
    made.sort(key=lambda move: move.heading)
    power_w = machine.power.drive_w - machine.power.idle_w
    assert max(_counts(made)) <= MOVES_MAX, "too many moves for a word of flags"
    steps, chains = _steps_of(made, cell_m)
    swept, tracks = _swept_of(made, machine, cell_m)
    rates = [(move.factor, move.least_s, wh * power_w * move.least_s / 3600.0) for move in made]
    for k, move in enumerate(made):
        length = sum(LENGTHS[toward] for _, _, toward in chains[k])
        driven = float(np.hypot(*np.diff(move.chords[:, 1:3], axis=0).T).sum()) / cell_m
        if length:
            rates[k] = (move.factor * max(1.0, driven / length), move.least_s, 0.0)
    return Moves(
        first=np.concatenate(([0], np.cumsum(_counts(made)))).astype(np.int64),
        steps=steps,
        rates=np.array(rates),
        **_joined("chain", [np.array(chain, np.int64).reshape(-1, 3) for chain in chains]),
        **_joined("swept", swept),
        **_joined("track", tracks),
        **_joined("chord", [move.chords for move in made], "chords"),
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


def _moves_from(heading: int, machine: Machine, cell_m: float) -> list[_Move]:
    """Give the forward moves from a heading; straight ones backward too, where it reverses."""
    moves = []
    for toward in range(HEADINGS) if machine.drive is Drive.CRAB else (heading,):
        moves.append(_straight(heading, toward, cell_m, 1.0))
    if machine.drive is Drive.SKID and machine.reverses:
        moves.append(_straight(heading, (heading + 8) % HEADINGS, cell_m, BACKWARD_FACTOR))
    for sign in (1, -1):
        if machine.drive is Drive.ACKERMANN:
            for count in _ARCS:
                moves.append(_arc_move(heading, sign * count, machine.radius_m_min, cell_m))
        else:
            moves.append(_turn(heading, sign))
    return moves


def _straight(heading: int, toward: int, cell_m: float, factor: float) -> _Move:
    x, y = VECTORS[toward] * cell_m
    angle = ANGLES[heading]
    poses = np.array([(0.0, 0.0, angle), (x, y, angle)])
    return _Move(heading, heading, timed(poses), factor=factor)


def _turn(heading: int, count: int) -> _Move:
    turn_rad = math.remainder(ANGLES[(heading + count) % HEADINGS] - ANGLES[heading], math.tau)
    chords = np.array([(0.0, 0.0, 0.0, ANGLES[heading]), (1.0, 0.0, 0.0, ANGLES[heading] + turn_rad)])
    return _Move(heading, heading + count, chords)


def _arc_move(heading: int, count: int, radius_m: float, cell_m: float) -> _Move:
    """Give the shortest move that turns by so many headings and ends on a cell's centre.

    The two straights' lines meet somewhere; a before there and b after it, in cells, the arc takes
    min(a, b) of both, so its radius is min(a, b) / tan(turn / 2).
    """
    after = (heading + count) % HEADINGS
    turn_rad = math.remainder(ANGLES[after] - ANGLES[heading], math.tau)
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
    ends = (0.0, 0.0, ANGLES[heading]), (columns[at] * cell_m, rows[at] * cell_m, bow[-1, 2])
    poses = np.vstack((ends[0], bow, ends[1]))
    keep = np.hypot(*np.diff(poses[:, :2], axis=0).T) > 1e-6 * cell_m
    poses = poses[np.concatenate(([True], keep))]
    poses[-1] = ends[1]
    return _Move(heading, after, timed(poses))


def _reversed(move: _Move) -> _Move:
    """Give the move that drives the same way backward, from the end."""
    chords = move.chords[::-1].copy()
    chords[:, 0] = 1.0 - chords[:, 0]
    chords[:, 1:3] -= chords[0, 1:3].copy()
    turned = ANGLES[move.after] - chords[0, 3]
    chords[:, 3] += turned
    return _Move(move.after, move.heading, chords, factor=BACKWARD_FACTOR)


def _counts(made: list[_Move]) -> list[int]:
    return [sum(move.heading == heading for move in made) for heading in range(HEADINGS)]


def _steps_of(
    made: list[_Move], cell_m: float
) -> tuple[Ints, list[list[tuple[int, int, int]]]]:
    """Give where each move leads, and the grid steps that price it: row, column, direction."""
    steps, chains = [], []
    for move in made:
        column, row = (round(number / cell_m) for number in move.chords[-1, 1:3])
        steps.append((row, column, move.after))
        chains.append(_chain(row, column, move))
    return np.array(steps, np.int64), chains


def _chain(row: int, column: int, move: _Move) -> list[tuple[int, int, int]]:
    """Give the steps along two neighbouring lattice vectors that lead to an offset.

    Neighbouring vectors span the whole grid, so two do. First that nearer to how the move begins.
    """
    if not (row or column):
        return []
    for k in range(HEADINGS):
        (ax, ay), (bx, by) = VECTORS[k], VECTORS[(k + 1) % HEADINGS]
        i, j = column * by - row * bx, row * ax - column * ay
        if i >= 0 and j >= 0:
            break
    run = [k] * int(i) + [(k + 1) % HEADINGS] * int(j)
    begins_x, begins_y = move.chords[1, 1:3]
    angle = math.atan2(begins_y, begins_x)
    run.sort(key=lambda toward: (abs(math.remainder(ANGLES[toward] - angle, math.tau)), toward))
    chain, at = [], np.zeros(2, np.int64)
    for toward in run:
        chain.append((int(at[1]), int(at[0]), toward))
        at = at + VECTORS[toward]
    return chain


def _swept_of(made: list[_Move], machine: Machine, cell_m: float) -> tuple[list[Ints], list[Floats]]:
    """Give the cells that the footprint touches on each move, and those that its origin crosses."""
    parts = machine.footprint.parts
    swept: list[Ints] = []
    tracks: list[Floats] = []
    firsts = np.concatenate(([0], np.cumsum(_counts(made))))
    for k, move in enumerate(made):
        if move.heading >= _QUARTER:
            # The same move a right angle before: rows and columns turn with it.
            twin = k - int(firsts[move.heading]) + int(firsts[move.heading - _QUARTER])
            turned = np.array([(0, 1), (-1, 0)])
            swept.append(np.ascontiguousarray(swept[twin] @ turned.T))
            track = tracks[twin].copy()
            track[:, :2] = track[:, :2] @ turned.T
            track[:, 2:] += math.pi / 2.0
            tracks.append(track)
            continue
        swept.append(np.unique(swept_cells(move.chords, parts, cell_m)[:, 1:], axis=0))
        crossed = swept_cells(move.chords, _POINT_ROW, cell_m)
        ends = np.sort(np.column_stack((move.chords[:-1, 3], move.chords[1:, 3])), axis=1)
        tracks.append(np.column_stack((crossed[:, 1:], ends[crossed[:, 0]])).astype(np.float64))
    return swept, tracks


def _joined(name: str, rows: list[Ints] | list[Floats], plural: str = "") -> dict[str, Floats]:
    """Give rows of each move end to end, and where each begins."""
    first = np.concatenate(([0], np.cumsum([len(some) for some in rows]))).astype(np.int64)
    return {f"{name}_first": first, plural or name: np.ascontiguousarray(np.concatenate(rows))}
