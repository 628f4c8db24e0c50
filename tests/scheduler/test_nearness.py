"""Two graders at rest are found nearer to each other than their corridors allow."""

from itertools import pairwise

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import WAVER_M
from lunaredge.scheduler.paths import Chain, eased
from lunaredge.scheduler.standoff import DEFERRALS_MIN
from lunaredge.wire import messages
from tests.scheduler.rig import Site
from tests.scheduler.test_standoff import Point, ask, give, heartbeat, node

HERE: Point = (50.0, 12.0)
# Half a corridor of this site's machines, and both of two side by side.
HALF_M = 2.0207
ABREAST_M = 2.0 * HALF_M
NORTH: Point = (60.0, 40.0)
SOUTH: Point = (60.0, 6.0)


def beside(apart_m: float) -> Site:
    """Give a site whose graders rest so far apart, one north of the other, with tasks."""
    site = Site()
    site.census()
    places = {"grader-1": HERE, "grader-2": (HERE[0], HERE[1] + apart_m)}
    for name, at in places.items():
        node(site, name).idle_since_ns = site.now_ns
        heartbeat(site, name, at)
    give(site, first="grader-1", second="grader-2")
    return site


@pytest.mark.parametrize("too_near_m", [0.0, 0.05, 0.29])
@pytest.mark.parametrize("name", ["grader-1", "grader-2"])
def test_each_of_two_that_rest_a_little_too_near_can_leave(name: str, too_near_m: float) -> None:
    apart_m = ABREAST_M - too_near_m
    site = beside(apart_m)
    at, to = (HERE, SOUTH) if name == "grader-1" else ((HERE[0], HERE[1] + apart_m), NORTH)

    ask(site, name, 1, at, to)

    granted = node(site, name).granted
    assert granted is not None, node(site, name).wait_reason
    assert granted.stop_m > 5.0


def test_no_way_leads_nearer_to_the_other_than_the_start_is() -> None:
    site = beside(ABREAST_M - 0.1)

    for number in range(1, DEFERRALS_MIN + 1):
        ask(site, "grader-1", number, HERE, (HERE[0], HERE[1] + 2.0 * ABREAST_M))

    granted = node(site, "grader-1").granted
    assert granted is not None, "it goes round"
    assert _apart_m(granted.path, (HERE[0], HERE[1] + ABREAST_M - 0.1)) >= ABREAST_M - 0.101


def test_two_that_rest_far_too_near_stay_where_they_are() -> None:
    site = beside(ABREAST_M - WAVER_M - 0.05)

    ask(site, "grader-1", 1, HERE, SOUTH)

    assert node(site, "grader-1").granted is None
    assert node(site, "grader-1").wait_reason == "blocked by grader-2 at the start"


def test_only_resting_bodies_are_eased() -> None:
    body = Chain(points=((0.0, 0.0),), half_width_m=2.0, owner=NodeId("a"))
    corridor = Chain(points=((0.0, 0.0), (9.0, 0.0)), half_width_m=2.0, owner=NodeId("b"))
    area = Chain(points=((0.0, 0.0),), half_width_m=2.0, owner=NodeId("c"), closed=True, zone="pad")

    rolling = msgspec.structs.replace(body, may_roll=True)

    found = eased((body, corridor, area, rolling), (0.0, 3.9), 2.0, 0.8)

    assert found[0].half_width_m == pytest.approx(1.899)
    assert found[1:] == (corridor, area, rolling)


@pytest.mark.parametrize("at_rest", [True, False])
def test_who_may_roll_gives_nothing_up(*, at_rest: bool) -> None:
    site = beside(ABREAST_M + 9.0)
    here = (HERE[0], HERE[1] + ABREAST_M - 0.1)
    word = site.situation("hauler-1", x_m=here[0], y_m=here[1], at_rest=at_rest)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    ask(site, "grader-1", 1, HERE, SOUTH)

    assert (node(site, "grader-1").granted is not None) == at_rest


def test_a_narrow_margin_gives_less() -> None:
    body = Chain(points=((0.0, 0.0),), half_width_m=2.0, owner=NodeId("a"))

    assert eased((body,), (0.0, 3.95), 2.0, 0.5) != (body,)
    assert eased((body,), (0.0, 3.85), 2.0, 0.5) == (body,)
    assert eased((body,), (0.0, 3.99), 2.0, 0.4) == (body,)


def _apart_m(path: tuple[Point, ...], place: Point) -> float:
    """Give the least distance of a place from a path, sampled by centimetres."""
    least_m = float("inf")
    for (ax, ay), (bx, by) in pairwise(path):
        for k in range(1001):
            x, y = ax + (bx - ax) * k / 1000.0, ay + (by - ay) * k / 1000.0
            least_m = min(least_m, ((x - place[0]) ** 2 + (y - place[1]) ** 2) ** 0.5)
    return least_m
