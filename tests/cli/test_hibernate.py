"""The words of `hibernate`."""

import argparse

import pytest

from lunaredge.cli import hibernate
from lunaredge.cli.main import main
from lunaredge.units import NS_PER_S


def typed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    hibernate.add_arguments(parser, "hibernate")
    return parser.parse_args([*words])


def test_a_node_sleeps_for_a_time_or_until_one() -> None:
    assert typed("hauler-1", "--for", "14d").for_ns == 14 * 86_400 * NS_PER_S
    assert typed("hauler-1", "--until", "1970-01-02T00:00:30Z").until_ns == 86_430 * NS_PER_S


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hauler-1",), "--for"),
        (("hauler-1", "--for", "1h", "--until", "2028-01-27T06:00:00Z"), "not allowed with"),
        (("hauler-1", "--until", "tomorrow"), "no time: 'tomorrow'; give one in UTC, as 2028"),
        (("hauler-1", "--until", "9999-01-27T06:00:00Z"), "no time: '9999"),
        (("hauler-1", "--for", "night"), "no time: 'night'"),
        (("Hauler!", "--for", "1h"), "not the name of a node"),
    ],
)
def test_words_that_make_no_time_are_refused_unsent(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert main(["hibernate", *words]) == 2

    assert told in capsys.readouterr().err
