"""What a channel did, as rows, as JSON, as CSV, as a picture; and what is said where it is not."""

import csv
import io
import json
import math
import sys

import numpy as np
import pytest

from lunaredge.cli.main import main
from lunaredge.cli.telemetry import plot
from lunaredge.cli.telemetry.drawing import BLOCKS
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
    assert document["before"] == {"time_ns": START_NS, "value": 7.0, "stands": True}
    assert document["gaps"] == []
    assert [each["value"] for each in document["samples"]] == [100.0, 101.5, 99.0, None]
    assert document["samples"][-1] == {
        "time": "2026-11-23T00:01:03.000000000Z",
        "time_ns": START_NS + SPAN_NS + 3 * NS_PER_S,
        "value": None,
        "late": True,
    }


def test_json_has_the_gaps_of_the_time_and_whether_the_value_before_it_still_stands(folder, capsys):
    lost = drawn.marker(2, 2, KeepKind.QUARANTINED, start_ns=START_NS + SPAN_NS)
    archived(folder, [minute(1, [7.0]), lost, minute(3, [8.0]), minute(4, [9.0])])
    words = ("dozer-1", "battery_wh", "--json", "--from")

    _, whole, _ = asked(capsys, folder, *words, "start")
    _, later, _ = asked(capsys, folder, *words, "2026-11-23T00:02")

    gaps = {gap["kind"]: gap for gap in json.loads(whole)["gaps"]}
    assert gaps["quarantined"]["reason"] == "because"
    assert START_NS <= gaps["quarantined"]["start_ns"] < gaps["quarantined"]["end_ns"]
    assert json.loads(later)["gaps"] == []
    assert json.loads(later)["before"] == {"time_ns": START_NS, "value": 7.0, "stands": False}


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


@pytest.mark.parametrize("form", [(), ("--csv",), ("--step", "1m"), ("--plot", "none.png")])
@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (
            "2020-01-01",
            "2020-01-02",
            "what is there is from 2026-11-23T00:00:00Z to 2026-11-23T00:",
        ),
        ("2026-11-23T00:01", "2026-11-23T00:02", "the last one before it, 7, stands"),
        ("2026-11-23T00:04", "2026-11-23T00:04:30", "the value before it stand, behind a gap"),
    ],
)
def test_a_time_without_samples_is_told_of(
    folder, tmp_path, capsys, monkeypatch, form, start, end, why
):
    monkeypatch.chdir(tmp_path)
    lost = drawn.marker(4, 4, KeepKind.MISSING)
    archived(folder, [minute(1, [7.0]), minute(2), minute(3), lost, minute(5), minute(6, [8.0])])
    words = ("dozer-1", "battery_wh", "--from", start, "--to", end)

    code, _, err = asked(capsys, folder, *words, *form)

    assert code == 0
    assert f"no samples of battery_wh of dozer-1 from {start}" in err
    assert why in err


def test_a_picture_of_nothing_has_no_scale(folder, tmp_path, monkeypatch, capsys):
    archived(folder, [minute(1, [7.0])])
    scales = []
    real = plot._draw_nothing
    monkeypatch.setattr(plot, "_draw_nothing", lambda axes: (real(axes), scales.append(axes)))
    words = ("dozer-1", "battery_wh", "--plot", str(tmp_path / "none.png"))

    asked(capsys, folder, *words)
    assert scales == []

    asked(capsys, folder, *words, "--from", "2020-01-01", "--to", "2020-01-02")
    (axes,) = scales
    assert axes.get_yticks().tolist() == []
    assert [text.get_text() for text in axes.texts] == [plot.NOTHING]


@pytest.mark.parametrize(
    "words", [("history", "dozer-1", "battery_wh"), ("gaps",), ("export", "--format", "csv")]
)
def test_the_settings_of_a_client_are_called_so(tmp_path, capsys, words):
    config = tmp_path / "operator.toml"
    config.write_text(
        'site = "yard"\nname = "operator-mari"\nkeys = "keys"\n'
        '[broker]\nhost = "127.0.0.1"\nport = 1883\n'
    )
    out = ("--out", str(tmp_path / "all.csv")) if words[0] == "export" else ()

    assert main([*words, *out, "--config", str(config)]) == 2

    told = capsys.readouterr().err
    assert f"{config}: these are a client's settings" in told
    assert "settings of the archive's process" in told


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


def test_each_column_that_a_gap_touches_shows_it(folder):
    keeps = [minute(seq, [10.0]) for seq in (1, 2, 4, 5, 6, 7, 8)]
    archived(folder, [*keeps, drawn.marker(3, 3, KeepKind.MISSING)])

    with ArchiveReader.open(folder) as reader:
        found = columns(of(reader, (START_NS, START_NS + 8 * SPAN_NS)), 3)

    assert found.step_ns == 4 * SPAN_NS
    assert found.in_gap.tolist() == [True, False]
    assert found.lows.tolist() == [10.0, 10.0]


def test_behind_a_gap_a_value_stands_no_more(folder):
    gap = drawn.marker(2, 2, start_ns=START_NS + 40 * NS_PER_S)
    archived(folder, [minute(1, [10.0]), gap, minute(3), minute(4), minute(5, [20.0])])

    with ArchiveReader.open(folder) as reader:
        whole = columns(of(reader, (START_NS, START_NS + 5 * SPAN_NS)), 6)
        later = columns(of(reader, (START_NS + 2 * SPAN_NS, START_NS + 5 * SPAN_NS)), 4)

    assert whole.step_ns == later.step_ns == SPAN_NS
    assert np.isnan(whole.lows).tolist() == [False, True, True, True, False]
    assert np.isnan(later.lows).tolist() == [True, True, False]


def test_what_stood_before_the_time_is_shown_in_it(folder):
    archived(folder, [minute(1, [10.0]), *(minute(seq) for seq in range(2, 11))])

    with ArchiveReader.open(folder) as reader:
        found = columns(of(reader, (START_NS + 5 * SPAN_NS, START_NS + 10 * SPAN_NS)), 6)

    assert found.lows.tolist() == [10.0] * 5
    assert found.sample_count == 0


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize("step", [(), ("--step", "10s")])
def test_a_screen_of_eighty_by_twenty_four_has_a_drawing_and_the_last_rows(
    folder, monkeypatch, step
):
    archived(folder, [minute(seq, VALUES * 10) for seq in range(1, 21) if seq not in (7, 8)])
    monkeypatch.setattr("sys.stdout", Screen())
    monkeypatch.setenv("COLUMNS", "80")
    argv = ["history", "dozer-1", "battery_wh", "--archive", str(folder), "--from", "start", *step]

    assert main(argv) == 0

    lines = sys.stdout.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 24
    assert any(BLOCKS.full in line for line in lines)
    assert any(BLOCKS.gap in line for line in lines)
    count = 18 * (3 if step else 30)
    assert lines[-1] == f"{count - 5} more before these; --csv, --json or a pipe gives all"
    assert lines[-2].startswith("2026-11-23T00:19:")


def test_a_time_before_the_end_is_a_value_and_no_option(folder, capsys):
    archived(folder, [minute(1, VALUES), minute(2, [7.0, 8.0])])

    code, out, _ = asked(capsys, folder, "dozer-1", "battery_wh", "--csv", "--from", "-1m")

    assert code == 0
    assert [line.split(",")[2] for line in out.splitlines()[1:]] == ["8.0"]
