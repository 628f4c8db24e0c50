"""The documents tell the truth: links lead somewhere, and files, commands and targets exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunaredge.cli.doctor.kernels import COMPILING
from lunaredge.cli.main import COMMANDS
from tests.style import settings_page
from tests.style.source import ROOT, files

DOCUMENTS = [path for path in files() if path.suffix == ".md"]

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(#[\w-]+)?\)")
FILE = re.compile(r"`((?:[\w-]+/)*\w+\.py)`")
# In code only: in prose, "lunaredge" and "make" are followed by any word.
COMMAND = re.compile(r"(?:^    |`)(?:\.venv/bin/)?lunaredge ([a-z]+)", re.MULTILINE)
TARGET = re.compile(r"(?:^    |`)(?:[A-Z_]+=\w+ )?make ([a-z-]+)", re.MULTILINE)


def found(pattern: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    for path in DOCUMENTS:
        for match in pattern.finditer(path.read_text(encoding="utf-8")):
            yield path, match[1]


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path, target in found(LINK)
        if not (path.parent / target).exists()
    ]

    assert not broken, "\n".join(broken)


def test_every_file_that_is_named_exists() -> None:
    names = [f"/{path.relative_to(ROOT)}" for path in files()]

    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, name in found(FILE)
        if not any(known.endswith(f"/{name}") for known in names)
    ]

    assert not missing, "\n".join(missing)


def test_every_command_that_is_named_exists() -> None:
    known = {command.name for command in COMMANDS}

    assert {name for _, name in found(COMMAND)} <= known


@pytest.mark.parametrize("name", sorted({name for _, name in found(TARGET)}))
def test_a_make_target_that_is_named_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{name}:", makefile, re.MULTILINE)


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    unnamed = [c.name for c in COMMANDS if not re.search(rf"\b{c.name}\b", readme)]

    assert unnamed == []


def test_all_say_the_same_of_how_long_compiling_takes() -> None:
    places = [
        "README.md",
        "docs/tutorial/a-site-in-ten-minutes.md",
        "docs/how-to/run-each-part-by-hand.md",
        "docs/how-to/check-and-plan-routes.md",
        "docs/how-to/plan-a-site-from-a-file.md",
        "docs/reference/bench.md",
        "docs/reference/placement-api.md",
        "lunaredge/runtime/site_processes.py",
    ]

    texts = {name: " ".join((ROOT / name).read_text("utf-8").split()) for name in places}

    assert [name for name, text in texts.items() if COMPILING not in text] == []


def test_the_page_of_settings_is_current() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page()


def test_every_setting_says_what_it_is() -> None:
    mute = re.findall(r"^\| `(\w+)` \|[^|]*\|\s*\|$", settings_page.page(), re.MULTILINE)

    assert mute == []


def test_every_document_that_the_code_names_exists() -> None:
    named = re.compile(r"docs/[\w/-]+\.md")
    code = [path for path in files() if path.suffix in {".py", ".toml", ".yaml"}]

    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in code
        for name in named.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]

    assert not missing, "\n".join(missing)


def test_the_page_on_what_is_lost_gives_the_settings_defaults() -> None:
    page = (ROOT / "docs/explanation/when-something-is-lost.md").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^\| `(\w+)` \| `([\d.]+)` \|", settings_page.page(), re.MULTILINE))

    told = re.findall(r"`(\w+_s(?:_max)?)`, ([\d.]+) s", page)

    assert len(told) >= 10
    assert [(name, s) for name, s in told if float(defaults[name]) != float(s)] == []
