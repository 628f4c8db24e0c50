"""Channel policies: what can be set, and what one says over another."""

import math

import pytest

from lunaredge.wire.policy import ChannelPolicy, flaw, over

WHOLE = ChannelPolicy(deadband=0.5, period_s_min=5.0, period_s_max=300.0)


@pytest.mark.parametrize(
    "policy",
    [
        ChannelPolicy(),
        WHOLE,
        ChannelPolicy(deadband=0.0),
        ChannelPolicy(deadband=1e9),
        ChannelPolicy(period_s_min=86_400.0, period_s_max=86_400.0),
        ChannelPolicy(period_s_max=10.0),
    ],
)
def test_what_is_in_range_can_be_set(policy: ChannelPolicy) -> None:
    assert flaw(policy) is None


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (ChannelPolicy(deadband=-0.1), "deadband"),
        (ChannelPolicy(deadband=2e9), "deadband"),
        (ChannelPolicy(deadband=math.nan), "deadband"),
        (ChannelPolicy(deadband=math.inf), "deadband"),
        (ChannelPolicy(period_s_min=-1.0), "period_s_min"),
        (ChannelPolicy(period_s_min=86_401.0), "period_s_min"),
        (ChannelPolicy(period_s_min=math.nan), "period_s_min"),
        (ChannelPolicy(period_s_max=9.0), "period_s_max"),
        (ChannelPolicy(period_s_max=86_401.0), "period_s_max"),
        (ChannelPolicy(period_s_max=math.nan), "period_s_max"),
        (ChannelPolicy(period_s_min=60.0, period_s_max=59.0), "period_s_min"),
    ],
)
def test_what_is_out_of_range_is_named(policy: ChannelPolicy, field: str) -> None:
    found = flaw(policy)

    assert found is not None
    assert found[0] == field


def test_what_a_policy_leaves_open_stays_as_it_was() -> None:
    assert over(ChannelPolicy(deadband=0.0), WHOLE) == ChannelPolicy(
        deadband=0.0, period_s_min=5.0, period_s_max=300.0
    )
    assert over(ChannelPolicy(), WHOLE) == WHOLE
    assert over(WHOLE, ChannelPolicy(deadband=9.0)) == WHOLE
