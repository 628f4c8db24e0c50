"""When the channels of a node's telemetry are sent: what people ask, and what the node takes.

Owns the words for people. Which channels there are the node alone knows; what it refuses, it
refuses whole, and an alarm says so, since whoever asked has had an answer before that.
"""

from collections.abc import Mapping

from lunaredge.ids import NodeId
from lunaredge.scheduler.consent import Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.state import NodeEntry
from lunaredge.wire.channel_orders import SetChannels
from lunaredge.wire.messages import CommandReply
from lunaredge.wire.policy import ChannelPolicy, flaw, over
from lunaredge.wire.telemetry import CHANNELS_MAX

ALARM = "channels.refused"
# What a node has still to answer: more is a person who knocks at a door that nobody opens.
_PENDING_MAX = 8
NAME_LENGTH_SHOWN = 64


def order(ctx: Context, name: NodeId, asked: Mapping[str, ChannelPolicy]) -> Outcome:
    """Have a node change when some of its channels are sent, as a person asks."""
    node = ctx.state.nodes.get(name)
    if node is None:
        return refused(f"no node {name}; nodes lists them")
    if len(ctx.pending(node.name, SetChannels)) >= _PENDING_MAX:
        return refused(f"{name} has {_PENDING_MAX} such words to answer yet; ask again when it has")
    whole = _whole(ctx, node, asked)
    if not asked or len(whole) > CHANNELS_MAX:
        return refused(f"{len(asked)} channels; name between 1 and {CHANNELS_MAX}")
    for channel in asked:
        found = flaw(whole[channel])
        if found is not None:
            field, remedy = found
            value = getattr(whole[channel], field)
            return refused(f"{_shown(channel)}: {field} is {value:g}; set it {remedy}")
    # Earlier ones go on: should this be refused, they hold.
    command, turn = ctx.command_id(), ctx.state.command_no
    ctx.order(node.name, SetChannels(command=command, policies=whole, turn=turn))
    ctx.state.interventions += 1
    listed = ", ".join(map(_shown, asked))
    ctx.note_event("channels.asked", f"{node.name}: {listed}")
    return done(f"{node.name} is told of {listed}; if it has no such channel, `alarms` says so")


def repeat(ctx: Context, node: NodeEntry) -> None:
    """Tell a node's new life what it has to go by: its disk may be a new one as well."""
    if node.policies and not ctx.is_pending(node.name, SetChannels):
        command, turn = ctx.command_id(), ctx.state.command_no
        ctx.order(node.name, SetChannels(command=command, policies=node.policies, turn=turn))


def answered(ctx: Context, node: NodeEntry, word: SetChannels, reply: CommandReply) -> None:
    """Take a node's word on what it was told; what was told before that is over then."""
    if reply.ok:
        node.policies = dict(word.policies)
        for older in ctx.pending(node.name, SetChannels):
            if older.turn < word.turn:
                del ctx.state.commands[older.command]
        return
    asked = [name for name, policy in word.policies.items() if node.policies.get(name) != policy]
    listed = ", ".join(map(_shown, asked))
    ctx.reword_alarm(node.name, ALARM, f"of {listed}: {reply.reason}; nothing is changed")


def policies_told(ctx: Context) -> dict[NodeId, Mapping[str, ChannelPolicy]]:
    """Give what each node is being told of its channels, or has taken where it is told nothing."""
    told = {name: node.policies for name, node in ctx.state.nodes.items()}
    for pending in ctx.state.commands.values():
        if isinstance(pending.body, SetChannels):
            told[pending.node] = pending.body.policies
    return {name: policies for name, policies in told.items() if policies}


def _whole(
    ctx: Context, node: NodeEntry, asked: Mapping[str, ChannelPolicy]
) -> dict[str, ChannelPolicy]:
    """Give all that the node is to go by: what it has taken or is being told, and what is new."""
    told = ctx.pending(node.name, SetChannels)
    before = told[-1].policies if told else node.policies
    changed = {
        name: over(policy, before.get(name, ChannelPolicy())) for name, policy in asked.items()
    }
    return {**before, **changed}


def _shown(channel: str) -> str:
    return channel[:NAME_LENGTH_SHOWN]
