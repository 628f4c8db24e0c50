"""Units: seconds and nanoseconds agree."""

from hypothesis import given
from hypothesis import strategies as st

from lunaredge.units import NS_PER_MS, NS_PER_S, ns_from_s, s_from_ns


def test_a_duration_becomes_the_nearest_whole_nanosecond() -> None:
    assert ns_from_s(1.5) == 1_500_000_000
    assert ns_from_s(0.1) == 100 * NS_PER_MS
    assert ns_from_s(-2.0) == -2 * NS_PER_S
    assert ns_from_s(1.6e-9) == 2


@given(st.integers(-(10**15), 10**15))
def test_nanoseconds_of_eleven_days_survive_the_way_through_seconds(duration_ns: int) -> None:
    assert ns_from_s(s_from_ns(duration_ns)) == duration_ns
