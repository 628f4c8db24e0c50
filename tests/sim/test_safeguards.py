"""The checkers of what people keep to themselves: silent on an honest run, and else they speak."""

import pytest

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.closure import ClosureChecker
from lunaredge.sim.checkers.lockout import LockoutChecker
from lunaredge.units import NS_PER_S
from tests.sim.exhibits import FLEET, situated, truth, watch

# --- lock-out ---------------------------------------------------------------------------------

TAG = "operator-ana/lockout-1-1"


def unlocked(at_s):
    return seen.Unlocked(at_ns=at_s * NS_PER_S, node="a", tag=TAG)


def test_a_locked_machine_that_stands_is_well():
    texts = watch(
        LockoutChecker(),
        situated(1, at_rest=False, locks=(TAG,)),
        truth(2, ("a", 0.5, 0, 1)),
        situated(3, locks=(TAG,)),
        truth(4, ("a", 1, 0, 0), ("b", 9, 0, 1)),
        truth(9, ("a", 1, 0, 0), ("b", 12, 0, 1)),
        unlocked(10),
        situated(11, locks=(TAG,)),
        truth(20, ("a", 5, 0, 1)),
    )

    assert texts == []


def test_a_locked_machine_that_moves_is_found():
    checker = LockoutChecker()

    texts = watch(
        checker,
        situated(1, locks=(TAG,)),
        truth(2, ("a", 1, 0, 0)),
        situated(3, locks=()),
        truth(4, ("a", 1.5, 0, 1)),
    )

    assert texts == ["a moved 0.50 m, locked out"]
    assert checker.checked == 2


# --- closure ----------------------------------------------------------------------------------

# An L: the place in its corner is outside, though within its bounds.
ZONE = ((10.0, 0.0), (30.0, 0.0), (30.0, 10.0), (20.0, 10.0), (20.0, 30.0), (10.0, 30.0))


def cleared(at_s, **zones):
    return seen.Cleared(at_ns=at_s * NS_PER_S, zones=zones)


@pytest.mark.parametrize(("x_m", "y_m"), [(8.5, 5), (25, 12), (40, 5), (25, 31)])
def test_a_body_beside_a_clear_zone_is_well(x_m, y_m):
    checker = ClosureChecker(FLEET)

    texts = watch(checker, cleared(1, spot=ZONE), truth(2, ("a", x_m, y_m, 1)))

    assert texts == []
    assert checker.checked == 1


@pytest.mark.parametrize(("x_m", "y_m"), [(9.5, 5), (15, 15), (25, 9), (20.5, 10.5)])
def test_a_body_in_a_clear_zone_is_found_whichever_part_of_it_is_inside(x_m, y_m):
    texts = watch(ClosureChecker(FLEET), cleared(1, spot=ZONE), truth(2, ("a", x_m, y_m, 1)))

    assert texts == [f"a at ({x_m:.2f}, {y_m:.2f}) is in spot, which was shown clear"]


def test_a_zone_that_is_shown_clear_over_a_body_is_found():
    texts = watch(ClosureChecker(FLEET), truth(1, ("a", 15, 5, 0)), cleared(2, spot=ZONE))

    assert len(texts) == 1


def test_a_zone_is_not_watched_once_it_is_not_shown_clear_or_somebody_has_it_opened():
    texts = watch(
        ClosureChecker(FLEET),
        cleared(1, spot=ZONE),
        seen.Opening(at_ns=2 * NS_PER_S, zone="spot"),
        cleared(3, spot=ZONE),
        truth(4, ("a", 15, 5, 0)),
        cleared(5),
        truth(6, ("a", 15, 5, 0)),
    )

    assert texts == []


def test_a_zone_that_is_closed_again_is_watched_again():
    texts = watch(
        ClosureChecker(FLEET),
        cleared(1, spot=ZONE),
        seen.Opening(at_ns=2 * NS_PER_S, zone="spot"),
        cleared(3),
        cleared(4, spot=ZONE),
        truth(5, ("a", 15, 5, 0)),
    )

    assert len(texts) == 1
