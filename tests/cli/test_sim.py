import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunaredge.cli import sim, sim_scope, sim_talk
from lunaredge.cli.main import main
from lunaredge.cli.sim_report import Tally
from lunaredge.cli.sim_scenario import Subject
from lunaredge.cli.sim_talk import bar
from lunaredge.examples import demo_site
from lunaredge.sim.campaign import Key, Row
from lunaredge.sim.limits import Limits
from lunaredge.sim.workers import WorkerLost
from tests.sim.mutants import everybody_else_is_forgotten

SEED = "3"
# Two machines, a minute of faults: a second for a seed.
QUICK = ["--scenario", "swap", "--hours", "0.02"]
KEYS = {"seeds", "passed", "failed", "virtual_s", "wall_s", "events", "digest"}

Document = dict[str, object]


def simulated(*words: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run the command in another process."""
    return subprocess.run(
        [sys.executable, "-m", "lunaredge", "sim", *words],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
        text=True,
        timeout=300.0,
    )


def asked(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Document, str]:
    """Run the command here; give its exit code, its answer and its talk."""
    code = main(["sim", *words, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


@pytest.mark.slow
def test_a_seed_is_the_same_run_whatever_the_order_of_hashes() -> None:
    words = ["--scenario", "small", "--seed", SEED, "--json"]
    first = json.loads(simulated(*words, hash_seed="0").stdout)
    second = json.loads(simulated(*words, hash_seed="12345").stdout)

    assert first.keys() >= KEYS
    assert first["passed"] == first["seeds"] == 1
    assert first["digest"] == second["digest"]
    told = simulated(*words[:-1], hash_seed="7").stdout
    assert f"digest {first['digest'][:16]}, source {first['source']}" in told


@pytest.mark.slow
def test_a_trace_is_the_same_to_the_last_byte_whatever_the_order_of_hashes() -> None:
    words = ["--seed", "7", "--trace", *QUICK]

    first, second = simulated(*words, hash_seed="0"), simulated(*words, hash_seed="12345")

    told = [line for line in first.stderr.splitlines() if not line.startswith("compiling")]
    again = [line for line in second.stderr.splitlines() if not line.startswith("compiling")]
    assert told == again
    assert len(told) > 1_000
    assert told[-1].startswith("PASSED seed=7 ")


@pytest.mark.slow
def test_seeds_run_in_several_processes_give_the_same_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--seeds", "4", "--seed-base", "11", *QUICK]

    _, alone, _ = asked(words, capsys)
    _, shared, _ = asked([*words, "--jobs", "2"], capsys)

    timed = {"wall_s", "cpu_s", "speed_x"}
    assert {k: v for k, v in alone.items() if k not in timed} == {
        k: v for k, v in shared.items() if k not in timed
    }
    assert alone["seeds"] == alone["passed"] == alone["converged"] == 4


def test_a_failure_is_one_line_and_a_small_run_that_its_command_plays_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everybody_else_is_forgotten(monkeypatch)

    code, document, told = asked(["--seeds", "2", "--hours", "0.5"], capsys)

    rows = document["failed"]
    assert code == 1
    assert isinstance(rows, list)
    assert [row["seed"] for row in rows] == [1, 2]
    assert rows[0]["replay"] == "lunaredge sim --seed 1 --hours 0.5 --trace"
    lines = [line for line in told.splitlines() if line.startswith("FAILED")]
    assert [line.split("replay: ")[1] for line in lines] == [row["replay"] for row in rows]
    shrunk = rows[0]["shrunk"]
    assert shrunk["faults"] == []
    assert "shrunk" not in rows[1], "one story for each broken invariant"
    assert f"replay: {shrunk['replay']}\n" in told
    code, again, told = asked(shlex.split(shrunk["replay"])[2:], capsys)
    assert code == 1
    assert again["failed"][0]["failure"] == shrunk["failure"]  # type: ignore[index]
    assert again["failed"][0]["replay"] == shrunk["replay"]  # type: ignore[index]
    assert f"FAILED seed=1 events={again['events']} {shrunk['failure']}" in told


def test_a_campaign_runs_its_seeds_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, value in (("--until", "5"), ("--without", "loss")):
        code = main(["sim", "--campaign", str(tmp_path / "kept"), key, value])

        assert code == 2
        assert f"{key}: can't be used" in capsys.readouterr().err
        assert not (tmp_path / "kept").exists()


def test_nobody_has_to_wait_for_a_small_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everybody_else_is_forgotten(monkeypatch)

    _, document, told = asked(["--seeds", "1", "--hours", "0.5", "--shrink", "0"], capsys)

    assert "shrunk" not in document["failed"][0]  # type: ignore[index]
    assert "shrinking" not in told


@pytest.mark.slow
def test_a_replay_of_a_fault_that_the_seed_does_not_have_is_bad_input(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["sim", "--scenario", "small", "--seed", SEED, "--only", "9999", "--until", "60"])

    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert "--only: can't be used, got 9999; seed" in told.err


def test_faults_that_were_asked_for_and_did_not_strike_are_named_and_nothing_else_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Any progress is told at once, also on a pipe.
    monkeypatch.setattr(sim_talk, "_FIRST_S", 0.0)
    code = main(["sim", *QUICK, "--seed", SEED, "--only", "1,8888,9999"])

    told = capsys.readouterr()
    refusal = "lunaredge sim: --only: can't be used, got 8888,9999; seed 3 has "
    assert (code, told.out, "1 of 1" in told.err) == (2, "", False)
    assert re.search(f"{re.escape(refusal)}[0-9]+ faults in its first 72 s\n$", told.err)


def test_a_traced_run_that_lacks_a_fault_is_not_called_passed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["sim", *QUICK, "--seed", SEED, "--only", "9999", "--trace"])

    assert code == 2
    assert "PASSED" not in capsys.readouterr().err


def test_a_run_that_failed_first_says_which_faults_it_did_not_come_to() -> None:
    tally = Tally(Subject(name="swap", hours=None, given=Limits(only=(2, 7, 9))))

    tally.take(failed_row(due_count=3))

    assert tally.mistaken == ""
    assert tally.unstruck == "of --only did not strike: 7, 9; the run failed before"


def test_what_a_failed_run_did_not_come_to_is_told_beside_its_summary(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody_else_is_forgotten(monkeypatch)

    code = main(["sim", "--seed", "1", "--only", "9999", "--shrink", "0"])

    told = capsys.readouterr()
    assert (code, "seed 1: " in told.out) == (1, True)
    assert told.err.endswith("of --only did not strike: 9999; the run failed before\n")


def failed_row(due_count: int) -> Row:
    return Row(
        key=Key("swap", None, 3),
        ok=False,
        failure="I2: x",
        breach="I2",
        digest="",
        events=1,
        virtual_s=1.0,
        converged_s=None,
        faults=0,
        checks={},
        cpu_s=1.0,
        due_count=due_count,
    )


@pytest.mark.parametrize("words", [["--trace"], ["--exhaustive", "--trace"]])
def test_a_flag_that_does_not_fit_is_named_as_it_was_typed(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", *words]) == 2
    assert "the command line: can't be used, got '--trace'; " in capsys.readouterr().err


def test_a_search_that_had_no_time_for_a_step_has_shown_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["sim", "--exhaustive", "--seconds", "1e-9"])

    told = capsys.readouterr()
    assert code == 1
    assert told.out.startswith("INCOMPLETE\n")
    assert "no step was tried" in told.err


def test_an_interrupted_search_tells_how_far_it_came(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(sim_scope.Talk, "say", press)

    code = main(["sim", "--exhaustive", "--depth", "8"])

    told = capsys.readouterr()
    assert code == 130
    assert told.out.startswith("INCOMPLETE\n")
    assert "violations of I1, I2 and I3, and crashes: 0" in told.out
    assert told.err.endswith("sim was interrupted; this is what was tried until then\n")


@pytest.mark.slow
def test_an_interrupt_ends_it_with_the_summary_of_what_was_run() -> None:
    words = ["sim", "--seeds", "5000", "--jobs", "2", "--json", *QUICK]
    process = subprocess.Popen(
        [sys.executable, "-m", "lunaredge", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    while "of 5000 seeds" not in process.stderr.readline():
        assert process.poll() is None

    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60.0)

    document = json.loads(out)
    assert process.returncode == 130
    assert document["interrupted"]
    assert 1 <= document["seeds"] == document["passed"] < 5000
    assert "Traceback" not in err
    assert err.endswith("lunaredge: sim was interrupted\n")


def test_a_process_that_dies_is_told_after_the_summary_of_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dying(*_: object) -> Iterator[object]:
        raise WorkerLost(7, -9)

    monkeypatch.setattr(sim, "finished", dying)

    code, document, told = asked(["--seeds", "9", "--jobs", "2"], capsys)

    assert code == 1
    assert document["seeds"] == 0
    assert "the process that ran seed 7 died (signal SIGKILL)" in told
    assert "--seed 7" in told


def test_seeds_are_run_until_the_time_is_up_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, document, _ = asked(["--seconds", "0.5", "--seed-base", "50", *QUICK], capsys)

    assert code == 0
    assert 1 <= document["seeds"] == document["passed"] < 20  # type: ignore[operator]
    assert document["seed_first"] == 50


def test_hardly_any_time_is_one_seed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Any progress is told at once, also on a pipe.
    monkeypatch.setattr(sim_talk, "_FIRST_S", 0.0)
    code = main(["sim", "--seconds", "1e-9", *QUICK])

    told = capsys.readouterr()
    assert code == 0
    assert told.out.startswith("1 of 1 seed of 0.02 virtual hours from 1 on passed\n")
    assert "0 seeds, 0 failed, " in told.err


@pytest.mark.parametrize(("total", "said"), [(1, "1 of 1 seed, "), (None, "1 seed, ")])
def test_one_seed_is_no_seeds(
    total: int | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sim_talk, "_FIRST_S", 0.0)
    sim_talk.Talk(total, 1.0).progress(1, 0)

    assert f"{said}0 failed" in capsys.readouterr().err


def test_an_order_that_its_site_can_not_do_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(demo_site(), folder)
    order = folder / "order.yaml"
    text = order.read_text("utf-8")
    zone = re.search(r"zone: (\S+)", text)
    assert zone is not None
    order.write_text(text.replace(zone[0], "zone: nowhere", 1), "utf-8")

    code = main(["sim", "--scenario", str(folder), "--seeds", "1"])

    said = capsys.readouterr().err
    assert code == 2
    told = (
        r"tasks\[\d+\] \(\S+\): zone nowhere: no such zone \(the site has \S.* and \d+ more\); mend"
    )
    assert re.search(rf"order\.yaml: {told} the order", said)


def site_with_one_task(folder: Path, release_s: float) -> list[str]:
    """Give the words that run a demo site whose one task may not begin before that."""
    shutil.copytree(demo_site(), folder)
    order = ["id: one", "title: One task", "tasks:", "- {id: survey, kind: survey, zone: pad,"]
    order.append(f"   release_s: {release_s}}}")
    (folder / "order.yaml").write_text("\n".join(order), "utf-8")
    return ["--scenario", str(folder), "--seed", "1", "--hours", "0.1", "--only", "none"]


def test_an_outage_before_the_only_task_may_begin_is_no_standstill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The demo's link is out from 4,200 s to 6,600 s.
    code, document, _ = asked(site_with_one_task(tmp_path / "site", 7_000.0), capsys)

    assert code == 0
    assert document["convergence_s_median"] > 6_000.0  # type: ignore[operator]


def test_the_time_for_the_job_counts_from_when_its_last_task_may_begin(tmp_path: Path) -> None:
    site_with_one_task(tmp_path / "soon", 0.0)
    site_with_one_task(tmp_path / "late", 30_000.0)

    soon_s, late_s = (
        Subject(name=str(tmp_path / name), hours=0.1).load().work_s_max for name in ("soon", "late")
    )

    assert late_s == soon_s + 30_000.0


def test_a_plan_whose_contacts_are_over_before_the_work_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["sim", *site_with_one_task(tmp_path / "site", 36_000.0)])

    said = capsys.readouterr().err
    assert code == 2
    assert "contacts.json: contacts: the last contact with Earth is over" in said
    assert "add contacts beyond 36360 s" in said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--seeds", "100001"], "--seeds"),
        (["--seeds", "2", "--seed", "3"], "--seeds"),
        (["--seed-base", "2", "--seed", "3"], "--seed-base"),
        (["--seconds", "2", "--seed", "3"], "--seconds"),
        (["--seconds", "2", "--seeds", "3"], "--seconds"),
        (["--seconds", "-1"], "--seconds"),
        (["--seconds", "0"], "--seconds"),
        (["--exhaustive", "--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--jobs", "0"], "--jobs"),
        (["--jobs", "100000"], "--jobs"),
        (["--hours", "-1"], "--hours"),
        (["--hours", "0"], "--hours"),
        (["--hours", "inf"], "--hours"),
        (["--shrink", "nan"], "--shrink"),
        (["--only", "3"], "--only"),
        (["--only", "3,x", "--seed", "3"], "--only"),
        (["--only", "0", "--seed", "3"], "--only"),
        (["--only", "", "--seed", "3"], "--only"),
        (["--until", "-1", "--seed", "3"], "--until"),
        (["--without", "gravity", "--seed", "3"], "--without"),
        (["--depth", "2"], "--depth"),
        (["--seed", "-1"], "--seed"),
        (["--seed-base", "-1"], "--seed-base"),
        (["--exhaustive", "--depth", "9"], "--depth"),
        (["--exhaustive", "--seeds", "3"], "--seeds"),
        (["--exhaustive", "--jobs", "2"], "--jobs"),
    ],
)
def test_what_cannot_be_run_is_bad_usage(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["sim", *words])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith(f"lunaredge sim: {named}: can't be used, got ")


@pytest.mark.parametrize("name", ["no/x", "no/site.toml", "x" * 300])
def test_a_scenario_that_is_not_there_is_told_so(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "--scenario", name]) == 2
    said = capsys.readouterr().err
    assert said.startswith("lunaredge sim: --scenario: there is no such scenario or file, got '")
    assert "; use standard, " in said


def test_a_folder_without_a_site_is_told_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "--scenario", str(tmp_path)]) == 2
    assert "--scenario: there is no site.toml in it, got " in capsys.readouterr().err


def test_the_bar_is_full_at_the_end() -> None:
    assert (bar(0.0), bar(0.5), bar(1.0)) == (
        f"[{'.' * 24}]",
        f"[{'#' * 12}{'.' * 12}]",
        f"[{'#' * 24}]",
    )
