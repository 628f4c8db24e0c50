import contextlib
import errno
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from lunaredge.errors import JournalCorrupt, JournalFenced, JournalFull, StorageError
from lunaredge.node import Archive, Erase, KeepKind, Persist, Row
from lunaredge.runtime.archive.block_file import BlockWriter
from lunaredge.runtime.archive.log import segment_numbers
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.runner import Storage
from lunaredge.runtime.store import Store
from lunaredge.wire.messages import RecordClass
from tests.runtime.archive.drawn import BOOT, marker, plain

WAIT_S = 30.0


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def kept(store):
    """Give what the core is told at a start, by stream."""
    found = {}
    for row in store.rows():
        if row.table == "kept":
            value = tuple(msgspec.msgpack.decode(row.value)[:4])
            assert row.number == value[1]
            found.setdefault(row.scope, []).append(value)
    return found


SCOPE = f"dozer-1/{BOOT}/raw"


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_new_life_is_told_what_is_kept_as_few_stretches_with_their_counts(folder, is_settled):
    store = ArchiveStore.open(folder)
    assert list(store.rows()) == []
    store.commit([plain(3), plain(1), Persist("latest", "dozer-1", 0, b"x"), plain(2)])
    store.commit([marker(4, 8), marker(9, 11, KeepKind.MISSING), plain(12), plain(20)])
    store.commit([msgspec.structs.replace(plain(1), record_class=RecordClass.SUMMARY)])
    if is_settled:
        assert store.settle(WAIT_S)
    store.close()

    store = ArchiveStore.open(folder)
    rows = list(store.rows())
    assert rows[0] == Row("latest", "dozer-1", 0, b"x")
    assert kept(store) == {
        SCOPE: [
            (1, 3, "samples", 60),
            (4, 8, "dropped", 100),
            (9, 11, "missing", 0),
            (12, 12, "samples", 20),
            (20, 20, "samples", 20),
        ],
        f"dozer-1/{BOOT}/summary": [(1, 1, "samples", 20)],
    }
    store.close()


def test_stretches_grow_together_over_segments_and_the_log(folder):
    store = ArchiveStore.open(folder)
    for seq in (5, 6, 1, 2, 9, 3):
        store.commit([plain(seq)])
        assert store.settle(WAIT_S)
    store.commit([plain(4), plain(8)])

    assert kept(store) == {SCOPE: [(1, 6, "samples", 120), (8, 9, "samples", 40)]}
    assert store.settle(WAIT_S)
    assert kept(store) == {SCOPE: [(1, 6, "samples", 120), (8, 9, "samples", 40)]}
    store.close()


def test_rows_of_the_core_are_kept_as_in_any_store(folder):
    store = ArchiveStore.open(folder)
    old = Archive(
        node=plain(1).node,
        boot=BOOT,
        record_class=RecordClass.ALARM,
        first_seq=1,
        seq=1,
        count=1,
        dropped=False,
        received_ns=1,
        record=b"x",
    )
    store.commit([Persist("t", "s", 1, b"1"), Persist("t", "s", 2, b"2"), Erase("t", "s", 1), old])
    boot = store.next_boot(7)
    store.raise_boots(boot + (9 << 24))
    store.close()

    store = ArchiveStore.open(folder)
    assert list(store.rows()) == [Row("t", "s", 2, b"2")]
    assert store.next_boot(0) > boot + (9 << 24)
    store.close()
    # Nothing was kept, so no segment was begun.
    assert segment_numbers(folder) == []


def test_a_second_process_is_refused(folder):
    store: Storage = ArchiveStore.open(folder)

    with pytest.raises(StorageError, match=str(os.getpid())):
        ArchiveStore.open(folder)

    assert isinstance(store, ArchiveStore)
    store.close()
    ArchiveStore.open(folder).close()


def test_nothing_is_kept_for_a_life_when_a_later_one_has_begun(folder):
    old = ArchiveStore.open(folder)
    old.next_boot(1)
    (folder / "archive.sqlite.lock").unlink()
    new = ArchiveStore.open(folder)
    new.next_boot(1)

    with pytest.raises(JournalFenced):
        old.commit([plain(1)])

    assert kept(new) == {}
    old.close()
    new.close()


def test_rows_that_were_refused_come_again_without_doubling_what_the_log_has(folder, monkeypatch):
    store = ArchiveStore.open(folder)
    writes = [plain(1), Persist("t", "s", 1, b"x"), plain(2)]

    def refuse(store, rest):
        raise JournalFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", refuse)
        for _ in range(3):
            with pytest.raises(JournalFull):
                store.commit(writes)
    store.commit(writes)
    store.commit([plain(3)])

    assert kept(store) == {SCOPE: [(1, 3, "samples", 60)]}
    with ArchiveReader.open(folder) as reader:
        (segment,) = (folder / "intake").iterdir()
        assert segment.read_bytes().count(plain(1).record) == 1
        assert len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns) == 60
    store.close()


def test_a_full_disk_refuses_the_whole_commit(folder, monkeypatch):
    store = ArchiveStore.open(folder)
    store.commit([plain(1)])

    def writev(descriptor, parts):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", writev)
        with pytest.raises(JournalFull):
            store.commit([plain(2), Persist("t", "s", 1, b"x")])
        assert [row.table for row in store.rows()] == ["kept"]
    store.commit([plain(2), Persist("t", "s", 1, b"x")])

    assert [row.table for row in store.rows()] == ["t", "kept"]
    store.close()


def test_commits_are_refused_while_settling_lags_and_go_on_after(folder, monkeypatch):
    settings = ArchiveSettings(segment_bytes_max=1, unsettled_bytes_max=4000)
    monkeypatch.setattr("lunaredge.runtime.archive.settler.RETRY_WAIT_S_MIN", 0.01)
    store = ArchiveStore.open(folder, settings)

    committed = 0
    with monkeypatch.context() as patch:

        def finish(writer):
            raise JournalFull("no room")

        patch.setattr(BlockWriter, "finish", finish)
        with contextlib.suppress(JournalFull):
            for seq in range(1, 100):
                store.commit([plain(seq)])
                committed = seq
        with pytest.raises(JournalFull, match="wait to be settled"):
            store.commit([plain(committed + 1)])
    assert 2 <= committed < 10

    assert store.settle(WAIT_S)
    store.commit([plain(committed + 1)])
    assert kept(store) == {SCOPE: [(1, committed + 1, "samples", 20 * (committed + 1))]}
    store.close()


def test_a_damaged_stretch_without_a_copy_is_told_as_damaged(folder):
    store = ArchiveStore.open(folder)
    store.commit([plain(1), plain(5)])
    assert store.settle(WAIT_S)
    store.close()
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as raw, raw:
        raw.execute("UPDATE coverage SET first_seq = 2 WHERE last_seq = 5")
    (folder / "catalog.copy.sqlite").unlink()

    store = ArchiveStore.open(folder)
    rows = list(store.rows())

    assert [(row.number, row.is_whole) for row in rows] == [(1, True), (5, False)]
    assert (store.corrupt_count, store.corrupt_keys) == (1, [f"coverage/{SCOPE}/5"])
    store.close()


def test_a_damaged_catalog_is_refused_with_what_to_do(folder):
    ArchiveStore.open(folder).close()
    (folder / "catalog.sqlite").write_bytes(b"no database" * 1000)

    with pytest.raises(JournalCorrupt, match="restore it from a copy"):
        ArchiveStore.open(folder)

    # The lock is given up with it.
    (folder / "catalog.sqlite").unlink()
    ArchiveStore.open(folder).close()


def test_a_segment_that_was_settled_but_not_deleted_is_deleted_at_the_next_start(folder):
    store = ArchiveStore.open(folder)
    store.commit([plain(1)])
    copy = (folder / "intake" / "00000001.log").read_bytes()
    assert store.settle(WAIT_S)
    store.close()
    (folder / "intake" / "00000001.log").write_bytes(copy)

    store = ArchiveStore.open(folder)

    assert segment_numbers(folder) == []
    assert kept(store) == {SCOPE: [(1, 1, "samples", 20)]}
    store.commit([plain(2)])
    assert segment_numbers(folder) == [2]
    store.close()


COMMIT = """
import sys
from pathlib import Path
import msgspec
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import ArchiveStore
from tests.runtime.archive.drawn import plain
store = ArchiveStore.open(Path(sys.argv[1]), ArchiveSettings(segment_bytes_max=60_000))
through = max([row.number for row in store.rows() if row.table == "kept"], default=0)
print(through, flush=True)
for seq in range(through + 1, through + 100_000):
    store.commit([plain(seq)])
    print(seq, flush=True)
"""


def test_a_process_killed_again_and_again_keeps_all_it_said_and_nothing_twice(folder):
    rng = random.Random(7)
    acknowledged = 0
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", COMMIT, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        told = int(child.stdout.readline())
        assert told >= acknowledged
        for _ in range(rng.randrange(1, 120)):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.communicate()[0].split()
        acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged

    store = ArchiveStore.open(folder)
    assert store.settle(WAIT_S)
    ((first, last, kind, count),) = kept(store)[SCOPE]
    store.close()
    assert (first, kind, count) == (1, "samples", 20 * last)
    assert last >= acknowledged > 100
    with ArchiveReader.open(folder) as reader:
        given = reader.samples("dozer-1", "f4.every", 0, 2**62)
        assert len(given.times_ns) == 20 * last
        assert reader.gaps(None, 0, 2**62) == []
        assert reader.problems() == []


def test_memory_stays_flat_over_many_commits_and_settlings(folder):
    settings = ArchiveSettings(segment_bytes_max=400_000, gather_bytes_max=64 * 1024)
    store = ArchiveStore.open(folder, settings)
    channels = plain(1).channels
    drawn = [plain(seq, rows=100) for seq in range(1, 41)]
    peaks = []
    seq = 0
    before = resident_bytes()
    # From here on the kernel notes the highest anew: what ran before in this process is not ours.
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(5):
        for _ in range(30):
            some = []
            for keep in drawn[:20]:
                seq += 1
                some.append(
                    msgspec.structs.replace(
                        keep, first_seq=seq, last_seq=seq, node=f"n{seq % 7}", channels=channels
                    )
                )
            store.commit(some)
        assert store.settle(WAIT_S)
        peaks.append(resident_bytes())
    store.close()

    # The first rounds fill pools; what grows with the archive would go on growing.
    assert peaks[-1] - peaks[1] < 12_000_000, peaks
    assert highest_bytes() - before < 200_000_000


def resident_bytes():
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def highest_bytes():
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024
