"""The Earth station: the link's other end, with a broker of its own.

Keeps what the site sends, once, and acknowledges only what it has on disk. Shows it on Earth's
broker under the site's own topics, and turns what operators ask there into directives. Advises:
nothing at the site waits for it but tasks that need Earth's word.
"""

import enum
from collections.abc import Iterable

import msgspec

from lunaredge.earth import inbox, uplink
from lunaredge.earth.contacts import Contacts
from lunaredge.earth.inbox import Inbox
from lunaredge.earth.line import Line, LineConfig
from lunaredge.earth.refusals import Refusals
from lunaredge.earth.rows import earth_row
from lunaredge.earth.scribe import Scribe
from lunaredge.earth.terminal import AT_ONCE_MAX, Terminal
from lunaredge.earth.uplink import Order, Orders
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId, ClientId, SiteId, TaskId
from lunaredge.model.contact import LINK_PRESETS, ContactPlan
from lunaredge.node import Archive, Effect, Erase, Level, Note, Persist, Publish, Row
from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.codec import Received, decode
from lunaredge.wire.link import (
    DIRECTIVE_FRAME_BYTES_MAX,
    DIRECTIVE_ID_LENGTH_MAX,
    PARTS_BYTES_MAX,
    Answered,
    Datagram,
    Directive,
    DirectiveAck,
    Item,
    ItemAck,
    Part,
    Shipment,
    decode_payload,
    part_bytes,
)
from lunaredge.wire.messages import (
    Answer,
    Approve,
    Explain,
    RecordClass,
    Request,
    Stop,
    Upload,
    View,
)
from lunaredge.wire.records import ApprovalWanted, decode_record
from lunaredge.wire.seal import Keyring, Role, Signer

WANTED_TABLE = "wanted"

# Tasks that wait for a person's word; more than that no person reads.
WANTED_MAX = 256

EARTH_CLIENT = ClientId(topics.EARTH)


class ApprovalPolicy(enum.Enum):
    """Who answers when a task needs Earth's word."""

    AUTO = "auto"
    """The station, yes to each."""
    MANUAL = "manual"
    """An operator on Earth."""


class EarthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the station is told once, for its life."""

    site: SiteId
    preset: str = "relay"
    """Rates of the link, by name; see `LINK_PRESETS`."""
    approve: ApprovalPolicy = ApprovalPolicy.MANUAL
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
        self.orders = Orders()
        self.line = Line(Contacts(plan), LINK_PRESETS[config.preset].to_moon_bps, config.line)
        self.wanted: dict[TaskId, str] = {}
        """Tasks that wait for an operator's word, with their titles."""
        self._terminal = Terminal(config.site, self.line, signer, keyring, Role.GATEWAY)
        self._scribe = Scribe(topics.EARTH, boot, signer)
        self._keyring = keyring
        self._to_acknowledge: list[RecordClass] = []
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
            if self._to_acknowledge or self.orders.is_ready(line.overdue_before()):
                due_ns.append(free_ns)
            if self._ack_due_ns is not None:
                due_ns.append(max(free_ns, self._ack_due_ns))
            sent_ns = self.orders.sent_first_ns()
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
        elif row.table == uplink.TABLE:
            self.orders.restore(row)
        elif row.table == WANTED_TABLE:
            self.wanted[TaskId(row.scope)] = row.value.decode()

    # --- from the site ------------------------------------------------------------------------

    def datagram(self, payload: bytes, now_ns: int) -> None:
        """Take a datagram off the link; what is not sound is counted and changes nothing."""
        try:
            datagram = self._terminal.open(payload, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, "link")
            return
        self.inbox.era = datagram.header.era
        # What goes to disk stands together, and before anything that is said of it.
        durable, said = self._take_parts(datagram, now_ns)
        self._effects += durable + self.inbox.take_effects() + self.orders.take_effects() + said
        self.tick(now_ns)

    def _take_parts(self, datagram: Datagram, now_ns: int) -> tuple[list[Effect], list[Effect]]:
        durable: list[Effect] = []
        said: list[Effect] = []
        for part in datagram.parts:
            match part:
                case Item():
                    self._take_item(part, now_ns, durable, said)
                case DirectiveAck(ok=True):
                    self.orders.acknowledge(part.id)
                case DirectiveAck():
                    text = f"refused by the gateway: {part.reason}"
                    refused = Answered(directive=part.id, ok=False, text=text, rows=b"[]")
                    said += self._take_answer(refused, now_ns)
                case _:
                    self._refuse("unexpected", "link")
        return durable, said

    def _take_item(
        self, item: Item, now_ns: int, durable: list[Effect], said: list[Effect]
    ) -> None:
        if self._ack_due_ns is None:
            self._ack_due_ns = now_ns + self.config.ack_delay_ns
        try:
            whole = self.inbox.take(self.inbox.era, item)
            if whole is None:
                return
            payload = decode_payload(whole)
            if isinstance(payload, Answered):
                self.inbox.count(item.record_class, dropped=False, records=1)
                said += self._take_answer(payload, now_ns)
            else:
                self.inbox.count(
                    item.record_class, dropped=payload.dropped, records=payload.count
                )
                durable.append(_archived(payload, item.record_class, now_ns))
                said.append(self._mirrored(payload, item.record_class, now_ns))
                durable += self._approvals(payload, item.record_class, now_ns)
        except RemoteProtocolError as exc:
            self._refuse(exc.reason, "item")
