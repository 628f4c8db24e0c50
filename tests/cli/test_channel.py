"""The words of `channel`."""

import argparse

import pytest

from lunaredge.cli import channel
from lunaredge.cli.main import main
from lunaredge.wire.policy import ChannelPolicy


def typed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    channel.add_arguments(parser, "channel")
    return parser.parse_args([*words])


def test_what_is_not_given_stays_as_it_is() -> None:
    words = ("hauler-1", "motor_c", "--deadband", "0", "--at-least-every", "60")

    request = channel._request(typed(*words))

    assert (request.node, request.policies) == (
        "hauler-1",
        {"motor_c": ChannelPolicy(deadband=0.0, period_s_max=60.0)},
    )
    request = channel._request(typed("hauler-1", "x_m", "--at-most-every", "1.5"))
    assert request.policies == {"x_m": ChannelPolicy(period_s_min=1.5)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hauler-1",), "the following arguments are required: channel"),
        (("hauler-1", "motor_c"), "nothing to change"),
        (("Hauler!", "motor_c", "--deadband", "1"), "not the name of a node"),
        (("hauler-1", "motor_c", "--deadband", "wide"), "no number: 'wide'; give one, as 0.5"),
        (("hauler-1", "motor_c", "--deadband", "nan"), "set it between 0 and 1e+09"),
        (("hauler-1", "motor_c", "--deadband=-1"), "--deadband"),
        (("hauler-1", "motor_c", "--at-least-every", "9"), "set it between 10 and 86400"),
        (
            ("hauler-1", "motor_c", "--at-least-every", "20", "--at-most-every", "30"),
            "--at-most-every",
        ),
    ],
)
def test_words_that_make_no_policy_are_refused_unsent(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert main(["channel", *words]) == 2

    assert told in capsys.readouterr().err
