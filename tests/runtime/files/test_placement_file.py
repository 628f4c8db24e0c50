"""Placement files: what is read, and what is said of a file that can't be used."""

import copy
import json
import math
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.placement import Planner, Travel, problem
from lunaredge.placement.travel import NO_WAY
from lunaredge.runtime.files.placement_file import (
    YAML_BYTES_MAX,
    PlacementFile,
    load_plan,
    load_problem,
)
from tests.style.source import ROOT

SITE = demo_site().parent / "placement" / "site.yaml"
TREE = yaml.safe_load(SITE.read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/reference/placement-files.md").read_text(encoding="utf-8")
GONE = object()
TIMES = ("travel", "hauler", "times_s")

# What stands where in the example, and what is said of it: the key, and the remedy or the problem.
WRONG = [
    (("tasks",), GONE, "tasks: a key is missing"),
    (("nodes",), GONE, "nodes: a key is missing"),
    (("horizon_s",), GONE, "horizon_s: a key is missing"),
    (("travel",), GONE, "travel has no places"),
    (("tasks", 0, "id"), GONE, "tasks[0].id: a key is missing, got 'a table of modes, place"),
    (("tasks", 0, "modes"), GONE, "tasks[0].modes: a key is missing"),
    (("tasks", 0, "modes", 0, "kind"), GONE, "tasks[0].modes[0].kind: a key is missing"),
    (("nodes", 0, "machine", "mover"), GONE, "nodes[0].machine.mover: a key is missing"),
    (TIMES, GONE, "travel.hauler.times_s: a key is missing"),
    (("extra",), 1, "extra: unknown key, got 1; remove it, or use one of: bus, chargers"),
    (("travels",), 1, "travels: unknown key, got 1; did you mean travel?"),
    (("tasks", 0, "modez"), 1, "tasks[0].modez: unknown key, got 1; did you mean modes?"),
    (("tasks", 0, "modes", 0, "energy"), 1, "modes[0].energy: unknown key, got 1; did you mean"),
    (("nodes", 0, "machine", "plac"), 1, "nodes[0].machine.plac: unknown key"),
    (("nodes", 1, "has", "mass_kg"), 1, "nodes[1].has.mass_kg: unknown key"),
    (("travel", "hauler", "time_s"), 1, "travel.hauler.time_s: unknown key"),
    (("chargers", 0, "post"), 1, "chargers[0].post: unknown key, got 1; did you mean posts?"),
    (("horizon_s",), "long", "horizon_s: not what is asked for, got 'long'; give a whole number"),
    (("horizon_s",), 1.5, "give a whole number"),
    (("horizon_s",), True, "give a whole number"),
    (("horizon_s",), None, "give a whole number"),
    (("horizon_s",), -1, "give a whole number >= 1"),
    (("horizon_s",), 10**30, "give a whole number <= 67108864"),
    (("tasks",), {}, "tasks: not what is asked for, got 'a table of nothing'; give a list"),
    (("tasks",), "x", "give a list"),
    (("tasks", 0), 3, "tasks[0]: not what is asked for, got 3; give a table of keys"),
    (("tasks", 0, "id"), 5, "tasks[0].id: not what is asked for, got 5; give text in quotes"),
    (("tasks", 0, "id"), "", "give text of length >= 1"),
    (("tasks", 0, "id"), "x" * 201, "give text of length <= 200"),
    (("tasks", 0, "id"), "dig-b", "tasks[2].id: there twice, got 'dig-b'"),
    (("nodes", 0, "id"), "dc-1", "nodes[3].id: there twice, got 'dc-1'"),
    (("tasks", 0, "weight"), 0, "tasks[0].weight: not what is asked for, got 0"),
    (("tasks", 0, "due_s"), 10**400, "give a whole number <= 67108864"),
    (("tasks", 0, "needs_light"), "no", "give true or false"),
    (("tasks", 0, "place"), 3, "tasks[0].place: no place of travel, of dig-a, got 3; give 0 to 2"),
    (("nodes", 0, "machine", "place"), 3, "nodes[0].machine.place: no place of travel"),
    (("chargers", 0, "place"), 7, "chargers[0].place: no place of travel, got 7"),
    (("tasks", 0, "meets"), "dig-a", "tasks[0].meets: task dig-a meets itself"),
    (("tasks", 0, "meets"), "nobody", "meets an unknown task"),
    (("nodes", 0, "machine", "mover"), "tank", "got 'tank'; give one of hauler, excavator"),
    (("tasks", 5, "apart", "level"), "room", "tasks[5].apart.level: not what is asked for, "),
    (("tasks", 5, "apart", "level"), "room", "give one of node, board, rack"),
    (("nodes", 0, "machine", "charge_j"), 10**9, "give at most 5000000"),
    (("nodes", 0, "health_pct"), 101, "give a whole number <= 100"),
    (("bus", 0, "from_s"), 5, "bus[0].from_s: no such order of ceilings"),
    (("darkness", 0, "until_s"), 1, "darkness[0].until_s: an empty window"),
    (("travel",), [1], "travel: no table of movers, got [1]"),
    (("travel",), None, "travel: no table of movers, got null"),
    (("travel", "hauler"), [1], "travel.hauler: not what is asked for, got [1]; give a table"),
    (TIMES, [], "travel.hauler.energies_j: not square, got '3 rows'"),
    (TIMES, [[0, 1], [1, 0]], "travel.hauler.energies_j: not square, got '3 rows'; give 2 rows"),
    ((*TIMES, 1), [1, 0], "travel.hauler.times_s[1]: not square, got '2 numbers'; give 3 rows"),
    (("travel", "excavator", "times_s"), [[0]], "excavator.times_s: not square, got '1 rows'"),
    ((*TIMES, 0, 1), None, "travel.hauler.times_s[0][1]: null in only one of times_s and energ"),
    ((*TIMES, 0, 1), -3, "travel.hauler.times_s[0][1]: out of range, got -3.0; give 0 to 67108864"),
    ((*TIMES, 0, 1), 1e12, "or null where there is no way"),
    ((*TIMES, 0, 1), "far", "travel.hauler.times_s[0][1]: not what is asked for, got 'far'"),
    ((*TIMES, 0, 1), 10**400, "give a smaller number"),
    ((*TIMES, 0, 0), 5, "travel.hauler[0][0]: who stays needs neither time nor energy"),
]
IN_YAML = [
    ("a: &x 1\nb: *x\n", "m.yaml:1: ", "aliases are not read"),
    ("a: !!set 1\n", "m.yaml:1: ", "tags are not read"),
    ("a:\n\t- 1\n", "m.yaml:2: ", "not valid YAML"),
    ("tasks: 1\non: 2\n", "m.yaml:2: ", "a key is not text"),
    ("# nothing\n", "m.yaml: ", "no placement problem, got null"),
    ("- 1\n", "m.yaml:1: ", "no placement problem, got [1]"),
    (
        "horizon_s: 9\ntasks: []\nnodes: []\ntravel:\n  a:\n    times_s:\n    - [.nan]\n"
        "    energies_j: [[0]]\n",
        "m.yaml:7: ",
        "travel.a.times_s[0][0]: out of range, got nan",
    ),
]
IN_JSON = [
    (b"", "the file is empty"),
    (b"\0", "not valid JSON"),
    (b"[]", "no placement problem, got []"),
    (b'{"tasks": [', "a file cut short misses its closing brackets"),
    (b'{"horizon_s": NaN}', "horizon_s: not a number in JSON, got 'NaN'"),
    (b'{"tasks": [], "tasks": []}', "m.json:1: tasks: a key is there twice, got 'tasks'"),
    (b"[" * 100_000, "nested too deeply"),
    (b"\xff\xfe\x00", "byte 0 is not UTF-8 text"),
    (b'{"tasks": [{"id": "\\ud800", "modes": []}], "nodes": [], "horizon_s": 1}', "give text in"),
]


def changed(tree: dict, key: tuple, value: object) -> dict:
    """Give a copy of a tree with another value at a key, or none."""
    if not key:
        return value
    tree = copy.deepcopy(tree)
    inner = tree
    for step in key[:-1]:
        inner = inner[step]
    if value is GONE:
        del inner[key[-1]]
    else:
        inner[key[-1]] = value
    return tree


def refused(load, path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    said = str(caught.value)
    assert said.isprintable()
    return said


def test_the_example_is_read_as_it_is_written() -> None:
    given = load_problem(SITE)

    assert [task.id for task in given.problem.tasks] == [task["id"] for task in TREE["tasks"]]
    assert given.travel.movers == ("hauler", "excavator")
    assert given.travel.table[0, 0, 2].tolist() == [420, 63_000]
    assert given.travel.table[1, 0, 2].tolist() == [NO_WAY, NO_WAY]


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(TREE))

    given, other = load_problem(path), load_problem(SITE)

    assert given.problem == other.problem
    assert (given.travel.table == other.travel.table).all()


@pytest.mark.parametrize(("key", "value", "said"), WRONG)
def test_a_wrong_value_is_told_by_its_key(tmp_path: Path, key, value, said) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(changed(TREE, key, value)))

    told = refused(load_problem, path)

    assert told.startswith(f"{path}: ")
    assert said in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hauler, duration_s: 900", "hauler, duration_s: 0"),
        ("place: 1\n    weight: 4\n    meets", "place: 9\n    weight: 4\n    meets"),
        ("{ place: 0, posts: 1 }", "{ place: 0, post: 1 }"),
        ("[0, 300, 420]", "[0, -3, 420]"),
        ("group: map, level: rack }\n  - id: map-2", "level: rack }\n  - id: map-2"),
    ],
)
def test_a_wrong_value_of_yaml_is_told_with_its_line(tmp_path: Path, old: str, new: str) -> None:
    text, path = SITE.read_text(encoding="utf-8"), tmp_path / "m.yaml"
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))

    told = refused(load_problem, path)

    assert told.startswith(f"{path}:{1 + text[: text.index(old)].count(chr(10))}: ")


@pytest.mark.parametrize(("text", "place", "said"), IN_YAML)
def test_what_is_no_yaml_problem_is_told(tmp_path: Path, text: str, place: str, said: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)

    told = refused(load_problem, path)

    assert place in told
    assert said in told


@pytest.mark.parametrize(("content", "said"), IN_JSON)
def test_what_is_no_json_problem_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content)

    assert said in refused(load_problem, path)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    folder, large = tmp_path / "folder.json", tmp_path / "large.yaml"
    folder.mkdir()
    with large.open("wb") as stream:
        stream.truncate(YAML_BYTES_MAX + 1)

    assert "this is a folder" in refused(load_problem, folder)
    assert "too large" in refused(load_problem, large)
    assert "no such file" in refused(load_problem, tmp_path / "none.json")
    assert "use one of .json, .yaml, .yml" in refused(load_problem, tmp_path / "site.toml")


def plan_tree() -> dict:
    given = load_problem(SITE)
    plan = Planner(given.problem, given.travel).plan()
    return {"plan": msgspec.to_builtins(plan)}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ((), [], "no plan, got []"),
        (("plan",), 3, "no plan, got 'a table of plan'; name a file that lunaredge place --out"),
        (("plan", "placed"), 3, "plan.placed: not what is asked for, got 3; give a list"),
        (("plan", "placed", 0, "task"), GONE, "plan.placed[0].task: a key is missing"),
        (("plan", "placed", 0, "task"), "map-1", "].task: there twice, got 'map-1'"),
        (("plan", "placed", 0, "start_s"), -5, "plan.placed[0].start_s: out of range, got -5"),
        (("plan", "placed", 0, "start_s"), 10**400, "give seconds, 0 to 67108864"),
        (("plan", "placed", 0, "end_s"), "x", "give a whole number"),
        (("plan", "placed", 0, "wait"), {"cause": "love"}, "give one of nothing, release"),
        (
            ("plan", "placed", 0, "charge"),
            {"place": 0, "begin_s": -1, "end_s": 1, "energy_j": 0},
            "plan.placed[0].charge.begin_s: out of range, got -1",
        ),
    ],
)
def test_what_is_wrong_in_a_plan_is_told_by_its_key(tmp_path: Path, key, value, said) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(changed(plan_tree(), key, value)))

    assert said in refused(load_plan, path)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, tree = tmp_path / "plan.json", plan_tree()
    path.write_text(json.dumps(tree))

    assert msgspec.to_builtins(load_plan(path)) == tree["plan"]


SHAPES = [
    shape
    for shape in vars(problem).values()
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct)
]


def limits_of(kind: object) -> list[str]:
    """Give the ranges that an annotation asks for, as the page has them."""
    metas = [kind, *getattr(kind, "__args__", ())]
    found = [meta for one in metas for meta in getattr(one, "__metadata__", ())]
    return [f"{one.ge} to {one.le}" for one in found if one.le is not None]


def rows_of(shape: type[msgspec.Struct]) -> list[tuple[str, list[str]]]:
    """Give how the page's row of each key begins, and what it says besides."""
    rows = []
    for field in msgspec.structs.fields(shape):
        default = "required"
        if not field.required:
            value = msgspec.to_builtins(field.default)
            default = "{}" if isinstance(value, dict) else json.dumps(value)
        rows.append((f"| `{field.name}` | {default} | ", limits_of(field.type)))
    return rows


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_has_every_key_with_its_default_and_range(shape: type[msgspec.Struct]) -> None:
    lines = PAGE.splitlines()

    missing = [
        (start, limits)
        for start, limits in rows_of(shape)
        if not any(line.startswith(start) and all(x in line for x in limits) for line in lines)
    ]

    assert missing == []


def test_the_page_names_no_key_that_there_is_not() -> None:
    known = {field.name for shape in SHAPES for field in msgspec.structs.fields(shape)}

    named = set(re.findall(r"^\| `(\w+)` \| (?:required|[{\[\"\dntf])", PAGE, re.MULTILINE))

    assert named - known == {"travel", "times_s", "energies_j"}


def test_infinity_is_no_way_as_null_is(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(SITE.read_text(encoding="utf-8").replace("null", ".inf"))

    given = load_problem(path)

    assert isinstance(given, PlacementFile)
    assert given.travel.table[1, 0, 2].tolist() == [NO_WAY, NO_WAY]
    assert (Travel.of({"a": ([[0, math.inf], [1, 0]],) * 2}).table[0, 0, 1] == NO_WAY).all()
