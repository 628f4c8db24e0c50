"""The archive as a node: telemetry in, kept before it is acknowledged, told to whoever asks.

Uploads are gathered for a fraction of a second and written in one go; the acknowledgements stand
behind. It takes no decision about machines or tasks: what is not written here waits in the nodes'
spools, and the site works on without it.
"""

from collections.abc import Iterable

from lunaredge.archive import answers, pacing
from lunaredge.archive.batches import Folded
from lunaredge.archive.clocks import Clocks
from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.intake import Intake, NotYet, Taken
from lunaredge.archive.latest import Latest
from lunaredge.archive.limits import LimitWatch
from lunaredge.archive.streams import Key
from lunaredge.archive.summaries import Summaries
from lunaredge.archive.tables import Tables
from lunaredge.errors import RemoteProtocolError
from lunaredge.feed import Feed
from lunaredge.ids import BootId, ClientId, KeyId, NodeId
from lunaredge.node import Effect, Keep, Level, Note, Persist, Publish, Row
from lunaredge.refusals import Refusals
from lunaredge.scribe import Scribe
from lunaredge.wire import spool, topics
from lunaredge.wire.codec import Received, decode
from lunaredge.wire.messages import (
    LatestRequest,
    Message,
    RebirthRequest,
    RecordAck,
    RecordClass,
    StreamBirth,
    Upload,
    View,
)
from lunaredge.wire.records import Alarm, NodeRecord, encode_record
from lunaredge.wire.rows import encode_rows
from lunaredge.wire.seal import Keyring, Role, Signer
from lunaredge.wire.session import Limits
from lunaredge.wire.telemetry import Channel
from lunaredge.wire.topics import Topic

LATEST_TABLE = "latest"
LIMITS_TABLE = "limits"


class ArchiveNode:
    """The archive; see `lunaredge.node.Node`."""

    def __init__(
        self, config: ArchiveConfig, boot: BootId, *, signer: Signer, keyring: Keyring
    ) -> None:
        self.config = config
        self.refusals = Refusals()
        self.tables = Tables()
        self.latest = Latest()
        self._clocks = Clocks(config.ahead_ns_max)
        self.intake = Intake(config, self.tables, self.latest, self._clocks)
        self._scribe = Scribe(topics.ARCHIVE, boot, signer)
        # What comes in bulk is tagged for this reader.
        self._keyring = keyring.read_by(signer)
        # Whose telemetry is taken: a node's key is named after it. Of strangers nothing is kept.
        self._nodes = frozenset(NodeId(key_id) for key_id in keyring.of_role(Role.NODE))
        self._limits = LimitWatch(config.limits)
        self._summaries = Summaries(config.summary_period_ns)
        self._feed = Feed(Limits(bytes_max=config.feed_bytes_max, resend_ns=config.resend_ns), boot)
        self._pacer = pacing.Pacer(config)
        self._quota = answers.Quota(config.answers_per_s_max)
        self._keeps: list[Keep] = []
        self._keeps_bytes = 0
        self._asked_ns: dict[NodeId, int] = {}
        """When a node was last asked for its table; gone once it has answered."""
        self._answered: dict[NodeId, BootId] = {}
        """The life in which a node told its table when it was last asked."""
        self._told: set[NodeId] = set()
        """Nodes of which something new is known since it was last written down."""
        self._effects: list[Effect] = []
        self._commit_due_ns: int | None = None
        self._view_due_ns = 0
        self._feed_due_ns = 0
        self._is_connected = False

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """What nodes send in bulk, what it means, and what people ask of it."""
        base = f"{topics.ROOT}/{self.config.site}"
        bulk = (f"{base}/+/up/raw", f"{base}/+/up/summary", f"{base}/+/birth")
        return (*bulk, f"{base}/archive/ack", f"{base}/archive/request/+")

    # --- life ---------------------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now_ns: int) -> None:
        """Take back what is kept, the tables, what was last known and what waits to be passed on.

        A row that can't be read costs nothing but itself: tables are asked for again, and what was
        last known is heard again.
        """
        damaged_count, judged = 0, b""
        for row in rows:
            if row.table == LIMITS_TABLE:
                judged = row.value
            else:
                damaged_count += not self._restore(row)
        for node, alarm in self._limits.restore(judged, now_ns):
            self._raise(node, alarm, now_ns)
        for node in sorted(self._nodes):
            if self._is_of_future(node, now_ns):
                self._forget_future(node)
        if damaged_count:
            fields: dict[str, object] = {"count": damaged_count}
            self._effects.append(Note(level=Level.ERROR, event="row.left_out", fields=fields))
        self._view_due_ns = now_ns

    def connected(self, now_ns: int) -> None:
        """Say everything again that may have been lost."""
        self._is_connected = True
        self._feed.resend_all()
        self._view_due_ns = self._feed_due_ns = now_ns
        self.tick(now_ns)

    def disconnected(self, now_ns: int) -> None:
        """Keep quiet until the broker is back."""
        self._is_connected = False

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        if self._commit_due_ns is not None and now_ns >= self._commit_due_ns:
            self._flush(now_ns)
        self._acknowledge(now_ns)
        if now_ns >= self._view_due_ns:
            self._view_due_ns = now_ns + self.config.view_period_ns
            self._write_latest()
            if (alarm := self._clocks.judge(now_ns)) is not None:
                self._raise(topics.ARCHIVE, alarm, now_ns)
            for summary in self._summaries.take_due(now_ns):
                self._effects += self._feed.offer(
                    RecordClass.SUMMARY, encode_record(summary), 1, now_ns
                )
            if self._is_connected:
                self._publish_view(now_ns)
        if self._is_connected and now_ns >= self._feed_due_ns:
            self._feed_due_ns = now_ns + self.config.resend_ns // 2
            for upload in self._feed.due(now_ns):
                self._publish_own("up", upload, now_ns, upload.record_class.value)

    def wakeup_ns(self) -> int | None:
        """Say when something is next due."""
        due_ns = [self._view_due_ns]
        if self._commit_due_ns is not None:
            due_ns.append(self._commit_due_ns)
        pacer_ns = self._pacer.wakeup_ns()
        if pacer_ns is not None:
            due_ns.append(pacer_ns)
        if self._is_connected:
            due_ns.append(self._feed_due_ns)
        return min(due_ns)

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be done."""
        effects, self._effects = self._effects, []
        return effects

    def _restore(self, row: Row) -> bool:
        """Take one row back; tell whether it could be read."""
        match row.table:
            case "kept":
                return self.intake.restore(row)
            case "channels":
                return self.tables.restore(row)
            case "latest":
                return row.is_whole and self.latest.restore(NodeId(row.scope), row.value)
            case spool.TABLE:
                self._feed.restore(row)
                return row.is_whole
            case _:
                return True

    # --- input --------------------------------------------------------------------------------

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message; what is not sound is counted and changes nothing."""
        parsed = topics.parse(topic)
        if parsed is None or parsed.site != self.config.site:
            self._refuse("topic", topic[:80])
            return
        try:
            self._take(parsed, decode(payload, self._keyring), now_ns)
        except RemoteProtocolError as exc:
            known = parsed.node in self._nodes or parsed.node == topics.ARCHIVE
            self._refuse(exc.reason, f"{parsed.node}/{parsed.channel}" if known else "a stranger")
        if self._keeps_bytes > self.config.commit_bytes_max:
            self._flush(now_ns)
        self.tick(now_ns)

    def _take(self, topic: Topic, received: Received, now_ns: int) -> None:
        body = received.body
        if topic.node == topics.ARCHIVE:
            self._take_own(topic, received, now_ns)
            return
        node = topic.node
        if node not in self._nodes:
            raise RemoteProtocolError("unknown_node", node)
        if received.header.node != node:
            raise RemoteProtocolError("not_its_topic", received.header.node)
        if received.role is not Role.NODE or received.header.key != KeyId(node):
            raise RemoteProtocolError("not_authentic", node)
        if isinstance(body, Upload) and topic.channel == "up":
            if topic.detail != body.record_class.value:
                raise RemoteProtocolError("not_its_topic", topic.detail)
            # Births are retained: they are not said now.
            said = received.header.boot, received.header.number
            self._clocks.hear(node, said, received.header.site_ns, now_ns)
            self._take_upload(node, received.header.boot, body, now_ns)
        elif isinstance(body, StreamBirth) and topic.channel == "birth":
            self._take_birth(node, received.header.boot, body, now_ns)
        else:
            raise RemoteProtocolError("unexpected", type(body).__name__)

    def _take_upload(self, node: NodeId, boot: BootId, upload: Upload, now_ns: int) -> None:
        if self._is_of_future(node, now_ns):
            self._forget_future(node)
        is_asked = self._answered.get(node) == boot
        try:
            taken = self.intake.take(node, upload, now_ns, is_asked=is_asked)
        except NotYet as exc:
            if exc.reason == "no_table":
                self._ask_table(node, now_ns)
            raise
        key = Key(node, upload.boot, upload.record_class)
        self._keep(taken.keeps, now_ns)
        self._learn(node, taken, now_ns)
        stream = self.intake.streams.known(key)
        assert stream is not None
        self._pacer.took(key, stream, now_ns, is_news=bool(taken.keeps))

    def _is_of_future(self, node: NodeId, now_ns: int) -> bool:
        return self.latest.through_ns(node) > now_ns + self.config.ahead_ns_max

    def _forget_future(self, node: NodeId) -> None:
        """Know nothing of a node whose last words are of a time to come: the clock was wrong.

        Else all that it says until then would be late, and trip no alarm.
        """
        self.latest.forget(node)
        self._told.discard(node)
        self._limits.rewind(node)

    def _learn(self, node: NodeId, taken: Taken, now_ns: int) -> None:
        if taken.folded is None:
            return
        span_ns = taken.keeps[0].start_ns, taken.keeps[0].end_ns
        self._summaries.fold(node, taken.channels, span_ns, taken.folded, now_ns)
        if taken.live is not None:
            self.latest.take(node, taken.channels, span_ns, taken.live)
            self._told.add(node)
            self._watch(node, taken.channels, taken.live, now_ns)

    def _watch(
        self, node: NodeId, channels: tuple[Channel, ...], live: Folded, now_ns: int
    ) -> None:
        """Hold what has limits to them: also the least and greatest value between two words."""
        limited = self.config.limits.get(node)
        if not limited:
            return
        for k, channel in enumerate(channels):
            if channel.name in limited and live.counts[k]:
                for value in live.extremes(k):
                    alarm = self._limits.take(node, channel.name, value, int(live.last_ns[k]))
                    if alarm is not None:
                        self._raise(node, alarm, now_ns)

    def _raise(self, node: NodeId, alarm: Alarm, now_ns: int) -> None:
        """Pass an alarm on to the scheduler, for good."""
        record = encode_record(NodeRecord(site_ns=now_ns, node=node, record=alarm))
        self._effects.append(Persist(LIMITS_TABLE, "", 0, self._limits.encoded()))
        self._effects += self._feed.offer(RecordClass.ALARM, record, 1, now_ns)
        self._feed_due_ns = now_ns

    def _take_birth(self, node: NodeId, boot: BootId, birth: StreamBirth, now_ns: int) -> None:
        effects, flaw = self.tables.announce(node, boot, birth)
        self._effects += effects
        if node in self._asked_ns:
            del self._asked_ns[node]
            self._answered[node] = boot
        self._keep(self.intake.close(node, boot, birth, now_ns), now_ns)
        if flaw is not None:
            raise RemoteProtocolError(flaw, node)

    def _take_own(self, topic: Topic, received: Received, now_ns: int) -> None:
        """Take what is for the archive itself."""
        body = received.body
        if topic.channel == "ack" and isinstance(body, RecordAck):
            if received.role not in (Role.GATEWAY, Role.SCHEDULER):
                raise RemoteProtocolError("not_authentic", received.header.node)
            self._effects += self._feed.acknowledge(body)
        elif topic.channel == "up":
            # Its own summaries, on their way to the gateway.
            pass
        elif topic.channel == "request" and isinstance(body, LatestRequest):
            if not self._quota.take(now_ns):
                raise RemoteProtocolError("too_many", topic.detail)
            answer = answers.latest(self.latest, self.tables, body, self._nodes, now_ns)
            client = ClientId(topic.detail)
            self._publish(topics.answer(self.config.site, client), answer, now_ns)
        else:
            raise RemoteProtocolError("unexpected", type(body).__name__)

    # --- output -------------------------------------------------------------------------------

    def _keep(self, keeps: list[Keep], now_ns: int) -> None:
        if not keeps:
            return
        self._keeps += keeps
        self._keeps_bytes += sum(len(keep.record) for keep in keeps)
        if self._commit_due_ns is None:
            self._commit_due_ns = now_ns + self.config.commit_period_ns

    def _flush(self, now_ns: int) -> None:
        """Have everything written; the acknowledgements stand behind."""
        self._effects += self._keeps
        self._keeps, self._keeps_bytes, self._commit_due_ns = [], 0, None
        self._pacer.flushed(now_ns)

    def _acknowledge(self, now_ns: int) -> None:
        due = self._pacer.take_due(now_ns)
        if not all(map(self._pacer.is_written, due)):
            # An acknowledgement covers all that was taken of its stream, so that must be written.
            self._flush(now_ns)
        for key in due:
            stream = self.intake.streams.known(key)
            if stream is not None:
                stream.is_answered = True
                ack = self._pacer.ack(key, stream)
                topic = topics.build(self.config.site, key.node, "ack")
                self._publish(topic, ack, now_ns, to=key.node)

    def _ask_table(self, node: NodeId, now_ns: int) -> None:
        asked_ns = self._asked_ns.get(node)
        if asked_ns is None or now_ns - asked_ns >= self.config.rebirth_period_ns:
            self._asked_ns[node] = now_ns
            topic = topics.build(self.config.site, node, "rebirth")
            self._publish(topic, RebirthRequest(), now_ns, to=node)

    def _write_latest(self) -> None:
        for node in sorted(self._told):
            self._effects.append(Persist(LATEST_TABLE, node, 0, self.latest.encoded(node)))
        self._told.clear()

    def _publish_view(self, now_ns: int) -> None:
        rows: list[answers.Row] = [{"node": "", "refused": dict(self.refusals.by_reason)}]
        rows += answers.intake_rows(self.intake, self.latest, sorted(self._nodes), now_ns)
        shown, left_out = encode_rows(rows)
        view = View(name=topics.INTAKE, site_ns=now_ns, rows=shown, left_out=left_out)
        self._publish(topics.view(self.config.site, topics.INTAKE), view, now_ns, retain=True)

    def _publish_own(self, channel: str, body: Message, now_ns: int, detail: str) -> None:
        topic = topics.build(self.config.site, topics.ARCHIVE, channel, detail)
        self._publish(topic, body, now_ns)

    def _publish(
        self,
        topic: str,
        body: Message,
        now_ns: int,
        *,
        to: NodeId = topics.EVERYBODY,
        retain: bool = False,
    ) -> None:
        self._effects.append(Publish(topic, self._scribe.frame(body, now_ns, to=to), retain))

    def _refuse(self, reason: str, source: str) -> None:
        self._effects += self.refusals.count(reason, source)
