"""The error tree. Every error lunaredge raises on purpose is one of these.

    LunarEdgeError
      ConfigError               before start: a file, a key, a value that cannot be used
      LinkError
        TransportError          the broker, a socket or a link could not be reached
        TimeoutExceeded         an answer did not come within its bound
      ProtocolError
        LocalProtocolError      we asked for something illegal (our bug)
        RemoteProtocolError     a peer sent something illegal (counted, never fatal to a core)
      PlanError
        Infeasible              nothing satisfies the constraints
        StalePlan               a plan was made for a state that has moved on
      MachineError
        ActuationRefused        a machine's controller would not take an order
        SensorInvalid           a machine's measurement cannot be true
      QueryError                what was asked of an archive can't be answered as asked
      StorageError
        JournalCorrupt          stored bytes fail their checksum
        JournalFull             no room to write; nothing was acknowledged
        JournalFenced           another process has taken the store over

Operating errors are raised as these and handled. Programmer errors are ``assert``.
"""

from typing import Final

from lunaredge.printable import printable

NOT_GIVEN: Final = object()
"""The value of what was left out: there is none to show."""


class LunarEdgeError(Exception):
    """Root of the tree. ``exit_code`` is what the command line ends with."""

    exit_code = 1


class ConfigError(LunarEdgeError):
    """A file or setting cannot be used.

    ``place`` is the file, ``key`` the place in it, ``value`` what stood there and ``remedy`` what
    to do. The message holds all four on one line, but no value that is `NOT_GIVEN`.
    """

    exit_code = 2

    def __init__(self, problem: str, *, place: str, key: str, value: object, remedy: str) -> None:
        self.problem = problem
        self.place = place
        self.key = key
        self.value = value
        self.remedy = remedy
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        got = "" if value is NOT_GIVEN else f", got {shown}"
        message = f"{place}: {key}: {problem}{got}; {remedy}"
        # A path or a key may hold a line break or an escape code: the message stays one line.
        super().__init__(printable(message))


class LinkError(LunarEdgeError):
    """Something on the other side of a link could not be used."""

    exit_code = 3


class TransportError(LinkError):
    """A broker, a socket or a link could not be reached."""


class TimeoutExceeded(LinkError):
    """An answer did not come within its bound."""


class ProtocolError(LunarEdgeError):
    """A message broke the protocol."""


class LocalProtocolError(ProtocolError):
    """We tried to send something illegal."""


class RemoteProtocolError(ProtocolError):
    """A peer sent something illegal. ``reason`` is a short stable word for counting."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class PlanError(LunarEdgeError):
    """A plan could not be made or used."""


class Infeasible(PlanError):
    """Nothing satisfies the constraints."""


class StalePlan(PlanError):
    """A plan was made for a state that has moved on."""


class MachineError(LunarEdgeError):
    """A machine or its driver failed."""


class ActuationRefused(MachineError):
    """A machine's controller would not take an order."""


class SensorInvalid(MachineError):
    """A machine's measurement cannot be true."""


class QueryError(LunarEdgeError):
    """What was asked of an archive can't be answered as it was asked."""

    exit_code = 2


class StorageError(LunarEdgeError):
    """A store failed."""

    exit_code = 3


class JournalCorrupt(StorageError):
    """Stored bytes fail their checksum."""


class JournalFull(StorageError):
    """There is no room to write; nothing was acknowledged."""


class JournalFenced(StorageError):
    """Another process has taken the store over; this one's word counts no more."""
