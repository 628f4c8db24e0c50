"""Exports, read back by the libraries that others read them with."""

import csv
import math
import sys

import pyarrow.parquet as pq
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

from lunaredge.cli import telemetry
from lunaredge.cli.main import main
from lunaredge.cli.telemetry import export_csv, export_parquet
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.units import NS_PER_S
from lunaredge.wire.telemetry import Channel, Dtype
from tests.cli.telemetry.kept import SPAN_NS, SPEED, START_NS, archived, minute

JOULES = (Channel(name="battery_wh", unit="kJ", dtype=Dtype.F8), SPEED)


@pytest.fixture
def folder(tmp_path):
    """Give an archive of two nodes: a blank, what came late, and a unit that changed."""
    return archived(
        tmp_path / "archive",
        [
            minute(1, [1.0, 2.0], blanks=[2]),
            minute(3, [3.0], late=True),
            minute(1, [10.0], node="hauler-1"),
            minute(2, [36.0], node="hauler-1", table=JOULES),
        ],
    )


def exported(capsys, folder, out, *words):
    """Export all; give the exit code and what was said."""
    form = out.suffix.removeprefix(".")
    argv = ["export", "--format", form, "--out", str(out), "--archive", str(folder)]
    code = main([*argv, "--from", "start", *words])
    return code, capsys.readouterr()


def expected(folder):
    """Give all samples in order, as the reader has them."""
    rows = []
    with ArchiveReader.open(folder) as reader:
        for node in reader.nodes():
            for info in reader.channels(node):
                found = reader.samples(node, info.name, 0, 2**62, info.unit)
                rows += [
                    (node, info.name, info.unit, at, None if math.isnan(value) else value, late)
                    for at, value, late in zip(
                        found.times_ns.tolist(),
                        found.values.tolist(),
                        found.late.tolist(),
                        strict=True,
                    )
                ]
    return rows


def test_parquet_has_every_sample_in_order_with_its_types(folder, tmp_path, capsys):
    out = tmp_path / "all.parquet"

    code, said = exported(capsys, folder, out)

    assert code == 0, said.err
    table = pq.read_table(out)
    assert table.schema.field("time").type == export_parquet.SCHEMA.field("time").type
    columns = [table[name].to_pylist() for name in ("node", "channel", "unit")]
    columns += [table["time"].cast("int64").to_pylist(), table["value"].to_pylist()]
    rows = list(zip(*columns, table["late"].to_pylist(), strict=True))
    assert rows == expected(folder)
    assert len(rows) == 10
    assert f"{out}: 10 samples of 5 channels of 2 nodes" in said.out
    assert f"{out.stat().st_size} bytes" in said.out
    assert pq.ParquetFile(out).metadata.row_group(0).column(4).compression == "ZSTD"


def test_parquet_is_written_group_by_group(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(export_parquet, "GROUP_ROWS", 2)

    exported(capsys, folder, tmp_path / "all.parquet")

    found = pq.ParquetFile(tmp_path / "all.parquet")
    assert found.metadata.num_row_groups > 2
    assert found.read()["time"].cast("int64").to_pylist() == [row[3] for row in expected(folder)]


def test_csv_has_every_sample_in_order(folder, tmp_path, capsys):
    out = tmp_path / "all.csv"

    code, said = exported(capsys, folder, out)

    assert code == 0, said.err
    with out.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = [
        (
            row["node"],
            row["channel"],
            row["unit"],
            int(row["time_ns"]),
            float(row["value"]) if row["value"] else None,
            row["late"] == "true",
        )
        for row in rows
    ]
    assert found == expected(folder)
    assert rows[0]["time"] == "2026-11-23T00:00:00.000000000Z"


def messages_of(path):
    """Give the messages of a file by its own descriptors: topic, time, and what is set."""
    told = []
    with path.open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        for schema, channel, message, decoded in reader.iter_decoded_messages():
            assert (schema.encoding, channel.message_encoding) == ("protobuf", "protobuf")
            assert message.log_time == message.publish_time
            found = {field.name: value for field, value in decoded.ListFields()}
            told.append((channel.topic, message.log_time - START_NS, found))
    return told


def test_mcap_has_a_topic_for_each_node_and_a_message_for_each_time(folder, tmp_path, capsys):
    out = tmp_path / "all.mcap"

    code, said = exported(capsys, folder, out)

    assert code == 0, said.err
    told = messages_of(out)
    dozer, hauler = "/site/dozer-1/telemetry", "/site/hauler-1/telemetry"
    assert [each for each in told if each[0] == dozer] == [
        (dozer, 0, {"battery_wh": 1.0, "speed_m_s": 0.5}),
        (dozer, NS_PER_S, {"battery_wh": 2.0}),
        (dozer, 2 * NS_PER_S, {"battery_wh": pytest.approx(math.nan, nan_ok=True)}),
        (
            dozer,
            2 * SPAN_NS,
            {"battery_wh": 3.0, "speed_m_s": 0.5, "late": ["battery_wh", "speed_m_s"]},
        ),
    ]
    assert [each for each in told if each[0] == hauler] == [
        (hauler, 0, {"battery_wh_Wh": 10.0, "speed_m_s": 0.5}),
        (hauler, SPAN_NS, {"battery_wh_kJ": 36.0, "speed_m_s": 0.5}),
    ]
    with out.open("rb") as stream:
        topics = {
            one.topic: one.metadata for one in make_reader(stream).get_summary().channels.values()
        }
    assert topics[dozer] == {"battery_wh": "battery_wh [Wh]", "speed_m_s": "speed_m_s [m/s]"}


def test_mcap_has_a_field_of_its_own_for_each_channel_whatever_its_name(tmp_path, capsys):
    names = ("late", "a.b", "a_b", "a_b_")
    table = tuple(Channel(name=name, unit="", dtype=Dtype.F8) for name in names)
    kept = [minute(1, [1.0], node=node, table=table) for node in ("dozer-1", "dozer_1")]
    out = tmp_path / "all.mcap"

    code, said = exported(capsys, archived(tmp_path / "archive", kept), out)

    assert code == 0, said.err
    fields = {"late_2": 1.0, "a_b": 0.5, "a_b_2": 0.5, "a_b__3": 0.5}
    assert messages_of(out) == [
        ("/site/dozer-1/telemetry", 0, fields),
        ("/site/dozer_1/telemetry", 0, fields),
    ]


def test_nodes_channels_and_a_time_can_be_chosen(folder, tmp_path, capsys):
    out = tmp_path / "some.csv"
    words = ("--node", "dozer-1", "--channel", "bat*", "--to", "2026-11-23T00:01")

    code, _ = exported(capsys, folder, out, *words)

    assert code == 0
    lines = out.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["dozer-1", "battery_wh"]] * 3


def test_what_matches_nothing_is_refused_with_what_there_is(folder, tmp_path, capsys):
    code, said = exported(capsys, folder, tmp_path / "none.csv", "--channel", "volt*")

    assert code == 2
    assert "no channel of 'volt*' is there; there are: battery_wh, speed_m_s" in said.err
    assert not (tmp_path / "none.csv").exists()


def test_an_export_that_fails_leaves_what_was_there(folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "all.csv"
    out.write_text("the last one", encoding="utf-8")

    def broken(times_ns):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_csv, "isos", broken)
    code, said = exported(capsys, folder, out)

    assert code == 3
    assert "No space left on device" in said.err
    assert out.read_text(encoding="utf-8") == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "archive"]


def test_a_folder_gets_a_file_that_is_named_by_its_time(folder, tmp_path, capsys):
    argv = ["export", "--format", "csv", "--out", str(tmp_path), "--archive", str(folder)]

    assert main([*argv, "--from", "start"]) == 0

    (found,) = tmp_path.glob("*.csv")
    assert found.name == "telemetry-20261123T000000Z-20261123T000300Z.csv"


def test_a_folder_that_is_not_there_is_called_so(folder, tmp_path, capsys):
    argv = ["export", "--format", "csv", "--out", f"{tmp_path}/exports/", "--archive", str(folder)]

    assert main(argv) == 2
    told = capsys.readouterr().err
    assert f"--out: there is no such folder, got '{tmp_path}/exports'" in told
    assert "make the folder first, or name a file that ends in .csv" in told


def test_a_time_without_samples_is_told_of(folder, tmp_path, capsys):
    out = tmp_path / "none.csv"
    argv = ["export", "--format", "csv", "--out", str(out), "--archive", str(folder)]

    assert main([*argv, "--from", "2020-01-01", "--to", "2020-01-02"]) == 0

    said = capsys.readouterr()
    span = "from 2020-01-01T00:00:00Z to 2020-01-02T00:00:00Z"
    assert said.err == f"no samples of what was asked for {span}: the file has none\n"
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1


def test_a_name_that_says_another_format_is_refused(folder, tmp_path, capsys):
    argv = ["export", "--format", "mcap", "--out", str(tmp_path / "all.csv")]

    assert main([*argv, "--archive", str(folder)]) == 2
    assert "end its name in .mcap" in capsys.readouterr().err


def test_without_its_extra_it_says_what_to_install(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "lunaredge.cli.telemetry.export_parquet")
    monkeypatch.delattr(telemetry, "export_parquet")

    code, said = exported(capsys, folder, tmp_path / "all.parquet")

    assert code == 3
    assert "pyarrow" in said.err
    assert "install lunaredge[export]" in said.err


@pytest.mark.parametrize("command", ["export", "history"])
def test_damaged_samples_that_are_left_out_are_told_with_exit_code_1(folder, capsys, command):
    archived(folder, [minute(seq, [1.0, 2.0]) for seq in range(1, 4)])
    for path in folder.rglob("*.blocks"):
        path.write_bytes(bytes(path.stat().st_size))
    words = {
        "export": ["--format", "csv", "--out", str(folder.with_suffix(".csv"))],
        "history": ["dozer-1", "battery_wh", "--csv"],
    }

    code = main([command, *words[command], "--archive", str(folder), "--from", "start"])

    assert code == 1
    assert "stretches of samples are damaged" in capsys.readouterr().err


def test_an_archive_without_its_catalog_is_read_by_the_copy(folder, capsys):
    archived(folder, [minute(1, [1.0, 2.0])])
    archived(folder, [minute(2, [3.0])], is_settled=False)
    (folder / "catalog.sqlite").unlink()

    code = main(["history", "dozer-1", "battery_wh", "--csv", "--archive", str(folder)])

    told = capsys.readouterr()
    assert code == 0
    values = {line.split(",")[2] for line in told.out.splitlines()[1:]}
    assert {"1.0", "2.0", "3.0"} <= values
    assert "read by the copy of its catalog" in told.err
    assert "it is gone" in told.err
