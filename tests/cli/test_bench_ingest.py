"""The jobs of `bench ingest` that run a site: few nodes, a few seconds, all processes real."""

import math
from pathlib import Path

import pytest

from lunaredge.cli.bench import ingest, ingest_commit, ingest_drain, ingest_fleet, ingest_ours
from lunaredge.cli.bench.fleet_load import Plan, Told, draw, sum_of
from lunaredge.cli.bench.fleet_site import FleetLoad, FleetSite, node_names
from lunaredge.cli.bench.ingest_fleet import percentile
from lunaredge.cli.bench.row import BenchRow
from lunaredge.cli.bench.site import wait_for_word
from lunaredge.cli.main import main
from lunaredge.errors import LunarEdgeError


def by_metric(rows: list[BenchRow]) -> dict[str, float]:
    return {row.metric: row.ours for row in rows if row.ours is not None}


def test_a_small_fleet_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_fleet, "NODES", 6)

    rows = ingest_fleet.rows(2.0)

    found = by_metric(rows)
    assert found["lost"] == found["lost_sum"] == 0.0
    # 6 nodes, 10 Hz, 20 channels.
    assert found["values_per_s"] == pytest.approx(1_200.0)
    assert 0.0 < found["p50_ms"] <= found["p99_ms"] < math.inf
    assert all("ound by" in row.note or "proof" in row.note for row in rows)


def test_what_the_archive_lacks_is_told(tmp_path: Path) -> None:
    archiver = ingest_ours.Archiver(tmp_path)
    archiver.take(ingest_ours.payloads()[:2])
    count, total = archiver.stored()
    archiver.close()
    site = FleetSite(folder=tmp_path, place={}, port=1, broker="none", broker_pid=1, archive_pid=1)
    # A sample more was offered, and a value of 8 more, than was ever sent.
    told = Told(samples_offered=count + 1, values_sum=total + 8.0)

    lost, lost_sum = ingest_fleet.lost_of(site, (ingest_ours.NODE,), told)

    assert count == 2 * ingest_commit.BATCH_ROWS
    assert lost == 1.0
    assert lost_sum == pytest.approx(8.0)


@pytest.mark.slow
def test_a_small_drain_measures_alarms_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_drain, "NODES", 6)
    monkeypatch.setattr(ingest_drain, "UPLOADS_PER_S", 12)
    monkeypatch.setattr(ingest_drain, "LIVE_ROWS", 10)

    found = by_metric(ingest_drain.rows(4.0))

    assert found["drain_uploads_per_s, alone"] > 0.0
    assert found["rate_share_pct"] > 0.0
    # Far from the 20 s that one counts which was never answered.
    assert 0.0 < found["alarm_max_ms"] < 10_000.0
    assert 0.0 < found["command_max_ms"] < 10_000.0


def test_without_the_loads_codec_a_row_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(ingest.JOBS, "fleet", "no_such_module")
    monkeypatch.setattr(ingest, "LOAD_CODEC", "lunaredge.cli.bench.no_such_module")

    code = main(["bench", "ingest.fleet", "--json"])

    assert code == 0
    assert "no_such_module is not installed" in capsys.readouterr().out


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(k) for k in range(1, 201)]

    assert percentile(values, 0.99) == 198.0
    assert percentile(values, 1.0) == 200.0
    assert percentile([3.0], 0.5) == 3.0
    assert math.isnan(percentile([], 0.5))


def test_a_drawn_batch_comes_to_its_sum_exactly() -> None:
    batch = draw(10, 10.0, 1)

    assert sum_of(batch) == sum_of(draw(10, 10.0, 1)) != sum_of(draw(10, 10.0, 2))
    assert batch.end_ns == 1_000_000_000


def test_a_process_that_says_nothing_is_an_error_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive.log").write_text("no such folder", encoding="utf-8")
    monkeypatch.setattr("lunaredge.cli.bench.site.START_S_MAX", 0.1)

    with pytest.raises(LunarEdgeError, match="no such folder"):
        wait_for_word(tmp_path, "archive", "broker.connected")


def test_a_load_that_ends_too_early_is_an_error() -> None:
    plan = Plan(
        site="nowhere",
        port=1,
        keys="no-such-folder",
        nodes=node_names(1),
        seed=1,
        live_s=1.0,
        rate_hz=10.0,
        rows=10,
        backlog=0,
        backlog_rows=100,
    )

    with pytest.raises(LunarEdgeError, match="before its time"), FleetLoad(plan):
        pass
