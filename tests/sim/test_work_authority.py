"""I2: a tool works only where its machine might move, and under the same lease."""

import pytest

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.authority import AuthorityChecker
from lunaredge.units import NS_PER_S
from tests.sim.exhibits import FLEET, asked, granted, holding, renewed, situated, truth, watch

PATH = ((0.0, 0.0), (10.0, 0.0))


def work(*after, home_s=0):
    """A machine that drives to the end of its path and works there, under a lease until 61 s."""
    at_stop = holding(0.0) if home_s else holding(8.0, at_stop=True)
    return watch(
        AuthorityChecker(FLEET),
        truth(0, ("a", 0, 0, 0)),
        asked(1, 1),
        granted(2, 1, PATH, home_s=home_s),
        truth(10, ("a", 10, 0, 1)),
        situated(11, at_stop),
        truth(20, ("a", 10, 0, 0), works=True),
        *after,
    )


def test_work_at_its_place_under_a_live_lease_is_authorised():
    assert work(truth(61, ("a", 10, 0, 0), works=True), truth(62, ("a", 10, 0, 0))) == []


@pytest.mark.parametrize("home_s", [0, 1_000], ids=["no way home", "a way home"])
def test_work_that_outlives_its_lease_is_found(home_s):
    texts = work(truth(62, ("a", 10, 0, 0), works=True), home_s=home_s)

    assert texts == ["a at (10.00, 0.00) works without a live authority (1 expired)"]


def test_work_that_goes_on_unchanged_is_looked_at_every_time():
    still = seen.TrueBody("a", 10.0, 0.0, 0.0, 0.0, 900.0, works=True)
    here, later = (seen.Truth(at_ns=at_s * NS_PER_S, bodies=(still,)) for at_s in (30, 62))

    assert work(here, later) == ["a at (10.00, 0.00) works without a live authority (1 expired)"]


def test_a_renewal_gives_more_time_to_work():
    more = (asked(40, 2, renewal=True), renewed(41, 2, stop_m=10.0))

    assert work(*more, truth(90, ("a", 10, 0, 0), works=True)) == []
    assert len(work(*more, truth(101, ("a", 10, 0, 0), works=True))) == 1


def test_work_that_goes_on_after_its_authority_is_given_back_is_found():
    texts = work(asked(30, 2), truth(31, ("a", 10, 0, 0), works=True))

    assert texts == ["a at (10.00, 0.00) works without a live authority (none held)"]


def test_work_without_any_authority_is_found():
    texts = watch(AuthorityChecker(FLEET), truth(0, ("a", 0, 0, 0), works=True))

    assert texts == ["a at (0.00, 0.00) works without a live authority (none held)"]


def test_work_where_it_was_carried_is_found():
    carried = seen.Carried(at_ns=30 * NS_PER_S, machine="a")

    texts = work(carried, truth(31, ("a", 10, 6, 0), works=True))

    assert texts == ["a at (10.00, 6.00) works outside the corridor of ma1"]


def test_a_tool_that_works_on_the_way_home_is_found():
    there, back = truth(300, ("a", 10, 0, 0)), ("a", 9, 0, 1)

    assert work(there, truth(301, back), home_s=1_000) == []
    assert work(there, truth(301, back, works=True), home_s=1_000) == [
        "a at (9.00, 0.00) works without a live authority (1 expired)"
    ]
