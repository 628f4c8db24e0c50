"""Texts in cells: nothing takes more of a screen than it was given."""

import unicodedata

import pytest

from lunaredge.cli.cells import cell_count, cut, padded, wrapped

WIDE = "\u6f22\u5b57"
COMBINED = "e\u0301\u0323"


@pytest.mark.parametrize(
    ("text", "count"),
    [("abc", 3), ("\u00e9", 1), (COMBINED, 1), (WIDE, 4), ("\uff21", 2), ("\u2630", 2), ("", 0)],
)
def test_a_text_takes_the_cells_that_a_screen_gives_it(text: str, count: int) -> None:
    assert cell_count(text) == count


def test_no_letter_takes_fewer_cells_than_a_screen_may_give_it() -> None:
    cells = pytest.importorskip("rich.cells")
    letters = map(chr, range(0x110000))

    wider = [
        letter
        for letter in letters
        if letter.isprintable() and unicodedata.category(letter) != "Cn"
        if cell_count(letter) < cells.cell_len(letter)
    ]

    assert wider == []


@pytest.mark.parametrize("width", range(9))
@pytest.mark.parametrize("text", ["hauler-1", WIDE * 3, "a" + WIDE * 3, COMBINED * 9])
def test_what_is_cut_and_filled_up_takes_just_its_room(text: str, width: int) -> None:
    assert cell_count(cut(text, width)) <= width
    assert cell_count(padded(cut(text, width), width)) == width


def test_what_fits_is_not_cut() -> None:
    assert (cut(WIDE, 4), cut(WIDE * 2, 6), cut("hauler-1", 2)) == (WIDE, "\u6f22...", "..")


@pytest.mark.parametrize("width", range(2, 12))
def test_no_line_is_wider_than_it_may_be(width: int) -> None:
    text = f"a {WIDE * 4} bc {COMBINED * 14} d {WIDE}"

    lines = wrapped(text, width)

    assert max(map(cell_count, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_words_stay_whole_where_they_are_kept() -> None:
    lines = wrapped("see excavator-1 there", 6, indent="  ", keeps_words=True)

    assert lines == ["see", "  excavator-1", "  there"]


def test_a_letter_that_is_wider_than_the_line_ends() -> None:
    assert wrapped(WIDE, 1) == list(WIDE)
