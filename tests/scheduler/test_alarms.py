"""Alarms among people: who may do what about them, and what they are answered."""

from typing import Any

import pytest

from lunaredge.ids import ClientId, NodeId
from lunaredge.scheduler.alarm_rules import PREFIXES, RULES
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, records, topics
from lunaredge.wire.alarm_requests import AcknowledgeRequest
from tests.scheduler.alarming import (
    HAULER,
    HOUR_NS,
    ack,
    own,
    rows,
    shelve,
    tell,
    to_earth,
    told,
    unshelve,
)
from tests.scheduler.rig import Site

# --- acknowledge -----------------------------------------------------------------------------


def test_an_alarm_is_acknowledged_by_its_source_and_code() -> None:
    site = Site()
    tell(site, "battery_low")

    answer = ack(site, HAULER, "battery_low")

    assert answer.ok
    assert answer.text == "battery_low of hauler-1 acknowledged; it is listed until it is gone"
    assert told(site, "battery_low").state.value == "acknowledged"
    assert told(site, "battery_low").acknowledged_by == "operator-mari"


def test_the_list_shows_it_before_the_answer_comes() -> None:
    site = Site()
    tell(site, "battery_low")
    site.published.clear()

    ack(site, HAULER, "battery_low")

    kinds = [
        body.name if isinstance(body, messages.View) else "answer"
        for _, body in site.published
        if isinstance(body, messages.View | messages.Answer)
    ]
    assert "alarms" in kinds[: kinds.index("answer")]
    assert rows(site)[0]["acknowledged_by"] == "operator-mari"


def test_a_latched_alarm_is_reset_by_a_second_word() -> None:
    site = Site()
    tell(site, "off_corridor", latching=True)

    first = ack(site, HAULER, "off_corridor")
    tell(site, "off_corridor", active=False)
    assert told(site, "off_corridor").state.value == "latched"
    second = ack(site, HAULER, "off_corridor")

    assert "stays latched until you acknowledge it again" in first.text
    assert "it is normal again" in second.text
    assert told(site, "off_corridor").state.value == "normal"


def test_all_alarms_of_a_source_are_acknowledged_together_and_those_of_no_other() -> None:
    site = Site()
    tell(site, "battery_low")
    tell(site, "sensor_stale")
    site.scheduler.core.ctx.raise_alarm(HAULER, "conflict", "stands there")
    site.scheduler.core.ctx.raise_alarm("grader-1", "conflict", "stands there")

    answer = ack(site, HAULER)

    assert answer.text == "3 alarms of hauler-1 acknowledged"
    assert own(site, HAULER, "conflict").state.value == "acknowledged"
    assert own(site, "grader-1", "conflict").state.value == "unacknowledged"


def test_a_stop_is_acknowledged_and_stays_in_force() -> None:
    site = Site()
    site.census()
    stop = messages.Stop(stop="s9", node=None, reason="dust")
    site.hear(topics.stop_all(site.site.name), site.frame(site.operator, stop))

    answer = ack(site, "site", "stop.s9")

    assert answer.ok
    assert own(site, "site", "stop.s9").active
    assert not site.scheduler.core.state.stops["s9"].released


def test_a_report_ends_when_a_person_knows() -> None:
    site = Site()
    site.scheduler.core.ctx.raise_alarm("dig", "task.failed", "no way there")

    answer = ack(site, "dig", "task.failed")

    assert answer.ok
    assert (own(site, "dig", "task.failed").active, rows(site)[0]["state"]) == (False, "normal")
    cleared = [r for r in to_earth(site) if isinstance(r, records.Alarm) and not r.active]
    assert [alarm.code for alarm in cleared] == ["task.failed"]


def test_a_report_that_went_by_itself_is_acknowledged_like_others() -> None:
    site = Site()
    site.scheduler.core.ctx.raise_alarm("dig", "task.failed", "no way there")
    site.scheduler.core.ctx.clear_alarm("dig", "task.failed")

    assert ack(site, "dig", "task.failed").ok

    assert own(site, "dig", "task.failed").state.value == "normal"


def test_earth_hears_who_acknowledged() -> None:
    site = Site()
    tell(site, "battery_low")

    ack(site, HAULER, "battery_low", site.earth)

    events = [r for r in to_earth(site) if isinstance(r, records.Event)]
    assert [(e.code, e.text) for e in events] == [
        ("alarm.acknowledged", "battery_low of hauler-1, by earth")
    ]


# --- shelve ----------------------------------------------------------------------------------


def test_a_shelved_alarm_comes_back_by_itself_at_the_end_of_its_time() -> None:
    site = Site()
    site.census()
    tell(site, "battery_low")
    answer = shelve(site, "battery_low", 2 * HOUR_NS)
    assert "shelved until" in answer.text

    site.wait(7_100.0)
    assert told(site, "battery_low").state.value == "shelved"
    site.wait(200.0)

    assert told(site, "battery_low").state.value == "unacknowledged"


def test_a_shelved_alarm_is_taken_off_the_shelf_by_a_person() -> None:
    site = Site()
    tell(site, "battery_low")
    shelve(site, "battery_low")

    answer = unshelve(site, "battery_low")

    assert answer.text == "battery_low of hauler-1 is off the shelf; it is unacknowledged"
    assert rows(site)[0]["shelved_by"] is None


def test_the_list_says_who_shelved_it_until_when_and_why() -> None:
    site = Site()
    tell(site, "battery_low")

    shelve(site, "battery_low", HOUR_NS, "the cell is known to sag")

    (row,) = rows(site)
    assert (row["state"], row["shelved_by"]) == ("shelved", "operator-mari")
    assert row["shelved_until_ns"] == site.now_ns + HOUR_NS
    assert row["shelved_why"] == "the cell is known to sag"


SAFETY = sorted(code for code, rule in RULES.items() if rule.off_shelf)


def test_what_guards_people_and_machines_is_never_shelved_by_the_table() -> None:
    assert set(SAFETY) >= {"conflict", "lockout", "lockout.astray", "lockout.not_safe"}
    assert set(SAFETY) >= {"epoch.behind", "journal.differed", "off_corridor", "sensor_stale"}
    assert all(rule.off_shelf for rule in PREFIXES.values())
    assert set(PREFIXES) == {"stop.", "closure.", "not_clear."}


@pytest.mark.parametrize("code", [*SAFETY, "stop.s9", "closure.pad", "not_clear.pad"])
def test_such_an_alarm_is_refused_the_shelf_and_can_be_acknowledged(code: str) -> None:
    site = Site()
    site.scheduler.core.ctx.raise_alarm(HAULER, code, "t")

    answer = shelve(site, code)

    assert not answer.ok
    assert f"{code} of hauler-1 can't be shelved: " in answer.text
    assert own(site, HAULER, code).state.value == "unacknowledged"
    assert ack(site, HAULER, code).ok


@pytest.mark.parametrize("for_ns", [0, 60 * NS_PER_S - 1, 24 * HOUR_NS + 1, 2**62])
def test_an_alarm_is_shelved_for_a_minute_to_a_day(for_ns: int) -> None:
    site = Site()
    tell(site, "battery_low")

    answer = shelve(site, "battery_low", for_ns)

    assert "shelved for 1 minute to 24 hours" in answer.text
    assert told(site, "battery_low").state.value == "unacknowledged"


@pytest.mark.parametrize("for_ns", [60 * NS_PER_S, 24 * HOUR_NS])
def test_a_minute_and_a_day_themselves_are_taken(for_ns: int) -> None:
    site = Site()
    tell(site, "battery_low")

    assert shelve(site, "battery_low", for_ns).ok


def test_a_long_reason_is_cut_and_none_is_refused() -> None:
    site = Site()
    tell(site, "battery_low")

    assert "say why" in shelve(site, "battery_low", why="  ").text
    assert shelve(site, "battery_low", why="x" * 5_000).ok

    assert len(told(site, "battery_low").shelved_why) == 200


# --- refused ---------------------------------------------------------------------------------


def latched(site: Site) -> None:
    tell(site, "battery_low", latching=True)
    tell(site, "battery_low", active=False, latching=True)


def acknowledged(site: Site) -> None:
    tell(site, "battery_low")
    ack(site, HAULER, "battery_low")


def shelved(site: Site) -> None:
    tell(site, "battery_low")
    shelve(site, "battery_low")


def normal(site: Site) -> None:
    acknowledged(site)
    tell(site, "battery_low", active=False)


@pytest.mark.parametrize(
    ("before", "act", "said"),
    [
        (normal, ack, "is normal: there is nothing to acknowledge"),
        (acknowledged, ack, "is acknowledged already, by operator-mari"),
        (shelved, ack, "is shelved by operator-mari until"),
        (shelved, shelve, "is shelved by operator-mari until"),
        (latched, shelve, "is gone and latched; `ack` resets it"),
        (latched, unshelve, "is not shelved; it is latched"),
        (normal, unshelve, "is not shelved; it is normal"),
    ],
)
def test_what_is_not_legal_is_refused_with_a_reason_and_changes_nothing(
    before: Any, act: Any, said: str
) -> None:
    site = Site()
    before(site)
    was = site.scheduler.core.state.alarms.copy(), site.scheduler.core.state.interventions

    answer = ack(site, HAULER, "battery_low") if act is ack else act(site, "battery_low")

    assert not answer.ok
    assert said in answer.text
    assert (site.scheduler.core.state.alarms, site.scheduler.core.state.interventions) == was


def test_an_alarm_that_there_is_not_is_named() -> None:
    site = Site()

    assert ack(site, HAULER, "x").text == "hauler-1 has no alarm x; `alarms --all` lists them"
    assert ack(site, "nobody").text == "nobody has no alarm; `alarms --all` lists them"
    assert not shelve(site, "x").ok
    assert not unshelve(site, "x").ok


def test_where_all_are_shelved_there_is_none_to_acknowledge() -> None:
    site = Site()
    shelved(site)

    assert "no alarm to acknowledge; 1 of its alarms shelved" in ack(site, HAULER).text


def test_the_same_request_again_gets_its_first_answer_and_changes_nothing() -> None:
    site = Site()
    tell(site, "battery_low")
    body = AcknowledgeRequest(request="r", source=HAULER, code="battery_low")
    first = site.ask(body)
    tell(site, "battery_low", active=False)
    tell(site, "battery_low")

    again = site.ask(body)

    assert again == first
    assert told(site, "battery_low").state.value == "unacknowledged"


def test_a_node_may_not_acknowledge() -> None:
    site = Site()
    tell(site, "battery_low")
    body = AcknowledgeRequest(request="r", source=HAULER, code="battery_low")
    topic = topics.request(site.site.name, ClientId("mari"))

    site.hear(topic, site.frame(site.signers[NodeId(HAULER)], body))

    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}
    assert told(site, "battery_low").state.value == "unacknowledged"
