import pytest

from lunaredge.errors import ConfigError
from lunaredge.model.task import TaskKind
from lunaredge.runtime.files.order_file import TASKS_MAX, load_order
from tests.runtime.files.writing import ORDER, write


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        load_order(path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_kind_of_task_is_read_with_its_fields(tmp_path):
    order = load_order(write(tmp_path / "order.yaml", ORDER))

    look, fuse, dig, carry = order.tasks
    assert (order.id, order.title) == ("order-1", "An order")
    assert (look.kind, look.zone, look.passes, look.priority) == (TaskKind.SURVEY, "yard", 1, 5)
    assert (fuse.kind, fuse.after) == (TaskKind.FUSE_TERRAIN, ("look",))
    assert (dig.mass_kg, dig.stand, dig.needs_earth) == (12.5, (1.0, 2.5), True)
    assert (carry.to_pile, carry.to_stand, carry.only_on) == ("berm", (5.0, 6.0), ("hauler-1",))
    assert carry.mass_kg == 0.0


@pytest.mark.parametrize(
    ("old", "new", "place", "key", "problem"),
    [
        ("id: order-1", "id: Order", ":2", "id", "not a name"),
        ("kind: survey", "kind: park", ":6", "tasks[0].kind", "not known"),
        ("    kind: survey\n", "", ":5", "tasks[0].kind", "the kind is missing"),
        ("    zone: yard\n", "", ":5", "tasks[0].zone", "missing"),
        ("zone: yard", "zone: yard\n    pile: heap", ":8", "tasks[0].pile", "not known"),
        ("zone: yard", "zone: yard\n    passes: 0", ":8", "tasks[0].passes", "greater than"),
        ("zone: yard", "zone: yard\n    passes: 1.0", ":8", "tasks[0].passes", "integer"),
        ("zone: yard", "zone: yard\n    priority: 10", ":8", "tasks[0].priority", "less than"),
        ("after: [look]", "after: []", ":10", "tasks[1].after", "at least 1"),
        ("    after: [look]\n", "", ":8", "tasks[1].after", "missing"),
        ("after: [look]", "after: [look, look]", ":10", "tasks[1].after", "twice"),
        ("after: [look]", "after: [fuse]", ":10", "tasks[1].after", "own"),
        ("id: fuse", "id: look", ":8", "tasks[1].id", "another task"),
        ("12.5", ".inf", ":15", "tasks[2].mass_kg", "finite"),
        ("12.5", "0", ":15", "tasks[2].mass_kg", "greater than 0"),
        ("12.5", "yes", ":15", "tasks[2].mass_kg", "valid number"),
        ("[1, 2.5]", "[1, 200000]", ":16", "tasks[2].stand[1]", "less than"),
        ("needs_earth: true", "needs_earth: 1", ":17", "tasks[2].needs_earth", "boolean"),
        ("to_pile: berm", "to_pile: pile", ":21", "tasks[3].to_pile", "heaped on itself"),
        ("[hauler-1]", "hauler-1", ":24", "tasks[3].only_on", "array"),
        ("priority: 1", "not_on: [a-1, a-1]", ":25", "tasks[3].not_on", "twice"),
        ("priority: 1", "due_s: -1", ":25", "tasks[3].due_s", "greater than"),
        ("priority: 1", "latest_s: .nan", ":25", "tasks[3].latest_s", "finite"),
        (
            "priority: 1",
            "release_s: 60\n    latest_s: 60",
            ":26",
            "tasks[3].latest_s",
            "no time is left",
        ),
    ],
)
def test_an_order_that_cannot_be_is_refused_by_its_line_and_key(
    tmp_path, old, new, place, key, problem
):
    path = write(tmp_path / "order.yaml", ORDER, old, new)

    error = refusal(path)

    assert error.place == str(path) + place
    assert error.key == key
    assert problem in error.problem
    assert error.remedy


@pytest.mark.parametrize("text", ["[]", "a", "3", "null", "{}", "# nothing\n", "tasks: {}"])
def test_what_is_no_order_at_all_is_refused(tmp_path, text):
    assert refusal(write(tmp_path / "order.yaml", text)).place.startswith(str(tmp_path))


def test_an_order_has_a_bounded_number_of_tasks(tmp_path):
    lines = [f"  - {{id: t{i}, kind: survey, zone: yard}}" for i in range(TASKS_MAX)]
    head = "id: many\ntitle: Many\ntasks:\n"
    full = write(tmp_path / "full.yaml", head + "\n".join(lines))
    over = write(tmp_path / "over.yaml", head + "\n".join([*lines, lines[0]]))

    assert len(load_order(full).tasks) == TASKS_MAX
    assert refusal(over).key == "tasks"
