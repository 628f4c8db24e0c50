"""Lists: what fits the screen, and how old it says it is."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from lunaredge.cli.listing import COLUMNS, NOBODY, _is_ready, as_document, as_table
from lunaredge.cli.table import render
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import View

HOUR_NS = 3_600 * NS_PER_S
NODE = {
    "node": "excavator-1",
    "presence": "up",
    "state": "holding",
    "autonomy": "A0",
    "task": "excavate-a",
    "x_m": 170.5,
    "y_m": 118.0,
    "battery_wh": 1210.5,
    "mark": "measured",
    "age_s": 4.0,
    "waits_for": "census waits for excavator-1, excavator-2, hauler-1, hauler-2, grader-1",
}


def view(*rows, name="nodes"):
    return View(name=name, site_ns=1, rows=json.dumps(rows).encode())


def test_a_list_that_was_cut_says_so():
    cut = msgspec.structs.replace(view(NODE), left_out=7)

    assert as_table(cut, 0.0, 80).splitlines()[-1] == "and 7 more, for which the list has no room"
    assert as_document(cut, 0.0)["left_out"] == 7
    assert "more" not in as_table(view(NODE), 0.0, 80)


def test_a_list_of_nodes_fits_eighty_columns():
    lines = as_table(view(NODE), 0.0, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("...")
    assert "excavator-1" in lines[1]


ASLEEP = NODE | {
    "node": "compactor-1",
    "presence": "hibernating",
    "state": "hibernating",
    "task": None,
    "asleep_until_ns": 1_831_377_600 * NS_PER_S,
    "waits_for": "asleep until 2028-01-13 12:00:00",
}


@pytest.mark.parametrize("mark", ["measured", "last known"])
def test_at_eighty_columns_names_are_whole_and_so_is_until_when_a_node_sleeps(mark):
    rows = [NODE | {"task": "survey-of-the-northern-rim"}, ASLEEP | {"mark": mark}]

    lines = as_table(view(*rows), 0.0, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[1:3]] == ["excavator-1", "compactor-1"]
    at = lines[0].index("WAITS FOR")
    assert " ".join(line[at:].strip() for line in lines[2:]) == ASLEEP["waits_for"]


LINK = {
    "state": "open",
    "autonomy": "A0",
    "countdown_s": 28636.6,
    "light_time_s": 1.3,
    "backlog_items": 9,
    "backlog_peak": {"items": 120, "bytes": 49574},
    "delivered": {"alarm": 16, "event": 129, "state": 41, "summary": 86, "raw": 12345},
}


def test_at_eighty_columns_the_peak_goes_before_any_count_of_what_was_delivered():
    narrow = as_table(view(LINK, name="link"), 0.0, 80)
    wide = as_table(view(LINK, name="link"), 0.0, 130)

    assert max(map(len, narrow.splitlines())) <= 80
    assert all(f"{name}={count}" in narrow for name, count in LINK["delivered"].items())
    assert "PEAK" not in narrow
    assert "items=120 bytes=49574" in wide


UNSAFE = NODE | {
    "node": "scout-1",
    "state": "locked",
    "waits_for": (
        "NOT SAFE YET (scout-1 has to confirm, hauler-1 has to leave the area): tag of "
        "operator-mari, to drive by hand: out of the crater"
    ),
    "restrained": True,
}


@pytest.mark.parametrize("task", ["-", "excavate-a", "survey-of-the-whole-northern-rim"])
@pytest.mark.parametrize("mark", ["measured", "last known"])
def test_what_keeps_a_machine_at_rest_is_never_cut_at_eighty_columns(task, mark):
    rows = [NODE | {"node": f"excavator-{n}"} for n in range(7)]

    text = as_table(view(*rows, UNSAFE | {"task": task, "mark": mark}), 0.0, 80)

    headings, *lines = text.splitlines()
    at = headings.index("WAITS FOR")
    said = [line[at:] for line in lines[lines.index(next(n for n in lines if "scout-1" in n)) :]]
    assert " ".join(said) == UNSAFE["waits_for"]
    assert max(map(len, lines)) <= 80
    assert ("X_M" in headings) == ("Y_M" in headings)
    assert mark == "measured" or (mark in text and "X_M" in headings)


def test_what_a_machine_cuts_off_is_a_column_where_one_does():
    closer = NODE | {"node": "hauler-1", "cuts_off": ["dig-a", "haul-a"]}

    plain = as_table(view(NODE | {"cuts_off": []}), 0.0, None)
    closed = as_table(view(NODE | {"cuts_off": []}, closer), 0.0, None)

    assert "CUTS OFF" not in plain
    assert "dig-a haul-a" in closed


def test_a_pipe_gets_everything():
    text = as_table(view(NODE), 0.0, None)

    assert NODE["waits_for"] in text
    assert "170.5" in text


def test_every_list_fits_eighty_columns_whatever_its_texts():
    for name, columns in COLUMNS.items():
        row = {column.key: "x" * (200 if column.is_free else 11) for column in columns}

        lines = render([row], columns, 80).splitlines()

        assert max(map(len, lines)) <= 80, name


def test_an_age_goes_on_growing_with_the_views():
    text = as_table(view(NODE), 30.0, None)

    assert "34.0" in text
    assert text.endswith("as of 30 s ago")


def test_what_is_old_is_no_longer_called_measured():
    text = as_table(view(NODE), 120.0, None)

    assert "measured" not in text
    assert "last known" in text
    assert text.endswith("as of 120 s ago: last known, nobody has said more since")


def test_a_fresh_list_has_no_remark():
    assert "as of" not in as_table(view(NODE), 1.0, None)


def test_a_plan_tells_that_its_times_are_from_now_in_whole_seconds():
    row = {"task": "dig", "node": "digger-1", "is": "planned", "starts_in_s": 90.4}

    lines = as_table(view(row, name="plan"), 30.0, 80).splitlines()

    assert "START_IN_S  END_IN_S" in lines[0]
    assert lines[1].split()[4:] == ["60", "-", "-", "-"]


def test_an_empty_list_says_so():
    assert as_table(view(name="alarms"), 0.0, 80) == "no alarms"


def test_scripts_get_the_rows_as_they_were_made_and_how_old_the_view_is():
    document = as_document(view(NODE), 30.04)

    assert (document["age_s"], document["rows"]) == (30.0, [NODE])


@pytest.mark.parametrize(
    ("rows", "age_s", "is_ready"),
    [(b"[{}]", 14.0, True), (b"[{}]", 16.0, False), (NOBODY, 0.0, False)],
    ids=["said lately", "silent", "nobody"],
)
@pytest.mark.parametrize("speed", [1.0, 30.0])
def test_a_standby_is_ready_only_when_it_has_said_so_lately(rows, age_s, is_ready, speed):
    clock = SimpleNamespace(speed=speed, now_ns=lambda: HOUR_NS)
    client = SimpleNamespace(identity=SimpleNamespace(clock=clock))
    site_ns = HOUR_NS - round(age_s * speed * NS_PER_S)

    assert _is_ready(client, View(name="standby", site_ns=site_ns, rows=rows)) is is_ready


def test_an_alarm_is_never_cut():
    text = "emergency stop called by operator-mari: smoke behind the hauler at the north berm"
    row = {"source": "site", "code": "stop.stop-12ab34cd", "active": True, "text": text}

    headings, *lines = as_table(view(row, name="alarms"), 0.0, 80).splitlines()

    at = headings.index("TEXT")
    assert " ".join(line[at:] for line in lines) == text


def test_a_machine_that_does_not_know_where_it_is_keeps_its_last_place_on_a_narrow_screen():
    blind = NODE | {
        "node": "hauler-1",
        "state": "safe",
        "task": "excavate-north",
        "mark": "last known",
        "age_s": 193.2,
        "waits_for": "in its safe state: no sample of the machine for three periods",
        "restrained": True,
    }

    text = as_table(view(NODE | {"task": None}, blind), 0.0, 80)

    assert "170.5  118.0" in text.splitlines()[2]
    assert "last known" in text


INTAKE = {
    "node": "excavator-1",
    "archived": 123_456_789,
    "dropped": 12_345,
    "missing": 3,
    "quarantined": 30,
    "duplicates": 4_321,
    "late": 1_234,
    "backlog": 210,
    "holes": 2,
    "quarantined_by_reason": {"from_the_future": 20, "bad_values": 10},
    "age_s": 4.5,
}


def test_the_intake_says_by_reason_what_was_put_aside_and_what_was_refused():
    refused = {"node": "", "refused": {"not_authentic": 2, "no_table": 1}}
    given = view(refused, INTAKE, name="intake")

    narrow = as_table(given, 0.0, 80).splitlines()
    wide = as_table(given, 30.0, None)

    assert max(map(len, narrow)) <= 80
    assert "123456789" in narrow[1]
    assert narrow[-1] == "refused: not_authentic=2 no_table=1"
    assert "from_the_future=20 bad_values=10" in wide
    assert "34.5" in wide
    assert as_document(given, 0.0)["rows"] == [refused, INTAKE]


@pytest.mark.parametrize(("age_s", "is_stale"), [(90.0, False), (91.0, True)])
def test_an_intake_of_which_nothing_is_heard_says_so_on_its_first_line(age_s, is_stale):
    given = view(INTAKE, name="intake")

    first = as_table(given, age_s, 80).splitlines()[0]

    assert first.startswith("STALE: the archive has said nothing for 91 s") is is_stale
    assert as_document(given, age_s)["stale"] is is_stale
    assert "stale" not in as_document(view(NODE), age_s)


def test_an_intake_that_refused_nothing_says_nothing_of_it():
    text = as_table(view({"node": "", "refused": {}}, INTAKE, name="intake"), 0.0, None)

    assert "refused" not in text
