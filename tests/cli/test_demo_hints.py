import sys
from pathlib import Path

import pytest

from lunaredge.cli.demo.hints import near, pasteable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the current folder, with a program installed in it and none on the path."""
    program = tmp_path / ".venv" / "bin" / "lunaredge"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    return tmp_path


def test_a_program_beside_the_user_is_named_from_where_he_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(here / ".venv/bin/lunaredge"), "demo"])

    line = pasteable("nodes", "--config", here / "run" / "operator.toml")

    assert line == ".venv/bin/lunaredge nodes --config run/operator.toml"


def test_a_program_on_the_path_is_named_by_its_name(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(here / ".venv/bin/lunaredge"), "demo"])
    monkeypatch.setenv("PATH", str(here / ".venv" / "bin"))

    assert pasteable("nodes") == "lunaredge nodes"


def test_a_module_is_named_by_its_python(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(here / "lunaredge" / "__main__.py"), "demo"])
    monkeypatch.setattr(sys, "executable", str(here / ".venv" / "bin" / "python"))

    assert pasteable("nodes") == ".venv/bin/python -m lunaredge nodes"


def test_a_program_in_this_very_folder_is_not_looked_for_elsewhere(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / ".venv" / "bin")
    monkeypatch.setattr(sys, "argv", ["./lunaredge", "demo"])

    assert pasteable("nodes") == "./lunaredge nodes"


def test_words_with_spaces_are_quoted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(here / ".venv/bin/lunaredge"), "demo"])

    assert pasteable("audit", here / "my run").endswith("audit 'my run'")


def test_a_path_elsewhere_is_named_whole(here: Path) -> None:
    assert near(here.parent / "other") == str(here.parent / "other")
