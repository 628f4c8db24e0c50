"""How fast a machine may go with the pose and the brakes that it has, and how far it may roll."""

import msgspec
import pytest

from lunaredge.agent import authority, speed
from lunaredge.units import ns_from_s
from tests.agent.rig import BASIS_S_MAX, Rig, config
from tests.agent.test_authority import grant, sample
from tests.agent.toy_machine import seconds


@pytest.mark.parametrize(
    ("pose_error_m", "brake_ratio", "share"),
    [
        (0.0, 1.0, 1.0),
        (0.25, 1.0, 1.0),
        (0.375, 1.0, 0.5),
        (0.5, 1.0, 0.25),
        (0.0, 0.5, 0.5),
        (0.0, 0.0, 0.1),
        (0.375, 0.5, 0.25),
    ],
)
def test_the_worse_the_pose_or_the_brakes_the_slower(
    pose_error_m: float, brake_ratio: float, share: float
) -> None:
    lease = authority.lease_of(grant(pose_error_m=0.5, speed_m_s_max=0.4), 0, 100.0)
    now = sample(pose_error_m=pose_error_m, brake_ratio=brake_ratio)

    assert speed.limit_m_s(config(), lease, now) == pytest.approx(0.4 * share, abs=1e-3)


def test_between_samples_a_machine_may_have_gone_three_periods_and_a_metre() -> None:
    settings = config(sample_period_s=4.0, speed_m_s_max=0.5)

    assert speed.blind_m(settings) == pytest.approx(3 * 4.0 * 0.5 + 1.0)


def test_a_machine_rolls_on_unseen_and_then_brakes() -> None:
    settings = config(speed_m_s_max=0.5)

    far_m = speed.rolling_m(settings, ns_from_s(8.0))

    assert far_m == pytest.approx(0.5 * 8.0 + settings.rolling_m(0.5))
    assert settings.rolling_m(0.5) >= 0.5 * 0.5**2 / settings.deceleration_m_s2


def test_an_order_may_reach_its_controller_late_and_live_its_life_from_there() -> None:
    rig = Rig(lifetime_s=20.0)

    assert rig.node._parts.pilot.helm.run_on_ns == seconds(20.0 + BASIS_S_MAX)


def test_who_is_led_nowhere_may_have_rolled_since_a_sample_last_showed_its_station() -> None:
    rig = Rig(lifetime_s=20.0)
    helm = rig.node._parts.pilot.helm
    rig.prove()
    led_nowhere_m = helm.rolling_m
    rig.drive_off()
    rig.run(20)

    assert helm.rolling_m == speed.rolling_m(rig.settings, seconds(20.0 + BASIS_S_MAX))
    assert led_nowhere_m == helm.rolling_m + speed.blind_m(rig.settings)


def test_an_authority_without_room_for_the_pose_is_the_slowest() -> None:
    lease = authority.lease_of(grant(pose_error_m=0.5, speed_m_s_max=0.4), 0, 100.0)
    bare = msgspec.structs.replace(lease, grant=grant(pose_error_m=0.0, speed_m_s_max=0.4))

    assert speed.limit_m_s(config(), bare, sample()) == pytest.approx(0.1)
