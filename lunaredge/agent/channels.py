"""The channels of a node: their table, and when a value of theirs is worth sending.

Owns names, units and types, and the policy of each unless people set another. A policy is looked
at when a row is taken (`telemetry`), so the board's sampling is never finer than its rows.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lunaredge.units import ns_from_s
from lunaredge.wire.policy import ChannelPolicy, flaw, over
from lunaredge.wire.telemetry import Channel, Dtype

# Everything is said again after five minutes: who comes late, or missed a batch, waits no longer,
# and it costs a tenth of what sending every row costs.
AGAIN_S = 300.0


class Gate(NamedTuple):
    """A policy as it is applied."""

    deadband: float
    period_ns_min: int
    period_ns_max: int


class _Kind(NamedTuple):
    name: str
    unit: str
    dtype: Dtype = Dtype.F4
    deadband: float = 0.0
    period_s_min: float = 0.0


OF_MACHINE: tuple[_Kind, ...] = (
    # A pose is good to a decimetre at best.
    _Kind("x_m", "m", deadband=0.05),
    _Kind("y_m", "m", deadband=0.05),
    # Half a degree: what four metres of boom make of it is less than the pose's error.
    _Kind("heading_rad", "rad", deadband=0.01),
    _Kind("pose_error_m", "m", deadband=0.02),
    _Kind("speed_m_s", "m/s", deadband=0.01),
    _Kind("station_m", "m", deadband=0.1),
    # A tenth of a per cent of a small battery.
    _Kind("battery_wh", "Wh", deadband=2.0),
    # Motors draw in jerks; what they draw over a minute shows in the battery.
    _Kind("power_w", "W", deadband=10.0, period_s_min=10.0),
    _Kind("payload_kg", "kg", deadband=1.0),
    # A machine that rocks on rough ground, and not each stone.
    _Kind("pitch_deg", "deg", deadband=0.5),
    _Kind("roll_deg", "deg", deadband=0.5),
    _Kind("slip_ratio", "ratio", deadband=0.02),
    # Kilograms of metal: nothing happens within ten seconds.
    _Kind("motor_c", "degC", deadband=0.5, period_s_min=10.0),
    _Kind("charging", "bool", Dtype.U1),
    _Kind("blocked", "bool", Dtype.U1),
    _Kind("at_rest", "bool", Dtype.U1),
)
OF_AGENT: tuple[_Kind, ...] = (
    _Kind("tasks_count", "count", Dtype.I4),
    _Kind("progress_ratio", "ratio", deadband=0.01),
    # What waits changes with each batch that says so.
    _Kind("spool_count", "count", Dtype.I4, deadband=2.0, period_s_min=60.0),
    _Kind("spool_bytes", "B", Dtype.I4, deadband=4096.0, period_s_min=60.0),
    # Who floods a node with garbage must not fill its spool as well.
    _Kind("refused_count", "count", Dtype.I8, period_s_min=60.0),
    _Kind("rebirths_count", "count", Dtype.I8, period_s_min=60.0),
    # It grows until the next answer and falls with it; a command needs it below five seconds.
    _Kind("clock_error_s", "s", deadband=0.5, period_s_min=60.0),
    # It runs down with the clock; of interest is about how long is left.
    _Kind("lease_left_s", "s", deadband=10.0, period_s_min=30.0),
)


def table(*, is_machine: bool) -> tuple[Channel, ...]:
    """Give the channel table, in the order of a row's values."""
    return tuple(
        Channel(name=kind.name, unit=kind.unit, dtype=kind.dtype) for kind in _kinds(is_machine)
    )


def policies(
    said: Mapping[str, ChannelPolicy] | None = None, *, is_machine: bool
) -> dict[str, ChannelPolicy]:
    """Give every channel's policy, where people said something by what they said."""
    own = {
        kind.name: ChannelPolicy(
            deadband=kind.deadband, period_s_min=kind.period_s_min, period_s_max=AGAIN_S
        )
        for kind in _kinds(is_machine)
    }
    return own | {name: over(policy, own[name]) for name, policy in (said or {}).items()}


def gates(whole: Mapping[str, ChannelPolicy], *, is_machine: bool) -> list[Gate]:
    """Give policies as they are applied, in the order of the table; none may leave anything open.

    Raises:
        KeyError: a channel's policy is missing.
    """
    return [_gate(whole[kind.name]) for kind in _kinds(is_machine)]


class Misfit(NamedTuple):
    """What is wrong with a policy."""

    key: str
    value: object
    remedy: str
    is_unknown: bool = False
    """There is no such channel."""


def misfit(
    said: Mapping[str, ChannelPolicy],
    under: Mapping[str, ChannelPolicy],
) -> Misfit | None:
    """Give what is wrong with the first policy that can't be used over those under it, or None."""
    for name, policy in said.items():
        if name not in under:
            told = f"no such channel; there are {', '.join(under)}"
            return Misfit(name, name, told, is_unknown=True)
        # Each alone may be right, and the two periods not fit together.
        found = flaw(policy) or flaw(over(policy, under[name]))
        if found is not None:
            field, remedy = found
            value = getattr(over(policy, under[name]), field)
            return Misfit(f"{name}.{field}", value, f"set it {remedy}")
    return None


def _kinds(is_machine: bool) -> tuple[_Kind, ...]:  # noqa: FBT001 (one fact, at the only calls)
    return (*OF_MACHINE, *OF_AGENT) if is_machine else OF_AGENT


def _gate(policy: ChannelPolicy) -> Gate:
    deadband, low_s, high_s = policy.deadband, policy.period_s_min, policy.period_s_max
    assert deadband is not None
    assert low_s is not None
    assert high_s is not None
    return Gate(deadband, ns_from_s(low_s), ns_from_s(high_s))
