"""Alarms as they come: the list, those that flutter, those of the archive, and a restart."""

import pytest

from lunaredge.ids import NodeId
from lunaredge.scheduler.context import SAID_AT_ONCE_MAX, SAY_GAP_NS
from lunaredge.scheduler.inputs import Recorded
from lunaredge.units import NS_PER_S
from lunaredge.wire import records, topics
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.records import AlarmLevel
from tests.scheduler import plain_site
from tests.scheduler.alarming import (
    HAULER,
    ack,
    own,
    rows,
    shelve,
    take,
    tell,
    to_earth,
    told,
)
from tests.scheduler.replays import replayed
from tests.scheduler.rig import Site

# --- the list --------------------------------------------------------------------------------


def test_the_list_begins_with_what_is_critical_and_unknown() -> None:
    site = Site()
    for code in ("gone", "aside", "known", "warned"):
        tell(site, code)
    tell(site, "at-stake", level=AlarmLevel.CRITICAL)
    tell(site, "gone", active=False)
    shelve(site, "aside")
    ack(site, HAULER, "known")

    assert [row["code"] for row in rows(site)] == ["at-stake", "warned", "known", "gone", "aside"]


def test_the_list_says_how_long_ago_an_alarm_was_raised() -> None:
    site = Site()
    site.census()
    raised_ns = site.now_ns
    tell(site, "battery_low")
    site.wait(45.0)
    tell(site, "battery_low", active=False)
    site.wait(40.0)

    (row,) = rows(site)

    assert row["raised_ns"] == raised_ns
    assert row["returned_ns"] == raised_ns + 45 * NS_PER_S
    assert 50.0 < row["age_s"] <= 85.0


# --- flapping --------------------------------------------------------------------------------


def flutter(site: Site, times: int) -> None:
    for _ in range(times):
        site.scheduler.core.ctx.now_ns = site.now_ns
        site.scheduler.core.ctx.intents = []
        site.scheduler.core.ctx.raise_alarm(HAULER, "standoff", "t")
        carry_intents(site)
        site.wait(1.0)
        site.scheduler.core.ctx.intents = []
        site.scheduler.core.ctx.clear_alarm(HAULER, "standoff")
        carry_intents(site)
        site.wait(1.0)


def carry_intents(site: Site) -> None:
    for intent in site.scheduler.core.ctx.intents:
        site.scheduler._carry_out(intent, site.now_ns)
    site.scheduler.core._wakeup_ns = None
    site.carry_out()


def said(site: Site) -> list[bool]:
    site.wait(5.0)
    return [
        record.active
        for record in to_earth(site)
        if isinstance(record, records.Alarm) and record.code == "standoff"
    ]


def test_an_alarm_that_comes_and_goes_a_few_times_is_told_each_time() -> None:
    site = Site()

    flutter(site, SAID_AT_ONCE_MAX)

    assert said(site) == [True, False] * SAID_AT_ONCE_MAX


def test_an_alarm_that_flutters_does_not_flood_earth_and_its_end_is_told() -> None:
    site = Site()
    site.census()

    flutter(site, 300)
    site.wait(2 * SAY_GAP_NS / NS_PER_S)

    found = said(site)
    assert 2 * SAID_AT_ONCE_MAX <= len(found) <= 2 * SAID_AT_ONCE_MAX + 600 // 60 + 2
    assert found[-1] is False


def test_an_alarm_that_stays_up_after_it_fluttered_is_told_of() -> None:
    site = Site()
    site.census()
    flutter(site, 20)

    site.scheduler.core.ctx.raise_alarm(HAULER, "standoff", "t")
    carry_intents(site)
    site.wait(2 * SAY_GAP_NS / NS_PER_S)

    assert said(site)[-1] is True


# --- what the archive found ------------------------------------------------------------------


def judged(
    site: Site,
    alarm: records.Alarm | records.TaskReport,
    by: str = "archive",
    node: str = HAULER,
) -> None:
    record = records.NodeRecord(site_ns=site.now_ns, node=NodeId(node), record=alarm)
    encoded = records.encode_record(record)
    take(site, Recorded(node=NodeId(by), record_class=RecordClass.ALARM, record=encoded))


def limit(site: Site, *, active: bool = True) -> records.Alarm:
    return records.Alarm(
        site_ns=site.now_ns,
        code="limit.battery_wh",
        text="battery_wh is 130 Wh, under its critical limit of 140 Wh",
        active=active,
        level=AlarmLevel.CRITICAL,
    )


def test_a_limit_that_the_archive_found_passed_is_an_alarm_of_that_node() -> None:
    site = Site()

    judged(site, limit(site))

    (row,) = site.scheduler.core.state.alarms.values()
    assert (row.source, row.code, row.level) == (HAULER, "limit.battery_wh", AlarmLevel.CRITICAL)
    site.wait(2.0)
    passed_on = [r for r in to_earth(site) if isinstance(r, records.NodeRecord)]
    assert [(r.node, r.record) for r in passed_on] == [(HAULER, limit_at(passed_on[0]))]


def limit_at(found: records.NodeRecord) -> records.Alarm:
    assert isinstance(found.record, records.Alarm)
    assert found.record.code == "limit.battery_wh"
    return found.record


def test_a_limit_that_is_kept_again_returns_to_normal() -> None:
    site = Site()
    judged(site, limit(site))

    judged(site, limit(site, active=False))

    assert told(site, "limit.battery_wh").state.value == "returned"


@pytest.mark.parametrize("by", ["dc-1", HAULER])
def test_a_node_may_not_speak_of_anothers_alarms(by: str) -> None:
    site = Site()

    judged(site, limit(site), by=by, node="grader-1")

    assert not site.scheduler.core.state.alarms


def test_an_alarm_about_nobody_on_the_site_changes_nothing() -> None:
    site = Site()

    judged(site, limit(site), node="nobody")

    assert not site.scheduler.core.state.alarms


def test_the_archive_judges_alarms_and_no_tasks() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))
    before = site.scheduler.core.state.digest()
    report = records.TaskReport(
        site_ns=0, task=plain_site.grade().id, attempt=1, outcome=records.TaskOutcome.DONE
    )

    judged(site, report)
    take(
        site,
        Recorded(
            node=topics.ARCHIVE,
            record_class=RecordClass.STATE,
            record=records.encode_record(report),
        ),
    )

    assert site.scheduler.core.state.digest() == before


# --- memory ----------------------------------------------------------------------------------


def test_what_people_did_about_alarms_outlives_a_restart() -> None:
    site = Site()
    site.census()
    tell(site, "battery_low")
    judged(site, limit(site))
    shelve(site, "battery_low")
    ack(site, HAULER, "limit.battery_wh")
    alarms = site.scheduler.core.state.alarms

    site.start()

    assert site.scheduler.core.state.alarms == alarms
    assert site.boots == 2


def test_a_replay_comes_to_the_same_alarms() -> None:
    site = Site()
    site.census()
    tell(site, "battery_low", level=AlarmLevel.CRITICAL, latching=True)
    shelve(site, "battery_low", 60 * NS_PER_S)
    site.wait(120.0)
    tell(site, "battery_low", active=False, latching=True)

    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()
    assert told(site, "battery_low").state.value == "latched"


def test_alarms_of_a_checkpoint_get_the_level_that_they_have_now() -> None:
    site = Site()
    site.scheduler.core.ctx.raise_alarm(HAULER, "conflict", "stands there")
    own(site, HAULER, "conflict").level = AlarmLevel.WARNING

    site.scheduler.core.load(site.scheduler.core.state)

    assert own(site, HAULER, "conflict").level is AlarmLevel.CRITICAL


def test_an_alarm_for_which_there_is_no_room_is_counted() -> None:
    site = Site(alarms_max=1)
    site.scheduler.core.ctx.raise_alarm(HAULER, "conflict", "stands there")

    site.scheduler.core.ctx.reword_alarm(HAULER, "lane.closed", "t")

    assert [entry.code for entry in site.scheduler.core.state.alarms.values()] == ["conflict"]
    assert site.scheduler.core.state.alarms_left_out == 1
