"""What authorities cost: how long machines stand under way, and how fast they get there.

Reads rides out of the ground truth and the wire, however authority is granted: whole legs at once,
or a stop point that is moved on. A ride is all motion for one task, from where the machine first
moves to where it last does; what comes before it is waiting for leave to set out, and what comes
after it is work.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from lunaredge.ids import NodeId, TaskId
from lunaredge.sim.checkers.evidence import Assigned, Evidence, Reported, TrueBody, Truth
from lunaredge.sim.checkers.tasks import ENDS
from lunaredge.sim.field import TRUTH_PERIOD_NS
from lunaredge.units import s_from_ns

# A road is free while no other machine's centre is nearer than this: two corridors, and the way
# that a machine takes to stop and to set out again.
FREE_M = 20.0
# Far over rounding, far under what a machine covers between two instants.
MOVED_M_MIN = 1e-4
TURNED_RAD_MIN = 1e-4


class Ride(msgspec.Struct, kw_only=True):
    """One machine's motion for one task."""

    machine: NodeId
    task: TaskId
    assigned_ns: int
    begin_ns: int | None = None
    end_ns: int = 0
    driven_m: float = 0.0
    waited_ns: int = 0
    """It stood under way, and the road was free."""
    held_up_ns: int = 0
    """It stood under way, with another machine near."""

    @property
    def lasted_ns(self) -> int:
        """From setting out to arriving."""
        return 0 if self.begin_ns is None else self.end_ns - self.begin_ns


class Rides:
    """Finds the rides in the evidence; one per task that a machine moved for."""

    sees = (Truth, Assigned, Reported)

    def __init__(self) -> None:
        self.done: list[Ride] = []
        self._current: dict[NodeId, Ride] = {}
        self._standing: dict[NodeId, tuple[int, int]] = {}
        """Time stood since the last motion, on a free road and held up; counts if it goes on."""
        self._before: Truth | None = None

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Assigned():
                self._assigned(evidence)
            case Reported() if evidence.outcome in ENDS:
                self._ended(evidence)
            case Truth():
                if self._before is not None:
                    self._moved(self._before, evidence)
                self._before = evidence
            case _:
                pass

    def _assigned(self, assigned: Assigned) -> None:
        known = self._current.get(assigned.node)
        if known is not None and known.task == assigned.task:
            # Said again for want of an answer.
            return
        self._standing[assigned.node] = (0, 0)
        self._current[assigned.node] = Ride(
            machine=assigned.node, task=assigned.task, assigned_ns=assigned.at_ns
        )

    def _ended(self, reported: Reported) -> None:
        ride = self._current.get(reported.node)
        if ride is not None and ride.task == reported.task:
            del self._current[reported.node]
            if ride.begin_ns is not None:
                self.done.append(ride)

    def _moved(self, before: Truth, now: Truth) -> None:
        was = {body.machine: body for body in before.bodies}
        # Bodies that all stand are not shown again: who moves now stood until the last look.
        look_ns = max(before.at_ns, now.at_ns - TRUTH_PERIOD_NS)
        for body in now.bodies:
            ride = self._current.get(body.machine)
            if ride is None:
                continue
            has_moved = _has_moved(was[body.machine], body)
            if ride.begin_ns is not None:
                until_ns = look_ns if has_moved else now.at_ns
                self._stood(body, now.bodies, until_ns - before.at_ns)
            if has_moved:
                self._goes_on(ride, was[body.machine], body, (look_ns, now.at_ns))

    def _stood(self, body: TrueBody, bodies: Iterable[TrueBody], stood_ns: int) -> None:
        free_ns, held_ns = self._standing[body.machine]
        if _is_free(body, bodies):
            free_ns += stood_ns
        else:
            held_ns += stood_ns
        self._standing[body.machine] = (free_ns, held_ns)

    def _goes_on(self, ride: Ride, was: TrueBody, body: TrueBody, span_ns: tuple[int, int]) -> None:
        free_ns, held_ns = self._standing[ride.machine]
        self._standing[ride.machine] = (0, 0)
        ride.waited_ns += free_ns
        ride.held_up_ns += held_ns
        ride.driven_m += math.dist((was.x_m, was.y_m), (body.x_m, body.y_m))
        if ride.begin_ns is None:
            ride.begin_ns = span_ns[0]
        ride.end_ns = span_ns[1]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One row of what was measured."""

    metric: str
    unit: str
    value: float


def figures(together: Sequence[Ride], alone: Sequence[Ride]) -> list[Figure]:
    """Give what the rides come to, and how fast they were against those without other traffic.

    Speeds are of the rides that are in both.
    """
    lasted_s = _sum_s(ride.lasted_ns for ride in together)
    waited_s = _sum_s(ride.waited_ns for ride in together)
    held_up_s = _sum_s(ride.held_up_ns for ride in together)
    speed = mean_speed_m_s(_also_in(together, alone))
    speed_alone = mean_speed_m_s(_also_in(alone, together))
    start_s = _sum_s((ride.begin_ns or 0) - ride.assigned_ns for ride in together)
    rows = (
        ("rides", "1", float(len(together))),
        ("driving_s", "s", lasted_s),
        ("waited_pct", "% of driving", _share_pct(waited_s, lasted_s)),
        ("held_up_pct", "% of driving", _share_pct(held_up_s, lasted_s)),
        ("start_s_mean", "s", start_s / max(1, len(together))),
        ("speed_m_s", "m/s", speed),
        ("speed_alone_m_s", "m/s", speed_alone),
        ("speed_pct", "% of alone", _share_pct(speed, speed_alone)),
    )
    return [Figure(metric=metric, unit=unit, value=value) for metric, unit, value in rows]


def mean_speed_m_s(rides: Iterable[Ride]) -> float:
    """Give the way of all rides over their time; 0.0 for none."""
    driven_m, lasted_s = 0.0, 0.0
    for ride in rides:
        driven_m += ride.driven_m
        lasted_s += s_from_ns(ride.lasted_ns)
    return driven_m / lasted_s if lasted_s > 0.0 else 0.0


def _also_in(rides: Iterable[Ride], others: Iterable[Ride]) -> list[Ride]:
    known = {(other.machine, other.task) for other in others}
    return [ride for ride in rides if (ride.machine, ride.task) in known]


def _sum_s(spans_ns: Iterable[int]) -> float:
    return s_from_ns(sum(spans_ns))


def _share_pct(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole > 0.0 else 0.0


def _has_moved(before: TrueBody, now: TrueBody) -> bool:
    if before is now:
        return False
    turn_rad = now.heading_rad - before.heading_rad
    turned_rad = abs(math.atan2(math.sin(turn_rad), math.cos(turn_rad)))
    moved_m = math.dist((before.x_m, before.y_m), (now.x_m, now.y_m))
    return moved_m > MOVED_M_MIN or turned_rad > TURNED_RAD_MIN


def _is_free(body: TrueBody, bodies: Iterable[TrueBody]) -> bool:
    return all(
        math.dist((body.x_m, body.y_m), (other.x_m, other.y_m)) > FREE_M
        for other in bodies
        if other.machine != body.machine
    )
