"""Earth's queue of directives: kept until the site has each on disk, then until it is answered.

Stops go first, then the oldest. A directive goes out again when its acknowledgement is overdue on
the link clock, and never after its expiry. Each keeps its answer until then, so that a repeated
request gets its first result. Signs and verifies nothing.
"""

import msgspec

from lunaredge.errors import JournalCorrupt
from lunaredge.ids import ClientId
from lunaredge.node import Effect, Erase, Persist, Row
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import Answered, Directive, part_bytes

TABLE = "directive"

# A person sends some dozens a day; approvals of a whole work order come on top.
ORDERS_MAX = 1024

# Room set aside for stops: a full queue refuses everything else first.
STOPS_EXTRA = 64

# The site answers when its scheduler does, and the answer may wait for two gaps of a fortnight.
ANSWER_WAIT_NS = 30 * 86_400 * NS_PER_S


class Order(msgspec.Struct, kw_only=True, array_like=True):
    """A directive and what became of it, as it lies in the store."""

    number: int
    directive: Directive
    client: ClientId
    """Who asked; Earth itself for an automatic approval."""
    request: str
    """The id that the client gave it."""
    is_stop: bool
    is_taken: bool = False
    """The site has it on disk."""
    answer: Answered | None = None


class Orders:
    """Directives on their way, and those that were lately answered."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._sent_ns: dict[str, int] = {}
        """Link time of the last sending, for those that are not taken."""
        self._number = 0
        self._effects: list[Effect] = []

    @property
    def waiting(self) -> int:
        """Directives that the site has not taken yet."""
        return len(self._untaken())

    def restore(self, row: Row) -> None:
        """Take a row back.

        Raises:
            JournalCorrupt: the row can't be read; nothing has changed.
        """
        try:
            order = msgspec.msgpack.decode(row.value, type=Order)
        except (msgspec.DecodeError, ValueError) as exc:
            raise JournalCorrupt(f"{row.table} {row.scope}: {exc}") from exc
        self._orders[order.directive.id] = order
        self._number = max(self._number, order.number)

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be stored."""
        effects, self._effects = self._effects, []
        return effects

    def get(self, directive_id: str) -> Order | None:
        """Give the order of that id, or None."""
        return self._orders.get(directive_id)

    def add(self, directive: Directive, client: ClientId, request: str, *, is_stop: bool) -> bool:
        """Take a directive; False when there are too many."""
        assert directive.id not in self._orders, directive.id
        if len(self._orders) >= ORDERS_MAX + (STOPS_EXTRA if is_stop else 0):
            return False
        self._number += 1
        order = Order(
            number=self._number,
            directive=directive,
            client=client,
            request=request,
            is_stop=is_stop,
        )
        self._orders[directive.id] = order
        self._store(order)
        return True

    def take(
        self, budget_bytes: int, now_ns: int, link_ns: int, overdue_before_ns: int
    ) -> list[Directive]:
        """Give directives to send now, as many as fit; none that has expired."""
        taken: list[Directive] = []
        for order in self._due(overdue_before_ns, now_ns):
            size_bytes = part_bytes(order.directive)
            if size_bytes > budget_bytes:
                break
            budget_bytes -= size_bytes
            self._sent_ns[order.directive.id] = link_ns
            taken.append(order.directive)
        return taken

    def is_ready(self, now_ns: int, overdue_before_ns: int) -> bool:
        """Tell whether there is something to send now."""
        return bool(self._due(overdue_before_ns, now_ns))

    def sent_first_ns(self) -> int | None:
        """Give the link time when the oldest unacknowledged one was sent; None when none is."""
        return min(self._sent_ns.values(), default=None)

    def acknowledge(self, directive_id: str) -> None:
        """Learn that the site has it on disk."""
        order = self._orders.get(directive_id)
        if order is not None and not order.is_taken:
            order.is_taken = True
            self._sent_ns.pop(directive_id, None)
            self._store(order)

    def answer(self, answered: Answered) -> Order | None:
        """Learn what came of one; give its order, None when that was known before."""
        order = self._orders.get(answered.directive)
        if order is None or order.answer is not None:
            return None
        order.is_taken, order.answer = True, answered
        self._sent_ns.pop(answered.directive, None)
        self._store(order)
        return order

    def sweep(self, now_ns: int) -> list[Order]:
        """Forget what is over; give those that expired before the site had them."""
        expired: list[Order] = []
        for order in list(self._orders.values()):
            end_ns = order.directive.expires_ns
            if order.is_taken and order.answer is None:
                end_ns += ANSWER_WAIT_NS
            if now_ns < end_ns:
                continue
            if not order.is_taken:
                expired.append(order)
            del self._orders[order.directive.id]
            self._sent_ns.pop(order.directive.id, None)
            self._effects.append(Erase(TABLE, _scope(order), 0))
        return expired

    def _untaken(self) -> list[Order]:
        untaken = (order for order in self._orders.values() if not order.is_taken)
        return sorted(untaken, key=lambda order: (not order.is_stop, order.number))

    def _due(self, overdue_before_ns: int, now_ns: int) -> list[Order]:
        due: list[Order] = []
        for order in self._untaken():
            sent_ns = self._sent_ns.get(order.directive.id)
            is_due = sent_ns is None or sent_ns <= overdue_before_ns
            if is_due and now_ns < order.directive.expires_ns:
                due.append(order)
        return due

    def _store(self, order: Order) -> None:
        self._effects.append(Persist(TABLE, _scope(order), 0, msgspec.msgpack.encode(order)))


def _scope(order: Order) -> str:
    return f"{order.number:019d}"
