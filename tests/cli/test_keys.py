"""`lunaredge keys`: what it makes, and what it says of those who can't know a new key yet."""

from pathlib import Path

import pytest

from lunaredge.cli.keys import RESTART, holders
from lunaredge.cli.main import main
from lunaredge.errors import ConfigError


def test_a_key_that_is_added_asks_for_a_new_start_of_what_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = main(["keys", str(tmp_path), "--operator", "mari"])
    said_first = capsys.readouterr()
    again = main(["keys", str(tmp_path), "--operator", "mari"])
    said_again = capsys.readouterr()
    added = main(["keys", str(tmp_path), "--operator", "jo"])
    said_added = capsys.readouterr()

    assert (first, again, added) == (0, 0, 0)
    assert said_first.err == said_again.err == ""
    assert said_added.out.startswith("made operator-jo in ")
    assert said_added.err.strip() == RESTART


def test_an_operators_name_comes_without_what_its_key_begins_with() -> None:
    with pytest.raises(ConfigError, match=r"--operator jo$"):
        holders([], ["operator-jo"])
