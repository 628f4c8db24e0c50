"""Leases: how long they last, how they end, and which grants are refused."""

import pytest

from lunaredge.ids import AuthorityId
from lunaredge.model.task import Leg
from lunaredge.wire.driver import Follow, Halt
from lunaredge.wire.messages import AuthorityRenewal, AuthorityRequest
from lunaredge.wire.records import Event
from tests.agent.rig import BASIS_S_MAX, Rig, boot_of
from tests.agent.toy_machine import PATH, seconds

DRIVE = Leg(path=PATH)


# --- leases


def test_the_machine_is_at_rest_before_the_lease_ends() -> None:
    rig = Rig()
    sent_ns = rig.now_ns + seconds(60)
    rig.drive_off(DRIVE, lifetime_ns=seconds(100))
    assert rig.now_ns == sent_ns

    rig.run(100)

    assert rig.machine.moved_ns is not None
    assert rig.machine.moved_ns < sent_ns + seconds(100 - 5)
    assert rig.machine.moved_ns > sent_ns + seconds(60 - BASIS_S_MAX)
    assert rig.state == "holding"
    assert rig.codes(Event)[-2:] == ["authority_accepted", "authority_expired"]


def test_set_points_left_alone_die_before_the_lease_ends() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, lifetime_ns=seconds(100))
    sent_ns = rig.now_ns

    rig.run(69)  # the last refresh comes after this
    for _ in range(60):
        rig.now_ns += seconds(0.5)
        rig.machine.advance(rig.now_ns, seconds(0.5))

    assert rig.machine.speed_m_s == 0.0
    assert rig.machine.moved_ns is not None
    assert rig.machine.moved_ns < sent_ns + seconds(100)


def test_an_expired_lease_still_occupies_and_a_renewal_sets_the_machine_going() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, lifetime_ns=seconds(100))
    rig.run(90)
    assert rig.state == "holding"
    assert rig.situation.authority is not None

    rig.renew(rig.last(AuthorityRenewal).request_no, grant)
    rig.run(10)

    assert rig.state == "driving"
    assert len(rig.all(AuthorityRequest)) == 1


def test_renewals_are_asked_from_half_life_on_with_fresh_numbers() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, lifetime_ns=seconds(200), speed_m_s_max=0.1)

    rig.run(99)
    assert rig.all(AuthorityRenewal) == []
    rig.run(70)

    numbers = [renewal.request_no for renewal in rig.all(AuthorityRenewal)]
    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))


def test_a_renewed_lease_does_not_interrupt_the_drive() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, lifetime_ns=seconds(120), speed_m_s_max=0.1)
    halts = len(rig.orders(Halt))

    for _ in range(4):
        rig.run(62)
        rig.renew(rig.last(AuthorityRenewal).request_no, grant, 120)

    assert len(rig.orders(Halt)) == halts
    assert rig.machine.station_m == pytest.approx(24.8, abs=0.5)


def test_a_lease_that_is_not_renewed_is_given_up_and_asked_anew() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, lifetime_ns=seconds(100))

    rig.run(300)

    assert "authority_given_up" in rig.codes(Event)
    assert len(rig.all(AuthorityRequest)) > 1
    rig.grant(path=(rig.machine.place, PATH[-1]))
    assert rig.state == "driving"


def test_the_path_behind_is_given_back_while_driving() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)

    released_m = []
    for _ in range(6):
        authority = rig.beat().authority
        assert authority is not None
        released_m.append(authority.released_m)

    assert released_m == sorted(released_m)
    assert released_m[-1] == pytest.approx(0.4 * 60 - 1.2, abs=2.1)
    assert released_m[-1] < rig.machine.station_m - 1.0


def test_a_deferred_request_is_asked_again_after_the_wait() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE)

    rig.defer(wait_s=45)
    rig.run(44)
    assert len(rig.all(AuthorityRequest)) == 1
    rig.run(2)

    assert len(rig.all(AuthorityRequest)) == 2
    assert rig.state == "requesting"


# --- grants that are refused


def refused_grant(rig: Rig, **changes: object) -> dict[str, int]:
    """Offer a grant that must be refused; give what was counted."""
    before = rig.beat()

    rig.grant(**changes)
    after = rig.beat()

    assert rig.orders(Follow) == []
    assert after.authority is None
    assert (after.state, after.task, after.held) == (before.state, before.task, before.held)
    return after.refused


def asking() -> Rig:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE)
    return rig


def test_a_grant_for_another_request_is_refused() -> None:
    rig = asking()

    assert refused_grant(rig, request_no=rig.last(AuthorityRequest).request_no - 1) == {
        "request": 1
    }


def test_a_grant_that_begins_elsewhere_is_refused() -> None:
    assert refused_grant(asking(), path=((0.6, 0.0), (30.0, 0.0))) == {"grant_start": 1}


def test_a_grant_without_width_is_refused() -> None:
    assert refused_grant(asking(), half_width_m=0.0) == {"grant_values": 1}


def test_a_grant_that_would_end_at_once_is_refused() -> None:
    assert refused_grant(asking(), lifetime_ns=seconds(30)) == {"lease": 1}


@pytest.mark.parametrize("length", [0, 81, 250_000])
def test_a_grant_under_an_id_that_can_not_be_told_is_refused(length: int) -> None:
    rig = asking()

    rig.grant(authority=AuthorityId("a" * length))
    rig.run(20)

    assert rig.situation.refused == {"grant_values": 1}
    assert rig.situation.authority is None
    assert rig.state == "requesting"


def test_a_grant_for_a_blind_machine_is_refused() -> None:
    rig = asking()
    rig.samples = False
    rig.run(16)

    assert rig.situation.refused == {}
    rig.grant()

    assert rig.beat().refused == {"pose": 1}
    assert rig.situation.authority is None


def test_a_grant_of_an_earlier_boot_moves_nothing() -> None:
    rig = asking()
    old = rig.grant_for(rig.last(AuthorityRequest))
    rig.boot()
    rig.census()
    rig.run(60)
    assert len({request.request_no for request in rig.all(AuthorityRequest)}) >= 2

    rig.tell(old)

    assert rig.orders(Follow) == []
    assert rig.beat().refused == {"request": 1}


def test_after_a_reboot_the_old_authority_is_no_permission_and_is_given_up_at_rest() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)
    assert rig.machine.speed_m_s > 0.0

    rig.boot()

    assert rig.machine.order is None
    assert rig.situation.authority is None
    assert not rig.situation.at_rest
    rig.tell(rig.grant_for(rig.last(AuthorityRequest), command=grant.command))
    rig.census()
    assert rig.follows_in(40) == []
    assert rig.situation.at_rest
    assert rig.boot_id == boot_of(2)


def test_an_authority_is_asked_for_only_when_the_machine_stands() -> None:
    rig = Rig()
    rig.census()
    rig.machine.traits = {"at_rest": False, "speed_m_s": 0.2}
    rig.run(60)

    rig.assign(DRIVE)
    rig.run(30)
    assert rig.all(AuthorityRequest) == []
    rig.machine.traits = {}
    rig.run(5)

    assert len(rig.all(AuthorityRequest)) == 1


def test_a_grant_for_a_machine_that_began_to_roll_is_refused() -> None:
    rig = asking()
    rig.machine.traits = {"at_rest": False, "speed_m_s": 0.1}
    rig.run(5)

    rig.grant()

    assert rig.orders(Follow) == []
    assert rig.beat().refused == {"pose": 1}
