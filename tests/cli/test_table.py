import json

import pytest

from lunaredge.cli.table import Column, as_json, render, shown


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
    ],
)
def test_values_are_shown_as_a_person_reads_them(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_rows_are_aligned_under_their_headings() -> None:
    rows = [{"node": "hauler-1", "wh": 12.0}, {"node": "dc-1"}]

    text = render(rows, (Column("node", "NODE"), Column("wh", "WH")))

    assert text.splitlines() == ["NODE      WH", "hauler-1  12.0", "dc-1      -"]


def test_json_is_json() -> None:
    assert json.loads(as_json({"ok": True})) == {"ok": True}
