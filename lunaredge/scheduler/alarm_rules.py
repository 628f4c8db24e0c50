"""What each alarm is worth, as data: its level, and whether a person may put it aside.

The scheduler's own alarms have their level here; those that nodes and the archive tell bring
their own. A code that is not in the table is a warning that may be shelved.
"""

from typing import NamedTuple

from lunaredge.wire.messages import STOP_ALARM
from lunaredge.wire.records import AlarmLevel

_CRITICAL = AlarmLevel.CRITICAL
_WARNING = AlarmLevel.WARNING


class Rule(NamedTuple):
    """What holds for a code."""

    level: AlarmLevel = _WARNING
    off_shelf: str = ""
    """Why nobody may shelve it; empty where one may."""
    is_report: bool = False
    """Nothing but a person's word ends it."""


_STOP = "machines are held until somebody releases the stop"
_PEOPLE = "people may rely on it with their lives"
_STRAY = "a machine may be where nobody has let it"
_BOOKS = "what these books say may not hold"

RULES: dict[str, Rule] = {
    "conflict": Rule(_CRITICAL, _STRAY),
    "authority.unknown": Rule(_CRITICAL, _STRAY),
    "epoch.behind": Rule(_CRITICAL, _BOOKS),
    "journal.differed": Rule(_CRITICAL, _BOOKS),
    "lockout": Rule(_WARNING, _PEOPLE),
    "lockout.astray": Rule(_CRITICAL, _PEOPLE),
    "lockout.not_safe": Rule(_CRITICAL, _PEOPLE),
    "node.lost": Rule(),
    "archive.silent": Rule(),
    "standoff": Rule(),
    "lane.closed": Rule(),
    "placement.failed": Rule(),
    "terrain.changed": Rule(),
    "epoch.absurd": Rule(),
    "revision.absurd": Rule(),
    "channels.refused": Rule(is_report=True),
    "task.failed": Rule(is_report=True),
    "input.quarantined": Rule(is_report=True),
    "record.unreadable": Rule(is_report=True),
    "survey.too_large": Rule(is_report=True),
    "fusion.too_large": Rule(is_report=True),
    "fusion.unreadable": Rule(is_report=True),
    # Told by agents, with their own level.
    "off_corridor": Rule(off_shelf=_STRAY),
    "sensor_stale": Rule(off_shelf=_STRAY),
}
# Of codes that go on with a name.
PREFIXES: dict[str, Rule] = {
    STOP_ALARM: Rule(_CRITICAL, _STOP),
    "closure.": Rule(_WARNING, _PEOPLE),
    "not_clear.": Rule(_CRITICAL, _PEOPLE),
}
_PLAIN = Rule()


def rule_of(code: str) -> Rule:
    """Give the rule that holds for a code."""
    rule = RULES.get(code)
    if rule is not None:
        return rule
    return next((rule for prefix, rule in PREFIXES.items() if code.startswith(prefix)), _PLAIN)
