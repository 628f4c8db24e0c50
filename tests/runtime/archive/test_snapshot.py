"""What a reader sees when segments are settled at the worst of moments."""

import pytest

from lunaredge.runtime.archive.catalog import Catalog
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.rollup_file import RollupReader
from lunaredge.runtime.archive.snapshot import LogCache
from tests.runtime.archive.drawn import plain
from tests.runtime.archive.settling import settle_all, settled_by_hand

STEPS_NS = (7 * 10**9, 60 * 10**9, 3600 * 10**9)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def counts(reader):
    """Give how many samples each way of asking comes to."""
    given = reader.samples("dozer-1", "f4.every", 0, 2**62)
    told = [reader.buckets("dozer-1", "f4.every", 0, 2**61, step_ns) for step_ns in STEPS_NS]
    covered = sum(each.stretch.samples for each in reader.coverage("dozer-1"))
    return {len(given.times_ns), covered, *(int(each.counts.sum()) for each in told)}


class Killed(BaseException):
    """The process died here."""


def test_what_is_written_but_not_settled_counts_once(folder, monkeypatch):
    settled_by_hand(folder, [plain(1), plain(2)])

    def die(catalog, settlement, touch_ns):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "settle", die)
        with pytest.raises(Killed):
            settle_all(folder)

    with ArchiveReader.open(folder) as reader:
        assert counts(reader) == {40}


@pytest.mark.parametrize("moment", [(LogCache, "refresh"), (Catalog, "open_to_read")])
def test_a_segment_that_is_settled_while_a_view_is_taken_is_in_it_once(folder, monkeypatch, moment):
    owner, name = moment
    whole = getattr(owner, name)
    with_segments = [plain(1), plain(2), plain(3)]
    settled_by_hand(folder, with_segments[:1])
    settled_by_hand(folder, with_segments[1:])
    reader = ArchiveReader.open(folder)

    def settle_first(*arguments):
        settle_all(folder)
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, settle_first)
        assert len(reader.samples("dozer-1", "f4.every", 0, 2**62).times_ns) == 60
        assert counts(reader) == {60}
    reader.close()


def test_roll_ups_that_are_put_together_behind_a_readers_back_are_read_anew(folder, monkeypatch):
    for seq in range(1, 30):
        settled_by_hand(folder, [plain(seq)])
    settle_all(folder)
    for seq in (30, 31):
        settled_by_hand(folder, [plain(seq)])
    whole = RollupReader.open

    def settle_first(*arguments):
        settle_all(folder)
        return whole(*arguments)

    monkeypatch.setattr(RollupReader, "open", settle_first)
    with ArchiveReader.open(folder) as reader:
        given = reader.buckets("dozer-1", "f4.every", 0, 2**61, 3600 * 10**9)

    assert given.counts.tolist() == [31 * 20]
