"""Slumber: a node that was told to sleep says farewell and is quiet until a time.

Owns until when. Nothing of it is on disk: a life that begins is awake. It is quiet by the outlet
alone. Whatever keeps its machine safe goes on; so does its connection, through which a stop or a
person's command wakes it; and so do its requests for the time, without which it would take none.
"""

from lunaredge.agent.outlet import Outlet


class Slumber:
    """Whether the node sleeps, or is about to."""

    def __init__(self, outlet: Outlet) -> None:
        self.until_ns: int | None = None
        """Site time; None for a node that is awake and stays so."""
        self.wakeup_ns: int | None = None
        """When it wakes by itself, local time; None while it is not asleep."""
        self._outlet = outlet

    @property
    def is_asleep(self) -> bool:
        """Whether it is quiet now."""
        return self._outlet.quiet

    def begin(self, wakeup_ns: int) -> None:
        """Be quiet until then."""
        assert self.until_ns is not None
        self.wakeup_ns = wakeup_ns
        self._outlet.quiet = True

    def stir(self) -> None:
        """Speak, though it goes on sleeping after that."""
        self.wakeup_ns = None
        self._outlet.quiet = False

    def end(self) -> None:
        """Be awake."""
        self.stir()
        self.until_ns = None
