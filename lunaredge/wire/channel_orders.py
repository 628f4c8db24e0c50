"""What people may change of a node's telemetry.

Part of the messages; `wire.messages` has the union of all.
"""

from typing import Annotated

import msgspec

from lunaredge.ids import CommandId, NodeId
from lunaredge.wire.body import RequestId
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.telemetry import CHANNELS_MAX

Policies = Annotated[dict[str, ChannelPolicy], msgspec.Meta(max_length=CHANNELS_MAX)]
"""By channel."""


class _ChannelOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of these bodies."""


class SetChannels(_ChannelOrder, frozen=True, kw_only=True, tag="set_channels"):
    """Go by these policies over your own settings; those of an earlier such word end.

    Taken whole or not at all. ``turn`` is as in a hold.
    """

    command: CommandId
    policies: Policies
    turn: int = 0


class ChannelsRequest(_ChannelOrder, frozen=True, kw_only=True, tag="channels_request"):
    """Change when some of a node's channels are sent; the others stay as they are."""

    request: RequestId
    node: NodeId
    policies: Policies
