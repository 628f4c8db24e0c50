"""An operator's hold: one durable switch, which obeys the newest word and no older one.

Words are ordered by the leader's epoch and its turn; a link may reorder them.
"""

import msgspec

from lunaredge.agent.outlet import Outlet
from lunaredge.node import Row
from lunaredge.wire.malformed import MALFORMED

TABLE = "hold"


class _Word(msgspec.Struct, frozen=True):
    held: bool
    epoch: int
    turn: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Word)


class HoldSwitch:
    """Whether an operator's hold is in force."""

    def __init__(self, outlet: Outlet) -> None:
        self._word = _Word(held=False, epoch=0, turn=0)
        self._outlet = outlet

    @property
    def held(self) -> bool:
        """Whether the machine is to stay where it is."""
        return self._word.held

    def is_superseded(self, epoch: int, turn: int) -> bool:
        """Tell whether a newer word than this one has been taken."""
        return (epoch, turn) < (self._word.epoch, self._word.turn)

    def put(self, *, held: bool, epoch: int, turn: int) -> None:
        """Begin or end the hold, durably."""
        assert not self.is_superseded(epoch, turn)
        self._word = _Word(held=held, epoch=epoch, turn=turn)
        self._outlet.persist(TABLE, "", 0, _encoder.encode(self._word))

    def restore(self, row: Row) -> bool:
        """Take back a row; tell whether it was whole. A damaged one holds until the next resume."""
        try:
            self._word = _decoder.decode(row.value)
        except MALFORMED:
            self._word = _Word(held=True, epoch=0, turn=0)
            # Its number may be damaged as well: left there, it would hold anew at each start.
            self._outlet.erase(TABLE, row.scope, row.number)
            self._outlet.persist(TABLE, "", 0, _encoder.encode(self._word))
            return False
        return True
