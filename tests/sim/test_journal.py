"""A journal read back as evidence."""

from collections.abc import Callable

import msgspec

from lunaredge.ids import KeyId, NodeId
from lunaredge.scheduler.core import SchedulerCore
from lunaredge.scheduler.inputs import decode_entry
from lunaredge.scheduler.node import JOURNAL
from lunaredge.scheduler.state import (
    Closure,
    ClosurePhase,
    Lockout,
    LockPhase,
    NodeEntry,
    SchedulerState,
)
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.checker import Checker
from lunaredge.sim.checkers.closure import ClosureChecker
from lunaredge.sim.checkers.journal import JournalReader
from lunaredge.sim.checkers.lockout import LockoutChecker
from lunaredge.sim.checkers.shown import Shown
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import messages
from lunaredge.wire.safeguards import CloseRequest, OpenRequest
from tests.scheduler.drives import driving
from tests.scheduler.locking import HAULER, locked, obey, release, word
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


def judged(checker: Checker, site: Site, *bodies: seen.Truth) -> list[str]:
    """Give what a checker finds in a site's journal and in what was seen of the machines."""
    _, evidence = read(site)
    for each in sorted([*evidence, *bodies], key=lambda one: one.at_ns):
        checker.see(each)
    assert checker.checked
    return [violation.text for violation in checker.violations]


def body_at(site: Site, name: str, x_m: float, y_m: float) -> seen.Truth:
    """See one machine somewhere, now."""
    fields = {"heading_rad": 0.0, "speed_m_s": 0.0, "battery_wh": 900.0}
    body = seen.TrueBody(machine=NodeId(name), x_m=x_m, y_m=y_m, **fields)
    return seen.Truth(at_ns=site.now_ns, bodies=(body,))


def closed(*steps: Callable[[Site], object]) -> tuple[Site, seen.Truth, seen.Truth]:
    """A site that closes its berm; steps that follow, and grader-1 in the berm before and after."""
    site = Site()
    site.census()
    site.ask(CloseRequest(request="c", zone="berm", why="a lander"))
    site.wait(30.0)
    word(site, HAULER)
    inside = next(zone for zone in site.site.zones if zone.name == "berm").polygon[0]
    before = body_at(site, "grader-1", *inside)
    site.wait(1.0)
    for step in steps:
        step(site)
    site.wait(1.0)
    return site, before, body_at(site, "grader-1", *inside)


def open_berm(site: Site, code: str = "") -> None:
    """Go both steps; or the second one alone, with a code."""
    request = OpenRequest(request=site.request_id(), zone="berm")
    code = code or site.ask(request).code
    site.ask(msgspec.structs.replace(request, request=site.request_id(), code=code))


def test_a_journal_tells_which_zones_are_shown_clear_until_when() -> None:
    site, *_ = closed(open_berm)

    _, evidence = read(site)

    area = site.scheduler.core.state.closures["berm"].area
    shown = [(each.zones, each.others) for each in of(evidence, seen.Cleared)]
    assert shown == [({}, ("berm",)), ({"berm": area}, ()), ({}, ())]
    (opening,) = of(evidence, seen.Opening)
    answered = {each.asking: each.ok for each in of(evidence, seen.Answered)}
    assert (opening.zone, answered[opening.asking]) == ("berm", True)


def test_whoever_is_in_a_zone_that_the_journal_shows_clear_is_found() -> None:
    site, inside, _ = closed()

    (found,) = judged(ClosureChecker(site.fleet), site, inside)

    assert "is in berm, which was shown clear" in found


def test_in_a_zone_that_was_opened_again_anybody_may_be() -> None:
    site, _, after = closed(open_berm)
    outside = body_at(site, "grader-1", 16.0, 8.0)
    outside = msgspec.structs.replace(outside, at_ns=after.at_ns - 20 * NS_PER_S)

    found = judged(ClosureChecker(site.fleet), site, outside, after)

    assert found == []


def test_a_refused_opening_leaves_the_zone_shown_clear() -> None:
    site, _, after = closed(lambda site: open_berm(site, "000000"))

    (found,) = judged(ClosureChecker(site.fleet), site, after)

    assert "is in berm, which was shown clear" in found


def moved_while_locked() -> tuple[Site, seen.Truth, seen.Truth]:
    """A site whose hauler is locked out, and moves by 1 m all the same."""
    site = locked()
    site.wait(30.0)
    word(site)
    before = body_at(site, HAULER, 30.0, 8.0)
    site.wait(1.0)
    return site, before, body_at(site, HAULER, 31.0, 8.0)


def test_a_machine_that_moves_with_a_tag_on_it_by_the_journal_is_found() -> None:
    site, before, after = moved_while_locked()

    (found,) = judged(LockoutChecker(site.fleet), site, before, after)

    assert found == "hauler-1 moved 1.00 m, locked out"


def test_a_machine_that_is_shown_locked_out_is_held_to_it_without_a_word_of_its_own() -> None:
    site, before, after = moved_while_locked()
    _, evidence = read(site)
    checker = LockoutChecker(site.fleet)

    for each in (*of(evidence, seen.LockedOut), before, after):
        checker.see(each)

    assert [each.text for each in checker.violations] == ["hauler-1 moved 1.00 m, shown locked out"]


def test_a_machine_whose_tag_its_owner_took_off_may_move() -> None:
    site = locked()
    site.wait(30.0)
    word(site)
    before = body_at(site, HAULER, 30.0, 8.0)
    release(site)
    obey(site)
    site.wait(1.0)
    after = body_at(site, HAULER, 31.0, 8.0)

    found = judged(LockoutChecker(site.fleet), site, before, after)

    assert found == []
    _, evidence = read(site)
    (said,) = of(evidence, seen.TagWord)
    (tagged,), (unlocked,) = of(evidence, seen.Tagged), of(evidence, seen.Unlocked)
    assert (said.by, tagged.tag) == ("operator-mari", unlocked.tag)


def test_a_tag_that_came_off_at_a_strangers_word_is_found() -> None:
    site = locked()
    release(site)
    _, evidence = read(site)
    checker = LockoutChecker(site.fleet)

    for each in evidence:
        if not isinstance(each, seen.TagWord):
            checker.see(each)

    assert [each.text for each in checker.violations] == [
        "operator-mari's tag is taken off hauler-1 by nobody"
    ]


def test_what_is_safe_is_shown_a_second_later_and_what_is_not_at_once() -> None:
    """Of a moving machine the truth log tells once a second where it is."""
    shown, state = Shown(), SchedulerState()
    berm = Closure(name="berm", area=((0.0, 0.0),), by=KeyId("x"), why="", since_ns=0)
    state.closures["berm"] = berm
    berm.phase, berm.clear_ns = ClosurePhase.CLEAR, 5 * NS_PER_S
    node = NodeEntry(name=NodeId(HAULER), lockout=Lockout(phase=LockPhase.LOCKED))
    state.nodes[node.name] = node

    def shown_at(at_s: float) -> tuple[type[seen.Evidence], ...]:
        return tuple(map(type, shown.changes(state, ns_from_s(at_s))))

    assert shown_at(5.0) == (seen.Cleared,)
    assert shown_at(5.9) == ()
    assert shown_at(6.0) == (seen.Cleared, seen.LockedOut)
    berm.phase, node.lockout.phase = ClosurePhase.DRAINING, LockPhase.DRAINING
    assert shown_at(6.1) == (seen.Cleared, seen.LockedOut)


def test_a_journal_of_other_decisions_is_noticed() -> None:
    site, _ = driving()
    core = SchedulerCore(site.scheduler.config, site.site, site.fleet)
    reader = JournalReader(core)
    entries = [decode_entry(row.value) for row in site.rows() if row.table == JOURNAL]
    entries[-1] = msgspec.structs.replace(entries[-1], intents_crc=1)

    list(reader.read(entries))

    assert reader.differing == 1
