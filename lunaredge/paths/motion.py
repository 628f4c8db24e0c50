"""What the ground and the drive say of a timed route: lean, grip, speed and turns; and its energy.

Exact between the knots, never sampled. What the machine's body may hit (zones, obstacles, closed
cells, other machines) is checked elsewhere: here the machine is the pose of its origin, but for
speed zones, which count as soon as any part of it is inside.
"""

import math
from collections.abc import Sequence

import numpy as np

from lunaredge.kernels import attitude, travel, zone_speed
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.relief import BLOCK, LAYERS
from lunaredge.model.site import ZoneKind
from lunaredge.paths.given import checked, explained
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Machine
from lunaredge.paths.route import Route
from lunaredge.paths.verdict import Kind, Violation
from lunaredge.paths.zones import Zone

_KINDS = {
    attitude.UNKNOWN: (Kind.GROUND, "unknown"),
    attitude.STEEP: (Kind.GROUND, "slope"),
    attitude.STEPPED: (Kind.GROUND, "step"),
    attitude.ROUGH: (Kind.GROUND, "roughness"),
    attitude.LEAN_ALONG: (Kind.SLOPE_ALONG, ""),
    attitude.LEAN_ACROSS: (Kind.SLOPE_ACROSS, ""),
    attitude.TIPPED_ALONG: (Kind.TIP_OVER, "along"),
    attitude.TIPPED_ACROSS: (Kind.TIP_OVER, "across"),
    attitude.SLIDING: (Kind.TRACTION, ""),
    attitude.FAST: (Kind.SPEED, ""),
    attitude.SPUN: (Kind.TURN, "rate"),
    attitude.TIGHT: (Kind.TURN, "curvature"),
    attitude.ASKEW: (Kind.TURN, "sideways"),
}
_ORDER = tuple(Kind)


class MotionRules:
    """One machine on one version of the ground, with the speed zones, prepared for many routes.

    Without a grid the ground is level everywhere.
    """

    @checked("motion rules")
    def __init__(self, grid: SiteGrid | None, machine: Machine, zones: Sequence[Zone] = ()) -> None:
        self._figures = machine.figures
        self._parts = machine.footprint.parts
        self._ground = _ground_of(grid)
        self._zones = [(zone.name, *_speed_zone(zone)) for zone in zones if _is_slow(zone)]

    @explained("motion rules")
    def first_breach(self, route: Route) -> Violation | None:
        """Give the first thing in time that the machine may not do on a route; None for nothing.

        Checked: ground that is not known, too steep at any heading, too rough, or a step; slope
        along and across the heading; tipping over, braking and turning reckoned in; grip; speed
        above the machine's, the slope's and the zones'; turns faster, tighter or more sideways
        than the drive can. Ties go to the first kind in the order of `Kind`. Tolerances stand as
        constants in `kernels.attitude`. ``party`` says which: a zone's name, or for the ground and
        the drive a word (step, curvature ...).
        """
        what, segment, time_s, value, limit = attitude.first_breach(
            route.knots, self._ground, self._figures
        )
        found = None
        if what != attitude.NOTHING:
            kind, party = _KINDS[what]
            found = _violation(route, kind, party, (segment, time_s, value, limit))
        for name, edges, limits in self._zones:
            segment, time_s, value = zone_speed.first_speeding(
                route.knots, self._parts, edges, limits
            )
            if segment >= 0 and _is_sooner(time_s, found):
                figures = (segment, time_s, value, float(limits[2]))
                found = _violation(route, Kind.SPEED, name, figures)
        return found

    @explained("motion rules")
    def energy_wh(self, route: Route) -> float:
        """Give the energy that a route takes: idling, rolling, climbs in full, turns on the spot.

        Descents give nothing back, and what the wheels slip is paid. A turn is paid as full speed
        for as long as it takes at the full turn rate. inf where the ground is not known.
        """
        return travel.travel_along(route.knots, self._ground, self._figures)[0]

    @explained("motion rules")
    def least_s(self, route: Route) -> float:
        """Give the least time in which the way of a route could be driven, turns included.

        At the speed that the machine and each slope allow; speeding up, braking and zones are left
        out. inf where the ground is not known.
        """
        return travel.travel_along(route.knots, self._ground, self._figures)[1]


def first_breach(
    grid: SiteGrid | None, machine: Machine, route: Route, zones: Sequence[Zone] = ()
) -> Violation | None:
    """Give the first thing in time that a machine may not do on a route, see `MotionRules`."""
    return MotionRules(grid, machine, zones).first_breach(route)


def energy_wh(grid: SiteGrid | None, machine: Machine, route: Route) -> float:
    """Give the energy that a route takes, see `MotionRules`."""
    return MotionRules(grid, machine).energy_wh(route)


def _ground_of(grid: SiteGrid | None) -> attitude.Ground:
    """Give the ground as kernels take it; a grid without cells is level everywhere."""
    if grid is not None:
        return grid.blocks, grid.table, grid.frame, grid.shape
    table = np.zeros((0, 0), np.int32)
    table.flags.writeable = False
    return np.zeros((0, LAYERS, BLOCK, BLOCK)), table, np.array((0.0, 0.0, 1.0)), (0, 0)


def _is_slow(zone: Zone) -> bool:
    return zone.kind is ZoneKind.SPEED


def _speed_zone(zone: Zone) -> tuple[Floats, Floats]:
    """Give a zone's edges and its corner, limit and window."""
    assert zone.speed_m_s_max is not None, "a speed zone has a limit"
    polygon = np.array(zone.polygon, dtype=np.float64)
    limits = zone_speed.limits_of(polygon, zone.speed_m_s_max, zone.from_s, zone.until_s)
    return zone_speed.edge_rows(polygon), limits


def _is_sooner(time_s: float, found: Violation | None) -> bool:
    """Tell whether too much speed in a zone comes before what has been found."""
    if found is None or time_s != found.time_s:
        return found is None or time_s < found.time_s
    return _ORDER.index(Kind.SPEED) < _ORDER.index(found.kind)


def _violation(
    route: Route, kind: Kind, party: str, figures: tuple[int, float, float, float]
) -> Violation:
    segment, time_s, value, limit = figures
    return Violation(
        kind=kind,
        party=party,
        segment=segment,
        time_s=time_s,
        pose=route.pose_at(time_s),
        value=None if math.isnan(value) else value,
        limit=None if math.isnan(limit) else limit,
    )
