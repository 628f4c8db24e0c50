import json
from pathlib import Path

import pytest

from lunaredge.errors import StorageError
from lunaredge.ids import NodeId
from lunaredge.machine.events import MachineStopped, StopCause
from lunaredge.runtime import truth_log as subject
from lunaredge.runtime.truth_log import TruthLog

STOPPED = MachineStopped(t_ns=7, machine=NodeId("one"), cause=StopCause.DEAD_MAN)


def test_rows_and_summary_are_plain_json(tmp_path: Path) -> None:
    log = TruthLog(tmp_path)

    log.write([STOPPED, STOPPED])
    log.flush({"t_ns": 7})

    row = {"type": "stopped", "t_ns": 7, "machine": "one", "cause": "dead_man"}
    lines = (tmp_path / "truth.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [row, row]
    assert json.loads((tmp_path / "truth.json").read_text()) == {"t_ns": 7}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["truth.json", "truth.jsonl"]


def test_a_former_runs_rows_are_gone(tmp_path: Path) -> None:
    first = TruthLog(tmp_path)
    first.write([STOPPED])
    first.flush({})

    TruthLog(tmp_path)

    assert (tmp_path / "truth.jsonl").read_bytes() == b""


def test_a_full_log_counts_what_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LOG_BYTES_MAX", 100)
    log = TruthLog(tmp_path)

    log.write([STOPPED])
    log.write([STOPPED, STOPPED])
    log.flush({})

    assert log.rows_dropped == 2
    assert len((tmp_path / "truth.jsonl").read_bytes().splitlines()) == 1


def test_a_disk_that_takes_nothing_is_a_storage_error(tmp_path: Path) -> None:
    log = TruthLog(tmp_path)
    (tmp_path / "truth.json").mkdir()
    (tmp_path / "truth.json" / "in the way").touch()

    with pytest.raises(StorageError, match="can't be written"):
        log.flush({})
