import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.paths.route import Route
from lunaredge.runtime.files.route_scene import load_scene
from lunaredge.runtime.files.route_writing import write_planned
from tests.runtime.files.scenes import write_geojson, write_yaml

ROUTE = Route([(3, 10, 12, 0), (1e5, 1 / 3, 1e-7, 0.1), (1e5 + 2**-20, 1 / 3, 1e-7, 7.0)])


@pytest.mark.parametrize("write_scene", [write_yaml, write_geojson])
@pytest.mark.parametrize("name", ["out.yaml", "out.yml", "out.json", "out.geojson"])
def test_what_is_written_reads_back_to_the_last_bit_of_time_and_place(tmp_path, write_scene, name):
    scene = load_scene(write_scene(tmp_path))

    write_planned(tmp_path / name, scene, [(scene.requests[0], ROUTE)])
    again = load_scene(tmp_path / name)

    knots = again.routes[-1].route.knots
    assert (again.routes[-1].name, again.routes[-1].machine_name) == ("home", "rover")
    np.testing.assert_array_equal(knots[:, :3], ROUTE.knots[:, :3])
    np.testing.assert_allclose(knots[:, 3], ROUTE.knots[:, 3], rtol=1e-15)
    assert again.requests == ()
    assert again.zones == scene.zones
    assert again.obstacles == scene.obstacles
    assert again.boundary == scene.boundary
    np.testing.assert_array_equal(again.grid.elevation_m, scene.grid.elevation_m)


def test_who_found_no_route_stands_at_its_start_and_still_asks(tmp_path):
    path = write_yaml(tmp_path, "start_s: 3}", "start_s: 3, ignore: [busy]}")
    scene = load_scene(path)

    write_planned(tmp_path / "out.yaml", scene, [(scene.requests[0], None)])
    again = load_scene(tmp_path / "out.yaml")

    assert [(request.name, request.ignore) for request in again.requests] == [("home", ())]
    assert [trip.name for trip in again.reservations] == ["parked", "home"]
    assert again.reservations[1].route.knots.tolist() == [[3, 10, 12, 0]]
    assert [trip.name for trip in again.routes] == ["north", "across"]


@pytest.mark.parametrize("name", ["out.yaml", "out.geojson"])
def test_the_routes_of_other_machines_stay_and_its_own_give_way(tmp_path, name):
    path = write_yaml(tmp_path, "start_s: 3}", "start_s: 3, ignore: [parked]}")
    scene = load_scene(path)

    write_planned(tmp_path / name, scene, [(scene.requests[0], ROUTE)])

    across, home = load_scene(tmp_path / name).routes
    assert (scene.routes[0].machine_name, home.name) == (home.machine_name, "home")
    assert across.route.knots.tolist() == scene.routes[1].route.knots.tolist()
    # What it ignored is gone.
    assert (scene.routes[1].ignore, across.ignore) == (("parked",), ())


def test_reservations_that_a_plan_replaces_are_left_out(tmp_path):
    path = write_yaml(tmp_path, "start_s: 3}", "start_s: 3, ignore: [busy]}")
    scene = load_scene(path)

    write_planned(tmp_path / "out.geojson", scene, [(scene.requests[0], ROUTE)])

    again = load_scene(tmp_path / "out.geojson")
    assert [trip.name for trip in again.reservations] == ["parked"]


def test_paths_of_other_files_are_told_from_the_new_folder(tmp_path):
    scene = load_scene(demo_site() / "routes.yaml")
    (tmp_path / "plans").mkdir()

    write_planned(tmp_path / "plans" / "out.yaml", scene, [(scene.requests[0], ROUTE)])

    again = load_scene(tmp_path / "plans" / "out.yaml")
    assert [zone.name for zone in again.zones] == [zone.name for zone in scene.zones]


@pytest.mark.parametrize(("name", "key"), [("out.txt", "file"), ("no/such/out.yaml", "file")])
def test_what_cannot_be_written_is_a_clear_error(tmp_path, name, key):
    scene = load_scene(write_yaml(tmp_path))

    with pytest.raises(ConfigError) as caught:
        write_planned(tmp_path / name, scene, [])

    assert caught.value.key == key
