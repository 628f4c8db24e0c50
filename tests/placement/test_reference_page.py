"""The reference page of the placement library: every public name, and an example that runs."""

import re
from pathlib import Path

from lunaredge import placement

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "placement-api.md").read_text("utf-8")


def test_every_public_name_has_its_row_and_nothing_else_has():
    rows = re.findall(r"^\| `(\w+)` \| \S", PAGE, flags=re.MULTILINE)

    assert sorted(rows) == sorted(placement.__all__)


def test_the_example_prints_what_the_page_says(capsys):
    code, printed = re.findall(r"```(?:python)?\n(.*?)```", PAGE, flags=re.DOTALL)[:2]

    exec(code, {})

    assert capsys.readouterr().out == printed
