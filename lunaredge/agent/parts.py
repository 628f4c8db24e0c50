"""Every room of one agent, built once and wired together. Does nothing by itself."""

from lunaredge.agent import channels
from lunaredge.agent.announcer import Announcer
from lunaredge.agent.clock import ClockErrors, SiteClock
from lunaredge.agent.commands import Commands
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.flash import FlashBudget
from lunaredge.agent.hold import HoldSwitch
from lunaredge.agent.neighbours import Neighbours
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.pace import Pace
from lunaredge.agent.pilot import Pilot
from lunaredge.agent.policies import Policies
from lunaredge.agent.recorder import Recorder
from lunaredge.agent.slumber import Slumber
from lunaredge.agent.spool import Spool
from lunaredge.agent.states import Course
from lunaredge.agent.stops import LOCK_TABLE, StopLatch
from lunaredge.agent.telemetry import Rows
from lunaredge.agent.workloads import Workloads
from lunaredge.ids import BootId
from lunaredge.units import ns_from_s
from lunaredge.wire.seal import Signer
from lunaredge.wire.session import Limits


class Parts:
    """The rooms of one agent."""

    def __init__(self, config: AgentConfig, boot: BootId, signer: Signer) -> None:
        self.config = config
        self.boot = boot
        self.clock_error_ns_max = ns_from_s(config.clock_error_s_max)
        apart_ns_max = ns_from_s(config.clock_apart_s_max)
        errors = ClockErrors(
            drift_ppm=config.drift_ppm,
            unwatched_ratio=config.rate_error_ratio,
            apart_ns_max=apart_ns_max,
        )
        self.clock = SiteClock(errors, ns_from_s(config.round_trip_s_max))
        self.pace = Pace(apart_ns_max, config.drift_ppm)
        self.outlet = Outlet(config, boot, signer, self.clock)
        limits = Limits(bytes_max=config.spool_bytes_max, resend_ns=ns_from_s(config.resend_s))
        self.rows = Rows(
            config.batch_rows_max,
            config.channels,
            is_machine=config.is_machine,
            row_period_ns=ns_from_s(config.row_period_s),
        )
        own = channels.policies(config.channels, is_machine=config.is_machine)
        self.policies = Policies(self.outlet, self.rows, own)
        self.announcer = Announcer(self.outlet, self.rows.channels)
        spool_after_ns = ns_from_s(config.spool_after_s)
        self.spool = Spool(self.outlet, boot, limits, spool_after_ns, self.announcer)
        self.flash = FlashBudget(config.flash_bytes_per_day_max)
        self.recorder = Recorder(self.outlet, self.spool, self.clock)
        self.course = Course()
        self.slumber = Slumber(self.outlet)
        self.commands = Commands(self.outlet, config.node, boot)
        self.stops = StopLatch(self.outlet)
        self.locks = StopLatch(self.outlet, LOCK_TABLE)
        self.hold = HoldSwitch(self.outlet)
        self.neighbours = Neighbours(config.node)
        self.workloads = Workloads(config.slots, self.outlet, self.recorder)
        self.pilot = Pilot(config, boot, self.outlet, self.recorder, self.course)

    def clock_good(self, now_ns: int) -> bool:
        """Tell whether site time is known well enough to be commanded and to move."""
        return self.clock.within(self.clock_error_ns_max, now_ns)
