"""Policies of telemetry channels: which of a channel's values are worth sending.

A site's people set them in an agent's configuration, and change them from the scheduler. What
they come to is the agent's business (`lunaredge.agent.telemetry`).
"""

import msgspec

DEADBAND_MAX = 1e9
PERIOD_S_MIN_MAX = 86_400.0
# Said again oftener than every ten seconds, what doesn't change costs as much as what does; more
# seldom than once a day, whoever comes late doesn't learn it within a shift.
PERIOD_S_MAX_LOW = 10.0
PERIOD_S_MAX_HIGH = 86_400.0


class ChannelPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a channel's value is sent. What is None stays as it is otherwise set."""

    deadband: float | None = None
    """A value this near to the one sent last is not sent, in the channel's unit, 0 to 1e9. With 0
    every change is."""
    period_s_min: float | None = None
    """It is sent no oftener than this, s, 0 to 86400."""
    period_s_max: float | None = None
    """It is sent again after this even if it didn't change, s, 10 to 86400, so that who comes late
    or missed something learns it."""


def flaw(policy: ChannelPolicy) -> tuple[str, str] | None:
    """Give the first field that is out of its range and what the range is, or None."""
    for name, low, high in _RANGES:
        value = getattr(policy, name)
        # NaN is in no range.
        if value is not None and not low <= value <= high:
            return name, f"between {low:g} and {high:g}"
    low_s, high_s = policy.period_s_min, policy.period_s_max
    if low_s is not None and high_s is not None and low_s > high_s:
        return "period_s_min", f"no more than period_s_max ({high_s:g})"
    return None


def over(policy: ChannelPolicy, under: ChannelPolicy) -> ChannelPolicy:
    """Give a policy with what it leaves open taken from the one under it."""
    said = {name: getattr(policy, name) for name in ChannelPolicy.__struct_fields__}
    return msgspec.structs.replace(
        under, **{name: value for name, value in said.items() if value is not None}
    )


_RANGES = (
    ("deadband", 0.0, DEADBAND_MAX),
    ("period_s_min", 0.0, PERIOD_S_MIN_MAX),
    ("period_s_max", PERIOD_S_MAX_LOW, PERIOD_S_MAX_HIGH),
)
