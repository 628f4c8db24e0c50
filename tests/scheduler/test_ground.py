"""The ground map: what stands still, and how a new version of the terrain changes it."""

import math

import pytest

from lunaredge.model.site import ZoneKind
from lunaredge.paths import Footprint, Route
from lunaredge.scheduler.ground import LATTICE_CELLS_MAX, GroundMap
from tests.scheduler import sites


def disc_at(x_m, y_m):
    """Give a disc of a metre that stands there."""
    return Footprint.disc(1.0), Route([(0.0, x_m, y_m, 0.0)])


def test_slopes_come_from_the_heights():
    ground = GroundMap.of(sites.site(height_m=lambda x, _y: 0.5 * x))

    segment, slope_deg = ground.first_steep(*disc_at(0.0, 0.0), 20.0)

    assert segment == 0
    assert slope_deg == pytest.approx(math.degrees(math.atan(0.5)), abs=1e-4)
    assert ground.first_steep(*disc_at(0.0, 0.0), 27.0) is None


def test_heights_between_cells_are_interpolated():
    ground = GroundMap.of(sites.site(height_m=lambda x, y: 0.25 * x - 0.5 * y))

    assert ground.heights_at_m([(3.0, 1.0)]) == pytest.approx([0.25], abs=1e-5)


def test_an_update_gives_measured_cells_their_mean_and_leaves_the_rest():
    old = GroundMap.of(sites.site())

    new = old.updated([(2.0, 2.0, 1.0), (3.0, 3.0, 2.0), (-2.0, 2.0, 4.0)])

    assert new.version == old.version + 1
    assert new.heights_at_m([(2.5, 2.5), (-2.5, 2.5), (7.5, 2.5)]) == [1.5, 4.0, 0.0]
    assert old.heights_at_m([(2.5, 2.5)]) == [0.0]


def test_an_update_changes_what_is_too_steep():
    old = GroundMap.of(sites.site())
    here = disc_at(0.0, 0.0)

    new = old.updated([(7.5, 2.5, 5.0)])

    assert old.first_steep(*here, 15.0) is None
    assert new.first_steep(*here, 15.0) is not None
    assert new.lattice(2.0, 15.0).closed.sum() > old.lattice(2.0, 15.0).closed.sum()


def test_points_beyond_the_grid_are_left_out_of_an_update():
    old = GroundMap.of(sites.site())

    astray = [(1e300, 0.0), (0.0, -100.001), (100.0, 0.0), (math.nan, 0.0), (0.0, math.inf)]
    new = old.updated([(x_m, y_m, 9.0) for x_m, y_m in astray])

    assert (new.heights_m == old.heights_m).all()


def test_an_update_with_nothing_measured_is_a_new_version_all_the_same():
    ground = GroundMap.of(sites.site())

    assert ground.updated([]).version == 1


@pytest.mark.parametrize("damage", [b"", bytes(4), bytes(4 * 1601)])
def test_terrain_of_the_wrong_size_is_refused(damage):
    site = sites.site()
    grid = type(site.terrain)(x_m=0.0, y_m=0.0, cell_m=5.0, rows=40, columns=40, heights_m=damage)

    with pytest.raises(AssertionError):
        GroundMap.of(
            type(site)(**{f: getattr(site, f) for f in site.__struct_fields__} | {"terrain": grid})
        )


def test_the_lowest_limit_of_the_speed_zones_on_a_path_counts():
    slow = sites.zone("slow", sites.box(10.0, -5.0, 20.0, 5.0), ZoneKind.SPEED)
    ground = GroundMap.of(sites.site(slow))

    assert ground.speed_limit_m_s([(0.0, 0.0), (30.0, 0.0)], 1.0) == 0.1
    assert ground.speed_limit_m_s([(0.0, 0.0), (8.5, 0.0)], 1.0) == math.inf


def test_a_keep_out_inside_a_zone_is_found_though_their_edges_are_far_apart():
    rock = sites.zone("rock", sites.box(-1.0, -1.0, 1.0, 1.0), ZoneKind.KEEP_OUT)
    ground = GroundMap.of(sites.site(rock))

    assert ground.keep_out_touching(sites.box(-20.0, -20.0, 20.0, 20.0)) == "rock"
    assert ground.keep_out_touching(sites.box(1.0, 0.0, 20.0, 20.0)) == "rock"
    assert ground.keep_out_touching(sites.box(2.0, 0.0, 20.0, 20.0)) == ""


def test_the_lattice_is_as_fine_as_is_bearable():
    coarse = GroundMap.of(sites.site())
    large = GroundMap.of(sites.site(side_m=2500.0))

    assert coarse.lattice(2.0, 15.0).cell_m == 2.5
    assert large.lattice(2.0, 15.0).closed[..., 0].size <= LATTICE_CELLS_MAX


def test_a_lattice_is_laid_once_for_each_kind_of_machine():
    ground = GroundMap.of(sites.site())

    assert ground.lattice(2.0, 15.0) is ground.lattice(2.0, 15.0)
    assert ground.lattice(2.0, 15.0) is not ground.lattice(2.5, 15.0)


def test_a_lattice_outlives_an_update_that_leaves_the_same_ground_steep():
    old = GroundMap.of(sites.site())
    lattice = old.lattice(2.0, 15.0)

    gentle = old.updated([(7.5, 2.5, 0.1)]).recalling(old)
    steep = old.updated([(7.5, 2.5, 5.0)]).recalling(old)

    assert gentle.lattice(2.0, 15.0) is lattice
    assert steep.lattice(2.0, 15.0) is not lattice
    assert (steep.lattice(2.0, 15.0).closed != lattice.closed).any()


def test_what_rests_on_heights_is_forgotten_with_them():
    old = GroundMap.of(sites.site())
    old.known.travels.keep("somewhere", (1.0, 0.0, 0.0))

    same = old.updated([(7.5, 2.5, 0.0)]).recalling(old)
    other = old.updated([(7.5, 2.5, 0.1)]).recalling(old)

    assert same.known.travels.find("somewhere") == (1.0, 0.0, 0.0)
    assert other.known.travels.find("somewhere") is None


def test_slopes_after_updates_are_those_of_a_site_made_so():
    points = [(7.5, 2.5, 2.0), (-42.5, 12.5, -1.5), (97.5, 97.5, 3.0)]
    heights_m = {(x_m, y_m): z_m for x_m, y_m, z_m in points}

    updated = GroundMap.of(sites.site()).updated(points)
    made_so = GroundMap.of(sites.site(height_m=lambda x, y: heights_m.get((x, y), 0.0)))

    assert updated.slopes_deg.tolist() == made_so.slopes_deg.tolist()
    assert updated.slopes_deg.max() > 10.0


@pytest.mark.parametrize("height_m", [math.nan, math.inf, 1e300])
def test_a_height_that_cannot_be_is_not_known(height_m):
    new = GroundMap.of(sites.site()).updated([(0.0, 0.0, height_m)])

    assert new.first_steep(*disc_at(-3.0, 2.0), 90.0) == (0, math.inf)


def test_the_same_site_is_laid_out_once_and_no_travel_is_handed_on():
    one, other = GroundMap.of(sites.site()), GroundMap.of(sites.site())

    lattice = one.lattice(2.0, 15.0)
    one.known.travels.keep("a way", (1.0, 0.0, 0.0))

    assert other.grid is one.grid
    assert other.lattice(2.0, 15.0) is lattice
    assert other.known.travels.find("a way") is None
