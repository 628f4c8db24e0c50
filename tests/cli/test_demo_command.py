"""How a demo ends: what it prints, what it leaves, and with which code. No site is started."""

import argparse
import json
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lunaredge.cli.demo import command
from lunaredge.cli.main import main
from lunaredge.errors import ConfigError, TransportError

GOOD = {"ok": True, "reasons": []}
BAD = {"ok": False, "reasons": ["14 of 15 tasks cancelled"]}


class Stage:
    """A demo whose site, run and judgement are a test's own."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trouble = ""
        self.prepared: Callable[[Path], None] = lambda folder: None
        self.played: Callable[[], None] = lambda: None
        self.judged: Callable[[], dict[str, object]] = lambda: dict(GOOD)
        self._monkeypatch = monkeypatch
        self._restored = signal.getsignal(signal.SIGTERM)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(command, "prepare", self._prepare)
        monkeypatch.setattr(command, "_run", self._run)
        monkeypatch.setattr(command, "make_report", lambda folder, record: self.judged())

    def close(self) -> None:
        signal.signal(signal.SIGTERM, self._restored)

    def _prepare(self, folder: Path, wishes: object, say: object) -> object:
        self.prepared(folder)
        folder.mkdir(exist_ok=True)
        (folder / "operator.toml").write_text("", encoding="utf-8")
        return SimpleNamespace(client_file=folder / "operator.toml")

    def _run(self, site: object, plot: object, kept: object) -> object:
        self.played()
        return SimpleNamespace(trouble=self.trouble)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Give a stage; SIGTERM means afterwards what it meant before."""
    found = Stage(tmp_path, monkeypatch)
    yield found
    found.close()


def left(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("lunaredge-demo-*"))


def test_a_good_run_leaves_nothing(stage, tmp_path, capsys):
    code = main(["demo", "--json"])

    assert (code, left(tmp_path)) == (0, [])
    assert json.loads(capsys.readouterr().out) == GOOD


def test_a_run_that_is_not_ok_keeps_its_folder_and_names_it(stage, tmp_path, capsys):
    stage.judged = lambda: dict(BAD)

    code = main(["demo", "--json"])

    (folder,) = left(tmp_path)
    captured = capsys.readouterr()
    assert code == 1
    assert str(folder) in captured.err.splitlines()[-1]
    assert json.loads(captured.out)["reasons"] == BAD["reasons"]


def raising(exc: BaseException) -> Callable[..., dict[str, object]]:
    def act(*_: object) -> dict[str, object]:
        raise exc

    return act


@pytest.mark.parametrize(
    ("exc", "code"), [(TransportError("no broker"), 3), (KeyboardInterrupt(), 130)]
)
def test_a_run_that_ends_early_keeps_its_folder_and_names_it(stage, tmp_path, capsys, exc, code):
    stage.played = raising(exc)

    assert main(["demo"]) == code

    (folder,) = left(tmp_path)
    assert str(folder) in capsys.readouterr().err


def test_sigterm_ends_a_run_as_an_interruption_does(stage, tmp_path, capsys):
    def play() -> None:
        # Else the signal would end the whole suite.
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        os.kill(os.getpid(), signal.SIGTERM)

    stage.played = play

    assert main(["demo"]) == 130

    (folder,) = left(tmp_path)
    assert str(folder) in capsys.readouterr().err


def test_a_refusal_before_anything_is_written_leaves_nothing(stage, tmp_path, capsys):
    refusal = ConfigError("bad", place="order.yaml", key="tasks[0]", value="a", remedy="mend it")
    stage.prepared = raising(refusal)

    assert main(["demo"]) == 2

    assert left(tmp_path) == []
    assert capsys.readouterr().err == f"lunaredge: {refusal}\n"


def test_an_empty_folder_of_the_users_is_not_deleted(stage, tmp_path):
    stage.prepared = raising(TransportError("no broker"))
    mine = tmp_path / "mine"
    mine.mkdir()

    assert main(["demo", "--keep", str(mine)]) == 3

    assert mine.exists()


def test_a_folder_named_from_here_is_named_whole_in_the_files_that_lie_in_it(
    stage, tmp_path, monkeypatch
):
    prepared: list[Path] = []
    stage.prepared = prepared.append
    monkeypatch.chdir(tmp_path)

    assert main(["demo", "--json", "--keep", "run"]) == 0

    assert prepared == [tmp_path / "run"]


def test_a_run_that_left_too_little_to_judge_ends_with_its_own_trouble(stage, capsys):
    stage.trouble = "scheduler ended by itself"
    stage.judged = raising(
        ConfigError("no evidence", place="truth", key="(file)", value="", remedy="none")
    )

    assert main(["demo"]) == 3

    assert capsys.readouterr().err.splitlines()[-1].startswith("lunaredge: scheduler ended by it")


def test_the_hint_for_another_terminal_is_a_line_of_its_own(stage, tmp_path, capsys):
    main(["demo", "--json", "--keep", str(tmp_path / "run")])

    lines = capsys.readouterr().err.splitlines()
    assert lines[1].endswith(f" nodes --config {tmp_path / 'run' / 'operator.toml'}")


def test_a_picture_that_fails_at_the_end_costs_no_report(stage, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "pictures"
    folder.mkdir()
    monkeypatch.setattr(command, "draw", lambda picture: "a picture")

    def play(site, plot, kept):
        folder.rmdir()
        kept.append("a picture")
        return SimpleNamespace(trouble="")

    monkeypatch.setattr(command, "_run", play)

    code = main(["demo", "--json", "--picture", str(folder / "x.svg")])

    captured = capsys.readouterr()
    assert (code, json.loads(captured.out)) == (0, GOOD)
    assert f"{folder / 'x.svg'} can't be written" in captured.err


def test_a_picture_asks_its_viewer_for_nothing_from_elsewhere(stage, tmp_path, capsys, monkeypatch):
    def play(site, plot, kept):
        kept.append("a picture")
        return SimpleNamespace(trouble="")

    monkeypatch.setattr(command, "draw", lambda picture: picture)
    monkeypatch.setattr(command, "_run", play)

    main(["demo", "--json", "--picture", str(tmp_path / "x.svg")])

    drawn = (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert "picture" in drawn
    assert "url(" not in drawn.replace("url(#", "")


def test_a_picture_of_no_outage_is_missed_in_words(stage, tmp_path, capsys):
    main(["demo", "--json", "--picture", str(tmp_path / "x.svg")])

    assert "there was no planned outage" in capsys.readouterr().err


def test_every_option_has_a_line_of_help():
    parser = argparse.ArgumentParser()

    command.add_arguments(parser, "demo")

    assert all(action.help for action in parser._actions)
