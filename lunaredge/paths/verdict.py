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
    """What is nearest; None when nothing is in range."""
    party: str = ""
    segment: int = 0
    time_s: float = 0.0
    pose: Pose = Pose(0.0, 0.0, 0.0)


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
    """What was found, where it is a number: a slope in degrees, a speed in m/s."""
    limit: float | None = None
    """What it may be."""

    @property
    def reason(self) -> str:
        """What an operator reads."""
        what = f"{self.kind.value.replace('_', ' ')}{f' {self.party}' if self.party else ''}"
        if self.value is not None and self.limit is not None:
            what += f" of {self.value:.3g} (at most {self.limit:.3g})"
        return f"{what} at {self.time_s:.2f} s, ({self.pose.x_m:.2f}, {self.pose.y_m:.2f})"


Verdict = Free | Violation
