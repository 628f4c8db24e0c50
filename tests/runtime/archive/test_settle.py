import contextlib
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
from lunaredge.runtime.archive.log import segment_numbers
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rollup_file import Level, RollupWriter
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
from tests.runtime.archive.settling import SMALL, WAIT_S, drawn, settle_all, settled_by_hand


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


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
from tests.runtime.archive.settling import SMALL
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


def test_roll_ups_are_put_together_once_whenever_the_process_dies(folder, monkeypatch):
    whole = Catalog.settle
    for seq in range(1, 40):
        settled_by_hand(folder, [plain(seq)])

    def settle(catalog, settlement, touch_ns):
        if settlement.number not in died:
            died.add(settlement.number)
            raise Killed
        whole(catalog, settlement, touch_ns)

    died: set[int] = set()
    monkeypatch.setattr(Catalog, "settle", settle)
    while segment_numbers(folder):
        with contextlib.suppress(Killed):
            settle_all(folder)

    assert len(died) == 39
    with ArchiveReader.open(folder) as reader:
        for step_ns in (60 * 10**9, 3600 * 10**9):
            given = reader.buckets("dozer-1", "f4.every", 0, 2**61, step_ns)
            assert given.counts.sum() == 39 * 20


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_silence_between_neighbouring_numbers_is_told(folder, is_settled):
    settled_by_hand(folder, [plain(1), plain(2), plain(3, start_ns=MIDNIGHT_NS + DAY_NS), plain(4)])
    if is_settled:
        settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        gaps = reader.gaps(None, 0, 2**62)

    silence = (MIDNIGHT_NS + 3 * SPAN_NS, MIDNIGHT_NS + 4 * SPAN_NS)
    night = (MIDNIGHT_NS + 5 * SPAN_NS, MIDNIGHT_NS + DAY_NS + 3 * SPAN_NS)
    assert [(gap.kind, gap.start_ns, gap.end_ns) for gap in gaps] == [
        ("no_data", *silence),
        ("no_data", *night),
    ]


def test_an_upload_in_which_nothing_changed_speaks_of_its_time_all_the_same(folder):
    still, _ = upload(2, MIDNIGHT_NS + 2 * SPAN_NS, random.Random(1), rows=0, blank_share=0.0)
    settled_by_hand(folder, [plain(1), still, plain(3)])

    settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        assert reader.gaps(None, 0, 2**62) == []
        assert len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns) == 40
