"""Checkers where a scheduler's disk was copied or lost: what they forgive, and nothing else."""

import pytest
from msgspec.structs import replace

from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.accounting import AccountingChecker
from lunaredge.sim.checkers.reuse import ReuseChecker
from lunaredge.sim.checkers.tasks import TaskChecker
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass
from tests.sim.exhibits import FLEET, asked, granted, situated, watch

ACROSS = ((-9.0, 0.0), (9.0, 0.0))
CROSSING = ((0.0, -9.0), (0.0, 9.0))

# --- I5: tasks, by each one's books -----------------------------------------------------------


def phase(at_ns, name, books=0):
    return seen.TaskSeen(at_ns=at_ns, task="t1", phase=name, books=books)


def assigned(at_ns, attempt, books=0, node="a"):
    return seen.Assigned(at_ns=at_ns, node=node, task="t1", attempt=attempt, books=books)


def done(at_ns, attempt, node="a"):
    return seen.Reported(at_ns=at_ns, node=node, task="t1", attempt=attempt, outcome="done")


def copied(at_ns, name, attempt):
    return seen.Copied(at_ns=at_ns, books=1, entries=(seen.BookEntry("t1", name, attempt),))


SETTLED = seen.Settled(at_ns=50, books=1)


def test_books_from_before_a_task_s_end_may_do_it_again():
    texts = watch(
        TaskChecker(),
        assigned(1, 1),
        done(2, 1),
        phase(3, "done"),
        copied(49, "queued", 0),
        SETTLED,
        phase(51, "queued", books=1),
        assigned(52, 1, books=1),
        done(53, 1),
        phase(54, "done", books=1),
    )

    assert texts == []


@pytest.mark.parametrize(("said_s", "found"), [(200, 0), (60, 0), (20, 1)])
def test_what_may_have_been_said_to_lost_books_alone_may_be_done_again(said_s, found):
    first = replace(done(said_s * NS_PER_S, 1), node="a")
    copy = replace(copied(180 * NS_PER_S, "queued", 0), entries=())

    texts = watch(
        TaskChecker(),
        assigned(NS_PER_S, 1),
        first,
        copy,
        seen.Settled(at_ns=300 * NS_PER_S, books=0),
        assigned(400 * NS_PER_S, 2),
        done(401 * NS_PER_S, 2),
        phase(402 * NS_PER_S, "done"),
    )

    assert len(texts) == found


@pytest.mark.parametrize(("again", "found"), [("b", 0), ("a", 1)])
def test_what_lost_books_gave_to_another_is_no_attempt_of_these(again, found):
    texts = watch(
        TaskChecker(),
        assigned(1, 1, node="b"),
        copied(49, "queued", 0),
        SETTLED,
        assigned(51, 1, books=1),
        done(52, 1, node=again),
        assigned(53, 2, books=1),
        done(54, 2),
        phase(55, "done", books=1),
    )

    assert len(texts) == found


def test_books_from_after_a_task_s_end_may_not():
    texts = watch(
        TaskChecker(),
        phase(3, "done"),
        copied(49, "done", 1),
        SETTLED,
        assigned(52, 2, books=1),
        phase(53, "started", books=1),
    )

    assert texts == [
        "t1 was assigned to a after it was done",
        "t1 was done and is started now",
    ]


def test_new_books_may_not_do_a_task_twice_either():
    texts = watch(
        TaskChecker(),
        copied(49, "queued", 0),
        SETTLED,
        assigned(51, 1, books=1),
        assigned(52, 2, books=1),
        done(53, 1),
        done(54, 2),
        phase(55, "done", books=1),
    )

    assert texts == ["t1 was done by attempts 1 and 2"]


def test_what_a_copy_had_in_hand_it_may_not_give_out_a_second_time():
    texts = watch(
        TaskChecker(),
        copied(49, "started", 1),
        SETTLED,
        done(51, 1),
        assigned(52, 2, books=1),
        done(53, 2),
        phase(54, "done", books=1),
    )

    assert texts == ["t1 was done by attempts 1 and 2"]


def rotted(node, record_class=RecordClass.STATE):
    return seen.Rotted(at_ns=3, node=node, boot=1, record_class=record_class, first_seq=1, seq=1)


def test_a_task_whose_report_rots_unheard_may_be_done_again():
    texts = watch(
        TaskChecker(), assigned(1, 1), done(2, 1), rotted("a"), assigned(4, 2), done(5, 2)
    )

    assert texts == []


@pytest.mark.parametrize("loss", [rotted("b"), rotted("a", RecordClass.EVENT)])
def test_a_task_whose_report_was_not_lost_may_not(loss):
    texts = watch(TaskChecker(), assigned(1, 1), done(2, 1), loss, assigned(4, 2), done(5, 2))

    assert texts == ["t1 was done by attempts 1 and 2"]


def test_a_task_that_has_ended_may_not_be_done_again_for_a_rotten_report():
    texts = watch(
        TaskChecker(), assigned(1, 1), done(2, 1), phase(2, "done"), rotted("a"), done(5, 2)
    )

    assert texts == ["t1 was done by attempts 1 and 2"]


def twins(*events):
    """Watch two leaders that both had gave the first attempt out; the other one took its end."""
    first = (assigned(1, 1), copied(2, "started", 1), done(3, 1))
    last = (assigned(12, 2), done(13, 2), phase(14, "done"))
    return watch(TaskChecker(), *first, *events, *last)


def test_an_end_that_a_lost_disk_alone_knew_may_be_reached_again():
    lost = seen.Forgotten(at_ns=9, uploads=(), relayed=(), kept=(), ends=("t1",))

    assert twins(lost, seen.Settled(at_ns=10, books=0)) == []


def test_an_end_that_the_other_leader_shows_may_be_reached_again():
    assert twins(phase(4, "done", books=1)) == []


def test_an_end_that_nobody_else_took_may_not():
    assert twins() == ["t1 was done by attempts 1 and 2"]


def test_the_books_that_are_left_must_see_every_task_to_its_end():
    texts = watch(TaskChecker(), phase(1, "done"), copied(49, "queued", 0), SETTLED)

    assert texts == ["t1 never ended"]


# --- I4: records ------------------------------------------------------------------------------


def upload(kind, seq, **more):
    return kind(
        at_ns=seq,
        node="a",
        boot=1,
        record_class=RecordClass.EVENT,
        first_seq=seq,
        seq=seq,
        count=1,
        dropped=False,
        **more,
    )


def archived(seq):
    return upload(seen.Archived, seq, store="scheduler")


def forgotten(*numbers, relayed=(), kept=()):
    lost = tuple(seen.LostUpload("a", 1, RecordClass.EVENT, seq, seq) for seq in numbers)
    return seen.Forgotten(at_ns=9, uploads=lost, relayed=relayed, kept=kept, ends=())


def kept(store):
    return seen.Kept(at_ns=1, store=store, node="a", key=7)


def test_what_a_lost_disk_alone_had_may_be_missing_or_come_again():
    offers = [upload(seen.Offered, seq) for seq in (1, 2, 3)]

    texts = watch(
        AccountingChecker(), *offers, archived(1), archived(2), archived(3), forgotten(2, 3),
        archived(3),
    )  # fmt: skip

    assert texts == []


def test_what_other_disks_had_as_well_may_not():
    offers = [upload(seen.Offered, seq) for seq in (1, 2)]

    texts = watch(AccountingChecker(), *offers, archived(1), forgotten(1), archived(1), archived(1))

    assert texts == [
        "a event 1 was archived twice",
        "a event 2 of boot 1 was sent and never archived",
    ]


def test_earth_may_have_what_the_site_has_lost_and_no_more():
    record = ("a", 7)
    lost = forgotten(relayed=(record,), kept=(record,))

    fine = watch(AccountingChecker(), kept("scheduler"), kept("earth"), lost)
    undelivered = watch(AccountingChecker(), kept("scheduler"), lost)
    doubled = watch(AccountingChecker(), kept("scheduler"), kept("earth"), kept("earth"), lost)

    assert (fine, undelivered) == ([], [])
    assert doubled == ["record 00000007 of a is on Earth 2 times more than at the site"]


# --- I3: a fence, as outsiders know it --------------------------------------------------------


def under(epoch, word):
    return replace(word, epoch=epoch)


def test_a_grant_that_its_machine_will_never_take_holds_no_ground():
    texts = watch(
        ReuseChecker(FLEET),
        asked(1, 1),
        under(5, granted(2, 1, ACROSS)),
        under(6, situated(3, at_rest=False)),
        under(5, granted(4, 1, ACROSS, authority="ma2")),
        asked(5, 1, machine="b"),
        under(6, granted(6, 1, CROSSING, machine="b", authority="ma3")),
    )

    assert texts == []


def test_a_grant_sent_again_under_an_epoch_that_its_machine_obeys_is_judged_anew():
    texts = watch(
        ReuseChecker(FLEET),
        asked(1, 1),
        under(5, granted(2, 1, ACROSS)),
        under(6, situated(3, at_rest=False)),
        asked(4, 1, machine="b"),
        under(6, granted(5, 1, CROSSING, machine="b", authority="ma2")),
        under(7, granted(6, 1, ACROSS)),
    )

    assert len(texts) == 1
    assert "ma1 for a is granted" in texts[0]


def test_a_grant_that_its_machine_may_still_take_holds_its_ground():
    texts = watch(
        ReuseChecker(FLEET),
        asked(1, 1),
        under(6, situated(2, at_rest=False)),
        under(6, granted(3, 1, ACROSS)),
        under(6, situated(4, at_rest=False)),
        asked(5, 1, machine="b"),
        under(7, granted(6, 1, CROSSING, machine="b", authority="ma2")),
    )

    assert len(texts) == 1


# --- I5: a machine that a person gave up ------------------------------------------------------


def given_up(at_ns, *, ok=True):
    asking = seen.Asking("operator", "r1")
    word = seen.VouchWord(at_ns=at_ns, machine="a", asking=asking)
    return word, seen.Answered(at_ns=at_ns, asking=asking, ok=ok)


@pytest.mark.parametrize(
    ("ok", "again_s", "found"),
    [(True, 4, 0), (True, 124, 0), (True, 126, 1), (False, 4, 1)],
    ids=["nobody knew", "on its way", "after it was said", "not given up"],
)
def test_what_a_machine_had_done_unheard_may_be_done_again_by_whoever_got_it_before(
    *, ok, again_s, found
):
    texts = watch(
        TaskChecker(),
        assigned(1 * NS_PER_S, 1),
        *given_up(3 * NS_PER_S, ok=ok),
        *([assigned(again_s * NS_PER_S, 2, node="b")] if again_s < 5 else []),
        done(5 * NS_PER_S, 1),
        *([assigned(again_s * NS_PER_S, 2, node="b")] if again_s > 5 else []),
        done(300 * NS_PER_S, 2, node="b"),
    )

    assert len(texts) == found


def test_an_answer_that_is_heard_again_speaks_of_no_later_attempt():
    word, answer = given_up(3)
    texts = watch(
        TaskChecker(),
        assigned(1, 1),
        word,
        answer,
        assigned(4, 2),
        replace(answer, at_ns=5),
        done(6, 2),
        assigned(7, 3, node="b"),
        done(8, 3, node="b"),
    )

    assert texts == ["t1 was done by attempts 2 and 3"]
