"""An ideal machine: at full speed along its path up to the stop while its set-point lives.

It never slips, has no inertia and knows its place; so where it truly is follows from what it was
ordered alone. The dead-man's rule is the simulated machines' own.
"""

import math

from lunaredge.ids import NodeId
from lunaredge.machine.setpoint import Setpoint, Verdict
from lunaredge.model.polyline import length_m, part_of
from lunaredge.model.site import Point
from lunaredge.sim.checkers.evidence import TrueBody
from lunaredge.sim.scope.crossing import BASIS_S_MAX, SETPOINT_LIFETIME_S
from lunaredge.units import ns_from_s, s_from_ns
from lunaredge.wire.driver import (
    VERSION,
    Follow,
    Halt,
    Hello,
    MachineOrder,
    Sample,
    Work,
    WorkStatus,
)

BATTERY_WH = 3_000.0
# The controllers' own limit for an order's start.
START_GAP_M_MAX = 0.5


class Cart:
    """One machine and its controller."""

    def __init__(self, name: NodeId, at: Point, start_ns: int) -> None:
        self.name = name
        self.x_m, self.y_m = at
        self.heading_rad = 0.0
        self.station_m = 0.0
        self._path: tuple[Point, ...] = (at,)
        self._setpoint = Setpoint(ns_from_s(SETPOINT_LIFETIME_S))
        self._start_ns = start_ns
        self._now_ns = start_ns
        self._dies_ns = start_ns

    def attach(self) -> Hello:
        """Begin with a new life of the agent."""
        self._setpoint.renumber()
        return Hello(
            version=VERSION,
            machine=self.name,
            setpoint_lifetime_s=SETPOINT_LIFETIME_S,
            basis_s_max=BASIS_S_MAX,
        )

    def carry(self, at: Point) -> None:
        """Be lifted, and put down somewhere else; the order in force ends."""
        self._setpoint.close()
        self.x_m, self.y_m = at
        self._path, self.station_m = (at,), 0.0

    def take(self, order: MachineOrder) -> None:
        """Take an order, or pass over one that the simulated machines would refuse."""
        if isinstance(order, Halt):
            self._setpoint.close()
            return
        age_ns = self._now_ns - self._start_ns - order.basis_ns
        if not 0 <= age_ns <= ns_from_s(BASIS_S_MAX):
            return
        verdict = self._setpoint.judge(order)
        if verdict is Verdict.NEW and self._is_moving:
            return
        if verdict is Verdict.NEW and isinstance(order, Follow):
            if math.dist((self.x_m, self.y_m), order.path[0]) > START_GAP_M_MAX:
                return
            self._path, self.station_m = order.path, 0.0
        if verdict in (Verdict.NEW, Verdict.REFRESH):
            self._setpoint.take(order, self._now_ns)
            self._dies_ns = self._now_ns + ns_from_s(SETPOINT_LIFETIME_S)

    def advance(self, to_ns: int) -> None:
        """Let time pass."""
        assert to_ns >= self._now_ns
        order = self._setpoint.order
        # It drives for as long as the set-point lives, and not a moment longer.
        end_ns = min(to_ns, self._dies_ns)
        if isinstance(order, Follow) and end_ns > self._now_ns:
            driven_m = order.speed_m_s * s_from_ns(end_ns - self._now_ns)
            station_m = min(order.stop_m, length_m(self._path), self.station_m + driven_m)
            if station_m > self.station_m:
                self._go_to(station_m)
        self._now_ns = to_ns
        self._setpoint.expire(to_ns)

    def _go_to(self, station_m: float) -> None:
        covered = part_of(self._path, self.station_m, station_m)
        (from_x_m, from_y_m), (self.x_m, self.y_m) = covered[-2:]
        if covered[-2] != covered[-1]:
            self.heading_rad = math.atan2(self.y_m - from_y_m, self.x_m - from_x_m)
        self.station_m = station_m

    @property
    def _is_moving(self) -> bool:
        order = self._setpoint.live(self._now_ns)
        if not isinstance(order, Follow):
            return False
        return self.station_m < min(order.stop_m, length_m(self._path))

    def sample(self) -> Sample:
        """Give what the machine measures now."""
        order = self._setpoint.live(self._now_ns)
        speed_m_s = order.speed_m_s if isinstance(order, Follow) and self._is_moving else 0.0
        return Sample(
            clock_ns=self._now_ns - self._start_ns,
            x_m=self.x_m,
            y_m=self.y_m,
            heading_rad=self.heading_rad,
            pose_error_m=0.0,
            speed_m_s=speed_m_s,
            station_m=self.station_m,
            at_rest=speed_m_s == 0.0,
            order_no=0 if order is None else order.order_no,
            spent_no=self._setpoint.spent_no,
            battery_wh=BATTERY_WH,
            charging=False,
            power_w=0.0,
            payload_kg=0.0,
            pitch_deg=0.0,
            roll_deg=0.0,
            slip_ratio=0.0,
            motor_c=20.0,
            blocked=False,
            work=WorkStatus(done=False, progress_ratio=0.0),
        )

    def body(self) -> TrueBody:
        """Give where it truly is, and whether it works."""
        return TrueBody(
            machine=self.name,
            x_m=self.x_m,
            y_m=self.y_m,
            heading_rad=self.heading_rad,
            speed_m_s=self.sample().speed_m_s,
            battery_wh=BATTERY_WH,
            works=isinstance(self._setpoint.live(self._now_ns), Work),
        )
