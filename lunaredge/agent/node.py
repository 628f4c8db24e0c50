"""The agent node: what runs on every board, behind the contract of `lunaredge.node`.

Takes messages, samples, workload ends and the time; hands out effects. It is thin: who may command
is `commands`' to say, what the machine does is `pilot`'s, what is kept is `recorder`'s and
`spool`'s. Here is only who is told what, in which order. Times are the board's own monotonic clock.
"""

from collections.abc import Iterable

import msgspec

from lunaredge.agent import restore as restoring
from lunaredge.agent import tasks
from lunaredge.agent.cadence import Cadence
from lunaredge.agent.clock import SiteClock
from lunaredge.agent.commands import Commands, has_sane_id
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.pilot import Pilot, World
from lunaredge.agent.recorder import Recorder
from lunaredge.agent.spool import Spool
from lunaredge.agent.states import Course, Event, State
from lunaredge.agent.stops import StopLatch
from lunaredge.agent.tasks import TASK_TABLE, End, TaskRef
from lunaredge.agent.telemetry import NO_VALUE, Health, Rows, channels
from lunaredge.agent.workloads import Workloads
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, TaskId
from lunaredge.node import Effect, Publish, Row
from lunaredge.units import ns_from_s, s_from_ns
from lunaredge.wire import codec, topics
from lunaredge.wire.codec import Received
from lunaredge.wire.driver import Hello, Sample
from lunaredge.wire.messages import (
    Assign,
    Autonomy,
    Birth,
    Cancel,
    Census,
    Command,
    CommandReply,
    Defer,
    Farewell,
    Grant,
    Heartbeat,
    Hold,
    RecordAck,
    RecordClass,
    ReleaseStop,
    Renew,
    Resume,
    Situation,
    Stop,
    TimeReply,
    TimeRequest,
)
from lunaredge.wire.records import TaskOutcome
from lunaredge.wire.seal import Keyring, Signer
from lunaredge.wire.session import Limits
