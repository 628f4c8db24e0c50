"""While kernels are compiled, and only then, there is a word on stderr."""

import os

import pytest

from lunaredge.cli.route import progress
from lunaredge.kernels import knots

START_S = 1_000.0


class Looks:
    """An event that is not set for so many looks."""

    def __init__(self, count):
        self._left = count

    def wait(self, _):
        self._left -= 1
        return self._left < 0


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Give what writes a kernel's file, as the cache would, so long after the start."""
    monkeypatch.setattr(progress, "_kept", lambda: list(tmp_path.glob("*.nbi")))

    def write(name, after_s):
        path = tmp_path / f"{name}.nbi"
        path.touch()
        os.utime(path, (START_S + after_s, START_S + after_s))

    return write


def test_kernels_that_are_compiled_now_are_counted(written, capsys):
    written("old", -60.0)
    written("first", 1.0)
    written("second", 2.0)

    progress._watch(Looks(1), START_S)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("compiling kernels, once on this machine: 2, ")


def test_the_same_count_is_told_once(written, capsys):
    written("first", 1.0)

    progress._watch(Looks(5), START_S)

    assert capsys.readouterr().err.count("compiling") == 1


def test_a_warm_start_says_nothing(written, capsys):
    written("old", -60.0)

    progress._watch(Looks(5), START_S)

    assert capsys.readouterr().err == ""


def test_the_files_looked_at_are_those_of_the_loaded_kernels(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "knots.first_wrong.nbi").touch()
    monkeypatch.setattr(type(knots.first_wrong.stats), "cache_path", str(folder), raising=False)

    assert folder / "knots.first_wrong.nbi" in progress._kept()
