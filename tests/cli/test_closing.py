"""The words of `close` and `open`: what goes together, and what is refused unsent."""

import argparse

import pytest

from lunaredge.cli import closing
from lunaredge.cli.main import main
from lunaredge.wire.safeguards import CloseRequest, OpenRequest


def typed(*words: str) -> CloseRequest | OpenRequest:
    parser = argparse.ArgumentParser()
    closing.add_arguments(parser, words[0])
    return closing._request(parser.parse_args([*words[1:]], argparse.Namespace(command=words[0])))


def test_a_zone_of_the_site_needs_no_outline() -> None:
    asked = typed("close", "pad", "--why", "a lander")

    assert isinstance(asked, CloseRequest)
    assert (asked.zone, asked.why, asked.outline) == ("pad", "a lander", ())


def test_a_new_zone_has_corners_or_a_middle_and_a_radius() -> None:
    corners = typed("close", "spot", "--why", "x", "--area", "0", "0", "9", "0", "9", "-4.5")
    disc = typed("close", "spot", "--why", "x", "--at", "120", "-30", "--radius", "40")

    assert isinstance(corners, CloseRequest)
    assert isinstance(disc, CloseRequest)
    assert corners.outline == ((0.0, 0.0), (9.0, 0.0), (9.0, -4.5))
    assert (disc.outline, disc.radius_m) == (((120.0, -30.0),), 40.0)


def test_a_zone_is_opened_by_its_name_and_a_code() -> None:
    asked = typed("open", "spot", "--code", "c0de")

    assert isinstance(asked, OpenRequest)
    assert (asked.zone, asked.code) == ("spot", "c0de")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("close", "spot"), "--why"),
        (("close", "spot", "--why", "x", "--at", "1", "2"), "give --at X_M Y_M and --radius M"),
        (("close", "spot", "--why", "x", "--radius", "2"), "give --at X_M Y_M and --radius M"),
        (
            ("close", "spot", "--why", "x", "--at", "1", "2", "--radius", "-2"),
            "give a radius over 0 m",
        ),
        (("close", "spot", "--why", " "), "say what others must know"),
        (("close", "spot", "--why", "x" * 201), "it has 201 letters; say it in 200 letters"),
        (
            ("close", "spot", "--why", "x\x1b[2K\ry"),
            "it has a line break, a control character or a",
        ),
        (("close", "spot", "--why", "x\u2800y"), "or a letter that screens don't show"),
        (
            ("close", "spot", "--why", "x", "--at", "1", "2", "--radius", "2", "--area", "1", "2"),
            "give --area, or --at and --radius",
        ),
        (("close", "spot", "--why", "x", "--area", "1", "2", "3", "4"), "3 to 64 corners"),
        (("close", "spot", "--why", "x", "--area", *map(str, range(130))), "(130 numbers)"),
        (("close", "spot", "--why", "x", "--area", *map(str, range(60_000))), "3 to 64 corners"),
        (
            ("close", "spot", "--why", "x", "--at", "1", "inf", "--radius", "2"),
            "no number of metres",
        ),
        (("close", "spot", "--why", "x", "--at", "1", "1e300", "--radius", "2"), "'1e300'"),
        (("vouch", "hauler-1", "--at", "nan", "2"), "no number of metres: 'nan'"),
    ],
)
def test_what_does_not_go_together_is_bad_usage_and_is_not_sent(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*words, "--config", "nowhere.toml"])

    assert code == 2
    assert said in capsys.readouterr().err
