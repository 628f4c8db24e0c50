"""The site's uploads toward Earth, from the disks that can hold one.

An upload lies in its sender's spool, the scheduler's or the archive's, until the gateway has it, in
the gateway's outbox until Earth has it, and in Earth's archive for good; for a moment on two of
them. It is counted once. One whose row is damaged is where it is, without its record; of an outbox
entry nothing is known then.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lunaredge.cli.demo.damage import STORES, open_store, places
from lunaredge.earth import stream
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Row
from lunaredge.runtime.store import Store
from lunaredge.wire import spool, topics
from lunaredge.wire.link import Payload, Shipment, decode_payload
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass
from lunaredge.wire.session import Item


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One upload of the scheduler or the archive, wherever it is now."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    record: bytes
    """Empty when the policy dropped it, or its row is damaged."""
    on_earth: bool


def uploads_to_earth(folder: Path) -> list[Sent]:
    """Give every upload that is on Earth or on a disk on its way, once.

    Raises:
        StorageError: a store is missing or damaged.
    """
    found: dict[tuple[NodeId, BootId, RecordClass, int], Sent] = {}
    spools = (*_in_spool(folder, topics.SCHEDULER), *_in_spool(folder, topics.ARCHIVE))
    for sent in (*_on_earth(folder), *_in_outbox(folder), *spools):
        found.setdefault((sent.node, sent.boot, sent.record_class, sent.seq), sent)
    return list(found.values())


def missing_count(sent: list[Sent]) -> int:
    """Count the numbers that are nowhere: those of a sender run from 1 without a hole."""
    numbers: dict[tuple[NodeId, BootId, RecordClass], set[int]] = {}
    for one in sent:
        held = numbers.setdefault((one.node, one.boot, one.record_class), set())
        held.update(range(one.first_seq, one.seq + 1))
    return sum(max(held) - len(held) for held in numbers.values())


def _on_earth(folder: Path) -> list[Sent]:
    store = open_store(folder, "earth")
    found = [
        Sent(
            node=row.node,
            boot=row.boot,
            record_class=row.record_class,
            first_seq=row.first_seq,
            seq=row.seq,
            record=row.record,
            on_earth=True,
        )
        for row in store.archive_rows()
    ]
    for sender in (topics.SCHEDULER, topics.ARCHIVE):
        found += _damaged(store, sender, on_earth=True)
    store.close()
    return found


def _in_outbox(folder: Path) -> list[Sent]:
    store = open_store(folder, "gateway")
    rows = [row for row in store.rows() if row.table == stream.TABLE and row.value]
    store.close()
    found = []
    for row in rows:
        payload = _payload(row)
        # The other payloads are answers to what Earth asked.
        if isinstance(payload, Shipment):
            record_class = RECORD_CLASSES[int(row.scope.partition("/")[0])]
            found.append(_waiting(payload.node, payload, record_class))
    return found


def _payload(row: Row) -> Payload:
    try:
        return decode_payload(msgspec.msgpack.decode(row.value, type=stream.Entry).payload)
    except (*MALFORMED, RemoteProtocolError) as exc:
        raise JournalCorrupt(f"outbox entry {row.scope} can't be read: {exc}") from exc


def _in_spool(folder: Path, sender: NodeId) -> list[Sent]:
    store = open_store(folder, STORES.get(sender, sender))
    rows = [row for row in store.rows() if row.table == spool.TABLE and row.value]
    items = [spool.decode_item(row.value) for row in rows]
    # The alarms that the archive raises are for the scheduler, which passes them on.
    own = RecordClass.SUMMARY if sender == topics.ARCHIVE else None
    found = [
        _waiting(sender, item, item.record_class)
        for item in items
        if own in (None, item.record_class)
    ]
    found += _damaged(store, sender, on_earth=False)
    store.close()
    return found


def _damaged(store: Store, sender: NodeId, *, on_earth: bool) -> Iterator[Sent]:
    for place in places(store, sender):
        if place.node == sender:
            yield Sent(
                node=sender,
                boot=place.boot,
                record_class=place.record_class,
                first_seq=place.seq,
                seq=place.seq,
                record=b"",
                on_earth=on_earth,
            )


def _waiting(sender: NodeId, upload: Shipment | Item, record_class: RecordClass) -> Sent:
    return Sent(
        node=sender,
        boot=upload.boot,
        record_class=record_class,
        first_seq=upload.first_seq,
        seq=upload.seq,
        record=upload.record,
        on_earth=False,
    )
