"""What keeps a task from every node: order, circles, approvals, its kind, what it meets."""

import pytest
from msgspec.structs import replace

from lunaredge.placement.problem import After, Current
from tests.placement.asked import why
from tests.placement.yard import board, dig, job, rover, runs, site


@pytest.mark.parametrize(
    ("problem", "code", "detail"),
    [
        (
            site(job(after=(After(task="x"),))),
            "unknown",
            "waits for x, which is not in the problem",
        ),
        (site(job(after=(After(task="a"),))), "circle", "waits for a"),
        (
            site(*(job(one, after=(After(task=other),)) for one, other in ("ab", "bc", "ca"))),
            "circle",
            "waits for b, which waits for c, which waits for a",
        ),
        (
            site(
                job("a", meets="b"),
                job("b", after=(After(task="c"),)),
                job("c", after=(After(task="a"),)),
            ),
            "circle",
            "meets b, which waits for c, which waits for a",
        ),
        (
            site(job("a", meets="b", after=(After(task="b"),)), job("b")),
            "circle",
            "waits for b, which meets a",
        ),
        (site(job(approved_s=None)), "approval", "has no approval"),
        (
            site(job(after=(After(task="b"),)), job("b"), board()),
            "unplaced",
            "waits for b, which is not placed",
        ),
        (
            site(job(meets="b"), job("b", approved_s=None)),
            "partner",
            "meets b, which can't be placed: it has no approval",
        ),
        (
            site(job(meets="b"), job("b"), board()),
            "partner",
            "meets b, and both can be on b only: they must be on different nodes",
        ),
        (
            site(job(), rover(), rover("s")),
            "kind",
            "runs on board, and no node is of that kind",
        ),
        (
            site(job(meets="b"), dig("b", approved_s=None), rover()),
            "kind",
            "runs on board, and no node is of that kind",
        ),
        (
            site(job(only_on=("c",)), board()),
            "pin",
            "is pinned to c, and the problem has no node of that name",
        ),
        (
            site(replace(job(), modes=()), rover()),
            "kind",
            "has no modes, so that it runs nowhere",
        ),
        (
            site(job(after=tuple(After(task=f"{k}") for k in range(3_000)))),
            "unknown",
            "waits for 0, 1, 2, 3 and 2,996 more, which are not in the problem",
        ),
        (
            site(*(job(f"{k}", after=(After(task=f"{(k + 1) % 3_000}"),)) for k in range(3_000))),
            "circle",
            f"waits for {', which waits for '.join('1234567')}, ... and 2,992 more,"
            " the last of which waits for 0",
        ),
        (
            site(job(), job("b", meets="a", health_pct_min=50), board(health_pct=40), rover()),
            "partner",
            "meets b, which can be on no node;"
            " of 2 nodes the nearest is b: needs 50 % health, has 40 %",
        ),
    ],
)
def test_what_keeps_a_task_from_every_node_is_told_first(problem, code, detail):
    name = problem.tasks[0].id
    found = why(problem, task=name)

    assert (found.general[0].constraint, found.general[0].detail) == (code, detail)
    said = "is not" if code == "unplaced" else "can't be"
    assert found.text == f"{name} {said} placed: it {detail}."
    assert found.is_final == (code != "unplaced")


def test_a_fixed_task_waits_for_nothing_and_so_is_in_no_circle():
    running = Current(node="b", left_s=4, left_j=8, is_fixed=True)
    problem = site(
        job("a", after=(After(task="b"),)),
        job("b", after=(After(task="a"),), current=running),
        board(),
    )

    found = why(problem, runs("b"))

    assert found.general == ()
    assert found.nodes[0].items[0].start_s == 4
