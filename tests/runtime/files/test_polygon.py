import shapely
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.runtime.files import polygon as ours

# A coarse lattice, so that touching corners, shared edges and straight runs come up all the time.
lattice = st.integers(0, 5).map(float)
points = st.tuples(lattice, lattice)
polygons = st.lists(points, min_size=3, max_size=7).map(tuple)
simple_polygons = polygons.filter(ours.is_simple)

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
HORSESHOE = (
    *((0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (4.0, 5.0)),
    *((4.0, 1.0), (1.0, 1.0), (1.0, 5.0), (0.0, 5.0)),
)


@given(polygons)
def test_simple_means_what_shapely_calls_valid_and_without_a_repeated_corner(polygon):
    expected = shapely.Polygon(polygon).is_valid and len(set(polygon)) == len(polygon)

    assert ours.is_simple(polygon) == expected


@given(simple_polygons)
def test_area_agrees_with_shapely_in_either_direction(polygon):
    area_m2 = ours.area_m2(polygon)

    assert abs(area_m2 - shapely.Polygon(polygon).area) < 1e-9
    assert ours.area_m2(polygon[::-1]) == area_m2


@given(simple_polygons, points)
def test_points_inside_and_on_the_edge_are_held(polygon, point):
    assert ours.holds_point(polygon, point) == shapely.Polygon(polygon).covers(shapely.Point(point))


@given(simple_polygons, points)
def test_distance_agrees_with_shapely(polygon, point):
    expected_m = shapely.Polygon(polygon).distance(shapely.Point(point))

    assert abs(ours.distance_m(polygon, point) - expected_m) < 1e-9


@given(simple_polygons, simple_polygons)
def test_a_polygon_is_held_only_when_shapely_covers_it(outer, inner):
    assert ours.holds_polygon(outer, inner) == shapely.Polygon(outer).covers(shapely.Polygon(inner))


def test_a_polygon_over_a_gap_is_not_held_though_its_corners_are():
    across = ((0.5, 2.0), (4.5, 2.0), (4.5, 3.0), (0.5, 3.0))

    assert all(ours.holds_point(HORSESHOE, corner) for corner in across)
    assert not ours.holds_polygon(HORSESHOE, across)
    assert ours.holds_polygon(SQUARE, SQUARE)


def test_a_polygon_across_the_mouth_of_a_gap_is_not_held_though_it_crosses_no_edge():
    around = ((1.0, 5.0), (0.5, 4.0), (0.5, 0.5), (4.5, 0.5), (4.5, 4.0), (4.0, 5.0))

    assert ours.is_simple(around)
    assert not ours.holds_polygon(HORSESHOE, around)


def test_polygons_may_share_a_slanted_edge_whose_points_are_rounded():
    outer = ((0.0, 0.0), (0.9, 0.3), (0.9, 9.0), (0.0, 9.0))
    inner = ((0.3, 0.1), (0.6, 0.2), (0.6, 5.0))

    assert ours.holds_polygon(outer, inner)
