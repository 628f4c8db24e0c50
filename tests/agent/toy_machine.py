"""A machine with hardly any physics: it drives as it is told and stops when its set-point dies."""

import itertools
import math
from typing import Any

import msgspec

from lunaredge.model.site import Point
from lunaredge.model.task import Load
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Follow, Halt, MachineOrder, Sample, Work, WorkStatus

PATH: tuple[Point, ...] = ((0.0, 0.0), (30.0, 0.0), (30.0, 20.0))
START_M_MAX = 0.5  # how far from an order's first point a controller lets a machine begin


def seconds(duration_s: float) -> int:
    return round(duration_s * NS_PER_S)


class Machine:
    """A machine that drives as it is told and stops when its set-point dies."""

    def __init__(self, place: Point = PATH[0]) -> None:
        self.place = place
        self.speed_m_s = 0.0
        self.station_m = 0.0
        self.order: Follow | Work | None = None
        self.lifetime_ns = seconds(20)
        self.work: WorkStatus | None = None
        self.work_left_s = 30.0
        self.found_empty = False
        self.scan: tuple[tuple[float, float, float], ...] = ()
        self.traits: dict[str, Any] = {}
        self.moved_ns: int | None = None
        self.ahead_ns = 0
        self._path: tuple[Point, ...] = (place,)
        self._deadline_ns = 0
        self._number = 0

    def take(self, order: MachineOrder, now_ns: int) -> None:
        if isinstance(order, Halt):
            self.order = None
            return
        self._number = order.order_no
        current = self.order
        if current is None or current.order_no != order.order_no:
            if isinstance(order, Follow):
                assert math.dist(order.path[0], self.place) <= START_M_MAX, "far"
                self._path, self.station_m, self.work = order.path, 0.0, None
            else:
                self.work = WorkStatus(done=self.work_left_s <= 0.0, progress_ratio=0.0)
        self.order = order
        self._deadline_ns = now_ns + self.lifetime_ns

    def advance(self, now_ns: int, step_ns: int) -> None:
        live = self.order if now_ns <= self._deadline_ns else None
        step_s = step_ns / NS_PER_S
        left_m = live.stop_m - self.station_m if isinstance(live, Follow) else 0.0
        wanted_m_s = live.speed_m_s if isinstance(live, Follow) else 0.0
        slower_m_s = max(0.0, self.speed_m_s - 0.1 * step_s)
        self.speed_m_s = wanted_m_s if left_m > 0.0 else slower_m_s
        if self.traits.get("blocked"):
            self.speed_m_s = 0.0
        if left_m <= 0.0 and isinstance(live, Follow):
            self.speed_m_s = 0.0
        ahead_m = self.speed_m_s * step_s
        ahead_m = min(ahead_m, left_m) if isinstance(live, Follow) else ahead_m
        if ahead_m > 0.0:
            self.station_m += ahead_m
            self.place = point_at(self._path, self.station_m)
            self.moved_ns = now_ns
        if isinstance(live, Work) and self.work is not None:
            self.work_left_s = max(0.0, self.work_left_s - step_s)
            done = self.work_left_s <= 0.0
            empty = done and self.found_empty and isinstance(live.goal, Load)
            ratio = 1.0 if done else 0.5
            self.work = WorkStatus(done=done, progress_ratio=ratio, found_empty=empty)

    def carry(self, place: Point) -> None:
        """Be lifted, and put down somewhere else."""
        self.order, self.speed_m_s, self.place, self.station_m = None, 0.0, place, 0.0
        self._path = (place,)

    def slip(self, aside_m: float) -> None:
        """Come off its path, and go on beside it."""
        self.place = (self.place[0], self.place[1] + aside_m)
        self._path = tuple((x_m, y_m + aside_m) for x_m, y_m in self._path)

    def stand_before_an_obstacle(self) -> None:
        """Stand until `traits` are cleared, whatever is ordered."""
        self.speed_m_s = 0.0
        self.traits = {"blocked": True}

    def sample(self, now_ns: int) -> Sample:
        live = self.order is not None and now_ns <= self._deadline_ns
        base = Sample(
            clock_ns=now_ns + self.ahead_ns,
            x_m=self.place[0],
            y_m=self.place[1],
            heading_rad=0.0,
            pose_error_m=0.2,
            speed_m_s=self.speed_m_s,
            station_m=self.station_m,
            at_rest=self.speed_m_s == 0.0,
            order_no=self.order.order_no if live and self.order is not None else 0,
            spent_no=self._number - (self.order is not None),
            battery_wh=9000.0,
            charging=False,
            power_w=150.0,
            payload_kg=0.0,
            pitch_deg=1.0,
            roll_deg=0.5,
            slip_ratio=0.05,
            motor_c=20.0,
            blocked=False,
            work=self.work,
            scan=self.scan,
        )
        return msgspec.structs.replace(base, **self.traits)


def point_at(path: tuple[Point, ...], station_m: float) -> Point:
    left_m = station_m
    for start, end in itertools.pairwise(path):
        piece_m = math.dist(start, end)
        if piece_m > 0.0 and left_m <= piece_m:
            ratio = left_m / piece_m
            return (
                start[0] + ratio * (end[0] - start[0]),
                start[1] + ratio * (end[1] - start[1]),
            )
        left_m -= piece_m
    return path[-1]
