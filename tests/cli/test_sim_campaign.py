"""A campaign goes on where it was broken off, whatever broke it off."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lunaredge.cli.main import main
from lunaredge.sim.version import source_digest
from tests.sim.mutants import everybody_else_is_forgotten

QUICK = ["--scenario", "swap", "--hours", "0.02"]
SEEDS = 8


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "lunaredge", "sim", *QUICK, "--seeds", str(SEEDS), *words]


def asked(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict, str]:
    code = main(["sim", *QUICK, "--json", *words])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds: float = 60.0) -> None:
    end_s = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end_s, "it never came true"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_kill_loses_nothing_but_the_seeds_under_way(tmp_path, capsys):
    file = tmp_path / "kept" / f"{source_digest()}.jsonl"
    process = subprocess.Popen(
        command("--jobs", "2", "--campaign", str(file.parent)), stderr=subprocess.DEVNULL
    )
    wait_until(lambda: file.exists() and file.read_bytes().count(b"\n") >= 3)
    workers = children_of(process.pid)
    process.kill()
    process.wait()
    before = file.read_bytes()
    # As a power cut leaves it.
    file.write_bytes(before + b'{"key":{"scenario":"sw')

    code, document, told = asked(
        ["--seeds", str(SEEDS), "--jobs", "2", "--campaign", str(file.parent)], capsys
    )

    lines = file.read_bytes().splitlines()
    kept = before[: before.rfind(b"\n") + 1]
    assert file.read_bytes().startswith(kept)
    assert sorted(json.loads(line)["key"]["seed"] for line in lines) == list(range(1, SEEDS + 1))
    assert code == 0
    assert document["seeds"] == document["passed"] == SEEDS
    assert f"there are {kept.count(bytes([10]))}\n" in told
    _, whole, _ = asked(["--seeds", str(SEEDS)], capsys)
    assert document["digest"] == whole["digest"]
    wait_until(lambda: not any(map(is_alive, workers)))


def test_what_is_kept_is_not_run_again_and_counts_the_same(tmp_path, capsys, monkeypatch):
    words = ["--seeds", "3", "--campaign", str(tmp_path)]
    _, first, _ = asked(words, capsys)
    monkeypatch.setattr("lunaredge.cli.sim_seeds.run_seed", None)

    code, second, _ = asked(words, capsys)

    assert code == 0
    assert {**second, "wall_s": 0.0} == {**first, "wall_s": 0.0}


def test_another_scenario_length_or_version_is_another_result(tmp_path, capsys, monkeypatch):
    words = ["--seeds", "1", "--campaign", str(tmp_path)]
    asked(words, capsys)
    asked([*words, "--hours", "0.03"], capsys)
    one_version = (tmp_path / f"{source_digest()}.jsonl").read_bytes()
    monkeypatch.setattr("lunaredge.cli.sim.source_digest", lambda: "other")

    asked(words, capsys)
    _, _, told = asked(words, capsys)

    assert one_version.count(b"\n") == 2
    assert (tmp_path / "other.jsonl").read_bytes().count(b"\n") == 1
    assert (tmp_path / f"{source_digest()}.jsonl").read_bytes() == one_version
    assert f"not counted: results of other versions of the source, {source_digest()}" in told


def test_a_failure_stays_a_failure_and_is_shrunk_when_it_happens_only(
    tmp_path, capsys, monkeypatch
):
    everybody_else_is_forgotten(monkeypatch)
    words = ["--scenario", "standard", "--seeds", "1", "--campaign", str(tmp_path)]

    first_code, first, first_told = asked(words, capsys)
    code, second, told = asked(words, capsys)

    assert first_code == code == 1
    assert first["violations"] == second["violations"] == {"I3": 1}
    assert "the last events:" in first_told
    assert "the last events:" not in told
    assert f"replay: {second['failed'][0]['replay']}\n" in told


def test_a_line_that_makes_no_sense_is_run_again(tmp_path, capsys):
    words = ["--seeds", "2", "--campaign", str(tmp_path)]
    _, first, _ = asked(words, capsys)
    file = tmp_path / f"{source_digest()}.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"\0" * 40 + b"\n" + lines[1])

    code, second, _ = asked(words, capsys)

    assert code == 0
    assert second["digest"] == first["digest"]
    assert file.read_bytes().count(b"\n") == 3


def test_two_campaigns_do_not_write_into_one_file(tmp_path, capsys):
    tmp_path.joinpath(f"{source_digest()}.jsonl").touch()
    with tmp_path.joinpath(f"{source_digest()}.jsonl").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        code = main(["sim", *QUICK, "--campaign", str(tmp_path)])

    assert code == 2
    assert "--campaign: another process is at it" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--seed", "3"], ["--seconds", "4"], ["--trace", "--seed", "3"]])
def test_a_campaign_is_a_fixed_set_of_seeds(words, tmp_path, capsys):
    code = main(["sim", "--campaign", str(tmp_path / "kept"), *words])

    assert code == 2
    assert not (tmp_path / "kept").exists()
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_is_bad_usage(tmp_path, capsys):
    (tmp_path / "file").touch()

    code = main(["sim", "--campaign", str(tmp_path / "file")])

    assert code == 2
    assert "name a folder that can be written" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupted_campaign_keeps_what_is_done(tmp_path):
    process = subprocess.Popen(
        command("--jobs", "2", "--json", "--campaign", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    file = tmp_path / f"{source_digest()}.jsonl"
    wait_until(lambda: file.exists() and b"\n" in file.read_bytes())

    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60.0)

    assert process.returncode == 130
    assert json.loads(out)["interrupted"]
    assert file.read_bytes().count(b"\n") >= 1


def hangs(seed: int) -> int:
    """Say which process it is, and never come back."""
    Path(os.environ["HANGING"], str(os.getpid())).touch()
    signal.pause()
    return seed


def test_workers_end_with_a_parent_that_was_killed_whatever_they_are_at(tmp_path):
    call = (
        "from lunaredge.sim.workers import results_of\n"
        "from tests.cli.test_sim_campaign import hangs\n"
        "list(results_of(hangs, range(2), 2))\n"
    )
    environment = os.environ | {"HANGING": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", call], env=environment)
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]

    process.kill()
    process.wait()

    wait_until(lambda: not any(map(is_alive, workers)))
    assert process.pid not in workers
