"""Units: seconds and nanoseconds agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge import units
from lunaredge.units import NS_PER_MS, NS_PER_S, UNITS, ns_from_s, s_from_ns, unit_of, utc_from_ns


def test_a_duration_becomes_the_nearest_whole_nanosecond() -> None:
    assert ns_from_s(1.5) == 1_500_000_000
    assert ns_from_s(0.1) == 100 * NS_PER_MS
    assert ns_from_s(-2.0) == -2 * NS_PER_S
    assert ns_from_s(1.6e-9) == 2


@given(st.integers(-(10**15), 10**15))
def test_nanoseconds_of_eleven_days_survive_the_way_through_seconds(duration_ns: int) -> None:
    assert ns_from_s(s_from_ns(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("end_ns", "ns"),
        ("speed_m_s_max", "m/s"),
        ("delay_ns_min", "ns"),
        ("battery_wh", "Wh"),
        ("progress_ratio", "1"),
        ("first_seq", None),
        ("rows", None),
        ("m", None),
    ],
)
def test_a_name_tells_its_unit(name: str, unit: str | None) -> None:
    assert unit_of(name) == unit


def test_the_glossary_has_every_suffix_that_has_a_unit() -> None:
    glossary = (units.__doc__ or "").split()

    assert [suffix for suffix in UNITS if f"_{suffix}" not in glossary] == []


def test_a_time_in_utc_is_cut_to_the_second() -> None:
    assert utc_from_ns(1_999_999_999) == "1970-01-01T00:00:01Z"
    assert utc_from_ns(1_831_377_600 * NS_PER_S) == "2028-01-13T12:00:00Z"
