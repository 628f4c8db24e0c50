"""The asyncio driver of a core: feeds it, wakes it, carries its effects out.

Order is kept, with group commit: all writes that wait are one transaction, and nothing that stood
behind a write leaves before it is on disk. Only a Halt overtakes: it is carried out at once, and
voids every order that still waits. Owns no policy and knows no core by name.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, assert_never

import msgspec

from lunaredge.errors import JournalCorrupt, JournalFenced, StorageError
from lunaredge.ids import BootId
from lunaredge.node import (
    Actuate,
    Archive,
    Effect,
    Erase,
    Keep,
    Level,
    Node,
    Note,
    Persist,
    Publish,
    Rebirth,
    Row,
    Solve,
    StartWorkload,
    StopWorkload,
    Transmit,
)
from lunaredge.runtime.clock import Clock
from lunaredge.runtime.log import log_event, log_note
from lunaredge.runtime.store import Write
from lunaredge.runtime.tasks import end_tasks
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Halt, MachineOrder

_WRITES = (Persist, Erase, Archive, Keep)

# Over the upper bound messages wait in the link until the lower one is reached: a slow disk slows
# intake down instead of filling memory. Stops alone come through: an agent latches only so many,
# and halts at once. 1024 effects are a second or two of work for a disk.
EFFECTS_HIGH = 1024
EFFECTS_LOW = 256
# Ticks go on while messages wait, so a disk that never answers must end the process some time.
EFFECTS_MAX = 50_000
# A core that is due again at once must not take the whole processor.
TICK_WAIT_S_MIN = 0.001
# Waits are checked this often, since a laptop that slept wakes with its timers late.
TICK_WAIT_S_MAX = 60.0
# A disk that stays full for a minute needs a person; the process then ends with exit code 3.
RETRY_S_MAX = 60.0
RETRY_WAIT_S_MIN = 0.1
RETRY_WAIT_S_MAX = 5.0
# What is queued at the end gets this long to reach the disk, then the broker.
STOP_DISK_S_MAX = 5.0
STOP_LINK_S_MAX = 2.0


class Link(Protocol):
    """What a runner needs of the network."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Queue a message, or refuse and count it."""
        ...

    def pause_delivery(self) -> None:
        """Stop handing messages on, but for urgent ones."""
        ...

    def resume_delivery(self) -> None:
        """Hand messages on again."""
        ...

    async def drain(self, wait_s: float) -> None:
        """Wait until what is queued has left."""
        ...

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        ...


class Storage(Protocol):
    """What a runner needs of a store."""

    @property
    def path(self) -> Path:
        """Where it is, for messages."""
        ...

    @property
    def corrupt_count(self) -> int:
        """Damaged rows that the last walk over them met."""
        ...

    @property
    def corrupt_keys(self) -> list[str]:
        """Some of them by name."""
        ...

    @property
    def written_bytes(self) -> int:
        """Bytes that it has had written to the medium since it was opened."""
        ...

    def rows(self) -> Iterator[Row]:
        """Give what an earlier life persisted."""
        ...

    def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable, in order; all or none."""
        ...


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """Who carries out what is not disk, network or log. Called on the event loop; must not block.

    A core that hands out an effect without a hook was put into the wrong process.
    """

    actuate: Callable[[MachineOrder], object] | None = None
    solve: Callable[[object], object] | None = None
    start_workload: Callable[[StartWorkload], object] | None = None
    stop_workload: Callable[[StopWorkload], object] | None = None
    transmit: Callable[[bytes], object] | None = None
    written: Callable[[int, int], None] | None = None
    """Told after each commit how many bytes went to the medium, and the time."""


class NodeRunner:
    """Drives one core. It is the link's listener; make the link with it, then `run`."""

    def __init__(self, node: Node, store: Storage, clock: Clock) -> None:
        self.reborn_above: BootId | None = None
        """Set when the core ended its life to begin one above that boot."""
        self._node = node
        self._store = store
        self._clock = clock
        self._link: Link | None = None
        self._hooks = Hooks()
        self._queue: deque[Effect] = deque()
        self._batch: deque[Effect] = deque()
        self._busy = False
        self._paused = False
        self._written_bytes = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def run(self, link: Link, hooks: Hooks | None = None) -> None:
        """Restore the core, then drive it until `stop`.

        Raises:
            StorageError: the disk refused for longer than the bound.
            Exception: what the core or a hook raised; a programmer's error.
        """
        self._link, self._hooks = link, hooks or Hooks()
        self._enter(lambda now_ns: self._node.restore(self._store.rows(), now_ns))
        self._report_corrupt_rows()
        executing = asyncio.create_task(self._execute())
        linking = asyncio.create_task(link.run())
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = (executing, linking, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._wind_up(link, executing)
        finally:
            self._stopping.set()
            self._cancel_timer()
            try:
                failures = await end_tasks(tasks)
            finally:
                self._thread.shutdown(wait=True)
        if self._failure is not None:
            raise self._failure
        if failures:
            raise failures[0]

    def stop(self) -> None:
        """End `run`, after what is queued is on disk and sent, within a bound."""
        self._stopping.set()

    def call(self, step: Callable[[int], None]) -> None:
        """Give the core an input of its own kind: run the step with the time, then its effects.

        After `stop` none comes in any more: who has said goodbye doesn't set off again.

        Raises:
            Exception: what the step raised; the runner ends with it.
        """
        if not self._stopping.is_set():
            self._enter(step)

    # --- LinkListener ----------------------------------------------------------------------------

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take one message."""
        self._enter_safely(lambda now_ns: self._node.receive(topic, payload, now_ns))

    def on_connected(self) -> None:
        """Learn that the broker is reached."""
        self._enter_safely(self._node.connected)

    def on_disconnected(self) -> None:
        """Learn that the broker is out of reach."""
        self._enter_safely(self._node.disconnected)

    # --- into the core ---------------------------------------------------------------------------

    def _enter(self, step: Callable[[int], None]) -> None:
        """The one door to the core."""
        try:
            step(self._clock.now_ns())
            self._pump()
        except Exception as exc:
            self._fail(exc)
            raise
        self._arm()

    def _enter_safely(self, step: Callable[[int], None]) -> None:
        """Enter from a callback that must not raise; the failure ends `run` instead."""
        with contextlib.suppress(Exception):
            self.call(step)

    def _fail(self, exc: BaseException) -> None:
        if self._failure is None:
            self._failure = exc
        self._stopping.set()

    def _tick(self) -> None:
        self._timer = None
        self._enter_safely(self._node.tick)

    def _arm(self) -> None:
        """Set the timer for when the core wants to be woken."""
        self._cancel_timer()
        wakeup_ns = self._node.wakeup_ns()
        if wakeup_ns is None or self._stopping.is_set():
            return
        wait_s = (wakeup_ns - self._clock.now_ns()) / NS_PER_S / self._clock.speed
        wait_s = min(max(wait_s, TICK_WAIT_S_MIN), TICK_WAIT_S_MAX)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- out of the core -------------------------------------------------------------------------

    def _pump(self) -> None:
        """Take the core's effects; what stands behind no write is carried out on the spot."""
        for effect in self._node.take_effects():
            if isinstance(effect, Actuate) and isinstance(effect.order, Halt):
                self._halt()
            else:
                self._queue.append(effect)
        if not self._busy:
            self._carry_out_until_write(self._queue)
        if self._queue:
            self._emptied.clear()
            self._filled.set()
        if len(self._queue) > EFFECTS_MAX:
            raise StorageError(f"{len(self._queue)} effects wait for {self._store.path}")
        if len(self._queue) > EFFECTS_HIGH and not self._paused and self._link:
            self._paused = True
            self._link.pause_delivery()

    def _halt(self) -> None:
        """Halt now. An order that still waits for the disk is older: it must not undo this."""
        for queue in (self._batch, self._queue):
            kept = [effect for effect in queue if not isinstance(effect, Actuate)]
            queue.clear()
            queue.extend(kept)
        self._carry_out(Actuate(Halt()))

    async def _execute(self) -> None:
        """Carry out what is queued, a batch at a time."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            self._busy = True
            while self._queue:
                self._batch, self._queue = self._queue, deque()
                self._carry_out_until_write(self._batch)
                writes = [effect for effect in self._batch if isinstance(effect, _WRITES)]
                if writes:
                    await self._commit(writes)
                while self._batch:
                    effect = self._batch.popleft()
                    if not isinstance(effect, _WRITES):
                        self._carry_out(effect)
                if self._paused and len(self._queue) < EFFECTS_LOW and self._link:
                    self._paused = False
                    self._link.resume_delivery()
            self._busy = False
            self._emptied.set()

    async def _commit(self, writes: list[Write]) -> None:
        """Write, again and again while the disk has no room, for a bounded time."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + RETRY_S_MAX
        wait_s = RETRY_WAIT_S_MIN
        failed = False
        while True:
            try:
                await loop.run_in_executor(self._thread, self._store.commit, writes)
                break
            except (JournalCorrupt, JournalFenced):
                raise
            except StorageError as exc:
                if loop.time() > deadline_s or self._stopping.is_set():
                    raise
                if not failed:
                    log_event(Level.ERROR, "store.write_failed", {"reason": exc})
                failed = True
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, RETRY_WAIT_S_MAX)
        if failed:
            log_event(Level.WARNING, "store.write_recovered", {"writes": len(writes)})
        self._tell_written()

    def _tell_written(self) -> None:
        """Tell the core what it costs the medium; in a callback that must not raise."""
        written_bytes = self._store.written_bytes
        size_bytes, self._written_bytes = written_bytes - self._written_bytes, written_bytes
        tell = self._hooks.written
        if tell is not None:
            self._enter_safely(lambda now_ns: tell(size_bytes, now_ns))

    def _carry_out_until_write(self, queue: deque[Effect]) -> None:
        while queue and not isinstance(queue[0], _WRITES):
            self._carry_out(queue.popleft())

    def _carry_out(self, effect: Effect) -> None:
        hooks = self._hooks
        match effect:
            case Publish(topic=topic, payload=payload, retain=retain):
                assert self._link is not None
                self._link.publish(topic, payload, retain=retain)
            case Actuate(order=order):
                _hook(hooks.actuate, effect)(order)
            case Solve(problem=problem):
                _hook(hooks.solve, effect)(problem)
            case StartWorkload():
                _hook(hooks.start_workload, effect)(effect)
            case StopWorkload():
                _hook(hooks.stop_workload, effect)(effect)
            case Transmit(payload=payload):
                _hook(hooks.transmit, effect)(payload)
            case Rebirth(above=above):
                self.reborn_above = above
                self._stopping.set()
            case Note():
                log_note(effect)
            case Persist() | Erase() | Archive() | Keep():
                raise AssertionError("a write is committed, not carried out")
            case _:
                assert_never(effect)

    # --- the end ---------------------------------------------------------------------------------

    async def _wind_up(self, link: Link, executing: asyncio.Task[None]) -> None:
        """Get what is queued to the disk and to the broker, within bounds."""
        self._cancel_timer()
        if self._hooks.actuate is not None:
            self._halt()
        if self._queue or self._busy:
            emptied = asyncio.create_task(self._emptied.wait())
            await asyncio.wait(
                (executing, emptied), timeout=STOP_DISK_S_MAX, return_when=asyncio.FIRST_COMPLETED
            )
            await end_tasks((emptied,))
        if self._failure is None:
            await link.drain(STOP_LINK_S_MAX)

    def _report_corrupt_rows(self) -> None:
        if self._store.corrupt_count:
            fields: dict[str, object] = {
                "store": self._store.path,
                "count": self._store.corrupt_count,
                "rows": ",".join(self._store.corrupt_keys),
            }
            log_event(Level.ERROR, "row.found_corrupt", fields)


def _hook(hook: Callable[..., object] | None, effect: Effect) -> Callable[..., object]:
    assert hook is not None, f"nobody here carries out {type(effect).__name__}"
    return hook
