"""Taking back what earlier lives persisted.

Owns the order in which tables are believed, and what a damaged row comes to: never a crash, always
the safe reading, and one alarm. A stop or hold that can't be read holds; a task that can't be read
has failed; a task whose end is reported in the spool is over, whatever its row says.
"""

from collections.abc import Iterable

import msgspec

from lunaredge.agent import alarms, commands, hold, spool, stops, tasks
from lunaredge.agent.parts import Parts
from lunaredge.agent.tasks import LEG_TABLE, TASK_TABLE, End, Steps, TaskRef
from lunaredge.ids import TaskId
from lunaredge.node import Row
from lunaredge.wire.messages import Assign
from lunaredge.wire.records import TaskOutcome

_assigns = msgspec.msgpack.Decoder(Assign)
_steps = msgspec.msgpack.Decoder(Steps)


def restore(parts: Parts, rows: Iterable[Row], now_ns: int) -> None:
    """Take back rows, in order of (table, scope, number), and report the new life."""
