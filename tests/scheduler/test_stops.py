import msgspec

from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler import views
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import codec, messages, records
from lunaredge.wire.messages import StopReleaseRequest
from lunaredge.wire.seal import Signer
from tests.scheduler import plain_site
from tests.scheduler.drives import driving, held
from tests.scheduler.rig import Site


def test_a_stop_is_taken_from_any_enrolled_key_and_released_in_two_steps() -> None:
    site = Site()
    site.census()
    stop = messages.Stop(stop="s1", node=None, reason="dust")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.signers[NodeId("dc-1")], stop))

    asked = site.ask(StopReleaseRequest(request="a", stop="s1"))
    wrong = site.ask(StopReleaseRequest(request="b", stop="s1", code="guess"))
    assert not site.sent("hauler-1", messages.ReleaseStop)
    code = site.scheduler.core.state.consents["stop s1"].code
    right = site.ask(StopReleaseRequest(request="c", stop="s1", code=code))
    site.wait(1.0)

    assert (asked.ok, wrong.ok, right.ok) == (True, False, True)
    assert asked.text == (
        f"s1 holds every node, called by dc-1: dust; repeat with the code {code} to release it"
    )
    assert site.sent("hauler-1", messages.ReleaseStop)


def test_an_unsigned_stop_is_refused() -> None:
    site = Site()
    stop = messages.Stop(stop="s1", node=None, reason="dust")
    header = codec.Header(node=NodeId("dc-1"), boot=1, number=1, local_ns=0, site_ns=0)

    site.hear("lunaredge/v1/plain/all/stop", codec.encode(header, stop))

    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}
    assert not site.scheduler.core.state.stops


def latch(site: Site, node: str, *stops: str) -> None:
    word = site.situation(node, state="stopped", stops=stops)
    site.say(node, messages.Heartbeat(situation=word))


def release(site: Site, stop: str) -> messages.Answer:
    """Ask for the code, and release."""
    asked = site.ask(StopReleaseRequest(request=site.request_id(), stop=stop))
    if not asked.code:
        return asked
    return site.ask(StopReleaseRequest(request=site.request_id(), stop=stop, code=asked.code))


def test_a_stop_that_only_the_nodes_heard_can_be_released() -> None:
    site = Site()
    site.census()

    latch(site, "hauler-1", "s9")
    answer = release(site, "s9")
    site.wait(1.0)

    assert answer.ok
    assert site.sent("hauler-1", messages.ReleaseStop)
    assert not site.scheduler.core.state.alarms["hauler-1/stop.s9"].active


def test_a_released_stop_that_holds_a_node_again_can_be_released_again() -> None:
    site = Site()
    site.census()
    latch(site, "hauler-1", "s9")
    release(site, "s9")
    site.wait(1.0)
    latch(site, "hauler-1", "s9")
    waiting = site.scheduler.core.state.stops["s9"].released
    command = site.sent("hauler-1", messages.ReleaseStop)[-1]
    assert isinstance(command, messages.ReleaseStop)
    site.reply("hauler-1", command.command)

    latch(site, "hauler-1", "s9")

    assert waiting
    assert not site.scheduler.core.state.stops["s9"].released
    assert release(site, "s9").ok


def test_stops_without_end_fill_no_table() -> None:
    site = Site()
    site.census()

    for i in range(20):
        latch(site, "hauler-1", *(f"s{i}-{k}" for k in range(100)))

    assert len(site.scheduler.core.state.stops) <= 1_024


def test_releases_without_end_keep_the_newest_few_for_a_node_that_is_lost() -> None:
    site = Site()
    site.census()
    latch(site, "hauler-1", "s0")

    for i in range(70):
        press_stop(site, f"s{i}", NodeId("hauler-1"))
        assert release(site, f"s{i}").ok

    pending = site.scheduler.core.ctx.pending(NodeId("hauler-1"), messages.ReleaseStop)
    assert [each.stop for each in pending] == [f"s{i}" for i in range(6, 70)]


def test_a_stop_whose_release_was_forgotten_holds_again_until_it_is_released_again() -> None:
    site = Site()
    site.census()
    latch(site, "hauler-1", "s0")
    for i in range(70):
        press_stop(site, f"s{i}", NodeId("hauler-1"))
        release(site, f"s{i}")

    latch(site, "hauler-1", "s0", "s69")

    held = [name for name, entry in site.scheduler.core.state.stops.items() if not entry.released]
    assert held == ["s0"]
    assert release(site, "s0").ok


def press_stop(site: Site, stop: str, node: NodeId | None = None) -> None:
    body = messages.Stop(stop=stop, node=node, reason="dust")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, body))


def repeats(site: Site) -> list[messages.Message]:
    return [body for at, body in site.published if at == "lunaredge/v1/plain/all/stop"]


def test_a_machine_that_missed_a_stop_is_granted_nothing_and_told_again() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    press_stop(site, "s1")

    site.request("grader-1", 1)
    site.solve()
    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))

    assert site.last(messages.Defer).reason == "emergency stop"
    assert not site.sent("grader-1", messages.Grant)
    assert repeats(site) == [messages.Stop(stop="s1", node=None, reason="dust")]


def test_a_machine_that_missed_a_stop_gets_no_task_and_no_more_time() -> None:
    site, grant = driving()
    press_stop(site, "s1")

    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority=grant.authority))
    site.submit(msgspec.structs.replace(plain_site.order(plain_site.grade("more")), id="more"))
    site.solve()

    assert not site.sent("grader-1", messages.Renew)
    assert site.scheduler.core.state.tasks[TaskId("more")].phase is TaskPhase.QUEUED


def test_a_stop_of_one_node_holds_no_other() -> None:
    site, grant = driving()
    press_stop(site, "s1", NodeId("hauler-1"))

    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority=grant.authority))
    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))

    assert site.sent("grader-1", messages.Renew)
    assert not repeats(site)


def test_a_released_stop_is_not_told_again() -> None:
    site = Site()
    site.census()
    press_stop(site, "s1")
    release(site, "s1")

    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))

    assert not repeats(site)


def test_a_stop_found_on_one_node_is_that_nodes_and_found_on_two_everybodys() -> None:
    site = Site()
    site.census()

    latch(site, "hauler-1", "s9")
    first = site.scheduler.core.state.stops["s9"].node
    latch(site, "grader-1", "s9")

    assert first == "hauler-1"
    assert site.scheduler.core.state.stops["s9"].node is None


def test_a_release_code_is_good_for_ten_minutes_only() -> None:
    site = Site()
    press_stop(site, "s1")
    site.ask(StopReleaseRequest(request="a", stop="s1"))
    code = site.scheduler.core.state.consents["stop s1"].code

    site.wait(600.0)
    late = site.ask(StopReleaseRequest(request="b", stop="s1", code=code))

    assert not late.ok


def test_a_release_goes_to_the_node_that_was_meant() -> None:
    site = Site()
    site.census()
    press_stop(site, "s1", NodeId("hauler-1"))

    release(site, "s1")
    site.wait(1.0)

    assert site.sent("hauler-1", messages.ReleaseStop)
    assert not site.sent("grader-1", messages.ReleaseStop)


def test_a_node_that_has_a_stop_is_not_told_again() -> None:
    site = Site()
    site.census()
    press_stop(site, "s1")

    latch(site, "hauler-1", "s1")

    assert not repeats(site)


def test_a_code_for_one_machine_releases_no_stop_that_has_come_to_hold_more() -> None:
    site = Site()
    site.census()
    stop = messages.Stop(stop="s1", node=NodeId("grader-1"), reason="smoke")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, stop))
    asked = site.ask(StopReleaseRequest(request="a", stop="s1"))
    code = asked.text.split("code ")[1].split()[0]
    word = site.situation("grader-2", stops=("s1",))
    site.say("grader-2", messages.Heartbeat(situation=word))

    answer = site.ask(StopReleaseRequest(request="b", stop="s1", code=code))

    assert not answer.ok


def told(site: Site, name: str = "hauler-1") -> dict[str, object]:
    rows = views.node_rows(site.scheduler.core.ctx, site.now_ns)
    return next(row for row in rows if row["node"] == name)


def call(site: Site, node: str | None = None, by: Signer | None = None) -> None:
    body = messages.Stop(stop="s9", node=NodeId(node) if node else None, reason="dust")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(by or site.operator, body))


def test_the_alarm_of_a_stop_and_the_list_of_nodes_name_who_called_it_and_why() -> None:
    site = Site()
    site.census()

    call(site)

    alarm = site.scheduler.core.state.alarms["site/stop.s9"]
    assert alarm.text == "emergency stop called by operator-mari: dust"
    latch(site, "hauler-1", "s9")
    assert told(site)["waits_for"] == "stopped by operator-mari: dust (s9)"
    assert told(site)["restrained"]


def test_a_stop_that_a_node_has_not_confirmed_is_not_told_as_if_the_node_stood() -> None:
    site = Site()
    site.census()
    call(site)
    latch(site, "grader-1", "s9")

    site.wait(500.0)

    assert told(site)["presence"] == told(site, "grader-1")["presence"] == "lost"
    assert told(site)["waits_for"] == "YET TO CONFIRM the stop of operator-mari: dust (s9)"
    assert told(site)["restrained"]
    assert told(site, "grader-1")["waits_for"] == "stopped by operator-mari: dust (s9)"


def test_a_machine_that_may_not_have_heard_a_stop_is_listed_with_how_long_it_may_move() -> None:
    site, grant = driving()
    call(site)
    before = told(site, "grader-1")

    word = site.situation("grader-1", state="stopped", stops=("s9",), **held(grant, 0.0))
    site.say("grader-1", messages.Heartbeat(situation=word))

    unconfirmed = "YET TO CONFIRM the stop of operator-mari: dust (s9); may move for"
    assert before["waits_for"] == f"{unconfirmed} {before['may_move_s']:.0f} s more"
    assert told(site, "grader-1")["waits_for"] == "stopped by operator-mari: dust (s9)"


def test_who_is_stopped_by_one_stop_and_has_not_heard_another_is_told_both() -> None:
    site, grant = driving()
    call(site)
    word = site.situation("grader-1", state="stopped", stops=("s9",), **held(grant, 0.0))
    site.say("grader-1", messages.Heartbeat(situation=word))

    press_stop(site, "s10")

    assert told(site, "grader-1")["waits_for"] == (
        "stopped by operator-mari: dust (s9); YET TO CONFIRM the stop of operator-mari: dust (s10)"
    )


def test_a_stop_that_a_node_told_of_first_is_called_by_whoever_signed_it() -> None:
    site = Site()
    site.census()
    latch(site, "hauler-1", "s9")
    before = told(site)["waits_for"]

    call(site)

    state = site.scheduler.core.state
    assert "nobody here has heard who called it" in str(before)
    assert not state.alarms["hauler-1/stop.s9"].active
    assert state.alarms["site/stop.s9"].text == "emergency stop called by operator-mari: dust"
    assert state.stops["s9"].node is None


def test_a_released_stop_that_is_heard_late_holds_nobody_again() -> None:
    site = Site()
    site.census()
    latch(site, "hauler-1", "s9")
    release(site, "s9")

    call(site)

    assert site.scheduler.core.state.stops["s9"].released


def test_a_leader_that_says_a_stop_again_is_not_called_its_caller() -> None:
    site = Site()
    site.census()

    call(site, by=site.lead)

    assert site.scheduler.core.state.stops["s9"].by == ""


def test_a_machine_in_its_safe_state_says_why_and_keeps_the_place_where_it_was_last_seen() -> None:
    site = Site()
    site.census()
    place = told(site)["x_m"], told(site)["y_m"]
    site.wait(40.0)
    text = "no sample of the machine for three periods"
    alarm = records.Alarm(site_ns=site.now_ns, code="sensor_stale", text=text, active=True)
    site.scheduler.core._take_alarm(NodeId("hauler-1"), alarm)
    word = site.situation("hauler-1", state="safe")
    blind = msgspec.structs.replace(word, x_m=None, y_m=None, heading_rad=None, at_rest=False)

    site.say("hauler-1", messages.Heartbeat(situation=blind))

    row = told(site)
    assert (row["x_m"], row["y_m"]) == place != (None, None)
    assert (row["mark"], row["age_s"]) == ("last known", 40.0)
    assert row["waits_for"] == ("in its safe state: no sample of the machine for three periods")


def test_a_held_machine_says_that_it_is_held() -> None:
    site = Site()
    site.census()

    site.ask(messages.HoldRequest(request="h", node=NodeId("hauler-1"), hold=True))

    assert told(site)["waits_for"] == "held, until `resume`"


def test_a_stop_that_every_node_hands_on_is_journaled_once() -> None:
    site = Site()
    site.census()
    stop = messages.Stop(stop="s1", node=None, reason="smoke")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, stop))
    journaled = len(site.disk)

    for _ in range(5):
        site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, stop))

    assert len(site.disk) == journaled
