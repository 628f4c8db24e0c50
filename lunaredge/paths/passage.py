"""What a machine may drive on: its closed cells, and what a metre costs it in every other one.

Arrays of the whole grid, or of a region at that region's cost: a planner that keeps its own arrays
puts those of `SiteGrid.changed` into them when the ground changes.
"""

import math
from typing import NamedTuple

import numpy as np

from lunaredge.kernels import travel
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.paths.grid import Region, SiteGrid
from lunaredge.paths.machine import Machine


class Costs(NamedTuple):
    """What a metre of horizontal way costs in each cell, inf where it may not be driven."""

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


def travel_costs(
    grid: SiteGrid,
    machine: Machine,
    heading_rad: float | None = None,
    region: Region | None = None,
) -> Costs:
    """Give what a metre costs when driven toward a heading; uphill costs, downhill gives none back.

    Without a heading, the costs are no more than those of any: a bound for searches. Steps and
    roughness are `closed_cells`' business.
    """
    region = region or Region(0, grid.shape[0], 0, grid.shape[1])
    costs = np.empty((2, *region.shape))
    heading = math.nan if heading_rad is None else float(heading_rad)
    travel.lay_costs(costs, grid.blocks, grid.table, _cells(region), machine.figures, heading)
    return Costs(costs[0], costs[1])


def _cells(region: Region) -> travel.Cells:
    return region.row_from, region.row_until, region.column_from, region.column_until
