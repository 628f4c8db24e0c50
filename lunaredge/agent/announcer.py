"""What the node's telemetry means: its channel table, announced and kept.

Owns when a `StreamBirth` is said: at each connection, and when somebody asks, so often only. The
broker retains it, also after the node has left or its connection broke: it tells what the batches
mean and not who is alive. Who wants to know of a death goes by the Farewell on ``{node}/node``,
which the node says when it leaves and the broker when the connection breaks.

A table can't change within a life. Batches that an earlier life left in the spool may have
another, from before a change of software: such tables are kept on disk as long as that may be,
and announced before the present one.
"""

from collections.abc import Callable, Sequence

import msgspec

from lunaredge.agent.outlet import Outlet
from lunaredge.node import Row
from lunaredge.units import NS_PER_S
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import Held, StreamBirth
from lunaredge.wire.telemetry import CHANNELS_MAX, Channel, table_of

TABLE = "channels"
# Anybody may ask, signed or not: a crowd that asks is answered together.
_SAID_NS_MIN = 10 * NS_PER_S
# Changes of software within one outage; older ones' batches are sent all the same, and only their
# summaries can't be made.
_TABLES_MAX = 8

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Channel, ...])

Holdings = Callable[[], tuple[Held, ...]]


class Announcer:
    """Says what the columns of the node's batches are."""

    def __init__(self, outlet: Outlet, channels: Sequence[Channel]) -> None:
        self.asked_count = 0
        self.wakeup_ns: int | None = None
        """When somebody is to be answered; None while nobody waits."""
        self._outlet = outlet
        self._table = table_of(channels)
        self._tables: dict[int, tuple[Channel, ...]] = {self._table: tuple(channels)}
        self._said_ns: int | None = None

    def channels_of(self, table: int) -> tuple[Channel, ...] | None:
        """Give the channels of a table of this life or an earlier one; None of an unknown one."""
        return self._tables.get(table)

    def asked(self, now_ns: int) -> None:
        """Learn that somebody wants to hear it."""
        self.asked_count += 1
        said_ns = self._said_ns
        if self.wakeup_ns is None:
            soon = said_ns is not None and 0 <= now_ns - said_ns < _SAID_NS_MIN
            self.wakeup_ns = said_ns + _SAID_NS_MIN if soon and said_ns is not None else now_ns

    def tick(self, held: Holdings, now_ns: int) -> None:
        """Answer whoever asked, when it is time."""
        due_ns = self.wakeup_ns
        # Farther ahead than it was ever put: then it is the clock that went back.
        if due_ns is not None and not 0 < due_ns - now_ns <= _SAID_NS_MIN:
            self.say(held, now_ns)

    def say(self, held: Holdings, now_ns: int) -> None:
        """Say it now: earlier lives' tables first, since the broker retains but the last."""
        self._said_ns, self.wakeup_ns = now_ns, None
        for table, channels in [*self._tables.items()][::-1]:
            birth = StreamBirth(table=table, channels=channels, held=held())
            if table == self._table:
                self._outlet.publish_retained("birth", birth, now_ns)
            else:
                self._outlet.publish("birth", birth, now_ns)

    def restore(self, rows: Sequence[Row], *, needed: bool) -> list[bool]:
        """Take back earlier lives' tables, or forget them; tell of each row whether it was whole.

        Args:
            rows: What is on disk.
            needed: Whether anything of an earlier life is still to be sent.
        """
        whole = []
        known = False
        for row in rows:
            channels = _decoded(row)
            whole.append(channels is not None)
            if row.number == self._table and channels is not None:
                known = True
            elif needed and channels is not None and len(self._tables) < _TABLES_MAX:
                self._tables[row.number] = channels
            else:
                self._outlet.erase_between(TABLE, row.scope, row.number, row.number)
        if not known:
            channels = self._tables[self._table]
            self._outlet.persist(TABLE, "", self._table, _encoder.encode(channels))
        return whole


def _decoded(row: Row) -> tuple[Channel, ...] | None:
    try:
        channels = _decoder.decode(row.value)
    except MALFORMED:
        return None
    named = {channel.name for channel in channels}
    fits = 1 <= len(channels) == len(named) <= CHANNELS_MAX
    return channels if fits and row.scope == "" and row.number == table_of(channels) else None
