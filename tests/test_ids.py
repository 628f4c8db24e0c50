"""Names: one rule for topics, files and the command line."""

import pytest

from lunaredge.ids import NAME_LENGTH_MAX, RESERVED_NAMES, is_name
from lunaredge.wire import topics


@pytest.mark.parametrize("text", ["a", "0", "digger-1", "a--b", "x" * NAME_LENGTH_MAX])
def test_plain_names_are_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text",
    ["", "-", "-a", "a-", "A", "é", "a b", "a/b", "a.b", "a_b", "a\n", "+", "#", "x" * 41, "٣"],
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_name(text)


def test_the_names_of_parts_are_reserved() -> None:
    parts = {topics.SCHEDULER, topics.GATEWAY, topics.EARTH, topics.ALL}

    assert parts < RESERVED_NAMES
    assert all(is_name(name) for name in RESERVED_NAMES)
