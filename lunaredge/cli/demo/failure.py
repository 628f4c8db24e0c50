"""What a demo says of a process that ended by itself: one short line, and where its log is."""

import signal
import textwrap
from pathlib import Path

from lunaredge.runtime.supervisor import Failure

_LINE_LENGTH_MAX = 200


def told_of(failure: Failure, log: Path) -> str:
    """Say how it ended, and its last word if it ended with an error of its own."""
    if failure.code < 0:
        said = f"{failure.name} was killed from outside by {_signal_name(-failure.code)}"
        return f"{said}; --kill does that as a part of the run. Its log: {log}"
    lines = failure.log_tail.splitlines() or ["it said nothing"]
    last = textwrap.shorten(lines[-1], _LINE_LENGTH_MAX, placeholder="...")
    return f"{failure.name} ended by itself with code {failure.code}: {last}. Its log: {log}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
