"""Taking back what earlier lives persisted.

Owns the order in which tables are believed, and what a damaged row comes to: never a crash, always
the safe reading, and one alarm. A stop, tag or hold that can't be read holds; so does a row of
which not even the table can be read, for it may be one. A task that can't be read has failed; a
task whose end is reported in the spool is over, whatever its row says.
"""

from collections.abc import Iterable

import msgspec

from lunaredge.agent import announcer, commands, hold, policies, recorder, stops, tasks
from lunaredge.agent.parts import Parts
from lunaredge.agent.tasks import LEG_TABLE, TASK_TABLE, End, Steps, TaskRef
from lunaredge.ids import TaskId
from lunaredge.node import Row
from lunaredge.wire import spool
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import Assign
from lunaredge.wire.records import TaskOutcome

_TABLES = frozenset(
    {
        spool.TABLE,
        announcer.TABLE,
        commands.EPOCH_TABLE,
        commands.RESULT_TABLE,
        recorder.TABLE,
        stops.TABLE,
        stops.LOCK_TABLE,
        hold.TABLE,
        policies.TABLE,
        LEG_TABLE,
        TASK_TABLE,
    }
)
_assigns = msgspec.msgpack.Decoder(Assign)
_steps = msgspec.msgpack.Decoder(Steps)


def restore(parts: Parts, rows: Iterable[Row], now_ns: int) -> None:
    """Take back rows, in order of (table, scope, number), and report the new life."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.table, []).append(row)
    spooled = parts.spool.restore(tables.get(spool.TABLE, []))
    corrupt_count = spooled.corrupt_count
    corrupt_count += parts.commands.restore_fence(tables.get(commands.EPOCH_TABLE, []))
    channel_rows = tables.get(announcer.TABLE, [])
    whole = parts.announcer.restore(channel_rows, needed=bool(parts.spool.held()))
    whole += [parts.recorder.restore(row, now_ns) for row in tables.get(recorder.TABLE, [])]
    whole += [parts.stops.restore(row) for row in tables.get(stops.TABLE, [])]
    whole += [parts.locks.restore(row) for row in tables.get(stops.LOCK_TABLE, [])]
    whole += [parts.hold.restore(row) for row in tables.get(hold.TABLE, [])]
    whole += [parts.policies.restore(row) for row in tables.get(policies.TABLE, [])]
    whole += [parts.commands.restore_reply(row) for row in tables.get(commands.RESULT_TABLE, [])]
    parts.recorder.event("boot", f"boot {parts.boot}, {parts.spool.count} spooled", now_ns)
    legs = {(row.scope, row.number): row for row in tables.get(LEG_TABLE, [])}
    for row in tables.get(TASK_TABLE, []):
        ref = TaskRef(TaskId(row.scope), row.number)
        if ref in spooled.ended:
            _forget(parts, ref)
        else:
            whole.append(_restore_task(parts, row, legs.get((row.scope, row.number)), now_ns))
    corrupt_count += whole.count(False) + _stop_for_strays(parts, tables)
    text = f"{corrupt_count} stored rows could not be read"
    parts.recorder.alarm("state_corrupt", text, now_ns, active=corrupt_count > 0)


def _stop_for_strays(parts: Parts, tables: dict[str, list[Row]]) -> int:
    """Stop for damaged rows of no table of ours, and give their number; one may be a stop or a tag.

    A whole row of an unknown table is another version's, and is left alone.
    """
    strays = {table: rows for table, rows in tables.items() if table not in _TABLES}
    damaged = [row for rows in strays.values() for row in rows if not row.is_whole]
    for row in damaged:
        # Named by its key: once released it holds no more, though it may have to stay.
        name = f"unreadable {row.table}/{row.scope}/{row.number}"
        if not parts.stops.knows(name):
            parts.stops.take(name)
        if not any(other.is_whole for other in strays[row.table]):
            parts.outlet.erase(row.table, row.scope, row.number)
    return len(damaged)


def _restore_task(parts: Parts, row: Row, leg_row: Row | None, now_ns: int) -> bool:
    """Take up a task again; tell whether its rows were whole. One that can't be read has failed."""
    ref = TaskRef(TaskId(row.scope), row.number)
    assign = _assign_of(parts, row)
    if assign is None:
        end = End(reason="its stored state could not be read")
        # A damaged name may be of any length.
        named = TaskRef(TaskId(row.scope[: tasks.NAME_LENGTH_MAX]), row.number)
        parts.recorder.report(named, TaskOutcome.FAILED, now_ns, end)
        _forget(parts, ref)
        return False
    if assign.workload is not None:
        parts.workloads.start(assign, now_ns)
        return True
    steps = _steps_of(assign, leg_row)
    parts.pilot.resume(assign, Steps() if steps is None else steps)
    return steps is not None


def _assign_of(parts: Parts, row: Row) -> Assign | None:
    try:
        assign = _assigns.decode(row.value)
    except MALFORMED:
        return None
    fits = tasks.flaw(assign) is None and (assign.task, assign.attempt) == (row.scope, row.number)
    if assign.workload is not None:
        return assign if fits and parts.workloads.has_room(assign.task) else None
    return assign if fits and parts.config.is_machine and parts.pilot.task is None else None


def _steps_of(assign: Assign, row: Row | None) -> Steps | None:
    """Give how far the task had come, the start without a row; None when the row is damaged."""
    if row is None:
        return Steps()
    try:
        steps = _steps.decode(row.value)
    except MALFORMED:
        return None
    return steps if 0 <= steps.leg_index < len(assign.legs) else None


def _forget(parts: Parts, ref: TaskRef) -> None:
    parts.outlet.erase(LEG_TABLE, ref.task, ref.attempt)
    parts.outlet.erase(TASK_TABLE, ref.task, ref.attempt)
