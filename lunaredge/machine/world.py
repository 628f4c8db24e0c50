"""The world of the simulated machines: one ground, every machine on it, and its own slow clock.

Time goes in steps of `STEP_NS` on a fixed raster, so that how a caller slices it changes nothing.
An order takes effect with the next step and counts in a step only if it lives to the step's end:
a set-point dies up to one step early, never late. A machine without anything to do costs nothing
but a few lines when it is looked at. It reads no clock and knows no agents, sockets or files.
"""

import math
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from lunaredge.ids import NodeId
from lunaredge.machine.bodies import Rectangle, circle_gap_m, corners, separation_m
from lunaredge.machine.controller import Machine, MachineOptions
from lunaredge.machine.events import TruthEvent
from lunaredge.machine.ground import Ground
from lunaredge.machine.kinematics import turn_rad
from lunaredge.machine.mishap import POSE_ERROR_M, POSE_WOBBLE_RATIO, SOUND, Mishap
from lunaredge.machine.witness import Motion, Witness
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point, Polygon, Site, ZoneKind
from lunaredge.units import NS_PER_S, ns_from_s, s_from_ns
from lunaredge.wire.driver import MachineOrder, Sample

STEP_NS = NS_PER_S // 5
_STEP_S = s_from_ns(STEP_NS)

# Three periods of the default sample: an agent that knows nothing newer is blind anyway.
BASIS_S_MAX = 15.0

POSE_NOISE_M = 0.015
# Bodies farther than this from a place of interest are not measured exactly.
_NEAR_M = 1.0
_ROUNDING_M = 1e-6


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """Where a machine really is."""

    machine: NodeId
    t_ns: int
    x_m: float
    y_m: float
    heading_rad: float
    speed_m_s: float
    corners: tuple[Point, ...]


class Pose(NamedTuple):
    """How a machine really stands or drives; ``body`` is the very same while it stands."""

    machine: NodeId
    body: Rectangle
    speed_m_s: float
    works: bool


class World:
    """One site's ground and machines. The same calls with the same seed give the same world."""

    def __init__(
        self, site: Site, fleet: Fleet, setpoint_lifetime_s: float, seed: int, start_ns: int
    ) -> None:
        assert setpoint_lifetime_s > s_from_ns(STEP_NS), "a set-point must outlive a step"
        self.setpoint_lifetime_s = setpoint_lifetime_s
        self.basis_s_max = max(BASIS_S_MAX, setpoint_lifetime_s)
        self.ground = Ground(site)
        self._start_ns = self._now_ns = start_ns
        self._seed = seed
        self._passes = 0
        self._chargers = tuple(z.polygon for z in site.zones if z.kind is ZoneKind.CHARGE)
        self._machines: dict[NodeId, Machine] = {}
        for node in fleet.nodes:
            if node.machine is not None:
                options = MachineOptions(
                    lifetime_ns=ns_from_s(setpoint_lifetime_s),
                    basis_ns_max=ns_from_s(self.basis_s_max),
                    phase_rad=math.tau * _hash_ratio(f"{seed}/{node.name}/drift"),
                    start_ns=start_ns,
                )
                self._machines[node.name] = Machine(node, node.machine, self, options)
        self._order = tuple(self._machines.values())
        self._bodies = [machine.drive.body for machine in self._order]
        self._radius_m_max = max((body.radius_m for body in self._bodies), default=0.0)
        self._active: list[int] = []
        """Who is not idle, by index. One that is can be woken by its driver alone."""
        self.witness = Witness(tuple(self._machines), self._bodies, start_ns)

    # --- what drivers see ------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The time the world has reached."""
        return self._now_ns

    @property
    def names(self) -> tuple[NodeId, ...]:
        """The machines, in the fleet's order."""
        return tuple(self._machines)

    def attach(self, machine: NodeId) -> None:
        """Begin with a new driver: the order in force ends, order numbers start anew."""
        self._machines[machine].attach()
        self._look_at(self._machines[machine])

    def order(self, machine: NodeId, frame: MachineOrder, now_ns: int) -> str | None:
        """Give a machine an order; returns a word for why it is refused, or None.

        The set-point's life counts from ``now_ns``.
        """
        refused = self._machines[machine].take(frame, now_ns)
        self._look_at(self._machines[machine])
        return refused

    def sample(self, machine: NodeId) -> Sample:
        """Give what a machine measures now. Scanned points are handed out once."""
        it = self._machines[machine]
        it.settle(self._now_ns)
        drive = it.drive
        noise = [
            (2.0 * _hash_ratio(f"{self._seed}/{machine}/{axis}/{self._now_ns}") - 1.0)
            for axis in "xy"
        ]
        return Sample(
            clock_ns=self._now_ns - self._start_ns,
            x_m=drive.measured[0] + POSE_NOISE_M * noise[0],
            y_m=drive.measured[1] + POSE_NOISE_M * noise[1],
            heading_rad=drive.heading_rad,
            pose_error_m=self._told_error_m(it),
            speed_m_s=drive.speed_m_s,
            station_m=drive.station_m,
            at_rest=drive.at_rest,
            order_no=it.order_no(self._now_ns),
            spent_no=it.spent_no,
            battery_wh=it.told_wh,
            charging=it.charging,
            power_w=it.battery.power_w,
            payload_kg=it.bucket.payload_kg,
            pitch_deg=it.attitude.pitch_deg,
            roll_deg=it.attitude.roll_deg,
            slip_ratio=it.slip_ratio,
            motor_c=it.battery.motor_c,
            blocked=it.blocked,
            work=it.bucket.status,
            scan=it.take_scan(),
        )

    def _told_error_m(self, it: Machine) -> float:
        """Give the bound on its pose that a machine tells now."""
        if it.pose_error_m <= POSE_ERROR_M:
            return POSE_ERROR_M
        less = POSE_WOBBLE_RATIO * _hash_ratio(f"{self._seed}/{it.name}/bound/{self._now_ns}")
        return max(POSE_ERROR_M, (1.0 - less) * it.pose_error_m)

    def afflict(self, machine: NodeId, mishap: Mishap) -> None:
        """Have something be wrong with a machine from now on; `SOUND` ends it."""
        it = self._machines[machine]
        it.settle(self._now_ns)
        it.afflict(mishap)

    def carry(self, machine: NodeId, place: Point, heading_rad: float) -> None:
        """Put a machine that stands somewhere else, at once: its driver learns it by a sample."""
        it = self._machines[machine]
        it.settle(self._now_ns)
        it.put(place, heading_rad)
        index = self._order.index(it)
        self._bodies[index] = it.drive.body
        self.witness.carried(index, self._bodies, self._now_ns)
        self._look_at(it)

    def stands(self, machine: NodeId) -> bool:
        """Whether nothing of its base moves."""
        return self._machines[machine].drive.at_rest

    def is_sound(self, machine: NodeId) -> bool:
        """Whether nothing is wrong with it."""
        return self._machines[machine].mishap == SOUND

    def idle_w(self, machine: NodeId) -> float:
        """Give what it draws at rest."""
        return self._machines[machine].spec.idle_w

    def is_silent(self, machine: NodeId) -> bool:
        """Whether its controller sends no samples."""
        return self._machines[machine].mishap.silent

    # --- time ------------------------------------------------------------------------------------

    def advance(self, to_ns: int) -> None:
        """Let time pass, in whole steps, up to but not beyond ``to_ns``."""
        while self._now_ns + STEP_NS <= to_ns:
            if not self._active:
                self._now_ns += (to_ns - self._now_ns) // STEP_NS * STEP_NS
                return
            self._step(self._active)
            self._active = [index for index in self._active if self._order[index].active]

    def _look_at(self, machine: Machine) -> None:
        """Find out whether what its driver said has made a machine active or idle."""
        index = self._order.index(machine)
        if machine.active != (index in self._active):
            self._active = sorted({*self._active} ^ {index})

    def _step(self, active: list[int]) -> None:
        start_ns, end_ns = self._now_ns, self._now_ns + STEP_NS
        self._now_ns = end_ns
        motions = []
        for index in active:
            machine = self._order[index]
            drive = machine.drive
            body, odometer_m = drive.body, drive.odometer_m
            machine.settle(start_ns)
            machine.step(end_ns, _STEP_S)
            if drive.body is not body:
                self._bodies[index] = drive.body
                turned_rad = turn_rad(body.heading_rad, drive.body.heading_rad)
                motions.append(Motion(index, drive.odometer_m - odometer_m, turned_rad))
        if motions:
            self.witness.observe(motions, self._bodies, start_ns, end_ns)
            for motion in motions:
                drive = self._order[motion.index].drive
                if drive.at_rest:
                    self.witness.rested(motion.index, drive.body, end_ns)

    # --- what only the ground truth shows --------------------------------------------------------

    def truth(self) -> tuple[Truth, ...]:
        """Give where every machine really is."""
        return tuple(
            Truth(
                machine=machine.name,
                t_ns=self._now_ns,
                x_m=machine.drive.body.x_m,
                y_m=machine.drive.body.y_m,
                heading_rad=machine.drive.body.heading_rad,
                speed_m_s=machine.drive.speed_m_s,
                corners=corners(machine.drive.body),
            )
            for machine in self._order
        )

    def poses(self) -> Iterator[Pose]:
        """Give every machine's true body, its speed, and whether its tool works."""
        for machine in self._order:
            works = machine.works(self._now_ns)
            yield Pose(machine.name, machine.drive.body, machine.drive.speed_m_s, works)

    def batteries_wh(self) -> dict[NodeId, float]:
        """Give what every battery holds now."""
        for machine in self._order:
            machine.settle(self._now_ns)
        return {machine.name: machine.battery.charge_wh for machine in self._order}

    def summary(self) -> dict[str, object]:
        """Give the truth so far, ready for JSON."""
        witness = self.witness
        least_m = witness.separation_m_min
        return {
            "t_ns": self._now_ns,
            "separation_m_min": least_m if math.isfinite(least_m) else None,
            "separations_m": witness.separations_m(),
            "pairs_checked": witness.pairs_checked,
            "overlaps": msgspec.to_builtins(witness.overlaps),
            "dropped": {
                "events": witness.events_dropped,
                "overlaps": witness.overlaps_dropped,
                "intervals": witness.intervals_dropped,
            },
            "machines": {
                machine.name: self._machine_summary(index)
                for index, machine in enumerate(self._order)
            },
            "piles_kg": self.ground.piles_kg(),
            "pits_kg": self.ground.pits_kg(),
            "zones": self.ground.coverage(),
        }

    def _machine_summary(self, index: int) -> dict[str, object]:
        machine = self._order[index]
        machine.settle(self._now_ns)
        return {
            "distance_m": self.witness.distances_m[index],
            "moved_intervals": self.witness.intervals[index],
            "battery_wh": machine.battery.charge_wh,
            "battery_wh_min": machine.battery.charge_wh_min,
            "payload_kg": machine.bucket.payload_kg,
            "deadman_stops": machine.deadman_stops,
            "blocked_stops": machine.blocked_stops,
            "orders_refused": dict(machine.refused),
            "scan_points_dropped": machine.scan_dropped,
        }

    # --- surroundings of a machine ---------------------------------------------------------------

    def has_charger(self, x_m: float, y_m: float) -> bool:
        """Whether a machine standing there is charged."""
        return any(_contains(polygon, x_m, y_m) for polygon in self._chargers)

    def clearance_m(self, machine: Machine, body: Rectangle) -> float:
        """Give the distance from ``body`` to the nearest other machine; infinity when far."""
        x_m, y_m = body.x_m, body.y_m
        reach_m = body.radius_m + self._radius_m_max + _NEAR_M + _ROUNDING_M
        least_m = math.inf
        for index, other in enumerate(self._bodies):
            # Nearly all are far; of those not even the circles need comparing.
            if abs(other.x_m - x_m) > reach_m or abs(other.y_m - y_m) > reach_m:
                continue
            if self._order[index] is not machine and circle_gap_m(body, other) < _NEAR_M:
                least_m = min(least_m, separation_m(body, other))
        return least_m

    def next_pass_no(self) -> int:
        """Number a tool's pass."""
        self._passes += 1
        return self._passes

    def tell(self, event: TruthEvent) -> None:
        """Take note of what happened."""
        self.witness.tell(event)


def _contains(polygon: Polygon, x_m: float, y_m: float) -> bool:
    """Whether a point is in a polygon, by counting crossings to the east."""
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y1 > y_m) != (y2 > y_m) and x_m < x1 + (y_m - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def _hash_ratio(text: str) -> float:
    """Give a number in [0, 1) that depends on the text alone, on every machine."""
    return zlib.crc32(text.encode()) / 2**32
