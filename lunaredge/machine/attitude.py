"""How a machine leans on the ground: pitch, roll and the slip that goes with them."""

import math

from lunaredge.machine.bodies import Rectangle
from lunaredge.machine.ground import Ground
from lunaredge.machine.kinematics import Drive, slip_ratio
from lunaredge.model.fleet import MachineSpec

# The lean is measured anew after this much driving or turning: less than a cell of the ground.
EVERY_M = 0.25
EVERY_RAD = math.radians(10.0)


class Attitude:
    """Pitch (positive: nose up) and roll (positive: left side up) of one body."""

    def __init__(self, spec: MachineSpec, ground: Ground) -> None:
        self.pitch_deg = 0.0
        self.roll_deg = 0.0
        self._halves = (0.5 * spec.length_m, 0.5 * spec.width_m)
        self._ground = ground
        self._odometer_m = 0.0
        self._heading_rad = math.nan

    @property
    def tilt_deg(self) -> float:
        """The larger of the two leans."""
        return max(abs(self.pitch_deg), abs(self.roll_deg))

    @property
    def slip_ratio(self) -> float:
        """The wheels' slip on this lean."""
        return slip_ratio(self.tilt_deg)

    def moved(self, drive: Drive) -> None:
        """Measure again if the machine has moved far enough since the last time."""
        driven_m = drive.odometer_m - self._odometer_m
        turned_rad = abs(drive.heading_rad - self._heading_rad)
        if driven_m < EVERY_M and turned_rad < EVERY_RAD and not drive.at_rest:
            return
        self._odometer_m = drive.odometer_m
        self.measure(drive.body)

    def measure(self, body: Rectangle) -> None:
        """Measure the lean where the body stands."""
        self._heading_rad = body.heading_rad
        ux, uy = math.cos(body.heading_rad), math.sin(body.heading_rad)
        self.pitch_deg = self._lean_deg(body, ux, uy, self._halves[0])
        self.roll_deg = self._lean_deg(body, -uy, ux, self._halves[1])

    def _lean_deg(self, body: Rectangle, ux: float, uy: float, half_m: float) -> float:
        """Give the rise toward a direction, between the body's two ends on that line."""
        high = self._ground.height_m(body.x_m + half_m * ux, body.y_m + half_m * uy)
        low = self._ground.height_m(body.x_m - half_m * ux, body.y_m - half_m * uy)
        return math.degrees(math.atan2(high - low, 2.0 * half_m))
