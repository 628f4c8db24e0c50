"""The scheduler as a node: frames in, journal first, frames out.

Turns verified frames into inputs for `scheduler.core`, writes each input to the journal before
anything it led to leaves, signs what goes out, and repeats commands until they are answered.
Decides nothing itself.
"""

import zlib
from collections.abc import Iterable

from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.feed import Feed
from lunaredge.ids import BootId, ClientId, CommandId, KeyId, NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Site
from lunaredge.node import Effect, Erase, Level, Note, Persist, Publish, Row, Solve
from lunaredge.refusals import Refusals
from lunaredge.scheduler import desk, ingest, presence, stops, views
from lunaredge.scheduler.archive_watch import ArchiveWatch
from lunaredge.scheduler.candidates import PlacementSolution
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.core import SchedulerCore
from lunaredge.scheduler.inputs import (
    Asked,
    Compute,
    Heard,
    Input,
    Intent,
    JournalEntry,
    Listening,
    Placed,
    Recorded,
    Repeat,
    Reply,
    Routed,
    Say,
    Started,
    Tell,
    Ticked,
    ToEarth,
    checksum,
    decode_entry,
    encode_entry,
)
from lunaredge.scheduler.paths import RouteSolution
from lunaredge.scheduler.quarantine import GuardedCore
from lunaredge.scheduler.state import SchedulerState
from lunaredge.scribe import Scribe
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, spool, topics
from lunaredge.wire.codec import Received, decode
from lunaredge.wire.messages import RECORD_CLASSES, Message, RecordClass
from lunaredge.wire.rows import encode_rows
from lunaredge.wire.seal import Keyring, Role, Signer
from lunaredge.wire.session import Limits
from lunaredge.wire.topics import Topic

JOURNAL = "journal"
CHECKPOINT = "checkpoint"

# Classes whose records the core decides on; the others are the archive's.
DECIDING = frozenset({RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE})

# An entry is some hundred bytes, and up to 100 kB where it holds a plan. A journal of many plans is
# cut as early as one of so large entries would be.
ENTRY_BYTES_MAX = 4_096
# A request good for longer was signed by a clock that is far ahead: it could be said again long
# after its answer is forgotten.
REQUEST_LIFETIME_NS_MAX = 4 * 3_600 * NS_PER_S


class SchedulerNode:
    """The leading scheduler; see `lunaredge.node.Node`."""

    def __init__(
        self,
        config: SchedulerConfig,
        site: Site,
        fleet: Fleet,
        boot: BootId,
        *,
        signer: Signer,
        keyring: Keyring,
    ) -> None:
        self.config = config
        self.core = SchedulerCore(config, site, fleet)
        self._guarded = GuardedCore(self.core)
        self.refusals = Refusals()
        self._boot = boot
        self._scribe = Scribe(topics.SCHEDULER, boot, signer)
        self._keyring = keyring
        self._ingest = ingest.Ingest()
        limits = Limits(bytes_max=config.feed_bytes_max, resend_ns=config.command_resend_ns)
        self._feed = Feed(limits, boot)
        self._effects: list[Effect] = []
        self._archive = ArchiveWatch(config.archive_silent_ns)
        self._entry_no = 0
        self._checkpoint_no = 0
        self._journal_bytes = 0
        self._untold: list[int] = []
        """Entries replayed that were decided otherwise, and that nobody was warned of."""
        self._sent_ns: dict[CommandId, int] = {}
        self._views_due_ns = 0
        self._views_sent_ns = 0
        self._is_connected = False

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Everything that nodes, operators and the gateway say to the scheduler."""
        base = f"{topics.ROOT}/{self.config.site}"
        records = tuple(f"+/up/{each.value}" for each in RECORD_CLASSES if each in DECIDING)
        channels = ("+/node", "+/ask", "+/reply", *records)
        own = (f"{base}/scheduler/ack", f"{base}/scheduler/request/+", f"{base}/all/stop")
        shown = topics.view(self.config.site, topics.INTAKE)
        return (*(f"{base}/{channel}" for channel in channels), *own, shown)

    def digest(self) -> str:
        """Give the hash of everything that decides."""
        return self.core.state.digest()

    # --- life ---------------------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now_ns: int) -> None:
        """Rebuild the state from checkpoint and journal, then take the lead."""
        self.replay(rows)
        differing = self._untold
        if differing:
            # Another version of the program, or another site or fleet file, since it was written.
            fields: dict[str, object] = {"entries": len(differing), "first": differing[0]}
            self._effects.append(Note(level=Level.WARNING, event="journal.differed", fields=fields))
        self._guarded.mark()
        crc = _crc(differing)
        started = Started(boot=self._boot, differing=len(differing), differing_crc=crc)
        self._take(started, max(now_ns, self.core.ctx.now_ns))

    def replay(self, rows: Iterable[Row]) -> int:
        """Rebuild the state without taking the lead; give how many entries decided otherwise.

        A checkpoint comes before the journal in the order of tables. Called again with newer rows
        it goes on from where it was, and passes over what it has taken already.

        Raises:
            JournalCorrupt: an entry of the journal is not there; what came after it can't be
                understood without it.
            ConfigError: a node of the journal is not in the fleet.
        """
        differing = 0
        for row in rows:
            if row.table == CHECKPOINT and row.number > self._entry_no:
                self.core.load(SchedulerState.decoded(row.value))
                self._checkpoint_no = self._entry_no = row.number
            elif row.table == JOURNAL and row.number > self._entry_no:
                if row.number != self._entry_no + 1 or not row.value:
                    raise JournalCorrupt(
                        f"journal entry {self._entry_no + 1} is missing or damaged; restore the"
                        " scheduler's store from a copy, or start an empty one: nodes report anew"
                    )
                entry = decode_entry(row.value)
                self.core.check_enrolled(entry.input)
                intents = self.core.apply(entry.input, entry.now_ns)
                self._entry_no = row.number
                if checksum(intents) != entry.intents_crc:
                    differing += 1
                    self._untold.append(row.number)
                elif _has_warned_of(entry.input, self._untold):
                    self._untold.clear()
            elif row.table == ingest.TABLE:
                self._ingest.restore(row)
            elif row.table == spool.TABLE:
                self._feed.restore(row)
        return differing

    def connected(self, now_ns: int) -> None:
        """Say everything again that may have been lost."""
        self._is_connected = True
        self._take(Listening(listening=True), now_ns)
        self._archive.listen(now_ns)
        self._sent_ns.clear()
        self._feed.resend_all()
        self._views_due_ns = now_ns
        self.tick(now_ns)

    def disconnected(self, now_ns: int) -> None:
        """Keep quiet until the broker is back, and call nobody silent meanwhile."""
        self._is_connected = False
        self._take(Listening(listening=False), now_ns)
        self._archive.stop_listening(now_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        if self.core.wakeup_ns() <= now_ns:
            self._take(Ticked(), now_ns)
        if not self._is_connected:
            return
        if (silence := self._archive.news(self.core.ctx, now_ns)) is not None:
            self._take(silence, now_ns)
        self._send_commands(now_ns)
        for upload in self._feed.due(now_ns):
            topic = topics.build(
                self.config.site, topics.SCHEDULER, "up", upload.record_class.value
            )
            self._publish(topic, upload, now_ns)
        if now_ns >= self._views_due_ns:
            self._views_sent_ns = now_ns
            self._views_due_ns = now_ns + self.config.view_period_ns
            self._publish_views(now_ns, views.NAMES)

    def wakeup_ns(self) -> int | None:
        """Say when something is next due."""
        due_ns = [self.core.wakeup_ns()]
        if self._is_connected:
            due_ns += [self._views_due_ns, self._archive.due_ns(self.core.ctx)]
            due_ns += [sent + self.config.command_resend_ns for sent in self._sent_ns.values()]
        return min(due_ns)

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be done."""
        effects, self._effects = self._effects, []
        return effects

    # --- input --------------------------------------------------------------------------------

    def solved(self, solution: RouteSolution | PlacementSolution | None, now_ns: int) -> None:
        """Take the solver's answer; None when a placement made it fail."""
        if isinstance(solution, RouteSolution):
            self._take(Routed(solution=solution), now_ns)
        else:
            self._take(Placed(solution=solution), now_ns)
        self.tick(now_ns)

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message; what is not sound is counted and changes nothing."""
        parsed = topics.parse(topic)
        if parsed is None or parsed.site != self.config.site:
            self._refuse("topic", topic[:80])
            return
        try:
            received = decode(payload, self._keyring)
            self._dispatch(parsed, received, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, f"{parsed.node}/{parsed.channel}")
        self.tick(now_ns)

    def _dispatch(self, topic: Topic, received: Received, now_ns: int) -> None:
        match topic.channel:
            case "up" if topic.node != topics.SCHEDULER:
                self._take_upload(topic, received, now_ns)
            case "node" | "ask" | "reply" if topic.node in self.core.state.nodes:
                self._take_word(topic, received, now_ns)
            case "request" if topic.node == topics.SCHEDULER:
                self._take_request(topic, received, now_ns)
            case "stop":
                self._take_stop(received, now_ns)
            case "ack" if topic.node == topics.SCHEDULER:
                self._take_feed_ack(received)
            case "view" if topic.detail == topics.INTAKE:
                self._take_view(received, now_ns)
            case "up":
                pass
            case _:
                raise RemoteProtocolError("unknown_node", topic.node)

    def _take_word(self, topic: Topic, received: Received, now_ns: int) -> None:
        header, body = received.header, received.body
        if isinstance(body, messages.TimeRequest):
            self._answer_time(topic.node, body, now_ns)
            return
        if not _is_from(received, topic.node):
            raise RemoteProtocolError("not_authentic", topic.node)
        if header.node != topic.node:
            raise RemoteProtocolError("not_its_topic", header.node)
        match body:
            case messages.Birth() | messages.Heartbeat() | messages.Farewell():
                pass
            case messages.AuthorityRequest() | messages.AuthorityRenewal():
                pass
            case messages.CommandReply():
                pass
            case _:
                raise RemoteProtocolError("unexpected", type(body).__name__)
        heard = Heard(node=topic.node, boot=header.boot, number=header.number, body=body)
        if presence.is_news(self.core.ctx, heard):
            self._take(heard, now_ns)
            return
        newest = self.core.state.nodes[topic.node].boot
        if isinstance(body, messages.Birth) and header.boot < newest:
            outlived = messages.Outlived(boot=header.boot, floor=newest)
            self._tell_node(topic.node, "cmd", outlived, now_ns)
        if not isinstance(body, messages.Farewell):
            # A will was signed at boot: it is older than all that came after.
            raise RemoteProtocolError("repeated", topic.node)

    def _take_upload(self, topic: Topic, received: Received, now_ns: int) -> None:
        upload, node = received.body, topic.node
        if not isinstance(upload, messages.Upload):
            raise RemoteProtocolError("unexpected", type(upload).__name__)
        is_archive = node == topics.ARCHIVE
        if not (is_archive or node in self.core.state.nodes) or received.header.node != node:
            raise RemoteProtocolError("unknown_node", node)
        if not _is_from(received, node, Role.ARCHIVE if is_archive else Role.NODE):
            raise RemoteProtocolError("not_authentic", node)
        # What the archive passes on are the alarms that it raises; no node sends it what is bulk.
        if upload.record_class not in ({RecordClass.ALARM} if is_archive else DECIDING):
            raise RemoteProtocolError("unexpected", upload.record_class.value)
        if upload.dropped or upload.first_seq != upload.seq:
            raise RemoteProtocolError("dropped", f"what is {upload.record_class.value} never is")
        if upload.count > ingest.COUNT_MAX:
            raise RemoteProtocolError("count", f"{upload.count} records in one upload")
        taken = self._ingest.take(node, upload, now_ns)
        if taken.fresh:
            deciding = Recorded(node=node, record_class=upload.record_class, record=upload.record)
            self._take(deciding, now_ns, alongside=taken.effects)
        else:
            self._effects += taken.effects
        self._tell_node(node, "ack", taken.ack, now_ns)

    def _take_request(self, topic: Topic, received: Received, now_ns: int) -> None:
        body, header = received.body, received.header
        client = ClientId(topic.detail)
        if isinstance(body, messages.Explain):
            self._explain(client, body, now_ns)
            return
        if received.role not in (Role.OPERATOR, Role.EARTH):
            raise RemoteProtocolError("not_authentic", header.node)
        if header.expiry_ns <= now_ns:
            raise RemoteProtocolError("expired", header.node)
        if not isinstance(body, messages.Request):
            raise RemoteProtocolError("unexpected", type(body).__name__)
        is_late_harmless = isinstance(body, messages.Approve)
        # Ours may be the one that was put back, and the people's those that are right.
        latest_ns = max(now_ns, self.core.ctx.now_ns)
        if header.expiry_ns > latest_ns + REQUEST_LIFETIME_NS_MAX and not is_late_harmless:
            raise RemoteProtocolError("ahead", header.node)
        asked = Asked(client=client, key=header.key, role=received.role, body=body)
        self._take(asked, now_ns)

    def _take_stop(self, received: Received, now_ns: int) -> None:
        body = received.body
        if not isinstance(body, messages.Stop) or received.role is None:
            raise RemoteProtocolError("not_authentic", received.header.node)
        if not stops.is_news(self.core.ctx, body, received.role):
            return
        header = received.header
        client = ClientId(header.node)
        asked = Asked(client=client, key=header.key, role=received.role, body=body)
        self._take(asked, now_ns)

    def _take_view(self, received: Received, now_ns: int) -> None:
        """Take a view of the archive's as the sign of life that it is."""
        if not _is_from(received, topics.ARCHIVE, Role.ARCHIVE):
            raise RemoteProtocolError("not_authentic", received.header.node)
        if not isinstance(received.body, messages.View):
            raise RemoteProtocolError("unexpected", type(received.body).__name__)
        header = received.header
        self._archive.hear(header.boot, header.number, header.site_ns, now_ns)

    def _take_feed_ack(self, received: Received) -> None:
        if received.role is not Role.GATEWAY:
            raise RemoteProtocolError("not_authentic", received.header.node)
        if not isinstance(received.body, messages.RecordAck):
            raise RemoteProtocolError("unexpected", type(received.body).__name__)
        self._effects += self._feed.acknowledge(received.body)

    def _take(self, taken: Input, now_ns: int, alongside: tuple[Effect, ...] = ()) -> None:
        """Apply an input: journal entry first, then everything it led to."""
        count = self.core.state.change_count
        taken, intents = self._guarded.apply(taken, now_ns)
        if intents or self.core.state.change_count != count:
            soon_ns = self._views_sent_ns + self.config.view_gap_ns
            self._views_due_ns = min(self._views_due_ns, soon_ns)
        entry = JournalEntry(
            now_ns=self.core.ctx.now_ns, input=taken, intents_crc=checksum(intents)
        )
        self._entry_no += 1
        encoded = encode_entry(entry)
        self._journal_bytes += len(encoded)
        self._effects.append(Persist(JOURNAL, "", self._entry_no, encoded))
        self._effects += alongside
        if isinstance(taken, Asked) and self.core.state.change_count != count:
            # Ahead of the answer: whoever has read that goes by the lists.
            self._publish_views(now_ns, views.PEOPLES)
        for intent in intents:
            self._carry_out(intent, now_ns)
        count_max = self.config.checkpoint_entries
        if (
            self._entry_no - self._checkpoint_no >= count_max
            or self._journal_bytes >= count_max * ENTRY_BYTES_MAX
        ):
            self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        self._checkpoint_no = self._entry_no
        self._journal_bytes = 0
        state = self.core.state.encoded()
        self._effects.append(Persist(CHECKPOINT, "", self._entry_no, state))
        self._effects.append(Erase(CHECKPOINT, "", self._entry_no - 1))
        self._effects.append(Erase(JOURNAL, "", self._entry_no))

    # --- output -------------------------------------------------------------------------------

    def _carry_out(self, intent: Intent, now_ns: int) -> None:
        match intent:
            case Say():
                self._command(intent.node, intent.body, now_ns)
            case Reply():
                topic = topics.answer(self.config.site, intent.client)
                self._publish(topic, intent.body, now_ns)
            case Compute():
                self._effects.append(Solve(intent.problem))
            case ToEarth():
                self._effects += self._feed.offer(intent.record_class, intent.record, 1, now_ns)
            case Repeat():
                self._publish(topics.stop_all(self.config.site), intent.stop, now_ns)
            case Tell():
                level = Level.WARNING if intent.warning else Level.INFO
                fields: dict[str, object] = dict(intent.fields)
                self._effects.append(Note(level=level, event=intent.event, fields=fields))

    def _send_commands(self, now_ns: int) -> None:
        pending = self.core.state.commands
        for command in [c for c in self._sent_ns if c not in pending]:
            del self._sent_ns[command]
        for command, waiting in pending.items():
            sent_ns = self._sent_ns.get(command)
            if sent_ns is None or now_ns - sent_ns >= self.config.command_resend_ns:
                self._sent_ns[command] = now_ns
                self._command(waiting.node, waiting.body, now_ns)

    def _command(self, node: NodeId, body: messages.Command, now_ns: int) -> None:
        # Authorities are for the neighbours' ears as well.
        self._tell_node(node, "ma" if isinstance(body, messages.Grant) else "cmd", body, now_ns)

    def _tell_node(self, node: NodeId, channel: str, body: Message, now_ns: int) -> None:
        self._publish(topics.build(self.config.site, node, channel), body, now_ns, to=node)

    def _answer_time(self, node: NodeId, asked: messages.TimeRequest, now_ns: int) -> None:
        reply = messages.TimeReply(local_ns=asked.local_ns, site_ns=now_ns)
        self._tell_node(node, "cmd", reply, now_ns)

    def _explain(self, client: ClientId, asked: messages.Explain, now_ns: int) -> None:
        why = desk.explained(self.core.ctx, asked.task)
        answer = messages.Answer(
            request=asked.request,
            ok=why.found,
            text=why.text,
            rows=views.encode_explained(why.plan, why.reason, why.refusals),
        )
        self._publish(topics.answer(self.config.site, client), answer, now_ns)

    def _publish(
        self,
        topic: str,
        body: Message,
        now_ns: int,
        *,
        to: NodeId = topics.EVERYBODY,
        retain: bool = False,
    ) -> None:
        expiry_ns = now_ns + self.config.command_expiry_ns
        epoch = self.core.state.epoch
        frame = self._scribe.frame(body, now_ns, to=to, epoch=epoch, expiry_ns=expiry_ns)
        self._effects.append(Publish(topic, frame, retain))

    def _publish_views(self, now_ns: int, names: tuple[str, ...]) -> None:
        for name in names:
            make = views.ROWS.get(name)
            rows = [self._site_row()] if make is None else make(self.core.ctx, now_ns)
            shown, left_out = encode_rows(rows)
            if name == "tasks":
                # Of very many the oldest that ended have no row.
                left_out += len(self.core.state.tasks) - len(rows)
            body = messages.View(name=name, site_ns=now_ns, rows=shown, left_out=left_out)
            self._publish(topics.view(self.config.site, name), body, now_ns, retain=True)

    def _site_row(self) -> views.Row:
        row = views.site_row(self.core.ctx, self._ingest)
        refused = dict(self.refusals.by_reason)
        # The journal, replayed to this entry, must give this digest (I9).
        row |= {"refused": refused, "entry": self._entry_no, "digest": self.digest()}
        return row

    def _refuse(self, reason: str, source: str) -> None:
        self._effects += self.refusals.count(reason, source)


def _has_warned_of(taken: Input, entries: list[int]) -> bool:
    """Tell whether a life began with this that decided the same entries otherwise as we do."""
    return isinstance(taken, Started) and taken.differing_crc == _crc(entries)


def _crc(entries: list[int]) -> int:
    return zlib.crc32(",".join(map(str, entries)).encode())


def _is_from(received: Received, node: NodeId, role: Role = Role.NODE) -> bool:
    """Tell whether that node's own key signed the frame; a node's key is named after it."""
    return received.role is role and received.header.key == KeyId(node)
