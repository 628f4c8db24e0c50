"""`lunaredge channel`: change when a channel of a node's telemetry is sent."""

import argparse

from lunaredge.cli import operate, site_access
from lunaredge.errors import ConfigError
from lunaredge.ids import NodeId
from lunaredge.runtime.client import new_request
from lunaredge.wire.channel_orders import ChannelsRequest
from lunaredge.wire.policy import ChannelPolicy, flaw

_PLACE = "lunaredge channel"
_OPTIONS = {
    "deadband": "--deadband",
    "period_s_min": "--at-most-every",
    "period_s_max": "--at-least-every",
}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("node", help="the node, as `lunaredge nodes` names it")
    parser.add_argument("channel", help="the channel, as its table names it: battery_wh, say")
    parser.add_argument(
        "--deadband",
        dest="deadband",
        type=number,
        metavar="X",
        help="a value this near to the one sent last is not sent, in the channel's unit",
    )
    parser.add_argument(
        "--at-most-every", dest="period_s_min", type=number, metavar="S", help="no oftener, s"
    )
    parser.add_argument(
        "--at-least-every",
        dest="period_s_max",
        type=number,
        metavar="S",
        help="again after this even if it did not change, s, 10 to 86400",
    )
    parser.epilog = (
        "What is not given stays as it is. A node that has no such channel takes nothing, and "
        "`lunaredge alarms` says so. `lunaredge channels` lists what was changed."
    )


def run(options: argparse.Namespace) -> int:
    """Ask for it, and print what came of it."""
    operate.check_names(options)
    question = _request(options)
    return operate.put(site_access.load(options, signs=True), question, options)


def number(text: str) -> float:
    """Give a number from its text.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        told = f"no number: {text[:40]!r}; give one, as 0.5"
        raise argparse.ArgumentTypeError(told) from None


def _request(options: argparse.Namespace) -> ChannelsRequest:
    """Give the request that was typed.

    Raises:
        ConfigError: nothing is asked for, or something that can't be.
    """
    policy = ChannelPolicy(**{field: getattr(options, field) for field in _OPTIONS})
    if policy == ChannelPolicy():
        remedy = f"give at least one of {', '.join(_OPTIONS.values())}"
        raise ConfigError(
            "nothing to change", place=_PLACE, key="channel", value=options.channel, remedy=remedy
        )
    found = flaw(policy)
    if found is not None:
        field, remedy = found
        key, value = _OPTIONS[field], getattr(policy, field)
        raise ConfigError(
            "can't be used", place=_PLACE, key=key, value=value, remedy=f"set it {remedy}"
        )
    policies = {options.channel: policy}
    return ChannelsRequest(request=new_request(), node=NodeId(options.node), policies=policies)
