"""The scheduler's core: one input in, intents out, and the same again at every replay.

Pure: no clock, no I/O, no numpy, no signatures. `scheduler.node` turns frames into inputs and
intents into effects, and writes each input to the journal before anything it led to leaves.
"""

from typing import NoReturn

from lunaredge.errors import ConfigError, RemoteProtocolError
from lunaredge.ids import NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Site
from lunaredge.scheduler import (
    alarm_life,
    alarms,
    archive_watch,
    backlog,
    claims,
    desk,
    dispatch,
    draining,
    fusion,
    lanes,
    presence,
)
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import (
    ArchiveSilence,
    Asked,
    Heard,
    Input,
    Intent,
    Listening,
    Placed,
    Quarantined,
    Recorded,
    Routed,
    Started,
    Ticked,
)
from lunaredge.scheduler.state import SchedulerState
from lunaredge.wire import records, topics
from lunaredge.wire.messages import RecordClass

QUARANTINE_ALARM = "input.quarantined"
# What a node says is kept for people, who read no more than this of it.
ALARM_CODE_LENGTH_MAX = 80
ALARM_TEXT_LENGTH_MAX = 500


class SchedulerCore:
    """Holds the state and changes it by inputs only."""

    def __init__(self, config: SchedulerConfig, site: Site, fleet: Fleet) -> None:
        assert 0 < len(fleet.nodes) <= config.nodes_max
        self.ctx = Context(config, site, fleet)
        self._wakeup_ns: int | None = None
        """What `wakeup_ns` gave, while nothing has been applied since."""
        self._place_due_ns: int | None = None
        """When a plan is due, as the last input left it."""

    @property
    def state(self) -> SchedulerState:
        """The whole memory, for views and checkers; only `apply` changes it."""
        return self.ctx.state

    def load(self, state: SchedulerState) -> None:
        """Begin from a checkpoint. Nodes enrolled since are added; one never heard may be gone.

        Raises:
            ConfigError: a node that was heard is not in the fleet any more.
        """
        for name in [name for name in state.nodes if name not in self.ctx.specs]:
            if state.nodes[name].boot or state.nodes[name].body is not None:
                self._miss(name)
            del state.nodes[name]
        for name, entry in self.ctx.state.nodes.items():
            state.nodes.setdefault(name, entry)
        alarms.renew_levels(state)
        self.ctx.state = state
        self.ctx.tasks_changed()
        self._wakeup_ns = self._place_due_ns = None
        fusion.renew_ground(self.ctx)

    def check_enrolled(self, taken: Input) -> None:
        """Make sure, at a replay, that the fleet still has the node that an input came from.

        Raises:
            ConfigError: it has not.
        """
        if isinstance(taken, Heard | Recorded) and taken.node not in self.ctx.specs:
            if taken.node == topics.ARCHIVE:
                return
            self._miss(taken.node)

    def _miss(self, name: NodeId) -> NoReturn:
        # It may still stand on the site, and only its own word frees the space that it takes.
        raise ConfigError(
            "a node that the journal knows is not in the fleet",
            place="fleet file",
            key="nodes",
            value=name,
            remedy="put it back; to begin anew without it, give the scheduler an empty store",
        )

    def apply(self, taken: Input, now_ns: int) -> list[Intent]:
        """Take one input and give what it leads to."""
        ctx = self.ctx
        self._wakeup_ns = None
        # Site time may be re-anchored at a restart; the journal's never goes back.
        ctx.now_ns = max(now_ns, ctx.now_ns)
        ctx.intents = []
        match taken:
            case Started():
                presence.begin(ctx, taken.boot, taken.differing)
            case Listening():
                presence.take_listening(ctx, listening=taken.listening)
            case ArchiveSilence():
                archive_watch.take_silence(ctx, taken)
            case Heard():
                presence.take_word(ctx, taken)
            case Recorded():
                self._take_record(taken)
            case Asked():
                desk.take_request(ctx, taken)
            case Routed():
                claims.take_route(ctx, taken.solution)
            case Placed():
                dispatch.take_placement(ctx, taken.solution)
            case Quarantined():
                ctx.state.quarantined += 1
                # An answer that was taken back is still an answer: ask again in time.
                ctx.state.placing = ctx.state.placing and taken.kind != Placed.__name__
                ctx.raise_alarm("scheduler", QUARANTINE_ALARM, f"{taken.kind}: {taken.error}")
            case Ticked():
                presence.check_silence(ctx)
                alarms.end_shelving(ctx)
                ctx.say_alarms()
                backlog.end_expired(ctx)
                dispatch.park_idle(ctx)
        presence.review(ctx)
        lanes.review(ctx)
        draining.review(ctx)
        self._place_due_ns = dispatch.place_if_due(ctx)
        return ctx.intents

    def wakeup_ns(self) -> int:
        """Give the next time at which a tick would change something."""
        if self._wakeup_ns is None:
            self._wakeup_ns = self._due_ns()
        return self._wakeup_ns

    def _due_ns(self) -> int:
        ctx = self.ctx
        due_ns = [presence.silence_due_ns(ctx, node) for node in ctx.state.nodes.values()]
        due_ns += [dispatch.park_due_ns(ctx, node) for node in ctx.state.nodes.values()]
        due_ns += [backlog.expires_ns(entry) for entry in ctx.open_tasks]
        if self._place_due_ns is None:
            self._place_due_ns = dispatch.place_due_ns(ctx)
        due_ns += [self._place_due_ns, ctx.alarms_due_ns()]
        return min(due_ns)

    def _take_record(self, recorded: Recorded) -> None:
        ctx = self.ctx
        try:
            record = records.decode_record(recorded.record)
        except RemoteProtocolError as exc:
            ctx.raise_alarm(recorded.node, "record.unreadable", exc.reason)
            return
        if recorded.node == topics.ARCHIVE:
            self._take_judgement(recorded.record_class, record)
            return
        node = ctx.state.nodes[recorded.node]
        match record:
            case records.TaskReport():
                ended = backlog.take_report(ctx, node, record)
                if ended is not None and ended.task.kind in dispatch.COMPUTE_KINDS:
                    fusion.take_result(ctx, ended)
            case records.Alarm():
                self._take_alarm(node.name, record)
            case records.TerrainPatch():
                fusion.take_patch(ctx, record)
                return
            case _:
                pass
        if isinstance(record, records.Alarm | records.Event | records.TaskReport):
            self._pass_on(node.name, recorded.record_class, record)

    def _take_judgement(self, record_class: RecordClass, record: records.Record) -> None:
        """Take what the archive found in a node's telemetry: it speaks of others, and of no more.

        A node may speak of itself alone: what it wraps up as another's changes nothing.
        """
        match record:
            case records.NodeRecord(node=node, record=records.Alarm() as alarm):
                if node in self.ctx.state.nodes or node == topics.ARCHIVE:
                    self._take_alarm(node, alarm)
                    self._pass_on(node, record_class, alarm)
            case _:
                pass

    def _take_alarm(self, node: NodeId, alarm: records.Alarm) -> None:
        ctx = self.ctx
        told = AlarmEntry(
            source=node,
            code=alarm.code[:ALARM_CODE_LENGTH_MAX],
            text=alarm.text[:ALARM_TEXT_LENGTH_MAX],
            active=True,
            since_ns=ctx.now_ns,
            told=True,
            level=alarm.level,
            latching=alarm.latching,
        )
        if alarm.active:
            ctx.take_alarm(told)
            return
        entry = ctx.state.alarms.get(told.key)
        if entry is not None and entry.active:
            alarm_life.go_away(entry, ctx.now_ns)

    def _pass_on(
        self,
        node: NodeId,
        record_class: RecordClass,
        record: records.Alarm | records.Event | records.TaskReport,
    ) -> None:
        if isinstance(record, records.TaskReport) and record.result:
            record = records.TaskReport(
                site_ns=record.site_ns,
                task=record.task,
                attempt=record.attempt,
                outcome=record.outcome,
                reason=record.reason,
            )
        wrapped = records.NodeRecord(site_ns=record.site_ns, node=node, record=record)
        self.ctx.to_earth(record_class, wrapped)
