"""The state lattice: its headings, and the arrays that its kernels share.

A lattice state is a grid cell, whose centre the machine's origin stands on, and one of 16 headings,
each the direction of a lattice vector of `VECTORS` (Pivtoraiko, Knepper, Kelly 2009). States are
numbered cell * 16 + heading, cells row by row. A *move* leads from a state to another; each move
of a machine is the same at every cell.

A *chord* is a motion that is linear in time: from pose to pose, the heading too. Moves and links
are sequences of chords, and so are the routes made of them: what was checked is what is driven.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, Shorts, Singles

HEADINGS = 16
VECTORS: Ints = np.array(
    [
        *((1, 0), (2, 1), (1, 1), (1, 2), (0, 1), (-1, 2), (-1, 1), (-2, 1)),
        *((-1, 0), (-2, -1), (-1, -1), (-1, -2), (0, -1), (1, -2), (1, -1), (2, -1)),
    ],
    dtype=np.int64,
)
"""Column and row step of each heading, counter-clockwise; k and k + 8 are opposite."""

LENGTHS: Floats = np.sqrt((VECTORS * VECTORS).sum(axis=1).astype(np.float64))
"""How long each is, in cells."""

ANGLES: Floats = np.arctan2(VECTORS[:, 1], VECTORS[:, 0]) % (2.0 * np.pi)
"""Heading of each, rad, rising from 0."""

MOVES_MAX = 30
"""Moves from one heading: they share a word, two bits each."""

# Columns of `Moves.steps`.
ROW, COLUMN, AFTER = range(3)
# Columns of `Moves.costs`.
FACTOR, LEAST_S, EXTRA = range(3)
# Columns of `Traffic.legs`.
FROM, UNTIL, LEG_X, LEG_Y, LEG_HEADING, LEG_DX, LEG_DY, LEG_TURN = range(8)


class Moves(NamedTuple):
    """What a machine can do from each heading."""

    first: Ints
    """int64 (17,): the moves of heading h are first[h] to first[h + 1]."""
    steps: Ints
    """int64 (P, 3): row step, column step, heading after."""
    costs: Floats
    """float64 (P, 3): by how much driving is slower than along the chain; seconds at least; what it
    costs on top, in units of the price."""
    chain_first: Ints
    """int64 (P + 1,)."""
    chain: Ints
    """int64 (., 3): row and column offset, and direction, of the grid steps that price a move."""
    swept_first: Ints
    """int64 (P + 1,)."""
    swept: Ints
    """int64 (., 2): row and column offset of every cell that the footprint touches on the way."""
    track_first: Ints
    """int64 (P + 1,)."""
    track: Floats
    """float64 (., 4): row and column offset of every cell that the origin crosses, and the least
    and greatest heading on it, rad."""
    chord_first: Ints
    """int64 (P + 1,): the poses of move k are rows chord_first[k] to chord_first[k + 1]."""
    chords: Floats
    """float64 (., 4): part of the duration gone, x and y from the start, m, heading, rad."""


class Paving(NamedTuple):
    """What steps meet, the same for all goals; cells are numbered with the border around them."""

    columns: int
    """Of the grid, its border included."""
    rates: Floats
    """float64 (cells,): price of a cell's length; inf = closed."""
    least: float
    """The least of those, > 0."""
    most: float
    """The greatest of those that are finite."""
    blank: Floats
    """float64 (cells,): -inf where no step begins or ends, though one may cross; else inf."""
    near: Flags
    """bool (cells,): something that stands may be in the way of a step from here."""
    words: Ints
    """int64 (cells,): bit k where the step along vector k < 8 is open, bit 8 + k where that is
    known. Written."""
    straights: Ints
    """int64 (., 2): heading and number of the moves that are one step, by their vectors; empty =
    every step counts as open."""
    straights_first: Ints
    """int64 (17,): the moves along vector k are rows straights_first[k] to straights_first[k+1]."""
    marks: Singles
    """float32 (cells, K): costs from each landmark; -1 = not joined."""
    farthest: float
    """The greatest of those."""


class Queue(NamedTuple):
    """How far the search from one goal has come; cells are numbered as in `Paving`."""

    costs: Floats
    """float64 (cells,): the best so far; inf = none, -inf = no step leads here."""
    chains: Shorts
    """int32 (cells, 2): the next cell in the same bucket, -1 = none, and the one before, -1 = it is
    the first, -2 = it is in no bucket."""
    heads: Shorts
    """int32 (buckets + 1,): first cell of each, and of those that come later; -1 = none."""
    counts: Ints
    """int64 (2,): the first bucket that may hold a cell, and the cells in all of them."""
    figures: Floats
    """float64 (9,): row and column of the end; least rate, 0 = no end; width of a bucket; what
    rounding may do to costs; cost at the first bucket; cost of a whole way from which on cells come
    later; by how much that is raised next; the least of those that came later."""


class Field(NamedTuple):
    """What is known of the cost to one goal; cells are numbered as in `Paving`."""

    queue: Queue
    known: Flags
    """bool (cells,): that a cell's cost is final."""
    end_marks: Singles
    """float32 (K,): the end's costs from the landmarks."""


class Guide(NamedTuple):
    """What tells how far it still is to the goal."""

    field: Field
    paving: Paving


class Graph(NamedTuple):
    """What every step of a search looks at."""

    first: Ints
    """As in `Moves`, and so are the next four."""
    steps: Ints
    costs: Floats
    chain_first: Ints
    chain: Ints
    near: Flags
    """bool (H, W): something that stands still may be within reach of a move from here."""
    paces: Floats
    """float64 (H * W,): s along a cell's side; inf = closed."""
    rates: Floats
    """float64 (H * W,): price of that way."""
    barred: Flags
    """bool (H * W,): the machine can't stand on this centre at any heading."""
    guide: Guide
    """The least that the way to the goal can cost."""
    bin_spans: Floats
    """The traffic's, as `Traffic` has them."""
    bin_cells: int
    """Cells along a bin's side."""
    bin_columns: int


class Ground(NamedTuple):
    """The ground as the moves meet it."""

    frame: Floats
    """float64 (3,): x_m, y_m, cell_m."""
    closed: Flags
    """bool (H, W)."""
    gradients: Singles
    """float32 (H, W, 2): rise along +x and +y, m per m."""
    limits: Floats
    """float64 (2,): the largest rise along and across the heading, m per m."""


class Traffic(NamedTuple):
    """What moves, comes or goes: legs that are linear in time, found by bins of the plane."""

    legs: Floats
    """float64 (L, 8): from and until, s, x, y, heading at first, change of each until the end.
    Only legs that stand may have no beginning or no end."""
    owners: Ints
    """int64 (L,)."""
    parts_first: Ints
    """int64 (M + 1,): the parts of owner m are rows parts_first[m] to parts_first[m + 1]."""
    parts: Floats
    """float64 (S, COLUMNS): rows of `kernels.convex`."""
    boxes: Floats
    """float64 (S, 4): left, bottom, right, top of each part about its owner's origin, unturned."""
    reaches: Floats
    """float64 (M,): m."""
    frame: Floats
    """float64 (3,): x_m, y_m and bin_m of the bins."""
    bin_first: Ints
    """int64 (rows * columns + 1,)."""
    bin_legs: Ints
    """int64 (.,): legs that come within range of a bin, rising."""
    bin_spans: Floats
    """float64 (bins, 2): from when until when there are any; inf, -inf = never."""
    bin_columns: int


class Links(NamedTuple):
    """Motions that join the start and the goal pose with the lattice."""

    ends: Ints
    """int64 (L, 2): the state that each leads from, rising, and to."""
    costs: Floats
    """float64 (L, 2): duration, s, and price."""
    first: Ints
    """int64 (L + 1,): the poses of link k are rows first[k] to first[k + 1]."""
    chords: Floats
    """float64 (., 4): part of the duration gone, x, y, m, heading, rad."""


class Scene(NamedTuple):
    """What a step of a search looks at only where something is near."""

    moves: Moves
    ground: Ground
    solids: Traffic
    traffic: Traffic
    parts: Floats
    """float64 (S, COLUMNS): the machine's, rows of `kernels.convex`."""
    links: Links
    open_moves: Ints
    """int64 (states,): what `lattice_static.is_open` found. Written."""


class Task(NamedTuple):
    """From where to where, and when."""

    ends: Floats
    """float64 (2, 3): the start pose and the goal pose."""
    start_s: float
    stay_s: float
    """How long the goal must be free from the arrival on; inf = for ever."""
    free_s: float
    """No arrival before this counts, since the goal is taken, or will be too soon."""
    arrive_s: float
    """No arrival later than this counts."""
    tick_s: float
    """Where the way is taken, looks at later departures are multiples of this apart."""
    second: float
    """Price of a second."""
    weight: float
    """By how much the distance to go counts more than the way come; 1 or more."""
    haste: float
    """How much it counts on top where nothing is left but to wait for the goal."""
    lead_s: float
    """The start is not left earlier than that before the goal is free, if it may be waited there;
    inf = at once."""


class Pool(NamedTuple):
    """What a search remembers; the slots need no clearing between searches."""

    slots: Shorts
    """int32 (states + 2,): the first node of a state, where that node says so too (the sparse set
    of Briggs and Torczon 1993); the two last are the start and the goal."""
    words: Shorts
    """int32 (N, 5): state, parent node, move or link, next node of the state, 1 when settled."""
    figures: Floats
    """float64 (N, 6): safe from and until, arrival, s, cost, price still to go, and when the move
    into it begins, s."""
    keys: Floats
    """float64 (Q,): the heap's keys."""
    waiting: Shorts
    """int32 (Q,): the heap's nodes."""
    counts: Ints
    """int64 (5,): nodes, waiting, settled, the goal's node or -1, 1 when a look was given up."""
    times: Floats
    """float64 (., 2): room for the times of every leg of the fullest bin."""
    work: Floats
    """As `sweep.work_space` gives it."""
