"""`lunaredge place`: what it prints and writes, how it takes bad usage; and it ends in time."""

import argparse
import json
import os
import re
import signal
import tempfile
import textwrap
import time
from pathlib import Path

import msgspec
import pytest
import yaml

from lunaredge.cli import place, place_answer, place_score
from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.cli.main import main
from lunaredge.placement import Score, Travel
from lunaredge.runtime.files.placement_file import PlacementFile
from tests.cli.placing import SITE, answer_of, jobs
from tests.style.source import ROOT

PAGE = (ROOT / "docs/reference/placement-files.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs/how-to/plan-a-site-from-a-file.md").read_text(encoding="utf-8")
PLACED = 7
# A loaded machine may hold up some of the tries.
TRIES = 8


def test_the_session_of_the_how_to_prints_what_it_shows(folder, capsys) -> None:
    first, *_, reason = re.findall(r"```\n(.*?)```", HOW_TO, re.DOTALL)

    codes = [main(["place", "site.yaml", "--seconds", "0"])]
    shown = capsys.readouterr().out
    codes.append(main(["place", "site.yaml", "--steps", "0", "--why", "haul-boulder"]))

    assert codes == [1, 1]
    assert shown == first
    assert reason in capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80


def test_the_example_of_the_page_prints_what_it_shows(folder, capsys) -> None:
    (tree,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (shown,) = re.findall(r"^```\n(TASK .*?)```", PAGE, re.DOTALL | re.MULTILINE)
    Path("small.json").write_text(tree)

    code = main(["place", "small.json", "--steps", "50"])

    assert code == 0
    assert capsys.readouterr().out == shown


def test_the_line_of_the_page_is_what_is_said(folder, capsys) -> None:
    (line,) = re.findall(r"^site.yaml:\d+: .*$", PAGE, re.MULTILINE)
    text = Path("site.yaml").read_text(encoding="utf-8")
    Path("site.yaml").write_text(
        text.replace("place: 1\n    weight: 4", "place: 9\n    weight: 4", 1)
    )

    assert main(["place", "site.yaml"]) == 2
    assert capsys.readouterr().err == f"lunaredge: {line}\n"


def test_the_answer_has_the_keys_that_the_page_names(folder, capsys) -> None:
    code, answer = answer_of(capsys, "site.yaml", "--steps", "0")

    (shape,) = re.findall(r"^```\n(\{\"placed\".*?)```", PAGE, re.DOTALL | re.MULTILINE)
    keys = {*answer, *answer["plan"], *answer["plan"]["placed"][0], *answer["nodes"][0]}
    node = answer["why"][0]["nodes"][0]
    keys |= {*answer["why"][0], *node, *node["refusals"][0]}
    assert code == 1
    assert keys <= set(re.findall(r'"(\w+)"', shape))


def test_sums_are_those_of_the_plan(folder, capsys) -> None:
    _, answer = answer_of(capsys, "site.yaml", "--steps", "20")

    placed = answer["plan"]["placed"]
    joules = sum(item["energy_j"] + item["travel_j"] + 5 * item["travel_s"] for item in placed)
    assert answer["placed"] == len(placed) == PLACED
    assert answer["makespan_s"] == max(item["end_s"] for item in placed)
    assert sum(node["tasks"] for node in answer["nodes"]) == PLACED
    assert sum(node["energy_j"] + node["travel_j"] for node in answer["nodes"]) == sum(
        item["energy_j"] + item["travel_j"] for item in placed
    )
    assert answer["plan"]["score"]["cost_j"] == joules


def test_the_same_steps_and_seed_give_the_same_answer(folder, capsys) -> None:
    words = ("site.yaml", "--steps", "30", "--seed", "7", "--out")

    main(["place", *words, "one.json"])
    main(["place", *words, "two.json"])

    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


def test_what_is_written_is_what_is_printed(folder, capsys) -> None:
    main(["place", "site.yaml", "--steps", "0", "--out", "plan.json", "--json"])

    captured = capsys.readouterr()
    assert captured.out == Path("plan.json").read_text()
    assert captured.err == "wrote the answer to plan.json\n"


@pytest.mark.parametrize(
    ("score", "bound", "gaps"),
    [
        ((0, 0), (0, 0), (0.0, 0.0)),
        ((0, 200), (0, 150), (0.0, 25.0)),
        ((200, 9), (150, 5), (25.0, None)),
        ((10**9, 9), (10**9 - 1, 5), (0.001, None)),
    ],
)
def test_gaps_are_shares_of_the_plan_and_never_look_closed(score, bound, gaps) -> None:
    values = [Score(late_s=late_s, cost_j=cost_j) for late_s, cost_j in (score, bound)]

    assert place_score.gaps_pct(*values) == gaps


# Usage that is refused, and what is said of it.
BAD = [
    ("--seconds nan", "--seconds: out of range, got nan; give 0 to 86400"),
    ("--seconds inf", "--seconds: out of range, got inf"),
    ("--seconds -1", "--seconds: out of range, got -1;"),
    ("--seconds soon", "argument --seconds: no number: 'soon'; give 0 to 86400"),
    ("--steps -1", "--steps: out of range, got -1"),
    (f"--steps {10**30}", "--steps: out of range"),
    ("--steps 1 --seconds 1", "--seconds: not allowed with argument --steps"),
    ("--seed -1", "--seed: out of range, got -1"),
    (f"--seed {2**70}", "--seed: out of range"),
    ("--why nobody", "--why: no such task, got 'nobody'; name a task of site.yaml"),
    ("--out .", ".: file: the file type is not known, got ''; end its name in .json"),
    ("--out plan.txt", "plan.txt: file: the file type is not known"),
    ("--out folder.json", "folder.json: file: this is a folder"),
    ("--out no/plan.json", "no/plan.json: file: there is no such folder"),
    ("--out link.json", "link.json: file: PROBLEM is the same file"),
    ("--out plan.json --start plan.json", "plan.json: file: --start is the same file"),
    ("--start none.json", "none.json: file: there is no such file"),
    ("--start site.yaml", "site.yaml:5: the whole file: no plan"),
    ("--start folder.json", "folder.json: file: this is a folder"),
    ("--start .", ".: file: this is a folder"),
]


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_usage_is_told_and_changes_nothing(folder, capsys, words: str, said: str) -> None:
    Path("folder.json").mkdir()
    Path("link.json").symlink_to("site.yaml")
    Path("plan.json").write_text('{"plan": {}}')
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}

    code = main(["place", "site.yaml", *words.split()])

    captured = capsys.readouterr()
    *usage, last = captured.err.splitlines()
    assert code == 2
    assert captured.out == ""
    assert said in last
    assert "lunaredge: lunaredge" not in last
    assert usage == [] or usage[0].startswith("usage: lunaredge place ")
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_running_plan_is_kept_as_far_as_it_holds(folder, capsys) -> None:
    main(["place", "site.yaml", "--steps", "30", "--out", "plan.json"])
    capsys.readouterr()

    main(["place", "site.yaml", "--steps", "0", "--start", "plan.json", "--json"])

    captured = capsys.readouterr()
    assert json.loads(captured.out)["start"] == {"tasks": PLACED, "on_node": 7, "at_start": 7}
    assert captured.err == "of the 7 tasks of plan.json 7 keep their node, 7 their start too\n"
    assert captured.err in HOW_TO


def test_a_plan_that_runs_is_gone_on_with_as_the_how_to_says(folder, capsys) -> None:
    """Second 5000: the first pair is done, the second is at work, the rest lies ahead."""
    script = re.search(r"((?:    .*\n|\n)+)", HOW_TO[HOW_TO.index("    import json") :])[1]
    main(["place", "site.yaml", "--steps", "0", "--out", "plan.json"])
    placed = {
        item["task"]: item for item in json.loads(Path("plan.json").read_text())["plan"]["placed"]
    }
    tree = yaml.safe_load(SITE.read_text(encoding="utf-8"))
    tree["tasks"] = [task for task in tree["tasks"] if task["id"] not in ("dig-a", "haul-a")]
    tree["bus"][1]["from_s"] -= 5_000
    tree["darkness"] = [{"from_s": 13_000, "until_s": 20_200}]
    for task in tree["tasks"]:
        task["due_s"] = task.get("due_s", 0) - 5_000
        task["after"] = [one for one in task.get("after", []) if one["task"] != "haul-a"]
        if "approved_s" in task:
            task["approved_s"] -= 5_000
        if task["id"] in ("dig-b", "haul-b"):
            task.pop("meets", None)
            left_s, node = placed[task["id"]]["end_s"] - 5_000, placed[task["id"]]["node"]
            task["current"] = {"node": node, "left_s": left_s, "is_fixed": True}
    Path("now.yaml").write_text(yaml.safe_dump(tree))
    capsys.readouterr()

    exec(textwrap.dedent(script), {})
    code, answer = answer_of(capsys, "now.yaml", "--start", "plan-now.json", "--steps", "0")

    begun = {item["task"]: item for item in answer["plan"]["placed"]}
    assert code == 1
    assert answer["start"] == {"tasks": 3, "on_node": 3, "at_start": 3}
    assert [begun[name]["start_s"] for name in ("dig-b", "haul-b")] == [0, 0]
    assert begun["inspect-berm"]["start_s"] == placed["inspect-berm"]["start_s"] - 5_000


def test_when_a_node_is_lost_what_it_had_is_told(folder, capsys) -> None:
    tree = yaml.safe_load(SITE.read_text(encoding="utf-8"))
    tree["nodes"] = [node for node in tree["nodes"] if node["id"] != "hauler-1"]
    Path("without.yaml").write_text(yaml.safe_dump(tree))
    main(["place", "site.yaml", "--steps", "30", "--out", "plan.json"])
    capsys.readouterr()

    main(["place", "without.yaml", "--start", "plan.json", "--steps", "2000"])

    said = capsys.readouterr().err
    assert said.endswith("; not in the problem: node hauler-1\n")
    assert said in HOW_TO


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("task", "who\n\x1b[2J", "6 keep their node, 6 their start too; not in the problem: task"),
        ("charge", {"place": 9, "begin_s": 1, "end_s": 2, "energy_j": 3}, "7 keep their node"),
        ("start_s", 60_000_000, "7 keep their node, 6 their start too\n"),
    ],
)
def test_a_plan_of_another_problem_is_no_mistake(folder, capsys, key, value, said) -> None:
    main(["place", "site.yaml", "--steps", "0", "--out", "plan.json"])
    tree = json.loads(Path("plan.json").read_text())
    tree["plan"]["placed"][0][key] = value
    Path("other.json").write_text(json.dumps(tree))
    capsys.readouterr()

    code, told = main(["place", "site.yaml", "--steps", "0", "--start", "other.json"]), ""
    told = capsys.readouterr().err

    assert code == 1
    assert said in told
    assert told.rstrip("\n").isprintable()


def test_nothing_to_do_is_done_at_once(folder, capsys) -> None:
    Path("none.json").write_text('{"tasks": [], "nodes": [], "horizon_s": 1}')
    start_s = time.monotonic()

    code = main(["place", "none.json", "--seconds", "60"])

    assert code == 0
    assert "0 of 0 tasks are placed." in capsys.readouterr().out
    assert time.monotonic() - start_s < 30


def test_a_table_fits_its_terminal_and_numbers_end_below_each_other(folder, capsys) -> None:
    answer = answer_of_file(SITE)

    text = place_answer.as_text(answer, ["haul-boulder"], 80)

    head, *rows = text.splitlines()[: 1 + PLACED]
    ends = [re.search(r"  +\d+  +\d+", row).end() for row in rows]
    assert max(map(len, text.splitlines())) <= 80
    assert set(ends) == {head.index("END_S") + len("END_S")}


def answer_of_file(path: Path) -> place_answer.Answer:
    given = place.load_problem(path)
    options = argparse.Namespace(steps=0, seconds=1.0, seed=1, why=[])
    return place._answer(given, None, options, place.Watch(lambda text: None))


def test_an_interrupted_search_gives_the_best_plan_until_then(folder, capsys, monkeypatch) -> None:
    looks = place._planned

    def press(given, start, options, watch):
        signal.raise_signal(signal.SIGINT)
        return looks(given, start, options, watch)

    monkeypatch.setattr(place, "_planned", press)
    start_s = time.monotonic()

    code = main(["place", "site.yaml", "--seconds", "600", "--out", "plan.json"])

    captured = capsys.readouterr()
    assert code == 130
    assert time.monotonic() - start_s < 60
    assert "7 of 8 tasks are placed" in captured.out
    assert captured.err.endswith("place was interrupted; this is the best plan until then\n")
    assert json.loads(Path("plan.json").read_text())["placed"] == PLACED


def test_a_second_interrupt_ends_it_without_a_plan(folder, capsys, monkeypatch) -> None:
    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(place, "_planned", press)

    code = main(["place", "site.yaml", "--seconds", "600", "--out", "plan.json"])

    assert code == 130
    assert capsys.readouterr().err == "lunaredge: place was interrupted\n"
    assert not Path("plan.json").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_can_not_be_written_is_found_before_the_search(folder, capsys, monkeypatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)

    code = main(["place", "site.yaml", "--seconds", "600", "--out", "plan.json"])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert "plan.json: file: the file cannot be written: Permission denied, got '" in captured.err


def test_an_interrupt_is_told_and_nothing_is_written(folder, capsys, monkeypatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, "_planned", interrupt)

    code = main(["place", "site.yaml", "--out", "plan.json"])

    assert code == 130
    assert capsys.readouterr().err == "lunaredge: place was interrupted\n"
    assert not Path("plan.json").exists()


def test_a_disk_that_is_full_leaves_what_was_there(folder, capsys, monkeypatch) -> None:
    Path("plan.json").write_text("from yesterday")

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", fail)

    code = main(["place", "site.yaml", "--steps", "0", "--out", "plan.json"])

    assert code == 3
    assert "No space left" in capsys.readouterr().err
    assert Path("plan.json").read_text() == "from yesterday"
    assert sorted(path.name for path in folder.iterdir()) == ["plan.json", "site.yaml"]


def planned_in(given: PlacementFile, seconds: float) -> float:
    """Give how long planning takes that was given so many seconds."""
    options = argparse.Namespace(steps=None, seconds=seconds, seed=1)
    start_s = time.perf_counter()
    place._planned(given, None, options, place.Watch(lambda text: None))
    return time.perf_counter() - start_s


@pytest.mark.parametrize("size", [(20, 5), (200, 50)])
def test_planning_ends_when_it_was_told_to(size: tuple[int, int]) -> None:
    given, seconds = PlacementFile(*site_instance(size, 1)), 0.4
    place._compile(size[0], None)

    assert any(seconds <= planned_in(given, seconds) <= 1.05 * seconds for _ in range(TRIES))


def test_a_first_plan_is_finished_however_little_time_there_is() -> None:
    options = argparse.Namespace(steps=None, seconds=1e-9, seed=1)

    planners = [
        place._planned(PlacementFile(jobs(count), Travel()), None, options, place.Watch(print))
        for count in (1, 500, 1_700, 9_000)
    ]

    assert [planner.plan().unplaced for planner in planners] == [()] * 4


def test_a_long_search_is_told_of_on_stderr(folder, capsys) -> None:
    words: list[str] = []
    given = PlacementFile(jobs(30), Travel())
    options = argparse.Namespace(steps=None, seconds=0.6, seed=1)

    place._planned(given, None, options, place.Watch(words.append))

    assert len(words) >= 2
    assert all(re.fullmatch(r"planning, so far \d+ weighted s late and 0 J", w) for w in words)


def test_the_help_fits_a_terminal_and_names_the_exit_codes(capsys) -> None:
    code = main(["place", "--help"])

    text = capsys.readouterr().out
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"{number} " in text[text.index("exit codes:") :] for number in (0, 1, 2, 3, 130))


def test_reading_a_large_problem_takes_seconds(tmp_path: Path) -> None:
    problem, travel = site_instance((1_000, 100), 1)
    tree = msgspec.to_builtins(problem)
    names = ("times_s", "energies_j")
    tree["travel"] = {
        mover: {
            name: [[None if value < 0 else value for value in row] for row in rows.tolist()]
            for name, rows in zip(names, (table[..., 0], table[..., 1]), strict=True)
        }
        for mover, table in zip(travel.movers, travel.table, strict=True)
    }
    path = tmp_path / "large.json"
    path.write_bytes(msgspec.json.encode(tree))
    start_s = time.process_time()

    given = place.load_problem(path)

    # A tenth of the tasks, and all of the travel, of what may take 10 s.
    assert time.process_time() - start_s < 3
    assert given.problem == problem
    assert (given.travel.table == travel.table).all()
