"""What a machine may drive on: its closed cells, and what a metre costs it in every other one.

Arrays of the whole grid, or of a region at that region's cost: a planner that keeps its own arrays
puts those of `SiteGrid.changed` into them when the ground changes.
"""

import math
from typing import NamedTuple

import numpy as np

from lunaredge.kernels import travel
from lunaredge.kernels.clearance import RANGE_CELLS_MAX, STEPS, fill_clearance
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.paths.grid import Region, SiteGrid
from lunaredge.paths.machine import Machine


class Costs(NamedTuple):
    """What a metre of horizontal way costs in each cell; inf where it may not be driven."""

    pace_s_m: Floats
    """float64 (H, W), s/m: at full speed, slower where a stop would take longer."""
    energy_wh_m: Floats
    """float64 (H, W), Wh/m: idling, rolling and climbing, slip reckoned in."""


def closed_cells(grid: SiteGrid, machine: Machine, region: Region | None = None) -> Flags:
    """Give the cells that a machine can stand on at no heading: bool (H, W), or of a region.

    Closed is what is not known, too rough, a step, steeper than friction holds, or so steep that
    every heading breaks the limit along, the limit across or tips over.
    """
    region = region or Region(0, grid.shape[0], 0, grid.shape[1])
    closed = np.empty(region.shape, np.bool_)
    travel.close_cells(closed, grid.blocks, grid.table, _cells(region), machine.figures)
    return closed


def clearance_m(grid: SiteGrid, machine: Machine, range_m: float = math.inf) -> Floats:
    """Give how far each cell is from the next closed one, at least: float64 (H, W), m; 0 = closed.

    Between the cells' squares, rounded down by less than 1 / 254 of the range; no more is told
    than the range, 127 cells at most. Beyond the grid everything is closed.
    """
    cells = min(max(range_m, grid.cell_m) / grid.cell_m, RANGE_CELLS_MAX)
    range_cells = math.ceil(cells)
    closed = np.pad(closed_cells(grid, machine), 1, constant_values=True)
    steps = np.empty(closed.shape, np.uint8)
    window = np.array((0, closed.shape[0] - 1, 0, closed.shape[1] - 1))
    fill_clearance(steps, closed, range_cells, window)
    open_steps = np.maximum(steps[1:-1, 1:-1], 1).astype(np.float64) - 1.0
    return open_steps * (range_cells / STEPS * grid.cell_m)


def travel_costs(
    grid: SiteGrid, machine: Machine, heading_rad: float, region: Region | None = None
) -> Costs:
    """Give what a metre costs toward a heading; uphill costs, downhill gives none back."""
    return _costs(grid, machine, float(heading_rad), region)


def least_costs(grid: SiteGrid, machine: Machine, region: Region | None = None) -> Costs:
    """Give no more than a metre costs toward any heading: a bound that guides a search."""
    return _costs(grid, machine, math.nan, region)


def most_costs(grid: SiteGrid, machine: Machine, region: Region | None = None) -> Costs:
    """Give no less than a metre costs toward any heading that may be driven: what surely suffices.

    A route at these paces is too fast on no slope.
    """
    return _costs(grid, machine, math.inf, region)


def _costs(grid: SiteGrid, machine: Machine, heading: float, region: Region | None) -> Costs:
    region = region or Region(0, grid.shape[0], 0, grid.shape[1])
    costs = np.empty((2, *region.shape))
    cells = _cells(region)
    travel.lay_costs(costs, grid.blocks, grid.table, cells, machine.figures, heading)
    return Costs(costs[0], costs[1])


def _cells(region: Region) -> travel.Cells:
    return region.row_from, region.row_until, region.column_from, region.column_until
