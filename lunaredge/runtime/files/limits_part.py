"""Limits of telemetry channels, as people write them in the fleet file."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from lunaredge.agent.channels import table
from lunaredge.model.limits import ChannelLimits
from lunaredge.runtime.files.document import Document, KeyPath, unknown_key_remedy
from lunaredge.runtime.files.fields import Written, number
from lunaredge.wire.telemetry import CHANNELS_MAX

# Beyond any figure of a machine.
_VALUE_MAX = 1e9


def _limit(reason: str) -> Any:
    return number("of the channel's unit", -_VALUE_MAX, _VALUE_MAX, reason)


class LimitsPart(Written):
    """The limits of one channel."""

    warning_low: Annotated[float | None, _limit("under it, a person must see to it")] = None
    warning_high: Annotated[float | None, _limit("over it, a person must see to it")] = None
    critical_low: Annotated[float | None, _limit("under it, at once")] = None
    critical_high: Annotated[float | None, _limit("over it, at once")] = None
    hysteresis: Annotated[
        float,
        number("of the channel's unit", 0, _VALUE_MAX, "so far inside a limit is inside it again"),
    ] = 0.0
    latching: Annotated[
        bool, Field(description="true or false: the alarm stays until a person has reset it")
    ] = False


def limits_table(reason: str) -> Any:
    """Give the field of limits by channel."""
    return Field(max_length=CHANNELS_MAX, description=reason)


def limits_of(
    document: Document,
    owner: KeyPath,
    part: Mapping[str, LimitsPart] | None,
    *,
    is_machine: bool,
) -> dict[str, ChannelLimits]:
    """Give the limits of a type or a node, by channel.

    Raises:
        ConfigError: no such node has a channel of that name, or the limits make no sense.
    """
    if part is None:
        return {}
    units = {channel.name: channel.unit for channel in table(is_machine=is_machine)}
    found: dict[str, ChannelLimits] = {}
    for name, written in part.items():
        key = (*owner, "limits", name)
        if name not in units:
            what = "machine" if is_machine else "computer"
            problem = f"no {what} measures such a channel"
            raise document.error(problem, key, name, unknown_key_remedy(name, units))
        limits = ChannelLimits(unit=units[name], **written.model_dump())
        fault = limits.fault
        if fault is not None:
            value = getattr(limits, fault.key) if fault.key else None
            place = (*key, fault.key) if fault.key else key
            raise document.error(fault.problem, place, value, fault.remedy)
        found[name] = limits
    return found
