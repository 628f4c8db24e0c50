"""Structured logging to stderr: one line an event, ``noun.verb_past key=value``.

Owns the format and the level. Cores never log: they hand out Notes, which are logged here. stdout
is never touched; it belongs to answers.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Mapping

from lunaredge.node import Level, Note

LEVELS = ("debug", "info", "warning", "error")
_LOGGER = logging.getLogger("lunaredge")
_LEVEL_NUMBERS = {
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}
_PLAIN = re.compile(r"[A-Za-z0-9_./:+@%-]+")
# Long enough for a topic or an error message; a hostile peer can't fill the disk line by line.
_VALUE_LENGTH_MAX = 300


class _Formatter(logging.Formatter):
    """Time, level, process and event on one line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        message = record.getMessage().replace("\n", "\\n")
        line = f"{seconds}.{record.msecs:03.0f}Z {record.levelname} {self._process} {message}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up_logging(process: str, level: str = "info") -> None:
    """Send this process's log to stderr; called once, by the process's main."""
    assert level in LEVELS, level
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(_Formatter(process))
    root = logging.getLogger()
    root.handlers = [out]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(level.upper())


def log_event(level: Level, event: str, fields: Mapping[str, object] | None = None) -> None:
    """Log one event with its fields."""
    number = _LEVEL_NUMBERS[level]
    if _LOGGER.isEnabledFor(number):
        _LOGGER.log(number, event_line(event, fields or {}))


def log_note(note: Note) -> None:
    """Log what a core had to say."""
    log_event(note.level, note.event, note.fields)


def event_line(event: str, fields: Mapping[str, object]) -> str:
    """Give the text of an event: its name, then ``key=value`` in the order given."""
    return " ".join([event, *(f"{key}={_shown(value)}" for key, value in fields.items())])


def _shown(value: object) -> str:
    """Give a value without blanks or line breaks, quoted as JSON where it would have some."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if len(text) > _VALUE_LENGTH_MAX:
        text = text[:_VALUE_LENGTH_MAX] + "..."
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
