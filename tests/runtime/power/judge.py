"""Judges one crash image of a node's store against what was said before the power was cut.

The rows are exactly those of the last commit that was through, or of the one that was under way.
A new life begins on them, and offers every record that was written and not yet acknowledged, until
the station has all. Alarms, events and task state that had left the node are among them.
"""

import random
from pathlib import Path

import msgspec

from lunaredge.ids import BootId
from lunaredge.node import Erase, Persist, Publish, Row
from lunaredge.runtime.store import Store, Write
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, topics
from lunaredge.wire.messages import Upload
from lunaredge.wire.session import Item
from lunaredge.wire.spool import TABLE, decode_item
from tests.agent.rig import EVERYBODY, NODE, SITE
from tests.runtime.power.images import put
from tests.runtime.power.life import (
    STORE,
    Arrived,
    Begun,
    Born,
    Committed,
    Left,
    ack_frame,
    new_node,
)
from tests.runtime.power.station import WRITTEN_AHEAD, Station

Rows = dict[tuple[str, str, int], bytes]
# Each turn of the conversation empties a window of every stream.
TURNS_MAX = 500


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at a cut: how it was before the life, and what was said in it."""

    rows: Rows
    """What the store held when the life began."""
    boot: BootId
    """The highest boot id given before it."""
    arrived: list[Upload]
    """What the station had before it."""
    words: list[object]
    now_ns: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A sound image."""

    rows: Rows
    offered_count: int
    """Records on it that the new life offered again."""


def judged(files: dict[str, bytes], scene: Scene, folder: Path, rng: random.Random) -> Found:
    """Open an image in a folder of its own, and have a node begin its next life on it.

    Raises:
        AssertionError: something that was there by right is not there.
        LunarEdgeError: the store could not be opened.
    """
    put(files, folder)
    store = Store.open(folder / STORE)
    try:
        rows = list(store.rows())
        assert store.corrupt_count == 0, f"torn rows: {store.corrupt_keys}"
        assert store.check() == []
        boot = store.next_boot(rng.getrandbits(24))
    finally:
        store.close()
    held = {(row.table, row.scope, row.number): row.value for row in rows}
    assert_rows(held, scene)
    given = [word.boot for word in scene.words if isinstance(word, Born)]
    assert boot > max(given, default=scene.boot), f"boot {boot} was given before"
    return Found(rows=held, offered_count=offered(rows, boot, scene))


def assert_rows(held: Rows, scene: Scene) -> None:
    """Assert that the rows are those of the last whole commit, or of the one under way."""
    rows = dict(scene.rows)
    pending: tuple[Write, ...] | None = None
    for word in scene.words:
        if isinstance(word, Begun):
            pending = word.writes
        elif isinstance(word, Committed):
            assert pending is not None
            rows, pending = written(rows, pending), None
    if held != rows:
        lost = sorted(key for key in rows if held.get(key) != rows[key])
        whole = pending is not None and held == written(rows, pending)
        assert whole, f"{len(lost)} committed rows are lost or old: {lost[:5]}"


def written(rows: Rows, writes: tuple[Write, ...]) -> Rows:
    """Give the rows after a commit."""
    rows = dict(rows)
    for write in writes:
        if isinstance(write, Persist):
            rows[(write.table, write.scope, write.number)] = write.value
        elif isinstance(write, Erase):
            scope = (write.table, write.scope)
            numbers = range(write.first, write.through + 1)
            for key in [k for k in rows if k[:2] == scope and k[2] in numbers]:
                del rows[key]
    return rows


def offered(rows: list[Row], boot: BootId, scene: Scene) -> int:
    """Have a new life hand everything over; give how many records it had found on disk."""
    before = [word.upload for word in scene.words if isinstance(word, Arrived)]
    station = Station([*scene.arrived, *before])
    hand_over(rows, boot, station, scene.now_ns)
    spooled = [decode_item(row.value) for row in rows if row.table == TABLE]
    for item in spooled:
        assert_kept(item, station)
    left = [word.upload for word in scene.words if isinstance(word, Left)]
    for upload in [upload for upload in left if upload.record_class in WRITTEN_AHEAD]:
        kept = station.holds(upload.boot, upload.record_class, upload.seq)
        assert kept == upload.record, f"{_named(upload)} had left the node and is lost"
    assert station.gaps() == 0, "alarms, events or task state have gaps"
    return len(spooled)


def assert_kept(item: Item, station: Station) -> None:
    """Assert that a record on disk came through, as it was."""
    if item.dropped:
        assert station.covers(item.boot, item.record_class, item.seq), f"{_named(item)}: no marker"
    else:
        kept = station.holds(item.boot, item.record_class, item.seq)
        assert kept == item.record, f"{_named(item)} was on disk and was not offered"


def hand_over(rows: list[Row], boot: BootId, station: Station, now_ns: int) -> None:
    """Restore a node and acknowledge what it says, until it has nothing left."""
    node = new_node(boot)
    node.restore(rows, now_ns)
    node.connected(now_ns)
    for _ in range(TURNS_MAX):
        payloads = [e.payload for e in node.take_effects() if isinstance(e, Publish)]
        bodies = [codec.decode(payload, EVERYBODY).body for payload in payloads]
        uploads = [body for body in bodies if isinstance(body, Upload)]
        for upload in uploads:
            ack = ack_frame(station.take(upload), now_ns)
            node.receive(topics.build(SITE, NODE, "ack"), ack, now_ns)
        if node._parts.spool.count == 0:
            return
        if not uploads:
            now_ns += 30 * NS_PER_S
            node.tick(now_ns)
    raise AssertionError(f"{node._parts.spool.count} uploads were never acknowledged")


def _named(one: Item | Upload) -> str:
    return f"{one.record_class.value} {one.seq} of boot {one.boot}"
