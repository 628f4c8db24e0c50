"""Refusals: what a node would not take, counted by reason, and told of once per source."""

from lunaredge.node import Level, Note

# Distinct (source, reason) pairs that get a note; more than that is a flood, and is only counted.
NOTED_MAX = 256


class Refusals:
    """What one node would not take, in one life."""

    def __init__(self) -> None:
        self.by_reason: dict[str, int] = {}
        self._noted: set[tuple[str, str]] = set()

    def count(self, reason: str, source: str) -> list[Note]:
        """Count one; give the note when it is the first of its kind from that source."""
        self.by_reason[reason] = self.by_reason.get(reason, 0) + 1
        if (source, reason) in self._noted or len(self._noted) >= NOTED_MAX:
            return []
        self._noted.add((source, reason))
        fields: dict[str, object] = {"source": source, "reason": reason}
        return [Note(level=Level.WARNING, event="message.refused", fields=fields)]
