"""A machine as the paths library sees it: its outline, how it drives, and what the ground may ask.

Holds figures and what follows from them by physics under lunar gravity: stopping distance, grip,
tipping, speed and power on a slope. Knows no site and no route.
"""

import enum
import math
from functools import cached_property

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels import traction
from lunaredge.kernels.jit import Floats
from lunaredge.model.fleet import MachineSpec
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.given import check_fields, checked

# Larger is a mistake in the units.
FIGURE_MAX = 1e6

_NO_MACHINE = "no machine has this"


class Drive(enum.StrEnum):
    """How a machine moves."""

    SKID = "skid"
    """Along its heading; turns on the spot."""
    ACKERMANN = "ackermann"
    """Along its heading; turns with a least radius."""
    CRAB = "crab"
    """In any direction at any heading; turns on the spot."""


class Stability(msgspec.Struct, frozen=True, kw_only=True):
    """What decides when a machine tips over. Its wheels stand on a rectangle about its origin."""

    track_m: float
    """Between left and right wheels."""
    wheelbase_m: float
    """Between front and rear axle."""
    centre_height_m: float
    """Of the empty machine's centre of mass over the ground."""
    centre_ahead_m: float = 0.0
    """Of the rectangle's middle; positive toward the front. Payload lies in the middle."""
    payload_height_m: float = 1.0
    """Of the payload's centre of mass over the ground."""

    def __post_init__(self) -> None:
        """Refuse what is no figure; which ones no machine has, `Machine` says."""
        check_fields(self, _NO_MACHINE, "stability")


class Traction(msgspec.Struct, frozen=True, kw_only=True):
    """Grip and slip on regolith.

    The friction is tan 37 degrees, the middle of the published internal friction angles of 30 to
    50 degrees (Carrier, Olhoeft, Mendell 1991, Lunar Sourcebook, chapter 9). Slip is 0.02 on the
    level, 0.2 at 15 degrees and 0.36 at 20.
    """

    friction_ratio: float = 0.75
    slip_ratio_level: float = 0.02
    slip_ratio_deg2: float = 0.00085
    """What each square degree of slope adds."""
    health_ratio: float = 1.0
    """Share of the friction that worn wheels still have."""

    def __post_init__(self) -> None:
        """Refuse what is no figure; which ones no machine has, `Machine` says."""
        check_fields(self, _NO_MACHINE, "traction")


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine draws from its battery."""

    idle_w: float = 40.0
    drive_w: float = 150.0
    """At full speed on the level, idling included."""
    climb_efficiency_ratio: float = 0.6

    def __post_init__(self) -> None:
        """Refuse what is no figure; which ones no machine has, `Machine` says."""
        check_fields(self, _NO_MACHINE, "power")


class Machine(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A machine's figures. `None` means not known, and what would need it isn't checked.

    Raises:
        ConfigError: a figure that no machine has.
    """

    footprint: Footprint
    drive: Drive = Drive.SKID
    reverses: bool = True
    radius_m_min: float = 0.0
    """Least turning radius of the origin, for Ackermann steering."""
    speed_m_s_max: float
    turn_rad_s_max: float
    acceleration_m_s2: float = 0.25
    deceleration_m_s2: float = 0.25
    """Guaranteed on the level; slopes and slip derate it."""
    reaction_s: float = 0.5
    """From a stop order until the brakes hold."""
    slope_along_deg_max: float = 15.0
    slope_across_deg_max: float = 15.0
    step_m_max: float = math.inf
    roughness_m_max: float = math.inf
    mass_kg: float = 100.0
    payload_kg: float = 0.0
    stability: Stability | None = None
    traction: Traction = Traction()
    power: Power = Power()

    def __post_init__(self) -> None:
        """Refuse figures that no machine has."""
        check_fields(self, _NO_MACHINE, "machine")
        for key in _POSITIVE:
            _check(key, getattr(self, key), least=1e-9)
        for key in _NOT_NEGATIVE:
            _check(key, getattr(self, key))
        for key in ("slope_along_deg_max", "slope_across_deg_max"):
            _check(key, getattr(self, key), most=89.0)
        for key in ("step_m_max", "roughness_m_max"):
            _check(key, getattr(self, key), most=math.inf)
        _check("traction.friction_ratio", self.traction.friction_ratio, most=10.0)
        _check("traction.health_ratio", self.traction.health_ratio, most=1.0)
        _check("traction.slip_ratio_level", self.traction.slip_ratio_level, most=0.9)
        _check("traction.slip_ratio_deg2", self.traction.slip_ratio_deg2, most=1.0)
        _check("power.idle_w", self.power.idle_w)
        _check("power.drive_w", self.power.drive_w, least=self.power.idle_w)
        _check("power.climb_efficiency_ratio", self.power.climb_efficiency_ratio, 0.01, 1.0)
        if self.drive is Drive.ACKERMANN:
            _check("radius_m_min", self.radius_m_min, least=1e-3)
        if self.stability is not None:
            _check_stability(self.stability)

    @classmethod
    @checked("machine")
    def of_spec(cls, spec: MachineSpec, payload_kg: float = 0.0) -> "Machine":
        """Give the machine that a fleet file describes: a skid-steered rectangle."""
        return cls(
            footprint=Footprint.rectangle(spec.length_m, spec.width_m),
            speed_m_s_max=spec.speed_m_s_max,
            turn_rad_s_max=math.radians(spec.turn_deg_s),
            deceleration_m_s2=spec.deceleration_m_s2,
            slope_along_deg_max=spec.slope_deg_max,
            slope_across_deg_max=spec.slope_deg_max,
            mass_kg=spec.mass_kg,
            payload_kg=payload_kg,
            power=Power(idle_w=spec.idle_w, drive_w=spec.drive_w),
        )

    @cached_property
    def figures(self) -> Floats:
        """The machine as kernels take it: float64 (FIGURES,), see `kernels.traction`."""
        figures = np.zeros(traction.FIGURES)
        for column, value in self._given().items():
            figures[column] = value
        figures[traction.HOLD] = traction.gradient_max(figures, 0.0)
        braking_m_s2 = traction.braking_m_s2(figures, 0.0, 0.0)
        figures[traction.BRAKING] = braking_m_s2
        # Without any grip no speed is safe, on the level neither.
        full_speed = traction.gradient_max(figures, braking_m_s2) if braking_m_s2 > 0.0 else -1.0
        figures[traction.FULL_SPEED] = full_speed
        figures[traction.GENTLE] = traction.gentle_gradient_max(figures)
        figures.flags.writeable = False
        return figures

    @property
    def hold_deg_max(self) -> float:
        """The steepest slope on which friction holds the machine at rest, slip reckoned in."""
        return math.degrees(math.atan(self.figures[traction.HOLD]))

    @property
    def tip_along_deg(self) -> float | None:
        """The pitch at which it tips over an axle on a straight slope; None = not known."""
        return _angle_deg(float(self.figures[traction.TIP_ALONG]))

    @property
    def tip_across_deg(self) -> float | None:
        """The roll at which it tips over its wheels; None = not known."""
        return _angle_deg(float(self.figures[traction.TIP_ACROSS]))

    @checked("machine")
    def braking_m_s2(self, downhill_deg: float = 0.0) -> float:
        """Give the deceleration on a slope straight along the way; 0.0 where grip can't hold it.

        Coulomb: min(declared, (mu (1 - slip) cos a - sin a) g), a positive downhill.
        """
        uphill = _uphill(downhill_deg)
        return float(traction.braking_m_s2(self.figures, abs(uphill), uphill))

    @checked("machine")
    def stopping_m(self, speed_m_s: float, downhill_deg: float = 0.0) -> float:
        """Give the way from a stop order to rest: v t + v^2 / 2 b; inf where it can't stop."""
        if speed_m_s <= 0.0:
            return 0.0
        braking_m_s2 = self.braking_m_s2(downhill_deg)
        if braking_m_s2 == 0.0:
            return math.inf
        return speed_m_s * self.reaction_s + speed_m_s * speed_m_s / (2.0 * braking_m_s2)

    @checked("machine")
    def speed_limit_m_s(self, downhill_deg: float = 0.0) -> float:
        """Give the speed on a slope from which it stops in the way of full speed on the level."""
        uphill = _uphill(downhill_deg)
        return float(traction.speed_limit_m_s(self.figures, abs(uphill), uphill))

    @checked("machine")
    def travel_s(self, distance_m: float) -> float:
        """Give the time for a straight level way from rest to rest, speeding up and braking."""
        _check("distance_m", distance_m, most=math.inf)
        speed, rise, fall = self.speed_m_s_max, self.acceleration_m_s2, self.deceleration_m_s2
        ramps_m = 0.5 * speed * speed * (1.0 / rise + 1.0 / fall)
        if distance_m < ramps_m:
            return math.sqrt(2.0 * distance_m * (1.0 / rise + 1.0 / fall))
        return distance_m / speed + 0.5 * speed * (1.0 / rise + 1.0 / fall)

    def _given(self) -> dict[int, float]:
        """Give the figures that are not worked out from others, by column."""
        along_ratio, across_ratio = self._tip_ratios
        is_rounding = self.drive is Drive.ACKERMANN
        return {
            traction.ALONG: math.tan(math.radians(self.slope_along_deg_max)),
            traction.ACROSS: math.tan(math.radians(self.slope_across_deg_max)),
            traction.TIP_ALONG: along_ratio,
            traction.TIP_ACROSS: across_ratio,
            traction.STEP: self.step_m_max,
            traction.ROUGHNESS: self.roughness_m_max,
            traction.SPEED: self.speed_m_s_max,
            traction.TURN: self.turn_rad_s_max,
            traction.RADIUS: self.radius_m_min if is_rounding else 0.0,
            traction.SIDEWAYS: float(self.drive is Drive.CRAB),
            traction.BACKWARD: float(self.reverses),
            traction.DECELERATION: self.deceleration_m_s2,
            traction.FRICTION: self.traction.friction_ratio * self.traction.health_ratio,
            traction.SLIP_LEVEL: self.traction.slip_ratio_level,
            traction.SLIP_DEG2: self.traction.slip_ratio_deg2,
            traction.WEIGHT: (self.mass_kg + self.payload_kg) * traction.GRAVITY_M_S2,
            traction.IDLE: self.power.idle_w,
            traction.ROLLING: (self.power.drive_w - self.power.idle_w) / self.speed_m_s_max,
            traction.CLIMB: self.power.climb_efficiency_ratio,
        }

    @property
    def _tip_ratios(self) -> tuple[float, float]:
        """Distance from the centre of mass to the nearer axle and to the wheels, over its height.

        The payload lies in the middle of the wheels, at a height of its own.
        """
        if self.stability is None:
            return math.inf, math.inf
        stability = self.stability
        laden_kg = self.mass_kg + self.payload_kg
        moment = self.mass_kg * stability.centre_height_m
        height_m = (moment + self.payload_kg * stability.payload_height_m) / laden_kg
        ahead_m = self.mass_kg * abs(stability.centre_ahead_m) / laden_kg
        arm_m = 0.5 * stability.wheelbase_m - ahead_m
        return arm_m / height_m, 0.5 * stability.track_m / height_m


_POSITIVE = (
    "speed_m_s_max",
    "turn_rad_s_max",
    "acceleration_m_s2",
    "deceleration_m_s2",
    "mass_kg",
)
_NOT_NEGATIVE = ("radius_m_min", "reaction_s", "payload_kg")


def _check_stability(stability: Stability) -> None:
    for key in ("track_m", "wheelbase_m", "centre_height_m", "payload_height_m"):
        _check(f"stability.{key}", getattr(stability, key), least=1e-3)
    most = 0.499 * stability.wheelbase_m
    _check("stability.centre_ahead_m", stability.centre_ahead_m, least=-most, most=most)


def _check(key: str, value: float, least: float = 0.0, most: float = FIGURE_MAX) -> None:
    if not least <= value <= most:
        raise ConfigError(
            _NO_MACHINE,
            place="machine",
            key=key,
            value=value,
            remedy=f"give {least:.3g} to {most:.3g}",
        )


def _angle_deg(ratio: float) -> float | None:
    return math.degrees(math.atan(ratio)) if math.isfinite(ratio) else None


def _uphill(downhill_deg: float) -> float:
    """Give the rise per metre of a way that goes downhill."""
    _check("downhill_deg", downhill_deg, least=-89.0, most=89.0)
    return -math.tan(math.radians(downhill_deg))
