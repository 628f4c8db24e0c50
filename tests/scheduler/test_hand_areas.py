"""An area for driving by hand is its driver's until the tag is off, whatever others say or do."""

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.site import Polygon
from lunaredge.scheduler import space
from lunaredge.scheduler.claims import census_missing
from lunaredge.scheduler.state import ClosurePhase, LockPhase
from lunaredge.wire import messages
from tests.scheduler.locking import (
    BEN,
    CAT,
    HAULER,
    lock,
    locked,
    node,
    obey,
    release,
    staffed,
    word,
)
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure

# Hauler-1 stands at 32, 8; the spot is in the area, and far from the machine.
AREA: Polygon = ((29.0, 4.0), (50.0, 4.0), (50.0, 12.0), (29.0, 12.0))
SPOT = {"outline": ((44.0, 8.0),), "radius_m": 2.0}
OTHERS = ("excavator-1", "grader-1", "grader-2", "dc-1")


def others_go_on(site: Site, duration_s: float) -> None:
    """Let time pass in which everybody but hauler-1 is heard."""
    for _ in range(round(duration_s / 30.0)):
        site.wait(30.0)
        for name in OTHERS:
            here = msgspec.structs.replace(
                site.situation(name), epoch=site.scheduler.core.state.epoch
            )
            site.say(name, messages.Heartbeat(situation=here))


def silent(site: Site) -> Site:
    """Let hauler-1 be silent until a person may vouch for it."""
    others_go_on(site, 1_800.0)
    return site


def hand_areas(site: Site) -> list[Polygon]:
    claim = space.claim(site.scheduler.core.ctx, node(site))
    return [chain.points for chain in claim if chain.closed]


@pytest.mark.parametrize("then", ["in sight", "blind"])
def test_who_was_towed_is_driven_by_hand_nowhere_until_it_says_where_it_stands(then: str) -> None:
    site = staffed(Site())
    site.census()
    word(site, x_m=60.0, y_m=40.0, at_rest=False)
    if then == "blind":
        word(site, x_m=None, y_m=None)

    early = lock(site, radius_m=5.0)
    word(site, x_m=60.0, y_m=40.0)

    assert not early.ok
    assert "is not known to stand" in early.text
    assert lock(site, radius_m=5.0).ok


def test_who_may_have_been_led_off_by_another_leader_is_driven_by_hand_nowhere_yet() -> None:
    site = staffed(Site())
    site.census()
    word(site, x_m=60.0, y_m=40.0, epoch=99)

    answer = lock(site, radius_m=5.0)

    assert "is not known to stand" in answer.text


def test_an_area_is_ready_only_while_the_machine_says_where_it_stands() -> None:
    site = staffed(Site())
    site.census()
    lock(site, radius_m=5.0)

    obey(site, x_m=None, y_m=None)
    waits = node(site).lockout.waits
    obey(site)

    assert waits == ("hauler-1 has to say where it stands",)
    assert node(site).lockout.phase is LockPhase.LOCKED


def test_who_vouches_for_the_machine_does_not_free_the_area_of_another() -> None:
    site = silent(locked(outline=AREA))

    answer = site.vouch(HAULER, node(site).body)
    close(site, **SPOT)
    others_go_on(site, 30.0)

    assert "where operator-mari may drive it by hand nobody else comes" in answer.text
    assert hand_areas(site) == [AREA]
    assert closure(site).phase is ClosurePhase.DRAINING
    (wait,) = closure(site).waits
    assert wait.startswith("hauler-1 has to leave (ready to be driven by hand by operator-mari")


@pytest.mark.parametrize("who", ["owner", "two others"])
def test_with_the_tag_off_as_well_the_area_of_a_silent_machine_is_free(who: str) -> None:
    site = silent(locked(outline=AREA))
    site.vouch(HAULER, node(site).body)

    if who == "owner":
        release(site)
    else:
        release(site, BEN, "operator-mari")
        release(site, CAT, "operator-mari")
    close(site, **SPOT)
    others_go_on(site, 30.0)

    assert hand_areas(site) == []
    assert closure(site).phase is ClosurePhase.CLEAR


def test_a_tag_that_is_off_by_its_owners_word_keeps_its_area_until_the_machine_has_said_so() -> (
    None
):
    site = silent(locked(outline=AREA))

    release(site)

    assert hand_areas(site) == [AREA]


def test_an_area_that_the_journal_does_not_know_bars_the_site_though_somebody_vouches() -> None:
    site = staffed(Site())
    site.census()
    word(site, locks=("operator-ben/manual-9-3",))
    silent(site)

    site.vouch(HAULER, node(site).body)
    barred = census_missing(site.scheduler.core.ctx)
    release(site, BEN)

    assert barred == [NodeId(HAULER)]
    assert census_missing(site.scheduler.core.ctx) == []


def test_an_area_is_not_ready_while_somebody_may_be_anywhere() -> None:
    site = locked(radius_m=5.0)
    site.start()
    site.census(HAULER)

    lock(site, by=BEN, radius_m=5.0)
    obey(site)

    lockout = node(site).lockout
    assert lockout is not None
    assert lockout.phase is LockPhase.DRAINING
    assert "grader-1 has to be counted" in lockout.waits


def test_a_closed_zone_within_the_area_is_not_clear() -> None:
    site = locked(outline=AREA)

    close(site, **SPOT)
    word(site)

    assert closure(site).phase is ClosurePhase.DRAINING


@pytest.mark.parametrize("radius_m", [-5.0, float("nan"), float("inf"), 1e300, 5e-324])
def test_a_radius_that_is_none_marks_no_area(radius_m: float) -> None:
    site = locked()

    answer = lock(site, by=BEN, radius_m=radius_m)

    assert (answer.ok, len(node(site).lockout.tags)) == (False, 1), answer.text
    assert answer.text
