"""Channel tables: what each node's batches mean, by the number that they name.

Kept on disk as they are announced, for a batch may come long after the life that announced its
table. Within one life a channel keeps its type and its unit; a table that says otherwise is
refused, and so are its batches.
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


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    boot: BootId
    """The newest life that announced it."""
    channels: tuple[Channel, ...]


class Tables:
    """Every node's tables."""

    def __init__(self) -> None:
        self._kept: dict[NodeId, dict[int, _Kept]] = {}
        self._layouts: dict[tuple[NodeId, int], Layout] = {}
        self._refused: dict[NodeId, set[int]] = {}

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

    def is_refused(self, node: NodeId, table: int) -> bool:
        """Tell whether the node announced such a table and it could not be taken."""
        return table in self._refused.get(node, ())

    def announce(
        self, node: NodeId, boot: BootId, birth: StreamBirth
    ) -> tuple[list[Effect], str | None]:
        """Learn a table; give what to write, or why it is refused."""
        kept = self._kept.get(node, {})
        known = kept.get(birth.table)
        why = _flaw(birth, boot, known, kept)
        if why is not None:
            refused = self._refused.setdefault(node, set())
            if len(refused) < TABLES_MAX:
                refused.add(birth.table)
            return [], why
        if known is not None and boot <= known.boot:
            return [], None
        effects: list[Effect] = []
        if known is None and len(kept) >= TABLES_MAX:
            effects = self._forget_oldest(node)
        told = _Kept(boot=boot, channels=birth.channels)
        self._put(node, birth.table, told)
        self._refused.get(node, set()).discard(birth.table)
        written = Persist(TABLE, _scope(node, birth.table), 0, msgspec.msgpack.encode(told))
        return [*effects, written], None

    def newest(self, node: NodeId) -> tuple[Channel, ...]:
        """Give the table that the newest life announced; empty for none."""
        kept = self._kept.get(node, {}).values()
        return max(kept, key=lambda each: each.boot).channels if kept else ()

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


def _flaw(
    birth: StreamBirth, boot: BootId, known: _Kept | None, kept: dict[int, _Kept]
) -> str | None:
    names = {channel.name for channel in birth.channels}
    if len(names) != len(birth.channels):
        return "channel_twice"
    if known is not None and known.channels != birth.channels:
        return "table_changed"
    before = {
        channel.name: channel
        for each in kept.values()
        if each.boot == boot
        for channel in each.channels
    }
    if any(before.get(channel.name, channel) != channel for channel in birth.channels):
        return "type_changed"
    return None
