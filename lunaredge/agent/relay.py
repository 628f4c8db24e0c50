"""Emergency stops handed on to the neighbours, as they came: signed by whoever called them.

The broker keeps no stop. Who had no connection when it was called hears of it from the scheduler;
should that be gone as well, from any node that has latched it.
"""

from collections.abc import Collection

from lunaredge.agent.outlet import Outlet

# A person's stop is a few hundred bytes; with the most that are latched this stays small.
FRAME_BYTES_MAX = 2_048


class StopRelay:
    """Hands each stop on that this node has latched: at once, and whenever others may lack it."""

    def __init__(self, outlet: Outlet, topic: str) -> None:
        self._outlet = outlet
        self._topic = topic
        self._said: set[str] = set()
        """Ids that somebody has handed on since we last did."""
        self._frames: dict[str, bytes] = {}
        """By the id under which a stop holds here. Of this life only: then it has been said."""

    def take(self, stop: str, frame: bytes, latched: Collection[str]) -> None:
        """Hand on a stop that is among those latched since just now."""
        self._keep(latched)
        if len(frame) <= FRAME_BYTES_MAX:
            self._frames[stop] = frame
            self._outlet.relay(self._topic, frame)

    def heard(self, stop: str) -> None:
        """Learn that somebody else has handed a stop on: one of all is enough."""
        if stop in self._frames:
            self._said.add(stop)

    def say_again(self, latched: Collection[str]) -> None:
        """Hand those on again that hold still: others may have been away when they were called."""
        self._keep(latched)
        for stop, frame in self._frames.items():
            if stop not in self._said:
                self._outlet.relay(self._topic, frame)
        self._said.clear()

    def _keep(self, latched: Collection[str]) -> None:
        """Forget those that were released: no more are kept than may be latched."""
        self._frames = {stop: frame for stop, frame in self._frames.items() if stop in latched}
        self._said &= self._frames.keys()
