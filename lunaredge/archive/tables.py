"""Channel tables: what each node's batches mean, by the number that they name.

Kept on disk as they are announced, for a batch may come long after the life that announced its
table. A number never comes to mean another table. Within one life a channel keeps its type and its
unit: batches of that life which say otherwise are not believed.
"""

import msgspec

from lunaredge.archive.batches import Layout
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Effect, Erase, Persist, Row
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import StreamBirth
from lunaredge.wire.telemetry import Channel

TABLE = "channels"

# Tables of one node that are remembered: one for each version of its program, in years.
TABLES_MAX = 64
# Lives of which it is remembered what they spoke of: some of each node of a large fleet.
LIVES_MAX = 16_384


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    boot: BootId
    """The newest life that announced it."""
    channels: tuple[Channel, ...]


class Tables:
    """Every node's tables."""

    def __init__(self) -> None:
        self._kept: dict[NodeId, dict[int, _Kept]] = {}
        self._layouts: dict[tuple[NodeId, int], Layout] = {}
        self._newest: dict[NodeId, int] = {}
        """The table that each node announced last."""
        self._of_life: dict[tuple[NodeId, BootId], int] = {}
        """The table of the first batch of each life; of the latest lives."""

    def restore(self, row: Row) -> bool:
        """Take a table back; tell whether it could be read. One that can't is asked for again."""
        try:
            kept = msgspec.msgpack.decode(row.value, type=_Kept)
        except MALFORMED:
            return False
        if not row.is_whole or not kept.channels:
            return False
        node, _, table = row.scope.rpartition("/")
        if not table.isdecimal():
            return False
        self._put(NodeId(node), int(table), kept)
        return True

    def layout(self, node: NodeId, table: int) -> Layout | None:
        """Give the layout of a table; None when it is not known."""
        return self._layouts.get((node, table))

    def is_at_odds(self, node: NodeId, boot: BootId, table: int) -> bool:
        """Tell whether a life's batch says otherwise of a channel than one before it did."""
        first = self._of_life.get((node, boot))
        if first is None:
            if len(self._of_life) >= LIVES_MAX:
                del self._of_life[next(iter(self._of_life))]
            self._of_life[node, boot] = table
            return False
        if first == table or (node, first) not in self._layouts:
            return False
        said = {each.name: each for each in self._layouts[node, first].channels}
        now = self._layouts[node, table].channels
        return any(said.get(channel.name, channel) != channel for channel in now)

    def announce(
        self, node: NodeId, boot: BootId, birth: StreamBirth
    ) -> tuple[list[Effect], str | None]:
        """Learn a table; give what to write, or why it is refused."""
        kept = self._kept.get(node, {})
        known = kept.get(birth.table)
        if known is not None and known.channels != birth.channels:
            return [], "table_changed"
        self._newest[node] = birth.table
        if known is not None and boot <= known.boot:
            return [], None
        effects: list[Effect] = []
        if known is None and len(kept) >= TABLES_MAX:
            effects = self._forget_oldest(node)
        told = _Kept(boot=boot, channels=birth.channels)
        self._put(node, birth.table, told)
        written = Persist(TABLE, _scope(node, birth.table), 0, msgspec.msgpack.encode(told))
        return [*effects, written], None

    def newest(self, node: NodeId) -> tuple[Channel, ...]:
        """Give the table that was announced last; empty for none."""
        kept = self._kept.get(node, {})
        last = kept.get(self._newest.get(node, -1))
        if last is None and kept:
            last = max(kept.values(), key=lambda each: each.boot)
        return () if last is None else last.channels

    def _put(self, node: NodeId, table: int, kept: _Kept) -> None:
        self._kept.setdefault(node, {})[table] = kept
        self._layouts[(node, table)] = Layout(kept.channels)

    def _forget_oldest(self, node: NodeId) -> list[Effect]:
        kept = self._kept[node]
        oldest = min(kept, key=lambda table: kept[table].boot)
        del kept[oldest], self._layouts[(node, oldest)]
        return [Erase(TABLE, _scope(node, oldest), 0)]


def _scope(node: NodeId, table: int) -> str:
    return f"{node}/{table}"
