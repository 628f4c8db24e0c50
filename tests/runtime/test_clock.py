import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.runtime.clock import Anchor, LocalClock, SiteClock, fraction_of, scaled_ns
from lunaredge.units import NS_PER_S


def test_two_processes_with_one_anchor_agree(monkeypatch):
    wall_ns, monotonic_ns = 1_700_000_000 * NS_PER_S, 55 * NS_PER_S
    anchor = Anchor(wall_ns=wall_ns, site_ns=1_900_000_000 * NS_PER_S, speed=60.0)
    _stop_time(monkeypatch, wall_ns + 10 * NS_PER_S, monotonic_ns)
    early = SiteClock(anchor)

    _stop_time(monkeypatch, wall_ns + 30 * NS_PER_S, monotonic_ns + 20 * NS_PER_S)
    late = SiteClock(anchor)

    assert early.now_ns() == late.now_ns() == anchor.site_ns + 1800 * NS_PER_S


def test_a_wall_clock_set_back_moves_nothing(monkeypatch):
    _stop_time(monkeypatch, 1_700_000_000 * NS_PER_S, 55 * NS_PER_S)
    clock = SiteClock(Anchor())
    before_ns = clock.now_ns()

    _stop_time(monkeypatch, 1_600_000_000 * NS_PER_S, 56 * NS_PER_S)

    assert clock.now_ns() == before_ns + NS_PER_S


def test_real_time_is_exact_to_the_nanosecond(monkeypatch):
    _stop_time(monkeypatch, 1_700_000_000_123_456_789, 7)

    assert SiteClock(Anchor()).now_ns() == 1_700_000_000_123_456_789


def test_a_local_clock_runs_at_its_speed(monkeypatch):
    _stop_time(monkeypatch, 0, NS_PER_S)
    clock = LocalClock(60.0)
    start_ns = clock.now_ns()

    _stop_time(monkeypatch, 0, NS_PER_S + 1000)

    assert clock.now_ns() - start_ns == 60_000


def test_compressed_time_without_an_anchor_is_refused():
    with pytest.raises(ConfigError, match="wall_ns"):
        SiteClock(Anchor(speed=60.0))


@given(st.integers(0, 10**18), st.integers(0, 10**6), st.floats(0.001, 1000.0, allow_nan=False))
def test_time_never_goes_back_at_any_speed(elapsed_ns, more_ns, speed):
    fraction = fraction_of(speed)

    earlier, later = scaled_ns(elapsed_ns, fraction), scaled_ns(elapsed_ns + more_ns, fraction)

    assert earlier <= later


def _stop_time(monkeypatch, wall_ns, monotonic_ns):
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic_ns)
