"""Numbers on the command line: what is none is told with what to give."""

import argparse

import pytest

from lunaredge.cli.main import main
from lunaredge.cli.numbers import number, whole


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sim --seed", "--seed: no whole number: 'x'; give 0 to 999999999999999"),
        ("sim --seeds", "--seeds: no whole number: 'x'; give 1 to 100000"),
        ("sim --seed-base", "--seed-base: no whole number: 'x'; give 0 to"),
        ("sim --jobs", "--jobs: no whole number: 'x'; give 1 to 256"),
        ("sim --exhaustive --depth", "--depth: no whole number: 'x'; give 1 to"),
        ("sim --seconds", "--seconds: no number: 'x'; give more than 0, up to 604800"),
        ("sim --hours", "--hours: no number: 'x'; give more than 0, up to 40"),
        ("sim --until", "--until: no number: 'x'; give 0 to 144000"),
        ("sim --shrink", "--shrink: no number: 'x'; give 0 to 86400"),
        ("demo --speed", "--speed: no number: 'x'; give 1 to 120"),
        ("demo --seed", "--seed: no whole number: 'x'; give one"),
        ("place p.json --steps", "--steps: no whole number: 'x'; give 0 to 1099511627776"),
        ("place p.json --seed", "--seed: no whole number: 'x'; give one"),
        ("place p.json --seconds", "--seconds: no number: 'x'; give 0 to 86400"),
        ("route plan s.yaml --seconds", "--seconds: no number: 'x'; give seconds"),
        ("route plot s.yaml --at", "--at: no number: 'x'; give seconds"),
        ("bench paths --seconds", "--seconds: no number: 'x'; give seconds"),
    ],
)
def test_what_is_no_number_is_told_with_what_to_give(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "x"]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_number_is_read_as_it_is() -> None:
    assert (whole("")("-7"), number("")("2.5")) == (-7, 2.5)
    with pytest.raises(argparse.ArgumentTypeError, match=r"no whole number: '2\.5'; give one"):
        whole("give one")("2.5")


def test_of_a_very_long_word_the_beginning_is_shown() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^no number: '{'x' * 40}'; give one$"):
        number("give one")("x" * 5_000)
