import json
import struct

import pytest

from lunaredge.cli.main import main
from lunaredge.runtime.files.route_scene import load_scene
from tests.runtime.files.scenes import write_geojson, write_yaml

INTO_THE_HOLE = ("[0, 5, 16, 0], [100, 45, 16, 0]", "[0, 5, 25, 0], [100, 45, 25, 0]")


def said(capsys):
    """Give what was printed: as JSON, where it is."""
    text = capsys.readouterr().out
    return json.loads(text) if text.startswith("{") else text


@pytest.mark.parametrize("write_scene", [write_yaml, write_geojson])
def test_free_routes_are_told_with_their_clearance(tmp_path, capsys, write_scene):
    code = main(["route", "check", str(write_scene(tmp_path)), "--json"])

    answer = said(capsys)
    north, across = answer["routes"]
    assert code == 0
    assert (answer["free"], answer["violations"], answer["together"]) == (2, 0, False)
    assert north["free"]
    assert (across["kind"], across["party"]) == ("keep_out", "hole")
    # The truck's side is at y = 17.1, the hole's edge at 20.
    assert across["clearance_m"] == pytest.approx(2.9, abs=2e-3)
    assert 26 < across["pose"]["x_m"] < 42


def test_the_first_violation_is_told_with_its_place_and_party(tmp_path, capsys):
    path = write_yaml(tmp_path, *INTO_THE_HOLE)

    code = main(["route", "check", str(path), "--json"])

    _, across = said(capsys)["routes"]
    assert code == 1
    assert (across["free"], across["kind"], across["party"]) == (False, "keep_out", "hole")
    # The front is 3.1 m ahead and touches x = 30 after 21.9 m at 0.4 m/s.
    assert across["time_s"] == pytest.approx(54.75, abs=1e-3)
    assert across["segment"] == 0
    assert across["depth_m"] > 1


def test_people_read_lines_that_fit_a_terminal(tmp_path, capsys):
    code = main(["route", "check", str(write_yaml(tmp_path, *INTO_THE_HOLE))])

    text = said(capsys)
    assert code == 1
    assert max(map(len, text.splitlines())) <= 80
    assert "across (truck): NOT FREE\n  keep out hole at 54.75 s, (26.90, 25.00)" in text
    assert "1 of 2 free, each checked alone" in text


def test_one_route_can_be_asked_for(tmp_path, capsys):
    path = str(write_yaml(tmp_path, *INTO_THE_HOLE))

    assert main(["route", "check", path, "--route", "north"]) == 0
    assert "across" not in said(capsys)
    assert main(["route", "check", path, "--route", "south"]) == 2
    assert "north, across" in capsys.readouterr().err


def test_routes_meet_each_other_only_when_driven_together(tmp_path, capsys):
    path = str(write_yaml(tmp_path))

    alone = main(["route", "check", path])
    capsys.readouterr()
    together = main(["route", "check", path, "--together", "--json"])

    parties = [(row["kind"], row["party"]) for row in said(capsys)["routes"]]
    assert (alone, together) == (0, 1)
    assert parties == [("reservation", "across"), ("reservation", "north")]


def test_a_reservation_that_is_ignored_does_not_count(tmp_path, capsys):
    path = write_yaml(tmp_path, "[[0, 50, 35, 90]]", "[[0, 30, 16, 90]]")

    ignored = main(["route", "check", str(path), "--route", "across"])
    path.write_text(path.read_text().replace("    ignore: [parked]\n", ""))
    capsys.readouterr()
    counted = main(["route", "check", str(path), "--route", "across", "--json"])

    assert (ignored, counted) == (0, 1)
    assert said(capsys)["routes"][0]["party"] == "parked"


@pytest.mark.parametrize(
    "words",
    [
        ["check", "none.yaml"],
        ["plan", "SCENE", "--seconds", "0"],
        ["plan", "SCENE", "--seconds", "nan"],
        ["plan", "SCENE", "--out", "routes.txt"],
        ["plan", "SCENE", "--request", "none"],
        ["plot", "SCENE", "--out", "picture.svg"],
        ["plot", "SCENE", "--out", "no/such/folder.png"],
        ["plot", "SCENE", "--out", "picture.png", "--at", "inf"],
        ["plot", "SCENE"],
        ["draw", "SCENE"],
        [],
    ],
)
def test_what_cannot_be_done_is_bad_usage(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    scene = str(write_yaml(tmp_path))

    code = main(["route", *(scene if word == "SCENE" else word for word in words)])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_a_scene_without_routes_has_nothing_to_check(tmp_path, capsys):
    path = write_yaml(tmp_path)
    tree = path.read_text()
    path.write_text(tree[: tree.index("routes:")] + tree[tree.index("reservations:") :])

    assert main(["route", "check", str(path)]) == 2
    assert "no routes" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["check", "plan", "plot"])
def test_the_help_of_each_action_teaches_with_an_example(capsys, action):
    code = main(["route", action, "--help"])

    text = said(capsys)
    assert code == 0
    assert f"lunaredge route {action} routes.yaml" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", ["planned.yaml", "planned.geojson"])
def test_what_is_planned_is_written_and_passes_the_check(tmp_path, capsys, name):
    out = tmp_path / name

    planned = main(["route", "plan", str(write_yaml(tmp_path)), "--out", str(out), "--json"])
    answer = said(capsys)
    checked = main(["route", "check", str(out), "--together"])

    knots = load_scene(out).routes[0].route.knots
    assert (planned, checked) == (0, 0)
    assert (answer["planned"], answer["failed"]) == (1, 0)
    assert knots[0, 0] >= 3
    assert knots[0, 1:3].tolist() == [10, 12]
    assert knots[-1, 1:3].tolist() == pytest.approx([50, 15])


def test_no_route_is_told_with_its_reason(tmp_path, capsys):
    walled = "[[45, 0], [47, 0], [47, 40], [45, 40]]"
    path = write_yaml(tmp_path, "[[20, 30], [22, 30], [22, 32], [20, 32]]", walled)

    code = main(["route", "plan", str(path), "--json"])

    (row,) = said(capsys)["requests"]
    assert code == 1
    assert not row["planned"]
    assert row["proven"]
    assert "rock" in row["reason"]


def test_the_plan_reads_well(tmp_path, capsys):
    code = main(["route", "plan", str(write_yaml(tmp_path)), "--seconds", "5"])

    text = said(capsys)
    assert code == 0
    assert text.startswith("home (rover): planned\n  ")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("words", [[], ["--at", "40"]])
def test_the_picture_is_a_png_of_some_size(tmp_path, capsys, words):
    out = tmp_path / "scene.png"

    code = main(
        ["route", "plot", str(write_yaml(tmp_path, *INTO_THE_HOLE)), "--out", str(out), *words]
    )

    content = out.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert code == 0
    assert content.startswith(b"\x89PNG")
    assert width > 1000
    assert height > 600
    assert said(capsys) == f"{out}\n"
