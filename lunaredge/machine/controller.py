"""One simulated machine: its body, and the controller that keeps the last word over the agent.

The controller drives only on a live order, brakes when the order dies, stands for an obstacle or
for too much tilt, and refuses what it can't do; a refusal is a word for counting, never an
exception. It does not know whether a movement authority covers an order: that is the agent's.
"""

import math
from typing import Protocol

import msgspec

from lunaredge.machine.attitude import Attitude
from lunaredge.machine.bodies import Rectangle, ahead_of
from lunaredge.machine.bucket import Bucket
from lunaredge.machine.energy import Battery, drive_power_w
from lunaredge.machine.events import GoalReached, MachineStopped, StopCause, TruthEvent
from lunaredge.machine.ground import Ground
from lunaredge.machine.kinematics import START_ERROR_M, Drive, Track
from lunaredge.machine.mishap import SOUND, Mishap, SlipWatch
from lunaredge.machine.setpoint import Setpoint, Verdict
from lunaredge.machine.sweep import ScanPoint, Sweep
from lunaredge.model.fleet import Capability, MachineSpec, NodeSpec
from lunaredge.model.site import Point
from lunaredge.model.task import Tool
from lunaredge.units import s_from_ns
from lunaredge.wire.driver import Follow, Halt, MachineOrder, Work

# What must be free beyond the stopping distance, beside the body, and around a turn on the spot.
GUARD_AHEAD_M = 2.6
GUARD_BESIDE_M = 0.1
# What must be free ahead to go on after a stop: more, so that it doesn't inch forward.
GUARD_AGAIN_M = 3.0
# How far over its slope limit a machine may lean before it stands: its rated slope is a plan's
# limit, and ground is rougher than a plan.
TILT_MARGIN_DEG = 5.0
# A sample with more points would not fit one frame of 64 KiB, at 28 bytes a point.
SCAN_POINTS_MAX = 2000
# As many as fit a frame.
PATH_POINTS_MAX = 3000

_NEEDED = {
    Tool.SCANNER: Capability.SURVEY,
    Tool.BLADE: Capability.GRADE,
    Tool.ROLLER: Capability.COMPACT,
}


class Surroundings(Protocol):
    """What a machine finds around it."""

    @property
    def ground(self) -> Ground:
        """The ground."""
        ...

    def has_charger(self, x_m: float, y_m: float) -> bool:
        """Whether a machine standing there is charged."""
        ...

    def clearance_m(self, machine: "Machine", body: Rectangle) -> float:
        """Give the distance from ``body`` to the nearest other machine; infinity when far."""
        ...

    def next_pass_no(self) -> int:
        """Number a tool's pass."""
        ...

    def tell(self, event: TruthEvent) -> None:
        """Take note of what happened."""
        ...


class MachineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed for a machine's life, besides its specification."""

    lifetime_ns: int
    """How long a set-point lives without a refresh."""
    basis_ns_max: int
    """An order that rests on a sample older than this is refused."""
    phase_rad: float
    """Where its pose drift starts."""
    start_ns: int
    """When the controller's own clock began to count."""


class Machine:
    """A machine that stands in the world, driven or not."""

    def __init__(
        self, node: NodeSpec, spec: MachineSpec, around: Surroundings, options: MachineOptions
    ) -> None:
        assert node.home is not None, f"{node.name} has no place to stand"
        self.name = node.name
        self.spec = spec
        self.drive = Drive(spec, node.home, node.heading_rad, options.phase_rad)
        self.battery = Battery(spec)
        self.bucket = Bucket(node, spec, around.ground)
        self.attitude = Attitude(spec, around.ground)
        self.attitude.measure(self.drive.body)
        self.blocked = False
        self.deadman_stops = 0
        self.blocked_stops = 0
        self.scan_dropped = 0
        self.refused: dict[str, int] = {}
        self.mishap = SOUND
        self._found = SOUND
        """The mishap that its brakes and its pose show: the one of its last rest."""
        self._slip = SlipWatch()
        self._capabilities = node.capabilities
        self._around = around
        self._setpoint = Setpoint(options.lifetime_ns)
        self._options = options
        self._sweep: Sweep | None = None
        self._scan: list[ScanPoint] = []
        self._settled_ns = options.start_ns
        # Odometer at which the charger was looked for; it only changes by driving.
        self._charger_sought_m = math.nan
        self._charger = False

    # --- orders ----------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether time changes more than the battery: it moves, or has something left to do."""
        if not self.drive.at_rest:
            return True
        if self._setpoint.lapsed:
            return False
        match self._setpoint.order:
            case Follow(stop_m=stop_m):
                return not self.drive.arrived(stop_m)
            case Work():
                return self.bucket.busy
            case _:
                return False

    def works(self, now_ns: int) -> bool:
        """Whether its tool acts on the ground now: at a goal, or along a track."""
        if not self.drive.at_rest:
            return self._sweep is not None and self._sweep.acts(self.drive)
        is_ordered = isinstance(self._setpoint.live(now_ns), Work) and not self.battery.empty
        return is_ordered and self.bucket.busy

    def afflict(self, mishap: Mishap) -> None:
        """Have something go wrong with the machine, or nothing any more."""
        self.mishap = mishap
        self.drive.grip_ratio = 1.0 - mishap.slip_ratio
        self._find_out()

    def put(self, place: Point, heading_rad: float) -> None:
        """Stand somewhere else, carried there; the order in force ends."""
        self._setpoint.close()
        self.blocked = False
        self.drive.put(place, heading_rad)
        self.attitude.measure(self.drive.body)
        self._charger_sought_m = math.nan

    def _find_out(self) -> None:
        """Notice at rest what can't be noticed while driving."""
        if self._found is self.mishap or not self.drive.at_rest:
            return
        is_moved = self.mishap.pose_lie_m != self._found.pose_lie_m
        if is_moved and isinstance(self._setpoint.order, Follow):
            # Its path begins where the machine no longer takes itself to be.
            self._setpoint.close()
            self.blocked = False
        self.drive.find_out(self.mishap.braking_ratio, self.mishap.pose_lie_m)
        self._found = self.mishap

    @property
    def pose_error_m(self) -> float:
        """The bound on its pose, which holds until the pose has been found to be better."""
        return max(self.mishap.pose_error_m, self._found.pose_error_m)

    @property
    def slip_ratio(self) -> float:
        """The slip as measured: the ground's at rest, what comes on top while driving."""
        if self.drive.at_rest:
            return self.attitude.slip_ratio
        return max(self.attitude.slip_ratio, self.mishap.slip_ratio)

    @property
    def told_wh(self) -> float:
        """What the battery's meter shows."""
        return min(self.battery.charge_wh + self.mishap.energy_lie_wh, self.spec.battery_wh)

    def attach(self) -> None:
        """Begin with a new driver: the old one's order ends, numbers start anew."""
        self._setpoint.renumber()
        self.blocked = False

    def take(self, order: MachineOrder, now_ns: int) -> str | None:
        """Take an order, or say in a word why not; a refused order changes nothing."""
        if isinstance(order, Halt):
            self._setpoint.close()
            self.blocked = False
            return None
        reason = self._judged(order) if self._is_timely(order, now_ns) else "late"
        if reason is not None:
            self.refused[reason] = self.refused.get(reason, 0) + 1
            return reason
        self._setpoint.take(order, now_ns)
        return None

    def order_no(self, now_ns: int) -> int:
        """Give the number of the order in force; 0 for none."""
        order = self._setpoint.live(now_ns)
        return order.order_no if order is not None else 0

    @property
    def spent_no(self) -> int:
        """The highest number of which no order is taken any more; 0 for none."""
        return self._setpoint.spent_no

    def take_scan(self) -> tuple[ScanPoint, ...]:
        """Hand out the points measured since the last call, and forget them."""
        points = tuple(self._scan)
        self._scan.clear()
        return points

    def _is_timely(self, order: Follow | Work, now_ns: int) -> bool:
        """Whether an order rests on a sample of this life that is not too old."""
        age_ns = now_ns - self._options.start_ns - order.basis_ns
        return 0 <= age_ns <= self._options.basis_ns_max

    def _judged(self, order: Follow | Work) -> str | None:
        """Say why an order is refused; begins it when it is new and taken."""
        if isinstance(order, Follow) and not _is_drivable(order):
            return "malformed"
        verdict = self._setpoint.judge(order)
        if verdict is Verdict.REFRESH:
            return None
        if verdict is not Verdict.NEW:
            return str(verdict.value)
        if not self.drive.at_rest:
            return "moving"
        return self._begun_follow(order) if isinstance(order, Follow) else self._begun_work(order)

    def _begun_follow(self, order: Follow) -> str | None:
        if math.dist(self.drive.measured, order.path[0]) > START_ERROR_M:
            return "far"
        if order.tool is not None and not self._can(order.tool):
            return "unable"
        self.drive.begin(Track(order.path))
        self.bucket.forget()
        self._sweep = None
        if order.tool is not None:
            pass_no = self._around.next_pass_no()
            self._sweep = Sweep(order.tool, order.tool_from_m, self.spec.tool_width_m, pass_no)
        return None

    def _begun_work(self, order: Work) -> str | None:
        reason = self.bucket.refusal(order.goal, (self.drive.body.x_m, self.drive.body.y_m))
        if reason is None:
            self.bucket.begin(order.goal)
        return reason

    def _can(self, tool: Tool) -> bool:
        spec = self.spec
        return (
            _NEEDED[tool] in self._capabilities
            and spec.tool_width_m > 0.0
            and spec.work_speed_m_s > 0.0
        )

    # --- time ------------------------------------------------------------------------------------

    def step(self, end_ns: int, dt_s: float) -> None:
        """Let one step end at ``end_ns``; an order counts only if it lives until then."""
        body = self.drive.body
        order = self._setpoint.live(end_ns)
        if self._setpoint.expire(end_ns):
            self.deadman_stops += 1
            self._stopped(StopCause.DEAD_MAN, end_ns)
        cause = None
        if isinstance(order, Follow) and not self.battery.empty:
            cause = self._follow(order, end_ns, dt_s)
        else:
            self.drive.brake(dt_s)
        self._note_blocked(cause, end_ns)
        if self.mishap is not SOUND:
            self._slip.take(0.0 if self.drive.at_rest else self.slip_ratio, end_ns)
        self._find_out()
        if self.drive.body is not body:
            self.attitude.moved(self.drive)
            self._sweep_on()
        power_w = self._power_w(self.drive.body is not body)
        if isinstance(order, Work) and self.drive.at_rest and not self.battery.empty:
            power_w = self._work(order, dt_s, end_ns)
        self.battery.draw(power_w, self._charge_w(), dt_s)
        self._settled_ns = end_ns

    def settle(self, now_ns: int) -> None:
        """Account for the time a machine stood idle since its last step."""
        if now_ns > self._settled_ns:
            elapsed_s = s_from_ns(now_ns - self._settled_ns)
            self.battery.draw(self.spec.idle_w, self._charge_w(), elapsed_s)
            self._settled_ns = now_ns

    @property
    def charging(self) -> bool:
        """Whether a charger adds to the battery."""
        return self._charge_w() > 0.0 and not self.battery.full

    def _follow(self, order: Follow, end_ns: int, dt_s: float) -> StopCause | None:
        """Drive on, or stand; returns why it stands."""
        drive = self.drive
        if drive.arrived(order.stop_m):
            return None
        if self.mishap.stuck:
            drive.brake(dt_s)
            return None
        if self._slip.stands(end_ns):
            drive.brake(dt_s)
            return StopCause.SLIP
        turn = drive.turn_ahead_rad(order.stop_m)
        if turn:
            if self._turn_touches(drive.turned_by(turn, dt_s)):
                drive.brake(dt_s)
                return StopCause.OBSTACLE
            drive.turn(turn, dt_s)
            return None
        cause = self._hindrance(order)
        if cause is not None:
            drive.brake(dt_s)
            return cause
        drive.follow(order.stop_m, self._speed_m_s(order), dt_s)
        return None

    def _hindrance(self, order: Follow) -> StopCause | None:
        """Say what stands in the way of driving on."""
        if self.attitude.tilt_deg > self.spec.slope_deg_max + TILT_MARGIN_DEG:
            return StopCause.TILT
        drive = self.drive
        # Twice the stopping distance: another machine may come the other way, and see us as late.
        # What lies beyond the next stop or corner will not be driven into.
        guard_m = GUARD_AGAIN_M if self.blocked else GUARD_AHEAD_M
        reach_m = min(2.0 * drive.stopping_m + guard_m, drive.free_m(order.stop_m))
        strip = ahead_of(drive.body, reach_m, GUARD_BESIDE_M)
        return StopCause.OBSTACLE if self._around.clearance_m(self, strip) == 0.0 else None

    def _turn_touches(self, body: Rectangle) -> bool:
        """Whether turning on would bring the body too near to another; turning away may."""
        after_m = self._around.clearance_m(self, body)
        if after_m >= GUARD_BESIDE_M:
            return False
        return after_m < self._around.clearance_m(self, self.drive.body)

    def _speed_m_s(self, order: Follow) -> float:
        limit = min(order.speed_m_s, self.spec.speed_m_s_max)
        if order.tool is not None and self.drive.station_m >= order.tool_from_m:
            limit = min(limit, self.spec.work_speed_m_s)
        return self.mishap.speed_ratio * limit

    def _sweep_on(self) -> None:
        """Let the tool act on what was driven over, braking included."""
        if self._sweep is None:
            return
        points = self._sweep.go_on(self.drive, self._around.ground)
        room = SCAN_POINTS_MAX - len(self._scan)
        self.scan_dropped += max(0, len(points) - room)
        self._scan.extend(points[:room])

    def _work(self, order: Work, dt_s: float, end_ns: int) -> float:
        if not self.bucket.busy:
            return self.spec.idle_w
        power_w = self.bucket.step(dt_s)
        status = self.bucket.status
        if status is not None and status.done:
            self._around.tell(
                GoalReached(
                    t_ns=end_ns, machine=self.name, order_no=order.order_no, goal=order.goal
                )
            )
        return power_w

    def _note_blocked(self, cause: StopCause | None, end_ns: int) -> None:
        if cause is not None and not self.blocked:
            self.blocked_stops += 1
            self._stopped(cause, end_ns)
        self.blocked = cause is not None

    def _stopped(self, cause: StopCause, end_ns: int) -> None:
        self._around.tell(MachineStopped(t_ns=end_ns, machine=self.name, cause=cause))

    def _power_w(self, moved: bool) -> float:  # noqa: FBT001
        if not moved:
            return self.spec.idle_w
        if self.drive.turning or self.drive.speed_m_s == 0.0:
            return self.spec.drive_w
        return drive_power_w(self.spec, self.drive.speed_m_s, self.attitude.pitch_deg)

    def _charge_w(self) -> float:
        if not self.drive.at_rest:
            return 0.0
        if self._charger_sought_m != self.drive.odometer_m:
            self._charger_sought_m = self.drive.odometer_m
            self._charger = self._around.has_charger(self.drive.body.x_m, self.drive.body.y_m)
        return self.spec.charge_w if self._charger else 0.0


def _is_drivable(order: Follow) -> bool:
    """Whether the numbers of an order can be driven by. The decoder has checked the path's."""
    return (
        1 <= len(order.path) <= PATH_POINTS_MAX
        and math.isfinite(order.stop_m)
        and math.isfinite(order.tool_from_m)
        and 0.0 < order.speed_m_s < math.inf
    )
