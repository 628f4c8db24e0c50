from lunaredge.ids import NodeId, TaskId
from lunaredge.sim.checkers.accounting import AccountingChecker
from lunaredge.sim.checkers.keeping import kept
from lunaredge.wire import records, topics
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.records import TaskOutcome, TaskReport

NODE = NodeId("digger-1")
EVENT = records.Event(site_ns=1, code="boot", text="boot 1")
REPORT = TaskReport(site_ns=2, task=TaskId("dig"), attempt=1, outcome=TaskOutcome.DONE)
AT_NS = 9


def at_site(record: records.Record, record_class: RecordClass = RecordClass.EVENT):
    return kept(topics.SCHEDULER, NODE, record_class, records.encode_record(record), AT_NS)


def on_earth(record: records.Record, record_class: RecordClass = RecordClass.EVENT):
    passed_on = records.encode_record(records.NodeRecord(site_ns=3, node=NODE, record=record))
    return kept(topics.EARTH, topics.SCHEDULER, record_class, passed_on, AT_NS)


def broken(*evidence) -> list[str]:
    checker = AccountingChecker()
    for one in evidence:
        checker.see(one)
    checker.finish(AT_NS)
    return [violation.text for violation in checker.violations]


def test_what_the_site_and_earth_both_keep_is_in_order() -> None:
    assert broken(at_site(EVENT), on_earth(EVENT)) == []


def test_a_record_that_earth_lacks_is_found() -> None:
    assert "-1 times more" in broken(at_site(EVENT))[0]


def test_a_record_that_earth_has_twice_is_found() -> None:
    assert "1 times more" in broken(at_site(EVENT), on_earth(EVENT), on_earth(EVENT))[0]


def test_earth_need_not_have_a_reports_result() -> None:
    full = TaskReport(
        site_ns=2, task=TaskId("dig"), attempt=1, outcome=TaskOutcome.DONE, result=b"a map"
    )
    site, earth = at_site(full, RecordClass.STATE), on_earth(REPORT, RecordClass.STATE)

    assert broken(site, earth) == []


def test_what_stays_at_the_site_or_says_nothing_is_passed_over() -> None:
    patch = records.TerrainPatch(site_ns=1, task=TaskId("t"), points=b"")
    wanted = records.ApprovalWanted(site_ns=1, task=TaskId("t"), title="t")

    assert at_site(patch) is None
    assert at_site(EVENT, RecordClass.RAW) is None
    assert kept(topics.SCHEDULER, NODE, RecordClass.EVENT, b"", AT_NS) is None
    assert kept(topics.SCHEDULER, NODE, RecordClass.EVENT, b"noise", AT_NS) is None
    assert (
        kept(
            topics.EARTH,
            topics.SCHEDULER,
            RecordClass.EVENT,
            records.encode_record(wanted),
            AT_NS,
        )
        is None
    )
