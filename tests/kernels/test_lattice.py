"""The lattice's kernels against plain loops and against shapes that are swept by hand."""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely import affinity

from lunaredge.kernels import lattice_field, lattice_gap, lattice_static, lattice_timed
from lunaredge.kernels.lattice import ANGLES, HEADINGS, LENGTHS, VECTORS, Links
from lunaredge.kernels.sweep import work_space
from lunaredge.paths.fleet import Reservation
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.plan import Planner
from lunaredge.paths.plan_ground import paving_of
from lunaredge.paths.plan_traffic import body_of_barrier, body_of_reservation, traffic_of
from lunaredge.paths.primitives import BACKWARD_FACTOR, moves_of
from lunaredge.paths.problem import Barrier, Plan, PlanGround
from lunaredge.paths.route import Route
from tests.kernels import naive_lattice as naive
from tests.paths.plan_scenes import ask, level, planner, wall

PACES = arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    elements=st.sampled_from([1.0, 1.0, 1.5, 4.0, math.inf]),
)
RATES = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.integers(1, 9)),
    elements=st.sampled_from([1.0, 1.0, 1.5, 4.0, 30.0, math.inf]),
)
TAPERED = Footprint(Part(corners=((-2.0, -1.2), (3.0, -0.4), (3.0, 0.4), (-2.0, 1.2))))


def machine(drive, footprint=TAPERED):
    return Machine(
        footprint=footprint, drive=drive, radius_m_min=5.0, speed_m_s_max=0.5, turn_rad_s_max=0.3
    )


@cache
def ackermann_moves():
    return moves_of(machine(Drive.ACKERMANN), TAPERED.parts, 2.0, 0.0)


@cache
def no_scene():
    """A scene in which nothing stands in the way of any move."""
    made = Planner(level(), machine(Drive.ACKERMANN))
    none = traffic_of([], made.ground, 1.0)
    links = Links(
        np.empty((0, 2), np.int64), np.empty((0, 2)), np.zeros(1, np.int64), np.empty((0, 4))
    )
    return made.scene(none, links)


def outline(footprint, x, y, heading):
    shapes = []
    for part in footprint.named:
        shape = shapely.MultiPoint(part.corners).convex_hull.buffer(part.margin_m)
        turned = affinity.rotate(shape, heading, origin=(0, 0), use_radians=True)
        shapes.append(affinity.translate(turned, x, y))
    return shapely.union_all(shapes)


def poses_on(chords, count=40):
    """Poses sampled along chords, ends and all."""
    for a, b in pairwise(chords):
        for j in range(count + 1):
            yield a[1:] + (b[1:] - a[1:]) * j / count


def test_headings_are_directions_of_lattice_vectors_and_opposites_are_eight_apart() -> None:
    assert all(np.diff(ANGLES) > 0.0)
    assert (VECTORS[8:] == -VECTORS[:8]).all()
    assert np.allclose(np.hypot(*VECTORS.T), LENGTHS)
    # Neighbours span the whole grid: every cell is on a chain along two of them.
    after = np.roll(VECTORS, -1, axis=0)
    assert (VECTORS[:, 0] * after[:, 1] - VECTORS[:, 1] * after[:, 0] == 1).all()


@given(PACES, st.data())
@settings(max_examples=60, deadline=None)
def test_a_step_is_as_slow_as_the_slowest_cell_that_it_touches(values, data) -> None:
    row, column = (data.draw(st.integers(0, count - 1)) for count in values.shape)
    k = data.draw(st.integers(0, HEADINGS - 1))
    end = row + VECTORS[k, 1], column + VECTORS[k, 0]
    assume(0 <= end[0] < values.shape[0] and 0 <= end[1] < values.shape[1])

    worst = lattice_field.worst_along(
        values.ravel(), row * values.shape[1] + column, k, values.shape[1]
    )

    assert worst == naive.worst_on_step(values, row, column, k)


@given(RATES, st.data())
@settings(max_examples=80, deadline=None)
def test_the_guide_is_the_plain_search_s_in_any_order_and_promises_no_more(rates, data) -> None:
    barred = data.draw(
        arrays(np.bool_, rates.shape, elements=st.sampled_from([False] * 6 + [True]))
    )
    barred |= np.isinf(rates)
    count = rates.size
    cells = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3, unique=True))
    spare = np.array([data.draw(st.sampled_from([0.0, 3.0, 400.0])) for _ in cells])
    paving = paving_of(rates, barred, np.zeros_like(barred), ackermann_moves())
    if data.draw(st.booleans()):
        marks = lattice_field.landmarks(paving, no_scene(), work_space(), 2)
        paving = paving._replace(marks=marks, farthest=float(marks.max()))

    end = data.draw(st.integers(-1, count - 1))
    guide = lattice_field.guide_toward(paving, (np.array(cells), spare), end)

    sources = {k: cost for k, cost in zip(cells, spare, strict=True) if not barred.flat[k]}
    truth = naive.cheapest(naive.neighbours(rates, barred), sources)
    for cell in data.draw(st.permutations(range(count))):
        known = truth.get(cell, math.inf)
        assert lattice_field.bound_to_go(cell, guide) <= known * (1.0 + 1e-9)
        exact = lattice_field.to_go(cell, guide, no_scene(), work_space())
        assert exact == pytest.approx(known, rel=1e-12)


def test_the_guide_takes_no_step_that_no_move_can_make() -> None:
    # A slit as wide as the machine is long, so that nothing drives through it sideways.
    barriers = wall(8.0, -1.0, 10.0, 14.0), wall(8.0, 15.0, 10.0, 31.0)
    made = planner(*barriers, weights=(1.0,))
    open_way = planner(weights=(1.0,)).plan(ask(goal=(36.0, 14.5, 0.0)))

    found = made.find(ask(goal=(36.0, 14.5, 0.0)))

    assert isinstance(open_way, Plan)
    assert found.words is None
    assert found.states < 10


@pytest.mark.parametrize("drive", Drive)
@pytest.mark.parametrize("cell_m", [2.0, 5.0])
def test_moves_lead_from_centre_to_centre_and_from_heading_to_heading(drive, cell_m) -> None:
    moves = moves_of(machine(drive), TAPERED.parts, cell_m, 0.0)

    for heading in range(HEADINGS):
        for k in range(moves.first[heading], moves.first[heading + 1]):
            chords = moves.chords[moves.chord_first[k] : moves.chord_first[k + 1]]
            row, column, after = moves.steps[k]
            assert chords[0] == pytest.approx([0.0, 0.0, 0.0, chords[0, 3]])
            assert chords[-1, :3] == pytest.approx([1.0, column * cell_m, row * cell_m])
            for rad, angle in ((chords[0, 3], ANGLES[heading]), (chords[-1, 3], ANGLES[after])):
                assert math.remainder(rad - angle, math.tau) == pytest.approx(0.0, abs=1e-9)
            assert (np.diff(chords[:, 0]) > 0.0).all()


def test_ackermann_moves_keep_to_the_radius_and_never_slide_sideways() -> None:
    moves = moves_of(machine(Drive.ACKERMANN), TAPERED.parts, 2.0, 0.0)

    for k in range(len(moves.steps)):
        chords = moves.chords[moves.chord_first[k] : moves.chord_first[k + 1]]
        ways, turns = np.diff(chords[:, 1:3], axis=0), np.abs(np.diff(chords[:, 3]))
        lengths = np.hypot(*ways.T)
        assert (lengths >= 5.0 * turns).all()
        middles = (chords[:-1, 3] + chords[1:, 3]) / 2.0
        ahead = (ways * np.column_stack((np.cos(middles), np.sin(middles)))).sum(axis=1)
        backward = moves.costs[k, 0] >= BACKWARD_FACTOR
        assert ahead == pytest.approx(-lengths if backward else lengths)


@pytest.mark.parametrize("drive", Drive)
def test_no_move_costs_less_than_its_chain_of_steps(drive) -> None:
    moves = moves_of(machine(drive), TAPERED.parts, 2.0, 0.0)

    for k in range(len(moves.steps)):
        chain = moves.chain[moves.chain_first[k] : moves.chain_first[k + 1]]
        at = np.zeros(2, np.int64)
        for row, column, toward in chain:
            assert (row, column) == (at[1], at[0])
            at = at + VECTORS[toward]
        assert (at[1], at[0]) == tuple(moves.steps[k, :2])
        assert moves.costs[k, 0] >= 1.0


@pytest.mark.parametrize("drive", Drive)
def test_the_cells_of_a_move_are_those_that_its_outline_touches(drive) -> None:
    footprint = Footprint(*TAPERED.named, Part(corners=((3.0, 0.8),), margin_m=0.4))
    moves = moves_of(machine(drive), footprint.parts, 2.0, 0.0)

    for k in range(0, len(moves.steps), 7):
        chords = moves.chords[moves.chord_first[k] : moves.chord_first[k + 1]]
        cells = moves.swept[moves.swept_first[k] : moves.swept_first[k + 1]]
        swept = shapely.union_all([outline(footprint, *pose) for pose in poses_on(chords)])
        touched = set(map(tuple, cells.tolist()))
        assert len(touched) == len(cells)
        for row in range(-8, 9):
            for column in range(-8, 9):
                square = shapely.box(*(2.0 * np.array((column, row, column + 1, row + 1)) - 1.0))
                # Samples are inside of what is swept, by a little.
                if square.distance(swept) < 1e-9:
                    assert (row, column) in touched
                elif square.distance(swept) > 2e-2:
                    assert (row, column) not in touched


@given(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6), st.floats(-4.0, 4.0), st.floats(0.0, 1.5))
@settings(max_examples=200, deadline=None)
def test_the_steepest_heading_of_a_range_counts(gx, gy, low, width) -> None:
    limits = np.tan(np.radians([20.0, 12.0]))
    gradients = np.array([[[gx, gy]]], np.float32)
    ground = lattice_static.Ground(
        np.array([0.0, 0.0, 1.0]), np.zeros((1, 1), np.bool_), gradients, limits
    )

    found = lattice_static.is_too_steep(0, 0, low, low + width, ground)

    headings = np.linspace(low, low + width, 2001)
    along = np.abs(gx * np.cos(headings) + gy * np.sin(headings)).max()
    across = np.abs(-gx * np.sin(headings) + gy * np.cos(headings)).max()
    excess = max(along - limits[0], across - limits[1])
    if abs(excess) > 1e-5:
        assert found == (excess > 0.0)


KNOTS = st.lists(
    st.tuples(st.floats(0.5, 9.0), st.floats(-6, 6), st.floats(-6, 6), st.floats(-7, 7)),
    min_size=1,
    max_size=5,
)
GROUND = PlanGround((-20.0, -20.0, 4.0), np.ones((10, 10)))


def legs_of(knots, until_s=math.inf):
    times = np.cumsum([knot[0] for knot in knots])
    route = Route(np.column_stack((times, [knot[1:] for knot in knots])))
    reservation = Reservation(footprint=TAPERED, route=route, until_s=until_s)
    return route, traffic_of([body_of_reservation("other", reservation)], GROUND, 9.0)


@given(KNOTS, st.floats(-5, 5), st.floats(-5, 5), st.floats(0, 6))
@settings(max_examples=50, deadline=None)
def test_standing_is_unsafe_when_sampling_says_so_and_not_for_longer(knots, x, y, heading) -> None:
    route, traffic = legs_of(knots)
    own = Footprint.rectangle(2.0, 1.0)
    out = np.empty((20, 2))

    count = lattice_timed.taken_times((x, y, heading), own.parts, traffic, work_space(), out)

    spans, here = out[:count], outline(own, x, y, heading)
    assert (np.diff(spans.ravel()) >= 0.0).all()
    for time_s in np.linspace(route.start_s - 1.0, route.end_s + 1.0, 120):
        taken = any(low <= time_s <= high for low, high in spans)
        if here.intersection(outline(TAPERED, *route.pose_at(time_s))).area > 1e-6:
            assert taken
    for edge_s in spans[np.isfinite(spans)]:
        # A span begins and ends with a touch.
        assert here.distance(outline(TAPERED, *route.pose_at(edge_s))) < 2e-3


@given(KNOTS, st.floats(-6, 6), st.floats(-6, 6), st.floats(0, 20), st.floats(1.0, 12.0))
@settings(max_examples=50, deadline=None)
def test_a_departure_is_free_and_waits_no_longer_than_it_has_to(knots, x, y, first_s, duration_s):
    route, traffic = legs_of(knots)
    own = Footprint.rectangle(2.0, 1.0)
    chords = np.array([(0.0, 0.0, 0.0, 0.0), (0.6, 2.0, 0.0, 0.0), (1.0, 2.0, 0.0, 1.5)])
    window = (first_s, first_s + 60.0, 0.5)

    leave_s = lattice_timed.departure(
        chords, (x, y, duration_s), window, own.parts, traffic, work_space()
    )

    def nearest(begin_s):
        """Least distance at some poses; less than 0 where they overlap."""
        found = []
        for part in np.linspace(0.0, 1.0, 61):
            pose = [np.interp(part, chords[:, 0], chords[:, c]) for c in (1, 2, 3)]
            here = outline(own, x + pose[0], y + pose[1], pose[2])
            there = outline(TAPERED, *route.pose_at(begin_s + part * duration_s))
            found.append(here.distance(there) - here.intersection(there).area)
        return min(found)

    if leave_s > first_s:
        # Between two samples bodies come nearer by this at most.
        assert nearest(first_s) < 0.6
    if math.isfinite(leave_s):
        assert first_s <= leave_s <= first_s + 60.0
        assert nearest(leave_s) > -1e-6


@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(0, 3), st.integers(0, 223))
@settings(max_examples=50, deadline=None)
def test_a_move_meets_a_solid_when_its_swept_outline_does(x, y, heading, k) -> None:
    corners = np.array([(0, 0), (3, 0.5), (1, 2.5)]) @ np.array(
        [(math.cos(heading), math.sin(heading)), (-math.sin(heading), math.cos(heading))]
    ) + (x, y)
    rows = Footprint(Part(corners=tuple(map(tuple, corners)))).parts
    solids = traffic_of([body_of_barrier(Barrier(name="rock", rows=rows))], GROUND, 16.0)
    moves = ackermann_moves()
    chords = moves.chords[moves.chord_first[k] : moves.chord_first[k + 1]]

    found = lattice_static.meets_solid(chords, 0.0, 0.0, TAPERED.parts, solids, work_space())

    swept = shapely.union_all([outline(TAPERED, *pose) for pose in poses_on(chords, 20)])
    rock = shapely.Polygon(corners)
    if swept.intersection(rock).area > 1e-6:
        assert found
    elif swept.distance(rock) > 2e-2:
        assert not found


def test_the_widest_way_goes_through_the_wider_gap_and_its_narrowest_step_is_there() -> None:
    closed = np.zeros((9, 20), np.bool_)
    closed[:, 10] = True
    closed[1, 10] = closed[5:8, 10] = False
    none = traffic_of([], PlanGround((0.0, 0.0, 1.0), np.ones((9, 20))), 5.0)
    ends = (4 * 20 + 2, 4 * 20 + 17)

    a, b, clear_m = lattice_gap.widest_way(closed, none, np.array([0.0, 0.0, 1.0]), 4.0, ends)

    assert {a // 20, b // 20} == {6}
    assert 10 in {a % 20, b % 20}
    assert clear_m == pytest.approx(1.5)
