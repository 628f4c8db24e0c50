"""The picture of a simulated site: what is on it, and that it comes only where it is asked for."""

import math
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
from msgspec.structs import replace

from lunaredge.cli import sim_plot
from lunaredge.cli.main import main
from lunaredge.cli.sim_plot import Body, Corridor, draw, picture_of
from lunaredge.ids import AuthorityId, NodeId
from lunaredge.sim.limits import Limits
from lunaredge.sim.options import calm
from lunaredge.sim.run import prepared
from lunaredge.sim.scenario import small, swap
from tests.sim.mutants import everybody_else_is_forgotten

SPEC = small().fleet.nodes[0].machine


def corridor(name, *route):
    return Corridor(
        machine=NodeId(name), authority=AuthorityId(f"ma-{name}"), route=route, half_width_m=2.0
    )


def body(name, x_m, y_m, heading_rad=0.0):
    return Body(machine=NodeId(name), x_m=x_m, y_m=y_m, heading_rad=heading_rad, spec=SPEC)


@pytest.fixture
def violated(monkeypatch):
    everybody_else_is_forgotten(monkeypatch)
    run = prepared(1, small(), calm())
    return picture_of(run, run.outcome())


def test_the_picture_is_of_the_moment_of_the_violation(violated):
    assert violated.verdict.startswith("I3: ")
    assert {body.machine for body in violated.bodies} == {
        node.name for node in small().fleet.nodes if node.machine
    }
    assert len({corridor.machine for corridor in violated.corridors}) > 1


def test_ground_that_two_may_use_is_found_and_shown_close_up(violated, tmp_path):
    box = sim_plot._box_of(violated.site)

    close_up = sim_plot._shared_box(violated, box)
    draw(violated, tmp_path / "site.png")

    assert close_up is not None
    assert close_up[2] - close_up[0] >= sim_plot.CLOSE_UP_M_MIN
    pixels = matplotlib.image.imread(tmp_path / "site.png")
    height, width, _ = pixels.shape
    assert width == pytest.approx(1687, abs=2)
    assert height > 800


def test_what_tells_machines_apart_survives_a_print_in_grey(violated):
    picture = replace(violated, corridors=())

    looks = [(sim_plot.HATCHES[k % 8], sim_plot.LINES[k % 4]) for k in range(len(picture.bodies))]

    assert len(set(looks)) == len(picture.bodies)


def test_a_site_where_nobody_is_in_anybodys_way_has_no_close_up():
    run = prepared(1, swap(), calm(), limits=Limits(until_s=0.0))

    picture = picture_of(run, run.outcome())

    assert picture.verdict == "no violation"
    assert sim_plot._shared_box(picture, sim_plot._box_of(picture.site)) is None


def test_corridors_and_bodies_are_where_they_are():
    mesh = np.array([[0.0, 5.0, 12.0, 0.0]]), np.array([[1.9, 0.0, 0.0, 2.1]])

    along_m = sim_plot._corridor_m(corridor("a", (0.0, 0.0), (10.0, 0.0)), mesh)
    point_m = sim_plot._corridor_m(corridor("a", (0.0, 0.0)), mesh)
    turned_m = sim_plot._body_m(body("a", 0.0, 0.0, math.pi / 2), mesh)

    np.testing.assert_allclose(along_m, [[-0.1, -2.0, 0.0, 0.1]], atol=1e-9)
    np.testing.assert_allclose(point_m, [[-0.1, 3.0, 10.0, 0.1]], atol=1e-9)
    np.testing.assert_allclose(turned_m[0, 0], 1.9 - SPEC.length_m / 2)


def test_the_command_draws_the_seed_it_ran(tmp_path, monkeypatch, capsys):
    everybody_else_is_forgotten(monkeypatch)
    out = tmp_path / "seed.png"

    code = main(["sim", "--seed", "1", "--hours", "0.5", "--plot", str(out)])

    assert code == 1
    assert f"drawn: {out}" in capsys.readouterr().err
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words",
    [
        ["--plot", "x.png"],
        ["--seed", "1", "--plot", "x.gif"],
        ["--seed", "1", "--plot", "no/x.png"],
    ],
)
def test_what_cannot_be_drawn_is_told_before_anything_is_run(words, capsys):
    code = main(["sim", *words])

    assert code == 2
    assert capsys.readouterr().out == ""


def without_matplotlib(*words):
    """Run the command where matplotlib is not installed."""
    blocked = "import sys; sys.modules['matplotlib'] = None\n"
    call = f"from lunaredge.cli.main import main; sys.exit(main({['sim', *words]!r}))"
    return subprocess.run(
        [sys.executable, "-c", blocked + call],
        capture_output=True,
        check=False,
        text=True,
        timeout=120.0,
    )


def test_only_who_wants_a_picture_needs_what_draws_it(tmp_path):
    words = ["--seed", "1", "--scenario", "swap", "--until", "0"]

    plain = without_matplotlib(*words)
    drawn = without_matplotlib(*words, "--plot", str(tmp_path / "x.png"))

    assert plain.returncode == 0
    assert drawn.returncode == 3
    assert "this command needs matplotlib" in drawn.stderr
    assert drawn.stdout == ""
