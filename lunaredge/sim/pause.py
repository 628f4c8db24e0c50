"""What comes for a process while it is frozen, and waits in sockets and pipes until it runs again.

Both queues are bounded, as the kernel's are. Of the samples that don't fit, either the oldest are
gone (a driver that keeps the newest) or the newest (a socket that is full); or all, where the
connection broke.
"""

import enum
from collections import deque
from collections.abc import Callable

Arrival = Callable[[], None]

# A broker's window and the socket behind it: what one client is sent unread.
MESSAGES_MAX = 1_000
# Some 24 KiB of samples in the buffers of both ends.
SAMPLES_MAX = 60


class Keeps(enum.Enum):
    """Which samples wait for a process that doesn't run."""

    OLDEST = "oldest"
    NEWEST = "newest"
    NONE = "none"


class Pause:
    """The time during which a process doesn't run."""

    def __init__(self, since_ns: int, *, still: bool, keeps: Keeps) -> None:
        self.since_ns = since_ns
        self.still = still
        """Its clock stands still meanwhile."""
        self.dropped = 0
        self._keeps = keeps
        self._messages: deque[Arrival] = deque()
        self._samples: deque[Arrival] = deque()

    def wait(self, arrival: Arrival) -> None:
        """Have something wait, if there is room."""
        if len(self._messages) < MESSAGES_MAX:
            self._messages.append(arrival)
        else:
            self.dropped += 1

    def wait_sample(self, arrival: Arrival) -> None:
        """Have a sample wait, at the cost of another where there is no room."""
        full = len(self._samples) == SAMPLES_MAX
        if self._keeps is Keeps.NONE or (full and self._keeps is Keeps.OLDEST):
            self.dropped += 1
            return
        if full:
            self.dropped += 1
            self._samples.popleft()
        self._samples.append(arrival)

    def queues(self) -> list[list[Arrival]]:
        """Give what waits on each way, oldest first."""
        return [list(self._messages), list(self._samples)]
