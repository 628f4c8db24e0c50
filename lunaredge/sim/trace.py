"""The record of a run: a digest of every event, and the last few for a failure's report.

One fixed-width line per event: virtual seconds, who, what. Two runs are the same run when their
digests are the same.
"""

import hashlib
from collections import deque
from collections.abc import Callable

from lunaredge.units import NS_PER_MS

# Enough to see what led to a failure; the whole story comes with --trace.
LINES_KEPT = 20


class Trace:
    """Hashes each line; keeps the last ones; echoes them when somebody listens."""

    def __init__(self, start_ns: int, echo: Callable[[str], None] | None = None) -> None:
        self.count = 0
        self._start_ns = start_ns
        self._echo = echo
        self._hash = hashlib.sha256()
        self._last: deque[tuple[int, str, str]] = deque(maxlen=LINES_KEPT)

    def log(self, at_ns: int, who: str, what: str) -> None:
        """Take one event."""
        self.count += 1
        self._hash.update(f"{at_ns} {who} {what}\n".encode())
        self._last.append((at_ns, who, what))
        if self._echo is not None:
            self._echo(self._line(at_ns, who, what))

    def digest(self) -> str:
        """Give the digest of everything logged so far."""
        return self._hash.hexdigest()

    def last(self) -> list[str]:
        """Give the newest lines, oldest first."""
        return [self._line(*event) for event in self._last]

    def _line(self, at_ns: int, who: str, what: str) -> str:
        return f"{(at_ns - self._start_ns) // NS_PER_MS / 1000:10.3f}  {who:<14} {what}"
