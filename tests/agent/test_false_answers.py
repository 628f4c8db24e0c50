"""Renewals and deferrals that may not be obeyed: nothing of them is kept, and nothing follows."""

import pytest

from lunaredge.ids import CommandId
from lunaredge.wire.messages import AuthorityRenewal, AuthorityRequest, Defer, Renew
from tests.agent.test_commands import CHANGES, DRIVE, Change, ready
from tests.agent.toy_machine import seconds


@pytest.mark.parametrize("change", CHANGES)
def test_a_renewal_that_may_not_be_obeyed_leads_no_farther(change: Change) -> None:
    rig = ready()
    rig.assign(DRIVE)
    grant = rig.grant(stop_m=8.0, lifetime_ns=seconds(120))
    rig.run(60)
    request_no = rig.last(AuthorityRenewal).request_no
    renew = Renew(
        command=CommandId("x"),
        request_no=request_no,
        authority=grant.authority,
        stop_m=30.0,
        revision=1,
        lifetime_ns=seconds(900),
    )

    leasing = rig.node._parts.pilot.leasing
    before = leasing.lease

    rig.deliver(change(rig, renew))
    after = leasing.lease
    rig.run(20)

    assert after == before
    assert rig.machine.place == pytest.approx((8.0, 0.0), abs=0.2)
    assert rig.beat().refused == {CHANGES[change]: 1}


@pytest.mark.parametrize("change", CHANGES)
def test_a_deferral_that_may_not_be_obeyed_makes_nobody_wait(change: Change) -> None:
    rig = ready()
    rig.assign(DRIVE)
    asked = rig.last(AuthorityRequest).request_no
    defer = Defer(command=CommandId("x"), request_no=asked, reason="occupied", wait_ns=seconds(600))

    rig.deliver(change(rig, defer))
    rig.run(rig.settings.request_retry_s + 5.0)

    assert rig.last(AuthorityRequest).request_no == asked + 1
