"""What a channel did, as rows, as JSON, as CSV, as a picture; and what is said where it is not."""

import csv
import io
import json
import math

import pytest

from lunaredge.cli.main import main
from lunaredge.cli.telemetry.series import Asked, columns
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.units import NS_PER_S
from lunaredge.wire.telemetry import Channel, Dtype
from tests.cli.telemetry.kept import SPAN_NS, SPEED, START_NS, archived, minute
from tests.runtime.archive import drawn

VALUES = [100.0, 101.5, 99.0]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


def asked(capsys, folder, *words):
    code = main(["history", *words, "--archive", str(folder)])
    out, err = capsys.readouterr()
    return code, out, err


def test_json_has_every_sample_with_its_time_and_what_stood_before(folder, capsys):
    archived(folder, [minute(1, [7.0]), minute(2, VALUES, blanks=[3], late=True)])

    code, out, _ = asked(
        capsys, folder, "dozer-1", "battery_wh", "--json", "--from", "2026-11-23T00:01"
    )

    document = json.loads(out)
    assert code == 0
    assert document["unit"] == "Wh"
    assert document["before"] == {"time_ns": START_NS, "value": 7.0}
    assert [each["value"] for each in document["samples"]] == [100.0, 101.5, 99.0, None]
    assert document["samples"][-1] == {
        "time": "2026-11-23T00:01:03.000000000Z",
        "time_ns": START_NS + SPAN_NS + 3 * NS_PER_S,
        "value": None,
        "late": True,
    }


@pytest.mark.parametrize("is_settled", [True, False])
def test_csv_has_every_sample_and_an_empty_cell_for_no_value(folder, capsys, is_settled):
    archived(folder, [minute(1, VALUES, blanks=[3])], is_settled=is_settled)

    code, out, _ = asked(capsys, folder, "dozer-1", "battery_wh", "--csv")

    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["value"] for row in rows] == ["100.0", "101.5", "99.0", ""]
    assert rows[1]["time_ns"] == str(START_NS + NS_PER_S)
    assert {row["late"] for row in rows} == {"false"}


def test_steps_give_least_greatest_and_last_of_each(folder, capsys):
    archived(folder, [minute(1, VALUES), minute(3, [5.0])])

    code, out, _ = asked(capsys, folder, "dozer-1", "battery_wh", "--step", "1m", "--json")

    told = json.loads(out)["buckets"]
    assert code == 0
    assert [(row["time_ns"] - START_NS, *list(row.values())[2:]) for row in told] == [
        (0, 3, 99.0, 101.5, 99.0),
        (2 * SPAN_NS, 1, 5.0, 5.0, 5.0),
    ]


def test_a_pipe_gets_all_rows_and_no_drawing(folder, capsys):
    archived(folder, [minute(seq, VALUES) for seq in range(1, 21)])

    code, out, _ = asked(capsys, folder, "dozer-1", "battery_wh")

    lines = out.splitlines()
    assert code == 0
    assert len(lines) == 1 + 20 * len(VALUES)
    assert lines[0].split() == ["TIME", "VALUE,", "Wh"]
    assert lines[1].split() == ["2026-11-23T00:00:00.000Z", "100"]


def test_a_channel_that_is_not_there_is_told_with_those_that_are(folder, capsys):
    archived(folder, [minute(1, VALUES)])

    code, _, err = asked(capsys, folder, "dozer-1", "batery_wh")

    assert code == 2
    assert "did you mean battery_wh? there are: battery_wh, speed_m_s" in err


def test_a_node_that_is_not_there_is_told_with_those_that_are(folder, capsys):
    archived(folder, [minute(1, VALUES), minute(1, VALUES, node="hauler-1")])

    code, _, err = asked(capsys, folder, "rover-9", "battery_wh")

    assert code == 2
    assert "nothing of a node 'rover-9'" in err
    assert "there are: dozer-1, hauler-1" in err


def test_a_unit_that_changes_is_told_with_when_and_one_can_be_asked_for(folder, capsys):
    joules = (Channel(name="battery_wh", unit="kJ", dtype=Dtype.F8), SPEED)
    archived(folder, [minute(1, VALUES), minute(2, [360.0], table=joules)])

    code, _, err = asked(capsys, folder, "dozer-1", "battery_wh")
    assert code == 2
    assert "Wh (f8) from 2026-11-23T00:00:00Z" in err
    assert "kJ (f8) from 2026-11-23T00:01:00Z" in err
    assert "or for one unit" in err

    code, out, _ = asked(capsys, folder, "dozer-1", "battery_wh", "--unit", "kJ", "--csv")
    assert code == 0
    assert out.splitlines()[1].split(",")[2] == "360.0"

    code, _, err = asked(capsys, folder, "dozer-1", "battery_wh", "--unit", "eV")
    assert code == 2
    assert "give one of: Wh, kJ" in err


def test_no_folder_and_a_folder_that_is_none_are_told_with_what_to_do(tmp_path, capsys):
    assert main(["history", "dozer-1", "battery_wh"]) == 2
    assert "give --archive with its folder" in capsys.readouterr().err

    code, _, err = asked(capsys, tmp_path / "nowhere", "dozer-1", "battery_wh")
    assert code == 2
    assert "there is no such folder" in err

    code, _, err = asked(capsys, tmp_path, "dozer-1", "battery_wh")
    assert code == 3
    assert "is no archive" in err
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_a_png_and_replaces_the_last_one(folder, tmp_path, capsys):
    archived(folder, [minute(1, VALUES), drawn.marker(2, 2), minute(20, VALUES)])
    picture = tmp_path / "battery.png"
    picture.write_bytes(b"the last one")

    code, _, err = asked(capsys, folder, "dozer-1", "battery_wh", "--plot", str(picture))

    assert code == 0, err
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "drawn: " in err

    code, _, err = asked(capsys, folder, "dozer-1", "battery_wh", "--plot", "battery.gif")
    assert code == 2
    assert "end its name in .png" in err


def of(reader, span_ns, known_ns=(START_NS, START_NS + 30 * SPAN_NS)):
    return Asked(reader, "dozer-1", "battery_wh", "Wh", None, span_ns, known_ns)


def test_a_value_stands_until_the_next_but_not_over_a_gap_or_a_blank(folder):
    keeps = [
        minute(1, [10.0]),
        minute(2),
        drawn.marker(3, 3, KeepKind.MISSING),
        minute(4, [20.0], blanks=[1]),
        minute(5),
        minute(6, [30.0]),
    ]
    archived(folder, keeps)

    with ArchiveReader.open(folder) as reader:
        found = columns(of(reader, (START_NS, START_NS + 6 * SPAN_NS)), 7)

    assert found.step_ns == SPAN_NS
    shown = [None if math.isnan(value) else value for value in found.lows.tolist()]
    assert shown == [10.0, 10.0, None, 20.0, None, 30.0]
    assert found.in_gap.tolist() == [False, False, True, False, False, False]
    assert found.sample_count == 3


def test_what_stood_before_the_time_is_shown_in_it(folder):
    archived(folder, [minute(1, [10.0]), *(minute(seq) for seq in range(2, 11))])

    with ArchiveReader.open(folder) as reader:
        found = columns(of(reader, (START_NS + 5 * SPAN_NS, START_NS + 10 * SPAN_NS)), 6)

    assert found.lows.tolist() == [10.0] * 5
    assert found.sample_count == 0
