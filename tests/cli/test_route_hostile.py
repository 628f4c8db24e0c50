"""Whatever numbers a scene holds, each action ends well, and what it wrote is whole."""

import copy
import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lunaredge.cli.main import main
from lunaredge.runtime.files.route_scene import load_scene
from tests.runtime.files.mutations import places_in
from tests.runtime.files.scenes import GEOJSON, YAML

ODD = [
    0,
    1e-300,
    1e-9,
    1e-4,
    0.4,
    7,
    16,
    25,
    90,
    179.9,
    180,
    -180,
    360,
    500,
    -0.5,
    20_000,
    1e5,
    3e8,
]
some = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def value_at(tree, place):
    for key in place:
        tree = tree[key]
    return tree


@st.composite
def renumbered(draw, whole):
    """Give a copy of a tree with some of its numbers changed, mostly to what may be meant."""
    tree = copy.deepcopy(whole)
    numbers = [
        place
        for place in places_in(tree)
        if "heights_m" not in place and type(value_at(tree, place)) in (int, float)
    ]
    for place in draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=4, unique=True)):
        near = value_at(tree, place) + draw(st.floats(-5, 5))
        value_at(tree, place[:-1])[place[-1]] = draw(st.sampled_from([near, near, *ODD]))
    return tree


def is_whole(path):
    """Tell whether a file that an action wrote can be read to its end."""
    if path.suffix == ".png":
        return path.read_bytes().endswith(b"IEND\xaeB`\x82")
    return load_scene(path).routes is not None


def run_all(scene, folder):
    """Run each action; give the exit codes, and the files that were written."""
    for path in folder.glob("out.*"):
        path.unlink()
    actions = (
        ["check", str(scene), "--together"],
        ["plan", str(scene), "--seconds", "0.2", "--out", str(folder / f"out{scene.suffix}")],
        ["plot", str(scene), "--out", str(folder / "out.png")],
    )
    codes = [main(["route", *words]) for words in actions]
    return codes, sorted(folder.glob("out.*"))


@pytest.mark.parametrize(
    ("name", "text", "write"),
    [
        ("scene.yaml", yaml.safe_load(YAML), yaml.safe_dump),
        ("scene.geojson", json.loads(GEOJSON), json.dumps),
    ],
)
@some
@given(data=st.data())
def test_a_scene_with_other_numbers_is_answered_or_refused(
    tmp_path, capsys, name, text, write, data
):
    scene = tmp_path / name
    scene.write_text(write(data.draw(renumbered(text))))

    codes, written = run_all(scene, tmp_path)

    told = capsys.readouterr().err
    assert set(codes) <= {0, 1, 2}
    assert "Traceback" not in told
    assert all(map(is_whole, written))
    # What could not be read leaves nothing behind.
    assert codes[2] == 0 or not written
