"""The core's rows: a file of theirs that is damaged is put aside, and the archive starts."""

import os
import random
import sqlite3
from contextlib import closing

import pytest

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.node import Persist
from lunaredge.runtime.archive import rows_file, shelf
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rows_file import NAME
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.lock import StoreLock
from lunaredge.runtime.store import Store
from lunaredge.wire import spool
from tests.runtime.archive.drawn import plain
from tests.runtime.archive.settling import SMALL

HEADER_BYTES = 100
PAGE_BYTES = 4096
NAMES = {f"node-{k}" for k in range(60)}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "archive"
    store = ArchiveStore.open(folder, SMALL)
    store.next_boot(1)
    store.commit([plain(1), *(Persist("latest", name, 0, bytes(200)) for name in sorted(NAMES))])
    store.close()
    return folder


def started(folder):
    """Start on a folder, and write; give the names of the rows that are there."""
    store = ArchiveStore.open(folder, SMALL)
    try:
        names = {row.scope for row in store.rows() if row.table == "latest"}
        store.next_boot(2)
        store.commit([Persist("latest", "node-x", 0, b"x"), plain(2)])
    finally:
        store.close()
    return names


def kept(folder):
    with ArchiveReader.open(folder) as reader:
        return len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns)


@pytest.mark.parametrize("content", [b"", b"no database" * 1_000], ids=["empty", "another"])
def test_a_file_that_is_none_is_begun_anew_and_what_is_kept_stays(folder, content):
    (folder / NAME).write_bytes(content)

    assert started(folder) == set()

    assert kept(folder) == 40
    assert (folder / "archive.damaged-1.sqlite").read_bytes() == content
    with ArchiveReader.open(folder) as reader:
        assert [problem.place for problem in reader.problems()] == ["archive.damaged-1.sqlite"]


def test_no_flipped_bit_keeps_an_archive_from_starting(folder):
    whole = (folder / NAME).read_bytes()
    rng = random.Random(6)
    places = [*range(HEADER_BYTES), *rng.sample(range(HEADER_BYTES, len(whole)), 100)]
    for at in places:
        content = bytearray(whole)
        content[at] ^= 1 << rng.randrange(8)
        for path in folder.glob("archive.*sqlite*"):
            path.unlink()
        (folder / NAME).write_bytes(content)

        assert started(folder) <= NAMES


def test_a_file_of_a_newer_program_is_left_alone(folder):
    store = Store.open(folder / NAME)
    store._set_meta("schema_version", 99)
    store.close()

    with pytest.raises(StorageError, match="newer lunaredge") as told:
        ArchiveStore.open(folder, SMALL)

    assert not isinstance(told.value, JournalCorrupt)
    assert not list(folder.glob("*.damaged-*"))


def test_the_file_of_a_process_that_runs_is_never_put_aside(folder):
    lock = StoreLock.take(folder / NAME, "")
    (folder / NAME).write_bytes(b"no database" * 1_000)

    with pytest.raises(StorageError, match="in use by process"):
        ArchiveStore.open(folder, SMALL)

    lock.release()
    assert not list(folder.glob("*.damaged-*"))


WAITING = [Persist(spool.TABLE, "1/alarm", k, b"an alarm") for k in range(1, 4)]
LIMITS = Persist("limits", "", 0, b"what is passed")


def test_what_stands_nowhere_else_is_taken_over(folder):
    store = Store.open(folder / NAME)
    store.commit([*WAITING, LIMITS])
    store.close()
    content = bytearray((folder / NAME).read_bytes())
    pages = range(PAGE_BYTES, len(content), PAGE_BYTES)
    (last_values, *_) = [
        at
        for at in pages
        if b"latestnode-30" in content[at : at + PAGE_BYTES]
        and b"spool" not in content[at : at + PAGE_BYTES]
    ]
    content[last_values] ^= 0xFF
    (folder / NAME).write_bytes(content)

    store = ArchiveStore.open(folder, SMALL)
    rows = {(row.table, row.scope, row.number, row.value) for row in store.rows()}
    store.close()

    assert list(folder.glob("*.damaged-1.sqlite"))
    assert rows >= {(each.table, each.scope, each.number, each.value) for each in WAITING}
    assert (LIMITS.table, "", 0, LIMITS.value) in rows
    assert not [row for row in rows if row[0] == "latest"], "these are heard again"


def test_a_kill_between_two_renames_brings_no_older_life_back(folder, monkeypatch):
    reader = sqlite3.connect(folder / NAME)
    reader.execute("SELECT * FROM meta").fetchall()  # keeps the log from being put into the file
    lives = []
    for random24 in range(2, 5):
        store = Store.open(folder / NAME)
        lives.append(store.next_boot(random24) >> 24)
        store.close()
    with closing(sqlite3.connect(folder / NAME)) as raw:
        raw.execute("UPDATE meta SET value = -5 WHERE key = 'schema_version'")
        raw.commit()

    def killed(old, new):
        if str(old).endswith("-wal"):
            raise KeyboardInterrupt
        replace(old, new)

    replace = os.replace
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        ArchiveStore.open(folder, SMALL)
    monkeypatch.undo()
    reader.close()

    assert started(folder) == set()
    assert (folder / "archive.damaged-1.sqlite-wal").exists()


def test_nobody_else_starts_while_a_file_is_put_aside(folder, monkeypatch):
    (folder / NAME).write_bytes(b"no database" * 1_000)
    told = []

    def contested(path):
        with pytest.raises(StorageError, match="in use by process"):
            ArchiveStore.open(folder, SMALL)
        told.append(path)
        return shelf.put_aside(path)

    monkeypatch.setattr(rows_file, "put_aside", contested)

    assert started(folder) == set()
    assert told == [folder / NAME]
