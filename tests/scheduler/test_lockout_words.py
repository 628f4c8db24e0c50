"""What people are told of tags: when a machine is safe, in which words, and whose a tag is."""

import re

import pytest

from lunaredge.cli.lockout import READY
from lunaredge.scheduler import lockout, views
from lunaredge.wire.seal import Signer
from tests.scheduler.locking import BEN, CAT, HAULER, lock, locked, obey, release, staffed, step
from tests.scheduler.rig import Site


def waits_for(site: Site, name: str = HAULER) -> str:
    """What the view says that a machine waits for."""
    rows = views.node_rows(site.scheduler.core.ctx, site.now_ns)
    return str(next(row for row in rows if row["node"] == name)["waits_for"])


@pytest.mark.parametrize("radius_m", [0.0, 3.0])
def test_the_answer_names_the_words_that_the_list_has_when_it_is_safe_and_not_before(
    radius_m: float,
) -> None:
    site = staffed(Site())
    site.census()
    answer = lock(site, radius_m=radius_m)
    words = re.search(r"`lunaredge nodes` says: (.+); until then it says (.+)", answer.text)

    before = waits_for(site)
    obey(site)
    after = waits_for(site)

    assert words is not None
    ready, pending = words[1], words[2]
    assert ready.endswith("by operator-mari")
    assert (before.startswith(pending), ready in before) == (True, False)
    assert (after.startswith(ready), pending in after) == (True, False)


def test_the_command_s_help_names_the_words_that_the_list_has() -> None:
    assert READY == {"lockout": lockout.LOCKED_OUT, "manual": lockout.READY_TO_DRIVE}


def test_who_takes_off_another_s_tag_is_told_so_before_a_code_is_asked() -> None:
    site = locked()

    offered = step(site, BEN)
    mine = step(site)
    release(site, BEN)
    second = step(site, CAT)

    assert offered.text.startswith(
        "this is NOT your tag but operator-mari's, and without operator-mari it comes off only "
        "when 2 others say so, each for himself (0 did within the hour); "
    )
    assert "NOT your tag" not in mine.text
    assert "(1 did within the hour)" in second.text


@pytest.mark.parametrize("by", [None, CAT], ids=["owner", "other"])
def test_who_names_somebody_whose_tag_is_not_there_means_no_other(by: Signer | None) -> None:
    site = locked()

    answer = step(site, by, whose="operator-ben")

    assert (answer.ok, answer.text) == (
        False,
        "say whose tag; on hauler-1 hang those of operator-mari",
    )
