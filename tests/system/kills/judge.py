"""Holds what lies on the disks after a campaign against what was heard while it ran."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lunaredge.cli.demo.bulk import bulk_of
from lunaredge.cli.demo.earthward import uploads_to_earth
from lunaredge.cli.demo.record import Kill
from lunaredge.runtime.store import ArchivedRecord, Store
from lunaredge.units import NS_PER_S
from lunaredge.wire import spool, topics
from lunaredge.wire.bulk import BULK_CLASSES
from tests.system.kills.witness import Evidence, Stream

# Telemetry this old is on its node's disk: it goes there after 30 s, and then with the next commit.
SPOOLED_AFTER_NS = 90 * NS_PER_S


class Books(NamedTuple):
    """What the disks of a run have, by stream."""

    records: dict[Stream, list[ArchivedRecord]]
    """Alarms, events and states in the scheduler's archive."""
    bulk: dict[Stream, dict[int, int]]
    """First and last numbers in the telemetry archive."""
    waiting: dict[Stream, dict[int, bytes]]
    """Records on nodes' disks, and on or on their way to Earth; by last number."""


def books_of(folder: Path, nodes: tuple[str, ...]) -> Books:
    """Read every disk of a run."""
    records: dict[Stream, list[ArchivedRecord]] = {}
    store = Store.open_to_read(folder / "stores" / "scheduler.sqlite")
    for row in store.archive_rows():
        records.setdefault(Stream(row.node, row.boot, row.record_class), []).append(row)
    assert not store.check()
    store.close()
    waiting: dict[Stream, dict[int, bytes]] = {}
    for sent in uploads_to_earth(folder):
        stream = Stream(sent.node, sent.boot, sent.record_class)
        waiting.setdefault(stream, {})[sent.seq] = sent.record
    for node in nodes:
        store = Store.open_to_read(folder / "stores" / f"agent-{node}.sqlite")
        for row in store.rows():
            if row.table == spool.TABLE:
                item = spool.decode_item(row.value)
                stream = Stream(node, item.boot, item.record_class)
                waiting.setdefault(stream, {})[item.seq] = item.record
        assert not store.check()
        store.close()
    bulk = {
        Stream(*stream): {first: upload.seq for first, upload in uploads.items()}
        for stream, uploads in bulk_of(folder).items()
    }
    return Books(records, bulk, waiting)


def faults(books: Books, heard: Evidence) -> Iterator[str]:
    """Say everything that a disk owes to what was heard."""
    yield from _holes(books)
    yield from _unkept(books, heard)
    yield from _unacknowledged(books, heard)


def _holes(books: Books) -> Iterator[str]:
    """Alarms, events and states are there from the first number on, each once."""
    for stream, rows in books.records.items():
        reached = 0
        for row in rows:
            if row.first_seq != reached + 1:
                yield f"{_told(stream)}: {row.first_seq} follows {reached}"
            if row.dropped:
                yield f"{_told(stream)}: {row.seq} was dropped"
            reached = row.seq


def _unkept(books: Books, heard: Evidence) -> Iterator[str]:
    """Say which alarm, event or state was heard of and is on no disk, or is another there."""
    for stream, uploads in heard.uploads.items():
        if stream.record_class in BULK_CLASSES:
            continue
        kept = {row.seq: row.record for row in books.records.get(stream, [])}
        kept |= books.waiting.get(stream, {})
        for seq, upload in uploads.items():
            if seq not in kept:
                yield f"{_told(stream)}: {seq} was heard and is nowhere"
            elif kept[seq] != upload.record:
                yield f"{_told(stream)}: {seq} is not what was heard"


def _unacknowledged(books: Books, heard: Evidence) -> Iterator[str]:
    """Say what was called committed and is not in an archive."""
    for stream, numbers in heard.acknowledged.items():
        there = _numbers(books.bulk.get(stream, {}).items())
        there |= {row.seq for row in books.records.get(stream, [])}
        if stream.node in (topics.SCHEDULER, topics.ARCHIVE):
            # What they say for Earth is called committed by the gateway.
            there |= books.waiting.get(stream, {}).keys()
        if lost := sorted(numbers - there):
            yield f"{_told(stream)}: {len(lost)} acknowledged and not archived, first {lost[0]}"


def gone(books: Books, heard: Evidence, kills: Sequence[Kill]) -> Iterator[tuple[Stream, int, str]]:
    """Give each upload of telemetry that was heard and is on no disk, and what is wrong with that.

    Nothing is where it was heard a moment before its node was killed.
    """
    for stream, uploads in heard.uploads.items():
        if stream.record_class not in BULK_CLASSES or stream.node == topics.SCHEDULER:
            continue
        there = _numbers(books.bulk.get(stream, {}).items())
        there |= books.waiting.get(stream, {}).keys()
        deaths_ns = [kill.at_ns for kill in kills if kill.name == stream.node]
        for seq in sorted(uploads.keys() - there):
            heard_ns = uploads[seq].at_ns
            died_ns = min((ns for ns in deaths_ns if ns >= heard_ns), default=None)
            told = f"{_told(stream)}: {seq} was heard and is nowhere"
            if died_ns is None:
                yield stream, seq, f"{told}; its node lived"
            else:
                late = died_ns - heard_ns > SPOOLED_AFTER_NS
                yield stream, seq, f"{told}; it was old enough for a disk" if late else ""


def _numbers(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


def _told(stream: Stream) -> str:
    return f"{stream.node} {stream.record_class.value} of boot {stream.boot}"
