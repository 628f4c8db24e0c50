"""Worker processes: results in order, a death told by its seed, none left behind."""

import os
import signal

import pytest

from lunaredge.sim.workers import WorkerLost, results_of


def told(seed):
    return seed, os.getpid()


def dies_at_three(seed):
    if seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


def breaks_at_one(seed):
    if seed == 1:
        raise RuntimeError("a bug in the simulator")
    return seed


def slow_at_zero(seed):
    if seed == 0:
        sum(range(50_000_000))
    return seed


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_in_the_order_of_the_seeds_from_several_processes():
    found = list(results_of(told, range(20), 2))

    assert [seed for seed, _ in found] == list(range(20))
    assert os.getpid() not in {pid for _, pid in found}


def test_a_slow_seed_holds_back_those_after_it():
    arrived = []

    given = list(results_of(slow_at_zero, range(6), 2, arrived.append))

    assert given == list(range(6))
    assert arrived == [1, 2, 3, 4, 5, 0]


def test_a_process_that_dies_names_its_seed_after_the_results_of_those_before():
    given = []

    with pytest.raises(WorkerLost, match=r"ran seed 3 died \(signal SIGKILL\)"):
        given.extend(results_of(dies_at_three, range(50), 2))

    assert given == [0, 1, 2]


def test_an_exception_outside_the_run_is_told_with_its_seed(capfd):
    with pytest.raises(WorkerLost, match=r"seed 1 died \(exit code 1\)"):
        list(results_of(breaks_at_one, range(4), 1))

    assert "a bug in the simulator" in capfd.readouterr().err


def test_whoever_stops_listening_leaves_no_process_behind():
    stream = results_of(told, range(1_000), 2)
    pids = {next(stream)[1] for _ in range(4)}

    stream.close()

    assert not any(alive(pid) for pid in pids)
