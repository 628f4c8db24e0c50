"""What the contact plan says at a given time, and what still lands before a contact ends.

Answers questions about a plan; keeps no state and decides nothing.
"""

from bisect import bisect_right

from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.units import NS_PER_S, ns_from_s


class Contacts:
    """A contact plan, cut at its edges once, so that each question costs one bisection."""

    def __init__(self, plan: ContactPlan) -> None:
        starts = [contact.start_ns for contact in plan.contacts]
        ends = [contact.end_ns for contact in plan.contacts]
        self._plan = plan
        self._edges_ns = sorted(set(starts + ends))
        self._open = [plan.at(edge_ns) for edge_ns in self._edges_ns]

    def at(self, now_ns: int) -> Contact | None:
        """Give the contact open now, or None in an outage."""
        index = bisect_right(self._edges_ns, now_ns)
        return self._open[index - 1] if index else None

    def next_after(self, now_ns: int) -> Contact | None:
        """Give the first contact that starts later than now, or None."""
        return self._plan.next_after(now_ns)

    def edge_after(self, now_ns: int) -> int | None:
        """Give the next time at which a contact starts or ends, or None."""
        index = bisect_right(self._edges_ns, now_ns)
        return self._edges_ns[index] if index < len(self._edges_ns) else None


def light_time_ns(contact: Contact) -> int:
    """Give how long a bit is under way in that contact."""
    return ns_from_s(contact.light_time_s)


def sending_ns(size_bytes: int, rate_bps: float) -> int:
    """Give how long a transmitter takes for that many bytes, rounded up."""
    return int(size_bytes * 8 * NS_PER_S / rate_bps) + 1


def room_bytes(contact: Contact, free_ns: int, rate_bps: float) -> int:
    """Give how many bytes still land before the contact ends.

    Args:
        contact: The contact in use.
        free_ns: When the transmitter can begin with them.
        rate_bps: The transmitter's rate.

    The last bit has to arrive: light time counts too.
    """
    left_ns = contact.end_ns - light_time_ns(contact) - free_ns
    return max(0, int(left_ns * rate_bps / (8 * NS_PER_S)))
