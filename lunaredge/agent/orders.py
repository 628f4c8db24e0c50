"""The set-point that the machine lives on: given, refreshed, withdrawn, and proven dead.

A set-point dies in the controller within the lifetime that it declared, so the order in force is
given again four times in that time. A dead one may come back, by a refresh that waited in the
stream; a halted one can't. Owns the order numbers and the proof of rest: a machine is *rested*
only when no order of ours can still move it, which an old sample can't show. It decides nothing:
`pilot` says what to order.
"""

import msgspec

from lunaredge.ids import BootId
from lunaredge.model.site import Point
from lunaredge.model.task import Tool, WorkGoal
from lunaredge.wire.driver import Follow, Halt, MachineOrder, Sample, Work

# Three refreshes may be lost or late before a set-point dies.
_REFRESHES_PER_LIFETIME = 4


class Orders:
    """The order in force. Times are local."""

    def __init__(self, boot: BootId, stopping_ns: int) -> None:
        self.current: Follow | Work | None = None
        self.given_ns = 0
        """When the order in force was first given."""
        # Above every number of an earlier boot: the upper bits of a boot are its counter.
        self._number = (boot >> 24) << 32
        self._stopping_ns = stopping_ns
        self._lifetime_ns: int | None = None
        self._next_ns: int | None = None
        self._halting = False
        # Whether an order of ours, or of an earlier life, may still move the machine.
        self._moving = True
        self._late_ns = 0
        self._quiet_ns = 0
        """When the last order must have died, and the machine stopped."""
        self._basis_ns = 0

    def attached(self, lifetime_ns: int, late_ns: int, now_ns: int) -> Halt:
        """Begin with a controller; what it may still be doing was ordered by another life.

        Args:
            lifetime_ns: How long an order lives there.
            late_ns: How late an order may reach it and still be taken.
            now_ns: Local time.
        """
        self._lifetime_ns, self._late_ns = lifetime_ns, late_ns
        self._moving = True
        # What the last connection held can't come any more.
        self._quiet_ns = now_ns + lifetime_ns + self._stopping_ns
        return self.halt(now_ns)

    def detached(self) -> None:
        """Have no controller; what it was doing is not known until it is back."""
        self.current = None
        self._lifetime_ns = None
        self._next_ns = None
        self._halting = False
        self._moving = True

    def follow(
        self,
        path: tuple[Point, ...],
        stop_m: float,
        speed_m_s: float,
        tool: tuple[Tool | None, float],
        now_ns: int,
    ) -> Follow:
        """Order a path under a new number. ``tool`` is the tool and where it starts to act."""
        order = Follow(
            order_no=self._take_number(),
            basis_ns=self._basis_ns,
            path=path,
            stop_m=stop_m,
            speed_m_s=speed_m_s,
            tool=tool[0],
            tool_from_m=tool[1],
        )
        self._give(order, now_ns)
        return order

    def paced(self, stop_m: float, speed_m_s: float, now_ns: int) -> Follow | None:
        """Give the path in force with another stop or speed, or None where neither changes."""
        order = self.current
        assert isinstance(order, Follow)
        if (order.stop_m, order.speed_m_s) == (stop_m, speed_m_s):
            return None
        self.current = msgspec.structs.replace(
            order, basis_ns=self._basis_ns, stop_m=stop_m, speed_m_s=speed_m_s
        )
        self._count_on(now_ns)
        self._schedule(now_ns)
        return self.current

    def work(self, goal: WorkGoal, now_ns: int) -> Work:
        """Order a goal under a new number."""
        order = Work(order_no=self._take_number(), basis_ns=self._basis_ns, goal=goal)
        self._give(order, now_ns)
        return order

    def halt(self, now_ns: int) -> Halt:
        """Withdraw the order in force; it is said again until the machine is seen at rest."""
        self.current = None
        self._halting = True
        self._schedule(now_ns)
        return Halt()

    def refresh(self, now_ns: int) -> MachineOrder | None:
        """Give the order that is due to be given again, or None."""
        if self._next_ns is None or now_ns < self._next_ns:
            return None
        self._schedule(now_ns)
        if self._halting:
            return Halt()
        assert self.current is not None
        self._count_on(now_ns)
        self.current = msgspec.structs.replace(self.current, basis_ns=self._basis_ns)
        return self.current

    def observe(self, sample: Sample, measured_ns: int) -> None:
        """Learn from a sample whether the last order can still move the machine.

        It can't once the controller says that its number is spent, or once it must have died there
        and the machine had the time to stop. A sample on which it died proves nothing.
        """
        self._number = max(self._number, sample.order_no)
        self._basis_ns = sample.clock_ns
        is_over = sample.spent_no == self._number or measured_ns >= self._quiet_ns
        if self.current is None and is_over:
            self._moving = False
        if self._halting and self.rested(sample):
            self._halting = False
            self._next_ns = None

    def clock_jumped(self, now_ns: int) -> None:
        """Count from now what was counted from before."""
        self._count_on(now_ns)
        self._next_ns = None if self._next_ns is None else now_ns

    def rested(self, sample: Sample) -> bool:
        """Tell whether the machine stands and nothing ordered can move it."""
        return sample.at_rest and not self._moving

    def in_force(self, sample: Sample) -> bool:
        """Tell whether the sample speaks of the order in force."""
        return self.current is not None and sample.order_no == self.current.order_no

    @property
    def wakeup_ns(self) -> int | None:
        """When the set-point must be given again."""
        return self._next_ns

    def _give(self, order: Follow | Work, now_ns: int) -> None:
        assert self._lifetime_ns is not None, "no controller to order"
        self.current = order
        self.given_ns = now_ns
        self._moving = True
        self._count_on(now_ns)
        self._halting = False
        self._schedule(now_ns)

    def _count_on(self, now_ns: int) -> None:
        """Count from now how long an order may still move the machine."""
        self._quiet_ns = now_ns + self._late_ns + (self._lifetime_ns or 0) + self._stopping_ns

    def _schedule(self, now_ns: int) -> None:
        if self._lifetime_ns is not None:
            self._next_ns = now_ns + self._lifetime_ns // _REFRESHES_PER_LIFETIME

    def _take_number(self) -> int:
        self._number += 1
        return self._number
