import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest

from lunaredge.node import KeepKind
from lunaredge.runtime.archive.catalog import Catalog
from lunaredge.runtime.archive.day_file import DAY_NS, DayWriter, day_of, day_path
from lunaredge.runtime.archive.log import SegmentLog, segment_numbers, segment_path
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rollup_file import Level, RollupWriter
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.settle import Press
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.archive.works import Works
from lunaredge.wire.telemetry import CHANNELS_MAX, Channel, Dtype
from tests.runtime.archive.drawn import (
    BOOT,
    MIDNIGHT_NS,
    SPAN_NS,
    as_text,
    marker,
    plain,
    samples_of,
    upload,
)

SMALL = ArchiveSettings(
    segment_bytes_max=8 * 1024 * 1024, gather_bytes_max=64 * 1024, block_rows_max=128
)
WAIT_S = 30.0


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def drawn(seed, count=60):
    """Give uploads of two nodes over three days: in order, late, at midnight; and their samples."""
    rng = random.Random(seed)
    keeps, told, seqs = [], [], {"dozer-1": 0, "rover-2": 0}
    for _ in range(count):
        node = rng.choice(sorted(seqs))
        seqs[node] += 1
        start_ns = MIDNIGHT_NS + rng.choice((-1, 0, 1)) * DAY_NS
        start_ns += rng.choice((-SPAN_NS // 2, rng.randrange(DAY_NS)))
        late, rows = rng.random() < 0.3, rng.choice((0, 1, 2, 40))
        keep, own = upload(seqs[node], start_ns, rng, node=node, late=late, rows=rows or 1)
        keeps.append(keep)
        told += own
    return keeps, told


def settled_by_hand(folder, keeps, settings=SMALL):
    """Put uploads into segment 1 of an archive, which nothing settles."""
    if not folder.exists():
        ArchiveStore.open(folder, settings).close()
    with closing(Catalog.open(folder)) as catalog:
        through = catalog.settled_through()
    log = SegmentLog(folder, settings, max([through, *segment_numbers(folder)]) + 1)
    log.append(keeps)
    log.close()


def settle_all(folder, settings=SMALL):
    works = Works(folder, settings)
    try:
        for number in segment_numbers(folder):
            works.settle(number)
    finally:
        works.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_was_kept_is_read_before_and_after_it_is_settled(folder, seed):
    keeps, told = drawn(seed)
    store = ArchiveStore.open(folder, SMALL)
    store.commit(keeps[:20])
    assert store.settle(WAIT_S)
    store.commit(keeps[20:])

    with ArchiveReader.open(folder) as reader:
        half_settled = samples_of(reader, told)
        assert store.settle(WAIT_S)
        settled = samples_of(reader, told)
        days = {day_of(each.time_ns) for each in told}
        problems = reader.problems()
    store.close()

    assert as_text(half_settled) == as_text(told)
    assert as_text(settled) == as_text(told)
    assert sorted(path.name for path in (folder / "days").glob("*.sqlite")) == [
        day_path(folder, day).name for day in sorted(days)
    ]
    assert problems == []
    assert segment_numbers(folder) == []


def contents(folder):
    """Give all that is in an archive but its log, whatever the pages it lies on."""
    found = {}
    for path in sorted(folder.rglob("*.sqlite")):
        if path.name == "archive.sqlite":
            continue
        with closing(sqlite3.connect(path)) as raw:
            names = [
                row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
            found[path.name] = {
                name: sorted(map(repr, raw.execute(f"SELECT * FROM {name}")))
                for name in sorted(names)
            }
    for path in sorted(folder.rglob("*.blocks")):
        found[str(path.relative_to(folder))] = path.read_bytes()
    return found


class Killed(BaseException):
    """The process died here."""


def test_settling_that_dies_at_any_step_comes_to_the_same_archive(tmp_path, monkeypatch):
    keeps, told = drawn(11, 30)
    keeps += [marker(900, 904), marker(905, 905, KeepKind.QUARANTINED)]
    whole = tmp_path / "whole"
    settled_by_hand(whole, keeps)
    settle_all(whole)
    expected = contents(whole)
    folder = tmp_path / "archive"
    settled_by_hand(folder, keeps)

    deaths = 0
    while segment_numbers(folder):
        with monkeypatch.context() as patch:
            _die_at(patch, deaths)
            try:
                settle_all(folder)
            except Killed:
                deaths += 1
                assert deaths < 500, "it never comes to an end"

    assert deaths > 20
    assert contents(folder) == expected
    with ArchiveReader.open(folder) as reader:
        assert as_text(samples_of(reader, told)) == as_text(told)


def _die_at(patch, step):
    """Have the process die at the so-manieth thing that it does to the disk."""
    left = [step]

    def dying(whole):
        def call(*arguments, **named):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return whole(*arguments, **named)

        return call

    for name in ("open", "writev", "fsync", "unlink"):
        patch.setattr(os, name, dying(getattr(os, name)))
    patch.setattr(Catalog, "settle", dying(Catalog.settle))
    for kind in (DayWriter, RollupWriter):
        for name in ("begin", "add", "finish"):
            patch.setattr(kind, name, dying(getattr(kind, name)))


SETTLE = """
import sys
from pathlib import Path
from lunaredge.runtime.archive.store import ArchiveStore
from tests.runtime.archive.test_settle import SMALL
store = ArchiveStore.open(Path(sys.argv[1]), SMALL)
print("began", flush=True)
store.settle(60)
store.close()
print("ended", flush=True)
"""


def test_a_process_killed_while_it_settles_loses_and_doubles_nothing(tmp_path):
    keeps, told = drawn(5, 400)
    folder = tmp_path / "archive"
    settled_by_hand(folder, keeps[:200])
    settled_by_hand(folder, keeps[200:])
    rng = random.Random(3)

    said, kills = "", 0
    while "ended" not in said:
        child = subprocess.Popen(
            [sys.executable, "-c", SETTLE, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        try:
            said, _ = child.communicate(timeout=0.05 * kills * rng.random() if kills < 12 else 60)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
            kills += 1

    assert kills > 2
    with ArchiveReader.open(folder) as reader:
        assert as_text(samples_of(reader, told)) == as_text(told)
        assert reader.problems() == []
    counted = kept_counts(folder)
    assert sum(counted.values()) == sum(keep.count for keep in keeps)


def kept_counts(folder):
    with closing(ArchiveStore.open(folder, SMALL)) as store:
        rows = [row for row in store.rows() if row.table == "kept"]
    values = [msgspec.msgpack.decode(row.value) for row in rows]
    return {(row.scope, value[0]): value[3] for row, value in zip(rows, values, strict=True)}


def test_what_is_in_two_segments_is_settled_once(folder):
    keep, told = upload(1, MIDNIGHT_NS + SPAN_NS, random.Random(1), blank_share=0.0)
    settled_by_hand(folder, [keep, keep])
    settled_by_hand(folder, [keep, plain(2)])

    with ArchiveReader.open(folder) as reader:
        before = [len(each.times_ns) for each in _every(reader)]
    settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        assert as_text(samples_of(reader, told))[: len(told)] != []
        assert [len(each.times_ns) for each in _every(reader)] == before == [40]
        assert [each.stretch.samples for each in reader.coverage("dozer-1")] == [40]
        counted = reader.buckets("dozer-1", "f4.every", 0, 2**62, 3600 * 10**9)
    assert counted.counts.sum() == 40


def _every(reader):
    return [reader.samples("dozer-1", "f4.every", 0, 2**62)]


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


def test_a_segment_that_speaks_of_more_days_than_can_be_open_is_settled(folder):
    keeps = [plain(seq, start_ns=MIDNIGHT_NS + seq * DAY_NS) for seq in range(1, 31)]
    second = [
        plain(seq, start_ns=MIDNIGHT_NS + (seq - 30) * DAY_NS, node="rover-2")
        for seq in range(31, 61)
    ]
    settled_by_hand(folder, [*keeps, *second])

    settle_all(folder, msgspec.structs.replace(SMALL, raw_days=1000))

    with ArchiveReader.open(folder) as reader:
        for node in ("dozer-1", "rover-2"):
            assert len(reader.samples(node, "f4.every", 0, 2**62).times_ns) == 30 * 20
        assert reader.problems() == []


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


@pytest.mark.parametrize("what", ["empty", "gone"])
def test_a_day_file_that_lost_its_rows_is_told(folder, what):
    settled_by_hand(folder, [plain(1)])
    settle_all(folder)
    path = day_path(folder, day_of(MIDNIGHT_NS))
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    path.unlink()
    if what == "empty":
        path.touch()

    with ArchiveReader.open(folder) as reader:
        told = [(problem.place, problem.what) for problem in reader.problems()]

    assert told == [("days/2026-11-23.sqlite", "1 segments are not there, 1 the first of them")]


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


def test_a_table_of_all_kinds_of_width_comes_back(folder):
    table = tuple(
        Channel(name=f"c{index}", unit="", dtype=list(Dtype)[index % 5])
        for index in range(CHANNELS_MAX)
    )
    keep, told = upload(1, MIDNIGHT_NS, random.Random(9), table=table, rows=300)
    settled_by_hand(folder, [keep])

    settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        assert as_text(samples_of(reader, told)) == as_text(told)


def test_roll_ups_of_many_segments_are_put_together_and_stay_what_they_are(folder):
    keeps = [plain(seq, boot=BOOT) for seq in range(1, 70)]
    works = None
    for keep in keeps:
        settled_by_hand(folder, [keep])
    works = Works(folder, SMALL)
    for number in segment_numbers(folder):
        works.settle(number)
    works.close()

    with closing(sqlite3.connect(Level.HOURS.path(folder, "2026"))) as raw:
        (rows,) = raw.execute("SELECT count(*) FROM rollups").fetchone()
    with ArchiveReader.open(folder) as reader:
        given = reader.buckets("dozer-1", "f4.every", 0, 2**62, 3600 * 10**9)
        samples = reader.samples("dozer-1", "f4.every", 0, 2**62)
    assert rows <= 33
    assert given.counts.tolist() == [69 * 20]
    assert given.maxs.tolist() == [samples.values.max()]
    assert given.lasts.tolist() == [samples.values[-1]]
