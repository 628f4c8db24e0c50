"""The feed: what a core of the data centre passes on, kept until its receiver has it on disk.

The scheduler feeds the gateway, and so the Earth; the archive feeds the gateway and the scheduler.
"""

from lunaredge.errors import JournalCorrupt
from lunaredge.ids import BootId
from lunaredge.node import Effect, Erase, Level, Note, Persist, Row
from lunaredge.wire import spool
from lunaredge.wire.codec import FRAME_BYTES_MAX
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from lunaredge.wire.session import Item, Limits, Sender

# A frame has room for this much and everything around it, twice over.
RECORD_BYTES_MAX = FRAME_BYTES_MAX // 2


class Feed:
    """A sender whose every upload is written ahead, in the same batch as the decision behind it."""

    def __init__(self, limits: Limits, boot: BootId) -> None:
        self.unreadable = 0
        self._sender = Sender(boot, limits)

    def restore(self, row: Row) -> None:
        """Take back an upload that was not acknowledged; an unreadable one is counted."""
        try:
            item = spool.decode_item(row.value)
        except JournalCorrupt:
            self.unreadable += 1
            return
        self._sender.restore([item])

    def offer(
        self, record_class: RecordClass, record: bytes, count: int, now_ns: int
    ) -> list[Effect]:
        """Take a record; give the effects that write it ahead.

        One that no frame could carry is noted and left at the site, where it is archived: it would
        hold up everything behind it for ever.
        """
        if len(record) > RECORD_BYTES_MAX:
            lost: dict[str, object] = {"class": record_class.value, "size_bytes": len(record)}
            return [Note(level=Level.WARNING, event="feed.record_too_large", fields=lost)]
        item = self._sender.offer(record_class, record, count, now_ns)
        item.spooled = True
        effects: list[Effect] = [_row(item)]
        for marker in self._sender.shed():
            effects += [_row(marker), Erase(spool.TABLE, spool.scope_of(marker), marker.seq - 1)]
            fields: dict[str, object] = {"class": marker.record_class.value, "count": marker.count}
            effects.append(Note(level=Level.WARNING, event="feed.shed", fields=fields))
        return effects

    def due(self, now_ns: int) -> list[Upload]:
        """Give the uploads to send now."""
        return self._sender.due(now_ns)

    def resend_all(self) -> None:
        """Count everything as unsent."""
        self._sender.resend_all()

    def acknowledge(self, ack: RecordAck) -> list[Effect]:
        """Forget what the receiver has on disk."""
        gone = self._sender.acknowledge(ack)
        return [Erase(spool.TABLE, spool.scope_of(gone[-1]), gone[-1].seq)] if gone else []


def _row(item: Item) -> Persist:
    return Persist(spool.TABLE, spool.scope_of(item), item.seq, spool.encode_item(item))
