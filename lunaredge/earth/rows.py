"""Rows for screens: the link as the gateway sees it, and as Earth does.

A time that is not known is None, never a zero that looks like an answer.
"""

from lunaredge.earth.inbox import Inbox
from lunaredge.earth.line import Line
from lunaredge.earth.outbox import Outbox
from lunaredge.units import s_from_ns
from lunaredge.wire.messages import Autonomy


def line_row(line: Line, now_ns: int) -> dict[str, object]:
    """Give what one end knows of the line."""
    contact, following = line.contact, line.contacts.next_after(now_ns)
    change_ns = contact.end_ns if contact else following.start_ns if following else None
    return {
        "state": line.state.value,
        "link": contact.link if contact else None,
        "countdown_s": _since_s(now_ns, change_ns),
        "next_link": following.link if following else None,
        "next_start_ns": following.start_ns if following else None,
        "light_time_s": contact.light_time_s if contact else None,
        "rate_bps": line.rate_bps,
        "heard_age_s": _since_s(line.heard_ns, now_ns),
        "outages": line.outages,
    }


def link_row(line: Line, outbox: Outbox, now_ns: int) -> dict[str, object]:
    """Give the link's row at the site."""
    row = line_row(line, now_ns)
    streams = {kind.value: stream for kind, stream in outbox.streams.items()}
    tallies = {name: stream.tally for name, stream in streams.items()}
    drained_ns = [tally.drained_ns for tally in tallies.values()]
    row["autonomy"] = (Autonomy.A0 if line.is_open else Autonomy.A1).value
    row["backlog_items"] = outbox.items
    row["backlog_bytes"] = outbox.size_bytes
    row["backlog"] = {
        name: {"items": stream.items, "bytes": stream.size_bytes}
        for name, stream in streams.items()
    }
    row["backlog_peak"] = {"items": outbox.total.peak_items, "bytes": outbox.total.peak_bytes}
    row["backlog_peak_by_class"] = {
        name: {"items": tally.peak_items, "bytes": tally.peak_bytes}
        for name, tally in tallies.items()
    }
    row["drained_ns"] = max(drained_ns) if all(drained_ns) else None
    row["drained_ns_by_class"] = {name: t.drained_ns or None for name, t in tallies.items()}
    row["delivered"] = {name: tally.delivered for name, tally in tallies.items()}
    row["dropped"] = {name: tally.dropped_records for name, tally in tallies.items()}
    return row


def earth_row(line: Line, inbox: Inbox, now_ns: int) -> dict[str, object]:
    """Give the link's row on Earth."""
    row = line_row(line, now_ns)
    totals = {kind.value: progress for kind, progress in inbox.totals().items()}
    row["delivered"] = {name: progress.delivered for name, progress in totals.items()}
    row["dropped"] = {name: progress.dropped_records for name, progress in totals.items()}
    row["missing"] = {name: progress.missing for name, progress in totals.items()}
    row["duplicates"] = {name: progress.duplicates for name, progress in totals.items()}
    return row


def _since_s(from_ns: int | None, to_ns: int | None) -> float | None:
    if from_ns is None or to_ns is None:
        return None
    return round(s_from_ns(to_ns - from_ns), 1)
