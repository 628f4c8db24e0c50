"""Which alarms a list shows, and what it says of the others.

Owns no fact: what an alarm is at is the scheduler's word.
"""

from collections.abc import Sequence

from lunaredge.cli.table import Row

# Short of ISA-18.2's words, for eighty columns.
_SHORT = {"unacknowledged": "unacked", "acknowledged": "acked"}
# People have nothing to do about these now.
HIDDEN = ("shelved", "normal")


def listed(rows: Sequence[Row], *, is_all: bool) -> list[Row]:
    """Give the alarms that are listed: all, or those that people have to do something about."""
    return [row for row in rows if is_all or row.get("state") not in HIDDEN]


def shelved_count(rows: Sequence[Row]) -> int:
    """Give how many alarms people have put aside."""
    return sum(row.get("state") == "shelved" for row in rows)


def shortened(row: Row) -> Row:
    """Give an alarm as a narrow list has it; of a shelved one, who put it aside and why."""
    state = row.get("state")
    shown = dict(row)
    if isinstance(state, str):
        shown["state"] = _SHORT.get(state, state)
    if state == "shelved":
        shown["text"] = f"{row.get('text')} (by {row.get('shelved_by')}: {row.get('shelved_why')})"
    elif state == "acknowledged":
        shown["text"] = f"{row.get('text')} (known to {row.get('acknowledged_by')})"
    return shown


def shelf_line(rows: Sequence[Row], *, is_all: bool) -> str:
    """Say how many alarms are shelved; empty where none is."""
    count = shelved_count(rows)
    if not count:
        return ""
    return f"{count} shelved" + ("" if is_all else "; `lunaredge alarms --all` lists them")
