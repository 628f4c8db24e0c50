"""Lines and the lattice."""

import math

import numpy as np
import pytest

from lunaredge.scheduler.arrays import Lattice, Lines, travel_of

FRAME = np.array([-10.0, -10.0, 5.0])


def lattice(*steep_cells):
    steep = np.zeros((4, 4), np.bool_)
    for cell in steep_cells:
        steep[cell] = True
    return Lattice.over(FRAME, 2, steep, 0.5)


def test_open_lines_have_a_segment_less_than_points_and_a_point_has_one():
    lines = Lines.of([([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)], 0.5), ([(7.0, 7.0)], 2.0)])

    segments, widths_m = lines.segments(closed=False)

    assert segments.tolist() == [[0, 0, 1, 0], [1, 0, 2, 0], [7, 7, 7, 7]]
    assert widths_m.tolist() == [0.5, 0.5, 2.0]


def test_rings_come_back_to_their_first_point():
    lines = Lines.of([([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)], 0.0)])

    segments, _ = lines.segments(closed=True)

    assert segments.tolist() == [[0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]]


def test_no_lines_have_no_segments():
    segments, widths_m = Lines.of([]).segments(closed=True)

    assert segments.shape == (0, 4)
    assert len(widths_m) == 0


def test_one_line_of_several_stands_by_itself():
    lines = Lines.of([([(0.0, 0.0)], 0.5), ([(7.0, 7.0), (8.0, 8.0)], 2.0)])

    only = lines.only(1)

    assert only.points.tolist() == [[7.0, 7.0], [8.0, 8.0]]
    assert only.starts.tolist() == [0, 2]
    assert only.half_widths_m.tolist() == [2.0]


def test_cells_are_numbered_row_by_row_from_the_lower_left():
    assert lattice().centre(0) == (-8.75, -8.75)
    assert lattice().centre(9) == (-6.25, -6.25)
    assert lattice().centres()[9].tolist() == [-6.25, -6.25]


def test_the_nearest_cells_come_first_and_the_lower_of_equals():
    cells = lattice().cells_near((0.0, 0.0))

    assert cells[:4] == [27, 28, 35, 36]
    assert len(cells) == 25


def test_a_point_far_off_has_no_cells_near():
    assert lattice().cells_near((500.0, 0.0)) == []


def test_a_path_keeps_off_steep_cells_and_off_lines():
    free = lattice((1, 1), (2, 1))
    straight = free.path([(0, 0.0)], [7])
    wall = Lines.of([([(0.0, -10.0), (0.0, 4.0)], 0.1)])

    around = free.without(wall, 0.5, closed=False).path([(0, 0.0)], [7])

    assert len(straight) == 8
    assert max(y for _, y in around) > 4.6
    assert around[0] == straight[0]
    assert around[-1] == straight[-1]


def test_a_lattice_without_lines_leaves_the_first_as_it_was():
    free = lattice()

    free.without(Lines.of([([(0.0, 0.0)], 5.0)]), 0.5, closed=False)

    assert not free.closed.any()


def test_a_field_gives_the_cost_and_the_climbs():
    field = lattice().field(np.full((8, 8), 2.0), [(0, 1.0)], [7])

    assert field.cost(7) == pytest.approx(1.0 + 2.0 * 7 * 2.5)
    assert field.climbs([7, 0], np.arange(64.0) ** 2) == [(0, 49.0, 0.0), (0, 0.0, 0.0)]
    assert math.isinf(field.cost(63))


def test_ways_that_nobody_named_are_closed_and_who_stays_needs_nothing():
    travel = travel_of({"one": [(0, 2, 30, 900), (2, 0, 40, 800)], "other": []}, 3, 1)

    assert travel.movers == ("one", "other")
    assert travel.table[0, 0].tolist() == [[0, 0], [-1, -1], [30, 900]]
    assert travel.table[0, 2, 0].tolist() == [40, 800]
    assert travel.table[1, 0].tolist() == [[0, 0], [-1, -1], [-1, -1]]


def test_where_no_way_is_named_it_leads_by_home_if_one_does():
    travel = travel_of({"one": [(0, 1, 30, 9), (1, 2, 40, 8), (1, 0, 5, 1), (2, 0, 7, 2)]}, 3, 1)

    assert travel.table[0, :, :, 0].tolist() == [[0, 30, 70], [5, 0, 40], [7, -1, 0]]
    assert travel.table[0, 0, 2].tolist() == [70, 17]
