"""What an operator is told of an emergency stop: only what nodes have confirmed."""

import msgspec
import pytest

from lunaredge.cli.main import EXIT_NOT_SO
from lunaredge.cli.stop_verdict import EXIT_CODES, Heard, NodeRow, Outcome, judge, judge_from_earth
from lunaredge.wire.messages import Answer, Stop
from tests.system.site_run import STANDING

ALL = Stop(stop="stop-1", node=None, reason="smoke")
ONE = msgspec.structs.replace(ALL, node="a")
STOPPED = msgspec.structs.replace(STANDING, stops=("stop-1",))


def heard(*rows, is_newer=True, **words):
    return Heard(nodes=rows or None, is_newer=is_newer, words=words)


def row(name, *stops, presence="up"):
    return NodeRow(node=name, presence=presence, stops=stops)


def test_a_stop_that_every_node_confirmed_is_done():
    verdict = judge(ALL, heard(row("a", "stop-1"), row("b", "stop-1")))

    assert verdict.outcome is Outcome.STOPPED
    assert verdict.confirmed == ("a", "b")
    assert verdict.text == (
        "stop-1: 2 of 2 nodes stopped: a, b; none of them moves; release it with --release stop-1"
    )


STOPPING = msgspec.structs.replace(row("a", "stop-1"), stops_in_s=3.6, authority="ma1-1")


def test_the_worst_time_to_rest_counts_those_that_did_not_hear():
    lost = msgspec.structs.replace(row("b", presence="lost"), may_move_s=312.4)

    verdict = judge(ALL, heard(STOPPING, lost))

    assert verdict.rest_s == 312.4
    assert verdict.text == (
        "stop-1: 1 of 2 nodes stopped: a; NOT confirmed: b (lost, may move for 312 s more); "
        "all at rest within 312.4 s; release it with --release stop-1"
    )


def test_the_slowest_to_stop_gives_the_time():
    verdict = judge(ALL, heard(STOPPING, msgspec.structs.replace(STOPPING, node="b", stops_in_s=2)))

    assert verdict.rest_s == 3.6
    assert "; all at rest within 3.6 s; " in verdict.text


@pytest.mark.parametrize(
    ("other", "is_newer"),
    [
        (row("b", presence="unknown"), True),
        (msgspec.structs.replace(row("b"), may_move_s=10.0), False),
        (msgspec.structs.replace(STOPPING, node="b", stops_in_s=None), True),
    ],
    ids=["not counted yet", "a view from before the stop", "no brakes"],
)
def test_no_time_is_told_where_one_may_move_longer(other, is_newer):
    verdict = judge(ALL, heard(STOPPING, other, is_newer=is_newer))

    assert verdict.rest_s is None
    assert "; by when ALL are at rest is not known; " in verdict.text
    assert "10 s more" not in verdict.text


def test_a_node_that_no_view_knows_leaves_the_time_unknown():
    assert judge(ALL, heard(STOPPING, b=STOPPED)).rest_s is None


def test_a_nodes_own_word_confirms_before_any_view_does():
    verdict = judge(ONE, heard(row("a"), a=STOPPED))

    assert verdict.outcome is Outcome.STOPPED


def test_a_nodes_own_word_counts_beside_the_view():
    verdict = judge(ALL, heard(row("a", "stop-1"), row("b"), b=STOPPED))

    assert verdict.outcome is Outcome.STOPPED


def test_a_view_that_does_not_know_the_stop_may_lack_somebody():
    # Anyone may send an old view again, of a time when there were fewer.
    verdict = judge(ALL, heard(row("a"), row("b"), a=STOPPED, b=STOPPED))

    assert verdict.outcome is Outcome.PARTLY
    assert "2 of 2 nodes stopped: a, b; the scheduler has not said since the stop" in verdict.text


def test_a_node_that_is_silent_is_named_with_what_is_known_of_it():
    verdict = judge(ALL, heard(row("a", "stop-1"), row("b", presence="lost")))

    assert verdict.outcome is Outcome.PARTLY
    assert verdict.missing == ("b",)
    assert "1 of 2 nodes stopped: a; NOT confirmed: b (lost)" in verdict.text


@pytest.mark.parametrize(
    "known", [heard(row("a", presence="lost")), heard()], ids=["it is lost", "never there"]
)
def test_a_stop_that_the_scheduler_took_raises_no_doubt_of_the_key(known):
    verdict = judge(ONE, known)

    assert verdict.outcome is Outcome.PARTLY
    assert verdict.confirmed == ()
    assert "enrolled" not in verdict.text


@pytest.mark.parametrize("rows", [(), (row("a"),)], ids=["no view", "an old view"])
def test_a_stop_that_nobody_answers_is_not_called_done(rows):
    verdict = judge(ALL, heard(*rows, is_newer=False))

    assert verdict.outcome is Outcome.UNHEARD
    assert "NOBODY answers; take it that nothing has stopped" in verdict.text
    assert "is this key enrolled (keys/public.json)?" in verdict.text
    assert "It stays all the same: whoever hears of it later" in verdict.text
    assert "stops then, until somebody releases it: --release stop-1" in verdict.text


def test_an_older_stop_confirms_nothing():
    verdict = judge(ALL, heard(row("a", "stop-0")))

    assert verdict.confirmed == ()


def test_a_stop_for_one_node_asks_no_other():
    verdict = judge(ONE, heard(row("a", "stop-1"), row("b")))

    assert verdict.outcome is Outcome.STOPPED
    assert verdict.text.startswith("stop-1: 1 of 1 node stopped: a")


def test_a_name_that_no_node_has_is_not_so_and_names_are_given():
    verdict = judge(msgspec.structs.replace(ALL, node="c"), heard(row("a"), row("b")))

    assert verdict.outcome is Outcome.NO_SUCH_NODE
    assert EXIT_CODES[verdict.outcome] == EXIT_NOT_SO
    assert verdict.text.startswith("NOTHING has stopped: no node is called c; there are: a, b;")
    assert "its alarm stays until somebody releases it: --release stop-1" in verdict.text


def test_words_without_a_view_do_not_tell_who_else_there_is():
    verdict = judge(ALL, heard(a=STOPPED))

    assert verdict.outcome is Outcome.PARTLY
    assert "nobody has published which nodes there are" in verdict.text


def test_from_earth_nothing_is_ever_confirmed():
    taken = judge_from_earth(ALL, Answer(request="stop-1", ok=True, text="handed to the site"))
    silent = judge_from_earth(ALL, None)

    assert (taken.outcome, silent.outcome) == (Outcome.PARTLY, Outcome.UNHEARD)
    assert "NOTHING is confirmed" in taken.text
    assert "handed to the site" in taken.text
    assert "DROPPED where the link does not open within 600 s of site time" in silent.text
