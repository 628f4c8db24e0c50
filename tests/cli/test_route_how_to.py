"""The how-to of routes tells the truth: its program runs, and its sessions print what they show."""

import re

import pytest

from lunaredge.cli.main import main
from lunaredge.examples import demo_site
from tests.style.source import ROOT

PAGE = (ROOT / "docs/how-to/check-and-plan-routes.md").read_text(encoding="utf-8")
PROGRAM_LINES_MAX = 30


def test_the_program_runs_and_prints_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    exec(compile(program, "the how-to's program", "exec"), {})

    refused, found = capsys.readouterr().out.splitlines()
    assert len(program.splitlines()) <= PROGRAM_LINES_MAX
    assert refused.startswith("keep out crater at ")
    assert re.fullmatch(r"\d+ m, \d+\.\d\d m from \w+", found)


def test_the_session_prints_what_the_page_shows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo_site())
    shown = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)[0]

    code = main(["route", "check", "routes.yaml"])

    assert code == 1
    assert capsys.readouterr().out == shown
