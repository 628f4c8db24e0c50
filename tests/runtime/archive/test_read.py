import math
import random
import shutil
import threading
from contextlib import closing

import msgspec
import numpy as np
import pytest

from lunaredge.errors import QueryError, StorageError
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.read import ArchiveReader, ChannelInfo
from lunaredge.runtime.archive.rollup_file import Level
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.units import NS_PER_S
from lunaredge.wire.records import encode_record
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series, pack
from tests.runtime.archive.drawn import (
    BOOT,
    MIDNIGHT_NS,
    SPAN_NS,
    TABLE,
    marker,
    plain,
    upload,
)
from tests.runtime.archive.settling import WAIT_S, drawn

MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS
EVER = (0, 2**62)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def archived(folder, keeps, *, is_settled=True, settings=None):
    store = ArchiveStore.open(folder, settings)
    store.commit(keeps)
    assert not is_settled or store.settle(WAIT_S)
    store.close()


def naive_buckets(told, node, channel, step_ns):
    found = {}
    for each in sorted(
        (each for each in told if (each.node, each.channel) == (node, channel)),
        key=lambda each: each.time_ns,
    ):
        if not math.isnan(each.value):
            found.setdefault(each.time_ns // step_ns * step_ns, []).append(each.value)
    return {
        start: (len(values), min(values), max(values), values[-1])
        for start, values in sorted(found.items())
    }


def as_buckets(given):
    columns = [column.tolist() for column in given]
    return {start: tuple(rest) for start, *rest in zip(*columns, strict=True)}


@pytest.mark.parametrize("step_ns", [7 * NS_PER_S, MINUTE_NS, 5 * MINUTE_NS, HOUR_NS, 24 * HOUR_NS])
@pytest.mark.parametrize("settled_count", [0, 25, 60])
def test_buckets_are_what_a_plain_walk_over_the_samples_comes_to(folder, step_ns, settled_count):
    keeps, told = drawn(21)
    store = ArchiveStore.open(folder)
    for start in range(0, settled_count, 5):
        store.commit(keeps[start : start + 5])
        assert store.settle(WAIT_S)
    if settled_count < len(keeps):
        store.commit(keeps[settled_count:])
    store.close()

    with ArchiveReader.open(folder) as reader:
        low_ns, high_ns = MIDNIGHT_NS - 2 * 24 * HOUR_NS, MIDNIGHT_NS + 3 * 24 * HOUR_NS
        for node in reader.nodes():
            for channel in TABLE:
                given = reader.buckets(node, channel.name, low_ns, high_ns, step_ns)
                assert as_buckets(given) == naive_buckets(told, node, channel.name, step_ns)


def test_buckets_stay_when_the_samples_have_expired(folder):
    settings = ArchiveSettings(raw_days=1)
    day_ns = 24 * HOUR_NS
    store = ArchiveStore.open(folder, settings)
    for day in range(6):
        store.commit([plain(day + 1, start_ns=MIDNIGHT_NS + day * day_ns)])
        assert store.settle(WAIT_S)
    store.close()

    with ArchiveReader.open(folder) as reader:
        assert len(reader.samples("dozer-1", "f4.every", *EVER).times_ns) == 2 * 20
        for step_ns in (MINUTE_NS, HOUR_NS):
            given = reader.buckets("dozer-1", "f4.every", 0, 2**61, step_ns)
            assert given.counts.tolist() == [20] * 6
        gaps = [gap for gap in reader.gaps("dozer-1", *EVER) if gap.kind == "expired"]
        known_ns = MIDNIGHT_NS + SPAN_NS
        assert [(gap.start_ns, gap.end_ns, gap.reason) for gap in gaps] == [
            (known_ns, MIDNIGHT_NS + 4 * day_ns, "age")
        ]
        assert reader.problems() == []


def test_a_damaged_roll_up_is_made_good_from_the_samples(folder):
    keeps = [plain(seq) for seq in range(1, 60)]
    archived(folder, keeps[:30])
    path = Level.HOURS.path(folder, "2026")
    with ArchiveReader.open(folder) as reader:
        for place in (Level.MINUTES.path(folder, "2026-11"), path):
            place.write_bytes(b"no database at all" * 50)
            for part in ("-wal", "-shm"):
                place.with_name(place.name + part).unlink(missing_ok=True)
        for step_ns in (MINUTE_NS, HOUR_NS):
            given = reader.buckets("dozer-1", "f4.every", 0, 2**61, step_ns)
            assert given.counts.sum() == 30 * 20
        assert {problem.place for problem in reader.problems()} == {
            "minutes/2026-11.sqlite",
            "hours/2026.sqlite",
        }

    archived(folder, keeps[30:])

    # What came since stands in a fresh file; what was before is told by the samples alone.
    assert path.exists()
    assert path.with_name("2026.damaged-1.sqlite").exists()
    with ArchiveReader.open(folder) as reader:
        for step_ns in (MINUTE_NS, HOUR_NS):
            given = reader.buckets("dozer-1", "f4.every", 0, 2**61, step_ns)
            assert given.counts.sum() == 59 * 20


def test_what_is_no_number_is_passed_over_in_buckets(folder):
    table = (Channel(name="x", unit="m", dtype=Dtype.F8),)
    values = [1.0, math.inf, 3.0, math.nan, -2.0]
    times_ns = [MIDNIGHT_NS + second * NS_PER_S for second in range(5)]
    span_ns = (MIDNIGHT_NS, MIDNIGHT_NS + SPAN_NS)
    sound = pack(table, Samples(times_ns, [Series(range(5), [0.0] * 5)], []), span_ns)
    record = encode_record(msgspec.structs.replace(sound, values=np.array(values).tobytes()))
    keep = msgspec.structs.replace(plain(1), channels=table, record=record)
    archived(folder, [keep])

    with ArchiveReader.open(folder) as reader:
        given = as_buckets(reader.buckets("dozer-1", "x", 0, 2**61, HOUR_NS))

    assert given == {MIDNIGHT_NS: (3, -2.0, 3.0, -2.0)}


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_channel_that_changes_its_unit_is_not_mixed(folder, is_settled):
    feet = tuple(msgspec.structs.replace(each, unit="ft") for each in TABLE)
    change_ns = MIDNIGHT_NS + 10 * SPAN_NS
    later, _ = upload(2, change_ns, random.Random(1), table=feet, blank_share=0.0)
    archived(folder, [plain(1), later], is_settled=is_settled)

    with ArchiveReader.open(folder) as reader:
        with pytest.raises(
            QueryError,
            match=r"m \(f4\) from 2026-11-23T00:00:10Z, ft \(f4\) from 2026-11-23T00:01:40Z",
        ):
            reader.samples("dozer-1", "f4.every", *EVER)
        with pytest.raises(QueryError, match="ask for a time between two changes"):
            reader.buckets("dozer-1", "f4.every", 0, 2**61, HOUR_NS)
        assert len(reader.samples("dozer-1", "f4.every", 0, change_ns).times_ns) == 20
        assert len(reader.samples("dozer-1", "f4.every", *EVER, unit="ft").times_ns) == 20
        infos = [info for info in reader.channels("dozer-1") if info.name == "f4.every"]
    assert infos == [
        ChannelInfo("f4.every", "ft", "f4", change_ns, change_ns + SPAN_NS),
        ChannelInfo("f4.every", "m", "f4", MIDNIGHT_NS + SPAN_NS, MIDNIGHT_NS + 2 * SPAN_NS),
    ]


@pytest.mark.parametrize("is_settled", [False, True])
def test_what_is_not_there_is_told_with_where_and_why(folder, is_settled):
    rows = [
        plain(1),
        marker(2, 4),
        marker(5, 6, KeepKind.MISSING),
        plain(7),
        marker(9, 9, KeepKind.QUARANTINED),
        plain(10),
        plain(20, node="rover-2", boot=BOOT),
    ]
    archived(folder, rows, is_settled=is_settled)

    def at_ns(seq):
        return MIDNIGHT_NS + seq * SPAN_NS

    with ArchiveReader.open(folder) as reader:
        gaps = reader.gaps("dozer-1", *EVER)
        assert [
            (gap.kind, gap.start_ns, gap.end_ns, gap.first_seq, gap.last_seq) for gap in gaps
        ] == [
            ("dropped", at_ns(2), at_ns(5), 2, 4),
            ("missing", at_ns(5), at_ns(7), 5, 6),
            ("no_data", at_ns(5), at_ns(7), 0, 0),
            ("no_data", at_ns(8), at_ns(10), 0, 0),
            ("outstanding", at_ns(8), at_ns(10), 8, 8),
            ("quarantined", at_ns(8), at_ns(10), 9, 9),
        ]
        assert gaps[0].samples == 60
        assert gaps[0].summary == {"f4.every": (1.0, 3.0, 2.0, 3)}
        assert {gap.reason for gap in gaps} == {"", "because"}
        assert reader.gaps("dozer-1", at_ns(0), at_ns(2) - 1) == []
        others = [gap for gap in reader.gaps(None, *EVER) if gap.node == "rover-2"]
        assert [(gap.kind, gap.first_seq, gap.last_seq) for gap in others] == [
            ("outstanding", 1, 19)
        ]
        assert [gap.kind for gap in reader.gaps("dozer-1", at_ns(5) + 1, at_ns(6))] == [
            "missing",
            "no_data",
        ]


def test_questions_that_have_no_answer_are_refused(folder):
    archived(folder, [plain(1)])

    with ArchiveReader.open(folder) as reader:
        with pytest.raises(QueryError, match="give a length of 1 ns or more"):
            reader.buckets("dozer-1", "f4.every", 0, 10, 0)
        assert len(reader.samples("dozer-1", "nothing", *EVER).times_ns) == 0
        assert len(reader.samples("nobody", "f4.every", *EVER).times_ns) == 0


def test_what_is_no_archive_is_told(tmp_path):
    with pytest.raises(StorageError, match="is no archive"):
        ArchiveReader.open(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_read_and_left_as_it_is(folder, tmp_path):
    archived(folder, [plain(1)])
    archived(folder, [plain(2)], is_settled=False)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(folder)

    with ArchiveReader.open(copy) as reader:
        assert len(reader.samples("dozer-1", "f4.every", *EVER).times_ns) == 40
        assert reader.nodes() == ["dozer-1"]


def test_a_reader_beside_the_process_sees_each_commit_once_while_it_settles(folder):
    settings = ArchiveSettings(segment_bytes_max=8_000)
    store = ArchiveStore.open(folder, settings)
    store.commit([plain(1)])
    count, wrong, done = [1], [], threading.Event()

    def watch():
        with ArchiveReader.open(folder) as reader:
            while not done.is_set():
                before = count[0]
                given = len(reader.samples("dozer-1", "f4.every", *EVER).times_ns)
                hours = reader.buckets("dozer-1", "f4.every", 0, 2**61, HOUR_NS).counts.sum()
                after = count[0] + 1
                if given % 20 or not before <= given // 20 <= after:
                    wrong.append((before, given, after))
                if hours % 20 or not before <= hours // 20 <= after + 1:
                    wrong.append((before, "hours", int(hours), after))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for seq in range(2, 250):
        store.commit([plain(seq)])
        count[0] = seq
    assert store.settle(WAIT_S)
    done.set()
    watcher.join()
    store.close()

    assert wrong == []
    with closing(ArchiveReader.open(folder)) as reader:
        assert len(reader.samples("dozer-1", "f4.every", *EVER).times_ns) == 249 * 20
