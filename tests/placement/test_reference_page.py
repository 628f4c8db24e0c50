"""The reference page of the placement library: every public name, and an example that runs."""

import re
from pathlib import Path

import pytest

from lunaredge import placement

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "placement-api.md").read_text("utf-8")


def test_every_public_name_has_its_row_and_nothing_else_has():
    rows = re.findall(r"^\| `(\w+)` \| \S", PAGE, flags=re.MULTILINE)

    assert sorted(rows) == sorted(placement.__all__)


EXAMPLES = re.findall(r"```python\n(.*?)```\s+prints\s+```\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_page_has_an_example_of_each_front_door():
    assert len(EXAMPLES) == 2
    assert all(name in EXAMPLES[1][0] for name in ("LivePlan(", "Reasons(", "structs.replace("))


@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
def test_the_example_prints_what_the_page_says(capsys, code, printed):
    exec(code, {})

    assert capsys.readouterr().out == printed
