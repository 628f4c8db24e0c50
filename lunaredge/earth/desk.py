"""The station's desk: what Earth wants of the site, and who asked for it.

Turns operators' requests and approvals into directives signed by Earth, and the site's answers
back into answers to those who asked. Sends nothing itself.
"""

import enum

import msgspec

from lunaredge.earth import uplink
from lunaredge.earth.uplink import Order, Orders
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import ClientId, SiteId, TaskId, is_name
from lunaredge.node import Effect, Erase, Level, Note, Persist, Publish, Row
from lunaredge.scribe import Scribe
from lunaredge.wire import topics
from lunaredge.wire.codec import Received
from lunaredge.wire.link import (
    DIRECTIVE_FRAME_BYTES_MAX,
    DIRECTIVE_ID_LENGTH_MAX,
    PARTS_BYTES_MAX,
    Answered,
    Directive,
    Shipment,
    part_bytes,
)
from lunaredge.wire.messages import Answer, Approve, Explain, Request, Stop
from lunaredge.wire.records import ApprovalWanted
from lunaredge.wire.seal import Role

WANTED_TABLE = "wanted"

# Tasks that wait for a person's word; more than that no person reads.
WANTED_MAX = 256

# Earth's own name among the clients; no operator may use it.
_EARTH_CLIENT = ClientId(topics.EARTH)


class ApprovalPolicy(enum.Enum):
    """Who answers when a task needs Earth's word."""

    AUTO = "auto"
    """The station, yes to each; at once, or after the time that people take."""
    MANUAL = "manual"
    """An operator on Earth."""


class DeskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the desk works, fixed for its life."""

    site: SiteId
    approve: ApprovalPolicy
    approve_delay_ns: int
    """From hearing of a wish to the automatic yes; an operator may speak before it."""
    approval_lifetime_ns: int


class Wish(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A task that waits for a word, as it lies in the store."""

    title: str
    request: str
    """The id of the automatic answer: the numbers of the record that asked."""
    heard_ns: int


class Desk:
    """Directives on their way, and tasks that wait for a word."""

    def __init__(self, config: DeskConfig, scribe: Scribe) -> None:
        self.config = config
        self.orders = Orders()
        self.wanted: dict[TaskId, Wish] = {}
        """Tasks that wait for a word, in the order in which they came."""
        self._scribe = scribe
        self._effects: list[Effect] = []

    def restore(self, row: Row) -> None:
        """Take a row back.

        Raises:
            JournalCorrupt: the row can't be read; nothing has changed.
        """
        if row.table == uplink.TABLE:
            self.orders.restore(row)
        elif row.table == WANTED_TABLE:
            try:
                wish = msgspec.msgpack.decode(row.value, type=Wish)
            except (msgspec.DecodeError, ValueError) as exc:
                raise JournalCorrupt(f"{row.table} {row.scope}: {exc}") from exc
            self.wanted[TaskId(row.scope)] = wish

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be stored."""
        effects, self._effects = self._effects, []
        return effects + self.orders.take_effects()

    def ask(self, client: ClientId, received: Received, now_ns: int) -> list[Effect]:
        """Take an operator's request; give what is to be said at once.

        Raises:
            RemoteProtocolError: reason ``unexpected``, ``not_authentic`` or ``expired``.
        """
        body, header = received.body, received.header
        if not isinstance(body, Request) or not is_name(client):
            raise RemoteProtocolError("unexpected", type(body).__name__)
        reads_only = isinstance(body, Explain)
        may_ask = received.role in (Role.OPERATOR, Role.EARTH) or reads_only
        if client == _EARTH_CLIENT or not may_ask:
            raise RemoteProtocolError("not_authentic", header.node)
        if header.expiry_ns <= now_ns:
            raise RemoteProtocolError("expired", header.node)
        request = body.stop if isinstance(body, Stop) else body.request
        known = self.orders.get(f"{client}.{request}")
        if known is not None:
            return self._answer(known, now_ns) if known.answer is not None else []
        expires_ns = header.expiry_ns
        if isinstance(body, Approve):
            # Its task stands on nobody's list any more: lost, it would wait for ever. As with an
            # automatic one, late does no harm.
            expires_ns = max(expires_ns, now_ns + self.config.approval_lifetime_ns)
        problem = self._order(client, request, body, now_ns, expires_ns)
        if problem:
            refused = Answer(request=request, ok=False, text=problem)
            return [self._said(client, refused, now_ns)]
        fields: dict[str, object] = {"client": client, "request": request}
        fields["kind"] = type(body).__name__
        return [Note(level=Level.INFO, event="directive.ordered", fields=fields)]

    def want(self, wanted: ApprovalWanted, shipment: Shipment, now_ns: int) -> None:
        """Learn that a task waits for Earth's word; say yes at once if that is the policy."""
        # The record's own numbers: one answer for each time the site asks, whatever is repeated.
        request = f"{shipment.boot}-{shipment.seq}"
        if self.orders.get(f"{_EARTH_CLIENT}.{request}") is not None:
            return
        # Of more wishes than a list holds, none is forgotten: the policy is yes to each.
        is_full = wanted.task not in self.wanted and len(self.wanted) >= WANTED_MAX
        is_auto = self.config.approve is ApprovalPolicy.AUTO
        if is_auto and (is_full or self.config.approve_delay_ns == 0):
            self._approve(wanted.task, request, now_ns)
        elif not is_full and wanted.task not in self.wanted:
            wish = Wish(title=wanted.title, request=request, heard_ns=now_ns)
            self.wanted[wanted.task] = wish
            value = msgspec.msgpack.encode(wish)
            self._effects.append(Persist(WANTED_TABLE, wanted.task, 0, value))

    def answered(self, answered: Answered, now_ns: int) -> list[Effect]:
        """Learn what came of a directive; give what is to be said."""
        order = self.orders.answer(answered)
        if order is None:
            return []
        return self._answer(order, now_ns)

    def sweep(self, now_ns: int) -> list[Effect]:
        """Say the automatic yes that is due, forget what is over; give what is to be said of it."""
        if self.config.approve is ApprovalPolicy.AUTO:
            self._approve_due(now_ns)
        said: list[Effect] = []
        for order in self.orders.sweep(now_ns):
            text = "expired before the site confirmed that it had it"
            said.append(
                self._said(order.client, Answer(request=order.request, ok=False, text=text), now_ns)
            )
        return said

    def _approve_due(self, now_ns: int) -> None:
        heard_before_ns = now_ns - self.config.approve_delay_ns
        due = [(t, wish) for t, wish in self.wanted.items() if wish.heard_ns <= heard_before_ns]
        for task, wish in due:
            self._approve(task, wish.request, now_ns)

    def _approve(self, task: TaskId, request: str, now_ns: int) -> None:
        """Say yes in Earth's own name; a wish that finds no room stays, and is due again."""
        body = Approve(request=request, task=task, approved=True)
        expires_ns = now_ns + self.config.approval_lifetime_ns
        self._order(_EARTH_CLIENT, request, body, now_ns, expires_ns)

    def _order(
        self, client: ClientId, request: str, body: Request, now_ns: int, expires_ns: int
    ) -> str:
        """Make a directive; give why not, or nothing."""
        directive_id = f"{client}.{request}"
        is_stop = isinstance(body, Stop)
        if not isinstance(body, Stop):
            # Clients of Earth share one name at the site: the request's id there is the whole one.
            body = msgspec.structs.replace(body, request=directive_id)
        frame = self._scribe.frame(body, now_ns, expiry_ns=expires_ns)
        if len(frame) > DIRECTIVE_FRAME_BYTES_MAX:
            return f"{len(frame)} bytes, the link takes {DIRECTIVE_FRAME_BYTES_MAX} at most"
        directive = Directive(
            id=directive_id, not_before_ns=now_ns, expires_ns=expires_ns, frame=frame
        )
        too_long = len(directive_id) > DIRECTIVE_ID_LENGTH_MAX
        if too_long or part_bytes(directive) > PARTS_BYTES_MAX:
            return f"the request's id has {len(request)} characters; use a shorter one"
        if not self.orders.add(directive, client, request, is_stop=is_stop):
            return "too many directives wait for the link; wait for some of them"
        if isinstance(body, Approve) and self.wanted.pop(body.task, None) is not None:
            self._effects.append(Erase(WANTED_TABLE, body.task, 0))
        return ""

    def _answer(self, order: Order, now_ns: int) -> list[Effect]:
        assert order.answer is not None
        if order.client == _EARTH_CLIENT:
            fields: dict[str, object] = {"directive": order.directive.id, "ok": order.answer.ok}
            fields["text"] = order.answer.text
            return [Note(level=Level.INFO, event="directive.answered", fields=fields)]
        answer = Answer(
            request=order.request,
            ok=order.answer.ok,
            text=order.answer.text,
            rows=order.answer.rows,
            code=order.answer.code,
        )
        return [self._said(order.client, answer, now_ns)]

    def _said(self, client: ClientId, answer: Answer, now_ns: int) -> Publish:
        topic = topics.answer(self.config.site, client)
        return Publish(topic, self._scribe.frame(answer, now_ns))
