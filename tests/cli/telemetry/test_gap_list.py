"""What is not there: each with its reason, and how complete the rest is."""

import json

import pytest

from lunaredge.cli.main import main
from lunaredge.node import KeepKind
from tests.cli.telemetry.kept import SPAN_NS, START_NS, archived, minute
from tests.runtime.archive import drawn


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def listed(capsys, folder, *words):
    code = main(["gaps", "--archive", str(folder), "--from", "start", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_nothing_missing_is_said_with_exit_code_0(folder, capsys):
    archived(folder, [minute(seq, [1.0]) for seq in range(1, 11)])

    code, out, _ = listed(capsys, folder)

    assert code == 0
    assert "nothing is missing" in out
    told = ["dozer-1", "100", "%", "2026-11-23T00:00:00Z", "2026-11-23T00:10:00Z", "0"]
    assert out.splitlines()[-1].split() == told


def test_each_gap_is_told_with_its_reason_and_the_code_is_1(folder, capsys):
    archived(
        folder,
        [
            minute(1, [1.0]),
            # Numbers of ten seconds each: it speaks of 00:00:20 to 00:00:40 here.
            drawn.marker(2, 3, start_ns=START_NS + 40 * 10**9),
            drawn.marker(4, 4, KeepKind.QUARANTINED),
            minute(6, [1.0]),
        ],
    )

    code, out, _ = listed(capsys, folder, "--json")

    document = json.loads(out)
    assert code == 1
    kinds = {gap["kind"]: gap for gap in document["gaps"]}
    assert set(kinds) == {"dropped", "quarantined", "outstanding", "no_data"}
    summary = {"min": 1.0, "max": 3.0, "last": 2.0, "count": 2}
    assert kinds["dropped"]["summary"] == {"f4.every": summary}
    assert kinds["dropped"]["samples"] == 40
    assert kinds["quarantined"]["reason"] == "because"
    assert (kinds["outstanding"]["first_seq"], kinds["outstanding"]["last_seq"]) == (5, 5)
    (node,) = document["nodes"]
    assert (node["from_ns"], node["to_ns"]) == (START_NS, START_NS + 6 * SPAN_NS)
    assert node["covered_ratio"] == pytest.approx(2 / 6)


def test_a_table_tells_where_and_why_at_eighty_columns(folder, capsys):
    archived(folder, [minute(1, [1.0]), drawn.marker(2, 2), minute(3, [1.0])])

    code, out, _ = listed(capsys, folder)

    assert code == 1
    line = next(line for line in out.splitlines() if " dropped " in line)
    assert "f4.every 1..3 last 2" in line
    assert "2-2" in line


def test_a_node_without_a_word_in_that_time_is_not_complete(folder, capsys):
    archived(folder, [minute(1, [1.0]), *(minute(k, [1.0], node="hauler-1") for k in range(1, 4))])

    code, out, _ = listed(capsys, folder, "--from", "2026-11-23T00:02", "--to", "2026-11-23T00:03")

    assert code == 1
    assert ["dozer-1", "nothing", "-", "-", "0"] in [line.split() for line in out.splitlines()]
    told = "nothing is known of dozer-1 in that time; of the others nothing is missing"
    assert out.splitlines()[1] == told


def test_silence_up_to_an_end_that_was_asked_for_is_missing(folder, capsys):
    archived(folder, [minute(1, [1.0]), minute(2, [1.0])])

    code, out, _ = listed(capsys, folder, "--to", "2026-11-23T00:08", "--json")

    document = json.loads(out)
    assert code == 1
    (gap,) = document["gaps"]
    assert (gap["kind"], gap["reason"]) == ("no_data", "nothing since")
    assert gap["to_ns"] - gap["from_ns"] == 6 * SPAN_NS
    assert document["nodes"][0]["covered_ratio"] == pytest.approx(2 / 8)
    # What is that young may be under way.
    assert listed(capsys, folder, "--to", "2026-11-23T00:05")[0] == 0


def test_a_time_of_which_nothing_is_known_is_not_called_complete(folder, capsys):
    archived(folder, [minute(1, [1.0])])

    code, out, _ = listed(capsys, folder, "dozer-1", "--from", "2020-01-01", "--to", "2020-01-02")

    assert code == 1
    assert out.splitlines()[1] == "nothing is known of dozer-1 in that time"
    assert "nothing is missing" not in out


def test_an_archive_of_nobody_and_a_node_that_is_not_there_are_refused(folder, capsys):
    archived(folder, [minute(1, [1.0])])

    code, _, err = listed(capsys, folder, "dozer-7")

    assert code == 2
    assert "did you mean dozer-1?" in err
