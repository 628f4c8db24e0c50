"""The machine under the agent's hand: what it measures and what it is ordered.

Owns the body and the orders, and is the only room that actuates. It decides nothing: `pilot`
steers, and only while `permit` finds nothing against it.
"""

from typing import NamedTuple

from lunaredge.agent import speed
from lunaredge.agent.body import Body
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.orders import Orders
from lunaredge.agent.outlet import Outlet
from lunaredge.ids import BootId
from lunaredge.model.polyline import Path
from lunaredge.model.task import Tool, WorkGoal
from lunaredge.units import ns_from_s
from lunaredge.wire.driver import Follow, Hello, Sample, Work

# An order that samples don't show after this many of their periods was dropped by the controller.
_DROPPED_PERIODS = 2


class Steering(NamedTuple):
    """A path to drive, up to a station of it, and how fast at most."""

    path: Path
    stop_m: float
    speed_m_s: float


class Helm:
    """One machine. Times are local."""

    def __init__(self, config: AgentConfig, boot: BootId, outlet: Outlet) -> None:
        self.run_on_ns = 0
        """So long after the newest sample an order that rests on it may still drive the machine."""
        self._rolls_on_ns = 0
        """The same for the slowest controller so far: a station may be from its time."""
        self._config = config
        self._outlet = outlet
        self._body = Body(config)
        self._orders = Orders(boot, config.stopping_ns)
        self._dropped_ns = _DROPPED_PERIODS * ns_from_s(config.sample_period_s)

    # --- what it measures ----------------------------------------------------------------------

    def attached(self, hello: Hello, now_ns: int) -> str | None:
        """Take a controller and halt it; give the reason where it is refused."""
        reason = self._body.attached(hello)
        if reason is None:
            lifetime_ns = ns_from_s(hello.setpoint_lifetime_s)
            late_ns = ns_from_s(hello.basis_s_max)
            self.run_on_ns = lifetime_ns + late_ns
            self._rolls_on_ns = max(self._rolls_on_ns, self.run_on_ns)
            self._outlet.actuate(self._orders.attached(lifetime_ns, late_ns, now_ns))
        return reason

    def detached(self) -> None:
        """Lose the controller; what the machine does until its set-point dies is its own."""
        self._body.detached()
        self._orders.detached()

    def clock_jumped(self, now_ns: int) -> None:
        """Trust no age that was counted from before now."""
        self._body.clock_jumped()
        self._orders.clock_jumped(now_ns)

    def sense(self, sample: Sample, measured_ns: int) -> str | None:
        """Take a sample measured then; give the reason where it is refused."""
        reason = self._body.sense(sample, measured_ns)
        if reason is None:
            self._orders.observe(sample, measured_ns)
        return reason

    @property
    def last(self) -> Sample | None:
        """The newest sample, however old."""
        return self._body.last

    @property
    def battery_low(self) -> bool:
        """Whether the battery is under its reserve."""
        return self._body.battery_low

    def fresh(self, now_ns: int) -> Sample | None:
        """Give the last sample while it may be acted on."""
        return self._body.fresh(now_ns)

    def is_blind(self, started_ns: int, now_ns: int) -> bool:
        """Tell whether no sample came for too long."""
        return self._body.is_blind(started_ns, now_ns)

    def at_rest(self, now_ns: int) -> bool:
        """Tell whether the machine stands, measured lately, with nothing ordered to move it."""
        sample = self._body.fresh(now_ns)
        return sample is not None and self._orders.rested(sample)

    @property
    def rolling_m(self) -> float:
        """How far off its last known station the machine may come to rest, or does rest.

        Orders that wait in the stream are taken as long as their sample is young enough, and live
        their lives from there. However late it is, the newest sample says the most.
        """
        rolling_m = speed.rolling_m(self._config, self._rolls_on_ns)
        last = self._body.last
        shows_station = last is not None and self.is_following(last)
        return rolling_m if shows_station else rolling_m + speed.blind_m(self._config)

    @property
    def follows(self) -> bool:
        """Whether a path is in force."""
        return isinstance(self._orders.current, Follow)

    def is_following(self, sample: Sample) -> bool:
        """Tell whether the sample speaks of the path in force."""
        return isinstance(self._orders.current, Follow) and self._orders.in_force(sample)

    def is_working(self, sample: Sample) -> bool:
        """Tell whether the sample speaks of the goal in force."""
        return isinstance(self._orders.current, Work) and self._orders.in_force(sample)

    # --- what it is ordered --------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether no order is in force."""
        return self._orders.current is None

    def halt(self, now_ns: int) -> None:
        """Come to rest and drop the order in force."""
        self._outlet.actuate(self._orders.halt(now_ns))

    def halt_first(self, now_ns: int) -> None:
        """Come to rest ahead of everything that is not carried out yet."""
        self._orders.halt(now_ns)
        self._outlet.halt_first()

    def drop_lost(self, sample: Sample, now_ns: int) -> None:
        """Withdraw an order that the controller has dropped, so that it can be given anew."""
        current = self._orders.current
        sensed_ns = self._body.sensed_ns
        if current is None or sensed_ns is None or self._orders.in_force(sample):
            return
        if sensed_ns - self._orders.given_ns >= self._dropped_ns:
            self.halt(now_ns)

    def steer(self, route: Steering, tool: tuple[Tool | None, float], now_ns: int) -> None:
        """Drive a path. ``tool`` is the tool and the station where it begins to act."""
        order = self._orders.follow(route.path, route.stop_m, route.speed_m_s, tool, now_ns)
        self._outlet.actuate(order)

    def pace(self, stop_m: float, speed_m_s: float, now_ns: int) -> None:
        """Go on along the path in force, to that stop and no faster than that."""
        order = self._orders.paced(stop_m, speed_m_s, now_ns)
        if order is not None:
            self._outlet.actuate(order)

    def work(self, goal: WorkGoal, now_ns: int) -> None:
        """Work on a goal, standing."""
        self._outlet.actuate(self._orders.work(goal, now_ns))

    def refresh(self, now_ns: int) -> None:
        """Say again what is due to be said again."""
        order = self._orders.refresh(now_ns)
        if order is not None:
            self._outlet.actuate(order)

    def wakeups_ns(self) -> list[int | None]:
        """Say when to refresh, and when the last sample becomes too old."""
        return [self._orders.wakeup_ns, self._body.stale_at_ns]
