"""The audit of a run whose disks were damaged after it: told as damage, store by store."""

import json
import sqlite3
from types import SimpleNamespace

import msgspec
import pytest
import tomli_w

from lunaredge.cli.demo.inquest import Inquest
from lunaredge.cli.demo.record import RunRecord
from lunaredge.cli.main import main
from lunaredge.examples import demo_site
from lunaredge.ids import BootId, NodeId, TaskId
from lunaredge.model.task import TaskKind
from lunaredge.node import Archive, Keep, KeepKind, Persist
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.store import Store
from lunaredge.scheduler.node import JOURNAL
from lunaredge.wire import spool
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.session import Item

BOOT = BootId(1 << 24)
NODE = NodeId("hauler-1")


@pytest.fixture
def run(tmp_path):
    """Give the folder of a run that ended at once: three records archived, one on its way."""
    folder = demo_site()
    site = load_site(folder / "site.toml")
    fleet = load_fleet(folder / "fleet.toml", site)
    for name in ("scheduler", "gateway", "earth", *(f"agent-{spec.name}" for spec in fleet.nodes)):
        Store.open(tmp_path / "stores" / f"{name}.sqlite").close()
    ArchiveStore.open(tmp_path / "stores" / "archive").close()
    write(tmp_path, "scheduler", *(archived(seq) for seq in (1, 2, 3)))
    write(tmp_path, f"agent-{NODE}", spooled(4))
    words = {"keys": "keys", "store": "s", "site_file": "site.toml", "fleet_file": "fleet.toml"}
    (tmp_path / "scheduler.toml").write_text(tomli_w.dumps(words))
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "truth.jsonl").write_bytes(b"")
    machines = {spec.name: {"battery_wh_min": 9000.0} for spec in fleet.nodes}
    truth = {"separation_m_min": None, "pairs_checked": 1, "overlaps": [], "machines": machines}
    truth |= {"piles_kg": {}, "pits_kg": {}}
    (tmp_path / "truth" / "truth.json").write_bytes(msgspec.json.encode(truth))
    RunRecord(
        site_file=str(folder / "site.toml"),
        fleet_file=str(folder / "fleet.toml"),
        order_file=str(folder / "order.yaml"),
        contacts_file=str(folder / "contacts.json"),
        start_ns=0,
        end_ns=1,
        speed=1.0,
        wall_s=1.0,
        broker={"kind": "mosquitto", "version": "2"},
        kills=(),
        attacks=(),
        digests=(),
        link="{}",
        finished=True,
    ).save(tmp_path)
    return tmp_path


def write(folder, name, *writes) -> None:
    store = Store.open(folder / "stores" / f"{name}.sqlite")
    store.commit(writes)
    store.close()


def archived(seq: int) -> Archive:
    return Archive(
        node=NODE,
        boot=BOOT,
        record_class=RecordClass.EVENT,
        first_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        received_ns=0,
        record=b"%d" % seq,
    )


def spooled(seq: int) -> Persist:
    item = Item(
        boot=BOOT,
        record_class=RecordClass.EVENT,
        first_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        record=b"4",
        offered_ns=0,
    )
    return Persist(spool.TABLE, spool.scope_of(item), seq, spool.encode_item(item))


def spoil(folder, name, table, where) -> None:
    column = "record" if table == "archive" else "value"
    connection = sqlite3.connect(folder / "stores" / f"{name}.sqlite")
    changed = connection.execute(f"UPDATE {table} SET {column} = zeroblob(9) WHERE {where}")
    assert changed.rowcount == 1
    connection.commit()
    connection.close()


def audit(folder, capsys) -> tuple[int, dict]:
    code = main(["audit", str(folder), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_an_undamaged_run_has_no_damage_to_tell(run, capsys):
    _, report = audit(run, capsys)

    assert report["damaged"] == []
    assert report["invariants"]["I4"]["ok"]
    telemetry = report["telemetry"]
    assert (telemetry["archived"], telemetry["waiting"], telemetry["damaged"]) == (3, 1, 0)


def bulk(first: int, last: int, count: int, kind: KeepKind, reason: str = "") -> Keep:
    return Keep(
        kind=kind,
        node=NODE,
        boot=BOOT,
        record_class=RecordClass.RAW,
        first_seq=first,
        last_seq=last,
        count=count,
        received_ns=1,
        start_ns=0,
        end_ns=0,
        reason=reason,
    )


def keep(folder, *keeps: Keep) -> None:
    store = ArchiveStore.open(folder / "stores" / "archive")
    store.commit(keeps)
    store.close()


def test_samples_are_counted_by_what_the_archive_says_of_them(run, capsys):
    keep(
        run,
        bulk(1, 2, 20, KeepKind.SAMPLES),
        bulk(3, 3, 5, KeepKind.DROPPED),
        bulk(4, 4, 7, KeepKind.QUARANTINED, "clock_ahead"),
    )

    _, report = audit(run, capsys)

    assert report["invariants"]["I4"]["ok"]
    telemetry = report["telemetry"]
    assert (telemetry["archived"], telemetry["quarantined"]) == (23, 7)
    found = {"archived": 20, "dropped": 5, "missing": 0, "quarantined": 7}
    assert telemetry["by_class"]["raw"] == found


def test_samples_that_are_nowhere_break_the_books(run, capsys):
    keep(run, bulk(1, 2, 20, KeepKind.SAMPLES), bulk(4, 4, 5, KeepKind.SAMPLES))

    code, report = audit(run, capsys)

    assert code == 1
    assert report["violations"] == [f"I4: {NODE} raw 3 of boot {BOOT} was sent and never archived"]


def test_what_honest_nodes_can_t_have_sent_is_not_archived(run, capsys):
    keep(run, bulk(1, 1, 9, KeepKind.QUARANTINED, "columns"), bulk(2, 2, 1, KeepKind.SAMPLES))

    code, _ = audit(run, capsys)

    assert code == 1


def test_the_goal_of_a_pit_is_the_largest_that_anybody_handed_in(run):
    inquest = Inquest(run, RunRecord.load(run))
    first = next(task for task in inquest.order.tasks if task.kind is TaskKind.EXCAVATE)
    later = msgspec.structs.replace(first, id=TaskId("later"), mass_kg=first.mass_kg + 100.0)
    books = {later.id: SimpleNamespace(task=later)}
    core = SimpleNamespace(state=SimpleNamespace(tasks=books))

    heaps = {heap.zone: heap for heap in inquest._heaps(inquest._truth(), core)}

    assert heaps[first.zone].goal_kg == later.mass_kg


def test_a_damaged_archive_row_is_told_as_damage_and_not_as_never_archived(run, capsys):
    spoil(run, "scheduler", "archive", "seq = 2")

    code, report = audit(run, capsys)

    key = f"archive/{NODE}/{BOOT}/event/2"
    assert code == 1
    assert report["damaged"] == [{"store": "scheduler.sqlite", "rows": 1, "keys": [key]}]
    assert report["violations"] == [
        f"I4: {NODE} event 2 of boot {BOOT} is damaged on the disk of scheduler"
    ]
    telemetry = report["telemetry"]
    assert [telemetry[name] for name in ("produced", "archived", "damaged", "lost")] == [3, 2, 1, 0]
    assert f"scheduler.sqlite has 1 damaged row (the checksum fails): {key}" in report["reasons"]


def test_the_last_row_of_a_stream_is_missed_too_when_it_is_damaged(run, capsys):
    spoil(run, f"agent-{NODE}", "rows", "number = 4")

    code, report = audit(run, capsys)

    assert code == 1
    assert report["violations"] == [
        f"I4: {NODE} event 4 of boot {BOOT} is damaged on the disk of {NODE}"
    ]
    assert report["damaged"][0]["store"] == f"agent-{NODE}.sqlite"


def test_a_damaged_journal_is_told_and_the_invariants_are_not_judged(run, capsys):
    write(run, "scheduler", Persist(JOURNAL, "", 1, b"entry"))
    spoil(run, "scheduler", "rows", "number = 1")

    code, report = audit(run, capsys)

    assert code == 1
    assert report["damaged"][0]["keys"] == [f"{JOURNAL}//1"]
    assert report["invariants"] is None
    assert "journal entry 1 is damaged" in report["reasons"][-1]


def test_damage_is_the_first_reason_in_the_text(run, capsys):
    spoil(run, "scheduler", "archive", "seq = 2")

    main(["audit", str(run)])

    text = capsys.readouterr().out
    assert "0 lost, 1 damaged" in text
    assert "NOT OK:\n  - scheduler.sqlite has 1 damaged row" in text


@pytest.mark.parametrize(
    ("contents", "fault"),
    [(None, "is missing"), (b"", "is empty"), (b"noise" * 1000, "is damaged")],
    ids=["missing", "empty", "noise"],
)
def test_a_store_that_is_no_store_any_more_is_one_line(run, capsys, contents, fault):
    path = run / "stores" / "earth.sqlite"
    path.unlink()
    if contents is not None:
        path.write_bytes(contents)

    code = main(["audit", str(run)])

    told = capsys.readouterr().err
    assert code == 3
    assert told.startswith(f"lunaredge: {path} {fault}")
    assert told.count("\n") == 1


def test_a_store_cut_short_is_one_line(run, capsys):
    path = run / "stores" / "scheduler.sqlite"
    path.write_bytes(path.read_bytes()[:9000])

    code = main(["audit", str(run)])

    assert code == 3
    assert f"{path} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("truth/truth.json", b"{}"),
        ("truth/truth.json", b'{"a": "\xff"}'),
        ("truth/truth.jsonl", b"\xff\n"),
        ("run.json", b'{"site_file": "\xff"}'),
        ("run.json", b""),
    ],
)
def test_evidence_that_cannot_be_read_is_bad_input(run, capsys, name, contents):
    (run / name).write_bytes(contents)

    code = main(["audit", str(run)])

    told = capsys.readouterr().err
    assert code == 2
    assert str(run / name) in told
    assert told.count("\n") == 1


def test_what_is_no_folder_of_a_run_is_told_in_words(tmp_path, capsys):
    missing, file = tmp_path / "nix", tmp_path / "file"
    file.touch()

    codes = [main(["audit", str(place)]) for place in (missing, tmp_path, file)]

    remedy = "name the folder that `lunaredge demo --keep DIR` left"
    assert codes == [2, 2, 2]
    assert capsys.readouterr().err.splitlines() == [
        f"lunaredge: {place}: folder: {problem}, got '{place}'; {remedy}"
        for place, problem in (
            (missing, "there is no such folder"),
            (tmp_path, "there is no run.json in it"),
            (file, "this is no folder"),
        )
    ]


def test_a_record_that_can_not_be_read_is_told_with_its_reason(tmp_path, capsys):
    (tmp_path / "run.json").mkdir()
    unreadable = main(["audit", str(tmp_path)])
    (tmp_path / "run.json").rmdir()
    (tmp_path / "run.json").write_text("noise")
    no_record = main(["audit", str(tmp_path)])

    told = capsys.readouterr().err
    assert (unreadable, no_record) == (2, 2)
    assert "file: can't be read: Is a directory, got 'run.json'; name the folder" in told
    assert "file: is no record of a run: " in told
