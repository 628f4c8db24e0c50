import math

import pytest

from lunaredge.model.site import Point
from lunaredge.scheduler import areas
from tests.scheduler.plain_site import box

AREA = box(10.0, 10.0, 10.0, 10.0)


@pytest.mark.parametrize("bearing_deg", range(0, 360, 7))
def test_a_disc_holds_all_within_its_radius_and_hardly_more(bearing_deg: int) -> None:
    area = areas.disc((5.0, -3.0), 4.0)

    bearing_rad = math.radians(bearing_deg)

    def at(distance_m: float) -> Point:
        return 5.0 + distance_m * math.cos(bearing_rad), -3.0 + distance_m * math.sin(bearing_rad)

    assert areas.meets_line(area, (at(3.9999),), 0.0)
    assert not areas.meets_line(area, (at(4.04),), 0.0)


@pytest.mark.parametrize(
    ("line", "half_width_m", "met"),
    [
        (((15.0, 15.0),), 0.0, True),
        (((0.0, 15.0), (30.0, 15.0)), 0.0, True),
        (((0.0, 8.0), (30.0, 8.0)), 1.9, False),
        (((0.0, 8.0), (30.0, 8.0)), 2.1, True),
        (((7.0, 15.0),), 2.9, False),
    ],
)
def test_a_corridor_meets_an_area_by_its_width(
    line: tuple[Point, ...],
    half_width_m: float,
    met: bool,  # noqa: FBT001 - what is expected
) -> None:
    assert areas.meets_line(AREA, line, half_width_m) is met


@pytest.mark.parametrize(
    ("other", "met"),
    [
        (box(12.0, 12.0, 2.0, 2.0), True),
        (box(0.0, 0.0, 40.0, 40.0), True),
        (box(19.0, 19.0, 5.0, 5.0), True),
        (box(21.0, 10.0, 5.0, 5.0), False),
    ],
)
def test_two_areas_meet_also_when_one_lies_in_the_other(
    other: tuple[Point, ...],
    met: bool,  # noqa: FBT001 - what is expected
) -> None:
    assert areas.meets(AREA, other) is met
    assert areas.meets(other, AREA) is met


@pytest.mark.parametrize(
    ("place", "radius_m", "held"),
    [((15.0, 15.0), 4.9, True), ((15.0, 15.0), 5.1, False), ((25.0, 15.0), 1.0, False)],
)
def test_a_body_is_held_only_when_all_of_it_is_inside(
    place: Point,
    radius_m: float,
    held: bool,  # noqa: FBT001 - what is expected
) -> None:
    assert areas.holds(AREA, place, radius_m) is held


@pytest.mark.parametrize(
    ("outline", "said"),
    [
        (((0.0, 0.0), (1.0, 0.0)), "give 3 to"),
        (((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)), "touches itself"),
        (areas.disc((0.0, 0.0), 5.0) * 3, "give at most 64"),
    ],
)
def test_an_outline_that_is_none_is_told_with_its_fault(
    outline: tuple[Point, ...], said: str
) -> None:
    assert said in areas.flaw(outline)
    assert areas.flaw(AREA) == ""
