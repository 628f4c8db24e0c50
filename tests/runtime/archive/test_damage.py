import random
import shutil
import sqlite3
from contextlib import closing

import msgspec
import numpy as np
import pytest

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.runtime.archive import catalog
from lunaredge.runtime.archive.catalog_copy import COPY_NAME
from lunaredge.runtime.archive.day_file import DAY_NS, day_of, day_path
from lunaredge.runtime.archive.log import segment_path
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rollup_file import Level
from lunaredge.runtime.archive.settle import Press
from lunaredge.runtime.archive.store import KEPT_TABLE, ArchiveStore
from lunaredge.runtime.archive.works import Works
from lunaredge.wire.records import decode_record, encode_record
from tests.runtime.archive.drawn import (
    MIDNIGHT_NS,
    SPAN_NS,
    as_text,
    marker,
    plain,
    samples_of,
    upload,
)
from tests.runtime.archive.settling import SMALL, WAIT_S, drawn, settle_all, settled_by_hand


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def test_uploads_that_can_not_be_read_are_kept_as_they_came(folder):
    sound, told = upload(1, MIDNIGHT_NS + SPAN_NS, random.Random(1), blank_share=0.0)
    garbage = msgspec.structs.replace(plain(2), record=b"\x93garbage")
    other = msgspec.structs.replace(plain(3), channels=sound.channels[:3])
    tableless = msgspec.structs.replace(plain(4), channels=())
    settled_by_hand(folder, [sound, garbage, other, tableless])

    settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        kinds = {(gap.first_seq, gap.kind, gap.reason[:8]) for gap in reader.gaps(None, 0, 2**62)}
        assert as_text(samples_of(reader, told)) == as_text(told)
    assert kinds == {
        (2, "quarantined", "garbage:"),
        (3, "quarantined", "columns"),
        (4, "quarantined", "no table"),
    }
    with closing(sqlite3.connect(day_path(folder, day_of(MIDNIGHT_NS)))) as raw:
        records = [row[0] for row in raw.execute("SELECT record FROM records ORDER BY id")]
    assert records == [garbage.record, other.record, tableless.record]


def test_a_damaged_day_file_loses_only_itself(folder):
    tomorrow_ns = MIDNIGHT_NS + DAY_NS
    settled_by_hand(folder, [plain(1), plain(2, start_ns=tomorrow_ns)])
    settle_all(folder)
    path = day_path(folder, day_of(MIDNIGHT_NS))
    path.write_bytes(b"this is no database" * 100)
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)

    settled_by_hand(folder, [plain(3)])
    settle_all(folder)

    aside = path.with_name("2026-11-23.damaged-1.sqlite")
    assert aside.read_bytes().startswith(b"this is no database")
    with ArchiveReader.open(folder) as reader:
        given = reader.samples("dozer-1", "f4.every", 0, 2**62)
        places = {problem.place for problem in reader.problems()}
        damaged = [gap for gap in reader.gaps(None, 0, 2**62) if gap.kind == "damaged"]
    assert len(given.times_ns) == 40
    assert {"days/2026-11-23.sqlite", "days/2026-11-23.damaged-1.sqlite"} <= places
    assert [(gap.node, gap.start_ns >= MIDNIGHT_NS) for gap in damaged] == [("dozer-1", True)]


def test_a_damaged_block_loses_only_itself_and_is_told(folder):
    settled_by_hand(folder, [plain(seq) for seq in range(1, 40)])
    settle_all(folder)
    (path,) = folder.rglob("*.blocks")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with ArchiveReader.open(folder) as reader:
        given = {
            info.name: len(reader.samples("dozer-1", info.name, 0, 2**62).times_ns)
            for info in reader.channels("dozer-1")
        }
        problems = reader.problems()
        damaged = [
            gap for gap in reader.gaps("dozer-1", 0, 2**62, verify=True) if gap.kind == "damaged"
        ]

    every = [count for name, count in given.items() if name.endswith("every")]
    assert sorted(every)[1:] == [39 * 20] * 4
    assert sum(given.values()) < 39 * 20 * 5 * 1.4
    assert [problem.place for problem in problems] == ["days/2026-11-23.sqlite"]
    assert [(gap.start_ns, gap.end_ns) for gap in damaged] == [
        (problems[0].start_ns, problems[0].end_ns)
    ]


SHORT = {
    "empty": "1 segments are not there, 1 the first of them",
    "gone": "the file is gone",
    "empty, then written into": "1 segments are not there, 1 the first of them",
    "without its blocks": "segment 1: its blocks are gone",
}


@pytest.mark.parametrize("what", SHORT)
def test_a_day_file_that_lost_its_rows_is_told_by_whoever_reads(folder, what):
    settled_by_hand(folder, [plain(1)])
    settle_all(folder)
    path = day_path(folder, day_of(MIDNIGHT_NS))
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    if what == "without its blocks":
        for blocks in folder.rglob("*.blocks"):
            blocks.write_bytes(b"")
    else:
        path.unlink()
    if what.startswith("empty"):
        path.touch()
    if what.endswith("into"):
        settled_by_hand(folder, [plain(2)])
        settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        reader.samples("dozer-1", "f4.every", 0, 2**62)
        assert reader.lost
        damaged = [gap for gap in reader.gaps(None, 0, 2**62) if gap.kind == "damaged"]
        assert [gap.reason for gap in damaged] == [f"days/2026-11-23.sqlite: {SHORT[what]}"]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("is_written", [False, True], ids=["read", "written into"])
@pytest.mark.parametrize("what", ["empty", "gone"])
def test_a_roll_up_that_is_not_there_is_made_of_the_samples(folder, level, what, is_written):
    settled_by_hand(folder, [plain(1)])
    settle_all(folder)
    (path,) = (folder / level.value).glob("*.sqlite")
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    path.unlink()
    if what == "empty":
        path.touch()
    for seq in (2, 2) if is_written else ():
        settled_by_hand(folder, [plain(seq)])
        settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        told = reader.buckets(
            "dozer-1", "f4.every", MIDNIGHT_NS, MIDNIGHT_NS + 2 * SPAN_NS, level.step_ns
        )
        problems = [problem.place for problem in reader.problems()]

    assert told.counts.sum() == (40 if is_written else 20)
    assert problems == ([f"{level.value}/{path.stem}.damaged-1.sqlite"] if is_written else [])


@pytest.mark.parametrize("is_kept", [True, False], ids=["read", "settled"])
def test_a_log_of_which_nothing_can_be_read_is_told_and_kept(folder, is_kept):
    settled_by_hand(folder, [plain(1)])
    path = segment_path(folder, 1)
    path.write_bytes(b"garbage!" * 1_000)
    if not is_kept:
        store = ArchiveStore.open(folder, SMALL)
        store.commit([plain(2)])
        assert store.settle(WAIT_S)
        store.close()
        assert path.with_suffix(".aside").read_bytes() == b"garbage!" * 1_000

    with ArchiveReader.open(folder) as reader:
        (problem,) = reader.log_problems()

    assert problem.place.startswith("intake/00000001.")
    assert "8000 bytes" in problem.what


def test_a_segment_that_was_only_begun_is_no_damage(folder):
    settled_by_hand(folder, [plain(1)])
    segment_path(folder, 2).write_bytes(b"")
    segment_path(folder, 3).write_bytes(b"LEDG")

    with ArchiveReader.open(folder) as reader:
        assert reader.log_problems() == []


def test_damaged_entries_of_a_segment_are_told_and_the_rest_is_settled(folder):
    settled_by_hand(folder, [plain(seq) for seq in range(1, 20)])
    path = segment_path(folder, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        assert len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns) == 18 * 20
        (problem,) = reader.problems()
        (hole,) = [gap for gap in reader.gaps(None, 0, 2**62) if gap.kind == "outstanding"]
    assert problem.place.startswith("intake/00000001.log@")
    assert hole.first_seq == hole.last_seq


def test_a_segment_that_is_gone_holds_up_no_other(folder):
    settled_by_hand(folder, [plain(1)])
    settled_by_hand(folder, [plain(2)])
    segment_path(folder, 1).unlink()
    works = Works(folder, SMALL)

    works.settle(1)
    works.settle(2)
    works.close()

    with ArchiveReader.open(folder) as reader:
        assert len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns) == 20
        assert [problem.place for problem in reader.problems()] == ["intake/00000001.log"]


def test_a_mistake_of_ours_puts_a_segment_aside_and_the_next_is_settled(folder, monkeypatch):
    monkeypatch.setattr("lunaredge.runtime.archive.settler.RETRY_WAIT_S_MIN", 0.01)
    whole = Press.settle

    def settle(press, path, go_on):
        if path.name == "00000001.log":
            raise ZeroDivisionError("ours")
        return whole(press, path, go_on)

    monkeypatch.setattr(Press, "settle", settle)
    store = ArchiveStore.open(folder, SMALL)
    store.commit([plain(1)])
    assert store.settle(WAIT_S)
    store.commit([plain(2)])
    assert store.settle(WAIT_S)
    store.close()

    assert (folder / "intake" / "00000001.aside").exists()
    with ArchiveReader.open(folder) as reader:
        (problem,) = reader.problems()
        assert [each.stretch.last_seq for each in reader.coverage("dozer-1")] == [2]
    assert "ours" in problem.what


def test_a_day_that_a_segment_comes_back_to_is_gone_on_with(folder):
    # More days than are open at once, twice: each file is closed and opened again.
    keeps = [
        plain(30 * late + day + 1, start_ns=MIDNIGHT_NS + day * DAY_NS, late=bool(late))
        for late in (0, 1)
        for day in range(30)
    ]
    settled_by_hand(folder, [*keeps, marker(70, 70), marker(71, 71)])

    settle_all(folder, msgspec.structs.replace(SMALL, raw_days=1000))

    with ArchiveReader.open(folder) as reader:
        given = reader.samples("dozer-1", "f4.every", 0, 2**62)
        assert reader.problems() == []
    assert len(given.times_ns) == 2 * 30 * 20
    assert given.late.sum() == 30 * 20


def hostile(batch):
    """Give batches that lie, by what is wrong with each."""
    change = msgspec.structs.replace
    rows = np.frombuffer(batch.rows, "<u2")
    counts = np.frombuffer(batch.counts, "<u2")
    full = counts.copy()
    full[full < 20] = 20
    return {
        "odd times": change(batch, times_ns=batch.times_ns[:-1]),
        "odd rows": change(batch, rows=batch.rows + b"x"),
        "odd blanks": change(batch, blanks=b"xx"),
        "few counts": change(batch, counts=batch.counts[:-2]),
        "more counted than rows": change(batch, counts=(counts * 30).astype("<u2").tobytes()),
        "few values": change(batch, values=batch.values[:-1]),
        "few row numbers": change(batch, rows=batch.rows[:-2]),
        "row numbers of nothing": change(
            batch, counts=full.tobytes(), values=bytes(20 * 3 * (4 + 8 + 4 + 8 + 1))
        ),
        "a row that is none": change(batch, rows=np.full_like(rows, 20).tobytes()),
        "a blank of no row": change(batch, blanks=np.array([20, 0], "<u2").tobytes()),
        "a blank of no channel": change(batch, blanks=np.array([0, 99], "<u2").tobytes()),
        "time that falls": change(batch, times_ns=batch.times_ns[8:] + batch.times_ns[:8]),
    }


SOUND = decode_record(plain(2).record)


@pytest.mark.parametrize("flaw", hostile(SOUND))
def test_a_batch_that_lies_is_kept_as_it_came_and_spoils_no_other(folder, flaw):
    liar = msgspec.structs.replace(plain(2), record=encode_record(hostile(SOUND)[flaw]))
    settled_by_hand(folder, [plain(1), liar, plain(3)])

    settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        assert len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns) == 40
        found = [
            (gap.first_seq, gap.reason) for gap in reader.gaps(None, 0, 2**62) if gap.first_seq
        ]
        assert reader.problems() == []
    assert found == [(2, "columns")]
    with closing(sqlite3.connect(day_path(folder, day_of(MIDNIGHT_NS)))) as raw:
        assert raw.execute("SELECT record FROM records").fetchall() == [(liar.record,)]


PAGE_BYTES = 16_384

# --- the catalog ---------------------------------------------------------------------------------


@pytest.fixture
def settled_twice(folder):
    """Give an archive of two segments, settled in two lives, and its samples."""
    told = []
    for seq in (1, 2):
        keep, own = upload(seq, MIDNIGHT_NS + seq * SPAN_NS, random.Random(seq), blank_share=0.0)
        told += own
        store = ArchiveStore.open(folder, SMALL)
        store.commit([keep])
        assert store.settle(WAIT_S)
        store.close()
    return told


def check_nothing_is_lost(folder, told):
    store = ArchiveStore.open(folder, SMALL)
    kept = [row.number for row in store.rows() if row.table == KEPT_TABLE]
    third, own = upload(3, MIDNIGHT_NS + 3 * SPAN_NS, random.Random(3), blank_share=0.0)
    store.commit([third])
    assert store.settle(WAIT_S)
    store.close()

    assert kept == [2]
    with ArchiveReader.open(folder) as reader:
        assert as_text(samples_of(reader, told + own)) == as_text(told + own)
        return reader.problems()


@pytest.mark.parametrize("name", [catalog.NAME, COPY_NAME])
def test_a_damaged_page_of_the_catalog_or_its_copy_loses_nothing(folder, settled_twice, name):
    whole = (folder / name).read_bytes()
    for page in range(len(whole) // PAGE_BYTES):
        tried = folder.with_name(f"page-{page}")
        shutil.copytree(folder, tried)
        begin = page * PAGE_BYTES
        spoilt = random.Random(page).randbytes(PAGE_BYTES)
        (tried / name).write_bytes(whole[:begin] + spoilt + whole[begin + PAGE_BYTES :])

        problems = check_nothing_is_lost(tried, settled_twice)

        # A page that nothing stands on may be damaged unseen.
        assert {problem.place for problem in problems} <= {"catalog.damaged-1.sqlite"}
        assert problems or name == COPY_NAME or page


def test_a_flipped_bit_in_a_row_of_the_catalog_is_mended_from_the_copy(folder, settled_twice):
    with closing(sqlite3.connect(folder / catalog.NAME)) as raw:
        raw.execute("UPDATE coverage SET last_seq = 4")
        raw.commit()

    (problem,) = check_nothing_is_lost(folder, settled_twice)

    assert "checksums of 1 rows fail" in problem.what


def test_a_catalog_that_is_gone_is_taken_from_its_copy(folder, settled_twice):
    (folder / catalog.NAME).unlink()

    (problem,) = check_nothing_is_lost(folder, settled_twice)

    assert (problem.place, problem.what[-10:]) == (catalog.NAME, "it is gone")


def test_an_older_catalog_is_replaced_by_its_newer_copy(folder, settled_twice):
    with closing(sqlite3.connect(folder / catalog.NAME)) as raw:
        raw.execute("UPDATE meta SET value = 1 WHERE key = 'settled_through'")
        raw.execute("DELETE FROM meta WHERE key = 'settled_through_crc'")
        raw.commit()

    (problem,) = check_nothing_is_lost(folder, settled_twice)

    assert "it is settled through 1, its copy through 2" in problem.what


def test_a_damaged_catalog_without_a_sound_copy_is_refused(folder, settled_twice):
    for name in (catalog.NAME, COPY_NAME):
        (folder / name).write_bytes(b"x" * 40_000)

    with pytest.raises(JournalCorrupt, match=r"catalog\.sqlite"):
        ArchiveStore.open(folder, SMALL)


# --- what is gone --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["intake", "days", "minutes", "hours"])
def test_an_archive_of_which_a_folder_is_gone_does_not_pass_for_a_whole_one(folder, name):
    settled_by_hand(folder, [plain(1)])
    settle_all(folder)
    shutil.rmtree(folder / name)

    with pytest.raises(StorageError, match=f"{name} is gone"):
        ArchiveReader.open(folder)


def test_a_days_file_that_is_gone_is_a_gap(folder):
    settled_by_hand(folder, [plain(1), plain(2)])
    settle_all(folder)
    day_path(folder, day_of(MIDNIGHT_NS)).unlink()

    with ArchiveReader.open(folder) as reader:
        gaps = reader.gaps("dozer-1", 0, 2**62)

    assert [(gap.kind, "the file is gone" in gap.reason) for gap in gaps] == [("damaged", True)]


def test_who_reads_damaged_samples_is_told_so(folder):
    keeps, _ = drawn(3, 20)
    settled_by_hand(folder, keeps)
    settle_all(folder)
    for path in folder.rglob("*.blocks"):
        path.write_bytes(bytes(path.stat().st_size))

    with ArchiveReader.open(folder) as reader:
        assert not len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns)
        assert reader.lost
