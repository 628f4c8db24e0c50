import io
import json

import pytest

from lunaredge.cli.cells import cell_count
from lunaredge.cli.table import Column, as_json, folded, render, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (True, "yes"),
        (False, "no"),
        (12.345, "12.3"),
        (0.123, "0.12"),
        (0.0, "0.0"),
        ({"raw": 2, "alarm": 0}, "raw=2 alarm=0"),
        (["a", "b"], "a b"),
        ("text", "text"),
        ("over\n\x1b[2Jdrawn", "over??[2Jdrawn"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_rows_are_aligned_under_their_headings() -> None:
    rows = [{"node": "hauler-1", "wh": 12.0}, {"node": "dc-1"}]

    text = render(rows, (Column("node", "NODE"), Column("wh", "WH")))

    assert text.splitlines() == ["NODE      WH", "hauler-1  12.0", "dc-1      -"]


THREE = (Column("node", "NODE"), Column("wh", "WH", spare=1), Column("why", "WHY", is_free=True))
ROW = {"node": "hauler-1", "wh": 12.0, "why": "after the census of excavator-1"}


def test_free_text_is_cut_before_a_column_is_left_out() -> None:
    assert render([ROW], THREE, 30).splitlines()[1] == "hauler-1  12.0  after the c..."


def test_a_spare_column_goes_where_text_would_say_nothing_any_more() -> None:
    assert render([ROW], THREE, 24).splitlines() == ["NODE      WHY", "hauler-1  after the c..."]


def test_text_whose_end_matters_goes_on_below_itself() -> None:
    columns = (Column("node", "NODE"), Column("why", "WHY", is_free=True, wraps=True))

    lines = render([ROW, {"node": "dc-1"}], columns, 30).splitlines()

    assert lines == [
        "NODE      WHY",
        "hauler-1  after the census of",
        "          excavator-1",
        "dc-1      -",
    ]


@pytest.mark.parametrize("width", [1, 2, 5, 12, 20])
def test_no_line_is_ever_wider_than_the_screen(width: int) -> None:
    assert max(map(len, render([ROW], THREE, width).splitlines())) <= width


WIDE = "\u6f22" * 30
COMBINED = "e\u0301" * 60
CUT = Column("why", "WHY", is_free=True)


@pytest.mark.parametrize("why", [WIDE, COMBINED, f"{WIDE} hauler-1 {COMBINED}"])
@pytest.mark.parametrize("column", [CUT, CUT._replace(wraps=True)])
def test_no_letter_is_wide_enough_to_begin_a_row_of_its_own(why: str, column: Column) -> None:
    columns = (Column("node", "NODE"), column)

    headings, first, *more = render([ROW | {"why": why}], columns, 40).splitlines()

    at = headings.index("WHY")
    assert max(map(cell_count, (first, *more))) <= 40
    assert first[:at] == "hauler-1  "
    assert all(not line[:at].strip() for line in more)
    assert bool(more) is column.wraps


def test_columns_stand_below_each_other_beside_wide_letters() -> None:
    columns = (Column("why", "WHY", is_free=True), Column("wh", "WH"))

    lines = render(
        [ROW | {"why": "\u6f22\u5b57" * 2}, ROW | {"why": "abcdef"}], columns
    ).splitlines()

    assert lines == ["WHY       WH", "\u6f22\u5b57\u6f22\u5b57  12.0", "abcdef    12.0"]


def test_where_there_is_room_nothing_is_left_out() -> None:
    assert render([ROW], THREE, 80) == render([ROW], THREE)


def test_json_is_json() -> None:
    assert json.loads(as_json({"ok": True})) == {"ok": True}


def test_columns_of_one_rank_leave_together() -> None:
    columns = (
        Column("x", "X_M", spare=2),
        Column("y", "Y_M", spare=2),
        Column("wh", "WH", spare=1),
        Column("why", "WHY", is_free=True),
    )
    row = {"x": "123456", "y": "123456", "wh": 12.0, "why": "after the census"}

    headings = [render([row], columns, width).split("\n")[0].split() for width in range(20, 41)]

    assert [("X_M" in found) == ("Y_M" in found) for found in headings] == [True] * 21
    assert ["WH", "WHY"] in headings


def test_a_row_that_says_so_goes_on_below_itself_and_the_others_are_cut() -> None:
    columns = (
        Column("node", "NODE"),
        Column("why", "WHY", is_free=True, wraps_where="is_grave", width_min=18),
    )

    lines = render([ROW | {"is_grave": True}, ROW], columns, 28).splitlines()

    assert lines[1:] == [
        "hauler-1  after the census",
        "          of excavator-1",
        "hauler-1  after the censu...",
    ]


def test_a_name_is_cut_last_of_all() -> None:
    columns = (
        Column("node", "NODE", is_name=True),
        Column("wh", "WH", spare=1),
        Column("why", "WHY", is_free=True, wraps=True),
    )

    line = render([ROW | {"node": "excavator-of-the-far-north"}], columns, 30).splitlines()[1]

    assert line == "excavator-of-th...  after the"


def test_what_a_row_is_called_by_is_cut_after_every_other_name_and_text() -> None:
    columns = (
        Column("node", "NODE", is_name=True),
        Column("task", "TASK", is_name=True),
        Column("why", "WHY", is_free=True, width_min=20),
    )
    row = {"node": "compactor-1", "task": "excavate-north", "why": "asleep until somebody comes"}

    lines = [render([row], columns, width).splitlines()[1] for width in (43, 36, 35, 34)]

    assert lines == [
        "compactor-1  excavat...  asleep until so...",
        "compactor-1  excavat...  asleep u...",
        "compactor-1  excavat...  asleep ...",
        "compact...  excavat...  asleep ...",
    ]


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", range(34, 90))
def test_an_answer_is_folded_between_words_and_never_in_a_name_or_a_command(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = "stopped: excavator-1; see `lunaredge nodes`; --release stop-12 of operator-mari: smoke"

    lines = folded(text, Screen()).splitlines()

    assert max(map(len, lines)) <= width
    for whole in ("operator-mari:", "excavator-1;", "`lunaredge nodes`", "--release stop-12"):
        assert sum(whole in line for line in lines) == 1
    assert folded(text, io.StringIO()) == text


@pytest.mark.parametrize("stream", [Screen(), io.StringIO()])
def test_an_answer_draws_nothing_whatever_is_in_it(stream: io.StringIO) -> None:
    hidden = "tag of mari\x1b[2K\rnobody is at scout-1\x1b[8m\n\u202e"

    assert folded(hidden, stream) == "tag of mari?[2K?nobody is at scout-1?[8m??"
