"""What every room of the scheduler's core works on: the state, the site, and what to do next."""

import math
from typing import TypeVar

import msgspec

from lunaredge.ids import CommandId, KeyId, NodeId
from lunaredge.model.fleet import Fleet, NodeSpec
from lunaredge.model.site import Point, Site
from lunaredge.scheduler import alarm_life
from lunaredge.scheduler.alarm_entry import AlarmEntry, alarm_key
from lunaredge.scheduler.alarm_rules import rule_of
from lunaredge.scheduler.alarm_states import AlarmState
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.inputs import Intent, Tell, ToEarth
from lunaredge.scheduler.state import ENDED, NodeEntry, PendingCommand, SchedulerState, TaskEntry
from lunaredge.units import NS_PER_S
from lunaredge.wire import records
from lunaredge.wire.messages import Command, Hold, RecordClass, Resume

Kind = TypeVar("Kind")

# So often an alarm that nobody acknowledges is told of as it comes and goes; then once in so long:
# a minute's alarm is still news on Earth, and takes a thousandth of the slowest link.
SAID_AT_ONCE_MAX = 3
SAY_GAP_NS = 60 * NS_PER_S
NEVER_NS = 2**62

# Machines wait for each other, and can't undo it without people.
STANDOFF_ALARM = "standoff"


class Context:
    """One scheduler's working set. ``now_ns`` and ``intents`` belong to the input in hand."""

    def __init__(self, config: SchedulerConfig, site: Site, fleet: Fleet) -> None:
        self.config = config
        self.site = site
        self.fleet = fleet
        self.specs: dict[NodeId, NodeSpec] = {spec.name: spec for spec in fleet.nodes}
        self.base_ground = GroundMap.of(site)
        self.ground = self.base_ground
        self.now_ns = 0
        self.intents: list[Intent] = []
        self._open: list[TaskEntry] | None = None
        self.state = SchedulerState(
            nodes={spec.name: NodeEntry(name=spec.name) for spec in fleet.nodes}
        )

    @property
    def open_tasks(self) -> list[TaskEntry]:
        """The tasks that have not ended, in the table's order: few of many, and asked for often."""
        if self._open is None:
            self._open = [e for e in self.state.tasks.values() if e.phase not in ENDED]
        return self._open

    def tasks_changed(self) -> None:
        """Note that a task came, ended or was forgotten."""
        self._open = None

    def changed(self) -> None:
        """Note that something a placement could depend on has changed."""
        self.state.version += 1

    def command_id(self) -> CommandId:
        """Give a fresh command id; unique for the life of the journal and of its epoch."""
        self.state.command_no += 1
        return CommandId(f"c{self.state.epoch}-{self.state.command_no}")

    def order(self, node: NodeId, body: Command) -> None:
        """Give a node a command, repeated until it answers."""
        self.state.commands[body.command] = PendingCommand(node=node, body=body)

    def order_hold(self, node: NodeId, *, held: bool) -> None:
        """Give a node a hold or the end of one; it outdoes every earlier one."""
        self.forget_commands(node, Hold, Resume)
        command, turn = self.command_id(), self.state.command_no
        self.order(
            node, Hold(command=command, turn=turn) if held else Resume(command=command, turn=turn)
        )

    def pending(self, node: NodeId, kind: type[Kind]) -> list[Kind]:
        """Give a node's commands of a kind that it has not answered yet."""
        waiting = (each.body for each in self.state.commands.values() if each.node == node)
        return [body for body in waiting if isinstance(body, kind)]

    def forget_commands(self, node: NodeId, *kinds: type[Command]) -> None:
        """Stop repeating a node's pending commands of these kinds."""
        gone = [
            command
            for command, pending in self.state.commands.items()
            if pending.node == node and isinstance(pending.body, kinds)
        ]
        for command in gone:
            del self.state.commands[command]

    def is_pending(self, node: NodeId, *kinds: type[Command]) -> bool:
        """Tell whether a node has still to answer a command of one of these kinds."""
        pending = self.state.commands.values()
        return any(each.node == node and isinstance(each.body, kinds) for each in pending)

    def tell(self, event: str, **fields: str | int | float | bool | None) -> None:
        """Log a decision."""
        self.intents.append(Tell(event=event, fields=fields))

    def note_event(self, code: str, text: str) -> None:
        """Keep one of the scheduler's own events for Earth."""
        event = records.Event(site_ns=self.now_ns, code=code, text=text)
        self.to_earth(RecordClass.EVENT, event)

    def to_earth(self, record_class: RecordClass, record: records.Record) -> None:
        """Pass a record on toward Earth."""
        encoded = records.encode_record(record)
        self.intents.append(ToEarth(record_class=record_class, record=encoded))

    def raise_alarm(self, source: str, code: str, text: str) -> None:
        """Raise an alarm of the scheduler's own, once until it clears."""
        if self.is_alarmed(source, code):
            return
        level = rule_of(code).level
        news = AlarmEntry(
            source=source, code=code, text=text, active=True, since_ns=self.now_ns, level=level
        )
        entry = self.take_alarm(news)
        if entry is not None:
            self._note_change(entry)

    def is_alarmed(self, source: str, code: str) -> bool:
        """Tell whether an alarm of the scheduler's own is active."""
        entry = self.state.alarms.get(alarm_key(source, code))
        return entry is not None and entry.active

    def reword_alarm(self, source: str, code: str, text: str) -> None:
        """Raise an alarm, or have it say something else if it is active already."""
        self.raise_alarm(source, code, text)
        entry = self.state.alarms.get(alarm_key(source, code))
        if entry is not None:
            entry.text = text

    def clear_alarm(self, source: str, code: str) -> None:
        """Clear an alarm, if it is active."""
        entry = self.state.alarms.get(alarm_key(source, code))
        if entry is None or not entry.active:
            return
        alarm_life.go_away(entry, self.now_ns)
        self._note_change(entry)

    def take_alarm(self, news: AlarmEntry) -> AlarmEntry | None:
        """Take an alarm that is up; give its entry, or None where there is no room for it."""
        entry = self.state.alarms.get(news.key)
        if entry is None:
            entry = msgspec.structs.replace(news, active=False, state=AlarmState.NORMAL)
        alarm_life.come_up(entry, news)
        if alarm_life.keep(self.state.alarms, entry, self.config.alarms_max):
            return entry
        self.state.alarms_left_out += 1
        return None

    def end_report(self, entry: AlarmEntry, by: KeyId) -> None:
        """End an alarm that only a person's word ends."""
        alarm_life.dismiss(entry, by, self.now_ns)
        if not entry.told:
            self._note_change(entry)

    def say_alarms(self) -> None:
        """Tell Earth and the log what fluttering alarms have come to, once each is due."""
        for entry in self.state.alarms.values():
            if entry.unsaid and _said_due_ns(entry) <= self.now_ns:
                self._say(entry)

    def alarms_due_ns(self) -> int:
        """Give the time at which an alarm has to be told of, or leaves the shelf."""
        due_ns = NEVER_NS
        for entry in self.state.alarms.values():
            if entry.unsaid:
                due_ns = min(due_ns, _said_due_ns(entry))
            if entry.state is AlarmState.SHELVED:
                due_ns = min(due_ns, entry.shelved_until_ns)
        return due_ns

    def _note_change(self, entry: AlarmEntry) -> None:
        """Have Earth and the log told that an alarm of our own came up or went away.

        One that flutters is told of now and then, and at last as what it is then.
        """
        # Up and away again since it was told of: there is nothing to tell.
        entry.unsaid = not entry.unsaid
        if entry.unsaid and _said_due_ns(entry) <= self.now_ns:
            self._say(entry)

    def _say(self, entry: AlarmEntry) -> None:
        entry.unsaid = False
        entry.said_ns = self.now_ns
        alarm = records.Alarm(
            site_ns=self.now_ns,
            code=entry.code,
            text=f"{entry.source}: {entry.text if entry.active else 'cleared'}",
            active=entry.active,
            level=entry.level,
        )
        self.to_earth(RecordClass.ALARM, alarm)
        if entry.active:
            fields: dict[str, str | int | float | bool | None] = {
                "source": entry.source,
                "code": entry.code,
            }
            self.intents.append(Tell(event="alarm.raised", fields=fields, warning=True))

    def is_machine(self, node: NodeId) -> bool:
        """Tell whether the node moves."""
        return self.specs[node].machine is not None

    def half_width_m(self, node: NodeId) -> float:
        """Give half the width of a machine's corridor, every margin included."""
        spec = self.specs[node].machine
        assert spec is not None
        return spec.radius_m + self.config.corridor_margin_m

    def is_away(self, node: NodeEntry) -> bool:
        """Tell whether a machine is known to stand somewhere else than at its home."""
        if self.specs[node.name].home is None or node.body is None:
            return False
        return not self.is_at_home(node, node.body)

    def is_at_home(self, node: NodeEntry, at: Point) -> bool:
        """Tell whether a place is a machine's home."""
        home = self.specs[node.name].home
        return home is not None and math.dist(home, at) <= self.config.home_radius_m

    def must_go_home(self, node: NodeEntry) -> bool:
        """Tell whether a machine has to go home, or aside, before it takes another task."""
        return bool(node.home_first) and (self.is_away(node) or node.aside is not None)

    def forget_deferrals(self, node: NodeEntry) -> None:
        """Count a machine's refused routes anew: it goes on, or waits for another reason."""
        node.blocked_by = None
        node.deferral_count = 0
        node.closing_count = 0
        node.way = ()
        self.clear_alarm(node.name, STANDOFF_ALARM)

    def free_task(self, node: NodeEntry) -> None:
        """Take note that a node no longer has a task in hand."""
        node.task = None
        node.wanted = None
        node.wait_reason = ""
        self.forget_deferrals(node)
        node.idle_since_ns = self.now_ns
        self.changed()


def _said_due_ns(entry: AlarmEntry) -> int:
    """Give the time from which on a change of an alarm may be told."""
    return entry.said_ns + SAY_GAP_NS if entry.raise_count > SAID_AT_ONCE_MAX else 0
