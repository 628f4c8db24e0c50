"""The site's ledger of directives: each taken once, handed to the scheduler until it answers.

An entry stays until its expiry and a grace, so that a repeated directive is known; after that it
would be refused as expired. Signs and verifies nothing: what comes here has been checked.
"""

import msgspec

from lunaredge.errors import JournalCorrupt
from lunaredge.node import Effect, Erase, Persist, Row
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import Directive

TABLE = "taken"

# As many as Earth keeps on its side, with the same room set aside for stops.
ENTRIES_MAX = 1024
STOPS_EXTRA = 64

# What the scheduler took in its last second it answers within this.
GRACE_NS = 60 * NS_PER_S


class Entry(msgspec.Struct, kw_only=True, array_like=True):
    """A directive that the site has taken, as it lies in the store."""

    number: int
    directive: Directive
    request: str
    """The id that the scheduler answers to."""
    is_stop: bool
    is_answered: bool = False


class Ledger:
    """Directives in hand."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._said_ns: dict[str, int] = {}
        """Site time when each was last handed on."""
        self._number = 0
        self._effects: list[Effect] = []

    def __contains__(self, directive_id: str) -> bool:
        return directive_id in self._entries

    def restore(self, row: Row) -> None:
        """Take a row back.

        Raises:
            JournalCorrupt: the row can't be read; nothing has changed.
        """
        try:
            entry = msgspec.msgpack.decode(row.value, type=Entry)
        except (msgspec.DecodeError, ValueError) as exc:
            raise JournalCorrupt(f"{row.table} {row.scope}: {exc}") from exc
        self._entries[entry.directive.id] = entry
        self._number = max(self._number, entry.number)

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be stored."""
        effects, self._effects = self._effects, []
        return effects

    def add(self, directive: Directive, request: str, *, is_stop: bool) -> bool:
        """Take a directive; False when there are too many."""
        assert directive.id not in self._entries, directive.id
        if len(self._entries) >= ENTRIES_MAX + (STOPS_EXTRA if is_stop else 0):
            return False
        self._number += 1
        # Nobody answers a stop: each node latches it and says so in its heartbeats.
        entry = Entry(
            number=self._number,
            directive=directive,
            request=request,
            is_stop=is_stop,
            is_answered=is_stop,
        )
        self._entries[directive.id] = entry
        self._store(entry)
        return True

    def due(self, now_ns: int, resend_ns: int) -> list[Entry]:
        """Give what is to be handed on now, and remember that it was."""
        alive = [e for e in self._entries.values() if now_ns < e.directive.expires_ns]
        due = [entry for entry in alive if self._due_ns(entry, resend_ns) <= now_ns]
        for entry in due:
            self._said_ns[entry.directive.id] = now_ns
        return due

    def say_again(self) -> None:
        """Count nothing as handed on: the broker's memory was lost."""
        self._said_ns.clear()

    def answer(self, request: str) -> Entry | None:
        """Learn that the scheduler answered; give the entry, None when that was known before."""
        for entry in self._entries.values():
            if entry.request == request and not entry.is_answered:
                entry.is_answered = True
                self._store(entry)
                return entry
        return None

    def sweep(self, now_ns: int) -> list[Entry]:
        """Forget what is over; give those that nobody answered."""
        over = [e for e in self._entries.values() if e.directive.expires_ns + GRACE_NS <= now_ns]
        for entry in over:
            del self._entries[entry.directive.id]
            self._said_ns.pop(entry.directive.id, None)
            self._effects.append(Erase(TABLE, _scope(entry), 0))
        return [entry for entry in over if not entry.is_answered]

    def wakeup_ns(self, now_ns: int, resend_ns: int) -> int | None:
        """Say when something is next to be handed on; what is over waits for the next sweep.

        That may be now, where nobody was there to hand it to; but never once it has expired.
        """
        due_ns = [
            said_again_ns
            for entry in self._entries.values()
            if (said_again_ns := self._due_ns(entry, resend_ns)) < entry.directive.expires_ns
            and now_ns < entry.directive.expires_ns
        ]
        return min(due_ns, default=None)

    def _due_ns(self, entry: Entry, resend_ns: int) -> int:
        """Give when an entry is to be handed on; its expiry when it never is again."""
        directive = entry.directive
        if entry.is_answered and not entry.is_stop:
            return directive.expires_ns
        said_ns = self._said_ns.get(directive.id)
        return directive.not_before_ns if said_ns is None else said_ns + resend_ns

    def _store(self, entry: Entry) -> None:
        self._effects.append(Persist(TABLE, _scope(entry), 0, msgspec.msgpack.encode(entry)))


def _scope(entry: Entry) -> str:
    return f"{entry.number:019d}"
