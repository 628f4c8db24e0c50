"""A slow, obvious twin of the walk along a route: it looks at many moments, each by itself."""

import math

from lunaredge.kernels import attitude

# The walk counts cells within a micrometre; what a moment says holds for those within so much.
NEAR_M = 1e-5


def leans(grid, pose, figures_tip=(math.inf, math.inf)):
    """Give (kind, excess over nothing) figures of every cell that a pose's origin touches.

    Yields None for ground that is not known, else gradients: steepest, along, across.
    """
    x_m, y_m, heading = pose
    x0, y0, cell_m = map(float, grid.frame)
    low_column, high_column = (math.floor((x_m + s - x0) / cell_m) for s in (-NEAR_M, NEAR_M))
    low_row, high_row = (math.floor((y_m + s - y0) / cell_m) for s in (-NEAR_M, NEAR_M))
    for row in range(low_row, high_row + 1):
        for column in range(low_column, high_column + 1):
            if not (0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]):
                yield None
                continue
            x, y = grid.gradient_x[row, column], grid.gradient_y[row, column]
            if math.isnan(x) or math.isnan(y) or math.isnan(grid.roughness_m[row, column]):
                yield None
                continue
            ux, uy = math.cos(heading), math.sin(heading)
            yield math.hypot(x, y), abs(x * ux + y * uy), abs(y * ux - x * uy)


def worst_excess(grid, pose, along_max, across_max):
    """Give how far the worst lean at a pose is over the limits; inf where nothing is known."""
    excess = -math.inf
    for lean in leans(grid, pose):
        if lean is None:
            return math.inf
        _, along, across = lean
        excess = max(excess, along - along_max, across - across_max)
    return excess


def tip_over_ratio(gradient, heading, arms, height_m):
    """Give how far the weight's line is out of the wheels, as a share of their arms; 1 = tips.

    In space: the body stands on the plane, its x axis over the heading, and the line straight down
    from its centre of mass meets the plane somewhere among the wheels.
    """
    x, y = gradient
    normal = _unit((-x, -y, 1.0))
    ahead = _unit(_without((math.cos(heading), math.sin(heading), 0.0), normal, heading, x, y))
    left = _cross(normal, ahead)
    centre = tuple(height_m * n for n in normal)
    # Straight down from the centre until the plane z = x px + y py.
    fall = centre[2] - (x * centre[0] + y * centre[1])
    foot = (centre[0], centre[1], centre[2] - fall)
    return abs(_dot(foot, ahead)) / arms[0], abs(_dot(foot, left)) / arms[1]


def _without(direction, normal, heading, x, y):
    """Give the direction in the plane that lies over a heading."""
    return math.cos(heading), math.sin(heading), x * math.cos(heading) + y * math.sin(heading)


def _unit(v):
    size = math.sqrt(_dot(v, v))
    return tuple(c / size for c in v)


def _dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def _cross(a, b):
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )
