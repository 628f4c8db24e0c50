"""Two leaders, old images: what a leader does that hears of another one, or finds its traces."""

from lunaredge.ids import BootId, NodeId, TaskId
from lunaredge.scheduler import presence
from lunaredge.scheduler.state import TaskPhase
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, records, spool
from tests.scheduler import plain_site
from tests.scheduler.rig import Site

MINE, ELSEWHERE = "grader-1", "grader-2"


def life(site: Site, boot: int) -> int:
    """Begin a life of that boot id on the disk; give the epoch it leads under."""
    site.boots = boot - 1
    site.start()
    return epoch(site)


def epoch(site: Site) -> int:
    return site.scheduler.core.state.epoch


def obeying(site: Site, name: str, number: int) -> None:
    """Have a node say that it obeys an epoch."""
    site.say(name, messages.Heartbeat(situation=site.situation(name, epoch=number)))


def counted(site: Site) -> list[str]:
    return [node.name for node in site.scheduler.core.state.nodes.values() if node.censused]


# --- epochs -----------------------------------------------------------------------------------


def test_leaders_on_copies_of_one_disk_never_share_an_epoch():
    boots = (5 << 24 | 111, 5 << 24 | 222)
    high = 9 << 24 | 7
    found = []
    for boot in boots:
        site = Site()
        obeying(site, "hauler-1", high)
        image = dict(site.disk)
        first = life(site, boot)
        obeying(site, "hauler-1", high << 2)
        found += [first, epoch(site)]
        site.disk = image

    assert len(set(found)) == 4
    assert all(number > high for number in found)


def test_an_epoch_is_the_boot_id_where_nothing_higher_was_heard():
    boot = 5 << 24 | 111

    assert life(Site(), boot) == boot


def test_who_was_behind_says_so_for_an_hour_and_anew_the_next_time():
    site = Site()
    site.census()
    alarms = site.scheduler.core.state.alarms
    found = []
    for _ in range(2):
        site.wait(5_000.0)
        obeying(site, "hauler-1", epoch(site) + 7)
        behind = alarms["scheduler/epoch.behind"]
        found.append((behind.active, behind.since_ns, behind.text))
        site.wait(30.0)
        site.census()
        site.wait(3_500.0)
        site.say("hauler-1", messages.Heartbeat(situation=site.situation("hauler-1")))
        assert behind.active
        site.wait(100.0)
        site.say("hauler-1", messages.Heartbeat(situation=site.situation("hauler-1")))
        assert not behind.active

    (first, first_ns, _), (second, second_ns, text) = found
    assert (first, second) == (True, True)
    assert second_ns > first_ns
    assert "NOT closed here" in text


def test_who_was_behind_says_so_until_all_are_counted_by_whatever_word():
    site = Site()
    site.census()
    obeying(site, "hauler-1", epoch(site) + 7)
    site.census(*[name for name in site.node_boots if name != "hauler-1"])
    behind = site.scheduler.core.state.alarms["scheduler/epoch.behind"]
    site.wait(5_000.0)
    site.say("dc-1", messages.Heartbeat(situation=site.situation("dc-1")))
    was_active = behind.active

    assert site.vouch("hauler-1", (32.0, 8.0)).ok

    assert was_active
    assert not behind.active


# --- bids -------------------------------------------------------------------------------------


def outbid(site: Site) -> int:
    """Have a node obey somebody else; give by how much this leader's epoch rose."""
    before = epoch(site)
    obeying(site, "hauler-1", before + 1)
    return epoch(site) - before


def test_a_leader_outbids_another_at_once_and_then_ever_more_rarely():
    site = Site()
    site.census()
    bids_s = []
    for second in range(200):
        if outbid(site):
            bids_s.append(second)
        site.wait(1.0)

    assert bids_s == [0, 10, 30, 70, 150]


def test_a_leader_that_was_outbid_grants_nothing_until_it_has_counted_that_machine_again():
    site = Site()
    site.census()
    outbid(site)
    site.census()
    waiting = counted(site)

    outbid(site)

    assert waiting == [spec.name for spec in site.fleet.nodes]
    assert "hauler-1" not in counted(site)


def test_bids_never_wait_for_longer_than_ten_minutes():
    site = Site()
    site.census()
    state = site.scheduler.core.state
    state.bid_count, state.lead_ns = 40, site.now_ns - presence.BID_GAP_NS_MAX

    assert outbid(site)


def test_a_leader_left_in_peace_bids_at_once_again():
    site = Site()
    site.census()
    state = site.scheduler.core.state
    state.bid_count, state.lead_ns = 40, site.now_ns - 2 * presence.BID_GAP_NS_MAX - 1

    outbid(site)

    assert state.bid_count == 1


# --- what a newer journal gave out ------------------------------------------------------------


def with_task(**more: object) -> Site:
    """A site that waits for a grader with one task for it."""
    site = Site()
    site.census("hauler-1", "dc-1")
    site.submit(plain_site.order(plain_site.grade(**more)))
    return site


def task(site: Site):
    return site.scheduler.core.state.tasks[TaskId("grade-pad")]


def holding(site: Site, name: str, attempt: int) -> None:
    word = site.situation(name, task="grade-pad", attempt=attempt, epoch=epoch(site))
    site.say(name, messages.Heartbeat(situation=word))


def test_a_task_that_a_newer_journal_gave_out_stays_with_its_node():
    site = with_task()

    holding(site, MINE, 1)
    holding(site, MINE, 1)

    assert (task(site).phase, task(site).node, task(site).attempt) == (
        TaskPhase.ACCEPTED,
        MINE,
        1,
    )
    assert not site.sent(MINE, messages.Cancel)
    site.report(MINE, "grade-pad", "done", 1)
    assert task(site).phase is TaskPhase.DONE


def test_the_end_of_a_task_that_a_newer_journal_gave_out_counts():
    site = with_task()

    site.report(MINE, "grade-pad", "done", 1, attempt=2)

    assert (task(site).phase, task(site).attempt) == (TaskPhase.DONE, 2)


def test_a_later_attempt_elsewhere_takes_the_task_from_the_node_of_the_earlier_one():
    site = with_task(only_on=(NodeId(MINE), NodeId(ELSEWHERE)))
    site.census()
    site.solve()
    mine, other = (MINE, ELSEWHERE) if task(site).node == MINE else (ELSEWHERE, MINE)
    site.reply(mine, site.assignment(mine).command)

    holding(site, other, 2)

    assert (task(site).node, task(site).attempt) == (other, 2)
    assert site.scheduler.core.state.nodes[NodeId(mine)].task is None
    holding(site, mine, 1)
    assert site.sent(mine, messages.Cancel)


def test_a_task_whose_word_from_earth_this_journal_does_not_know_is_taken_back():
    site = with_task(needs_earth=True)

    holding(site, MINE, 1)

    assert task(site).phase is TaskPhase.QUEUED
    assert site.sent(MINE, messages.Cancel)


def test_an_attempt_that_no_leader_ever_gave_out_is_taken_back():
    site = with_task()

    holding(site, MINE, 10**6)

    assert task(site).phase is TaskPhase.QUEUED
    assert site.sent(MINE, messages.Cancel)


def wishes(site: Site) -> int:
    """Count how often Earth is asked for its word."""
    items = [spool.decode_item(row.value) for row in site.rows() if row.table == spool.TABLE]
    records_waiting = [records.decode_record(item.record) for item in items]
    return sum(isinstance(record, records.ApprovalWanted) for record in records_waiting)


def test_each_start_asks_earth_again_for_the_words_that_its_journal_lacks():
    site = with_task(needs_earth=True)
    first = wishes(site)

    site.start()
    second = wishes(site)
    word = messages.Approve(request="yes", task=TaskId("grade-pad"), approved=True)
    site.ask(word, site.earth)
    site.start()

    assert (first, second, wishes(site)) == (1, 2, 2)


def test_who_was_vouched_for_must_speak_to_the_next_leader():
    site = Site()
    site.census()
    node = site.scheduler.core.state.nodes[NodeId("hauler-1")]
    node.vouched = True

    presence.take_lead(site.scheduler.core.ctx, epoch(site) + 1)

    assert not node.vouched
    assert BootId(site.boots) == site.scheduler.core.state.boot
    assert site.scheduler.core.state.lead_ns <= site.now_ns + NS_PER_S
