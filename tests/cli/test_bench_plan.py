"""The planner's benchmark: every statistic of a job is of the same plans, some anew each round."""

import itertools

import pytest

from lunaredge.cli.bench import paths_plan
from lunaredge.cli.bench.contest import OURS, ROUNDS
from lunaredge.cli.bench.row import BenchOptions

CASE = f"plan, {paths_plan.ONE}, {paths_plan.FRACTAL}"


class FakeSite:
    """A site whose k-th plan takes k ms."""

    def __init__(self):
        self.planned = itertools.count(1)

    def plan_all(self):
        for _ in range(100):
            yield float(next(self.planned)), 7.0


@pytest.fixture
def site(monkeypatch):
    site = FakeSite()
    monkeypatch.setattr(paths_plan, "site_of", lambda *_: site)
    return site


def test_two_statistics_are_of_the_same_plans(site):
    plans = paths_plan.contender(OURS, "")

    first, again = plans.answer(f"{CASE} @ p50_ms"), plans.answer(f"{CASE} @ p99_ms")

    assert first == again == [7.0] * 100
    assert next(site.planned) == 101


def test_after_all_rounds_every_plan_was_timed_anew(site):
    plans = paths_plan.contender(OURS, "")
    plans.answer(f"{CASE} @ p50_ms")

    figures = [plans.measure(f"{CASE} @ p50_ms", 0.0) for _ in range(ROUNDS)]

    # The latest hundred: of 21 to 120 first, of 101 to 200 last.
    assert figures == [70.5, 90.5, 110.5, 130.5, 150.5]
    assert plans.measure(f"{CASE} @ p99_ms", 0.0) == 219.0


def test_cases_are_told_without_their_statistic():
    found = paths_plan.contests(BenchOptions(seconds=None, data=None))

    assert [contest.metric for contest in found] == ["p50_ms", "p99_ms", "ms"]
    assert found[1].asked(CASE) == f"{CASE} @ p99_ms"
    assert list(found[1].cases) == [CASE]
