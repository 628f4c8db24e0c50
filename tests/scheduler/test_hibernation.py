"""Whether a node is heard, in five words that are never mixed up; and who sleeps until when."""

import json
from typing import Any

import pytest

from lunaredge.ids import NodeId
from lunaredge.scheduler.hibernation import ASLEEP_NS_MAX
from lunaredge.scheduler.state import NodeEntry, Presence
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages
from lunaredge.wire.messages import Farewell, Heartbeat, Hibernate, HibernateRequest
from tests.scheduler import plain_site
from tests.scheduler.rig import Site

HAULER = NodeId("hauler-1")
HOUR_NS = 3_600 * NS_PER_S
LOST = "hauler-1/node.lost"


def entry(site: Site, name: str = HAULER) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def row(site: Site, name: str = HAULER) -> dict[str, Any]:
    """Give a node's row of the newest list."""
    views = (body for _, body in reversed(site.published) if isinstance(body, messages.View))
    rows = json.loads(next(view.rows for view in views if view.name == "nodes"))
    found: dict[str, Any] = next(each for each in rows if each["node"] == name)
    return found


def shown(site: Site, name: str = HAULER) -> str:
    site.wait(31.0)
    word: str = row(site, name)["presence"]
    return word


def leave(site: Site, for_s: float | None = None, *, orderly: bool = True) -> None:
    until_ns = None if for_s is None else site.now_ns + round(for_s * NS_PER_S)
    site.say(HAULER, Farewell(node=HAULER, orderly=orderly, until_ns=until_ns))


def has_lost(site: Site) -> bool:
    alarm = site.scheduler.core.state.alarms.get(LOST)
    return alarm is not None and alarm.active


# --- five words ------------------------------------------------------------------------------


def test_who_was_never_heard_is_unknown_however_long_and_an_alarm_says_so() -> None:
    site = Site()
    site.census("dc-1")

    site.wait(600.0)

    assert shown(site) == "unknown"
    assert site.scheduler.core.state.alarms[LOST].text == "never heard since these books began"


def test_who_was_heard_and_is_silent_is_lost() -> None:
    site = Site()
    site.census()

    site.wait(600.0)

    assert shown(site) == "lost"
    assert site.scheduler.core.state.alarms[LOST].text == "not heard"


def test_who_said_that_it_leaves_is_down_for_good_and_no_alarm() -> None:
    site = Site()
    site.census()
    leave(site)

    site.wait(600.0)

    assert shown(site) == "down"
    assert not has_lost(site)


def test_who_said_until_when_it_sleeps_is_hibernating_until_then() -> None:
    site = Site()
    site.census()
    leave(site, 3_600.0)

    site.wait(3_000.0)

    assert shown(site) == "hibernating"
    assert row(site)["asleep_until_ns"] == entry(site).asleep_until_ns
    assert row(site)["waits_for"].startswith("asleep until 20")
    assert row(site)["mark"] == "last known"
    assert not has_lost(site)


def test_the_broker_s_word_that_a_connection_broke_makes_nobody_down() -> None:
    site = Site()
    site.census()
    leave(site, orderly=False)

    site.wait(60.0)
    assert entry(site).presence is Presence.UP
    site.wait(600.0)

    assert shown(site) == "lost"


def test_a_will_with_a_time_in_it_puts_nobody_to_sleep() -> None:
    site = Site()
    site.census()

    leave(site, 3_600.0, orderly=False)

    assert entry(site).asleep_until_ns == 0


# --- overdue ---------------------------------------------------------------------------------


def test_a_sleeper_that_does_not_wake_in_time_is_lost() -> None:
    site = Site()
    site.census()
    leave(site, 3_600.0)

    site.wait(3_600.0 + 119.0)
    before = entry(site).presence
    site.wait(2.0)

    assert (before, entry(site).presence) == (Presence.HIBERNATING, Presence.LOST)
    assert site.scheduler.core.state.alarms[LOST].text == "was to wake, and is not heard"


def test_a_sleeper_that_is_heard_is_up_and_its_sleep_forgotten() -> None:
    site = Site()
    site.census()
    leave(site, 3_600.0)

    site.say(HAULER, Heartbeat(situation=site.situation(HAULER)))
    up = entry(site).presence
    site.wait(200.0)

    assert up is Presence.UP
    assert entry(site).presence is Presence.LOST


def test_a_lost_node_that_says_farewell_is_lost_no_more() -> None:
    site = Site()
    site.census()
    site.wait(200.0)

    leave(site, 3_600.0)

    assert not has_lost(site)
    assert entry(site).presence is Presence.HIBERNATING


def test_nobody_is_overdue_while_the_scheduler_can_not_hear() -> None:
    site = Site()
    site.census()
    leave(site, 3_600.0)
    site.scheduler.disconnected(site.now_ns)

    site.wait(7_200.0)
    deaf = entry(site).presence
    site.scheduler.connected(site.now_ns)
    site.wait(119.0)
    again = entry(site).presence
    site.wait(2.0)

    assert (deaf, again) == (Presence.HIBERNATING, Presence.HIBERNATING)
    assert entry(site).presence is Presence.LOST


@pytest.mark.parametrize("for_s", [-10.0, 0.0])
def test_a_sleep_that_is_over_already_is_just_leaving(for_s: float) -> None:
    site = Site()
    site.census()

    leave(site, for_s)

    assert entry(site).presence is Presence.DOWN


def test_no_word_silences_an_alarm_for_years() -> None:
    site = Site()
    site.census()

    site.say(HAULER, Farewell(node=HAULER, orderly=True, until_ns=2**63 - 1))

    assert entry(site).asleep_until_ns == site.now_ns + ASLEEP_NS_MAX


# --- a restart -------------------------------------------------------------------------------


@pytest.mark.parametrize(("for_s", "word"), [(None, "down"), (3_600.0, "hibernating")])
def test_a_new_leader_knows_who_has_left_once_it_has_listened(
    for_s: float | None, word: str
) -> None:
    site = Site()
    site.census()
    leave(site, for_s)
    site.start()

    site.wait(60.0)
    first = entry(site).presence
    site.wait(120.0)

    assert first is Presence.UNKNOWN
    assert shown(site) == word
    assert not has_lost(site)


def test_a_new_leader_calls_a_sleeper_lost_that_should_have_woken() -> None:
    site = Site()
    site.census()
    leave(site, 600.0)
    site.now_ns += HOUR_NS
    site.start()

    site.wait(200.0)

    assert shown(site) == "lost"
    assert has_lost(site)


def test_silence_of_any_kind_frees_no_ground() -> None:
    site = Site()
    site.census()
    body = entry(site).body
    assert body is not None
    leave(site, 3_600.0)
    site.wait(7_200.0)

    assert entry(site).body == body
    assert not entry(site).vouched


def test_nothing_is_placed_on_a_sleeper() -> None:
    site = Site()
    site.census()
    name, until_ns = NodeId("grader-1"), site.now_ns + HOUR_NS
    site.say(name, Farewell(node=name, orderly=True, until_ns=until_ns))

    site.submit(plain_site.order(plain_site.grade("g", only_on=(name,))))
    site.solve()

    assert not site.sent(name, messages.Assign)


# --- people ----------------------------------------------------------------------------------


def ask(site: Site, for_s: float = 3_600.0, node: str = HAULER) -> messages.Answer:
    until_ns = site.now_ns + round(for_s * NS_PER_S)
    return site.ask(
        HibernateRequest(request=site.request_id(), node=NodeId(node), until_ns=until_ns)
    )


def test_a_person_has_a_node_sleep() -> None:
    site = Site()
    site.census()

    answer = ask(site)
    (command,) = site.sent(HAULER, Hibernate)

    assert answer.ok
    assert "hauler-1 is to sleep until" in answer.text
    assert isinstance(command, Hibernate)
    assert command.until_ns == site.now_ns + HOUR_NS


def test_the_command_is_repeated_until_the_node_has_left() -> None:
    site = Site()
    site.census()
    ask(site)
    site.wait(25.0)
    before = len(site.sent(HAULER, Hibernate))

    leave(site, 3_600.0)
    site.wait(60.0)

    assert before == 3
    assert len(site.sent(HAULER, Hibernate)) == before


def test_a_later_life_is_not_put_to_sleep_by_an_old_command() -> None:
    site = Site()
    site.census()
    ask(site)
    site.node_boots[HAULER] = messages.BootId(900)

    site.census(HAULER)

    assert not site.scheduler.core.ctx.is_pending(HAULER, Hibernate)


@pytest.mark.parametrize(
    ("for_s", "node", "said"),
    [
        (30.0, HAULER, "sleeps for 1 minute to 180 days"),
        (181 * 86_400.0, HAULER, "sleeps for 1 minute to 180 days"),
        (3_600.0, "nobody", "no node nobody"),
    ],
)
def test_what_can_not_be_is_refused(for_s: float, node: str, said: str) -> None:
    site = Site()
    site.census()

    answer = ask(site, for_s, node)

    assert not answer.ok
    assert said in answer.text
    assert not site.sent(HAULER, Hibernate)


def test_who_is_not_heard_or_at_work_is_not_told_to_sleep() -> None:
    site = Site()
    site.census()
    entry(site, "grader-1").task = plain_site.grade().id
    site.wait(5.0)

    busy = ask(site, node="grader-1")
    leave(site)
    down = ask(site)

    assert "has grade-pad in hand" in busy.text
    assert "hauler-1 is down: it can't be told to sleep" in down.text
