"""What the tests of `lunaredge place` share: the example, its answers, and a simple problem."""

import json

import pytest

from lunaredge.cli.main import main
from lunaredge.examples import demo_site
from lunaredge.placement import Mode, Node, Problem, Task

SITE = demo_site().parent / "placement" / "site.yaml"


def answer_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(["place", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def jobs(count: int) -> Problem:
    """Give as many tasks of a second for one computer."""
    job = Mode(kind="board", duration_s=1)
    tasks = tuple(Task(id=f"job-{k}", modes=(job,), weight=1 + k % 7) for k in range(count))
    return Problem(tasks=tasks, nodes=(Node(id="board", kind="board"),), horizon_s=9_999)
