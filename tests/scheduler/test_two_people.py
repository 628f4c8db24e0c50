"""Two people and one machine, or one area: what is said to be safe for one is safe for him."""

from collections.abc import Callable

import pytest

from lunaredge.ids import NodeId
from lunaredge.model.site import Polygon
from lunaredge.scheduler import lockout
from lunaredge.scheduler.state import ClosurePhase
from lunaredge.wire import messages
from tests.scheduler.drives import beat
from tests.scheduler.locking import (
    BEN,
    HAULER,
    lock,
    locked,
    node,
    obey,
    release,
    staffed,
    take_over,
    word,
)
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure

# Hauler-1 stands at 32, 8.
AREA: Polygon = ((29.0, 4.0), (50.0, 4.0), (50.0, 12.0), (29.0, 12.0))
ALARM = f"{HAULER}/{lockout.WITHDRAWN_ALARM}"


def told(site: Site) -> str:
    return lockout.told(node(site))


def not_safe(site: Site) -> bool:
    words = told(site)
    assert ("ready to be driven" in words or "locked out by" in words) is not (
        lockout.NOT_SAFE_YET in words
    )
    return lockout.NOT_SAFE_YET in words


def withdrawn(site: Site) -> bool:
    alarm = site.scheduler.core.state.alarms.get(ALARM)
    return alarm is not None and alarm.active


def test_nobody_drives_a_machine_that_another_may_touch() -> None:
    site = locked()

    answer = lock(site, by=BEN, radius_m=3.5)
    obey(site)

    assert (answer.ok, answer.text) == (
        False,
        "operator-mari may be at hauler-1; drive it by hand when no other's tag hangs there",
    )
    assert told(site) == "locked out by operator-mari: to change a track"


def test_nobody_touches_a_machine_that_another_may_drive() -> None:
    site = locked(radius_m=3.5)
    assert not not_safe(site)

    assert lock(site, by=BEN).ok
    obey(site)
    assert not_safe(site)
    assert "operator-mari, who may drive it by hand, has to take that tag off" in told(site)
    assert withdrawn(site)

    release(site)
    assert not_safe(site)
    obey(site)
    assert told(site) == "locked out by operator-ben: to change a track"
    assert not withdrawn(site)


def test_a_tag_on_its_way_off_counts_for_who_wants_to_drive() -> None:
    site = locked()
    release(site)

    assert not lock(site, by=BEN, radius_m=3.5).ok

    obey(site)
    assert lock(site, by=BEN, radius_m=3.5).ok


def test_who_hung_a_tag_may_still_go_on_to_drive() -> None:
    site = locked()

    assert take_over(site, radius_m=3.5).ok
    obey(site)
    word(site)

    assert told(site).startswith("ready to be driven by hand by operator-mari")


# --- what happens in an area later ---------------------------------------------------------------


def stands_in_it(site: Site) -> None:
    site.say("grader-1", beat(site.situation("grader-1", x_m=45.0, y_m=8.0)))


def rolls_in_it(site: Site) -> None:
    site.say("grader-1", beat(site.situation("grader-1", x_m=45.0, y_m=8.0, at_rest=False)))


def may_be_anywhere(site: Site) -> None:
    held = messages.HeldAuthority(
        id="ma99-9", released_m=0.0, stop_m=100.0, revision=1, at_stop=False
    )
    site.say("grader-1", beat(site.situation("grader-1", authority=held, at_rest=False)))


@pytest.mark.parametrize("happens", [stands_in_it, rolls_in_it, may_be_anywhere])
@pytest.mark.parametrize("driven", [False, True])
def test_an_area_is_not_ready_any_more_when_another_may_be_in_it(
    happens: Callable[[Site], None],
    driven: bool,  # noqa: FBT001
) -> None:
    site = locked(outline=AREA)
    if driven:
        word(site, x_m=34.0, at_rest=False)
    assert not not_safe(site)

    happens(site)
    assert not_safe(site)
    assert withdrawn(site)

    site.say("grader-1", beat(site.situation("grader-1")))
    word(site)
    assert not not_safe(site)
    assert not withdrawn(site)


def test_who_is_vouched_for_in_an_area_is_in_it() -> None:
    site = locked(outline=AREA)
    for _ in range(70):
        site.wait(30.0)
        for name in ("grader-1", "grader-2", "dc-1"):
            site.say(name, beat(site.situation(name)))
        word(site)
    assert not not_safe(site)

    assert site.vouch("excavator-1", (45.0, 8.0)).ok

    assert not_safe(site)


def test_nobody_drives_into_a_closed_zone_by_hand() -> None:
    site = staffed(Site())
    site.census()
    close(site, zone="blast", outline=((44.0, 8.0),), radius_m=3.0)
    word(site)
    assert closure(site, "blast").phase is ClosurePhase.CLEAR

    answer = lock(site, by=BEN, outline=AREA)

    assert (answer.ok, answer.text) == (
        False,
        "the area reaches into blast, closed by operator-mari: a lander",
    )
    assert closure(site, "blast").phase is ClosurePhase.CLEAR
    assert lock(site, by=BEN, outline=((29.0, 4.0), (38.0, 4.0), (38.0, 12.0), (29.0, 12.0))).ok


def test_what_stands_in_a_closed_zone_may_be_driven_out_by_hand() -> None:
    site = staffed(Site())
    site.census()
    close(site, zone="blast", outline=((32.0, 8.0),), radius_m=6.0)

    assert lock(site, by=BEN, outline=AREA).ok
    assert closure(site, "blast").phase is ClosurePhase.DRAINING


def test_a_machine_that_is_no_longer_locked_leaves_no_alarm() -> None:
    site = locked(outline=AREA)
    stands_in_it(site)
    assert withdrawn(site)

    release(site)
    obey(site)

    assert node(site).lockout is None
    assert not withdrawn(site)
    assert NodeId(HAULER) in site.scheduler.core.state.nodes
