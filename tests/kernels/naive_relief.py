"""Slow, obvious twins of the layers of a height grid."""

import itertools
import math

import numpy as np

from lunaredge.kernels import relief


def layers(heights_m, cell_m):
    """Give every layer of every cell, (LAYERS, H, W), from a list of lists of heights."""
    found = np.full((relief.LAYERS, *np.shape(heights_m)), math.nan)
    for row, column in np.ndindex(np.shape(heights_m)):
        x, y = gradient(heights_m, cell_m, row, column)
        found[relief.ELEVATION, row, column] = heights_m[row][column]
        found[relief.GRADIENT_X, row, column] = x
        found[relief.GRADIENT_Y, row, column] = y
        found[relief.SLOPE, row, column] = math.degrees(math.atan(math.hypot(x, y)))
        found[relief.ROUGHNESS, row, column] = roughness_m(heights_m, row, column)
        found[relief.STEP, row, column] = step_m(heights_m, row, column)
    return found


def height(heights_m, row, column):
    """Give a height, NaN beyond the grid."""
    if 0 <= row < len(heights_m) and 0 <= column < len(heights_m[0]):
        return float(heights_m[row][column])
    return math.nan


def gradient(heights_m, cell_m, row, column):
    if math.isnan(heights_m[row][column]):
        return math.nan, math.nan
    rows, columns = len(heights_m), len(heights_m[0])
    west, east = max(column - 1, 0), min(column + 1, columns - 1)
    south, north = max(row - 1, 0), min(row + 1, rows - 1)
    return (
        (heights_m[row][east] - heights_m[row][west]) / ((east - west) * cell_m),
        (heights_m[north][column] - heights_m[south][column]) / ((north - south) * cell_m),
    )


def roughness_m(heights_m, row, column):
    """Fit a plane to the cells around by the normal equations of least squares."""
    around = [
        (i, j, heights_m[row + i][column + j])
        for i, j in itertools.product((-1, 0, 1), repeat=2)
        if 0 <= row + i < len(heights_m) and 0 <= column + j < len(heights_m[0])
    ]
    places = np.array([(i, j, 1.0) for i, j, _ in around])
    rises = np.array([h for *_, h in around]) - heights_m[row][column]
    if np.isnan(rises).any():
        return math.nan
    plane = np.linalg.lstsq(places, rises, rcond=None)[0]
    return math.sqrt(np.mean((rises - places @ plane) ** 2))


def step_m(heights_m, row, column):
    """Take each neighbour by itself, and go on to it and back from it in a straight line."""
    if math.isnan(heights_m[row][column]):
        return math.nan
    found_m = 0.0
    for i, j in itertools.product((-1, 0, 1), repeat=2):
        here, there = heights_m[row][column], height(heights_m, row + i, column + j)
        if (i, j) == (0, 0) or math.isnan(there):
            continue
        behind = height(heights_m, row - i, column - j)
        beyond = height(heights_m, row + 2 * i, column + 2 * j)
        misses = [abs(there - (2 * here - behind)), abs(here - (2 * there - beyond))]
        known = [miss for miss in misses if not math.isnan(miss)]
        found_m = max(found_m, min(known, default=0.0))
    return found_m
