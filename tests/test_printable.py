"""Text from outside on a screen: what draws or hides there is seen as a question mark."""

import unicodedata

import pytest

from lunaredge.printable import printable


@pytest.mark.parametrize("text", ["", "a new track", "é naïve", "漢字 かな", "e\u0301", "→ ½ °"])
def test_what_people_read_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "letter",
    [
        *("\n", "\r", "\x1b", "\x7f", "\x9b", "\u2028"),
        *("\u00a0", "\u2003", "\u3000", "\u2800", "\u3164", "\uffa0", "\u115f", "\u1160"),
        *("\u034f", "\u180b", "\u180f", "\u17b4", "\ufe0f", "\U000e0100", "\U0001d159"),
        *("\u200b", "\u200d", "\u00ad", "\ufeff", "\u2060", "\U000e0041"),
        *("\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"),
    ],
    ids=lambda letter: unicodedata.name(letter, repr(letter)),
)
def test_what_breaks_a_line_turns_it_round_or_cannot_be_seen_is_a_question_mark(
    letter: str,
) -> None:
    assert printable(f"a{letter}b") == "a?b"
