"""What a check says of a route: free, and with how much room; or what stands against it first."""

import enum
import math

import msgspec

from lunaredge.paths.route import Pose


class Kind(enum.StrEnum):
    """What a route can meet, in the order that breaks a tie in time."""

    BOUNDARY = "boundary"
    KEEP_OUT = "keep_out"
    OBSTACLE = "obstacle"
    GROUND = "ground"
    """Ground that is too steep at any heading, too rough, too high a step, or not known."""
    SLOPE_ALONG = "slope_along"
    SLOPE_ACROSS = "slope_across"
    TIP_OVER = "tip_over"
    TRACTION = "traction"
    SPEED = "speed"
    TURN = "turn"
    """A turn that the drive can't make: too tight, too fast, or sideways."""
    RESERVATION = "reservation"


class Free(msgspec.Struct, frozen=True, kw_only=True, tag="free"):
    """Nothing stands against the route."""

    clearance_m: float = math.inf
    """The least distance to anything that a body can hit; the range of looking where there is
    nothing so near."""
    kind: Kind | None = None
    """What is nearest; None when nothing is in range, and then all below is None or empty."""
    party: str = ""
    segment: int | None = None
    time_s: float | None = None
    pose: Pose | None = None


class Violation(msgspec.Struct, frozen=True, kw_only=True, tag="violation"):
    """The first thing that stands against the route."""

    kind: Kind
    party: str = ""
    """The zone, obstacle or machine in the way; empty for the ground."""
    segment: int
    """Index of the knot that the segment starts from."""
    time_s: float
    """When it is first met."""
    pose: Pose
    """Where the machine is then."""
    depth_m: float = 0.0
    """How deep the bodies overlap at the worst pose of that segment; 0 where nothing overlaps."""
    value: float | None = None
    """What was found, where it is a number: a slope in degrees, a speed in m/s, a turn rate in
    rad/s, a curvature in 1/m."""
    limit: float | None = None
    """What it may be."""

    @property
    def reason(self) -> str:
        """What an operator reads; turns are in degrees there, and curvatures are radii."""
        what = f"{self.kind.value.replace('_', ' ')}{f' {self.party}' if self.party else ''}"
        if self.value is not None and self.limit is not None:
            what = _with_figures(self.kind, self.party, what, (self.value, self.limit))
        return f"{what} at {self.time_s:.2f} s, ({self.pose.x_m:.2f}, {self.pose.y_m:.2f})"


Verdict = Free | Violation

# By kind, or by kind and party where a kind has several; what has none here is in degrees.
_UNITS = {
    Kind.SPEED: "m/s",
    (Kind.GROUND, "step"): "m",
    (Kind.GROUND, "roughness"): "m",
    (Kind.TURN, "rate"): "deg/s",
}


def _with_figures(kind: Kind, party: str, what: str, figures: tuple[float, float]) -> str:
    """Give what was found with its figure and its limit, in the units that files have."""
    value, limit = figures
    bound = "at most"
    unit = _UNITS.get((kind, party)) or _UNITS.get(kind) or "deg"
    if (kind, party) == (Kind.TURN, "curvature"):
        what, bound, unit = "turn radius", "at least", "m"
        value, limit = 1.0 / value, 1.0 / limit
    elif (kind, party) == (Kind.TURN, "rate"):
        value, limit = math.degrees(value), math.degrees(limit)
    elif (kind, party) == (Kind.TURN, "sideways"):
        what = "motion sideways"
    digits = next((n for n in (3, 4, 5) if f"{value:.{n}g}" != f"{limit:.{n}g}"), 6)
    return f"{what} of {value:.{digits}g} {unit} ({bound} {limit:.{digits}g} {unit})"
