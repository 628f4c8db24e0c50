"""The suite's parts: all that is there is run, once, and a part that fails is told."""

from pathlib import Path

import pytest

from tests import run

ROOT = Path(__file__).parents[2]
WELL, BROKEN = (0, "well"), (1, "broken")


def test_every_part_is_there_and_in_one_part_only():
    folders = [folder for part in run.PARTS for folder in part]

    assert all((ROOT / folder).is_dir() for folder in folders)
    assert len(folders) == len(set(folders))
    assert set(run.everything_else()) == {f"--ignore={folder}" for folder in folders}


@pytest.mark.parametrize("broken", [run.PARTS[0], run.PARTS[-1], run.everything_else()])
def test_a_part_that_fails_fails_the_suite_and_all_are_shown(broken, monkeypatch, capsys):
    monkeypatch.setattr(run, "run", lambda part: BROKEN if part == broken else WELL)

    assert run.main([]) == 1
    assert capsys.readouterr().out.count("broken") == 1


def test_a_suite_in_which_all_is_well_is_well(monkeypatch, capsys):
    monkeypatch.setattr(run, "run", lambda part: WELL)

    assert run.main([]) == 0
    assert capsys.readouterr().out == "well" * (1 + len(run.PARTS))
