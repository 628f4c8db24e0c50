"""What a renewal brings: time, counted from when it was asked for, and ground where it is free."""

from collections.abc import Callable

import pytest

from lunaredge.ids import AuthorityId, NodeId
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages
from lunaredge.wire.messages import OnLoss
from tests.scheduler.drives import driving, renewed
from tests.scheduler.rig import Site

LIFE_NS = 120 * NS_PER_S
NEAR_M = 5.0


def grader(site: Site) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId("grader-1")]


def granted(site: Site) -> Granted:
    entry = grader(site).granted
    assert entry is not None
    return entry


def begun(**settings: object) -> tuple[Site, messages.Grant]:
    """A site on which grader-1 has hardly been granted any of its way, and more of it is free."""
    site, grant = driving(authority_lifetime_ns=LIFE_NS, **settings)
    granted(site).stop_m = NEAR_M
    return site, grant


def test_a_renewal_brings_time_and_ground() -> None:
    site, grant = begun()
    site.wait(50.0)

    renew = renewed(site, grant)

    assert renew.lifetime_ns == LIFE_NS
    assert renew.stop_m == granted(site).stop_m > NEAR_M
    assert granted(site).expiry_ns == site.now_ns + LIFE_NS


def test_a_way_home_is_renewed_with_it() -> None:
    site, grant = begun(on_loss=OnLoss.HOME)
    site.wait(50.0)

    renewed(site, grant)

    assert granted(site).home_expiry_ns == site.now_ns + site.config.home_lifetime_ns


def test_without_a_way_home_none_is_renewed() -> None:
    site, grant = begun()

    renewed(site, grant)

    assert granted(site).home_expiry_ns == 0


def test_time_that_was_granted_for_longer_is_not_taken_back() -> None:
    site, grant = begun()
    granted(site).expiry_ns = later_ns = site.now_ns + 9 * LIFE_NS

    renewed(site, grant)

    assert granted(site).expiry_ns == later_ns


WHAT_KEEPS_IT: dict[str, Callable[[NodeEntry], None]] = {
    "held": lambda node: setattr(node, "held", True),
    "held for its ground": lambda node: setattr(node, "terrain_hold", True),
    "being shortened": lambda node: setattr(node.granted, "shortening", True),
}


@pytest.mark.parametrize("keep", WHAT_KEEPS_IT.values(), ids=list(WHAT_KEEPS_IT))
def test_whoever_is_to_stop_gets_time_and_no_ground(keep: Callable[[NodeEntry], None]) -> None:
    site, grant = begun()
    site.wait(50.0)
    keep(grader(site))

    renew = renewed(site, grant)

    assert renew.lifetime_ns == LIFE_NS
    assert granted(site).stop_m == NEAR_M
    assert renew.stop_m <= NEAR_M


def test_an_authority_that_is_not_held_is_not_renewed() -> None:
    site, grant = begun()
    before = granted(site).expiry_ns
    site.wait(50.0)

    other = messages.AuthorityRenewal(request_no=2, authority=AuthorityId("ma9-9"))
    site.say("grader-1", other)
    unchanged = granted(site).expiry_ns == before
    grader(site).end_authority()
    site.say("grader-1", messages.AuthorityRenewal(request_no=3, authority=grant.authority))

    assert unchanged
    assert site.sent("grader-1", messages.Renew) == []


def test_a_renewal_that_was_asked_for_before_the_last_one_is_old_news() -> None:
    site, grant = begun()
    renewed(site, grant, 5)

    site.say("grader-1", messages.AuthorityRenewal(request_no=4, authority=grant.authority))

    assert len(site.sent("grader-1", messages.Renew)) == 1
