import asyncio
import threading

import pytest

from lunaredge.runtime import solver as solver_module
from lunaredge.runtime.solver import Solver


@pytest.fixture
def answers():
    return asyncio.Queue()


def give_up(problem):
    return f"no answer to {problem}"


async def test_answers_come_on_the_loop_in_the_order_of_problems(answers):
    threads = []

    def deliver(solution):
        threads.append(threading.current_thread())
        answers.put_nowait(solution)

    solver = Solver(lambda problem: problem * 2, give_up, deliver)
    for problem in range(5):
        solver.submit(problem)
    solutions = [await asyncio.wait_for(answers.get(), 10) for _ in range(5)]

    assert solutions == [0, 2, 4, 6, 8]
    assert set(threads) == {threading.main_thread()}
    solver.close()


async def test_the_loop_goes_on_while_a_problem_is_solved(answers):
    release = threading.Event()
    solver = Solver(lambda problem: release.wait(10), give_up, answers.put_nowait)

    solver.submit("hard")
    await asyncio.sleep(0.01)
    release.set()

    assert await asyncio.wait_for(answers.get(), 10) is True
    solver.close()


async def test_a_solver_that_fails_is_logged_and_answers_all_the_same(answers, caplog):
    def solve(problem):
        return 1 // problem

    solver = Solver(solve, give_up, answers.put_nowait)
    solver.submit(0)
    solver.submit(1)

    assert await asyncio.wait_for(answers.get(), 10) == "no answer to 0"
    assert await asyncio.wait_for(answers.get(), 10) == 1
    assert "ZeroDivisionError" in caplog.text
    solver.close()


async def test_problems_beyond_the_bound_are_answered_without_being_solved(answers, monkeypatch):
    monkeypatch.setattr(solver_module, "PENDING_MAX", 1)
    release = threading.Event()
    solver = Solver(lambda problem: release.wait(10), give_up, answers.put_nowait)

    solver.submit("first")
    solver.submit("too many")
    refused = await asyncio.wait_for(answers.get(), 10)
    release.set()

    assert refused == "no answer to too many"
    assert await asyncio.wait_for(answers.get(), 10) is True
    solver.close()


async def test_an_answer_after_the_end_is_dropped(answers):
    release = threading.Event()
    solver = Solver(lambda problem: release.wait(10), give_up, answers.put_nowait)
    solver.submit("running")
    solver.submit("waiting")

    solver.close()
    release.set()

    assert await asyncio.wait_for(answers.get(), 10) is True
    await asyncio.sleep(0.05)
    assert answers.empty()
