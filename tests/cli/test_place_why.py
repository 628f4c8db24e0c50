"""Why `lunaredge place` leaves a task out: what it prints of it, and how much."""

from pathlib import Path

import msgspec

from lunaredge.cli import place, place_answer
from lunaredge.cli.main import main
from lunaredge.cli.place_score import Lateness
from lunaredge.placement import Mode, Node, Problem, Resources, Task, Travel, why_not
from tests.cli.placing import answer_of, jobs
from tests.placement.yard import plan_of

NOT_LATE = Lateness(0, 0, 0)


def test_a_circle_is_named_and_the_rest_is_placed(folder, capsys) -> None:
    job = '"modes": [{"kind": "board", "duration_s": 5}]'
    tasks = [
        f'{{"id": "a", {job}, "after": [{{"task": "b"}}]}}',
        f'{{"id": "b", {job}, "after": [{{"task": "a"}}]}}',
        f'{{"id": "c", {job}}}',
    ]
    nodes = '[{"id": "board", "kind": "board"}]'
    Path("m.json").write_text(f'{{"tasks": [{",".join(tasks)}], "nodes": {nodes}, "horizon_s": 9}}')

    code = main(["place", "m.json", "--steps", "9"])

    text = capsys.readouterr().out
    assert code == 1
    assert "a can't be placed: it waits for b, which waits for a." in text
    assert "1 of 3 tasks are placed, on 1 of 1 nodes; the last ends at 5 s." in text


def test_only_what_could_be_at_once_is_an_offer(folder, capsys) -> None:
    job = Mode(kind="board", duration_s=5)
    nodes = tuple(Node(id=name, kind="board") for name in ("on", "off"))
    tasks = (
        Task(id="free", modes=(job,), weight=9, release_s=5),
        Task(id="kept-out", modes=(job,), approved_s=None),
    )
    problem = Problem(tasks=tasks, nodes=nodes, horizon_s=10)
    plan = plan_of(problem)

    whys = [why_not(problem, Travel(), plan, task.id) for task in tasks]
    answer = place_answer.Answer(problem, plan, plan.score, NOT_LATE, tuple(whys), None)
    free, kept_out = place_answer.document_of(answer)["why"]

    assert not free["is_final"]
    assert [node["offer"] for node in free["nodes"]] == [{"start_s": 5, "end_s": 10}] * 2
    assert kept_out["is_final"]
    assert [(node["offer"], node["refusals"]) for node in kept_out["nodes"]] == [(None, ())] * 2
    text = place_answer.as_text(answer, ["kept-out"], 80)
    assert "(every node)  approval    has no approval" in text


def test_a_reason_that_is_longer_than_its_row_goes_on_in_the_next(folder, capsys) -> None:
    job = Mode(kind="board", duration_s=5_000)
    late = Task(id="late", modes=(job,), latest_s=4_000, needs=Resources(cpu_mcores=9))
    problem = Problem(tasks=(late,), nodes=(Node(id="b", kind="board"),), horizon_s=9_000)
    plan = plan_of(problem)
    why = why_not(problem, Travel(), plan, "late")

    text = place_answer.as_text(
        place_answer.Answer(problem, plan, plan.score, NOT_LATE, (why,), None), ["late"], 60
    )

    assert max(map(len, text.splitlines())) <= 60
    assert "b     window      takes 5000 s, may start at 0 s and must\n" in text
    assert "                  end by 4000 s\n" in text


def test_of_many_tasks_left_out_the_first_are_explained(folder, capsys) -> None:
    lost = msgspec.structs.replace(jobs(50), nodes=(Node(id="rover", kind="rover"),))
    Path("m.json").write_bytes(msgspec.json.encode(lost))

    main(["place", "m.json", "--steps", "0", "--why", "job-40"])
    text = capsys.readouterr().out
    _, answer = answer_of(capsys, "m.json", "--steps", "0")

    assert text.count("it runs on board, and no node is of that kind.") == place.WHYS_MAX + 1
    assert "Not placed too: job-20, job-21, job-22, job-23 and 25 more; --why TASK" in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(answer["why"]) == place.WHYS_MAX
    assert len(answer["plan"]["unplaced"]) == 50


def test_on_a_large_site_reasons_are_given_if_asked_for(folder, capsys, monkeypatch) -> None:
    monkeypatch.setattr(place, "_WHYS_PAIRS_MAX", 1)

    main(["place", "site.yaml", "--steps", "0"])
    text = capsys.readouterr().out
    _, answer = answer_of(capsys, "site.yaml", "--steps", "0", "--why", "haul-boulder")

    assert "Not placed: haul-boulder; --why TASK says why, --json names them all." in text
    assert [why["task"] for why in answer["why"]] == ["haul-boulder"]
