"""The shape of the ground around each cell of a height grid, kept in blocks that versions share.

A grid of H x W cells is cut into square blocks of `BLOCK` cells a side. ``blocks``, float64
(N, LAYERS, BLOCK, BLOCK), holds more blocks than one version of the grid uses; ``table``, int32
(ceil(H / BLOCK), ceil(W / BLOCK)), says which. What a block holds beyond the grid is NaN.

What is told of a cell rests on the cells within `HALO` of it and on nothing else, so a change of
heights can be worked in block by block, and gives bit for bit what a new grid would.

Cost: about 60 ns a cell, bound by arithmetic (two planes' worth of sums, an arctangent); all that
a block needs is in the first-level cache.
"""

import math

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, Shorts, inner, is_array, kernel

BLOCK = 32
HALO = 2

LAYERS = 6
ELEVATION, GRADIENT_X, GRADIENT_Y, SLOPE, ROUGHNESS, STEP = range(LAYERS)
"""Layers of a block. NaN where a height that is needed is not known.

ELEVATION               m
GRADIENT_X, GRADIENT_Y  rise per metre toward +x and +y: central differences, one-sided on the
                        grid's border (Zevenbergen and Thorne 1987)
SLOPE                   degrees, of the steepest ascent
ROUGHNESS               m; root of the mean square distance in height of the 3 x 3 cells around
                        from their plane of least squares
STEP                    m; largest height difference to one of the 8 neighbours that no plane on
                        either side explains
"""

_PATCH = BLOCK + 2 * HALO
# The eight neighbours lie on four lines: steps in rows and columns along each.
_LINES = ((0, 1), (1, 0), (1, 1), (1, -1))


def lay_blocks(
    out_blocks: Floats, table: Shorts, shape: tuple[int, int], cell_m: float, which: Ints
) -> None:
    """Work out every other layer from the elevation in some blocks.

    out_blocks : float64 (N, LAYERS, BLOCK, BLOCK)  the elevation of these blocks and of their
                                                    neighbours is there; the rest is written
    table      : int32 (ceil(H / BLOCK), ceil(W / BLOCK))  places in `out_blocks`
    shape      : H, W                               cells, 2 or more each
    which      : int64 (K, 2)                       row and column in the table
    """
    assert is_array(out_blocks, np.float64, None, LAYERS, BLOCK, BLOCK)
    assert is_array(table, np.int32, -(-shape[0] // BLOCK), -(-shape[1] // BLOCK))
    assert is_array(which, np.int64, None, 2)
    assert min(shape) >= 2
    assert cell_m > 0.0
    _lay_blocks(out_blocks, table, shape, float(cell_m), which)


@kernel
def _lay_blocks(
    out_blocks: Floats, table: Shorts, shape: tuple[int, int], cell_m: float, which: Ints
) -> None:
    """See `lay_blocks`: each block with the heights around it in a patch of its own.

    The loops over a whole patch have no branches, so that several cells are worked out at once;
    what they say of cells on the grid's border, where heights end, is then put right.
    """
    patch = np.empty((_PATCH, _PATCH))
    bends = np.empty((len(_LINES), _PATCH, _PATCH))
    for k in range(len(which)):
        first_row, first_column = which[k, 0] * BLOCK, which[k, 1] * BLOCK
        _gather(patch, out_blocks, table, shape, (first_row - HALO, first_column - HALO))
        block = out_blocks[table[which[k, 0], which[k, 1]]]
        _lay_gradient(block, patch, cell_m)
        _lay_roughness(block, patch)
        _bend(bends, patch)
        _lay_steps(block, bends)
        for i in range(min(BLOCK, shape[0] - first_row)):
            rows = (i + HALO, int(first_row + i > 0), int(first_row + i < shape[0] - 1))
            for j in range(min(BLOCK, shape[1] - first_column)):
                west = first_column + j > 0
                east = first_column + j < shape[1] - 1
                if not (rows[1] and rows[2] and west and east):
                    columns = (j + HALO, int(west), int(east))
                    _lay_border(block, patch, rows, columns, cell_m)
        _lay_slope(block)


@inner
def _gather(
    out_patch: Floats,
    blocks: Floats,
    table: Shorts,
    shape: tuple[int, int],
    first: tuple[int, int],
) -> None:
    """Copy the heights from a row and column on; NaN beyond the grid."""
    for i in range(out_patch.shape[0]):
        row = first[0] + i
        for j in range(out_patch.shape[1]):
            column = first[1] + j
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                place = table[row // BLOCK, column // BLOCK]
                out_patch[i, j] = blocks[place, ELEVATION, row % BLOCK, column % BLOCK]
            else:
                out_patch[i, j] = np.nan


@inner
def _lay_gradient(out_block: Floats, patch: Floats, cell_m: float) -> None:
    """Write the gradient of every cell, as if none were on the border."""
    run_m = 2 * cell_m
    for i in range(BLOCK):
        south, own, north = patch[i + HALO - 1], patch[i + HALO], patch[i + HALO + 1]
        for j in range(BLOCK):
            k = j + HALO
            # Adding what is 0.0 or NaN leaves nothing known of a cell whose height is not known.
            nothing = own[k] - own[k]
            out_block[GRADIENT_X, i, j] = (own[k + 1] - own[k - 1]) / run_m + nothing
            out_block[GRADIENT_Y, i, j] = (north[k] - south[k]) / run_m + nothing


@inner
def _lay_slope(out_block: Floats) -> None:
    """Write the slope of every cell, by its gradient."""
    for i in range(BLOCK):
        for j in range(BLOCK):
            across, along = out_block[GRADIENT_X, i, j], out_block[GRADIENT_Y, i, j]
            out_block[SLOPE, i, j] = np.degrees(np.arctan(np.hypot(across, along)))


@inner
def _lay_roughness(out_block: Floats, patch: Floats) -> None:
    """Write the roughness of every cell, as if none were on the border."""
    for i in range(BLOCK):
        south, own, north = patch[i + HALO - 1], patch[i + HALO], patch[i + HALO + 1]
        for j in range(BLOCK):
            k = j + HALO
            # Differences to the middle keep the digits that a height over the sphere would cost.
            middle = own[k]
            a, b, c = north[k - 1] - middle, north[k] - middle, north[k + 1] - middle
            d, e = own[k - 1] - middle, own[k + 1] - middle
            f, g, h = south[k - 1] - middle, south[k] - middle, south[k + 1] - middle
            x = (c + e + h - a - d - f) / 6.0
            y = (a + b + c - f - g - h) / 6.0
            mean = (a + b + c + d + e + f + g + h) / 9.0
            square = (a - mean + x - y) ** 2 + (b - mean - y) ** 2 + (c - mean - x - y) ** 2
            square += (d - mean + x) ** 2 + mean**2 + (e - mean - x) ** 2
            square += (f - mean + x + y) ** 2 + (g - mean + y) ** 2 + (h - mean - x + y) ** 2
            out_block[ROUGHNESS, i, j] = math.sqrt(square / 9.0)


@inner
def _bend(out_bends: Floats, patch: Floats) -> None:
    """Write how far each cell is off the line between its two neighbours, twice, for four lines.

    inf where one of the three is not known or not on the grid: it then explains nothing.
    """
    for line in range(len(_LINES)):
        di, dj = _LINES[line]
        for i in range(1, _PATCH - 1):
            before, own, after = patch[i - di], patch[i], patch[i + di]
            for j in range(1, _PATCH - 1):
                bend = abs((after[j + dj] - own[j]) + (before[j - dj] - own[j]))
                out_bends[line, i, j] = bend if bend < np.inf else np.inf


@inner
def _lay_steps(out_block: Floats, bends: Floats) -> None:
    """Write the step of every cell.

    The ground goes on from either of two neighbours as it comes, or bends by a height that it
    doesn't explain: the lesser of the two bends is their step. A smooth slope, a crest and the
    foot of a slope have none; a kerb has its height, a boulder its own. Where one of the two is not
    known the other counts alone, so that a bend next to a hole is a step. Two heights make a plane.
    """
    for i in range(BLOCK):
        steps = out_block[STEP, i]
        elevations = out_block[ELEVATION, i]
        for j in range(BLOCK):
            steps[j] = elevations[j] - elevations[j]
        for line in range(len(_LINES)):
            di, dj = _LINES[line]
            own = bends[line, i + HALO]
            before, after = bends[line, i + HALO - di], bends[line, i + HALO + di]
            for j in range(BLOCK):
                k = j + HALO
                for bend in (before[k - dj], after[k + dj]):
                    step = own[k] if own[k] < bend else bend
                    known = step if step < np.inf else 0.0
                    steps[j] = known if known > steps[j] else steps[j]


@inner
def _lay_border(
    out_block: Floats,
    patch: Floats,
    rows: tuple[int, int, int],
    columns: tuple[int, int, int],
    cell_m: float,
) -> None:
    """Write gradient and roughness of a cell on the border, from the neighbours that it has.

    rows, columns : place in the patch, neighbours before (0 or 1), neighbours after
    """
    i, south, north = rows
    j, west, east = columns
    nothing = patch[i, j] - patch[i, j]
    across = (patch[i, j + east] - patch[i, j - west]) / ((east + west) * cell_m) + nothing
    along = (patch[i + north, j] - patch[i - south, j]) / ((north + south) * cell_m) + nothing
    out_block[GRADIENT_X, i - HALO, j - HALO] = across
    out_block[GRADIENT_Y, i - HALO, j - HALO] = along
    out_block[ROUGHNESS, i - HALO, j - HALO] = _roughness_m(patch, rows, columns)


@inner
def _roughness_m(patch: Floats, rows: tuple[int, int, int], columns: tuple[int, int, int]) -> float:
    """Give the roughness from a rectangle of cells, where the plane's slopes are independent."""
    i, south, north = rows
    j, west, east = columns
    row_mid, column_mid = 0.5 * (north - south), 0.5 * (east - west)
    total = moment_x = moment_y = spread_x = spread_y = 0.0
    for di in range(-south, north + 1):
        for dj in range(-west, east + 1):
            rise = patch[i + di, j + dj] - patch[i, j]
            total += rise
            moment_x += (dj - column_mid) * rise
            moment_y += (di - row_mid) * rise
            spread_x += (dj - column_mid) ** 2
            spread_y += (di - row_mid) ** 2
    count = (south + north + 1) * (west + east + 1)
    mean, slope_x, slope_y = total / count, moment_x / spread_x, moment_y / spread_y
    square = 0.0
    for di in range(-south, north + 1):
        for dj in range(-west, east + 1):
            rise = patch[i + di, j + dj] - patch[i, j]
            rest = rise - mean - slope_x * (dj - column_mid) - slope_y * (di - row_mid)
            square += rest * rest
    return math.sqrt(square / count)
