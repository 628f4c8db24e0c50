"""A long contest of plans against the judge, on problems that Hypothesis draws.

    python -m tests.placement.campaign --cases 10000

Each problem is planned from nothing, and again from that plan after one node is gone. Prints a line
of JSON per thousand problems and a last one with the sums. A plan that breaks a rule ends it with
the smallest such problem, and exit code 1.
"""

import argparse
import json
import sys
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings
from msgspec.structs import replace

from lunaredge.placement import Planner
from tests.placement.judge import violations
from tests.placement.problems import problems

STEPS = 30
SAY_EACH = 1_000


def judged(problem, travel, total, start=None):
    """Plan a problem, count what came of it, and give the plan."""
    planner = Planner(problem, travel, start=start)
    planner.improve(steps=STEPS)
    plan = planner.plan()
    found = violations(problem, travel, plan)
    total.update(
        plans=1,
        tasks=len(problem.tasks),
        placed=len(plan.placed),
        charges=sum(item.charge is not None for item in plan.placed),
        violations=len(found),
    )
    assert found == []
    return plan


def without_first_node(problem):
    """Take a node out of a problem, and with it what is fixed there."""
    gone = problem.nodes[0].id
    tasks = tuple(
        replace(task, current=None) if task.current and task.current.node == gone else task
        for task in problem.tasks
    )
    return replace(problem, nodes=problem.nodes[1:], tasks=tasks)


def say(stream, total):
    stream.write(json.dumps({key: total[key] for key in sorted(total)}) + "\n")
    stream.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = Counter(cases=0, violations=0)

    @seed(options.seed)
    @settings(
        max_examples=options.cases,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(problems(tasks_max=12, nodes_max=6))
    def contest(drawn):
        problem, travel = drawn
        plan = judged(problem, travel, total)
        if problem.nodes:
            judged(without_first_node(problem), travel, total, plan)
        total["cases"] += 1
        if total["cases"] % SAY_EACH == 0:
            say(sys.stderr, total)

    try:
        contest()
    finally:
        say(sys.stdout, total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
