"""Times on the command line."""

import argparse

import numpy as np
import pytest

from lunaredge.cli.telemetry.times import (
    HOUR_NS,
    iso,
    isos,
    length,
    moment,
    span_of,
    step_ns,
)
from lunaredge.errors import ConfigError
from lunaredge.units import NS_PER_S

KNOWN_NS = (100 * HOUR_NS, 110 * HOUR_NS)
NOW_NS = 120 * HOUR_NS


def span(start=None, end=None):
    options = argparse.Namespace(
        command="history", start=start and moment(start), end=end and moment(end)
    )
    return span_of(options, KNOWN_NS, NOW_NS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T22:57:53", "2026-11-23T22:57:53Z"),
        ("2026-11-23T22:57:53.25Z", "2026-11-23T22:57:53.250Z"),
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("2026-11-24T00:57+02:00", "2026-11-23T22:57:00Z"),
    ],
)
def test_a_time_without_a_zone_is_utc(text, expected):
    assert iso(moment(text).offset_ns) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("yesterday", "no time: 'yesterday'; give a time as 2026-11-23T22:57"),
        ("", "no time: ''"),
        ("-2", "no length of time: '-2'; give a time as"),
        ("-0h", "no length of time: '-0h'"),
        ("-999999999999w", "no length of time"),
        ("1969-12-31", "no time that an archive knows: '1969-12-31'; give one from 1970 to 2116"),
        ("9999-12-31T23:59-12:00", "give one from 1970 to 2116"),
    ],
)
def test_what_is_no_time_is_told_with_its_value_and_what_is_one(text, told):
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        moment(text)

    assert told in str(raised.value)


def test_left_out_it_is_the_last_hour_of_what_is_there():
    assert span() == (109 * HOUR_NS + 1, 110 * HOUR_NS + 1)


def test_a_time_before_the_end_counts_from_the_end_that_was_asked_for():
    assert span("-2h") == (108 * HOUR_NS + 1, 110 * HOUR_NS + 1)
    assert span("-2h", "-3h") == (105 * HOUR_NS + 1, 107 * HOUR_NS + 1)
    assert span("start", "now") == (100 * HOUR_NS, 120 * HOUR_NS)


def test_a_time_that_ends_before_it_begins_is_refused_with_what_is_there():
    with pytest.raises(ConfigError) as raised:
        span("now", "start")

    told = str(raised.value)
    assert told.startswith("lunaredge history: --from: the time begins at 1970-01-06T00:00:00Z")
    assert "what is there is from 1970-01-05T04:00:00Z to 1970-01-05T14:00:00Z" in told


def test_a_length_has_a_unit():
    assert [step_ns(text) for text in ("500ms", "1.5s", "1m", "1d")] == [
        NS_PER_S // 2,
        3 * NS_PER_S // 2,
        60 * NS_PER_S,
        24 * HOUR_NS,
    ]
    with pytest.raises(argparse.ArgumentTypeError, match="no length of time: '10'; give a number"):
        step_ns("10")


def test_lengths_are_told_in_two_units():
    assert [length(ns) for ns in (25 * HOUR_NS, 61 * NS_PER_S, 1_500_000)] == [
        "1d1h",
        "1m1s",
        "1.5ms",
    ]


def test_times_of_samples_are_told_to_the_nanosecond():
    assert isos(np.array([NS_PER_S + 1])) == ["1970-01-01T00:00:01.000000001Z"]
