import math
from typing import Any

import msgspec
import pytest

from lunaredge.agent.body import Body
from lunaredge.ids import NodeId
from lunaredge.wire import driver
from lunaredge.wire.driver import Hello, WorkStatus
from tests.agent.rig import NODE, config
from tests.agent.toy_machine import Machine, seconds

HELLO = Hello(version=driver.VERSION, machine=NODE, setpoint_lifetime_s=0.5, basis_s_max=2.0)
SAMPLE = Machine().sample(0)


def body() -> Body:
    subject = Body(config())
    assert subject.attached(HELLO) is None
    return subject


def test_a_sample_is_fresh_for_three_periods() -> None:
    subject = body()
    subject.sense(SAMPLE, 0)

    assert subject.fresh(seconds(15) - 1) == SAMPLE
    assert subject.fresh(seconds(15)) is None


@pytest.mark.parametrize(
    "hello",
    [
        {"version": 1},
        {"machine": NodeId("hauler-1")},
        {"setpoint_lifetime_s": 0.0},
        {"setpoint_lifetime_s": math.inf},
        {"setpoint_lifetime_s": math.nan},
        {"basis_s_max": 0.0},
        {"basis_s_max": math.inf},
    ],
)
def test_a_controller_that_is_not_ours_is_refused(hello: dict[str, Any]) -> None:
    subject = Body(config())

    assert subject.attached(msgspec.structs.replace(HELLO, **hello)) is not None
    assert subject.sense(SAMPLE, 0) == "sensor_detached"


@pytest.mark.parametrize(
    "trait",
    [
        {"x_m": math.nan},
        {"x_m": -1.2e7},
        {"y_m": math.inf},
        {"y_m": 1.2e7},
        {"heading_rad": 1.2e7},
        {"station_m": 1.2e7},
        {"pose_error_m": -0.1},
        {"pose_error_m": math.nan},
        {"station_m": -1.0},
        {"battery_wh": math.nan},
        {"motor_c": 1e300},
        {"order_no": 2**64 - 1},
        {"order_no": -1},
        {"work": WorkStatus(done=False, progress_ratio=math.nan)},
        {"work": WorkStatus(done=False, progress_ratio=1.5)},
    ],
)
def test_a_sample_that_can_not_be_true_is_not_used(trait: dict[str, Any]) -> None:
    subject = body()
    subject.sense(SAMPLE, 0)

    assert subject.sense(msgspec.structs.replace(SAMPLE, **trait), seconds(5)) == "sensor"
    assert subject.fresh(seconds(15)) is None


def test_the_reserve_is_left_again_only_well_above_it() -> None:
    subject = body()

    for battery_wh, low in ((1000.0, False), (999.0, True), (1020.0, True), (1050.0, False)):
        subject.sense(msgspec.structs.replace(SAMPLE, battery_wh=battery_wh), 0)
        assert subject.battery_low is low


def test_a_machine_is_blind_three_periods_after_the_start_or_the_last_sample() -> None:
    subject = body()

    assert not subject.is_blind(0, seconds(14))
    assert subject.is_blind(0, seconds(15))
    subject.sense(SAMPLE, seconds(20))
    assert not subject.is_blind(0, seconds(30))
    assert subject.is_blind(0, seconds(35))


def test_a_lost_driver_leaves_no_sample_behind() -> None:
    subject = body()
    subject.sense(SAMPLE, 0)

    subject.detached()

    assert subject.last is None
    assert subject.fresh(1) is None
