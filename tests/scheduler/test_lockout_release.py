"""The last tag comes off: what a machine must say before it is planned again."""

import pytest

from lunaredge.ids import NodeId
from lunaredge.scheduler.lockout import ASTRAY_ALARM
from lunaredge.wire.messages import HeldAuthority
from lunaredge.wire.records import Alarm
from lunaredge.wire.safeguards import LockOut, Unlock
from tests.scheduler.drives import driving, held
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
    step,
    tags,
    take_over,
    word,
)
from tests.scheduler.rig import Site


def authority() -> HeldAuthority:
    _, grant = driving()
    found = held(grant, 0.0)["authority"]
    assert isinstance(found, HeldAuthority)
    return found


@pytest.mark.parametrize(
    "lacks",
    [
        {"x_m": None},
        {"y_m": None},
        {"at_rest": False},
        {"epoch": 0},
        {"authority": authority()},
    ],
    ids=lambda lacks: next(iter(lacks)),
)
def test_a_machine_is_planned_again_once_it_has_told_this_leader_where_it_stands_at_rest(
    lacks: dict[str, object],
) -> None:
    site = locked()
    release(site)

    obey(site, **lacks)
    still = node(site).lockout
    word(site)

    assert still is not None
    assert node(site).lockout is None


def test_a_machine_that_is_only_locked_out_is_never_called_astray() -> None:
    site = locked()

    word(site, x_m=70.0, y_m=70.0)

    assert f"{HAULER}/{ASTRAY_ALARM}" not in site.scheduler.core.state.alarms


def test_a_tag_that_is_off_is_not_ordered_any_more_and_every_other_still_is() -> None:
    site = staffed(Site())
    site.census()
    lock(site)
    lock(site, by=BEN)
    lock(site, "grader-1")
    before = pending(site)

    release(site)

    mine = node(site).lockout.tags
    assert [tag.split("/")[0] for tag in mine] == ["operator-mari", "operator-ben"]
    (off,) = {body.tag for body in pending(site) if isinstance(body, Unlock)}
    assert off == next(iter(mine))
    kept = {body.tag for body in pending(site) if isinstance(body, LockOut)}
    assert kept == {body.tag for body in before} - {off}
    assert len(kept) == 2


def test_two_others_who_agree_a_week_apart_do_not_agree() -> None:
    site = locked()
    release(site, BEN)
    site.wait(3_600.0)

    late = release(site, CAT)

    assert late.text.startswith("noted:")
    assert len(tags(site)) == 1
    assert release(site, BEN).text.startswith("operator-mari's tag is off")


def test_who_is_moved_by_hand_has_to_come_to_rest_for_one_more_person() -> None:
    site = staffed(locked())
    obey(site)
    word(site, at_rest=False)
    was_safe = node(site).lockout.waits == ()

    lock(site, by=BEN)

    assert was_safe
    assert "hauler-1 has to come to rest" in node(site).lockout.waits


def test_a_tag_that_hangs_again_comes_off_by_new_words_only() -> None:
    site = locked()
    (first,) = node(site).lockout.tags
    release(site, BEN)
    release(site, CAT)
    obey(site, locks=(first,))

    again = release(site, BEN)

    assert again.text.startswith("noted:")
    assert list(node(site).lockout.tags) == [first]


def test_who_locked_a_machine_out_may_drive_it_by_hand_under_a_new_tag() -> None:
    site = locked()

    assert take_over(site).ok
    obey(site)
    obey(site)

    (tag,) = node(site).lockout.tags.values()
    assert tag.is_manual
    assert len(tags(site)) == 1


@pytest.mark.parametrize("wrong", ["no code", "guess", "too late", "for the release", "area"])
def test_a_lock_out_is_not_made_a_drive_by_hand_without_a_second_step(wrong: str) -> None:
    """Also where several people share a key, as on Earth: one of them may be at the machine."""
    site = locked()
    before = node(site).lockout.tags.copy()
    offered = lock(site, radius_m=5.0)
    code = offered.code
    if wrong == "guess":
        code = "000000"
    elif wrong == "too late":
        site.wait(601.0)
    elif wrong == "for the release":
        code = step(site).code

    radius_m = 6.0 if wrong == "area" else 5.0
    answer = offered if wrong == "no code" else lock(site, radius_m=radius_m, code=code)

    assert node(site).lockout.tags == before
    assert answer.ok == (wrong == "no code")
    assert answer.text.startswith(
        "this takes the place of the tag of operator-mari, to lock out: to change a track; repeat"
        if wrong == "no code"
        else "the code is wrong"
    )


def test_the_code_for_a_disc_is_none_for_an_area_of_corners() -> None:
    site = locked()
    before = node(site).lockout.tags.copy()
    code = lock(site, outline=((29.0, 4.0), (50.0, 4.0), (50.0, 12.0), (29.0, 12.0))).code

    answer = lock(site, outline=((29.0, 4.0), (50.0, 4.0), (50.0, 30.0), (29.0, 30.0)), code=code)

    assert not answer.ok
    assert node(site).lockout.tags == before


def test_a_code_stays_good_while_another_is_given_for_another_machine() -> None:
    site = locked()
    code = lock(site, radius_m=5.0).code
    lock(site, "grader-1")
    lock(site, "grader-1", radius_m=3.0)

    assert lock(site, radius_m=5.0, code=code).ok


def test_the_code_for_an_earlier_tag_replaces_no_later_one() -> None:
    site = locked()
    code = lock(site, radius_m=5.0).code
    release(site)
    obey(site)
    lock(site)
    obey(site)

    answer = lock(site, radius_m=5.0, code=code)

    assert not answer.ok
    assert not any(tag.is_manual for tag in node(site).lockout.tags.values())


def test_a_tag_is_replaced_by_another_only_once_that_one_hangs() -> None:
    site = locked()
    (first,) = node(site).lockout.tags

    take_over(site)
    asked = [body.tag for body in site.sent(HAULER, Unlock)]
    word(site, locks=(first,))
    unheard = [body.tag for body in site.sent(HAULER, Unlock)]
    obey(site)

    assert asked == unheard == []
    assert [body.tag for body in site.sent(HAULER, Unlock)] == [first]
    obey(site)
    (second,) = node(site).lockout.tags.values()
    assert second.is_manual


def test_a_replaced_tag_that_hangs_again_waits_for_a_person() -> None:
    site = locked()
    (first,) = node(site).lockout.tags
    take_over(site)
    both = tuple(node(site).lockout.tags)

    for _ in range(9):
        obey(site, locks=both)

    assert [body.tag for body in site.sent(HAULER, Unlock)] == [first]


def test_who_takes_a_tag_off_takes_off_the_one_that_it_was_to_replace() -> None:
    site = locked()
    take_over(site)

    release(site)
    obey(site)

    assert node(site).lockout is None


def test_a_machines_own_alarm_does_not_end_the_schedulers_of_that_name() -> None:
    site = locked()
    alarm = site.scheduler.core.state.alarms[f"{HAULER}/lockout"]

    for active in (True, False):
        own = Alarm(site_ns=site.now_ns, code="lockout", text="mine", active=active)
        site.scheduler.core._take_alarm(NodeId(HAULER), own)

    assert alarm.active
    assert alarm.text != "mine"


def pending(site: Site) -> list[LockOut | Unlock]:
    """What machines were told of tags and have not answered."""
    commands = site.scheduler.core.state.commands.values()
    return [each.body for each in commands if isinstance(each.body, LockOut | Unlock)]
