"""A journal read back as evidence."""

import msgspec

from lunaredge.ids import NodeId
from lunaredge.scheduler.core import SchedulerCore
from lunaredge.scheduler.inputs import decode_entry
from lunaredge.scheduler.node import JOURNAL
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.journal import JournalReader
from lunaredge.wire import messages
from tests.scheduler.drives import driving
from tests.scheduler.rig import Site


def read(site: Site) -> tuple[JournalReader, list[seen.Evidence]]:
    """Read a site's journal from its disk."""
    core = SchedulerCore(site.scheduler.config, site.site, site.fleet)
    reader = JournalReader(core)
    entries = [decode_entry(row.value) for row in site.rows() if row.table == JOURNAL]
    return reader, list(reader.read(entries))


def of(evidence: list[seen.Evidence], kind: type[seen.Evidence]) -> list[seen.Evidence]:
    return [one for one in evidence if isinstance(one, kind)]


def test_a_journal_tells_the_grant_and_the_request_that_it_answers() -> None:
    site, grant = driving()

    reader, evidence = read(site)

    (asked,) = of(evidence, seen.Asked)
    (granted,) = of(evidence, seen.Granted)
    assert (granted.authority, granted.path) == (grant.authority, grant.path)
    assert (asked.machine, asked.request_no) == ("grader-1", granted.request_no)
    assert reader.differing == 0
    assert reader.core.state.digest() == site.scheduler.digest()


def test_a_journal_tells_how_far_its_tasks_came() -> None:
    site, _ = driving()

    _, evidence = read(site)

    (order,) = of(evidence, seen.Submitted)
    assert [task.id for task in order.tasks] == ["grade-pad"]
    phases = [one.phase for one in of(evidence, seen.TaskSeen)]
    assert phases == ["queued", "assigned", "accepted"]
    assert [one.attempt for one in of(evidence, seen.Assigned)] == [1]


def test_a_journal_tells_when_people_kept_the_site_from_working() -> None:
    site = Site()
    site.census()
    hold = messages.HoldRequest(request="h", node=NodeId("grader-1"), hold=True)

    site.ask(hold)
    site.ask(msgspec.structs.replace(hold, request="r", hold=False))
    stop = messages.Stop(stop="s", node=None, reason="smoke")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, stop))

    _, evidence = read(site)
    assert [one.restrained for one in of(evidence, seen.Restrained)] == [True, False, True]


def test_a_journal_tells_that_a_person_vouched_for_a_machine() -> None:
    site, _ = driving()
    site.wait(1_000.0)
    body = messages.VouchRequest(request="a", node=NodeId("grader-1"), at=None)
    code = site.ask(body).text.split("code ")[1].split()[0]
    site.ask(msgspec.structs.replace(body, request="b", code=code))

    _, evidence = read(site)

    assert [one.machine for one in of(evidence, seen.Vouched)] == ["grader-1"]


def test_a_journal_of_other_decisions_is_noticed() -> None:
    site, _ = driving()
    core = SchedulerCore(site.scheduler.config, site.site, site.fleet)
    reader = JournalReader(core)
    entries = [decode_entry(row.value) for row in site.rows() if row.table == JOURNAL]
    entries[-1] = msgspec.structs.replace(entries[-1], intents_crc=1)

    list(reader.read(entries))

    assert reader.differing == 1
