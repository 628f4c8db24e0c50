"""The Earth station: the link's other end, with a broker of its own.

Keeps what the site sends, once, and acknowledges only what it has on disk. Shows it on Earth's
broker under the site's own topics, and turns what operators ask there into directives. Advises:
nothing at the site waits for it but tasks that need Earth's word.
"""

from collections.abc import Iterable

import msgspec

from lunaredge.earth import inbox
from lunaredge.earth.contacts import Contacts
from lunaredge.earth.desk import ApprovalPolicy, Desk, DeskConfig
from lunaredge.earth.inbox import Inbox
from lunaredge.earth.line import Line, LineConfig
from lunaredge.earth.rows import earth_row
from lunaredge.earth.terminal import AT_ONCE_MAX, Terminal
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId, ClientId, SiteId
from lunaredge.model.contact import LINK_PRESETS, ContactPlan
from lunaredge.node import Archive, Effect, Level, Note, Publish, Row
from lunaredge.refusals import Refusals
from lunaredge.scribe import Scribe
from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.codec import decode
from lunaredge.wire.link import (
    Answered,
    Datagram,
    DirectiveAck,
    Item,
    ItemAck,
    Part,
    Shipment,
    decode_payload,
    part_bytes,
)
from lunaredge.wire.messages import RecordClass, Upload, View
from lunaredge.wire.records import ApprovalWanted, decode_record
from lunaredge.wire.seal import Keyring, Role, Signer


class EarthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the station is told once, for its life."""

    site: SiteId
    preset: str = "relay"
    """Rates of the link, by name; see `LINK_PRESETS`."""
    approve: ApprovalPolicy = ApprovalPolicy.MANUAL
    approve_delay_ns: int = 0
    """What people take for an answer; an automatic one comes this late, to a view's period."""
    line: LineConfig = LineConfig()
    ack_delay_ns: int = 1 * NS_PER_S
    """Waited for more before an acknowledgement: at 8 kbit/s one per datagram would be too much."""
    approval_lifetime_ns: int = 30 * 86_400 * NS_PER_S
    """An automatic approval outlives two gaps of a fortnight; it is not dangerous late."""
    view_period_ns: int = 30 * NS_PER_S


class EarthNode:
    """Earth's end of the link; see `lunaredge.node.Node`."""

    def __init__(
        self,
        config: EarthConfig,
        plan: ContactPlan,
        boot: BootId,
        signer: Signer,
        keyring: Keyring,
    ) -> None:
        self.config = config
        self.refusals = Refusals()
        self.inbox = Inbox()
        self.line = Line(Contacts(plan), LINK_PRESETS[config.preset].to_moon_bps, config.line)
        self._terminal = Terminal(config.site, self.line, signer, keyring, Role.GATEWAY)
        self._scribe = Scribe(topics.EARTH, boot, signer)
        desk_config = DeskConfig(
            site=config.site,
            approve=config.approve,
            approve_delay_ns=config.approve_delay_ns,
            approval_lifetime_ns=config.approval_lifetime_ns,
        )
        self.desk = Desk(desk_config, self._scribe)
        self._keyring = keyring
        self._acks: list[ItemAck] = []
        self._ack_due_ns: int | None = None
        self._effects: list[Effect] = []
        self._is_connected = False
        self._now_ns = 0
        self._view_due_ns = 0

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """What operators ask on Earth's broker."""
        requests = topics.build(self.config.site, topics.SCHEDULER, "request", "+")
        return (requests, topics.stop_all(self.config.site))

    # --- life ---------------------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now_ns: int) -> None:
        """Take back what came of the site, and the directives on their way."""
        for row in rows:
            try:
                self._restore(row)
            except JournalCorrupt as exc:
                fields: dict[str, object] = {"row": str(exc)}
                self._effects.append(Note(level=Level.ERROR, event="row.left_out", fields=fields))
        self._view_due_ns = now_ns
        self.tick(now_ns)

    def connected(self, now_ns: int) -> None:
        """Show the view again: the broker's memory may be lost."""
        self._is_connected = True
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
        if now_ns >= self._view_due_ns:
            self._view_due_ns = now_ns + self.config.view_period_ns
            self._sweep(now_ns)
            if self._is_connected:
                self._publish_view(now_ns)

    def wakeup_ns(self) -> int | None:
        """Say when something is next due."""
        line = self.line
        due_ns = [self._view_due_ns, line.wakeup_ns()]
        free_ns = line.free_wakeup_ns()
        if free_ns is not None:
            if self._acks or self.desk.orders.is_ready(self._now_ns, line.overdue_before()):
                due_ns.append(free_ns)
            if self._ack_due_ns is not None:
                due_ns.append(max(free_ns, self._ack_due_ns))
            sent_ns = self.desk.orders.sent_first_ns()
            if sent_ns is not None and line.overdue_in_ns(sent_ns):
                due_ns.append(self._now_ns + line.overdue_in_ns(sent_ns))
        return min(due for due in due_ns if due is not None)

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be done."""
        effects, self._effects = self._effects, []
        return effects

    def _restore(self, row: Row) -> None:
        if row.table in (inbox.TABLE, inbox.PIECE_TABLE):
            self.inbox.restore(row)
        else:
            self.desk.restore(row)

    # --- from the site ------------------------------------------------------------------------

    def datagram(self, payload: bytes, now_ns: int) -> None:
        """Take a datagram off the link; what is not sound is counted and changes nothing."""
        try:
            datagram = self._terminal.open(payload, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, "link")
            return
        self.inbox.era = datagram.header.era
        durable, said = self._take_parts(datagram, now_ns)
        # What goes to disk stands together, and before anything that is said of it.
        self._effects += durable + self.inbox.take_effects() + self.desk.take_effects() + said
        self.tick(now_ns)

    def _take_parts(self, datagram: Datagram, now_ns: int) -> tuple[list[Effect], list[Effect]]:
        """Give what goes to disk, and what is said after it."""
        durable: list[Effect] = []
        said: list[Effect] = []
        for part in datagram.parts:
            match part:
                case Item():
                    self._take_item(part, now_ns, durable, said)
                case DirectiveAck(ok=True):
                    self.desk.orders.acknowledge(part.id)
                case DirectiveAck():
                    text = f"refused by the gateway: {part.reason}"
                    refused = Answered(directive=part.id, ok=False, text=text, rows=b"[]")
                    said += self.desk.answered(refused, now_ns)
                case _:
                    self._refuse("unexpected", "link")
        return durable, said

    def _take_item(
        self, item: Item, now_ns: int, durable: list[Effect], said: list[Effect]
    ) -> None:
        if self._ack_due_ns is None:
            self._ack_due_ns = now_ns + self.config.ack_delay_ns
        record_class = item.record_class
        try:
            whole = self.inbox.take(item)
            if whole is None:
                return
            payload = decode_payload(whole)
            if isinstance(payload, Answered):
                self.inbox.count(record_class, dropped=False, records=1)
                said += self.desk.answered(payload, now_ns)
                return
            self.inbox.count(record_class, dropped=payload.dropped, records=payload.count)
            durable.append(_archived(payload, record_class, now_ns))
            said.append(self._mirrored(payload, record_class, now_ns))
            # The only record that the station itself acts on; the scheduler sends it as an event.
            if record_class is RecordClass.EVENT and not payload.dropped:
                record = decode_record(payload.record)
                if isinstance(record, ApprovalWanted):
                    self.desk.want(record, payload, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, "item")

    def _mirrored(self, shipment: Shipment, record_class: RecordClass, now_ns: int) -> Publish:
        """Show a record on Earth's broker as the scheduler showed it at the site."""
        upload = Upload(
            record_class=record_class,
            boot=shipment.boot,
            first_seq=shipment.first_seq,
            seq=shipment.seq,
            floor_seq=shipment.first_seq,
            count=shipment.count,
            dropped=shipment.dropped,
            record=shipment.record,
        )
        topic = topics.build(self.config.site, shipment.node, "up", record_class.value)
        return Publish(topic, self._scribe.frame(upload, now_ns))

    # --- from operators -----------------------------------------------------------------------

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take what an operator asks; what is not sound is counted and changes nothing."""
        parsed = topics.parse(topic)
        if parsed is None or parsed.site != self.config.site:
            self._refuse("topic", topic[:80])
            return
        try:
            received = decode(payload, self._keyring)
            # A stop goes to everyone and names no client: the answer goes to who signed it.
            client = ClientId(parsed.detail or received.header.node)
            said = self.desk.ask(client, received, now_ns)
            self._effects += self.desk.take_effects() + said
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, f"{parsed.node}/{parsed.channel}")
        self.tick(now_ns)

    # --- toward the site ----------------------------------------------------------------------

    def _pump(self, now_ns: int) -> None:
        """Send what the line takes now."""
        line = self.line
        line.update(now_ns)
        for _ in range(AT_ONCE_MAX):
            if not line.can_send(now_ns):
                break
            is_beat_due = line.is_beat_due(now_ns)
            if is_beat_due or (self._ack_due_ns is not None and self._ack_due_ns <= now_ns):
                self._acks, self._ack_due_ns = self.inbox.acks(), None
            parts = self._parts(now_ns)
            if not parts and not is_beat_due:
                break
            self._effects.append(self._terminal.send(tuple(parts), self.inbox.era, now_ns))

    def _parts(self, now_ns: int) -> list[Part]:
        parts: list[Part] = []
        budget_bytes = self._terminal.room_bytes
        line, orders = self.line, self.desk.orders
        if line.is_open:
            parts += orders.take(budget_bytes, now_ns, line.link_ns, line.overdue_before())
            budget_bytes -= sum(part_bytes(part) for part in parts)
        while self._acks and part_bytes(self._acks[0]) <= budget_bytes:
            budget_bytes -= part_bytes(self._acks[0])
            parts.append(self._acks.pop(0))
        return parts

    def _sweep(self, now_ns: int) -> None:
        said = self.desk.sweep(now_ns)
        self._effects += self.desk.take_effects() + said

    # --- screens ------------------------------------------------------------------------------

    def _publish_view(self, now_ns: int) -> None:
        row = earth_row(self.line, self.inbox, now_ns)
        row["directives_waiting"] = self.desk.orders.waiting
        row["approvals_wanted"] = {task: wish.title for task, wish in self.desk.wanted.items()}
        row["refused"] = dict(self.refusals.by_reason)
        view = View(name="earth", site_ns=now_ns, rows=msgspec.json.encode([row]))
        topic = topics.view(self.config.site, "earth")
        self._effects.append(Publish(topic, self._scribe.frame(view, now_ns), retain=True))

    def _refuse(self, reason: str, source: str) -> None:
        self._effects += self.refusals.count(reason, source)


def _archived(shipment: Shipment, record_class: RecordClass, now_ns: int) -> Archive:
    return Archive(
        node=shipment.node,
        boot=shipment.boot,
        record_class=record_class,
        first_seq=shipment.first_seq,
        seq=shipment.seq,
        count=shipment.count,
        dropped=shipment.dropped,
        received_ns=now_ns,
        record=shipment.record,
    )
