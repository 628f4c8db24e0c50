"""Virtual time and the heap of what is due in it.

Knows nothing of nodes, networks or faults. Two entries due at the same instant run in the order
in which they were made.
"""

import heapq
from collections.abc import Callable

Action = Callable[[], None]


class Entry:
    """Something due. Dropped entries stay in the heap and are skipped."""

    __slots__ = ("action", "at_ns", "live")

    def __init__(self, at_ns: int, action: Action) -> None:
        self.at_ns = at_ns
        self.action = action
        self.live = True

    def drop(self) -> None:
        """Make sure that it never runs."""
        self.live = False


class Timeline:
    """The virtual clock: it stands still while an action runs, and jumps to the next one."""

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns
        self.count = 0
        """Actions run so far."""
        self._heap: list[tuple[int, int, Entry]] = []
        self._order = 0

    def at(self, at_ns: int, action: Action) -> Entry:
        """Run the action at that time."""
        assert at_ns >= self.now_ns, f"{at_ns} lies {self.now_ns - at_ns} ns in the past"
        entry = Entry(at_ns, action)
        heapq.heappush(self._heap, (at_ns, self._order, entry))
        self._order += 1
        return entry

    def after(self, delay_ns: int, action: Action) -> Entry:
        """Run the action when that much time has passed."""
        return self.at(self.now_ns + delay_ns, action)

    def step(self) -> bool:
        """Run the next action; False when there is none."""
        while self._heap:
            at_ns, _, entry = heapq.heappop(self._heap)
            if not entry.live:
                continue
            assert at_ns >= self.now_ns
            self.now_ns = at_ns
            self.count += 1
            entry.live = False
            entry.action()
            return True
        return False
