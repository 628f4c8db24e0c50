"""Limits of a channel: which figures make sense."""

import math

import pytest

from lunaredge.model.limits import ChannelLimits

WHOLE = ChannelLimits(
    warning_low=-18.0,
    warning_high=18.0,
    critical_low=-22.0,
    critical_high=22.0,
    hysteresis=2.0,
)


def test_limits_around_a_band_make_sense() -> None:
    assert WHOLE.fault is None


@pytest.mark.parametrize("key", ["warning_low", "warning_high", "critical_low", "critical_high"])
def test_one_limit_alone_makes_sense(key: str) -> None:
    assert ChannelLimits(**{key: 5.0}).fault is None


@pytest.mark.parametrize(
    ("figures", "key", "problem"),
    [
        ({}, "", "there is no limit"),
        ({"warning_low": math.nan}, "warning_low", "not finite"),
        ({"critical_high": math.inf}, "critical_high", "not finite"),
        ({"warning_low": 1.0, "hysteresis": math.nan}, "hysteresis", "not finite"),
        ({"warning_low": 1.0, "hysteresis": -1.0}, "hysteresis", "under 0"),
        ({"warning_low": 1.0, "critical_low": 2.0}, "critical_low", "before the warning"),
        ({"warning_low": 1.0, "critical_low": 1.0}, "critical_low", "before the warning"),
        ({"warning_high": 2.0, "critical_high": 1.0}, "critical_high", "before the warning"),
        ({"warning_low": 3.0, "warning_high": 2.0}, "warning_low", "no value is inside"),
        ({"critical_low": 3.0, "warning_high": 2.0}, "critical_low", "no value is inside"),
        ({"warning_low": 0.0, "warning_high": 4.0, "hysteresis": 2.0}, "hysteresis", "inside"),
    ],
)
def test_limits_that_make_no_sense_are_named(
    figures: dict[str, float], key: str, problem: str
) -> None:
    fault = ChannelLimits(**figures).fault

    assert fault is not None
    assert fault.key == key
    assert problem in fault.problem
    assert fault.remedy
