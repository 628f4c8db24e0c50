"""An outbox with a disk under it, and a scheduler's numbers."""

from collections import Counter

from lunaredge.earth.outbox import Outbox, OutboxConfig
from lunaredge.earth.stream import TABLE
from lunaredge.ids import BootId, NodeId
from lunaredge.wire.link import PARTS_BYTES_MAX, ItemAck, Shipment, decode_payload
from tests.earth.rig import Disk

ERA = BootId(5)
NEVER = -1
SMALL = OutboxConfig(bytes_max=1_000_000)


class Box:
    """An outbox with a disk under it and a scheduler's numbers."""

    def __init__(self, config=SMALL):
        self.config = config
        self.disk = Disk()
        self.outbox = Outbox(config, ERA)
        self.seqs = Counter()
        self.link_ns = 0

    def offer(self, record_class, size_bytes=200, now_ns=0, *, dropped=False):
        self.seqs[record_class] += 1
        shipment = Shipment(
            node=NodeId("scheduler"),
            boot=BootId(7),
            first_seq=self.seqs[record_class],
            seq=self.seqs[record_class],
            count=1,
            dropped=dropped,
            record=b"" if dropped else bytes(size_bytes),
        )
        taken = self.outbox.offer(record_class, shipment, now_ns)
        self.commit()
        return taken

    def take(self, budget_bytes=PARTS_BYTES_MAX, overdue_before_ns=NEVER):
        self.link_ns += 1
        return self.outbox.take(budget_bytes, self.link_ns, overdue_before_ns)

    def drain(self, limit=10_000):
        items = []
        while len(items) < limit and (more := self.take()):
            items += more
        return items

    def acknowledge(self, record_class, through, *beyond):
        for number in beyond:
            ack = ItemAck(
                record_class=record_class,
                through=through,
                skip=number - through - 1,
                bitmap=b"\x01",
            )
            assert self.outbox.acknowledge(ack, 0)
        known = self.outbox.acknowledge(ItemAck(record_class=record_class, through=through), 0)
        self.commit()
        return known

    def commit(self):
        for effect in self.outbox.take_effects():
            self.disk.commit(effect)

    def restart(self):
        self.outbox = Outbox(self.config, BootId(99))
        for row in self.disk.rows():
            self.outbox.restore(row)
        self.commit()

    def stored(self):
        return self.disk.rows(TABLE)


def payload_of(item):
    return decode_payload(item.chunk)
