"""Names of files and folders on the command line: what can't be one is refused by its name."""

from pathlib import Path

import pytest

from lunaredge.cli.main import main
from lunaredge.cli.named_file import named_file, named_folder

COMMANDS = [
    "submit",
    "place",
    "place p.json --start",
    "place p.json --out",
    "route check",
    "route plot s.yaml --out",
    "sim --seed 1 --plot",
    "demo --picture",
]
FOLDERS = ["demo --keep", "demo --site", "audit", "keys", "sim --campaign"]


@pytest.mark.parametrize(
    ("words", "what"),
    [*((words, "file") for words in COMMANDS), *((words, "folder") for words in FOLDERS)],
)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "the name is empty; name a {}"),
        ("n" * 300, "the name has 300 letters, more than a {}'s may have; name another"),
    ],
    ids=["empty", "too long"],
)
def test_what_can_be_no_file_or_folder_is_refused_by_its_name(
    words: str, what: str, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), name]) == 2
    assert said.format(what) in capsys.readouterr().err


@pytest.mark.parametrize("words", ["submit", "place", "route check"])
def test_a_folder_is_called_a_folder(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), str(tmp_path)]) == 2
    assert f"{tmp_path}: file: this is a folder, got" in capsys.readouterr().err


def test_a_name_is_taken_whether_there_is_such_a_file_or_not(tmp_path: Path) -> None:
    here = tmp_path / "a.yaml"
    here.touch()

    assert named_file(str(here)) == here
    assert named_file("no/such.yaml") == Path("no/such.yaml")
    assert named_folder("no/such") == Path("no/such")
