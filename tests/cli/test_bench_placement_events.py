from lunaredge.cli.bench import placement_events
from lunaredge.cli.bench.contest import OURS
from tests.placement.judge import violations

KINDS = {
    "node lost",
    "node back",
    "task added",
    "task cancelled",
    "due time moved",
    "release moved",
}


def test_every_kind_of_event_is_a_few_rows_beside_a_plan_anew() -> None:
    rows = placement_events.measured((40, 10), 5)

    assert {row.case for row in rows} == {f"{kind}, 40 x 10" for kind in KINDS}
    metrics = ["p50_ms", "p99_ms", "worst_ms", "tasks_changed"]
    assert [row.metric for row in rows] == metrics * len(KINDS)
    for row in rows:
        assert row.ours is not None
        assert (row.peer is None) == (row.metric == "tasks_changed")
        if row.peer is not None:
            assert row.peer_value > 0.0
            assert row.ratio == row.peer_value / row.ours
    assert rows[0].ours <= rows[1].ours <= rows[2].ours


def test_what_happens_in_the_bench_leaves_a_plan_that_keeps_every_rule() -> None:
    placement_events.contender(OURS)
    happenings = placement_events.Happenings((60, 15), 3)
    problem = happenings.live.problem

    changed = [len(event()) for number in range(15) for _, event in happenings.round(number)]

    live = happenings.live
    assert sum(changed) > 0
    assert violations(live.problem, happenings.travel, live.plan()) == []
    # Who was lost is back, and who came is gone.
    assert live.problem.nodes == problem.nodes
    assert [task.id for task in live.problem.tasks] == [task.id for task in problem.tasks]
