"""The channel tables that nodes have told, and the uploads that wait for one."""

from collections import deque
from typing import NamedTuple

from lunaredge.ids import BootId, KeyId, NodeId
from lunaredge.wire.codec import Seen, Standing
from lunaredge.wire.messages import StreamBirth
from lunaredge.wire.telemetry import Channel, Telemetry
from lunaredge.wire.topics import Topic

# A site has some hundreds; who makes up others is not remembered.
NODES_MAX = 1_024
# Of a node: before and after some changes of its software.
_TABLES_MAX = 16
# What the broker keeps comes within this time, or it keeps none.
RETAINED_S = 1.0
# A node answers so often only.
ASK_AGAIN_S = 10.0
# Some minutes of a node's telemetry, until it has answered.
_WAITING_MAX = 64
_WAITING_BYTES_MAX = 16 * 1024 * 1024


class Late(NamedTuple):
    """A batch that waits for its table."""

    topic: Topic
    seen: Seen
    batch: Telemetry


class _Known(NamedTuple):
    channels: tuple[Channel, ...]
    is_verified: bool


class Tables:
    """What each node's columns are. Knows the time only as it is told."""

    def __init__(self) -> None:
        self.left_out = 0
        """Batches for which there was no room."""
        self._known: dict[NodeId, dict[int, _Known]] = {}
        self._said: dict[NodeId, tuple[BootId, int]] = {}
        self._waiting: dict[NodeId, deque[Late]] = {}
        self._waiting_bytes = 0
        self._due_s: dict[NodeId, float] = {}
        """When to ask a node of which something waits."""

    @property
    def waiting_count(self) -> int:
        """Batches that wait for their table."""
        return sum(map(len, self._waiting.values()))

    def channels(self, node: NodeId, table: int) -> tuple[Channel, ...] | None:
        """Give the channels of a table; None of one that was not told."""
        known = self._known.get(node, {}).get(table)
        return known.channels if known else None

    def learn(self, topic: Topic, seen: Seen, birth: StreamBirth) -> bool:
        """Take a table; tell whether it was said for the first time."""
        node, said = topic.node, (seen.header.boot, seen.header.number)
        if self._said.get(node) == said:
            return False
        if len(self._known) >= NODES_MAX and node not in self._known:
            return True
        self._said[node] = said
        tables = self._known.setdefault(node, {})
        known = tables.get(birth.table)
        is_verified = _is_own(topic, seen)
        # A table that anybody may have made up takes no proven one's place.
        may_replace = is_verified or known is None or not known.is_verified
        if may_replace and seen.standing is not Standing.FORGED:
            tables[birth.table] = _Known(birth.channels, is_verified)
            while len(tables) > _TABLES_MAX:
                del tables[next(iter(tables))]
        return True

    def wait(self, late: Late, now_s: float) -> None:
        """Keep a batch until its table is told, the newest where there is no room."""
        node = late.topic.node
        if len(self._waiting) >= NODES_MAX and node not in self._waiting:
            self.left_out += 1
            return
        waiting = self._waiting.setdefault(node, deque())
        self._due_s.setdefault(node, now_s + RETAINED_S)
        waiting.append(late)
        self._waiting_bytes += _size_bytes(late)
        while len(waiting) > _WAITING_MAX or self._waiting_bytes > _WAITING_BYTES_MAX:
            self._waiting_bytes -= _size_bytes(waiting.popleft())
            self.left_out += 1
            if not waiting:
                del self._waiting[node], self._due_s[node]
                break

    def ready(self, node: NodeId) -> list[Late]:
        """Hand out what waited for a table that is known now."""
        ready: list[Late] = []
        rest: deque[Late] = deque()
        for late in self._waiting.pop(node, ()):
            is_known = self.channels(node, late.batch.table) is not None
            (ready if is_known else rest).append(late)
        self._waiting_bytes -= sum(map(_size_bytes, ready))
        if rest:
            self._waiting[node] = rest
        else:
            self._due_s.pop(node, None)
        return ready

    def to_ask(self, now_s: float) -> list[NodeId]:
        """Give the nodes that are to be asked for their table now."""
        due = [node for node, at_s in self._due_s.items() if now_s >= at_s]
        for node in due:
            self._due_s[node] = now_s + ASK_AGAIN_S
        return due


def _is_own(topic: Topic, seen: Seen) -> bool:
    # A node's key is named after the node; whoever else signs it speaks for nobody.
    return seen.standing is Standing.VERIFIED and seen.header.key == KeyId(topic.node)


def _size_bytes(late: Late) -> int:
    return len(late.batch.values) + len(late.batch.rows) + len(late.batch.times_ns)
