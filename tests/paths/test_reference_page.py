"""The page of the library's names is complete, and its example prints what it shows."""

import ast
import re

from lunaredge import paths
from tests.style.source import ROOT

PAGE = (ROOT / "docs/reference/paths-api.md").read_text(encoding="utf-8")
EXAMPLE_LINES_MAX = 15


def test_the_page_has_every_public_name_once_with_its_meaning():
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE)

    assert sorted(name for name, _ in rows) == sorted(paths.__all__)
    assert all(len(meaning.split()) > 3 for _, meaning in rows)


def test_the_page_names_only_what_there_is():
    (row,) = re.findall(r"^\| `World` \| (.+) \|$", PAGE, re.MULTILINE)
    methods = re.findall(r"`(\w+)`", row)

    assert len(methods) == 8
    assert all(callable(getattr(paths.World, method)) for method in methods)


def test_the_example_prints_what_the_page_shows(capsys):
    program, shown = re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.DOTALL)

    exec(compile(program, "the page's example", "exec"), {})

    assert len(program.splitlines()) <= EXAMPLE_LINES_MAX
    assert capsys.readouterr().out == shown


def test_the_page_has_every_option_with_its_default():
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE)

    for name in ("PlanOptions", "FleetOptions", "GridFleetOptions"):
        options = getattr(paths, name)()
        values = {key: getattr(options, key) for key in options.__struct_fields__}
        shown = {key: value_of(default) for of, key, default, _ in rows if of == name}
        assert shown == {key: value for key, value in values.items() if not callable(value)}


def value_of(text):
    """Read a value as the page has it, with commas between thousands."""
    return ast.literal_eval(re.sub(r"(?<=\d),(?=\d{3})", "", text))
