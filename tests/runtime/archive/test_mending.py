"""Damage that is met while an archive goes on: one file's damage must stop nothing else."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.runtime.archive import catalog
from lunaredge.runtime.archive.catalog import Catalog
from lunaredge.runtime.archive.catalog_copy import COPY_NAME
from lunaredge.runtime.archive.database import translated
from lunaredge.runtime.archive.day_file import day_of, day_path
from lunaredge.runtime.archive.log import segment_numbers
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rollup_file import Level
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.archive.works import Works
from tests.runtime.archive.drawn import MIDNIGHT_NS, plain
from tests.runtime.archive.settling import SMALL, WAIT_S, settle_all, settled_by_hand

CHANNEL = "f4.every"
DAY = day_of(MIDNIGHT_NS)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def settled(folder):
    """Give an archive of one segment that is settled, all of it in the files themselves."""
    settled_by_hand(folder, [plain(seq) for seq in range(1, 6)])
    settle_all(folder)
    for path in folder.rglob("*.sqlite"):
        change(path)
    return folder


def change(path, *statements):
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            raw.execute(statement)
        raw.commit()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def settled_further(folder, seq=6):
    """Commit one upload more, have it settled, and give how many samples there are."""
    store = ArchiveStore.open(folder, SMALL)
    try:
        store.commit([plain(seq)])
        assert store.settle(WAIT_S)
    finally:
        store.close()
    return sample_count(folder)


def sample_count(folder, channel=CHANNEL):
    with ArchiveReader.open(folder) as reader:
        return len(reader.samples("dozer-1", channel, 0, 2**62).times_ns)


def problems_of(folder):
    with ArchiveReader.open(folder) as reader:
        return {problem.place: problem.what for problem in reader.problems()}


# --- files that are written into -----------------------------------------------------------------

IN_NAMES = {
    "a newer version": "PRAGMA user_version = 65",
    "a name": "UPDATE nodes SET node = CAST(x'ff' AS TEXT)",
    "a channel's number": "UPDATE series SET id = 1 << 40 WHERE id = 1",
}
IN_SCHEMA = "UPDATE sqlite_master SET sql = replace(sql, {}) WHERE name = '{}'"
DAMAGES = {
    "days": IN_NAMES
    | {
        "a lost column": IN_SCHEMA.format("', crc', ''", "parts"),
        "another word": IN_SCHEMA.format("'number', 'numbes'", "segments"),
        "a table of another name": "UPDATE sqlite_master SET name = 'partt', tbl_name = 'partt',"
        " sql = replace(sql, 'TABLE parts', 'TABLE partt') WHERE name = 'parts'",
    },
    "minutes": IN_NAMES
    | {
        "another column": IN_SCHEMA.format("', crc', ', crb'", "rollups"),
        "another word": IN_SCHEMA.format("'segment', 'segmett'", "rollups"),
    },
}


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, damage) for kind in ("days", "minutes") for damage in DAMAGES[kind]],
)
def test_a_damaged_file_is_put_aside_and_a_fresh_one_is_gone_on_with(settled, kind, damage):
    path = Level.MINUTES.path(settled, "2026-11") if kind == "minutes" else day_path(settled, DAY)
    change(path, DAMAGES[kind][damage])

    settled_further(settled)

    assert f"{kind}/{path.stem}.damaged-1.sqlite" in problems_of(settled)
    assert 20 <= sample_count(settled) <= 120


@pytest.mark.parametrize("bit", [0, 3, 7])
@pytest.mark.parametrize("at", [16, 18, 19, 21, 47, 59, 60, 63])
def test_no_bit_of_a_files_header_stops_settling(settled, at, bit):
    path = day_path(settled, DAY)
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)

    assert settled_further(settled) >= 20


def test_a_damaged_index_of_names_spoils_no_row_to_come(settled):
    path = day_path(settled, DAY)
    content = path.read_bytes()
    # The name stands in the table and in its index: either is damaged, and the other is whole.
    for at in [at for at in range(len(content)) if content.startswith(b"f4.every", at)]:
        tried = settled.with_name(f"at-{at}")
        shutil.copytree(settled, tried)
        day_path(tried, DAY).write_bytes(content[:at] + b"f4.dvery" + content[at + 8 :])

        assert sample_count(tried, "f4.dvery") == 0
        assert "days/2026-11-23.sqlite" in problems_of(tried)
        assert settled_further(tried) == 20
        assert sample_count(tried, "f4.some") > 20
        assert sample_count(tried, "f4.dvery") == 0


def test_a_part_under_a_damaged_number_is_told(settled):
    change(day_path(settled, DAY), "UPDATE parts SET id = id + 1000000")

    assert "days/2026-11-23.sqlite" in problems_of(settled)


def test_a_segments_damaged_times_hide_no_samples(settled):
    change(day_path(settled, DAY), "UPDATE segments SET end_ns = 0, start_ns = 0")

    assert sample_count(settled) == 100
    with ArchiveReader.open(settled) as reader:
        given = reader.samples("dozer-1", CHANNEL, MIDNIGHT_NS, MIDNIGHT_NS + 10**12)
    assert len(given.times_ns) == 100


def test_errors_of_the_medium_and_of_ours_are_no_damage(tmp_path):
    path = tmp_path / "some.sqlite"
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path, timeout=0)) as two:
        one.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Exception, match="locked") as told, translated(path):
            two.execute("BEGIN IMMEDIATE")
        one.execute("ROLLBACK")
        with pytest.raises(JournalCorrupt), translated(path):
            one.execute("INSERT INTO t VALUES (1), (1)")
    assert not isinstance(told.value, JournalCorrupt)


# --- the catalog ---------------------------------------------------------------------------------

CELLS = {
    "a table": "UPDATE tables SET channels = substr(channels, 1, 20) || x'00'"
    " || substr(channels, 22)",
    "no table": "UPDATE tables SET channels = x'c1'",
    "text for a table": "UPDATE tables SET channels = 'x'",
    "a table's digest": "UPDATE tables SET digest = x'00'",
    "who used it": "UPDATE used SET digest = x'00'",
    "when it was used": "UPDATE used SET start_ns = 'x'",
    "how far it is settled": "UPDATE meta SET value = 9 WHERE key = 'settled_through'",
    "what settled means": "UPDATE meta SET key = 'settlad_through' WHERE key = 'settled_through'",
    "a number that is none": "UPDATE meta SET value = x'01' WHERE key = 'settled_through'",
    "a name": "UPDATE coverage SET node = CAST(x'ff' AS TEXT)",
    "a kind": "UPDATE coverage SET kind = CAST(x'ff' AS TEXT)",
    "a day": "INSERT INTO written VALUES ('x', 1)",
    "what expired": "INSERT INTO expired VALUES (1, 'x', 'age')",
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_damaged_cell_of_the_catalog_is_mended_from_the_copy(settled, cell):
    settled_by_hand(settled, [plain(7)])  # what would be deleted as settled
    change(settled / catalog.NAME, CELLS[cell])

    assert settled_further(settled) == 140
    assert "its copy took its place" in problems_of(settled)["catalog.damaged-1.sqlite"]


@pytest.mark.parametrize("cell", [cell for cell in CELLS if "UPDATE meta" not in CELLS[cell]])
def test_a_reader_goes_on_with_a_damaged_cell_and_tells_of_it(settled, cell):
    for name in (catalog.NAME, COPY_NAME):
        change(settled / name, CELLS[cell])

    with ArchiveReader.open(settled) as reader:
        assert sample_count(settled) == 100
        assert CHANNEL in {info.name for info in reader.channels("dozer-1")}
        assert reader.gaps("dozer-1", 0, 2**62, verify=True) is not None
        assert any(problem.place.startswith("catalog.sqlite: ") for problem in reader.problems())


WHOLE_FILES = {
    "no file": None,
    "an empty file": b"",
    "another file": b"no database" * 1_000,
    "a file cut short": 8_192,
}


@pytest.mark.parametrize("damage", [*CELLS, *WHOLE_FILES])
def test_a_reader_goes_by_the_copy_of_a_damaged_catalog(settled, damage):
    settled_by_hand(settled, [plain(7)])  # in the log alone
    path = settled / catalog.NAME
    if damage in CELLS:
        change(path, CELLS[damage])
    else:
        content = WHOLE_FILES[damage]
        whole = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(whole[:content] if isinstance(content, int) else content)

    with ArchiveReader.open(settled) as reader:
        assert len(reader.samples("dozer-1", CHANNEL, 0, 2**62).times_ns) == 120
        assert [covered.stretch.last_seq for covered in reader.coverage("dozer-1")] == [5, 7]
        assert reader.catalog_fault
        assert [problem.place for problem in reader.problems()] == [catalog.NAME]
    assert not list(settled.glob("*.damaged-*")), "a reader mends nothing"


BEHIND = {
    "put back from long ago": "UPDATE meta SET value = 0 WHERE key LIKE 'settled_through'",
    "of another version": "PRAGMA user_version = 2",
    "without its meta": "DELETE FROM meta",
}


@pytest.mark.parametrize("damage", BEHIND)
def test_a_reader_goes_by_a_copy_that_knows_more(settled, damage):
    change(settled / catalog.NAME, BEHIND[damage], "DELETE FROM meta WHERE key LIKE '%_crc'")

    with ArchiveReader.open(settled) as reader:
        assert len(reader.samples("dozer-1", CHANNEL, 0, 2**62).times_ns) == 100
        assert reader.catalog_fault


def test_a_reader_by_the_copy_goes_on_when_that_takes_the_catalogs_place(settled):
    (settled / catalog.NAME).unlink()
    with ArchiveReader.open(settled) as reader:
        assert "gone" in reader.catalog_fault
        (settled / COPY_NAME).rename(settled / catalog.NAME)
        (settled / COPY_NAME).write_bytes((settled / catalog.NAME).read_bytes())
        (settled / COPY_NAME).unlink()

        assert len(reader.samples("dozer-1", CHANNEL, 0, 2**62).times_ns) == 100
        assert not reader.catalog_fault
        (settled / catalog.NAME).unlink()
        with pytest.raises(StorageError, match=r"catalog\.sqlite is missing"):
            reader.nodes()


@pytest.mark.parametrize("content", [None, b"", b"no database" * 1_000], ids=["no", "empty", "bad"])
def test_a_settled_archive_is_not_begun_anew_over_its_samples(settled, content):
    for name in (catalog.NAME, COPY_NAME):
        (settled / name).unlink()
        if content is not None:
            (settled / name).write_bytes(content)
    blocks = {path: path.read_bytes() for path in settled.rglob("*.blocks")}

    for _ in range(2):
        with pytest.raises(JournalCorrupt, match="restore the folder from a copy"):
            ArchiveStore.open(settled, SMALL)

    assert blocks
    assert all(path.read_bytes() == content for path, content in blocks.items())


def test_a_kill_while_the_first_segment_is_settled_is_no_lost_catalog(folder):
    settled_by_hand(folder, [plain(1)])
    before = (folder / catalog.NAME).read_bytes() if (folder / catalog.NAME).exists() else None
    shutil.copytree(folder, folder.with_name("killed"))
    settle_all(folder)
    shutil.copytree(folder / "days", folder.with_name("killed") / "days", dirs_exist_ok=True)
    assert before is None or (folder.with_name("killed") / catalog.NAME).exists()

    assert settled_further(folder.with_name("killed"), seq=2) == 40


def test_a_catalog_that_goes_bad_does_not_spoil_its_copy(settled):
    change(settled / catalog.NAME, "UPDATE coverage SET crc = crc + 1")
    settled_by_hand(settled, [plain(6)])
    works = Works(settled, SMALL)
    with pytest.raises(JournalCorrupt, match="checksums of 1 rows"):
        works.settle(segment_numbers(settled)[0])
    works.close()

    with ArchiveReader.open(settled) as reader:
        assert [each.stretch.last_seq for each in reader.coverage("dozer-1")] == [6]
        assert reader.catalog_fault
    assert settled_further(settled, seq=7) == 140


def test_numbers_that_a_damaged_catalog_can_not_tell_are_a_gap(settled):
    for name in (catalog.NAME, COPY_NAME):
        change(settled / name, "UPDATE coverage SET crc = crc + 1")

    with ArchiveReader.open(settled) as reader:
        (gap,) = reader.gaps("dozer-1", 0, 2**62)

    assert (gap.node, gap.kind, gap.end_ns) == ("dozer-1", "damaged", 0)


def test_nothing_is_deleted_where_nobody_knows_what_is_settled(settled):
    settled_by_hand(settled, [plain(7)])
    for name in (catalog.NAME, COPY_NAME):
        change(settled / name, CELLS["how far it is settled"])

    with pytest.raises(JournalCorrupt, match="restore the folder"):
        ArchiveStore.open(settled, SMALL)

    assert segment_numbers(settled) == [2]


def test_a_catalog_of_an_older_program_is_accepted(settled):
    for name in (catalog.NAME, COPY_NAME):
        change(settled / name, "DELETE FROM meta WHERE key = 'settled_through_crc'")

    assert settled_further(settled) == 120
    assert problems_of(settled) == {}
    with closing(Catalog.open(settled)) as opened:
        assert opened.settled_through() == 2


def test_a_catalog_that_is_damaged_in_between_holds_nothing_up(settled, monkeypatch):
    monkeypatch.setattr("lunaredge.runtime.archive.settler.RETRY_WAIT_S_MIN", 0.01)
    store = ArchiveStore.open(settled, SMALL)
    with closing(sqlite3.connect(settled / catalog.NAME)) as raw:
        raw.execute(CELLS["how far it is settled"])
        raw.commit()

    store.commit([plain(6)])

    assert store.settle(WAIT_S)
    store.close()
    assert sample_count(settled) == 120


def test_a_table_that_no_copy_has_costs_no_segment_to_come(settled):
    for name in (catalog.NAME, COPY_NAME):
        change(settled / name, CELLS["no table"])

    assert settled_further(settled) == 120
    assert not list((settled / "intake").iterdir())
    assert problems_of(settled) == {}
