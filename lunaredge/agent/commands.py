"""Commands: which may be obeyed, and what came of those that were.

Owns the fence (the highest epoch obeyed), the census of this boot, and the bounded, durable table
of results. A command that fails `refusal` changes nothing and gets no answer, so that one that is
merely early is taken when it is sent again; one that passes is answered once and for all.
"""

import msgspec

from lunaredge.agent.outlet import Outlet
from lunaredge.ids import BootId, CommandId, NodeId
from lunaredge.node import Row
from lunaredge.wire.bulk import BULK_CLASSES
from lunaredge.wire.codec import Received
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import Census, Command, CommandReply, RecordClass
from lunaredge.wire.seal import Role

EPOCH_TABLE = "epoch"
# Two copies of the fence: a damaged row doesn't let it fall.
_COPIES = ("", "copy")
RESULT_TABLE = "command"

# The scheduler resends a command for as long as it is unanswered and gives a node a handful an
# hour; 256 are days. Erased in lumps, so that most commands cost one row.
_KEPT_MAX = 256
_ERASED_EVERY = 64
_ID_LENGTH_MAX = 80
# More results than all nodes of all sites ever give; the disk counts no farther than twice that.
_COUNT_MAX = 2**62

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CommandReply)


class Commands:
    """The fence and the table of results."""

    def __init__(self, outlet: Outlet, node: NodeId, boot: BootId) -> None:
        self.epoch = 0
        self.proven = False
        """Whether a census has been taken in this boot."""
        self._outlet = outlet
        self._node = node
        self._boot = boot
        self._replies: dict[CommandId, CommandReply] = {}
        self._count = 0

    def refusal_of_word(self, received: Received) -> str | None:
        """Give why the scheduler's word, command or not, is not to be believed, or None.

        Answers may come without an epoch; one that shows an old epoch is from a deposed leader.
        """
        if received.role is None:
            return "unsigned"
        if received.role is not Role.SCHEDULER:
            return "role"
        if received.header.to != self._node:
            return "addressee"
        if 0 < received.header.epoch < self.epoch:
            return "epoch"
        return None

    def refusal_of_ack(self, received: Received, record_class: RecordClass) -> str | None:
        """Give why somebody's word on what it has committed is not to be believed, or None.

        Each receiver may acknowledge only what goes to it: telemetry goes to the archive.
        """
        if record_class not in BULK_CLASSES:
            return self.refusal_of_word(received)
        if received.role is None:
            return "unsigned"
        if received.role is not Role.ARCHIVE:
            return "role"
        return None if received.header.to == self._node else "addressee"

    def refusal(self, received: Received, latest_site_ns: int | None) -> str | None:
        """Give why a command is not to be obeyed, or None.

        Args:
            received: A message whose body is a Command.
            latest_site_ns: The latest that site time can be now; None while it is not known well
                enough. A census may do without: it is meant for one boot alone.
        """
        reason = self.refusal_of_word(received)
        if reason is not None:
            return reason
        header, body = received.header, received.body
        if header.epoch <= 0:
            return "epoch"
        if isinstance(body, Census):
            reason = None if body.boot == self._boot else "boot"
        elif not self.proven:
            reason = "unproven"
        elif latest_site_ns is None:
            reason = "clock"
        expired = latest_site_ns is not None and header.expiry_ns <= latest_site_ns
        return reason or ("expired" if expired else None)

    def accept(self, epoch: int) -> None:
        """Raise the fence, durably, before anything is done under it."""
        assert epoch >= self.epoch
        if epoch > self.epoch:
            self.epoch = epoch
            for copy in _COPIES:
                self._outlet.erase(EPOCH_TABLE, copy, epoch - 1)
            self._keep_fence()

    def first_reply(self, command: CommandId) -> CommandReply | None:
        """Give what a command was answered, or None for a new one."""
        return self._replies.get(command)

    def remember(self, reply: CommandReply) -> None:
        """Keep a result, durably, before it is told."""
        self._count += 1
        self._replies[reply.command] = reply
        self._outlet.persist(RESULT_TABLE, "", self._count, _encoder.encode(reply))
        if self._count % _ERASED_EVERY == 0:
            self._forget_oldest()

    def restore_fence(self, rows: list[Row]) -> int:
        """Take back the fence, write its copies anew if need be, and say how many were damaged.

        The highest whole one counts. Where none is whole, the highest of all does: too high a fence
        shuts leaders out, and one too low lets a deposed one in.
        """
        whole = [row for row in rows if row.value == _digits(row.number)]
        self.epoch = max([0, *(row.number for row in whole or rows)])
        copies = {(row.scope, row.number) for row in whole}
        if rows and copies != {(copy, self.epoch) for copy in _COPIES}:
            for row in rows:
                self._outlet.erase(EPOCH_TABLE, row.scope, row.number)
            self._keep_fence()
        return len(rows) - len(whole)

    def restore_reply(self, row: Row) -> bool:
        """Take back a result; tell whether the row was whole. No other row's number counts."""
        try:
            reply = _decoder.decode(row.value)
        except MALFORMED:
            return False
        if not 1 <= row.number <= _COUNT_MAX:
            return False
        self._count = max(self._count, row.number)
        self._replies[reply.command] = reply
        return True

    def _keep_fence(self) -> None:
        for copy in _COPIES:
            self._outlet.persist(EPOCH_TABLE, copy, self.epoch, _digits(self.epoch))

    def _forget_oldest(self) -> None:
        for command in list(self._replies)[:-_KEPT_MAX]:
            del self._replies[command]
        if self._count > _KEPT_MAX:
            self._outlet.erase(RESULT_TABLE, "", self._count - _KEPT_MAX)


def has_sane_id(command: Command) -> bool:
    """Tell whether a command's id can be kept."""
    return 1 <= len(command.command) <= _ID_LENGTH_MAX


def _digits(epoch: int) -> bytes:
    return str(epoch).encode()
