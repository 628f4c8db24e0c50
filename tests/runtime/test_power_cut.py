"""Power cuts, simulated at the level of files: what was synced is there, the rest may be torn.

The rounds on a node's spool, and on the archive of telemetry, run in a process of their own, since
their recorder stands below all of a process's SQLite; `make power-cut` runs more of them. Here too:
the recorder and the images themselves, on files of Python's own.
"""

import json
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from lunaredge.ids import BootId
from lunaredge.node import Persist
from lunaredge.runtime.store import Store
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass, Upload
from lunaredge.wire.session import Item
from lunaredge.wire.spool import TABLE, encode_item, scope_of
from tests.runtime.power.history import History
from tests.runtime.power.images import image
from tests.runtime.power.judge import Scene, judged
from tests.runtime.power.life import STORE, Begun, Committed, Left
from tests.runtime.power.plain import recorded

SEEDS = range(200)
BOOT = BootId(1 << 24)
ROOT = Path(__file__).parents[2]


def campaign(*words, folder=ROOT):
    command = [sys.executable, "-m", "tests.runtime.power.campaign", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=folder, env=env)
    if told.returncode == 3:
        pytest.skip(told.stderr)
    return told


# --- the node's spool ----------------------------------------------------------------------------


def test_no_record_is_lost_where_the_power_is_cut_again_and_again():
    told = campaign("--rounds", "20", "--seed-base", "1")

    assert told.returncode == 0, told.stderr
    total = json.loads(told.stdout)
    assert (total["rounds"], total["images"], total["failed"]) == (20, 80, 0)
    assert min(total["offered_again"], total["uploads_arrived"]) > 100
    assert total["markers_written"] > 5


@pytest.mark.parametrize("broken", ["--synchronous=off", "--synchronous=normal", "--ignore-syncs"])
def test_the_rounds_fail_where_nothing_waits_for_the_medium(broken):
    told = campaign("--rounds", "10", broken)

    assert told.returncode == 1
    assert "FAILED seed=1 round=" in told.stderr
    assert "--seed-base 1 --rounds" in told.stderr


def test_a_seed_gives_the_same_rounds_again():
    told = [campaign("--rounds", "3", "--seed-base", "5").stdout for _ in range(2)]

    assert json.loads(told[0])["rounds"] == 3
    assert told[0] == told[1]


def test_rounds_leave_nothing_in_the_folder_that_they_are_run_in(tmp_path):
    told = campaign("--rounds", "3", folder=tmp_path)

    assert told.returncode == 0, told.stderr
    assert list(tmp_path.iterdir()) == []


# --- the archive of telemetry --------------------------------------------------------------------


def test_no_upload_is_lost_or_there_twice_where_an_archives_power_is_cut_again_and_again():
    told = campaign("--of", "archive", "--rounds", "6", "--seed-base", "1")

    assert told.returncode == 0, told.stderr
    total = json.loads(told.stdout)
    assert (total["rounds"], total["images"], total["failed"]) == (6, 24, 0)
    assert total["settlings"] > 5
    assert total["uploads_kept"] > 200


def test_the_archives_rounds_fail_where_nothing_waits_for_the_medium():
    assert campaign("--of", "archive", "--rounds", "10", "--ignore-syncs").returncode == 1


# --- the judge -----------------------------------------------------------------------------------


def stored(folder, *writes):
    """Give a store's files with that in it."""
    folder.mkdir()
    store = Store.open(folder / STORE)
    if writes:
        store.commit(writes)
    store.close()
    return {STORE: (folder / STORE).read_bytes()}


def judge(files, folder, *words):
    scene = Scene(rows={}, boot=BootId(0), arrived=[], words=list(words), now_ns=NS_PER_S)
    return judged(files, scene, folder / "image", random.Random(1))


def upload(seq=1):
    return Upload(
        record_class=RecordClass.ALARM,
        boot=BOOT,
        first_seq=seq,
        seq=seq,
        floor_seq=1,
        count=1,
        dropped=False,
        record=b"alarm",
    )


def spooled():
    item = Item(
        boot=BOOT,
        record_class=RecordClass.ALARM,
        first_seq=1,
        seq=1,
        count=1,
        dropped=False,
        record=b"alarm",
        offered_ns=0,
    )
    return Persist(TABLE, scope_of(item), item.seq, encode_item(item))


def test_an_alarm_that_left_and_is_on_disk_is_offered_again(tmp_path):
    files = stored(tmp_path / "store", spooled())

    found = judge(files, tmp_path, Begun((spooled(),)), Committed(), Left(upload()))

    assert found.offered_count == 1


def test_an_alarm_that_left_before_it_was_on_disk_is_found(tmp_path):
    files = stored(tmp_path / "store")

    with pytest.raises(AssertionError, match="had left the node and is lost"):
        judge(files, tmp_path, Left(upload()))


def test_a_committed_row_that_is_gone_is_found(tmp_path):
    files = stored(tmp_path / "store")

    with pytest.raises(AssertionError, match="1 committed rows are lost"):
        judge(files, tmp_path, Begun((spooled(),)), Committed())


def test_half_a_commit_is_found(tmp_path):
    files = stored(tmp_path / "store", Persist("a", "x", 1, b"1"))
    begun = Begun((Persist("a", "x", 1, b"1"), Persist("a", "x", 2, b"2")))

    with pytest.raises(AssertionError, match="committed rows"):
        judge(files, tmp_path, begun)


# --- the images ----------------------------------------------------------------------------------


@pytest.fixture
def history(tmp_path):
    return History(tmp_path)


def images(history, cut=None):
    cut = len(history.ops) if cut is None else cut
    return [image(history, cut, random.Random(seed)) for seed in SEEDS]


def make(history, name, *, synced=True):
    """Make a file whose name is on the medium."""
    descriptor = os.open(history.folder / name, os.O_WRONLY | os.O_CREAT, 0o644)
    if synced:
        sync_folder(history)
    return descriptor


def sync_folder(history):
    descriptor = os.open(history.folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def test_what_was_synced_is_in_every_image(history):
    with recorded(history):
        log = make(history, "log")
        os.write(log, b"a" * 700)
        os.fdatasync(log)
        os.write(log, b"b" * 3000)
        os.close(log)

    assert all(left["log"][:700] == b"a" * 700 for left in images(history))


def test_what_was_not_synced_is_whole_torn_and_gone(history):
    with recorded(history):
        log = make(history, "log")
        os.writev(log, [b"a" * 1000, b"b" * 1000])
        os.close(log)

    left = {image["log"] for image in images(history)}

    whole = b"a" * 1000 + b"b" * 1000
    assert {whole, b""} <= left
    # Torn by sectors: the later half came, the earlier did not.
    assert any(content[1024:] == whole[1024:] and content[:512] == bytes(512) for content in left)
    assert any(0 < len(content) < 2000 for content in left)


def test_old_bytes_stay_where_what_replaces_them_was_not_synced(history):
    (history.folder / "old").write_bytes(b"o" * 1024)
    history = History(history.folder)
    with recorded(history):
        descriptor = os.open(history.folder / "old", os.O_RDWR)
        os.pwrite(descriptor, b"n" * 1024, 0)
        os.pwrite(descriptor, b"m" * 512, 512)
        os.close(descriptor)

    left = {image["old"] for image in images(history)}

    sectors = [(first, second) for first in b"on" for second in b"onm"]
    assert left == {bytes([a]) * 512 + bytes([b]) * 512 for a, b in sectors}


def test_a_cut_back_file_has_either_length(history):
    (history.folder / "old").write_bytes(b"o" * 1024)
    history = History(history.folder)
    with recorded(history):
        descriptor = os.open(history.folder / "old", os.O_RDWR)
        os.ftruncate(descriptor, 100)
        os.close(descriptor)

    left = {image["old"] for image in images(history)}

    assert {b"o" * 1024, b"o" * 100} <= left


def test_a_new_name_is_sure_only_when_its_folder_is_synced(history):
    with recorded(history):
        log = make(history, "log", synced=False)
        os.write(log, b"a")
        os.fdatasync(log)
        os.close(log)
        before = len(history.ops)
        sync_folder(history)

    assert {image.get("log") for image in images(history, before)} == {None, b"a"}
    assert {image.get("log") for image in images(history)} == {b"a"}


def test_a_replaced_file_is_the_old_or_the_new_one(history):
    (history.folder / "state").write_bytes(b"old")
    history = History(history.folder)
    with recorded(history):
        new = make(history, "state.new", synced=False)
        os.write(new, b"new")
        os.fdatasync(new)
        os.close(new)
        (history.folder / "state.new").replace(history.folder / "state")

    assert {image["state"] for image in images(history)} == {b"old", b"new"}


def test_a_replacement_that_was_not_synced_may_be_empty(history):
    (history.folder / "state").write_bytes(b"old")
    history = History(history.folder)
    with recorded(history):
        new = make(history, "state.new", synced=False)
        os.write(new, b"new")
        os.close(new)
        (history.folder / "state.new").replace(history.folder / "state")

    assert b"" in {image["state"] for image in images(history)}


def test_a_removed_file_may_be_back(history):
    (history.folder / "old").write_bytes(b"o")
    history = History(history.folder)
    with recorded(history):
        (history.folder / "old").unlink()

    assert {image.get("old") for image in images(history)} == {None, b"o"}


def test_what_goes_past_the_recorder_is_found(history):
    with recorded(history):
        log = make(history, "log")
        os.write(log, b"a")
        os.close(log)
        history.check()
        with (history.folder / "log").open("ab") as unseen:
            unseen.write(b"b")

    with pytest.raises(AssertionError, match="writes to log escaped"):
        history.check()


def test_the_recorder_gives_the_calls_back(history):
    real = os.writev

    with recorded(history):
        assert os.writev is not real

    assert os.writev is real


# --- a log of Python's own -----------------------------------------------------------------------


def append(descriptor, record, *, syncs):
    head = struct.pack("<II", len(record), zlib.crc32(record))
    os.writev(descriptor, [head, record])
    if syncs:
        os.fdatasync(descriptor)


def read(content):
    """Give the records up to the first one that is not whole."""
    records, place = [], 0
    while place + 8 <= len(content):
        size_bytes, crc = struct.unpack_from("<II", content, place)
        record = content[place + 8 : place + 8 + size_bytes]
        if len(record) < size_bytes or zlib.crc32(record) != crc or not record:
            break
        records.append(record)
        place += 8 + size_bytes
    return records


def survivors(history, *, syncs):
    """Write records, and give for each of many cuts what had been written and what is read."""
    rng = random.Random(1)
    records = [rng.randbytes(rng.randint(1, 2000)) for _ in range(20)]
    with recorded(history):
        log = make(history, "log")
        for number, record in enumerate(records):
            append(log, record, syncs=syncs)
            history.say(number)
        os.close(log)
    history.check()
    for seed in SEEDS:
        rng = random.Random(seed)
        cut = rng.randint(2, len(history.ops))
        count = sum(getattr(op, "word", None) is not None for op in history.ops[:cut])
        found = read(image(history, cut, rng).get("log", b""))
        yield records[:count], found, records


def test_a_log_that_is_synced_keeps_each_record(history):
    rounds = list(survivors(history, syncs=True))

    assert all(found[: len(told)] == told for told, found, _ in rounds)
    assert all(found == records[: len(found)] for _, found, records in rounds)


def test_a_log_that_is_not_synced_loses_some(history):
    rounds = list(survivors(history, syncs=False))

    assert any(found[: len(told)] != told for told, found, _ in rounds)
