"""How a skid-steered machine follows a polyline, and how far it needs to stop.

A machine steers by its own measured pose. It turns on the spot at the path's corners, drives the
stretches between them, and brakes so that its station never passes the stop. Two errors are
modelled, both without chance and both bounded:

    tracking   the measured pose leaves the path by at most `TRACKING_ERROR_M`, once the error it
               started the order with (at most `START_ERROR_M`) has faded out over `FADE_M`
    drift      the true pose differs from the measured one by at most `DRIFT_M`

It knows no orders, no ground and no neighbours: `controller` decides whether to drive or brake.
"""

import math

import msgspec

from lunaredge.machine.bodies import Rectangle
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.site import Point
from lunaredge.units import MOON_GRAVITY_M_S2

TRACKING_ERROR_M = 0.04
DRIFT_M = 0.07
START_ERROR_M = 0.5
FADE_M = 5.0

# A path's advance of 1 m moves the true pose at most this far: the sway's slope is at most
# 2 pi / SWAY_RATIO, the fading start error adds START_ERROR_M / FADE_M, the drift under 0.01.
CRAB_RATIO = 1.2
# Sway per length of a stretch: keeps the sway's slope under 0.063.
SWAY_RATIO = 100.0
# The drift turns once in this many metres driven, times 2 pi.
DRIFT_ARC_M = 25.0

# Friction of grousers on dry regolith: tan 37 deg, the middle of published internal friction
# angles (30 to 50 deg).
TRACTION_RATIO = 0.75
# Below this change of heading a corner is driven through; half a degree over a body length of 3 m
# moves a corner 13 mm.
TURN_RAD_MIN = math.radians(0.5)
# A stop within a millimetre is the stop. Tracks coarser than that are not laid either.
_ARRIVED_M = 1e-3


def slip_ratio(slope_deg: float) -> float:
    """Give the wheel slip on a slope: 0.02 on the level, 0.2 at 15 deg, 0.36 at 20 deg."""
    return min(0.02 + 0.00085 * slope_deg * slope_deg, 0.95)


def braking_m_s2(deceleration_m_s2: float, slope_deg: float, slip: float) -> float:
    """Give what is left of a deceleration on a slope; 0.0 where friction can't hold the machine.

    ``slope_deg`` is positive downhill in the direction of travel.
    """
    slope = math.radians(slope_deg)
    hold = TRACTION_RATIO * math.cos(slope) * (1.0 - slip) - math.sin(slope)
    return max(0.0, min(deceleration_m_s2, hold * MOON_GRAVITY_M_S2))


def stopping_distance_m(
    speed_m_s: float, deceleration_m_s2: float, slope_deg: float, slip: float
) -> float:
    """Give how far a machine rolls from that speed to rest; infinity where it can't stop."""
    if speed_m_s <= 0.0:
        return 0.0
    braking = braking_m_s2(deceleration_m_s2, slope_deg, slip)
    return speed_m_s * speed_m_s / (2.0 * braking) if braking > 0.0 else math.inf


class Stretch(msgspec.Struct, frozen=True):
    """One straight piece of a track."""

    x_m: float
    y_m: float
    ux: float
    uy: float
    heading_rad: float
    start_m: float
    length_m: float
    corner_m: float
    """Station of the next corner that needs a turn, or of the track's end."""

    @property
    def end_m(self) -> float:
        """Station at which the stretch ends."""
        return self.start_m + self.length_m


class Track:
    """A path prepared for driving: straight stretches with their stations."""

    def __init__(self, path: tuple[Point, ...]) -> None:
        assert path, "a path has a first point"
        self.first = path[0]
        pieces = _pieces(path)
        self.length_m = sum(length for *_, length in pieces)
        self.stretches = _stretches(pieces, self.length_m)


def _pieces(path: tuple[Point, ...]) -> list[tuple[Point, float, float]]:
    """Give (start, heading, length) of every piece that is long enough to have a direction."""
    pieces = []
    start = path[0]
    for point in path[1:]:
        length = math.dist(start, point)
        if length > _ARRIVED_M:
            heading = math.atan2(point[1] - start[1], point[0] - start[0])
            pieces.append((start, heading, length))
            start = point
    return pieces


def _stretches(pieces: list[tuple[Point, float, float]], end_m: float) -> tuple[Stretch, ...]:
    stretches: list[Stretch] = []
    start_m = corner_m = end_m
    following: float | None = None
    for (x_m, y_m), heading, length in reversed(pieces):
        if following is not None and abs(turn_rad(heading, following)) > TURN_RAD_MIN:
            corner_m = start_m
        start_m -= length
        ux, uy = math.cos(heading), math.sin(heading)
        stretches.append(Stretch(x_m, y_m, ux, uy, heading, start_m, length, corner_m))
        following = heading
    return tuple(reversed(stretches))


def turn_rad(source_rad: float, target_rad: float) -> float:
    """Give the shortest turn from one heading to another, in (-pi, pi]."""
    return math.pi - (math.pi - (target_rad - source_rad)) % math.tau


class Drive:
    """Where a machine is and how it moves. The body stands at the true pose."""

    def __init__(
        self, spec: MachineSpec, place: Point, heading_rad: float, phase_rad: float
    ) -> None:
        grade_deg = spec.slope_deg_max
        # One figure for every slope the machine may stand on, so that a stop never comes late.
        self.braking_m_s2 = braking_m_s2(spec.deceleration_m_s2, grade_deg, slip_ratio(grade_deg))
        assert self.braking_m_s2 > 0.0, f"friction can't hold a machine on {grade_deg} deg"
        self.speed_m_s = 0.0
        self.station_m = 0.0
        self.odometer_m = 0.0
        self.turning = False
        self.grip_ratio = 1.0
        """Share of each advance and turn that comes of it."""
        self.heading_rad = heading_rad
        self.track: Track | None = None
        self._rated_m_s2 = self.braking_m_s2
        self._turn_rad_s = math.radians(spec.turn_deg_s)
        self._halves = (0.5 * spec.length_m, 0.5 * spec.width_m)
        self._phase_rad = phase_rad
        self._lie_m = (0.0, 0.0)
        self._index = 0
        self._start_error = (0.0, 0.0)
        drift = self._drift()
        self.measured = (place[0] + drift[0], place[1] + drift[1])
        self.body = self._body()

    @property
    def at_rest(self) -> bool:
        """Whether nothing of the base moves."""
        return self.speed_m_s == 0.0 and not self.turning

    @property
    def stretch(self) -> Stretch | None:
        """The stretch that the machine is on; None without a track that leads somewhere."""
        if self.track is None or not self.track.stretches:
            return None
        return self.track.stretches[self._index]

    @property
    def stopping_m(self) -> float:
        """How far it would roll if it braked now."""
        return self.speed_m_s * self.speed_m_s / (2.0 * self.braking_m_s2)

    @property
    def _end_m(self) -> float:
        return self.track.length_m if self.track is not None else 0.0

    def begin(self, track: Track) -> None:
        """Put the machine at station 0 of a track."""
        assert self.at_rest, "a track begins at rest"
        error = (self.measured[0] - track.first[0], self.measured[1] - track.first[1])
        assert math.hypot(*error) <= START_ERROR_M, error
        self.track = track
        self.station_m = 0.0
        self._index = 0
        self._start_error = error

    def put(self, place: Point, heading_rad: float) -> None:
        """Stand somewhere else, carried there: no track leads from here."""
        assert self.at_rest, "a moving machine is not lifted"
        drift = self._drift()
        self.measured = (place[0] + drift[0], place[1] + drift[1])
        self.heading_rad = heading_rad
        self.track = None
        self.station_m = 0.0
        self._index = 0
        self.body = self._body()

    def find_out(self, braking_ratio: float, lie_m: Point) -> None:
        """Measure brakes and pose anew, at rest. What is measured changes; the body stays."""
        assert self.at_rest
        self.braking_m_s2 = braking_ratio * self._rated_m_s2
        self.measured = (
            self.measured[0] + lie_m[0] - self._lie_m[0],
            self.measured[1] + lie_m[1] - self._lie_m[1],
        )
        self._lie_m = lie_m

    def turn_ahead_rad(self, stop_m: float) -> float:
        """Give the turn on the spot that must come before any more driving; 0.0 for none."""
        if self.speed_m_s > 0.0 or stop_m - self.station_m <= _ARRIVED_M:
            return 0.0
        stretch = self._entered()
        if stretch is None:
            return 0.0
        turn = turn_rad(self.heading_rad, stretch.heading_rad)
        return turn if abs(turn) > TURN_RAD_MIN else 0.0

    def arrived(self, stop_m: float) -> bool:
        """Whether the machine is at rest with nothing left to drive before the stop."""
        return self.at_rest and min(stop_m, self._end_m) - self.station_m <= _ARRIVED_M

    def turn(self, turn_rad_left: float, dt_s: float) -> None:
        """Turn on the spot toward the next stretch."""
        assert self.speed_m_s == 0.0, "a point turn begins at rest"
        step = min(abs(turn_rad_left), self.grip_ratio * self._turn_rad_s * dt_s)
        self.heading_rad = turn_rad(0.0, self.heading_rad + math.copysign(step, turn_rad_left))
        # Until it drives on or is told to stop, even when the turn is done.
        self.turning = True
        self.body = self._body()

    def turned_by(self, turn_rad_left: float, dt_s: float) -> Rectangle:
        """Give the body as `turn` would leave it."""
        step = min(abs(turn_rad_left), self._turn_rad_s * dt_s)
        heading_rad = self.heading_rad + math.copysign(step, turn_rad_left)
        return msgspec.structs.replace(self.body, heading_rad=heading_rad)

    def free_m(self, stop_m: float) -> float:
        """Give how far it may drive straight on before it stops or turns."""
        stretch = self._entered()
        return max(0.0, min(stop_m, stretch.corner_m) - self.station_m) if stretch else 0.0

    def follow(self, stop_m: float, speed_m_s: float, dt_s: float) -> None:
        """Drive on along the stretch, no faster than told, ready to rest at the stop."""
        stretch = self._entered()
        self.turning = False
        if stretch is None:
            return
        hold_m = min(stop_m, stretch.corner_m)
        left_m = hold_m - self.station_m
        fastest = self._speed_that_stops(left_m, dt_s)
        change = self.braking_m_s2 * dt_s
        target = min(speed_m_s, fastest, self.speed_m_s + change)
        # A stop drawn nearer than the braking distance can't be kept: brake with all there is.
        target = max(target, self.speed_m_s - change, 0.0)
        step_m = 0.5 * (self.speed_m_s + target) * dt_s
        if target == 0.0 and self.speed_m_s <= change:
            # It comes to rest within the step: at the stop, if that is not too near to brake.
            step_m = max(min(left_m, step_m), self.stopping_m)
        self._advance(step_m, target)
        rest_m = hold_m - self.station_m
        if abs(rest_m) <= _ARRIVED_M and self.speed_m_s <= change:
            self._advance(max(rest_m, 0.0), 0.0)
            # A pause at a corner is no rest: the turn begins with the next step.
            self.turning = stretch.corner_m < min(stop_m, self._end_m) - _ARRIVED_M

    def brake(self, dt_s: float) -> None:
        """Come to rest as fast as the ground allows; a turn on the spot ends at once."""
        self.turning = False
        if self.speed_m_s == 0.0:
            return
        change = self.braking_m_s2 * dt_s
        if change >= self.speed_m_s:
            self._advance(self.stopping_m, 0.0)
        else:
            slower = self.speed_m_s - change
            self._advance(0.5 * (self.speed_m_s + slower) * dt_s, slower)

    def _speed_that_stops(self, left_m: float, dt_s: float) -> float:
        """Give the speed at the step's end from which the rest of the way is just enough.

        Solves (v + v') dt / 2 + v'^2 / 2a = left for v'.
        """
        rest_m = left_m - 0.5 * self.speed_m_s * dt_s
        if rest_m <= 0.0:
            return 0.0
        half = 0.5 * dt_s
        return self.braking_m_s2 * (
            math.sqrt(half * half + 2.0 * rest_m / self.braking_m_s2) - half
        )

    def _entered(self) -> Stretch | None:
        """Give the stretch on which driving goes on, stepping over the end of the last one."""
        stretch = self.stretch
        if stretch is None or self.track is None:
            return None
        last = len(self.track.stretches) - 1
        while self._index < last and self.station_m >= stretch.end_m - _ARRIVED_M:
            self._index += 1
            stretch = self.track.stretches[self._index]
        return stretch

    def _advance(self, distance_m: float, speed_m_s: float) -> None:
        stretch = self.stretch
        assert stretch is not None, "only a track is driven"
        assert self.track is not None
        distance_m *= self.grip_ratio
        self.station_m = min(self.station_m + distance_m, self.track.length_m)
        self.odometer_m += distance_m
        self.speed_m_s = speed_m_s
        while self.station_m > stretch.end_m and stretch.end_m < stretch.corner_m:
            self._index += 1
            stretch = self.track.stretches[self._index]
        self.heading_rad = stretch.heading_rad
        self._place(stretch)
        self.body = self._body()

    def _place(self, stretch: Stretch) -> None:
        """Set the measured pose from the station: on the path, with sway and faded start error."""
        along = self.station_m - stretch.start_m
        sway_m = min(TRACKING_ERROR_M, stretch.length_m / SWAY_RATIO)
        across = sway_m * math.sin(math.tau * along / stretch.length_m)
        fade = max(0.0, 1.0 - self.station_m / FADE_M)
        self.measured = (
            stretch.x_m + along * stretch.ux - across * stretch.uy + fade * self._start_error[0],
            stretch.y_m + along * stretch.uy + across * stretch.ux + fade * self._start_error[1],
        )

    def _drift(self) -> Point:
        """Give measured minus true position: of constant size, turning with the way driven."""
        angle = self._phase_rad + self.odometer_m / DRIFT_ARC_M
        return (
            DRIFT_M * math.cos(angle) + self._lie_m[0],
            DRIFT_M * math.sin(angle) + self._lie_m[1],
        )

    def _body(self) -> Rectangle:
        dx, dy = self._drift()
        x_m, y_m = self.measured
        return Rectangle(x_m - dx, y_m - dy, self.heading_rad, *self._halves)
