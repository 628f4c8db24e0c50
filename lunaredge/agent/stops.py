"""Emergency stops: taken once per id, latched durably, released one by one.

Owns the latch. The key of a row carries the id, so that a row whose value is damaged still
latches: a stop is never lost to a bad sector. Lock-outs are kept the same way, in a table of
their own: a tag that a person hung on the machine must outlive a power cycle no less.
"""

import msgspec

from lunaredge.agent.outlet import Outlet
from lunaredge.node import Row
from lunaredge.wire.malformed import MALFORMED

TABLE = "stop"
LOCK_TABLE = "lockout"

# Ids come from outside; a longer one still stops, under its first part.
ID_LENGTH_MAX = 80
# More latched stops than people could mean. Past it one more id stands for all that follow, so
# that releasing the others doesn't set the machine free.
_LATCHED_MAX = 32
OVERFLOW = "too-many-stops"
# Released ids that are remembered, so that a late copy of a stop doesn't latch it again.
_RELEASED_MAX = 64

# A person's stop is a few hundred bytes; with the most that are latched this stays small.
FRAME_BYTES_MAX = 2_048

_encoder = msgspec.msgpack.Encoder()


class _Latch(msgspec.Struct, frozen=True, array_like=True):
    serial: int
    """Rises with every change, so that the oldest is known."""
    holds: bool
    frame: bytes = b""
    """The stop as its caller signed it, while it holds; empty where it is not handed on."""


_decoder = msgspec.msgpack.Decoder(_Latch)


class StopLatch:
    """Every stop, or tag, that this node has taken, and whether it still holds."""

    def __init__(self, outlet: Outlet, table: str = TABLE) -> None:
        self._outlet = outlet
        self._table = table
        self._known: dict[str, _Latch] = {}
        self._serial = 0
        self.latched: tuple[str, ...] = ()
        """Ids in force, oldest first."""
        self.frames: dict[str, bytes] = {}
        """What was signed, of those in force that are to be handed on."""

    def knows(self, stop: str) -> bool:
        """Tell whether that stop was taken before, or can add nothing to those in force."""
        latched = self.latched
        return stop[:ID_LENGTH_MAX] in self._known or (
            len(latched) >= _LATCHED_MAX and OVERFLOW in latched
        )

    def take(self, stop: str, frame: bytes = b"") -> str:
        """Latch a new stop; give the id it holds under. Too long a frame is not kept."""
        assert not self.knows(stop)
        name = stop[:ID_LENGTH_MAX] if len(self.latched) < _LATCHED_MAX else OVERFLOW
        self._write(name, holds=True, frame=frame if len(frame) <= FRAME_BYTES_MAX else b"")
        return name

    def release(self, stop: str) -> bool:
        """End a stop; tell whether it held. One never heard of is remembered as over."""
        name = stop[:ID_LENGTH_MAX]
        held = name in self.latched
        self._write(name, holds=False)
        self._forget_oldest()
        return held

    def restore(self, row: Row) -> bool:
        """Take back a row; tell whether it was whole. A damaged one holds until it is released."""
        try:
            latch = _decoder.decode(row.value)
        except MALFORMED:
            # Its key may be damaged as well: left there, it would hold anew at each start.
            self._outlet.erase(self._table, row.scope, row.number)
            self._write(row.scope[:ID_LENGTH_MAX], holds=True)
            return False
        self._serial = max(self._serial, latch.serial)
        if row.scope not in self._known:
            self._know(row.scope, latch)
        return True

    def _names(self, *, holds: bool) -> list[str]:
        names = [name for name, latch in self._known.items() if latch.holds is holds]
        return sorted(names, key=lambda name: (self._known[name].serial, name))

    def _write(self, name: str, *, holds: bool, frame: bytes = b"") -> None:
        self._serial += 1
        latch = _Latch(self._serial, holds, frame)
        self._know(name, latch)
        self._outlet.persist(self._table, name, 0, _encoder.encode(latch))

    def _know(self, name: str, latch: _Latch) -> None:
        self._known[name] = latch
        self.latched = tuple(self._names(holds=True))
        frames = ((held, self._known[held].frame) for held in self.latched)
        self.frames = {held: frame for held, frame in frames if frame}

    def _forget_oldest(self) -> None:
        for name in self._names(holds=False)[:-_RELEASED_MAX]:
            del self._known[name]
            self._outlet.erase(self._table, name, 0)
