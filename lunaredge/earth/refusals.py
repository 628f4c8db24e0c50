"""Counts what was refused, by reason, and speaks once per source of it."""

from lunaredge.node import Level, Note

# Distinct (reason, source) pairs that get a note; more than that is a flood, and is only counted.
NOTED_MAX = 256


class Refusals:
    """What a node would not take."""

    def __init__(self) -> None:
        self.by_reason: dict[str, int] = {}
        self._noted: set[tuple[str, str]] = set()

    def count(self, reason: str, source: str) -> list[Note]:
        """Count one; give the note when it is the first of its kind from that source."""
        self.by_reason[reason] = self.by_reason.get(reason, 0) + 1
        if (reason, source) in self._noted or len(self._noted) >= NOTED_MAX:
            return []
        self._noted.add((reason, source))
        fields: dict[str, object] = {"reason": reason, "source": source}
        return [Note(level=Level.WARNING, event="message.refused", fields=fields)]
