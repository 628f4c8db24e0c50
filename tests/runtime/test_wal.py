"""The count of what goes to the medium, held against what SQLite really writes."""

import json
import shutil
import subprocess
import sys

import pytest

from lunaredge.node import Erase, Persist
from lunaredge.runtime.store import Store
from lunaredge.runtime.wal import BLOCK_BYTES, WalMeter

ROW = Persist("a", "x", 1, b"v")


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "store.db")
    yield store
    store.close()


def day(*words):
    """Give what part of an agent's day took, as a process of its own measured it."""
    command = [sys.executable, "-m", "tests.runtime.power.day", *words]
    told = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if told.returncode == 3:
        pytest.skip(told.stderr)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def commit(store, *writes):
    """Commit, and give what that took."""
    before_bytes = store.written_bytes
    store.commit(writes)
    return store.written_bytes - before_bytes


@pytest.mark.parametrize("case", ["reached", "away"])
def test_the_count_is_that_of_the_blocks_that_sqlite_wrote(case):
    told = day("--hours", "6", "--case", case, "--reports-per-hour", "20")

    assert told["store_bytes"] > 1_000_000
    # What it leaves out is the making of the store, before there is a log, and a mark per log.
    assert 0 <= told["recorded_block_bytes"] - told["store_bytes"] < 12 * BLOCK_BYTES


def test_the_budget_bounds_what_a_day_out_of_reach_takes():
    told = day("--hours", "8", "--case", "away", "--budget-bytes", "3000000")

    # A third of 3 MB, an hour saved up, and the start. Without the bound it is 9 MB.
    assert 500_000 < told["recorded_block_bytes"] < 1_400_000
    # It waited in memory, and came through.
    assert told["spool_count"] > 8 * 60 - 2
    assert told["spool_count_after"] == 0


def test_a_commit_takes_the_blocks_of_its_pages(store):
    commit(store, ROW)

    # A page of the table, one of its index, each with a head: they lie in three blocks.
    assert commit(store, ROW) == 3 * BLOCK_BYTES


def test_a_large_value_takes_what_it_needs(store):
    size_bytes = commit(store, Persist("a", "x", 2, bytes(100_000)))

    assert 100_000 < size_bytes < 130_000


def test_a_boot_counts_too(store):
    before_bytes = store.written_bytes

    store.next_boot(1)

    assert store.written_bytes > before_bytes


def test_nothing_written_is_nothing_counted(store):
    before_bytes = store.written_bytes

    assert list(store.rows()) == []
    assert store.written_bytes == before_bytes


def test_copying_the_log_into_the_store_is_counted(store):
    commit(store, ROW)
    before = store._connection.execute("PRAGMA wal_checkpoint").fetchone()

    assert before[1] == before[2] > 0
    # The next commit begins the log anew: the pages copied before are counted with it. They were
    # the schema's, and the table's and its index's.
    assert commit(store, ROW) > 5 * BLOCK_BYTES


def test_a_writing_that_is_given_up_is_not_counted_as_a_commit(store):
    commit(store, ROW)
    before_bytes = store.written_bytes
    execute = store._connection.execute
    execute("BEGIN IMMEDIATE")
    execute("PRAGMA cache_size = 1")
    for number in range(200):
        store._write(Persist("a", "y", number, bytes(4000)))
    execute("ROLLBACK")
    store._meter.read()

    assert store.written_bytes == before_bytes
    assert commit(store, Erase("a", "x", 1)) == 3 * BLOCK_BYTES


def test_what_an_earlier_life_wrote_is_not_counted_again(store, tmp_path):
    commit(store, *[Persist("a", "x", number, bytes(1000)) for number in range(100)])
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"store.db{end}", tmp_path / f"left.db{end}")

    left = Store.open(tmp_path / "left.db")

    assert left.written_bytes == 0
    assert commit(left, Persist("a", "x", 1, b"")) < 10 * BLOCK_BYTES
    left.close()


def test_a_log_that_can_not_be_read_counts_nothing(tmp_path):
    (tmp_path / "store.db-wal").mkdir()
    meter = WalMeter(tmp_path / "store.db")

    meter.read()

    assert meter.written_bytes == 0


def test_a_reader_writes_nothing(store):
    reader = Store.open_to_read(store.path)

    assert reader.written_bytes == 0
    reader.close()
