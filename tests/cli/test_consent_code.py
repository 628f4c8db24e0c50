"""The code of a second step: an empty one must not pass for a first step that was done."""

import argparse

import pytest

from lunaredge.cli.consent_code import add_code, code_of
from lunaredge.cli.main import main


def typed(*words: str) -> str:
    parser = argparse.ArgumentParser()
    add_code(parser)
    return code_of(parser.parse_args(words))


@pytest.mark.parametrize(
    "words",
    [
        "estop --release stop-1",
        "open pad",
        "lockout a --release",
        "manual a --release",
        "manual a --radius 3 --why x",
        "vouch a --gone",
    ],
)
@pytest.mark.parametrize("code", ["", " "])
def test_an_empty_code_is_refused_by_every_command_that_takes_one(
    words: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "--code", code]) == 2
    assert "argument --code: the code is empty; give the one" in capsys.readouterr().err


def test_a_code_is_handed_on_as_typed_and_no_code_is_a_first_step() -> None:
    assert typed("--code", "c0de") == "c0de"
    assert typed() == ""
