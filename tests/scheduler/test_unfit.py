"""Machines to which nothing can be granted: asked for again at each start, and never in the way."""

import msgspec
import pytest

from lunaredge.model.polyline import part_of
from lunaredge.scheduler.state import SchedulerState
from lunaredge.wire import messages
from tests.scheduler.drives import beat, blocked_m, driving, held, requesting
from tests.scheduler.rig import Site
from tests.scheduler.test_conflicts import node


def says(site: Site, **changes: object) -> None:
    word = site.situation("grader-1", task="grade-pad", attempt=1)
    site.say("grader-1", beat(msgspec.structs.replace(word, **changes)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"battery_wh": None}, "battery not known"),
        ({"brake_ratio": 0.0}, "its brakes don't hold it"),
        ({"pose_error_m": 2.0}, "its place is not known well enough"),
    ],
    ids=["battery", "brakes", "place"],
)
def test_a_start_outlives_a_request_of_a_machine_that_is_not_fit(
    changes: dict[str, object], reason: str
) -> None:
    site = requesting()
    says(site, **changes)

    site.start()
    site.start()
    site.census()

    assert node(site).wait_reason == reason
    assert node(site).wanted is None
    assert site.scheduler.core.state.quarantined == 0


def test_a_request_of_a_fit_machine_is_planned_anew_at_a_start() -> None:
    site = requesting()

    site.start()

    assert node(site).wanted is not None
    assert [problem.node for problem in site.problems[-1:]] == ["grader-1"]


def test_nothing_is_granted_to_a_machine_without_brakes() -> None:
    site = requesting()
    says(site, brake_ratio=0.0)

    site.solve()

    assert node(site).granted is None
    assert node(site).wait_reason == "its brakes don't hold it"
    assert site.sent("grader-1", messages.Grant) == []
    SchedulerState.decoded(site.scheduler.core.state.encoded())


def test_a_refusal_ends_no_authority_that_its_holder_has_told_of() -> None:
    site, grant = driving(taken=False)
    ahead = part_of(grant.path, 20.0, 20.0)[0]
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 5.0))))

    site.reply("grader-1", grant.command, ok=False, reason="request")

    assert node(site).granted is not None
    assert blocked_m(site, ahead) < 0.0
