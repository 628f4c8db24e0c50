"""While kernels are compiled or a plan takes long, and only then, there is a word on stderr."""

import os

import pytest

from lunaredge.cli import progress
from lunaredge.cli.kernel_reach import kernels_of
from lunaredge.kernels import knots
from lunaredge.kernels.schedule_walk import improve_walk, walk_from
from lunaredge.placement import Planner

START_S = 1_000.0


class Looks:
    """An event that is not set for so many looks."""

    def __init__(self, count):
        self._left = count
        self.waits_s = []

    def wait(self, wait_s):
        self._left -= 1
        self.waits_s.append(wait_s)
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
    assert captured.err.startswith("compiling 2 kernels, once on this machine: ")


def test_the_same_count_is_told_once(written, capsys):
    written("first", 1.0)

    progress._watch(Looks(5), START_S)

    assert capsys.readouterr().err.count("compiling") == 1


def test_a_warm_start_says_nothing(written, capsys):
    written("old", -60.0)

    progress._watch(Looks(5), START_S)

    assert capsys.readouterr().err == ""


def test_a_plan_that_takes_long_is_told_ever_less_often(capsys):
    looks = Looks(4)

    progress._tell(looks, ["planning", "planning b; 1 of 2 requests have routes"])

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["planning b; 1 of 2 requests have routes, 0 s"] * 4
    assert looks.waits_s == [1.0, 1.0, 2.0, 4.0, 8.0]


def test_a_plan_that_is_made_at_once_is_not_told(capsys):
    with progress.telling_of_planning() as say:
        say("planning a")

    assert capsys.readouterr().err == ""


def test_the_files_looked_at_are_those_of_the_loaded_kernels(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "knots.first_wrong.nbi").touch()
    monkeypatch.setattr(type(knots.first_wrong.stats), "cache_path", str(folder), raising=False)

    assert folder / "knots.first_wrong.nbi" in progress._kept()


def test_where_it_is_known_what_is_needed_it_is_told_how_many_there_are(capsys, monkeypatch):
    monkeypatch.setattr(progress, "is_cached", lambda kernel: kernel != "last")

    progress._watch(Looks(1), START_S, ("first", "second", "last"), "once for large sites")

    assert capsys.readouterr().err.startswith("compiling 2 of 3 kernels, once for large sites: ")


def test_the_kernels_that_work_may_use_are_found_without_running_it():
    small = kernels_of([Planner], [improve_walk, walk_from])
    all_of_them = kernels_of([Planner])

    assert knots not in small
    assert {kernel.py_func.__module__ for kernel in small} >= {"lunaredge.kernels.schedule_fit"}
    assert set(small) < set(all_of_them)
    assert all(hasattr(kernel, "py_func") for kernel in all_of_them)
