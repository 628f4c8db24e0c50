import errno
import json
import os
import stat
import struct
from pathlib import Path

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


def test_where_nothing_is_in_range_nothing_is_said_to_be_there(tmp_path, capsys):
    north = "points: [[10, 12], [10, 35]], speed_m_s: 0.4, start_s: 7"
    path = write_yaml(tmp_path, north, "knots: [[0, 10, 16, 0]]")

    main(["route", "check", str(path), "--json"])

    north, _ = said(capsys)["routes"]
    assert north == {
        "route": "north",
        "machine": "rover",
        "free": True,
        "kind": None,
        "party": "",
        "segment": None,
        "time_s": None,
        "pose": None,
        "clearance_m": 5.0,
    }


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


def test_a_route_driven_at_the_same_time_is_called_a_route(tmp_path, capsys):
    path = str(write_yaml(tmp_path))

    main(["route", "check", path, "--together"])
    text = said(capsys)
    main(["route", "check", path, "--together", "--json"])

    assert "route across at" in text
    assert "reservation" not in text
    assert said(capsys)["routes"][0]["reason"].startswith("route across at")


LEGS = """\
  - {name: up, machine: rover, knots: [[0, 10, 12, 90], [60, 10, 30, 90]]}
  - {name: back, machine: rover, knots: [[90, 10, 30, 90], [150, 10, 12, 90]]}
"""


def test_legs_of_one_machine_do_not_meet_each_other(tmp_path, capsys):
    path = write_yaml(tmp_path, "reservations:", f"{LEGS}reservations:")
    names = ["--route", "up", "--route", "back"]

    code = main(["route", "check", str(path), "--together", *names])

    assert code == 0
    assert "2 of 2 free, checked together" in said(capsys)


def test_between_its_legs_a_machine_stands_in_the_way_of_others(tmp_path, capsys):
    crossing = "  - {name: wait, machine: truck, knots: [[70, 11, 30, 0], [80, 15, 30, 0]]}\n"
    path = write_yaml(tmp_path, "reservations:", f"{LEGS}{crossing}reservations:")
    names = ["--route", "up", "--route", "back", "--route", "wait"]

    code = main(["route", "check", str(path), "--together", "--json", *names])

    rows = {row["route"]: row for row in said(capsys)["routes"]}
    assert code == 1
    assert rows["wait"]["party"] == "up"
    assert rows["wait"]["time_s"] == 70


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[[90, 10, 30, 90]", "[[50, 10, 30, 90]", "two routes at once"),
        ("[[90, 10, 30, 90]", "[[90, 10, 30.1, 90]", "does not start where"),
        ("[[90, 10, 30, 90]", "[[90, 10, 30, 91]", "does not start where"),
    ],
)
def test_a_machine_is_in_one_place_at_a_time(tmp_path, capsys, old, new, problem):
    legs = LEGS.replace(old, new)
    assert legs != LEGS
    path = write_yaml(tmp_path, "reservations:", f"{legs}reservations:")

    code = main(["route", "check", str(path), "--together", "--route", "up", "--route", "back"])

    assert code == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("knots", "told"),
    [
        ("[0, 5, 16, 0], [10, 45, 16, 0]", "speed of 4 m/s (at most 0.8 m/s)"),
        ("[0, 5, 16, 90], [100, 45, 16, 90]", "sideways of 90 deg (at most 3.61 deg)"),
        ("[0, 5, 16, 0], [1, 5.1, 16, 20]", "turn rate of 20 deg/s (at most 15 deg/s)"),
        ("[0, 5, 16, 0], [80, 5, 16, 90]", "turn radius of 0 m (at least 4 m)"),
    ],
)
def test_limits_are_told_with_their_units(tmp_path, capsys, knots, told):
    path = write_yaml(tmp_path, "[0, 5, 16, 0], [100, 45, 16, 0]", knots)

    main(["route", "check", str(path), "--route", "across"])

    assert told in said(capsys)


def test_a_clearance_of_millimetres_is_told(tmp_path, capsys):
    knots = "[0, 5, 18.896, 0], [100, 45, 18.896, 0]"
    path = write_yaml(tmp_path, "[0, 5, 16, 0], [100, 45, 16, 0]", knots)

    main(["route", "check", str(path), "--route", "across"])

    assert "least clearance 4 mm to keep out hole" in said(capsys)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["plot", "SCENE", "--out"], "picture.png"),
        (["plan", "SCENE", "--out"], "planned.yaml"),
        (["plan", "SCENE", "--out"], "planned.geojson"),
    ],
)
def test_an_output_that_cannot_be_finished_leaves_what_was_there(
    tmp_path, monkeypatch, capsys, words, name
):
    scene, out = str(write_yaml(tmp_path)), tmp_path / "out" / name
    out.parent.mkdir()
    out.write_text("from yesterday")
    monkeypatch.setattr(Path, "replace", fail_for_want_of_room)

    code = main(["route", *(scene if word == "SCENE" else word for word in words), str(out)])

    told = capsys.readouterr().err
    assert code == 3
    assert "cannot be written: No space left on device" in told
    assert out.read_text() == "from yesterday"
    assert list(out.parent.iterdir()) == [out]


def fail_for_want_of_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_device_is_written_into_and_not_replaced(tmp_path, capsys):
    out = tmp_path / "full.png"
    out.symlink_to("/dev/full")

    code = main(["route", "plot", str(write_yaml(tmp_path)), "--out", str(out)])

    assert code == 3
    assert "No space left" in capsys.readouterr().err
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_link_stays_one_and_its_file_keeps_its_mode(tmp_path, capsys):
    target, out = tmp_path / "target.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    target.chmod(0o640)
    out.symlink_to(target)

    code = main(["route", "plot", str(write_yaml(tmp_path)), "--out", str(out)])

    assert code == 0
    assert out.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert capsys.readouterr().out == f"{out}\n"


def test_a_reservation_that_is_ignored_does_not_count(tmp_path, capsys):
    path = write_yaml(tmp_path, "[[0, 50, 35, 90]]", "[[0, 30, 16, 90]]")

    ignored = main(["route", "check", str(path), "--route", "across"])
    path.write_text(path.read_text().replace("    ignore: [parked]\n", ""))
    capsys.readouterr()
    counted = main(["route", "check", str(path), "--route", "across", "--json"])

    assert (ignored, counted) == (0, 1)
    assert said(capsys)["routes"][0]["party"] == "parked"


def test_a_machines_own_reservation_is_told_to_be_its_own(tmp_path, capsys):
    path = write_yaml(tmp_path, "knots: [[0, 50, 35, 90]]", "knots: [[0, 10, 20, 90]]")

    code = main(["route", "check", str(path), "--route", "north"])
    text = " ".join(said(capsys).split())
    main(["route", "check", str(path), "--route", "north", "--json"])

    ending = "parked is rover's own, and counts unless ignore names it"
    assert code == 1
    assert "reservation parked at" in text
    assert ending in text
    assert said(capsys)["routes"][0]["reason"].endswith(ending)


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
    assert all(f"{exit_code} " in text[text.index("exit codes:") :] for exit_code in (0, 2, 3, 130))
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", ["planned.yaml", "planned.geojson"])
def test_what_is_planned_is_written_and_passes_the_check(tmp_path, capsys, name):
    out = tmp_path / name

    planned = main(["route", "plan", str(write_yaml(tmp_path)), "--out", str(out), "--json"])
    answer = said(capsys)
    checked = main(["route", "check", str(out), "--together", "--route", "home"])

    knots = load_scene(out).routes[-1].route.knots
    assert (planned, checked) == (0, 0)
    assert (answer["planned"], answer["failed"]) == (1, 0)
    assert knots[0, 0] >= 3
    assert knots[0, 1:3].tolist() == [10, 12]
    assert knots[-1, 1:3].tolist() == pytest.approx([50, 15])


@pytest.mark.parametrize("via_link", [False, True])
def test_a_plan_does_not_overwrite_its_scene(tmp_path, capsys, via_link):
    scene, out = write_yaml(tmp_path), tmp_path / "link.yaml"
    out.symlink_to(scene)
    before = scene.read_text()

    code = main(["route", "plan", str(scene), "--out", str(out if via_link else scene)])

    assert code == 2
    assert "this is the scene itself" in capsys.readouterr().err
    assert scene.read_text() == before


def test_a_machine_is_planned_for_one_request_at_a_time(tmp_path, capsys):
    path = write_yaml(tmp_path)
    again = "  - {name: again, machine: rover, start: [50, 15, 90], goal: [10, 12, 0], start_s: 90}"
    path.write_text(f"{path.read_text()}{again}\n")

    both = main(["route", "plan", str(path)])
    told = capsys.readouterr()
    one = main(["route", "plan", str(path), "--request", "again"])

    assert (both, one) == (2, 0)
    assert "machine rover has two requests, got 'home and again'" in told.err
    assert told.out == ""


def test_a_planned_route_takes_the_place_of_those_that_its_machine_had(tmp_path, capsys):
    out = tmp_path / "planned.yaml"

    main(["route", "plan", str(write_yaml(tmp_path)), "--out", str(out)])

    told = capsys.readouterr().err
    assert f"wrote 1 route to {out}, behind 1 of other machines, in place of north\n" in told
    assert main(["route", "check", str(out), "--together"]) == 0


def test_an_interrupt_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lunaredge.cli.route.plan.answers_of", interrupt)
    out = tmp_path / "planned.yaml"

    code = main(["route", "plan", str(write_yaml(tmp_path)), "--out", str(out)])

    told = capsys.readouterr().err.splitlines()
    assert code == 130
    assert [line for line in told if "compiling" not in line] == [
        "lunaredge: route plan was interrupted"
    ]
    assert not out.exists()


def test_a_date_for_a_title_is_written_as_it_was_read(tmp_path, capsys):
    scene, out = write_yaml(tmp_path, "title: A yard", "title: 2028-01-13"), tmp_path / "p.geojson"

    code = main(["route", "plan", str(scene), "--out", str(out)])

    assert code == 0
    assert load_scene(out).title == "2028-01-13"
    assert "planned" in said(capsys)


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
