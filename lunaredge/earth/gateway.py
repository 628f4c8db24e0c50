"""The gateway: the site's end of the Earth link.

Takes what the scheduler and the archive send up, keeps it until Earth has it, and hands Earth's
directives to the
scheduler as they were signed. Decides nothing about the site: the scheduler checks every directive
itself, and an outage changes nothing here but the rate.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from lunaredge.earth import ledger, outbox, stream
from lunaredge.earth.contacts import Contacts
from lunaredge.earth.ledger import Ledger
from lunaredge.earth.line import Line, LineConfig
from lunaredge.earth.outbox import Outbox, OutboxConfig
from lunaredge.earth.rows import link_row
from lunaredge.earth.terminal import AT_ONCE_MAX, Terminal
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId, ClientId, KeyId, NodeId, SiteId
from lunaredge.model.contact import LINK_PRESETS, ContactPlan
from lunaredge.node import Effect, Erase, Level, Note, Persist, Publish, Row
from lunaredge.refusals import Refusals
from lunaredge.scribe import Scribe
from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.codec import Received, decode
from lunaredge.wire.link import (
    Answered,
    Directive,
    DirectiveAck,
    ItemAck,
    Part,
    Shipment,
    part_bytes,
)
from lunaredge.wire.messages import (
    RECORD_CLASSES,
    Answer,
    RecordAck,
    RecordClass,
    Request,
    Stop,
    Upload,
    View,
)
from lunaredge.wire.seal import Keyring, Role, Signer
from lunaredge.wire.session import judge

THROUGH_TABLE = "through"

# Who sends records up to Earth, each with its own key.
SOURCES = {topics.SCHEDULER: Role.SCHEDULER, topics.ARCHIVE: Role.ARCHIVE}

# Lives of one of them whose numbers are kept: more than it can have unacknowledged records of.
LIVES_MAX = 1024

# Answers to directives that wait for a place in a datagram; Earth asks again for what is over.
ANSWERS_MAX = 64

EARTH_CLIENT = ClientId(topics.EARTH)


class _Life(NamedTuple):
    """One life of a source."""

    source: NodeId
    boot: BootId

    @property
    def scope(self) -> str:
        """Its rows' scope."""
        boot = f"{self.boot:015d}"
        return boot if self.source == topics.SCHEDULER else f"{self.source}/{boot}"


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway is told once, for its life."""

    site: SiteId
    preset: str = "relay"
    """Rates of the link, by name; see `LINK_PRESETS`."""
    line: LineConfig = LineConfig()
    outbox: OutboxConfig = OutboxConfig()
    view_period_ns: int = 30 * NS_PER_S
    request_resend_ns: int = 10 * NS_PER_S
    """A directive is handed to the scheduler again after this, until it answers."""


class GatewayNode:
    """The site's end of the link; see `lunaredge.node.Node`."""

    def __init__(
        self,
        config: GatewayConfig,
        plan: ContactPlan,
        boot: BootId,
        signer: Signer,
        keyring: Keyring,
    ) -> None:
        self.config = config
        self.refusals = Refusals()
        self.commands_refused = 0
        """Directives of Earth that were refused since boot."""
        self.outbox = Outbox(config.outbox, boot)
        self.line = Line(Contacts(plan), LINK_PRESETS[config.preset].to_earth_bps, config.line)
        self._terminal = Terminal(config.site, self.line, signer, keyring, Role.EARTH)
        self._ledger = Ledger()
        self._scribe = Scribe(topics.GATEWAY, boot, signer)
        self._keyring = keyring
        self._through: dict[_Life, dict[RecordClass, int]] = {}
        self._answers: deque[DirectiveAck] = deque(maxlen=ANSWERS_MAX)
        self._effects: list[Effect] = []
        self._is_connected = False
        self._was_open = False
        self._now_ns = 0
        self._view_due_ns = 0

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The scheduler's and the archive's records, and the scheduler's answers to Earth."""
        uploads = (topics.build(self.config.site, name, "up", "+") for name in SOURCES)
        return (*uploads, topics.answer(self.config.site, EARTH_CLIENT))

    # --- life ---------------------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now_ns: int) -> None:
        """Take back the outbox, the directives in hand and the sources' numbers."""
        for row in rows:
            try:
                self._restore(row)
            except JournalCorrupt as exc:
                fields: dict[str, object] = {"row": str(exc)}
                self._effects.append(Note(level=Level.ERROR, event="row.left_out", fields=fields))
        self._effects += self.outbox.take_effects()
        self._view_due_ns = now_ns
        self.tick(now_ns)

    def connected(self, now_ns: int) -> None:
        """Say everything again that may have been lost."""
        self._is_connected = True
        self._ledger.say_again()
        self._view_due_ns = now_ns
        self.tick(now_ns)

    def disconnected(self, now_ns: int) -> None:
        """Go on without the broker: the link does not need it."""
        self._is_connected = False
        self.tick(now_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        self._now_ns = now_ns
        self._pump(now_ns)
        if self._is_connected:
            self._hand_on(now_ns)
        if now_ns >= self._view_due_ns:
            self._view_due_ns = now_ns + self.config.view_period_ns
            self._sweep(now_ns)
            if self._is_connected:
                self._publish_view(now_ns)

    def wakeup_ns(self) -> int | None:
        """Say when something is next due."""
        line = self.line
        due_ns = [self._view_due_ns, line.wakeup_ns()]
        if self._answers or self.outbox.is_ready(line.overdue_before()):
            due_ns.append(line.free_wakeup_ns())
        sent_ns = self.outbox.sent_first_ns()
        if line.is_open and sent_ns is not None and line.overdue_in_ns(sent_ns):
            due_ns.append(self._now_ns + line.overdue_in_ns(sent_ns))
        if self._is_connected:
            due_ns.append(self._ledger.wakeup_ns(self._now_ns, self.config.request_resend_ns))
        return min(due for due in due_ns if due is not None)

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be done."""
        effects, self._effects = self._effects, []
        return effects

    def _restore(self, row: Row) -> None:
        if row.table in (stream.TABLE, outbox.TOTAL_TABLE):
            self.outbox.restore(row)
        elif row.table == ledger.TABLE:
            self._ledger.restore(row)
        elif row.table == THROUGH_TABLE:
            try:
                through = self._through.setdefault(_life_of(row.scope), {})
                through[RECORD_CLASSES[row.number]] = msgspec.msgpack.decode(row.value, type=int)
            except (msgspec.DecodeError, ValueError, IndexError) as exc:
                raise JournalCorrupt(f"{row.table} {row.scope}/{row.number}: {exc}") from exc

    # --- from the site ------------------------------------------------------------------------

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message of the site; what is not sound is counted and changes nothing."""
        parsed = topics.parse(topic)
        if parsed is None or parsed.site != self.config.site:
            self._refuse("topic", topic[:80])
            return
        try:
            received = decode(payload, self._keyring)
            if parsed.channel == "up":
                self._take_upload(parsed, received, now_ns)
            else:
                self._take_answer(received, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, f"{parsed.node}/{parsed.channel}")
        self.tick(now_ns)

    def _take_upload(self, topic: topics.Topic, received: Received, now_ns: int) -> None:
        upload = received.body
        if not isinstance(upload, Upload) or topic.detail != upload.record_class.value:
            raise RemoteProtocolError("unexpected", type(upload).__name__)
        source = topic.node
        if received.header.node != source or source not in SOURCES:
            raise RemoteProtocolError("not_its_topic", received.header.node)
        if received.role is not SOURCES[source] or received.header.key != KeyId(source):
            raise RemoteProtocolError("not_authentic", received.header.node)
        if source == topics.ARCHIVE and upload.record_class is not RecordClass.SUMMARY:
            # Its alarms are for the scheduler, which passes them on itself.
            return
        through = self._through.get(_Life(source, upload.boot), {})
        verdict = judge(through.get(upload.record_class, 0), upload)
        if verdict.accepted and not self._keep(source, upload, now_ns):
            raise RemoteProtocolError("outbox_full", upload.record_class.value)
        if verdict.duplicate:
            self._refuse("repeated", f"{topic.node}/{topic.channel}")
        if verdict.missing:
            fields: dict[str, object] = {"boot": upload.boot, "missing": verdict.missing}
            self._effects.append(Note(level=Level.ERROR, event="upload.missed", fields=fields))
        ack = RecordAck(
            record_class=upload.record_class, boot=upload.boot, through_seq=verdict.through_seq
        )
        self._publish(topics.build(self.config.site, source, "ack"), ack, now_ns)

    def _keep(self, source: NodeId, upload: Upload, now_ns: int) -> bool:
        """Put an upload in the outbox, its number with it; the acknowledgement stands behind."""
        shipment = Shipment(
            node=source,
            boot=upload.boot,
            first_seq=upload.first_seq,
            seq=upload.seq,
            count=upload.count,
            dropped=upload.dropped,
            record=upload.record,
        )
        if not self.outbox.offer(upload.record_class, shipment, now_ns):
            return False
        self._effects += self.outbox.take_effects()
        life = _Life(source, upload.boot)
        self._through.setdefault(life, {})[upload.record_class] = upload.seq
        number = RECORD_CLASSES.index(upload.record_class)
        value = msgspec.msgpack.encode(upload.seq)
        self._effects.append(Persist(THROUGH_TABLE, life.scope, number, value))
        lives = [each for each in self._through if each.source == source]
        if len(lives) > LIVES_MAX:
            oldest = min(lives)
            del self._through[oldest]
            self._effects.append(Erase(THROUGH_TABLE, oldest.scope, len(RECORD_CLASSES)))
        return True

    def _take_answer(self, received: Received, now_ns: int) -> None:
        answer = received.body
        if received.role is not Role.SCHEDULER or not isinstance(answer, Answer):
            raise RemoteProtocolError("not_authentic", received.header.node)
        entry = self._ledger.answer(answer.request)
        if entry is not None:
            told = Answered(
                directive=entry.directive.id,
                ok=answer.ok,
                text=answer.text,
                rows=answer.rows,
                code=answer.code,
            )
            self._tell_earth(told, now_ns)

    # --- from Earth ---------------------------------------------------------------------------

    def datagram(self, payload: bytes, now_ns: int) -> None:
        """Take a datagram off the link; what is not sound is counted and changes nothing."""
        try:
            datagram = self._terminal.open(payload, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, "link")
            return
        for part in datagram.parts:
            match part:
                case ItemAck():
                    self._take_ack(part, datagram.header.era, now_ns)
                case Directive():
                    self._take_directive(part, now_ns)
                case _:
                    self._refuse("unexpected", "link")
        self._effects += self.outbox.take_effects()
        self.tick(now_ns)

    def _take_ack(self, ack: ItemAck, era: BootId, now_ns: int) -> None:
        if era != self.outbox.total.era:
            self._refuse("other_era", "link")
        elif not self.outbox.acknowledge(ack, now_ns):
            # Our own disk has gone back in time: what it holds now would be taken for old news.
            self._refuse("ack_ahead", "link")

    def _take_directive(self, directive: Directive, now_ns: int) -> None:
        reason = ""
        if directive.id not in self._ledger:
            try:
                request = self._checked(directive, now_ns)
            except RemoteProtocolError as exc:
                reason = exc.reason
                self.commands_refused += 1
                self._refuse(reason, "directive")
            else:
                if not self._enter(directive, request, now_ns):
                    return
        self._answers.append(DirectiveAck(id=directive.id, ok=not reason, reason=reason))

    def _checked(self, directive: Directive, now_ns: int) -> Request:
        """Give what a directive asks.

        Raises:
            RemoteProtocolError: as `decode`, or reason ``not_authentic``, ``expired`` or
                ``unexpected``.
        """
        received = decode(directive.frame, self._keyring)
        if received.role is not Role.EARTH:
            raise RemoteProtocolError("not_authentic", received.header.node)
        if min(directive.expires_ns, received.header.expiry_ns) <= now_ns:
            raise RemoteProtocolError("expired", directive.id)
        if not isinstance(received.body, Request):
            raise RemoteProtocolError("unexpected", type(received.body).__name__)
        return received.body

    def _enter(self, directive: Directive, request: Request, now_ns: int) -> bool:
        is_stop = isinstance(request, Stop)
        answers_to = request.stop if isinstance(request, Stop) else request.request
        if not self._ledger.add(directive, answers_to, is_stop=is_stop):
            self._refuse("ledger_full", "directive")
            return False
        if is_stop:
            text = "passed to every node"
            told = Answered(directive=directive.id, ok=True, text=text, rows=b"[]")
            self.outbox.offer(RecordClass.EVENT, told, now_ns)
        self._effects += self._ledger.take_effects() + self.outbox.take_effects()
        return True

    def _hand_on(self, now_ns: int) -> None:
        """Give the scheduler what Earth asks, in Earth's own frame; stops go to every node."""
        for entry in self._ledger.due(now_ns, self.config.request_resend_ns):
            site = self.config.site
            topic = topics.stop_all(site) if entry.is_stop else topics.request(site, EARTH_CLIENT)
            self._effects.append(Publish(topic, entry.directive.frame))

    def _tell_earth(self, told: Answered, now_ns: int) -> None:
        if not self.outbox.offer(RecordClass.EVENT, told, now_ns):
            self._refuse("outbox_full", "answer")
        self._effects += self.outbox.take_effects() + self._ledger.take_effects()

    # --- toward Earth -------------------------------------------------------------------------

    def _pump(self, now_ns: int) -> None:
        """Send what the line takes now."""
        self._watch_line(now_ns)
        for _ in range(AT_ONCE_MAX):
            if not self.line.can_send(now_ns):
                break
            parts = self._parts()
            if not parts and not self.line.is_beat_due(now_ns):
                break
            era = self.outbox.total.era
            self._effects.append(self._terminal.send(tuple(parts), era, now_ns))
        self._effects += self.outbox.take_effects()

    def _parts(self) -> list[Part]:
        parts: list[Part] = []
        budget_bytes = self._terminal.room_bytes
        while self._answers and part_bytes(self._answers[0]) <= budget_bytes:
            budget_bytes -= part_bytes(self._answers[0])
            parts.append(self._answers.popleft())
        if self.line.is_open:
            line = self.line
            parts += self.outbox.take(budget_bytes, line.link_ns, line.overdue_before())
        return parts

    def _watch_line(self, now_ns: int) -> None:
        self.line.update(now_ns)
        if self.line.is_open == self._was_open:
            return
        self._was_open = self.line.is_open
        if self.line.is_open:
            self.outbox.begin_drain(now_ns)
        fields: dict[str, object] = {"state": self.line.state.value}
        fields["backlog_items"] = self.outbox.items
        self._effects.append(Note(level=Level.INFO, event="link.changed", fields=fields))

    def _sweep(self, now_ns: int) -> None:
        self._effects += self.outbox.sweep(now_ns)
        for entry in self._ledger.sweep(now_ns):
            text = "no answer before its expiry"
            told = Answered(directive=entry.directive.id, ok=False, text=text, rows=b"[]")
            self._tell_earth(told, now_ns)
        self._effects += self.outbox.take_effects() + self._ledger.take_effects()

    # --- screens ------------------------------------------------------------------------------

    def _publish_view(self, now_ns: int) -> None:
        row = link_row(self.line, self.outbox, now_ns)
        row["commands_refused"] = self.commands_refused
        row["refused"] = dict(self.refusals.by_reason)
        view = View(name="link", site_ns=now_ns, rows=msgspec.json.encode([row]))
        topic = topics.view(self.config.site, "link")
        self._effects.append(Publish(topic, self._scribe.frame(view, now_ns), retain=True))

    def _publish(self, topic: str, body: RecordAck, now_ns: int) -> None:
        self._effects.append(Publish(topic, self._scribe.frame(body, now_ns)))

    def _refuse(self, reason: str, source: str) -> None:
        self._effects += self.refusals.count(reason, source)


def _life_of(scope: str) -> _Life:
    """Give the life of a row's scope; ValueError for none. The scheduler's has its boot alone."""
    source, _, boot = scope.rpartition("/")
    return _Life(NodeId(source or topics.SCHEDULER), BootId(int(boot)))
