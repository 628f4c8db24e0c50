"""Collision-free paths: exact checks, continuous in time, and the planners that search with them.

A library: it knows no scheduler, no wire and no files. `World` is its front door; the parts that it
asks (`Solids`, `Occupancy`, `Fleet`, `MotionRules`, `Planner`) serve by themselves too.
"""

from lunaredge.model.site import ZoneKind
from lunaredge.paths.fleet import Fleet, Meeting, Moments, Reservation
from lunaredge.paths.fleet_plan import FleetOptions, FleetPlan
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.grid import Region, SiteGrid, Tile
from lunaredge.paths.grid_fleet import GridFleetOptions, Unsolved, UnsolvedReason, plan_grid_fleet
from lunaredge.paths.grid_plan import FaultKind, GridFault, GridMap, GridPlan, check_grid_plan
from lunaredge.paths.machine import Drive, Machine, Power, Stability, Traction
from lunaredge.paths.motion import MotionRules
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.polygon import convex_pieces
from lunaredge.paths.problem import NoRoute, Plan, PlanOptions
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.scene import Scene
from lunaredge.paths.solids import Hit, Solid, Solids, check_path, check_poses
from lunaredge.paths.verdict import Free, Kind, Verdict, Violation
from lunaredge.paths.world import Trip, World
from lunaredge.paths.zones import Obstacle, Zone

__all__ = [
    "Drive",
    "FaultKind",
    "Fleet",
    "FleetOptions",
    "FleetPlan",
    "Footprint",
    "Free",
    "GridFault",
    "GridFleetOptions",
    "GridMap",
    "GridPlan",
    "Hit",
    "Kind",
    "Machine",
    "Meeting",
    "Moments",
    "MotionRules",
    "NoRoute",
    "Obstacle",
    "Occupancy",
    "Part",
    "Plan",
    "PlanOptions",
    "Pose",
    "Power",
    "Region",
    "Reservation",
    "Route",
    "Scene",
    "SiteGrid",
    "Solid",
    "Solids",
    "Stability",
    "Tile",
    "Traction",
    "Trip",
    "Unsolved",
    "UnsolvedReason",
    "Verdict",
    "Violation",
    "World",
    "Zone",
    "ZoneKind",
    "check_grid_plan",
    "check_path",
    "check_poses",
    "convex_pieces",
    "plan_grid_fleet",
]
