import msgspec
import pytest

from lunaredge.cli.demo.earthward import missing_count, uploads_to_earth
from lunaredge.earth import stream
from lunaredge.errors import JournalCorrupt
from lunaredge.ids import BootId
from lunaredge.node import Archive, Persist
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.store import Store
from lunaredge.wire import spool, topics
from lunaredge.wire.link import Answered, Shipment, encode_payload
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.session import Item

BOOT = BootId(1 << 24)


@pytest.fixture
def disks(tmp_path):
    """Give a folder in which each of the stores is there, and empty."""
    ArchiveStore.open(tmp_path / "stores" / "archive").close()
    for name in ("scheduler", "gateway", "earth"):
        write(tmp_path, name)
    return tmp_path


def write(folder, name, *writes) -> None:
    store = Store.open(folder / "stores" / f"{name}.sqlite")
    if writes:
        store.commit(writes)
    store.close()


def spooled(seq: int) -> Persist:
    item = Item(
        boot=BOOT,
        record_class=RecordClass.EVENT,
        first_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        record=b"%d" % seq,
        offered_ns=0,
    )
    return Persist(spool.TABLE, spool.scope_of(item), seq, spool.encode_item(item))


def in_outbox(number: int, payload: Shipment | Answered) -> Persist:
    entry = stream.Entry(
        id=number,
        span=1,
        count=1,
        born_ns=0,
        expires_ns=0,
        is_marker=False,
        payload=encode_payload(payload),
    )
    return Persist(stream.TABLE, f"1/{number:019d}", number, msgspec.msgpack.encode(entry))


def shipment(seq: int) -> Shipment:
    return Shipment(
        node=topics.SCHEDULER,
        boot=BOOT,
        first_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        record=b"%d" % seq,
    )


def archived(seq: int) -> Archive:
    return Archive(
        node=topics.SCHEDULER,
        boot=BOOT,
        record_class=RecordClass.EVENT,
        first_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        received_ns=0,
        record=b"%d" % seq,
    )


def test_an_upload_on_two_disks_is_counted_once_and_where_it_got_furthest(disks):
    write(disks, "earth", archived(1), archived(2))
    write(disks, "gateway", in_outbox(1, shipment(2)), in_outbox(2, shipment(3)))
    write(disks, "scheduler", spooled(3), spooled(4))

    sent = uploads_to_earth(disks)

    assert [(one.seq, one.on_earth) for one in sent] == [
        (1, True),
        (2, True),
        (3, False),
        (4, False),
    ]
    assert missing_count(sent) == 0


def test_a_number_that_is_nowhere_is_missing(disks):
    write(disks, "earth", archived(1), archived(4))
    write(disks, "scheduler", spooled(5))

    assert missing_count(uploads_to_earth(disks)) == 2


def test_an_answer_to_earth_is_no_upload(disks):
    write(disks, "gateway", in_outbox(1, Answered(directive="d.1", ok=True, text="", rows=b"[]")))

    assert uploads_to_earth(disks) == []


def test_a_damaged_outbox_is_said_so(disks):
    write(disks, "gateway", Persist(stream.TABLE, f"1/{1:019d}", 1, b"noise"))

    with pytest.raises(JournalCorrupt, match="outbox entry"):
        uploads_to_earth(disks)
