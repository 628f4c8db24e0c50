"""One end's view of the line: is it open, when is the transmitter free, does this still land.

The plan says when the line should be open; silence from the far end says that it is not. The link
clock stands still while the line is closed: timers of what is in flight run on it, so that an
outage of two weeks makes nothing overdue. Knows nothing of what is sent.
"""

import enum

import msgspec

from lunaredge.earth.contacts import Contacts, light_time_ns, room_bytes, sending_ns
from lunaredge.model.contact import Contact
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import DATAGRAM_BYTES_MAX


class LineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a line, fixed for its life; the same at both ends."""

    guard_ns: int = 1 * NS_PER_S
    """Kept free at both edges of a contact: clock error of both ends, and a shell's delay."""
    burst_ns: int = 1 * NS_PER_S
    """How far ahead the modem's buffer is filled: below it the line idles between two ticks of a
    compressed demo; an alarm waits at most this long behind what is already in the buffer."""
    margin_ns: int = 5 * NS_PER_S
    """Added to two light times before a thing is sent again: the far end's wait before it
    acknowledges (1 s), buffers at both ends (1 s each), a commit, and two slow directives."""
    beat_ns: int = 30 * NS_PER_S
    """In a contact, something is sent at least this often; 150 bytes are 0.5 % of 8 kbit/s."""
    silence_ns: int = 100 * NS_PER_S
    """Three beats and a round trip unheard: the line is out, whatever the plan says."""


class LineState(enum.Enum):
    """What can be said of the line."""

    OPEN = "open"
    OUTAGE = "outage"
    """The plan has a contact, but the far end is not heard."""
    PLANNED = "planned"
    """The plan has no contact."""


class Line:
    """Paces one end's datagrams by the contact plan."""

    def __init__(self, contacts: Contacts, rate_bps: float, config: LineConfig) -> None:
        assert rate_bps > 0, rate_bps
        self.contacts = contacts
        self.rate_bps = rate_bps
        self.config = config
        self.state = LineState.PLANNED
        self.outages = 0
        """Times the line closed after it had been open."""
        self.link_ns = 0
        """The link clock: how long the line has been open, in all."""
        self.heard_ns: int | None = None
        """Site time when the far end was last heard."""
        self._contact: Contact | None = None
        self._now_ns = 0
        self._since_ns = 0
        self._sent_ns: int | None = None
        self._free_ns = 0
        self._opened_link_ns = 0

    @property
    def contact(self) -> Contact | None:
        """The contact in use."""
        return self._contact

    @property
    def is_open(self) -> bool:
        """Whether what leaves now can be expected to arrive."""
        return self.state is LineState.OPEN

    def update(self, now_ns: int) -> None:
        """Learn the time."""
        if self.is_open:
            # Not past the contact's end: a process that was stopped must not count an outage.
            assert self._contact is not None
            self.link_ns += max(0, min(now_ns, self._contact.end_ns) - self._now_ns)
        before = self._contact
        self._contact = self.contacts.at(now_ns)
        self._now_ns = now_ns
        if self._contact is not None and (before is None or before.end_ns < self._contact.start_ns):
            self._since_ns = now_ns
            self._sent_ns = None
        self._enter(self._state(now_ns))

    def hear(self, now_ns: int) -> None:
        """Learn that the far end was heard."""
        self.heard_ns = now_ns
        self.update(now_ns)

    def can_send(self, now_ns: int) -> bool:
        """Tell whether a whole datagram may leave now, and lands; in an outage, as a probe only."""
        contact = self._contact
        if contact is None or now_ns < self._since_ns + self.config.guard_ns:
            return False
        if self._free_ns - now_ns >= self.config.burst_ns:
            return False
        if not self.is_open and not self.is_beat_due(now_ns):
            return False
        return self._has_room(contact, now_ns)

    def charge(self, size_bytes: int, now_ns: int) -> None:
        """Count a datagram that leaves now."""
        assert self.can_send(now_ns), "a datagram that cannot land"
        self._free_ns = max(now_ns, self._free_ns) + sending_ns(size_bytes, self.rate_bps)
        self._sent_ns = now_ns

    def is_beat_due(self, now_ns: int) -> bool:
        """Tell whether something must be sent, if only to be heard."""
        return self._sent_ns is None or now_ns - self._sent_ns >= self.config.beat_ns

    def overdue_before(self) -> int:
        """Give the link time before which a thing must have been sent to be overdue now.

        In the first round trip of a contact nothing is: what arrived before the outage is about to
        be acknowledged.
        """
        round_trip_ns = self.config.margin_ns
        if self._contact is not None:
            round_trip_ns += 2 * light_time_ns(self._contact)
        if self.link_ns < self._opened_link_ns + round_trip_ns:
            return -1
        return self.link_ns - round_trip_ns

    def overdue_in_ns(self, sent_link_ns: int) -> int:
        """Give how long until a thing sent at that link time is overdue, if the line stays open."""
        light_ns = light_time_ns(self._contact) if self._contact is not None else 0
        sent_link_ns = max(sent_link_ns, self._opened_link_ns)
        return max(0, sent_link_ns + 2 * light_ns + self.config.margin_ns - self.link_ns)

    def wakeup_ns(self) -> int | None:
        """Say when the line's own state changes or a beat is due; None when it never does."""
        contact = self._contact
        edge_ns = self.contacts.edge_after(self._now_ns)
        if contact is None:
            return edge_ns
        assert edge_ns is not None, "an open contact has an end"
        due_ns = [edge_ns]
        if self.is_open:
            due_ns.append(self._silent_ns())
        if self._has_room(contact, self._now_ns):
            due_ns.append(self._beat_ns())
        return max(self._now_ns, min(due_ns))

    def free_wakeup_ns(self) -> int | None:
        """Say when more may be sent; None when nothing more lands in this contact."""
        contact = self._contact
        if contact is None or not self.is_open or not self._has_room(contact, self._now_ns):
            return None
        # Half empty: a few datagrams at a time, and the line is never idle.
        refill_ns = self._free_ns - self.config.burst_ns // 2
        return max(self._now_ns, self._since_ns + self.config.guard_ns, refill_ns)

    def _has_room(self, contact: Contact, now_ns: int) -> bool:
        free_ns = max(now_ns, self._free_ns) + self.config.guard_ns
        return room_bytes(contact, free_ns, self.rate_bps) >= DATAGRAM_BYTES_MAX

    def _beat_ns(self) -> int:
        if self._sent_ns is None:
            return self._since_ns + self.config.guard_ns
        return max(self._sent_ns + self.config.beat_ns, self._free_ns - self.config.burst_ns + 1)

    def _silent_ns(self) -> int:
        return max(self._since_ns, self.heard_ns or 0) + self.config.silence_ns

    def _state(self, now_ns: int) -> LineState:
        if self._contact is None:
            return LineState.PLANNED
        return LineState.OPEN if now_ns < self._silent_ns() else LineState.OUTAGE

    def _enter(self, state: LineState) -> None:
        if state is LineState.OPEN and not self.is_open:
            self._opened_link_ns = self.link_ns
        if self.is_open and state is not LineState.OPEN:
            self.outages += 1
        self.state = state
