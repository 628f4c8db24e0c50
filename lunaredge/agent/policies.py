"""Channel policies in force: the settings', and over them what people said from the scheduler.

Owns the newest word, durably. Words are ordered by the leader's epoch and its turn, as holds are.
"""

from collections.abc import Mapping

import msgspec

from lunaredge.agent import channels
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.telemetry import Rows
from lunaredge.node import Row
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.policy import ChannelPolicy, over

TABLE = "policies"


class _Word(msgspec.Struct, frozen=True):
    policies: dict[str, ChannelPolicy] = {}
    epoch: int = 0
    turn: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Word)


class Policies:
    """What people said of the channels."""

    def __init__(self, outlet: Outlet, rows: Rows, own: Mapping[str, ChannelPolicy]) -> None:
        """Take the policies by the node's own settings, one for each channel."""
        self._outlet = outlet
        self._rows = rows
        self._own = dict(own)
        self._word = _Word()

    @property
    def said(self) -> Mapping[str, ChannelPolicy]:
        """What the newest word says."""
        return self._word.policies

    def put(self, policies: Mapping[str, ChannelPolicy], epoch: int, turn: int) -> str | None:
        """Go by a newer word, durably; give the reason where it is refused and changes nothing."""
        if (epoch, turn) < (self._word.epoch, self._word.turn):
            return "superseded"
        found = channels.misfit(policies, self._own)
        if found is not None:
            return "unknown_channel" if found.is_unknown else "channel_range"
        is_known = policies == self.said
        self._word = _Word(dict(policies), epoch, turn)
        self._outlet.persist(TABLE, "", 0, _encoder.encode(self._word))
        if not is_known:
            self._follow()
        return None

    def restore(self, row: Row) -> bool:
        """Take back a word; tell whether its row was whole. A damaged one leaves the settings.

        What another software's channels can't use is left out.
        """
        try:
            word = _decoder.decode(row.value)
        except MALFORMED:
            self._outlet.erase_between(TABLE, row.scope, row.number, row.number)
            return False
        fitting = {
            name: policy
            for name, policy in word.policies.items()
            if channels.misfit({name: policy}, self._own) is None
        }
        self._word = msgspec.structs.replace(word, policies=fitting)
        self._follow()
        return True

    def _follow(self) -> None:
        said = self._word.policies
        changed = {name: over(policy, self._own[name]) for name, policy in said.items()}
        self._rows.follow(self._own | changed)
