import errno
import os
import random
import resource
import subprocess
import sys

import msgspec
import pytest

from lunaredge.errors import JournalFull, StorageError
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.entry import HEADER_BYTES
from lunaredge.runtime.archive.log import SegmentLog, segment_numbers, segment_path
from lunaredge.runtime.archive.segment import Segment
from lunaredge.runtime.archive.settings import ArchiveSettings
from tests.runtime.archive.drawn import marker, plain


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "intake").mkdir()
    return tmp_path


def log_of(folder, number=1, **settings):
    return SegmentLog(folder, ArchiveSettings(**settings), number)


def read(path):
    segment = Segment.open(path)
    index = segment.index()
    records = [
        segment.record(at, size_bytes)
        for at, size_bytes in zip(
            index.record_at.tolist(), index.record_bytes.tolist(), strict=True
        )
    ]
    seqs = index.fixed["first_seq"].tolist()
    return segment, index, dict(zip(seqs, records, strict=True))


def test_what_is_appended_is_read_back_with_all_that_is_told_of_it(folder):
    keeps = [plain(1), plain(2, node="rover-2"), marker(3, 5), marker(6, 6, KeepKind.MISSING)]
    log = log_of(folder)
    log.append(keeps[:3])
    log.append(keeps[3:])
    log.close()

    segment, index, records = read(segment_path(folder, 1))

    assert [records[keep.first_seq] for keep in keeps] == [keep.record for keep in keeps]
    assert index.fixed["last_seq"].tolist() == [1, 2, 5, 6]
    assert [index.nodes[node] for node in index.node] == ["dozer-1", "rover-2", *["dozer-1"] * 2]
    assert index.fixed["start_ns"].tolist() == [keep.start_ns for keep in keeps]
    assert index.reasons == {3: "because"}
    # The table is explained once in a segment, so that this can be read alone.
    assert list(segment.tables.values()) == [keeps[0].channels]
    assert (segment.damaged, segment.tail_bytes) == ([], 0)


def test_a_new_segment_begins_at_a_size_and_explains_its_tables_again(folder):
    log = log_of(folder, segment_bytes_max=1)
    log.append([plain(1)])
    log.append([plain(2)])
    log.close()

    assert segment_numbers(folder) == [1, 2]
    assert [number for number, _ in log.take_sealed()] == [1]
    assert all(read(segment_path(folder, number))[0].tables for number in (1, 2))


def test_a_new_segment_begins_after_a_time_and_a_count(folder, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    log = log_of(folder, segment_age_s_max=5.0, segment_entries_max=2)
    log.append([plain(1)])
    now_s[0] += 4.9
    log.append([plain(2)])
    log.append([plain(3)])
    now_s[0] += 5.0
    log.append([plain(4)])
    log.close()

    found = [list(read(segment_path(folder, number))[2]) for number in segment_numbers(folder)]
    assert found == [[1, 2], [3], [4]]


@pytest.mark.parametrize("seed", range(40))
def test_every_entry_that_is_not_damaged_is_read(folder, seed):
    rng = random.Random(seed)
    log = log_of(folder)
    keeps = [plain(seq, rows=rng.randrange(1, 8)) for seq in range(1, 30)]
    ends = [HEADER_BYTES]
    for keep in keeps:
        log.append([keep])
        ends.append(log.size_bytes)
    log.close()
    path = segment_path(folder, 1)
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    match seed % 4:
        case 0:
            content[at] ^= 1 << rng.randrange(8)
            touched = (at, at + 1)
        case 1:
            touched = (at, min(len(content), at + rng.randrange(1, 3000)))
            del content[slice(*touched)]
        case 2:
            touched = (at, at + 1)
            content[at:at] = rng.randbytes(rng.randrange(1, 3000))
        case _:
            touched = (at, min(len(content), at + rng.randrange(1, 3000)))
            content[slice(*touched)] = rng.randbytes(touched[1] - touched[0])
    path.write_bytes(content)

    segment, _, records = read(path)

    whole = [
        keep
        for keep, start, end in zip(keeps, ends, ends[1:], strict=False)
        if end <= touched[0] or start >= touched[1]
    ]
    assert {keep.first_seq: keep.record for keep in whole}.items() <= records.items()
    assert all(
        records[keep.first_seq] == keep.record for keep in keeps if keep.first_seq in records
    )
    if len(records) < len(keeps):
        assert segment.damaged or segment.tail_bytes


def test_a_segment_without_its_header_is_read(folder):
    log = log_of(folder)
    log.append([plain(1), plain(2)])
    log.close()
    path = segment_path(folder, 1)
    path.write_bytes(path.read_bytes()[HEADER_BYTES + 3 :])

    # The table was the first entry, and is damaged; what names it is read all the same.
    assert sorted(read(path)[2]) == [1, 2]


def test_what_a_sender_put_into_a_record_passes_for_no_entry(folder):
    log = log_of(folder)
    log.append([plain(1)])
    log.close()
    forged = segment_path(folder, 1).read_bytes()[HEADER_BYTES:]
    log = log_of(folder, 2)
    log.append([msgspec.structs.replace(plain(7), record=forged), plain(8)])
    log.close()
    path = segment_path(folder, 2)
    content = bytearray(path.read_bytes())
    content[content.index(forged) - 1] ^= 1
    path.write_bytes(content)

    assert list(read(path)[2]) == [8]


@pytest.mark.parametrize("cut", [1, 17, 100, 4000])
def test_a_torn_tail_costs_only_what_nobody_heard_of(folder, cut):
    log = log_of(folder)
    log.append([plain(1)])
    whole_bytes = log.size_bytes
    log.append([plain(2, rows=80)])
    log.close()
    path = segment_path(folder, 1)
    os.truncate(path, min(whole_bytes + cut, log.size_bytes - 1))

    segment, _, records = read(path)

    assert list(records) == [1]
    assert segment.damaged == []
    assert segment.tail_bytes == path.stat().st_size - whole_bytes


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_commit_that_fails_midway_leaves_nothing_and_can_be_repeated(folder, monkeypatch, code):
    log = log_of(folder)
    log.append([plain(1)])
    whole = os.writev
    room_bytes = [700]

    def writev(descriptor, parts):
        joined = b"".join(parts)[: room_bytes[0]]
        if not joined:
            raise OSError(code, os.strerror(code))
        room_bytes[0] -= len(joined)
        return whole(descriptor, [joined])

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", writev)
        expected = JournalFull if code == errno.ENOSPC else StorageError
        with pytest.raises(expected):
            log.append([plain(2), plain(3)])
    log.append([plain(2), plain(3)])
    log.close()

    segment, _, records = read(segment_path(folder, 1))
    assert sorted(records) == [1, 2, 3]
    assert (segment.damaged, segment.tail_bytes) == ([], 0)


def test_short_writes_are_gone_on_with(folder, monkeypatch):
    whole = os.writev

    def writev(descriptor, parts):
        return whole(descriptor, [b"".join(parts)[:97]])

    monkeypatch.setattr(os, "writev", writev)
    log = log_of(folder)
    keeps = [plain(seq) for seq in range(1, 4)]
    log.append(keeps)
    log.close()

    assert read(segment_path(folder, 1))[2] == {keep.first_seq: keep.record for keep in keeps}


def test_after_a_sync_that_failed_a_new_segment_is_begun(folder, monkeypatch):
    log = log_of(folder)
    log.append([plain(1)])

    def fdatasync(descriptor):
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fdatasync)
        with pytest.raises(StorageError):
            log.append([plain(2)])
    log.append([plain(2)])
    log.close()

    assert [list(read(segment_path(folder, number))[2]) for number in (1, 2)] == [[1], [2]]


def test_a_segment_that_can_not_be_made_leaves_no_file(folder, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "full")

    log = log_of(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(JournalFull):
            log.append([plain(1)])
    assert segment_numbers(folder) == []

    log.append([plain(1)])
    log.close()
    assert list(read(segment_path(folder, 1))[2]) == [1]


FILL = """
import resource, sys
from pathlib import Path
from lunaredge.errors import JournalFull
from lunaredge.runtime.archive.log import SegmentLog
from lunaredge.runtime.archive.settings import ArchiveSettings
from tests.runtime.archive.drawn import plain
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
log = SegmentLog(Path(sys.argv[1]), ArchiveSettings(), 1)
seq = 0
try:
    while True:
        log.append([plain(seq + 1)])
        seq += 1
except JournalFull:
    print(seq)
"""


def test_a_file_that_may_not_grow_is_full_and_keeps_what_it_has(folder):
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(folder)], capture_output=True, text=True, check=True
    )

    segment, _, records = read(segment_path(folder, 1))
    assert len(records) == int(done.stdout) > 3
    assert segment.tail_bytes == 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000
