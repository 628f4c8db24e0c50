"""Evidence from a scheduler's journal: a finished run of real processes, told again.

Replays the journal through a fresh core and says what each entry shows: what nodes said, which
authorities and tasks went out, which phases tasks were in, which zones and machines were shown as
safe, and who took that away. What it shows of the world outside (bodies, disks, links) must come
from elsewhere.
"""

from collections.abc import Iterable, Iterator

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import AuthorityId, CommandId, NodeId, TaskId
from lunaredge.scheduler import inputs
from lunaredge.scheduler.core import SchedulerCore
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.requests import word_of
from lunaredge.sim.checkers.shown import Shown
from lunaredge.wire import messages, records, safeguards


class JournalReader:
    """One replay. ``differing`` counts the entries that decided otherwise than the first time."""

    def __init__(self, core: SchedulerCore) -> None:
        self.core = core
        self.entries = 0
        self.differing = 0
        self._granted: set[AuthorityId] = set()
        self._ordered: set[CommandId] = set()
        self._phases: dict[TaskId, str] = {}
        self._restrained = False
        self._vouched: set[NodeId] = set()
        self._shown = Shown()

    def read(self, entries: Iterable[inputs.JournalEntry]) -> Iterator[seen.Evidence]:
        """Give the evidence of each entry in turn."""
        for entry in entries:
            yield from self._told(entry.input, entry.now_ns)
            intents = self.core.apply(entry.input, entry.now_ns)
            self.entries += 1
            self.differing += inputs.checksum(intents) != entry.intents_crc
            yield from self._done(intents, entry.now_ns)

    def _told(self, told: inputs.Input, at_ns: int) -> Iterator[seen.Evidence]:
        match told:
            case inputs.Heard():
                yield from _from_word(told, at_ns)
            case inputs.Recorded():
                yield from _from_record(told, at_ns)
            case inputs.Asked(body=messages.Approve() as body):
                yield seen.Approved(at_ns=at_ns, task=body.task, approved=body.approved)
            case inputs.Asked():
                word = word_of(told.client, told.key, told.body, at_ns)
                if word is not None:
                    yield word
            case _:
                pass

    def _done(self, intents: list[inputs.Intent], at_ns: int) -> Iterator[seen.Evidence]:
        for node in self.core.state.nodes.values():
            granted = node.granted
            if granted is not None and granted.id not in self._granted:
                self._granted.add(granted.id)
                yield seen.Granted(
                    at_ns=at_ns,
                    machine=node.name,
                    command=granted.command,
                    authority=granted.id,
                    request_no=granted.request_no,
                    path=granted.path,
                    stop_m=granted.stop_m,
                    overlap_m=granted.overlap_m,
                    revision=granted.revision,
                    half_width_m=granted.half_width_m,
                    lifetime_ns=granted.expiry_ns - granted.granted_ns,
                    from_m=granted.from_m,
                )
        for intent in intents:
            yield from _from_intent(intent, at_ns)
        yield from self._orders(at_ns)
        yield from self._task_steps(at_ns)
        yield from self._restraint(at_ns)
        yield from self._vouches(at_ns)
        # Last: what was asked, answered and given back by now bears on what is shown.
        yield from self._shown.changes(self.core.state, at_ns)

    def _vouches(self, at_ns: int) -> Iterator[seen.Evidence]:
        vouched = {node.name for node in self.core.state.nodes.values() if node.vouched}
        for machine in sorted(vouched - self._vouched):
            yield seen.Vouched(at_ns=at_ns, machine=machine)
        self._vouched = vouched

    def _restraint(self, at_ns: int) -> Iterator[seen.Evidence]:
        state = self.core.state
        held = any(node.held or node.terrain_hold for node in state.nodes.values())
        restrained = held or any(not stop.released for stop in state.stops.values())
        if restrained != self._restrained:
            self._restrained = restrained
            yield seen.Restrained(at_ns=at_ns, cause="people", restrained=restrained)

    def _orders(self, at_ns: int) -> Iterator[seen.Evidence]:
        """Give what is said in commands, each when it is first to be sent."""
        for command, pending in self.core.state.commands.items():
            if command not in self._ordered:
                self._ordered.add(command)
                yield from _from_order(pending.node, pending.body, at_ns)

    def _task_steps(self, at_ns: int) -> Iterator[seen.Evidence]:
        fresh = []
        for task, entry in self.core.state.tasks.items():
            phase = entry.phase.value
            if task not in self._phases:
                fresh.append(entry.task)
            if self._phases.get(task) != phase:
                self._phases[task] = phase
                yield seen.TaskSeen(at_ns=at_ns, task=task, phase=phase)
        if fresh:
            yield seen.Submitted(at_ns=at_ns, tasks=tuple(fresh))


def _from_intent(intent: inputs.Intent, at_ns: int) -> Iterator[seen.Evidence]:
    match intent:
        case inputs.Say(body=messages.Renew() as body):
            yield seen.Renewed(
                at_ns=at_ns,
                machine=intent.node,
                authority=body.authority,
                request_no=body.request_no,
                stop_m=body.stop_m,
                revision=body.revision,
                lifetime_ns=body.lifetime_ns,
            )
        case inputs.Reply(body=body):
            asking = seen.Asking(intent.client, body.request)
            yield seen.Answered(at_ns=at_ns, asking=asking, ok=body.ok)
        case _:
            pass


def _from_order(node: NodeId, body: messages.Command, at_ns: int) -> Iterator[seen.Evidence]:
    match body:
        case messages.Assign():
            yield seen.Assigned(at_ns=at_ns, node=node, task=body.task, attempt=body.attempt)
        case safeguards.LockOut():
            yield seen.Tagged(at_ns=at_ns, node=node, tag=body.tag)
        case safeguards.Unlock():
            yield seen.Unlocked(at_ns=at_ns, node=node, tag=body.tag)
        case _:
            pass


def _from_word(heard: inputs.Heard, at_ns: int) -> Iterator[seen.Evidence]:
    match heard.body:
        case messages.AuthorityRequest() | messages.AuthorityRenewal() as body:
            yield seen.Asked(
                at_ns=at_ns,
                machine=heard.node,
                boot=heard.boot,
                request_no=body.request_no,
                renewal=isinstance(body, messages.AuthorityRenewal),
            )
        case messages.CommandReply() as body:
            yield seen.Replied(
                at_ns=at_ns,
                node=heard.node,
                boot=heard.boot,
                command=body.command,
                ok=body.ok,
                reason=body.reason,
            )
        case messages.Birth() | messages.Heartbeat() as body:
            situation = body.situation
            yield seen.Situated(
                at_ns=at_ns,
                node=heard.node,
                boot=heard.boot,
                at_rest=situation.at_rest,
                posed=situation.x_m is not None,
                authority=situation.authority,
                refused=situation.refused,
                locks=situation.locks,
            )
        case _:
            pass


def _from_record(recorded: inputs.Recorded, at_ns: int) -> Iterator[seen.Evidence]:
    try:
        record = records.decode_record(recorded.record)
    except RemoteProtocolError:
        return
    if isinstance(record, records.TaskReport):
        yield seen.Reported(
            at_ns=at_ns,
            node=recorded.node,
            task=record.task,
            attempt=record.attempt,
            outcome=record.outcome.value,
        )
