import json
import os
import textwrap
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from lunaredge.cli.bench import footprint, ingest_commit, paths, paths_site, proc, sim
from lunaredge.cli.bench.contest import (
    FOLDER_VARIABLE,
    OURS,
    ContenderFailed,
    Contest,
    Processes,
    agree,
    hold,
)
from lunaredge.cli.bench.drawn import drawn
from lunaredge.cli.bench.install import base_install_mib
from lunaredge.cli.bench.row import BenchOptions, BenchRow, row_against
from lunaredge.cli.main import main
from lunaredge.errors import LunarEdgeError
from lunaredge.examples import demo_site

KEYS = {"case", "metric", "unit", "ours", "peer", "peer_value", "ratio", "note"}

# Contenders that need no library; each is loaded in a process of its own.
CONTENDERS = """
    FIGURES = {"ours": 2.0, "twice": 4.0, "other": 1.0}

    def contender(name, *data):
        if name == "absent":
            raise ModuleNotFoundError("No module named 'absentlib'", name="absentlib")
        print("what a library prints is no answer")
        return Player(name)

    class Player:
        def __init__(self, name):
            self.name = name

        def answer(self, case):
            return [case, 1.0 if self.name != "other" else 1.1]

        def measure(self, case, duration_s):
            if self.name == "broken":
                raise ValueError("out of order")
            if self.name == "gone":
                raise SystemExit(1)
            return FIGURES[self.name]
"""


@pytest.fixture
def players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "players.py").write_text(textwrap.dedent(CONTENDERS), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")
    return "players"


def contest(module: str, *peers: str) -> Contest:
    return Contest(
        module=module,
        cases={"small": "bound by nothing", "large": "bound by nothing"},
        metric="us_per_job",
        unit="us",
        peers={peer: peer for peer in peers},
    )


def test_a_contest_gives_a_row_for_each_case_and_peer(players: str) -> None:
    rows = hold(contest(players, "twice"), seconds=0.1)

    assert [(row.case, row.peer) for row in rows] == [("small", "twice"), ("large", "twice")]
    assert [row.ours for row in rows] == [2.0, 2.0]
    assert [row.peer_value for row in rows] == [4.0, 4.0]
    assert [row.ratio for row in rows] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        ("absent", "absentlib is not installed"),
        ("broken", "out of order"),
        ("gone", "its process ended"),
        ("other", "its answers differ from ours"),
    ],
)
def test_a_peer_that_cannot_be_compared_is_a_row_that_says_why(
    players: str, peer: str, reason: str
) -> None:
    rows = hold(contest(players, peer, "twice"), seconds=0.1)

    small = {row.peer: row for row in rows if row.case == "small"}
    assert small[peer].peer_value is None
    assert small[peer].ratio is None
    assert small[peer].ours == 2.0
    assert reason in small[peer].reason
    assert small[peer].note == "bound by nothing"
    assert small["twice"].ratio == 2.0


def test_without_ours_there_is_no_contest(tmp_path: Path, players: str) -> None:
    text = (tmp_path / "players.py").read_text(encoding="utf-8")
    spoilt = text.replace('name == "absent"', f'name == "{OURS}"')
    (tmp_path / "players.py").write_text(spoilt, encoding="utf-8")

    with pytest.raises(ContenderFailed, match="absentlib"):
        hold(contest(players, "twice"), seconds=0.1)


def test_answers_agree_but_for_rounding() -> None:
    assert agree([1, ["a", 0.1 + 0.2]], [1, ["a", 0.3]])
    assert not agree([1, 0.3], [1, 0.3001])
    assert not agree([1], [1.0])
    assert not agree(["free"], ["free", "claim"])


def test_a_ratio_over_one_means_that_ours_is_better() -> None:
    row = BenchRow(case="c", metric="m", unit="u", ours=2.0)

    assert row_against(row, "p", 6.0, more_is_better=False).ratio == 3.0
    assert row_against(row, "p", 1.0, more_is_better=True).ratio == 2.0
    assert row_against(row, "p", 0.0, more_is_better=True).ratio is None
    nothing = msgspec.structs.replace(row, ours=0.0)
    assert row_against(nothing, "p", 0.0, more_is_better=False).ratio == 1.0


@pytest.mark.parametrize("count", paths_site.CLAIMS)
def test_shapely_gives_the_same_verdicts(count: int) -> None:
    case = paths_site.check_case(count)
    folder = str(demo_site())

    ours = paths_site.contender(OURS, folder).answer(case)
    theirs = paths_site.contender("shapely", folder).answer(case)

    assert ours == theirs
    # A comparison in which everybody says "free" would show nothing.
    assert len(set(ours)) == 3


@pytest.mark.parametrize("case", [ingest_commit.COMMIT, ingest_commit.SETTLE])
def test_both_sides_of_ingest_store_the_same_samples(case: str) -> None:
    ours = ingest_commit.contender(OURS).answer(case)
    theirs = ingest_commit.contender("rows").answer(case)

    samples = ingest_commit.COMMITS * ingest_commit.BATCHES_A_COMMIT * ingest_commit.BATCH_ROWS
    assert agree(ours, theirs)
    assert ours[0] == samples


def test_the_command_measures_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "ingest.commit", "--seconds", "0.2", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["bench"] == "ingest"
    assert document["machine"]["cores"] >= 1
    assert [row.keys() for row in document["rows"]] == [KEYS] * 2
    assert [row["case"] for row in document["rows"]] == [ingest_commit.COMMIT, ingest_commit.SETTLE]
    commit, settle = document["rows"]
    assert commit["ratio"] > 0
    # What is done behind the commit is told, and compared with nobody's.
    assert settle["ours"] > 0
    assert settle["peer"] is None
    assert all("ound by" in row["note"] for row in document["rows"])


def test_a_missing_library_is_a_row_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pydantic.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'pydantic'\", name='pydantic')"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")

    code = main(["bench", "ingest.commit", "--seconds", "0.2", "--json"])

    rows = json.loads(capsys.readouterr().out)["rows"]
    assert code == 0
    assert all(row["ours"] > 0 and row["peer_value"] is None for row in rows)
    assert "pydantic is not installed" in rows[0]["note"]


def test_plans_are_measured_without_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths_site, "PLANS", 3)

    ours = paths_site.contender(OURS, str(demo_site()))

    for metric in ("p50_ms", "p99_ms"):
        assert ours.answer(f"plan, 8 claims @ {metric}") == 3
        assert ours.measure(f"plan, 8 claims @ {metric}", 0.0) > 0.0


def test_one_job_of_paths_can_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["bench", "paths.site", "--seconds", "0.2", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["bench"] == "paths"
    assert [row.keys() for row in document["rows"]] == [KEYS] * 5
    assert {row["case"].split(",")[0] for row in document["rows"]} == {"check", "plan"}


def test_every_job_of_paths_has_contests() -> None:
    found = paths.contests(BenchOptions(seconds=None, data=None))

    assert list(found) == list(paths.JOBS)
    assert all(contest.cases for job in found.values() for contest in job)


def test_a_process_is_kept_for_the_next_contest(players: str) -> None:
    with Processes() as processes:
        hold(contest(players, "twice"), 0.1, processes)
        first = processes.of("twice", contest(players, "twice"))
        hold(contest(players, "twice"), 0.1, processes)
        again = processes.of("twice", contest(players, "twice"))

    assert first is again


def test_who_broke_in_one_contest_starts_anew_in_the_next(players: str) -> None:
    with Processes() as processes:
        hold(contest(players, "broken"), 0.1, processes)
        first = processes.of("broken", contest(players, "broken"))

    assert first.reason == ""


def test_what_one_contender_draws_the_next_one_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    first = drawn("a scene", lambda: {"cells": np.arange(6).reshape(2, 3)})
    again = drawn("a scene", lambda: {"cells": np.zeros(1)})
    other = drawn("another", lambda: {"cells": np.zeros(1)})

    np.testing.assert_array_equal(first["cells"], again["cells"])
    assert again["cells"].dtype == first["cells"].dtype
    assert other["cells"].shape == (1,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["link"], "later release"),
        (["monitor"], "later release"),
        (["speed"], "no such benchmark"),
        (["paths", "--seconds", "0"], "--seconds"),
        (["paths", "--seconds", "nan"], "--seconds"),
        (["sim", "--data", "x"], "--data"),
        (["placement.site", "--data", "x"], "draws its own"),
        (["placement.speed"], "placement.assign"),
        (["ingest", "--data", "x"], "--data"),
        (["ingest.fleet", "--data", "x"], "--data"),
        (["ingest.speed"], "ingest.drain"),
        (["footprint", "--data", "x"], "--data"),
        (["paths", "--data", "no-such-folder"], "site.toml"),
        (["paths.astar", "--data", "no-such-folder"], "*.map"),
        (["paths.solids", "--data", "no-such-folder"], "draws its own"),
        (["paths.speed"], "paths.solids"),
        (["paths.grid", "--plot", "cost.png"], "measure one of paths"),
    ],
)
def test_bad_usage_is_refused_before_anything_is_measured(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["bench", *words])

    captured = capsys.readouterr()
    assert code == 2
    assert said in captured.err
    assert captured.out == ""


def test_one_benchmark_that_fails_leaves_the_others_their_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: BenchOptions) -> list[BenchRow]:
        raise LunarEdgeError("out of order")

    monkeypatch.setattr(sim, "rows", fail)
    monkeypatch.setattr(footprint, "rows", lambda _: [])

    code = main(["bench", "sim", "footprint", "--json"])

    captured = capsys.readouterr()
    assert code == 1
    assert [document["bench"] for document in json.loads(captured.out)] == ["footprint"]
    assert "bench sim: out of order" in captured.err


def test_the_simulators_speed_counts_whole_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def run(seed: int, *_: object, **__: object) -> SimpleNamespace:
        seeds.append(seed)
        return outcome(seed, ok=True)

    monkeypatch.setattr(sim, "run_seed", run)

    rows = sim.rows(BenchOptions(seconds=1e-9, data=None))

    speeds = [row for row in rows if row.case in ("calm", "faults as drawn")]
    assert seeds[:2] == [1, 1]
    assert {row.metric for row in speeds} == {"speed_x", "speed_cpu_x", "events_per_cpu_s"}
    assert {row.metric for row in rows} >= {"waited_pct", "speed_pct"}


def test_a_seed_that_fails_is_worth_more_than_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim, "run_seed", lambda seed, *_: outcome(seed, ok=False))

    with pytest.raises(LunarEdgeError, match="seed=1"):
        sim.rows(BenchOptions(seconds=1e-9, data=None))


def outcome(seed: int, *, ok: bool) -> SimpleNamespace:
    """Give what the benchmark reads of a run's outcome."""
    return SimpleNamespace(ok=ok, virtual_s=100.0, events=1000, line=lambda: f"seed={seed}")


def test_memory_is_ordered_and_a_twin_does_not_halve_it() -> None:
    memory = proc.memory_of(os.getpid())

    assert 0.0 < memory.uss_mib <= memory.pss_mib <= memory.rss_mib
    assert proc.cpu_s_of(os.getpid()) > 0.0
    assert proc.written_bytes_of(os.getpid()) >= 0


def test_a_process_that_is_gone_is_an_error_of_ours() -> None:
    with pytest.raises(LunarEdgeError, match="2147483647"):
        proc.cpu_s_of(2**31 - 1)


def test_the_base_install_is_the_agents() -> None:
    size_mib, names = base_install_mib()

    assert {"aiomqtt", "msgspec", "paho-mqtt", "pynacl"} <= set(names)
    assert {"numba", "numpy", "pydantic", "textual"}.isdisjoint(names)
    assert size_mib > 1.0


@pytest.mark.slow
def test_an_agents_footprint_is_measured_on_a_real_site() -> None:
    rows = footprint.rows(BenchOptions(seconds=1.0, data=None))

    found = {row.metric: row for row in rows}
    assert found["uss_mib"].ours <= found["pss_mib"].ours <= found["rss_mib"].ours
    assert found["pss_mib"].peer_value < found["pss_mib"].ours
    assert {"cpu_pct", "flash_kib_per_min", "import_ms", "install_mib"} <= found.keys()
    assert all(row.note for row in rows)
