"""A second scheduler, rebuilt from the disk of the first, to be compared with it.

It goes on from where it was when it is asked again, so that a look costs what is new and no more.
A disk that does not hold what the replica has taken (an older copy was put in) is read anew.
"""

from collections.abc import Callable

from lunaredge.node import Row
from lunaredge.scheduler.node import CHECKPOINT, JOURNAL, SchedulerNode
from lunaredge.sim.disk import Disk


class Replica:
    """What a scheduler's disk gives."""

    def __init__(self, make: Callable[[], SchedulerNode]) -> None:
        self._make = make
        self._node = make()
        self._last: Row | None = None
        """The newest entry taken."""

    def digest(self, disk: Disk) -> str:
        """Give the digest of what the disk gives, or how many entries decided otherwise."""
        if self._last is not None and not _goes_on(disk, self._last):
            self._node, self._last = self._make(), None
        above = 0 if self._last is None else self._last.number
        rows = disk.rows_above((CHECKPOINT, JOURNAL), above)
        differing = self._node.replay(rows)
        self._last = rows[-1] if rows else self._last
        return f"{differing} entries decided otherwise" if differing else self._node.digest()


def _goes_on(disk: Disk, last: Row) -> bool:
    """Tell whether the disk still has the entry.

    A checkpoint in place of it may be that of another past.
    """
    return last in disk.rows_above((CHECKPOINT, JOURNAL), last.number - 1)
