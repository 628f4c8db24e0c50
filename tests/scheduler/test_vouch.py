"""Grader-1 falls silent on its way; a person says what has become of it."""

import re

import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.scheduler import reach
from lunaredge.scheduler.claims import census_missing
from lunaredge.scheduler.state import NodeEntry, TaskEntry, TaskPhase
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages
from lunaredge.wire.messages import VouchRequest
from tests.scheduler import plain_site
from tests.scheduler.drives import beat, blocked_m, driving, granted_part, held, renewed
from tests.scheduler.rig import Site

SEEN: Point = (30.0, 12.0)


def silent() -> tuple[Site, messages.Grant]:
    """Grader-1 was driving on a grant; nothing is heard of it, and its lease is over."""
    site, grant = driving()
    site.wait(1_000.0)
    return site, grant


def say(site: Site, at: Point | None, code: str = "", node: str = "grader-1") -> messages.Answer:
    request = site.request_id()
    return site.ask(VouchRequest(request=request, node=NodeId(node), at=at, code=code))


def tell(site: Site, node: str, **fields: object) -> None:
    site.say(node, messages.Heartbeat(situation=site.situation(node, **fields)))


def vouch(site: Site, at: Point | None, node: str = "grader-1") -> messages.Answer:
    """Go both steps."""
    offered = say(site, at, node=node)
    assert offered.code, offered.text
    return say(site, at, offered.code, node)


def grader(site: Site) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId("grader-1")]


def test_a_vouched_machine_blocks_the_place_where_it_was_seen_and_no_other() -> None:
    site, grant = silent()

    answer = vouch(site, SEEN)

    assert answer.text == "taken: grader-1 stands at 30.0, 12.0, until it is heard again"
    assert blocked_m(site, SEEN) < -1.0
    assert blocked_m(site, granted_part(grant)[-1]) > 0.0


def test_a_machine_that_is_gone_blocks_nothing() -> None:
    site, _ = silent()

    vouch(site, None)

    assert grader(site).body is None
    assert grader(site).granted is None


def test_others_are_told_that_its_authority_is_over_however_often_it_is_vouched_for() -> None:
    """A neighbour that heard of it refuses every authority across its path until then."""
    site, grant = silent()
    core = site.scheduler.core

    for place in (SEEN, SEEN, None):
        vouch(site, place)
        told = reach.neighbours(core.ctx, core.state.nodes[NodeId("excavator-1")])
        assert [(each.node, each.number, each.ended) for each in told] == [
            (NodeId("grader-1"), grant.number, True)
        ]


def test_the_first_step_frees_nothing_and_says_how_far_off_the_place_is() -> None:
    site, grant = silent()

    offered = say(site, (16.0, 18.0))

    assert re.fullmatch(
        r"grader-1 was last heard 1000 s ago at 16\.0, 8\.0, 10\.0 m from there;"
        r" repeat with the code \w{6} if grader-1 stands at 16\.0, 18\.0",
        offered.text,
    )
    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_the_first_step_names_who_stands_where_it_is_said_to_stand() -> None:
    site, _ = silent()

    on_its_body, beside, gone = (say(site, at).text for at in ((33.0, 9.0), (40.0, 8.0), None))

    assert "; hauler-1 stands there too, as far as is known; repeat" in on_its_body
    assert "stands there too" not in beside + gone


BLIND = {"x_m": None, "y_m": None}


def test_the_first_step_says_where_a_machine_was_before_it_went_blind() -> None:
    site = Site()
    site.census()
    tell(site, "hauler-1", x_m=50.0, y_m=40.0)
    site.wait(100.0)
    tell(site, "hauler-1", **BLIND)
    site.wait(1_000.0)

    text = say(site, (50.0, 30.0), node="hauler-1").text

    assert text.startswith(
        "hauler-1 was last heard 1000 s ago, and 1100 s ago it was at 50.0, 40.0, 10.0 m from there"
    )


def test_the_first_step_names_who_was_towed_to_where_it_is_said_to_stand() -> None:
    site, _ = silent()
    tell(site, "hauler-1", x_m=60.0, y_m=40.0, at_rest=False)

    text = say(site, (60.0, 40.0)).text

    assert "; hauler-1 stands there too, as far as is known" in text


def test_the_first_step_says_when_the_place_is_in_a_keep_out_zone() -> None:
    site, _ = silent()

    inside, beside = (say(site, at).text for at in ((40.0, 30.0), (20.0, 30.0)))

    assert "; that is in the keep-out zone crater; repeat" in inside
    assert "keep-out" not in beside


@pytest.mark.parametrize("wrong", ["guess", "another place", "too late", "twice"])
def test_a_code_is_good_for_one_word_once_and_for_a_short_time(wrong: str) -> None:
    site, _ = silent()
    code = say(site, SEEN).text.split("code ")[1].split()[0]
    at = SEEN
    if wrong == "guess":
        code = "000000"
    elif wrong == "another place":
        at = (31.0, 12.0)
    elif wrong == "too late":
        site.wait(601.0)
    else:
        say(site, SEEN, code)
        site.scheduler.core.state.interventions = 0

    answer = say(site, at, code)

    assert not answer.ok
    assert "ask for a new one" in answer.text
    assert site.scheduler.core.state.interventions == 0


def test_nobody_vouches_for_a_machine_that_is_heard() -> None:
    site, _ = driving()

    answer = say(site, SEEN)

    assert not answer.ok
    assert answer.text == "grader-1 is heard and speaks for itself; hold or cancel it instead"


@pytest.mark.parametrize(
    ("node", "said"), [("grader-1", "end its agent"), ("dc-1", "speaks for itself")]
)
def test_a_machine_that_is_heard_and_blind_has_a_way_on_and_a_computer_is_never_blind(
    node: str, said: str
) -> None:
    site, _ = driving()
    blind = site.situation(node, x_m=None, y_m=None, at_rest=False)
    site.say(node, messages.Heartbeat(situation=blind))

    answer = say(site, None, node=node)

    assert not answer.ok
    assert said in answer.text


def test_nobody_vouches_while_a_lease_may_be_alive() -> None:
    site, _ = driving()
    site.wait(300.0)

    answer = say(site, SEEN)

    assert not answer.ok
    assert re.search(r"may still move .* ask again in 600 s", answer.text)


def test_nobody_vouches_while_a_lease_may_be_alive_that_was_renewed_later() -> None:
    site, grant = driving()
    site.wait(100.0)
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 10.0))))
    renewed(site, grant)

    site.wait(850.0)
    early = say(site, SEEN)
    site.wait(51.0)

    assert not early.ok
    assert "may still move by an authority granted earlier; ask again in 50 s" in early.text
    assert vouch(site, SEEN).ok


def test_after_a_restart_a_lease_of_an_earlier_leader_may_be_alive_too() -> None:
    site, _ = silent()
    site.start()

    early = say(site, SEEN)
    site.wait(899.0)
    still_early = say(site, SEEN)
    site.wait(2.0)

    assert not early.ok
    assert not still_early.ok
    assert vouch(site, SEEN).ok


def test_after_a_restart_the_site_goes_on_without_a_vouched_machine() -> None:
    site, _ = silent()
    site.start()
    site.census("excavator-1", "grader-2", "hauler-1")
    site.wait(901.0)
    before = census_missing(site.scheduler.core.ctx)

    vouch(site, SEEN)

    assert before == ["grader-1"]
    assert census_missing(site.scheduler.core.ctx) == []


def test_the_task_of_a_vouched_machine_is_placed_anew() -> None:
    site, _ = silent()
    task = site.scheduler.core.state.tasks[TaskId("grade-pad")]

    vouch(site, SEEN)

    assert task.phase is TaskPhase.QUEUED
    assert task.reason == "grader-1 was given up by a person"


def test_what_a_vouched_machine_had_done_unheard_is_done() -> None:
    site, _ = silent()
    task = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    vouch(site, SEEN)

    site.report("grader-1", "grade-pad", "done", 2)

    assert (task.phase, task.attempt) == (TaskPhase.DONE, 1)


def taken_over() -> tuple[Site, TaskEntry, NodeEntry]:
    """A person vouched for grader-1, and hauler-1 has its task in hand."""
    site, _ = silent()
    task = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    vouch(site, SEEN)
    hauler = site.scheduler.core.state.nodes[NodeId("hauler-1")]
    task.node, task.attempt, hauler.task = hauler.name, 2, task.task.id
    task.phase = TaskPhase.STARTED
    return site, task, hauler


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "accepted"])
def test_what_a_vouched_machine_had_not_done_unheard_is_old_news(outcome: str) -> None:
    site, task, _ = taken_over()

    site.report("grader-1", "grade-pad", outcome, 2, attempt=1)

    assert (task.phase, task.node, task.attempt) == (TaskPhase.STARTED, "hauler-1", 2)


def test_who_took_the_task_of_a_vouched_machine_gives_it_up_when_that_one_had_done_it() -> None:
    site, task, hauler = taken_over()

    site.report("grader-1", "grade-pad", "done", 2, attempt=1)
    in_hand = site.situation("hauler-1", task="grade-pad", attempt=2)
    site.say("hauler-1", messages.Heartbeat(situation=in_hand))
    site.wait(1.0)

    assert task.phase is TaskPhase.DONE
    assert hauler.task is None
    (cancel,) = site.sent("hauler-1", messages.Cancel)
    assert isinstance(cancel, messages.Cancel)
    assert (cancel.task, cancel.attempt) == ("grade-pad", 2)


def test_a_machine_that_speaks_again_speaks_for_itself_before_anything_is_granted() -> None:
    site, grant = silent()
    vouch(site, None)

    word = site.situation("grader-1", **held(grant, 12.0))
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert not grader(site).vouched
    assert census_missing(site.scheduler.core.ctx) == ["grader-1"]
    assert site.sent("grader-1", messages.Census)


def test_it_is_counted_in_again_where_it_says_it_stands() -> None:
    site, _ = silent()
    vouch(site, None)
    site.reply("grader-1", "nothing")

    word = site.situation("grader-1", x_m=40.0, y_m=12.0)
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert grader(site).body == (40.0, 12.0)
    assert census_missing(site.scheduler.core.ctx) == []


def test_a_vouched_machine_is_shown_as_such() -> None:
    site, _ = silent()

    vouch(site, SEEN)
    site.wait(31.0)

    views = [b for _, b in site.published if isinstance(b, messages.View) and b.name == "nodes"]
    rows = {row["node"]: row for row in msgspec.json.decode(views[-1].rows)}
    assert rows["grader-1"]["mark"] == "vouched"
    assert (rows["grader-1"]["x_m"], rows["grader-1"]["y_m"]) == SEEN


@pytest.mark.parametrize(
    ("node", "at", "said"),
    [
        ("nobody", None, "no node nobody"),
        ("dc-1", SEEN, "no machine"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(node: str, at: Point | None, said: str) -> None:
    site, _ = silent()

    answer = say(site, at, node=node)

    assert not answer.ok
    assert said in answer.text


def test_a_computer_can_be_given_up_too() -> None:
    site, _ = silent()

    answer = vouch(site, None, "dc-1")

    assert answer.ok
    assert site.scheduler.core.state.nodes[NodeId("dc-1")].vouched


def test_another_leader_asks_for_the_word_again() -> None:
    """Its journal may be an old copy, from before the machine was heard again."""
    site, _ = silent()
    vouch(site, None)
    image = dict(site.disk)
    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))

    site.disk = image
    site.start()
    site.census("excavator-1", "grader-2", "hauler-1")

    assert census_missing(site.scheduler.core.ctx) == ["grader-1"]


def test_a_code_is_void_once_the_machine_has_spoken() -> None:
    site, _ = silent()
    code = say(site, SEEN).text.split("code ")[1].split()[0]
    word = site.situation("grader-1", x_m=60.0, y_m=12.0)
    site.say("grader-1", messages.Heartbeat(situation=word))
    site.say("grader-1", messages.Farewell(node=NodeId("grader-1"), orderly=True))

    answer = say(site, SEEN, code)

    assert not answer.ok


def test_nobody_vouches_for_a_machine_that_may_be_about_to_answer() -> None:
    site, _ = silent()
    site.start()
    site.scheduler.disconnected(site.now_ns)
    site.now_ns += 1_000 * NS_PER_S
    site.scheduler.connected(site.now_ns)
    site.carry_out()

    answer = say(site, None, node="grader-2")

    assert not answer.ok
    assert "may be about to answer" in answer.text


def test_a_place_off_the_site_is_a_slip_of_the_finger() -> None:
    site, _ = silent()

    answer = say(site, (5_000.0, 12.0))

    assert not answer.ok
    assert "not inside the site's boundary" in answer.text


def test_a_load_that_is_gone_binds_no_task() -> None:
    site, _ = silent()
    site.submit(plain_site.order(plain_site.grade("other"), name="more"))
    other = site.scheduler.core.state.tasks[TaskId("other")]
    other.bound_to = NodeId("grader-1")

    vouch(site, None)

    assert other.bound_to is None
