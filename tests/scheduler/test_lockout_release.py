"""The last tag comes off: what a machine must say before it is planned again."""

import pytest

from lunaredge.scheduler.lockout import ASTRAY_ALARM
from lunaredge.wire.messages import HeldAuthority
from lunaredge.wire.safeguards import LockOut, Unlock
from tests.scheduler.drives import driving, held
from tests.scheduler.locking import BEN, HAULER, lock, locked, node, obey, release, staffed, word
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


def pending(site: Site) -> list[LockOut | Unlock]:
    """What machines were told of tags and have not answered."""
    commands = site.scheduler.core.state.commands.values()
    return [each.body for each in commands if isinstance(each.body, LockOut | Unlock)]
