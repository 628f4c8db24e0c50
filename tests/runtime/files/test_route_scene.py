import json
import math

import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.model.site import ZoneKind
from lunaredge.paths.machine import Drive
from lunaredge.paths.route import Pose
from lunaredge.runtime.files.route_scene import DEGREES_NOTE, load_scene
from tests.runtime.files.scenes import write_geojson, write_yaml
from tests.runtime.files.writing import FLEET, flat_tile, write, write_site, write_tile


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        load_scene(path)
    assert str(caught.value).isprintable()
    return caught.value


def test_a_scene_gives_all_that_it_says(tmp_path):
    scene = load_scene(write_yaml(tmp_path))

    rover, truck = scene.machines["rover"], scene.machines["truck"]
    hole, slow = scene.zones
    assert scene.grid.shape == (8, 12)
    assert scene.boundary[2] == (60, 40)
    assert (hole.kind, hole.from_s, hole.until_s) == (ZoneKind.KEEP_OUT, -math.inf, 500)
    assert slow.speed_m_s_max == 0.25
    assert [(thing.name, thing.high_m, thing.margin_m) for thing in scene.obstacles] == [
        ("rock", 1.5, 0.5)
    ]
    assert (rover.drive, rover.turn_rad_s_max) == (Drive.SKID, pytest.approx(math.radians(30)))
    assert (truck.drive, truck.radius_m_min, len(truck.footprint.named)) == (Drive.ACKERMANN, 4, 2)
    assert [(trip.name, trip.ignore) for trip in scene.routes] == [
        ("north", ()),
        ("across", ("parked",)),
    ]
    assert [(trip.name, trip.from_s, trip.until_s) for trip in scene.reservations] == [
        ("parked", 10, 900),
        ("busy", -math.inf, math.inf),
    ]
    assert scene.requests[0].goal == Pose(50, 15, math.pi / 2)
    assert scene.requests[0].start_s == 3


def test_the_same_scene_reads_alike_from_geojson(tmp_path):
    ours, theirs = load_scene(write_yaml(tmp_path)), load_scene(write_geojson(tmp_path))

    assert theirs.boundary == ours.boundary
    assert theirs.zones == ours.zones
    assert theirs.obstacles == ours.obstacles
    assert theirs.requests[0].start == ours.requests[0].start
    for group in ("routes", "reservations"):
        for one, other in zip(getattr(ours, group), getattr(theirs, group), strict=True):
            assert (one.name, one.machine_name, one.ignore) == (
                other.name,
                other.machine_name,
                other.ignore,
            )
            np.testing.assert_array_equal(one.route.knots, other.route.knots)


def test_headings_of_knots_are_degrees_and_full_turns_stay(tmp_path):
    path = write_yaml(tmp_path, "[100, 45, 16, 0]", "[10, 5, 16, 360]")

    knots = load_scene(path).routes[1].route.knots

    assert knots[1].tolist() == [10, 5, 16, pytest.approx(2 * math.pi)]


def test_points_are_driven_at_the_speed_with_turns_on_the_spot(tmp_path):
    knots = load_scene(write_yaml(tmp_path)).reservations[1].route.knots

    assert knots.tolist() == [
        [0, 50, 20, pytest.approx(math.pi / 2)],
        [20, 50, 30, pytest.approx(math.pi / 2)],
        [pytest.approx(23), 50, 30, 0],
        [pytest.approx(33), 55, 30, 0],
    ]


def test_a_half_turn_goes_left_and_takes_its_time(tmp_path):
    path = write_yaml(tmp_path, "[50, 30], [55, 30]]", "[50, 30], [50, 20]]")

    knots = load_scene(path).reservations[1].route.knots

    assert knots[2, 3] == pytest.approx(1.5 * math.pi)
    assert knots[2, 0] - knots[1, 0] == pytest.approx(6)


def test_a_machine_with_a_turning_radius_has_no_corners(tmp_path):
    path = write_yaml(tmp_path, "{name: busy, machine: rover", "{name: busy, machine: truck")

    error = refusal(path)

    assert error.key == "reservations[1].points[1]"
    assert "turn on the spot" in error.problem


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("title:", "titel:", "titel", "not known"),
        ("cell_m: 5\n", "", "terrain.cell_m", "scale"),
        ("    - [0, 0, 0,", "    - [0, 0,", "terrain.heights_m[1]", "rows differ"),
        ("    - [0, 0, 0,", "    - [0, .nan, 0,", "terrain.heights_m[0][1]", "number"),
        ("[60, 40], [0, 40]]", "[0, 40], [60, 40]]", "boundary", "touches itself"),
        ("[40, 30], [30, 30]]", "[30, 30], [40, 30]]", "zones[0].polygon", "touches itself"),
        ("[40, 30], [30, 30]], u", "[30, 20]], u", "zones[0].polygon[0]", "twice in a row"),
        ("kind: keep_out", "kind: lava", "zones[0].kind", "should be"),
        ("until_s: 500", "until_s: 500, from_s: 600", "zones[0].until_s", "no time"),
        (", speed_m_s_max: 0.25", "", "zones[1].speed_m_s_max", "no speed limit"),
        ("name: slow", "name: hole", "zones[1].name", "taken"),
        ("name: rock", "name: hole", "obstacles[0].name", "taken"),
        ("high_m: 1.5", "high_m: -1", "obstacles[0].high_m", "no height"),
        ("name: truck", "name: rover", "machines[1].name", "taken"),
        ("drive: ackermann", "drive: skid", "machines[1].radius_m_min", "drive is skid"),
        ("    radius_m_min: 4\n", "", "machines[1].radius_m_min", "drive is ackermann"),
        ("length_m: 1.4, ", "", "machines[0].length_m", "two sides"),
        ("length_m: 1.4, width_m: 0.8, ", "", "machines[0].footprint", "no outline"),
        ("[3, 1], [-1, 1]]", "[-1, 1], [3, 1]]", "machines[1].footprint[0].corners", "convex"),
        ("low_m: 2, high_m: 3", "low_m: 3, high_m: 2", "machines[1].footprint[1].low_m", "convex"),
        ("turn_deg_s_max: 15", "turn_deg_s_max: 0", "machines[1].turn_deg_s_max", "greater than"),
        ("name: across", "name: north", "routes[1].name", "taken"),
        ("    machine: truck", "    machine: tank", "routes[1].machine", "no such machine"),
        ("speed_m_s: 0.4, ", "", "routes[0].speed_m_s", "need a speed"),
        (
            "points: [[10, 12], [10, 35]]",
            "points: [[1, 2], [1, 2]]",
            "routes[0].points[1]",
            "twice",
        ),
        ("points: [[10, 12], [10, 35]]", "points: [[1, 2]]", "routes[0].points", "at least 2"),
        ("points: [[10, 12], [10, 35]], ", "", "routes[0]", "no way"),
        ("[100, 45, 16, 0]", "[-1, 45, 15, 0]", "routes[1].knots[1]", "not follow"),
        ("[100, 45, 16, 0]", "[0, 45, 15, 0]", "routes[1].knots[1]", "not follow"),
        ("[100, 45, 16, 0]", "[100, 45, 16, 20000]", "routes[1].knots[1][3]", "the turn"),
        ("[100, 45, 16, 0]", "[100, 1000000, 15, 0]", "routes[1].knots[1][1]", "less than"),
        ("[100, 45, 16, 0]", "[100, .inf, 15, 0]", "routes[1].knots[1][1]", "number"),
        ("[100, 45, 16, 0]", "[100, 45, 15]", "routes[1].knots[1][3]", "missing"),
        ("    ignore: [parked]", "    ignore: [gone]", "routes[1].ignore[0]", "no such"),
        ("    ignore: [parked]", "    start_s: 5", "routes[1].start_s", "goes with points"),
        ("from_s: 10, until", "from_s: 1000, until", "reservations[0].until_s", "before it beg"),
        ("goal: [50, 15, 90]", "goal: [50, 15]", "requests[0].goal[2]", "missing"),
        ("title: A yard", "fleet: fleet.toml", "fleet", "needs its site"),
        ("title: A yard", "site: site.toml", "terrain", "has one already"),
    ],
)
def test_a_scene_that_cannot_be_is_refused_by_its_key(tmp_path, old, new, key, problem):
    error = refusal(write_yaml(tmp_path, old, new))

    assert error.key == key
    assert problem in error.problem
    assert error.remedy


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ('"FeatureCollection"', '"Feature"', "type", "not a scene"),
        ('"title": "A yard"', '"crs": "EPSG:4326"', "crs", "no other frame"),
        ('"title": "A yard"', '"zones": []', "zones", "beside the features"),
        ('"role": "boundary"', '"role": "border"', "features[0].properties.role", "not a role"),
        ('"role": "boundary"', '"role": "boundary", "a": 1', "features[0].properties.a", "known"),
        ('"kind": "keep_out"', '"kind": "lava"', "features[1].properties.kind", "should be"),
        (
            "[[[30, 20], [40, 20]",
            "[[[30, 21], [40, 20]",
            "features[1].geometry.coordinates[0]",
            "not closed",
        ),
        (
            "[40, 30], [30, 30], [30, 20]]]",
            "[30, 30], [40, 30], [30, 20]]]",
            "features[1].geometry.coordinates[0]",
            "touches itself",
        ),
        (
            "[[[0, 0], [60, 0], [60, 10], [0, 10], [0, 0]]]",
            "[[[0, 0], [60, 0], [60, 10], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 1]]]",
            "features[2].geometry.coordinates",
            "without holes",
        ),
        ('"times_s": [0, 100]', '"times_s": [0]', "features[5].properties.times_s", "not fit"),
        ('"times_s": [0, 100]', '"times_s": [0, "x"]', "features[5].properties.times_s[1]", "numb"),
        ("[[5, 16], [45, 16]]", "[[5, 16], [45]]", "features[5].geometry.coordinates[1]", "posit"),
        (
            "[[5, 16], [45, 16]]",
            "[[5, 15], [45, 1e9]]",
            "features[5].geometry.coordinates[1][1]",
            "less than",
        ),
        ("[[10, 12], [50, 15]]", "[[10, 12]]", "features[8].geometry.coordinates", "a start and"),
        ('"type": "Point"', '"type": "Polygon"', "features[6].geometry.type", "geometry"),
        ('"id": 7', '"nmae": 7', "features[3].nmae", "not known"),
    ],
)
def test_a_mistake_in_geojson_is_told_where_it_stands(tmp_path, old, new, key, problem):
    error = refusal(write_geojson(tmp_path, old, new))

    assert error.key == key
    assert problem in error.problem
    assert error.remedy


@pytest.mark.parametrize(
    ("turn_deg", "key"), [(20_000, "headings_deg[1]"), (40_000, "headings_deg[1]")]
)
def test_a_heading_that_is_wrong_is_told_in_degrees(tmp_path, turn_deg, key):
    path = write_geojson(tmp_path, '"headings_deg": [0, 0]', f'"headings_deg": [0, {turn_deg}]')

    error = refusal(path)

    assert error.key == f"features[5].properties.{key}"
    assert error.value == turn_deg
    assert "rad" not in error.remedy


def test_a_knot_of_a_map_is_told_by_its_position_and_its_features_name(tmp_path):
    error = refusal(write_geojson(tmp_path, '"times_s": [0, 100]', '"times_s": [100, 0]'))

    assert error.key == "features[5].geometry.coordinates[1]"
    assert error.value == [0.0, 45.0, 16.0, 0.0]
    assert "in route 'across'" in error.problem


def test_a_feature_without_a_known_role_is_told_by_its_name(tmp_path):
    old = '"role": "route", "name": "across"'
    error = refusal(write_geojson(tmp_path, old, '"role": "rute", "name": "across"'))

    assert "in feature 'across'" in error.problem


@pytest.mark.parametrize("key", ["site", "fleet"])
def test_another_file_that_is_missing_is_told_by_the_key_that_names_it(tmp_path, key):
    write_site(tmp_path)
    path = tmp_path / "scene.yaml"
    path.write_text(
        "site: site.toml\nfleet: fleet.toml\n"
        "routes: [{name: a, machine: scout-1, points: [[5, 20], [25, 20]], speed_m_s: 0.3}]\n"
    )
    write(tmp_path / "fleet.toml", FLEET)
    (tmp_path / f"{key}.toml").unlink()

    error = refusal(path)

    assert error.key == key
    assert error.value == f"{key}.toml"
    assert error.place.startswith(str(path))


def test_a_request_by_a_routes_name_is_refused(tmp_path):
    path = write_yaml(tmp_path, "name: home", "name: north")

    error = refusal(path)

    assert (error.key, error.problem) == ("requests[0].name", "a route has this name")


def test_a_feature_by_itself_is_told_to_be_no_collection(tmp_path):
    path = tmp_path / "scene.geojson"
    path.write_text('{"type": "Feature", "properties": {}, "geometry": null}')

    error = refusal(path)

    assert error.key == "type"
    assert "FeatureCollection" in error.remedy


@pytest.mark.parametrize(
    ("place", "has_boundary", "is_noted"),
    [([-43.1, -85.2], False, True), ([-43.1, -90.2], False, False), ([-43.1, -85.2], True, False)],
)
def test_a_map_that_could_be_in_degrees_is_noted(tmp_path, place, has_boundary, is_noted):
    scene = {
        "type": "FeatureCollection",
        "machines": [
            {"name": "a", "length_m": 2, "width_m": 1, "speed_m_s_max": 1, "turn_deg_s_max": 30}
        ],
        "features": [
            {
                "type": "Feature",
                "properties": {"role": "route", "name": "r", "machine": "a", "speed_m_s": 0.8},
                "geometry": {"type": "LineString", "coordinates": [[0, 0], place]},
            }
        ],
    }
    if has_boundary:
        corners = [[-99, -99], [99, -99], [0, 99], [-99, -99]]
        shape = {"type": "Polygon", "coordinates": [corners]}
        fence = {"type": "Feature", "properties": {"role": "boundary"}, "geometry": shape}
        scene["features"].append(fence)
    path = tmp_path / "scene.geojson"
    path.write_text(json.dumps(scene))

    note = load_scene(path).note

    assert note == (DEGREES_NOTE if is_noted else "")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("scene.yaml", "", "the file is empty"),
        ("scene.yaml", "# only a remark\n", "no scene"),
        ("scene.json", "null", "no scene"),
        ("scene.yaml", "[1, 2]", "no scene"),
        ("scene.yaml", "title: Nothing\n", "the scene is empty"),
        ("scene.geojson", '{"type": "FeatureCollection", "features": []}', "the scene is empty"),
    ],
)
def test_an_empty_scene_is_refused(tmp_path, name, text, problem):
    path = tmp_path / name
    path.write_text(text)

    error = refusal(path)

    assert error.problem == problem
    assert "np." not in str(error)


def test_a_scene_may_stand_on_a_site_and_use_its_fleet(tmp_path):
    write_site(tmp_path)
    write(tmp_path / "fleet.toml", FLEET)
    path = tmp_path / "scene.yaml"
    path.write_text(
        "site: site.toml\nfleet: fleet.toml\n"
        "routes: [{name: a, machine: scout-1, points: [[5, 20], [25, 20]], speed_m_s: 0.3}]\n"
        "zones: [{name: hole, kind: keep_out, polygon: [[5, 5], [6, 5], [6, 6]]}]\n"
    )

    error = refusal(path)
    path.write_text(path.read_text().replace("name: hole", "name: pit"))
    scene = load_scene(path)

    assert error.key == "zones[0].name"
    assert [zone.name for zone in scene.zones] == ["hole", "yard", "pit"]
    assert scene.grid.cell_m == 2.5
    assert sorted(scene.machines) == ["scout-1", "scout-2"]
    assert scene.title == "A plain"


def test_a_whole_tile_stands_with_its_south_west_corner_at_the_origin(tmp_path):
    heights_m = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    heights_m[0, 3] = np.nan
    write_tile(tmp_path / "tile.tif", heights_m)
    path = tmp_path / "scene.yaml"
    path.write_text(
        "terrain: {file: tile.tif}\n"
        "machines: [{name: a, length_m: 1, width_m: 1, speed_m_s_max: 1, turn_deg_s_max: 9}]\n"
    )

    grid = load_scene(path).grid

    assert grid.frame.tolist() == [0, 0, 5]
    np.testing.assert_array_equal(grid.elevation_m, heights_m[::-1])


@pytest.mark.parametrize(
    ("terrain", "key", "problem"),
    [
        ("{}", "terrain", "no heights"),
        ("{file: none.tif}", "terrain.file", "no such file"),
        ("{file: tile.tif, cell_m: 5}", "terrain.cell_m", "goes with heights_m"),
        ("{file: tile.tif, heights_m: [[0, 0], [0, 0]]}", "terrain", "or two"),
        (
            "{file: tile.tif, window: {origin_x_m: 0, origin_y_m: 0, width_m: 20, height_m: 20, "
            "cell_m: 5}}",
            "window",
            "leaves the tile",
        ),
        ("{heights_m: [[0], [0]], cell_m: 1}", "terrain.heights_m[0]", "short"),
        ("{heights_m: [[0, 13000], [0, 0]], cell_m: 1}", "terrain.heights_m[0][1]", "less than"),
    ],
)
def test_terrain_that_cannot_be_is_refused(tmp_path, terrain, key, problem):
    flat_tile(tmp_path / "tile.tif")
    path = tmp_path / "scene.yaml"
    path.write_text(
        f"terrain: {terrain}\n"
        "machines: [{name: a, length_m: 1, width_m: 1, speed_m_s_max: 1, turn_deg_s_max: 9}]\n"
    )

    error = refusal(path)

    assert error.key == key
    assert problem in error.problem


@pytest.mark.parametrize("name", ["composite-ridge/routes.yaml", "passing-place/routes.geojson"])
def test_the_examples_can_be_read(name):
    scene = load_scene(demo_site().parent / name)

    assert scene.routes
    assert scene.requests
