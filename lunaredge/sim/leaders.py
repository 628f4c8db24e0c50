"""Who leads, where more than one could: a standby, a twin on a copied disk, an old image.

The lock of the one disk is exact here, as it is on one computer: a standby begins when the leader
is dead, after a short while. Copies of the disk have no lock in common. What is lost with a disk
is told to the checkers, upload by upload, so that they forgive nothing else.
"""

from collections.abc import Callable

from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive
from lunaredge.scheduler.backlog import ENDS
from lunaredge.scheduler.state import SchedulerState
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers import keeping
from lunaredge.sim.disk import Disk
from lunaredge.sim.options import FaultOptions
from lunaredge.sim.process import Process
from lunaredge.sim.rng import Streams
from lunaredge.sim.simulation import Simulation, new_scheduler
from lunaredge.units import ns_from_s
from lunaredge.wire import spool, topics

TWIN = NodeId("scheduler-twin")
# A standby asks for the lock several times a second, then reads the journal.
SUCCESSION_S_MIN, SUCCESSION_S_MAX = 0.1, 10.0
IMAGE_PERIOD_S = 60.0
# Ten minutes: older than any lease that a run draws is short, and a journal's checkpoint or two.
IMAGES_MAX = 10
# Of two leaders, the one on the newest journal is kept more often: people try to.
TWIN_STAYS_RATIO = 0.3

_Relayed = tuple[tuple[NodeId, int], ...]


class Leaders:
    """Standbys, twins and images of the one scheduler."""

    def __init__(self, sim: Simulation, options: FaultOptions, streams: Streams) -> None:
        self._sim = sim
        self._rng = streams.stream("fault leaders")
        self._has_copies = options.split_s > 0.0 or options.old_image_s > 0.0
        self._standby = options.standby
        self._twin: Process | None = None
        self._images: list[Disk] = []
        self._shared = 0
        """So many records of the archive are in both twins' disks from their common past."""
        self._books = 0
        self.losses = 0
        """Disks lost for good."""
        self.after_loss: Callable[[], None] = lambda: None
        """Told when one is, so that people can look at what is left."""

    @property
    def are_two(self) -> bool:
        """Whether two lead now."""
        return self._twin is not None

    def begin(self) -> None:
        """Take images of the scheduler's disk from now on, if anybody will need them."""
        if self._has_copies:
            self._take_image()

    # --- a standby ------------------------------------------------------------------------------

    def succeed(self) -> None:
        """Have the standby lead, if there is one; the leader has just died."""
        if not self._standby:
            return
        self._standby = False
        delay_s = self._rng.uniform(SUCCESSION_S_MIN, SUCCESSION_S_MAX)
        self._sim.timeline.after(ns_from_s(delay_s), self._lead)

    def stand_by(self) -> None:
        """Have a process that came back wait for the lead."""
        self._standby = True

    def _lead(self) -> None:
        if self._scheduler.alive:
            # The dead one was back sooner, and has the lock.
            self._standby = True
            return
        self._sim.trace.log(self._sim.timeline.now_ns, topics.SCHEDULER, "is a standby that leads")
        self._sim.start(topics.SCHEDULER)

    # --- a twin ---------------------------------------------------------------------------------

    def split(self) -> None:
        """Start a second scheduler, on the disk as it is or was."""
        assert self._twin is None
        now = self._scheduler.disk.copy()
        disk = self._rng.choice([now, *self._images]).copy()
        self._shared = len(disk.archive)
        self._twin = self._sim.second_scheduler(TWIN, disk)
        self._open_books(TWIN, disk)
        self._twin.start()

    def join(self) -> None:
        """Lose one of the two for good, with its disk."""
        twin, scheduler = self._twin, self._scheduler
        if twin is None:
            return
        self._twin = None
        was_alive = scheduler.alive
        if self._rng.random() >= TWIN_STAYS_RATIO:
            twin.kill()
            self._forget(twin.disk, scheduler.disk, kept=[])
            self._settle(self._sim.books.get(topics.SCHEDULER, 0))
            return
        if was_alive:
            self._sim.kill(topics.SCHEDULER)
        twin.kill()
        lost, scheduler.disk = scheduler.disk, twin.disk
        self._forget(lost, twin.disk, kept=_only_in(lost, twin.disk, self._shared))
        for archive in _only_in(twin.disk, lost, self._shared):
            self._sim.see_archived(topics.SCHEDULER, archive)
        self._settle(self._sim.books[TWIN])
        self._images.clear()
        if was_alive:
            self._sim.start(topics.SCHEDULER)

    # --- an old image ---------------------------------------------------------------------------

    def put_image_back(self) -> None:
        """Lose the scheduler's disk, and have it begin again on an image of it."""
        if not self._images or self.are_two:
            return
        scheduler = self._scheduler
        was_alive = scheduler.alive
        if was_alive:
            self._sim.kill(topics.SCHEDULER)
        number = self._rng.randrange(len(self._images))
        # What was taken later is no image of this past.
        del self._images[number + 1 :]
        lost, scheduler.disk = scheduler.disk, self._images[number].copy()
        self._shared = len(scheduler.disk.archive)
        self._forget(lost, scheduler.disk, kept=lost.archive[self._shared :])
        self._settle(self._open_books(topics.SCHEDULER, scheduler.disk))
        if was_alive:
            self._sim.start(topics.SCHEDULER)

    def books_left(self) -> SchedulerState:
        """Give what the disk that is the site's now knows."""
        return self._state(self._scheduler.disk)

    def _take_image(self) -> None:
        self._sim.timeline.after(ns_from_s(IMAGE_PERIOD_S), self._take_image)
        self._images.append(self._scheduler.disk.copy())
        del self._images[:-IMAGES_MAX]

    # --- what the checkers are told -------------------------------------------------------------

    @property
    def _scheduler(self) -> Process:
        return self._sim.processes[topics.SCHEDULER]

    def _open_books(self, name: NodeId, disk: Disk) -> int:
        """Tell what a copy says of the tasks; give the number of its books."""
        self._books += 1
        self._sim.books[name] = self._books
        entries = tuple(
            seen.BookEntry(task, entry.phase.value, entry.attempt, entry.node)
            for task, entry in self._state(disk).tasks.items()
        )
        now_ns = self._sim.timeline.now_ns
        self._sim.jury.see(seen.Copied(at_ns=now_ns, books=self._books, entries=entries))
        return self._books

    def _settle(self, books: int) -> None:
        self._sim.books[topics.SCHEDULER] = books
        self._sim.jury.see(seen.Settled(at_ns=self._sim.timeline.now_ns, books=books))

    def _state(self, disk: Disk) -> SchedulerState:
        """Give what a scheduler's disk knows."""
        sim = self._sim
        reader = new_scheduler(sim.scenario, sim.options, sim.keys, BootId(1))
        reader.replay(disk.rows())
        return reader.core.state

    def _forget(self, lost: Disk, left: Disk, kept: list[Archive]) -> None:
        """Tell what only a lost disk had: what it archived, and what was on its way to Earth.

        ``kept`` is what the checkers have seen archived there and is nowhere else.
        """
        archived = [
            seen.LostUpload(one.node, one.boot, one.record_class, one.first_seq, one.seq)
            for one in _only_in(lost, left, self._shared)
        ]
        left_tasks = self._state(left).tasks
        ends = tuple(
            task
            for task, entry in self._state(lost).tasks.items()
            if entry.phase in ENDS
            and (task not in left_tasks or left_tasks[task].phase not in ENDS)
        )
        there = {(row.scope, row.number) for row in left.rows() if row.table == spool.TABLE}
        items = [
            spool.decode_item(row.value)
            for row in lost.rows()
            if row.table == spool.TABLE and (row.scope, row.number) not in there
        ]
        waiting = [
            seen.LostUpload(
                topics.SCHEDULER, item.boot, item.record_class, item.first_seq, item.seq
            )
            for item in items
        ]
        now_ns = self._sim.timeline.now_ns
        uploads = (*archived, *waiting)
        self._sim.jury.see(
            seen.Forgotten(
                at_ns=now_ns,
                uploads=uploads,
                relayed=_relayed(lost.archive[self._shared :], now_ns),
                kept=_relayed(kept, now_ns),
                ends=ends,
            )
        )
        self.losses += 1
        # By then the disk that is left is the site's.
        self._sim.timeline.after(1, self.after_loss)


def _only_in(disk: Disk, other: Disk, shared: int) -> list[Archive]:
    """Give the records that one archive has and the other has not."""
    there = {(one.node, one.boot, one.record_class, one.seq) for one in other.archive[shared:]}
    return [
        one
        for one in disk.archive[shared:]
        if (one.node, one.boot, one.record_class, one.seq) not in there
    ]


def _relayed(archives: list[Archive], now_ns: int) -> _Relayed:
    """Name the records of an archive that may have gone on to Earth."""
    found = (
        keeping.kept(topics.SCHEDULER, one.node, one.record_class, one.record, now_ns)
        for one in archives
    )
    return tuple((one.node, one.key) for one in found if one is not None)
