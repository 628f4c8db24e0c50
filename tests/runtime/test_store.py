import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lunaredge.errors import JournalCorrupt, JournalFenced, JournalFull, StorageError
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive, Erase, Persist, Row
from lunaredge.runtime import store as store_module
from lunaredge.runtime.store import Store, StoreSettings
from lunaredge.wire.messages import RecordClass


def archive(seq, *, record=b"record", dropped=False, node="dozer-3", count=10):
    return Archive(
        node=NodeId(node),
        boot=BootId(1 << 24),
        record_class=RecordClass.RAW,
        first_seq=seq,
        seq=seq,
        count=count,
        dropped=dropped,
        received_ns=5,
        record=record,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def reopened(store):
    store.close()
    return Store.open(store.path)


def test_rows_come_back_in_order_after_a_restart(path):
    store = Store.open(path)
    store.commit(
        [Persist("b", "x", 2, b"2"), Persist("b", "x", 1, b"1"), Persist("a", "y", 9, b"")]
    )

    store = reopened(store)

    assert list(store.rows()) == [
        Row("a", "y", 9, b""),
        Row("b", "x", 1, b"1"),
        Row("b", "x", 2, b"2"),
    ]
    store.close()


def test_a_row_of_the_same_key_is_replaced(path):
    store = Store.open(path)
    store.commit([Persist("a", "x", 1, b"old"), Persist("a", "x", 1, b"new")])

    assert [row.value for row in store.rows()] == [b"new"]
    store.close()


def test_erase_takes_a_scope_through_a_number_and_nothing_else(path):
    store = Store.open(path)
    store.commit([Persist("a", scope, number, b"") for scope in "xy" for number in (1, 2, 3)])

    store.commit([Erase("a", "x", 2)])

    kept = [(row.scope, row.number) for row in store.rows()]
    assert kept == [("x", 3), ("y", 1), ("y", 2), ("y", 3)]
    store.close()


def test_erase_takes_the_middle_of_a_scope_alone(path):
    store = Store.open(path)
    store.commit([Persist("a", "x", number, b"") for number in (-5, 1, 2, 3, 4)])

    store.commit([Erase("a", "x", 3, 2)])
    assert [row.number for row in store.rows()] == [-5, 1, 4]
    store.commit([Erase("a", "x", 1)])

    assert [row.number for row in store.rows()] == [4]
    store.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_rows_are_what_a_dictionary_would_hold(tmp_path_factory, data):
    scopes, numbers = st.sampled_from("xy"), st.integers(0, 4)
    writes = data.draw(
        st.lists(
            st.builds(Persist, st.just("a"), scopes, numbers, st.binary(max_size=3))
            | st.builds(Erase, st.just("a"), scopes, numbers)
            | st.builds(Erase, st.just("a"), scopes, numbers, numbers),
            min_size=1,
        )
    )
    store = Store.open(
        tmp_path_factory.mktemp("s") / "store.db", StoreSettings(synchronous="normal")
    )
    model = {}

    store.commit(writes)
    for write in writes:
        if isinstance(write, Persist):
            model[write.scope, write.number] = write.value
        else:
            for key in [key for key in model if key[0] == write.scope]:
                if write.first <= key[1] <= write.through:
                    del model[key]

    assert [(r.scope, r.number, r.value) for r in store.rows()] == [
        (*key, value) for key, value in sorted(model.items())
    ]
    store.close()


def test_a_second_process_is_told_who_holds_the_store(path):
    store = Store.open(path)

    with pytest.raises(StorageError, match=str(os.getpid())):
        Store.open(path)

    store.close()
    Store.open(path).close()


def test_a_reader_sees_what_the_owner_has_committed(path):
    store = Store.open(path)
    store.commit([archive(1)])

    reader = Store.open_to_read(path)

    assert [record.seq for record in reader.archive_rows()] == [1]
    with pytest.raises(StorageError):
        reader.commit([archive(2)])
    reader.close()
    store.close()


def test_a_reader_of_a_missing_store_makes_none(path):
    with pytest.raises(StorageError):
        Store.open_to_read(path)

    assert not path.exists()


def test_every_boot_id_is_higher_than_the_last_across_restarts(path):
    store = Store.open(path)
    boots = [store.next_boot(0xFFFFFF), store.next_boot(0)]

    store = reopened(store)
    boots.append(store.next_boot(7))

    assert boots == [1 << 24 | 0xFFFFFF, 2 << 24, 3 << 24 | 7]
    store.close()


def test_a_boot_id_is_above_the_floor_it_was_given(path):
    store = Store.open(path)

    store.raise_boots((7 << 24) | 5)
    store.raise_boots(2 << 24)
    store = reopened(store)

    assert store.next_boot(0) == 8 << 24
    store.close()


def test_a_store_takes_nothing_from_a_life_when_a_later_one_has_begun_on_it(path):
    old = Store.open(path)
    old.next_boot(1)
    old.commit([Persist("t", "", 1, b"in time")])
    # The one way round the lock.
    path.with_name(path.name + ".lock").unlink()
    new = Store.open(path)
    new.next_boot(1)

    with pytest.raises(JournalFenced, match=r"life 2 has begun on it, this one is 1"):
        old.commit([Persist("t", "", 1, b"late")])
    with pytest.raises(JournalFenced):
        old.raise_boots(BootId(9 << 24))

    assert list(new.rows()) == [Row("t", "", 1, b"in time")]
    old.close()
    new.close()


def test_an_archived_record_is_kept_once(path):
    store = Store.open(path)
    store.commit([archive(1), archive(2, record=b"", dropped=True, count=4)])

    store.commit([archive(1), archive(3)])

    assert [record.seq for record in store.archive_rows()] == [1, 2, 3]
    assert store.repeated_count == 1
    store.close()


def test_counts_tell_archived_from_dropped(path):
    store = Store.open(path)
    store.commit(
        [archive(1), archive(2, record=b"", dropped=True, count=4), archive(1, node="rover")]
    )

    counts = {count.node: count for count in store.archive_counts()}

    dozer = counts[NodeId("dozer-3")]
    assert (dozer.uploads, dozer.archived, dozer.dropped) == (2, 10, 4)
    assert [r.node for r in store.archive_rows(NodeId("rover"))] == ["rover"]
    assert list(store.archive_rows(record_class=RecordClass.ALARM)) == []
    store.close()


@pytest.mark.parametrize(
    ("damage", "key"),
    [
        ("scope = CAST(x'73fe6f70' AS TEXT)", ("a", "s\ufffdop", 2)),
        ("scope = x'73746f70'", ("a", "stop", 2)),
        ("\"table\" = CAST(x'fe' AS TEXT)", ("\ufffd", "stop", 2)),
    ],
    ids=["no UTF-8", "bytes", "a table of no name"],
)
def test_a_damaged_key_keeps_no_other_row_from_being_read(path, damage, key):
    store = Store.open(path)
    store.commit([Persist("a", "x", 1, b"good"), Persist("a", "stop", 2, b"too")])
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"UPDATE rows SET {damage} WHERE number = 2")
    raw.close()

    store = Store.open(path)

    rows = {(row.table, row.scope, row.number): row for row in store.rows()}
    assert rows == {
        ("a", "x", 1): Row("a", "x", 1, b"good"),
        key: Row(*key, b"", is_whole=False),
    }
    assert store.corrupt_count == 1

    # Once its core has made something of it, it goes, or it would be met again at each start.
    store.commit([Erase(*key), Persist(*key, b"anew")])
    rows[key] = Row(*key, b"anew")
    assert {(row.table, row.scope, row.number): row for row in store.rows()} == rows
    store.close()


def test_a_damaged_row_that_was_replaced_takes_no_other_with_it(path):
    store = Store.open(path)
    store.commit([Persist("a", "x", 1, b"bad!")])
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE rows SET value = ?", (b"bad?",))
    raw.close()
    assert [row.is_whole for row in store.rows()] == [False]
    store.commit([Erase("a", "x", 1)])
    store.commit([Persist("b", "y", 1, b"in its place")])

    store.commit([Erase("a", "x", 1)])

    assert list(store.rows()) == [Row("b", "y", 1, b"in its place")]
    store.close()


def test_a_flipped_bit_costs_one_value_and_is_reported(path):
    store = Store.open(path)
    store.commit([Persist("a", "x", 1, b"good"), Persist("a", "x", 2, b"bad!"), archive(1)])
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE rows SET value = ? WHERE number = 2", (b"bad?",))
        raw.execute("UPDATE archive SET count = 11")
    raw.close()

    store = Store.open(path)

    # Its core knows what a row means whose value is gone: a stop, say, holds.
    assert list(store.rows()) == [
        Row("a", "x", 1, b"good"),
        Row("a", "x", 2, b"", is_whole=False),
    ]
    assert (store.corrupt_count, store.corrupt_keys) == (1, ["a/x/2"])
    assert list(store.archive_rows()) == []
    assert len(store.check()) == 2
    store.close()


def test_a_value_of_another_type_is_damage(path):
    store = Store.open(path)
    store.commit([Persist("a", "x", 1, b"good"), archive(1)])
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE rows SET value = 'text'")
        raw.execute("UPDATE archive SET record = NULL OR 1")
    raw.close()

    store = Store.open(path)

    assert list(store.rows()) == [Row("a", "x", 1, b"", is_whole=False)]
    assert list(store.archive_rows()) == []
    store.close()


@pytest.mark.parametrize("key", ["boot_counter", "schema_version"])
@pytest.mark.parametrize(
    "value", ["'abc'", "x'80ff'", "9e999", "1.5", "-5", "'1'||hex(zeroblob(99))"]
)
def test_a_counter_that_is_none_is_damage_and_says_so(path, key, value):
    store = Store.open(path)
    store.next_boot(1)
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"UPDATE meta SET value = {value} WHERE key = '{key}'")
    raw.close()

    with pytest.raises(JournalCorrupt, match=f"its {key} is .*restore it from a copy") as caught:
        _begin_life(path)

    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < len(str(path)) + 300


def test_a_damaged_file_says_what_to_do(path):
    store = Store.open(path)
    store.commit([Persist("a", "x", number, bytes(2000)) for number in range(50)])
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 30)

    with pytest.raises(JournalCorrupt, match="restore it from a copy"):
        list(_rows_of(path))


def _begin_life(path):
    store = Store.open(path)
    try:
        store.next_boot(2)
    finally:
        store.close()


def _rows_of(path):
    store = Store.open(path)
    try:
        yield from store.rows()
    finally:
        store.close()


def test_a_file_that_is_no_database_is_corrupt(path):
    path.write_bytes(b"this was never a store" * 100)

    with pytest.raises(JournalCorrupt):
        Store.open(path)


def test_a_database_of_another_program_is_left_alone(path):
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
    raw.close()

    with pytest.raises(StorageError, match="another program"):
        Store.open(path)


def test_a_newer_schema_is_refused(path):
    store = Store.open(path)
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
    raw.close()

    with pytest.raises(StorageError, match="schema version 99"):
        Store.open(path)


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(path, monkeypatch):
    store = Store.open(path)
    store.commit([Persist("a", "x", 1, b"kept")])
    store.close()
    added = ("CREATE TABLE later (x INTEGER)",)
    monkeypatch.setattr(store_module, "MIGRATIONS", (*store_module.MIGRATIONS, added))

    store = Store.open(path)

    assert [row.value for row in store.rows()] == [b"kept"]
    assert store._meta("schema_version") == len(store_module.MIGRATIONS)
    store.close()


def test_a_migration_that_fails_leaves_the_old_version(path, monkeypatch):
    Store.open(path).close()
    broken = ("CREATE TABLE later (x INTEGER)", "CREATE NONSENSE")
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "MIGRATIONS", (*store_module.MIGRATIONS, broken))
        with pytest.raises(StorageError):
            Store.open(path)

    store = Store.open(path)

    assert store._meta("schema_version") == len(store_module.MIGRATIONS)
    assert store._connection.execute(
        "SELECT count(*) FROM sqlite_master WHERE name='later'"
    ).fetchone() == (0,)
    store.close()


def test_a_full_store_applies_nothing_of_the_commit(path):
    store = Store.open(path, StoreSettings(bytes_max=200_000))
    store.commit([Persist("a", "x", 1, b"before")])

    with pytest.raises(JournalFull, match="free space"):
        store.commit([Persist("a", "x", 2, b"small"), Persist("a", "x", 3, bytes(400_000))])

    assert [row.number for row in store.rows()] == [1]
    store.commit([Persist("a", "x", 4, b"after")])
    assert [row.number for row in store.rows()] == [1, 4]
    store.close()


def test_a_folder_that_can_not_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="can't be opened"):
        Store.open(tmp_path / "file" / "store.db")


WRITER = """
import sys
from pathlib import Path
from lunaredge.node import Persist
from lunaredge.runtime.store import Store
store = Store.open(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    store.commit([Persist("a", "x", 2 * number, b"one"), Persist("a", "x", 2 * number + 1, b"two")])
    print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged_count", [1, 37])
def test_what_was_committed_before_a_kill_is_there_whole(path: Path, acknowledged_count):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    for _ in range(acknowledged_count):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    last = max([last, *(int(line) for line in writer.stdout if line.endswith(b"\n"))])
    writer.wait()
    writer.stdout.close()

    store = Store.open(path)
    numbers = [row.number for row in store.rows()]

    assert numbers[: 2 * last] == list(range(2, 2 * last + 2))
    assert len(numbers) % 2 == 0, "half a transaction"
    assert store.check() == []
    store.close()
