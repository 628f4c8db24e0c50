"""Limits on live values: alarms that come up once, change level, and go away well inside."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.archive.limits import ChannelLimits, LimitWatch
from lunaredge.ids import NodeId
from lunaredge.wire.records import Alarm, AlarmLevel

HAULER, SCOUT = NodeId("hauler-1"), NodeId("scout-1")
BATTERY = ChannelLimits(warning_low=280.0, critical_low=140.0, hysteresis=14.0, unit="Wh")
ROLL = ChannelLimits(
    warning_low=-18.0,
    warning_high=18.0,
    critical_low=-22.0,
    critical_high=22.0,
    hysteresis=2.0,
    latching=True,
)
LIMITS = {HAULER: {"battery_wh": BATTERY, "roll_deg": ROLL}, SCOUT: {"battery_wh": BATTERY}}


class Watched:
    """A watch whose values come a second apart."""

    def __init__(self) -> None:
        self.watch = LimitWatch(LIMITS)
        self.now_ns = 0

    def told(
        self, *values: float, channel: str = "battery_wh", node: NodeId = HAULER
    ) -> list[Alarm]:
        alarms = []
        for value in values:
            self.now_ns += 1_000_000_000
            alarm = self.watch.take(node, channel, value, self.now_ns)
            alarms += [] if alarm is None else [alarm]
        return alarms

    def restarted(self) -> None:
        payload = self.watch.encoded()
        self.watch = LimitWatch(LIMITS)
        assert self.watch.restore(payload, self.now_ns) == []


def levels(alarms: list[Alarm]) -> list[str]:
    return [alarm.level.value if alarm.active else "returned" for alarm in alarms]


def test_a_value_inside_its_limits_says_nothing() -> None:
    assert Watched().told(1000.0, 280.0) == []


def test_an_alarm_says_value_unit_and_limit() -> None:
    (alarm,) = Watched().told(279.5)

    assert alarm == Alarm(
        site_ns=1_000_000_000,
        code="limit.battery_wh",
        text="battery_wh is 279.5 Wh, under its warning limit of 280 Wh",
        active=True,
    )


def test_an_alarm_comes_up_once() -> None:
    assert levels(Watched().told(279.0, 260.0, 200.0)) == ["warning"]


def test_it_goes_up_to_critical_down_to_warning_and_away() -> None:
    alarms = Watched().told(200.0, 130.0, 160.0, 300.0)

    assert levels(alarms) == ["warning", "critical", "warning", "returned"]
    assert alarms[1].text == "battery_wh is 130 Wh, under its critical limit of 140 Wh"
    assert alarms[3].text == "battery_wh is 300 Wh, inside its limits"


def test_it_goes_away_only_when_the_value_is_back_inside_by_the_hysteresis() -> None:
    watched = Watched()
    watched.told(279.0)

    assert watched.told(281.0, 293.9) == []
    assert levels(watched.told(294.0)) == ["returned"]


def test_it_is_critical_no_more_only_by_the_hysteresis() -> None:
    watched = Watched()
    watched.told(139.0)

    assert watched.told(141.0, 153.9) == []
    assert levels(watched.told(154.0)) == ["warning"]


def test_noise_about_a_limit_does_not_flap() -> None:
    assert levels(Watched().told(*[279.0, 281.0] * 100)) == ["warning"]


def test_a_critical_value_that_jumps_to_just_inside_is_a_warning_still() -> None:
    alarms = Watched().told(100.0, 285.0)

    assert levels(alarms) == ["critical", "warning"]
    assert "not yet well inside" in alarms[1].text


def test_a_change_of_side_is_told() -> None:
    alarms = Watched().told(-19.0, 19.0, channel="roll_deg")

    assert ["under" in alarm.text for alarm in alarms] == [True, False]
    assert all(alarm.latching for alarm in alarms)


def test_an_older_value_than_the_last_says_nothing() -> None:
    watch = LimitWatch(LIMITS)
    watch.take(HAULER, "battery_wh", 1000.0, 10)

    assert watch.take(HAULER, "battery_wh", 100.0, 9) is None
    assert watch.take(HAULER, "battery_wh", 100.0, 10) is not None


def test_channels_and_nodes_are_judged_apart() -> None:
    watched = Watched()

    assert levels(watched.told(200.0)) == ["warning"]
    assert levels(watched.told(200.0, node=SCOUT)) == ["warning"]
    assert levels(watched.told(20.0, channel="roll_deg")) == ["warning"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_changes_nothing(value: float) -> None:
    watched = Watched()
    watched.told(200.0)

    assert watched.told(value) == []
    assert levels(watched.told(300.0)) == ["returned"]


def test_channels_without_limits_take_no_room() -> None:
    watched = Watched()
    empty = watched.watch.encoded()

    for i in range(1000):
        watched.told(1e9, channel=f"made-up-{i}")
        watched.told(1e9, node=NodeId(f"made-up-{i}"))

    assert watched.watch.encoded() == empty


def test_after_a_restart_an_alarm_that_is_up_is_not_raised_twice() -> None:
    watched = Watched()
    watched.told(200.0)

    watched.restarted()

    assert watched.told(199.0) == []
    assert levels(watched.told(130.0)) == ["critical"]


def test_after_a_restart_an_alarm_that_has_returned_meanwhile_is_taken_back() -> None:
    watched = Watched()
    watched.told(200.0)

    watched.restarted()

    assert levels(watched.told(1000.0)) == ["returned"]


def test_after_a_restart_old_values_are_still_old() -> None:
    watched = Watched()
    watched.told(1000.0)

    watched.restarted()

    assert watched.watch.take(HAULER, "battery_wh", 100.0, watched.now_ns - 1) is None


def test_an_alarm_whose_limits_are_gone_is_taken_back() -> None:
    watched = Watched()
    watched.told(200.0)
    watched.told(20.0, channel="roll_deg")
    watched.told(1000.0, node=SCOUT)
    fresh = LimitWatch({HAULER: {"roll_deg": ROLL}})

    ended = fresh.restore(watched.watch.encoded(), 7)

    assert [(node, a.code, a.active) for node, a in ended] == [(HAULER, "limit.battery_wh", False)]


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x91\x01"])
def test_without_its_memory_a_watch_tells_each_first_value(payload: bytes) -> None:
    watched = Watched()

    assert watched.watch.restore(payload, 7) == []

    assert levels(watched.told(1000.0, 1000.0)) == ["returned"]
    assert levels(watched.told(200.0, node=SCOUT)) == ["warning"]


def test_the_doubt_lasts_until_each_channel_has_been_judged() -> None:
    watched = Watched()
    watched.watch.restore(b"", 7)
    watched.told(200.0, node=SCOUT)
    watched.restarted()

    assert levels(watched.told(1000.0, 1000.0)) == ["returned"]
    watched.told(0.0, channel="roll_deg")
    watched.restarted()

    assert watched.told(1000.0) == []


def test_limits_that_make_no_sense_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        LimitWatch({HAULER: {"battery_wh": ChannelLimits()}})


@given(st.lists(st.floats(-30.0, 30.0), max_size=60))
def test_what_was_told_last_is_what_the_last_value_means(values: list[float]) -> None:
    alarms = Watched().told(*values, channel="roll_deg")

    level = None if not alarms or not alarms[-1].active else alarms[-1].level
    last = abs(values[-1]) if values else 0.0
    if last > 22.0:
        assert level is AlarmLevel.CRITICAL
    elif last > 18.0:
        assert level is not None
    elif last <= 16.0:
        assert level is None


@given(st.lists(st.floats(-30.0, 30.0), max_size=60), st.integers(0, 60))
def test_a_restart_changes_nothing_of_what_is_told(values: list[float], cut: int) -> None:
    whole, restarted = Watched(), Watched()

    told = restarted.told(*values[:cut], channel="roll_deg")
    restarted.restarted()
    told += restarted.told(*values[cut:], channel="roll_deg")

    assert told == whole.told(*values, channel="roll_deg")
