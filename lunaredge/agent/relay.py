"""Emergency stops handed on to the neighbours, as they came: signed by whoever called them.

The broker keeps no stop. Who had no connection when it was called hears of it from the scheduler;
should that be gone as well, from any node that has latched it. A scheduler that was away itself
learns whom it was for, and who called it, in the same way.
"""

from lunaredge.agent.outlet import Outlet
from lunaredge.agent.stops import StopLatch


class StopRelay:
    """Hands each stop on that this node has latched: at once, and whenever others may lack it."""

    def __init__(self, outlet: Outlet, topic: str, latch: StopLatch) -> None:
        self._outlet = outlet
        self._topic = topic
        self._latch = latch
        self._said: set[str] = set()
        """Ids that somebody has handed on since we last did."""

    def take(self, stop: str) -> None:
        """Hand on a stop that was latched just now, under this id."""
        if frame := self._latch.frames.get(stop):
            self._outlet.relay(self._topic, frame)

    def heard(self, stop: str) -> None:
        """Learn that somebody else has handed a stop on: one of all is enough."""
        if stop in self._latch.frames:
            self._said.add(stop)

    def say_again(self) -> None:
        """Hand those on again that hold still: others may have been away when they were called."""
        for stop, frame in self._latch.frames.items():
            if stop not in self._said:
                self._outlet.relay(self._topic, frame)
        self._said.clear()

    def say_all(self) -> None:
        """Hand on every one that holds, to a leader that may have heard of none, from nobody."""
        self._said.clear()
        self.say_again()
