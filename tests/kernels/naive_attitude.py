"""A slow, obvious twin of the walk along a route: it looks at one moment at a time."""

import math

# The walk counts cells within a micrometre; a moment looks at a little more, or less.
NEAR_M = 1e-5


def gradients(grid):
    """Give a grid's frame and the gradient of every cell; NaN where anything is not known."""
    known = grid.roughness_m * 0.0
    return grid.frame.tolist(), (grid.gradient_x + known).tolist(), grid.gradient_y.tolist()


def worst_excess(ground, pose, gradients_max, near_m=NEAR_M):
    """Give how far the worst lean at a pose is over its limits along and across.

    Looks at every cell that the origin touches; inf where one is not known.
    """
    (x0, y0, cell_m), gradients_x, gradients_y = ground
    x_m, y_m, heading = pose
    columns = [math.floor((x_m + near - x0) / cell_m) for near in (-near_m, near_m)]
    rows = [math.floor((y_m + near - y0) / cell_m) for near in (-near_m, near_m)]
    excess = -math.inf
    for row in range(rows[0], rows[1] + 1):
        for column in range(columns[0], columns[1] + 1):
            if not (0 <= row < len(gradients_x) and 0 <= column < len(gradients_x[0])):
                return math.inf
            x, y = gradients_x[row][column], gradients_y[row][column]
            if math.isnan(x + y):
                return math.inf
            along = abs(x * math.cos(heading) + y * math.sin(heading))
            across = abs(y * math.cos(heading) - x * math.sin(heading))
            excess = max(excess, along - gradients_max[0], across - gradients_max[1])
    return excess


def tip_ratios(gradient, heading, arms_m, height_m):
    """Give how far the weight acts from the middle of the wheels, as shares of their arms; 1 tips.

    In space: the body stands on the plane, its nose over the heading; a line straight down from
    its centre of mass meets the plane somewhere among the wheels.
    """
    x, y = gradient
    normal = _unit((-x, -y, 1.0))
    ahead = (math.cos(heading), math.sin(heading))
    ahead = _unit((*ahead, x * ahead[0] + y * ahead[1]))
    left = (
        normal[1] * ahead[2] - normal[2] * ahead[1],
        normal[2] * ahead[0] - normal[0] * ahead[2],
        normal[0] * ahead[1] - normal[1] * ahead[0],
    )
    centre = [height_m * n for n in normal]
    foot = (centre[0], centre[1], x * centre[0] + y * centre[1])
    return abs(_dot(foot, ahead)) / arms_m[0], abs(_dot(foot, left)) / arms_m[1]


def _unit(v):
    return tuple(c / math.sqrt(_dot(v, v)) for c in v)


def _dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))
