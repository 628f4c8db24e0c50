"""The words of `lockout` and `manual`: what goes together, and what is refused unsent."""

import argparse

import pytest

from lunaredge.cli import lockout
from lunaredge.cli.main import main
from lunaredge.wire.safeguards import LockOutRequest, UnlockRequest


def typed(*words: str) -> LockOutRequest | UnlockRequest:
    parser = argparse.ArgumentParser()
    lockout.add_arguments(parser, words[0])
    options = parser.parse_args([*words[1:]], argparse.Namespace(command=words[0]))
    lockout._check(options)
    return lockout._request(options)


def test_a_lock_out_has_no_area() -> None:
    asked = typed("lockout", "hauler-1", "--why", "a new track")

    assert isinstance(asked, LockOutRequest)
    assert (asked.node, asked.why, asked.outline, asked.radius_m) == (
        "hauler-1",
        "a new track",
        (),
        0.0,
    )


def test_an_area_is_given_by_a_radius_or_by_corners() -> None:
    round_it = typed("manual", "hauler-1", "--radius", "6", "--why", "x")
    inside = typed("manual", "hauler-1", "--why", "x", "--area", "0", "0", "9", "0", "9", "-4.5")

    assert isinstance(round_it, LockOutRequest)
    assert isinstance(inside, LockOutRequest)
    assert round_it.radius_m == 6.0
    assert inside.outline == ((0.0, 0.0), (9.0, 0.0), (9.0, -4.5))


@pytest.mark.parametrize(
    ("whose", "key"),
    [("ben", "operator-ben"), ("operator-ben", "operator-ben"), ("earth", "earth")],
)
def test_whose_tag_is_meant_may_be_said_by_the_person_s_name(whose: str, key: str) -> None:
    asked = typed("lockout", "hauler-1", "--release", "--whose", whose, "--code", "c0de")

    assert isinstance(asked, UnlockRequest)
    assert (asked.whose, asked.code) == (key, "c0de")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lockout", "hauler-1"), "--why: is missing; say what others must know"),
        (("lockout", "hauler-1", "--code", "1"), "--code: is for a release, got '1'; give it"),
        (("lockout", "hauler-1", "--whose", "jo"), "--whose: is for a release, got 'jo'; give it"),
        (("lockout", "hauler-1", "--release", "--why", "x"), "no more, got '--why'; leave --why"),
        (("manual", "hauler-1", "--why", "x"), "--radius: is missing; give a radius over 0 m"),
        (("manual", "hauler-1", "--why", "x", "--radius", "-1"), "give a radius over 0 m"),
        (("manual", "hauler-1", "--why", "x", "--radius", "nan"), "no number of metres"),
        (("manual", "hauler-1", "--why", "x", "--area", "1", "2", "3"), "3 to 64 corners"),
        (("lockout", "../up", "--why", "x"), "not the name of a node"),
    ],
)
def test_what_does_not_go_together_is_bad_usage_and_is_not_sent(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*words, "--config", "nowhere.toml"])

    assert code == 2
    assert said in capsys.readouterr().err
