"""What the node reports for keeps: events, alarms, task reports, terrain, telemetry.

Owns the alarms that are up, durably, so that one raised before a crash is still taken back after
it. Records made before site time is known carry the time 0: late, but never lost.
"""

from collections.abc import Sequence

from lunaredge.agent.clock import SiteClock
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.spool import Spool
from lunaredge.agent.tasks import NO_END, End, TaskRef
from lunaredge.ids import TaskId
from lunaredge.node import Row
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.records import (
    Alarm,
    AlarmLevel,
    Event,
    TaskOutcome,
    TaskReport,
    TerrainPatch,
    pack_points,
)
from lunaredge.wire.telemetry import Telemetry

TABLE = "alarm"
# By what is at stake: a machine that nobody knows the place of, or that is where it was not let,
# may meet another; one under its reserve freezes. What the disk lost is read as the safe thing.
LEVELS = {
    "sensor_stale": AlarmLevel.CRITICAL,
    "battery_low": AlarmLevel.CRITICAL,
    "off_corridor": AlarmLevel.CRITICAL,
    "state_corrupt": AlarmLevel.WARNING,
}
# Somebody has to look at why it strayed, even if it stands well again.
LATCHING = frozenset({"off_corridor"})
SITE_TIME_UNKNOWN = 0
# A reason is a line for people; a workload may say more than fits one.
_REASON_LENGTH_MAX = 200
# Ours are shorter; a damaged one may be of any length.
_CODE_LENGTH_MAX = 80


class Recorder:
    """Makes records and hands them to the spool."""

    def __init__(self, outlet: Outlet, spool: Spool, clock: SiteClock) -> None:
        self._outlet = outlet
        self._spool = spool
        self._clock = clock
        self._alarms: set[str] = set()

    def event(self, code: str, text: str, now_ns: int) -> None:
        """Report something worth keeping."""
        event = Event(site_ns=self._site_ns(now_ns), code=code, text=text)
        self._spool.keep(event, RecordClass.EVENT, 1, now_ns)

    def alarm(self, code: str, text: str, now_ns: int, *, active: bool) -> None:
        """Report that an alarm came up or went away; nothing when it is as it was."""
        assert code in LEVELS, f"{code} has no level"
        if active == (code in self._alarms):
            return
        if active:
            self._alarms.add(code)
            self._outlet.persist(TABLE, code, 0, b"")
        self._keep_alarm(code, text, now_ns, active=active)
        if not active:
            self._alarms.discard(code)
            self._outlet.erase(TABLE, code, 0)

    def report(self, ref: TaskRef, outcome: TaskOutcome, now_ns: int, end: End = NO_END) -> None:
        """Report a step of a task's life."""
        report = TaskReport(
            site_ns=self._site_ns(now_ns),
            task=ref.task,
            attempt=ref.attempt,
            outcome=outcome,
            reason=end.reason[:_REASON_LENGTH_MAX],
            result=end.result,
        )
        self._spool.keep(report, RecordClass.STATE, 1, now_ns)

    def patch(
        self, task: TaskId, points: Sequence[tuple[float, float, float]], now_ns: int
    ) -> None:
        """Report measured ground."""
        patch = TerrainPatch(site_ns=self._site_ns(now_ns), task=task, points=pack_points(points))
        self._spool.keep(patch, RecordClass.EVENT, len(points), now_ns)

    def telemetry(self, batch: Telemetry, row_count: int, now_ns: int) -> None:
        """Report a batch of telemetry."""
        self._spool.keep(batch, RecordClass.RAW, row_count, now_ns)

    def restore(self, row: Row, now_ns: int) -> bool:
        """Take back an alarm that was up when the last life ended; tell whether the row was whole.

        A damaged one ends here, by the code that it has now: what is still so is raised anew.
        """
        if row.is_whole:
            self._alarms.add(row.scope)
            return True
        code = row.scope[:_CODE_LENGTH_MAX]
        self._keep_alarm(code, "its row could not be read", now_ns, active=False)
        self._outlet.erase(TABLE, row.scope, row.number)
        return False

    def _keep_alarm(self, code: str, text: str, now_ns: int, *, active: bool) -> None:
        record = Alarm(
            site_ns=self._site_ns(now_ns),
            code=code,
            text=text,
            active=active,
            # A code from a damaged row is none of ours.
            level=LEVELS.get(code, AlarmLevel.WARNING),
            latching=code in LATCHING,
        )
        self._spool.keep(record, RecordClass.ALARM, 1, now_ns)

    def _site_ns(self, now_ns: int) -> int:
        site_ns = self._clock.site_ns(now_ns)
        return SITE_TIME_UNKNOWN if site_ns is None else site_ns
