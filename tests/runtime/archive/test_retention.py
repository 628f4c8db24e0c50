import os

import msgspec
import pytest

from lunaredge.runtime.archive.day_file import DAY_NS, day_of, days_of
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rollup_file import Level, periods_of
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import ArchiveStore
from tests.runtime.archive.drawn import MIDNIGHT_NS, plain
from tests.runtime.archive.settling import WAIT_S

TODAY = day_of(MIDNIGHT_NS)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def settled(folder, days, settings, rows=20):
    """Settle an upload of each day, a segment each."""
    store = ArchiveStore.open(folder, settings)
    for day in days:
        store.commit([plain(day + 1, start_ns=MIDNIGHT_NS + day * DAY_NS, rows=rows)])
        assert store.settle(WAIT_S)
    store.close()


def given_days(folder):
    return [day - TODAY for day in days_of(folder)]


def test_samples_expire_by_the_day_and_not_before(folder, caplog):
    settled(folder, [0, 1, 2, 3], ArchiveSettings(raw_days=2))
    assert given_days(folder) == [1, 2, 3]

    settled(folder, [4], ArchiveSettings(raw_days=2))

    assert given_days(folder) == [2, 3, 4]
    assert not (folder / "days" / "2026-11-24").exists()


def test_a_clock_set_years_ahead_lets_nothing_expire(folder):
    settled(folder, [0, 1], ArchiveSettings(minutes_days=31))
    store = ArchiveStore.open(folder, ArchiveSettings(minutes_days=31))
    ahead = plain(3, start_ns=MIDNIGHT_NS + 2 * DAY_NS)
    store.commit([msgspec.structs.replace(ahead, received_ns=MIDNIGHT_NS + 30_000 * DAY_NS)])
    assert store.settle(WAIT_S)
    store.close()

    assert given_days(folder) == [0, 1, 2]
    assert list(periods_of(folder, Level.MINUTES)) == ["2026-11"]


def test_late_samples_that_are_too_old_expire_with_a_word(folder):
    settled(folder, [40], ArchiveSettings())
    store = ArchiveStore.open(folder, ArchiveSettings())
    old = plain(7)
    store.commit([msgspec.structs.replace(old, late=True, received_ns=MIDNIGHT_NS + 40 * DAY_NS)])
    assert store.settle(WAIT_S)
    store.close()

    assert given_days(folder) == [40]
    with ArchiveReader.open(folder) as reader:
        gaps = reader.gaps("dozer-1", 0, 2**62)
        assert "expired" in {gap.kind for gap in gaps}
        assert len(reader.buckets("dozer-1", "f4.every", 0, 2**61, 3600 * 10**9).starts_ns) == 2


def test_minutes_expire_by_the_month_and_hours_never(folder):
    settled(folder, [0, 40, 100, 900], ArchiveSettings(minutes_days=850))

    assert list(periods_of(folder, Level.MINUTES)) == ["2027-01", "2027-03", "2029-05"]
    assert list(periods_of(folder, Level.HOURS)) == ["2026", "2027", "2029"]


def test_over_the_bound_of_bytes_the_oldest_samples_go_and_no_roll_up(folder):
    settled(folder, [0], ArchiveSettings())
    day_bytes = sum(path.stat().st_size for path in (folder / "days").rglob("*") if path.is_file())
    settings = ArchiveSettings(raw_bytes_max=3 * day_bytes)

    settled(folder, range(1, 8), settings)

    assert given_days(folder)[-1] == 7
    assert 1 <= len(given_days(folder)) <= 3
    with ArchiveReader.open(folder) as reader:
        given = reader.buckets("dozer-1", "f4.every", 0, 2**61, 3600 * 10**9)
        expired = [gap for gap in reader.gaps("dozer-1", 0, 2**62) if gap.kind == "expired"]
        assert len(given.starts_ns) == 8
        assert [gap.reason for gap in expired] == ["bytes"]
        assert reader.problems() == []


def test_of_the_last_day_the_oldest_segments_go(folder):
    store = ArchiveStore.open(folder, ArchiveSettings(raw_bytes_max=400_000))
    for seq in range(1, 60):
        store.commit([plain(seq, rows=400)])
        assert store.settle(WAIT_S)
    store.close()

    with ArchiveReader.open(folder) as reader:
        given = reader.samples("dozer-1", "f4.every", 0, 2**62)
        whole = reader.buckets("dozer-1", "f4.every", 0, 2**61, 3600 * 10**9)
        (expired,) = [gap for gap in reader.gaps("dozer-1", 0, 2**62) if gap.kind == "expired"]
        assert reader.problems() == []
    assert 0 < len(given.times_ns) < 59 * 400
    assert given.times_ns[-1] >= MIDNIGHT_NS + 59 * 10 * 10**9
    assert expired.end_ns <= given.times_ns[0]
    assert whole.counts.tolist() == [59 * 400]


def test_what_can_not_be_deleted_holds_up_nothing(folder, monkeypatch):
    whole = os.unlink

    def unlink(path, *arguments, **named):
        if "days" in str(path):
            raise OSError(1, "not permitted")
        whole(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        settled(folder, [0, 5], ArchiveSettings(raw_days=2))
    with ArchiveReader.open(folder) as reader:
        assert (
            len(reader.samples("dozer-1", "f4.every", MIDNIGHT_NS + 4 * DAY_NS, 2**62).values) == 20
        )

    settled(folder, [6], ArchiveSettings(raw_days=2))
    assert given_days(folder) == [5, 6]
