"""Words that come late, and leaders that change: whose ground is held against whom."""

import pytest

from lunaredge.wire.messages import AuthorityRenewal, AuthorityRequest, Dispute
from tests.agent.rig import Rig
from tests.agent.test_neighbours import DRIVE, asking, hears, told


def test_what_would_be_refused_anyhow_costs_no_neighbour_its_authority() -> None:
    """A renewal from before a shortening comes after it, and over ground that is another's now."""
    rig = Rig()
    mine = rig.drive_off(DRIVE, stop_m=12.0)
    rig.run(10)
    number = rig.last(AuthorityRenewal).request_no
    late = rig.frame(rig.renewal(number, mine, stop_m=30.0, revision=1), number=3)
    rig.shorten(mine, 12.0, revision=2)
    rig.run(5)
    hears(rig, ours=mine.number)

    rig.deliver(late)
    rig.run(5)

    assert rig.all(Dispute) == []
    assert rig.situation.authority is not None


@pytest.mark.parametrize(("length", "disputes"), [(80, 1), (81, 0), (200_000, 0)])
def test_a_neighbours_authority_under_an_id_that_can_not_be_told_is_nobodys(
    length: int, disputes: int
) -> None:
    rig = Rig()
    mine = rig.drive_off(DRIVE)
    rig.run(5)

    hears(rig, ours=mine.number, name="a" * length)

    assert len(rig.all(Dispute)) == disputes


@pytest.mark.parametrize(("stop_m", "disputes"), [(15.0, 0), (15.1, 1)])
def test_more_time_alone_is_held_against_no_neighbour(stop_m: float, disputes: int) -> None:
    rig = asking()
    hears(rig)
    mine = rig.grant(stop_m=15.0, neighbours=(told(ended=True),))
    rig.run(15)

    rig.renew(rig.last(AuthorityRenewal).request_no, mine, stop_m=stop_m)

    assert len(rig.all(Dispute)) == disputes


def test_a_late_grant_of_an_older_request_costs_nobody_anything() -> None:
    rig = asking()
    old = rig.frame(rig.grant_for(rig.last(AuthorityRequest), stop_m=30.0, number=1), number=2)
    rig.run(rig.settings.request_retry_s + 10)
    mine = rig.grant(number=3, stop_m=10.0)
    rig.run(5)
    hears(rig, ours=mine.number)

    rig.deliver(old, "ma")
    rig.run(5)

    assert rig.all(Dispute) == []
    assert rig.situation.authority is not None


@pytest.mark.parametrize("stop_m", [26.0, 29.0], ids=["more time", "farther"])
def test_a_leader_that_has_renewed_ours_and_forgets_it_is_overheard(stop_m: float) -> None:
    rig = Rig()
    mine = rig.drive_off(DRIVE, stop_m=26.0)
    rig.run(10)
    rig.epoch = 2
    rig.census()
    while not rig.all(AuthorityRenewal):
        rig.run(1)
    number = rig.last(AuthorityRenewal).request_no
    rig.tell(rig.renewal(number, mine, stop_m=stop_m), number=2)

    hears(rig, epoch=2, number=9)
    rig.run(40)

    assert rig.last(Dispute).authority == "ma-other"
    assert rig.machine.place[0] < 15.0
