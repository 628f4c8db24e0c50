"""A second scheduler, rebuilt from the disk of the first, to be compared with it.

It goes on from where it was when it is asked again, so that a look costs what is new and no more.
A disk that does not hold what the replica has taken (an older copy was put in) is read anew.
"""

from collections.abc import Callable

from lunaredge.node import Row
from lunaredge.scheduler.node import CHECKPOINT, JOURNAL, SchedulerNode
from lunaredge.sim.disk import Disk

# Two lives on copies of one disk may write a row or two alike, and never so many.
TAIL_ROWS = 64


class Replica:
    """What a scheduler's disk gives."""

    def __init__(self, make: Callable[[], SchedulerNode]) -> None:
        self._make = make
        self._node = make()
        self._above = 0
        """The number of the newest entry taken."""
        self._tail: list[Row] = []
        """The newest of the journal's entries taken."""

    def digest(self, disk: Disk) -> str:
        """Give the digest of what the disk gives, or how many entries decided otherwise."""
        if self._above and not _goes_on(disk, self._tail):
            self._node, self._above, self._tail = self._make(), 0, []
        rows = disk.rows_above((CHECKPOINT, JOURNAL), self._above)
        differing = self._node.replay(rows)
        self._above = rows[-1].number if rows else self._above
        self._tail = [*self._tail, *(row for row in rows if row.table == JOURNAL)][-TAIL_ROWS:]
        return f"{differing} entries decided otherwise" if differing else self._node.digest()


def _goes_on(disk: Disk, tail: list[Row]) -> bool:
    """Tell whether the disk still has these entries.

    A checkpoint in place of them may be that of another past.
    """
    return bool(tail) and disk.rows_above((JOURNAL,), tail[0].number - 1)[: len(tail)] == tail
