"""The words of `ack`, `shelve` and `unshelve`, and the list of alarms."""

import argparse
import json
from typing import Any

import pytest

from lunaredge.cli import alarm_words
from lunaredge.cli.listing import as_document, as_table
from lunaredge.cli.main import main
from lunaredge.scheduler import alarms
from lunaredge.units import NS_PER_S
from lunaredge.wire.alarm_requests import AcknowledgeRequest, ShelveRequest, UnshelveRequest
from lunaredge.wire.messages import View


def typed(*words: str) -> AcknowledgeRequest | ShelveRequest | UnshelveRequest:
    parser = argparse.ArgumentParser()
    alarm_words.add_arguments(parser, words[0])
    options = parser.parse_args([*words[1:]], argparse.Namespace(command=words[0]))
    return alarm_words._request(options)


def test_one_alarm_is_acknowledged_or_all_of_a_source() -> None:
    one, every = typed("ack", "hauler-1", "conflict"), typed("ack", "hauler-1", "--all")

    assert isinstance(one, AcknowledgeRequest)
    assert isinstance(every, AcknowledgeRequest)
    assert (one.source, one.code) == ("hauler-1", "conflict")
    assert (every.source, every.code) == ("hauler-1", "")


def test_an_alarm_is_shelved_for_a_time_and_a_reason() -> None:
    asked = typed("shelve", "hauler-1", "node.lost", "--for", "2h", "--why", "in bits")

    assert isinstance(asked, ShelveRequest)
    assert (asked.source, asked.code, asked.why) == ("hauler-1", "node.lost", "in bits")
    assert asked.for_ns == 7_200 * NS_PER_S


def test_an_alarm_is_taken_off_the_shelf_by_its_names() -> None:
    asked = typed("unshelve", "hauler-1", "node.lost")

    assert isinstance(asked, UnshelveRequest)
    assert (asked.source, asked.code) == ("hauler-1", "node.lost")


@pytest.mark.parametrize(
    ("text", "duration_s"), [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("1d", 86_400)]
)
def test_a_time_has_its_unit(text: str, duration_s: int) -> None:
    assert alarm_words.duration_ns(text) == duration_s * NS_PER_S


def test_an_alarm_is_shelved_here_for_as_long_as_the_scheduler_has_it() -> None:
    here = alarm_words.SHELVED_NS_MIN, alarm_words.SHELVED_NS_MAX

    assert here == (alarms.SHELVED_NS_MIN, alarms.SHELVED_NS_MAX)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ack", "hauler-1"), "give the code of one alarm, or --all"),
        (("ack", "hauler-1", "conflict", "--all"), "give the code of one alarm, or --all"),
        (("shelve", "hauler-1", "x", "--why", "y"), "--for"),
        (("shelve", "hauler-1", "x", "--for", "2h"), "--why"),
        (("shelve", "hauler-1", "x", "--for", "2h", "--why", " "), "say what others must know"),
        (("shelve", "hauler-1", "x", "--for", "soon", "--why", "y"), "no time: 'soon'; give a"),
        (("shelve", "hauler-1", "x", "--for", "2", "--why", "y"), "no time: '2'"),
        (("shelve", "hauler-1", "x", "--for", "-2h", "--why", "y"), "--for"),
        (("shelve", "hauler-1", "x", "--for", "nan", "--why", "y"), "no time: 'nan'"),
        (("shelve", "hauler-1", "x", "--for", "30s", "--why", "y"), "30s is out of range; give 1m"),
        (("shelve", "hauler-1", "x", "--for", "25h", "--why", "y"), "25h is out of range; give 1m"),
        (("unshelve", "hauler-1"), "code"),
    ],
)
def test_words_that_do_not_go_together_are_refused_unsent(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert main([*words]) == 2

    assert told in capsys.readouterr().err


# --- the list --------------------------------------------------------------------------------


def row(state: str, **fields: Any) -> dict[str, Any]:
    base = {
        "source": "excavator-1",
        "code": "lockout.not_safe",
        "text": "NOT SAFE any more: hauler-2 may be in the area",
        "state": state,
        "level": "critical",
        "active": True,
        "age_s": 86_399.5,
        "shelved_by": None,
        "shelved_why": None,
        "acknowledged_by": None,
    }
    return base | fields


SHELVED = row("shelved", shelved_by="operator-mari", shelved_why="it flutters", code="node.lost")


def view(*rows: dict[str, Any]) -> View:
    return View(name="alarms", site_ns=1, rows=json.dumps(rows).encode())


def test_the_list_fits_eighty_columns_with_level_state_and_age() -> None:
    headings, *lines = as_table(view(row("unacknowledged")), 0.0, 80).splitlines()

    assert headings.split() == ["LEVEL", "IS", "RAISED_S", "SOURCE", "CODE", "TEXT"]
    assert lines[0].split()[:3] == ["critical", "unacked", "86399.5"]
    assert max(map(len, lines)) <= 80
    at = headings.index("TEXT")
    assert " ".join(line[at:] for line in lines) == row("")["text"]


def test_an_alarm_grows_older_with_its_list() -> None:
    lines = as_table(view(row("unacknowledged", age_s=10.0)), 5.0, 80).splitlines()

    assert lines[1].split()[2] == "15.0"


def test_what_nobody_has_to_do_anything_about_is_left_out_and_the_shelf_is_counted() -> None:
    shown = as_table(view(row("returned"), SHELVED, SHELVED, row("normal")), 0.0, 200)

    assert [line.split()[1] for line in shown.splitlines()[1:-1]] == ["returned"]
    assert shown.splitlines()[-1] == "2 shelved; `lunaredge alarms --all` lists them"


def test_where_all_are_shelved_the_list_does_not_look_empty() -> None:
    assert as_table(view(SHELVED), 0.0, 80) == (
        "no alarms\n1 shelved; `lunaredge alarms --all` lists them"
    )


def test_all_are_listed_on_request_with_who_shelved_them_and_why() -> None:
    shown = as_table(view(row("returned"), SHELVED, row("normal")), 0.0, 200, is_all=True)

    lines = shown.splitlines()
    assert [line.split()[1] for line in lines[1:-1]] == ["returned", "shelved", "normal"]
    assert lines[2].endswith("(by operator-mari: it flutters)")
    assert lines[-1] == "1 shelved"


def test_an_acknowledged_alarm_says_who_knows() -> None:
    shown = as_table(view(row("acknowledged", acknowledged_by="operator-mari")), 0.0, 200)

    assert shown.endswith("(known to operator-mari)")


def test_scripts_get_what_the_list_shows_and_the_count_of_the_shelf() -> None:
    rows = [row("returned"), SHELVED]

    some, every = as_document(view(*rows), 0.0), as_document(view(*rows), 0.0, is_all=True)

    assert (some["rows"], some["shelved"]) == (rows[:1], 1)
    assert (every["rows"], every["shelved"]) == (rows, 1)
