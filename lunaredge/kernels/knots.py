"""Whether knots make a route: finite, within bounds, time that never runs back, and no jumps."""

from lunaredge.kernels.jit import Floats, inner

FINE, FAR, BACK, JUMP, SPIN = range(5)


@inner
def first_wrong(knots: Floats, limits: Floats) -> tuple[int, int, int]:
    """Give what is wrong first, and the row and column; FINE, -1, -1 when nothing is.

    knots : float64 (K, 4)   time, x, y, heading
    limits : float64 (5,)    how large each may be, NaN is larger; and the turn of a segment
    """
    for row in range(len(knots)):
        for column in range(4):
            if not abs(knots[row, column]) <= limits[column]:
                return FAR, row, column
        if row > 0:
            if abs(knots[row, 3] - knots[row - 1, 3]) > limits[4]:
                return SPIN, row, 3
            step_s = knots[row, 0] - knots[row - 1, 0]
            if step_s < 0.0:
                return BACK, row, 0
            if step_s == 0.0:
                for column in range(1, 4):
                    if knots[row, column] != knots[row - 1, column]:
                        return JUMP, row, column
    return FINE, -1, -1
