"""A node's shell in the simulator: it carries effects out, dies, and comes back from its disk.

Effects go out in order, with group commit, as under the real driver: all writes that wait are one
transaction, and nothing that stood behind a write leaves before it. A Halt goes out at once. What
a killed process had not carried out is gone.
"""

import random
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from lunaredge.ids import BootId, NodeId
from lunaredge.node import (
    Actuate,
    Archive,
    Effect,
    Erase,
    Node,
    Note,
    Persist,
    Publish,
    Rebirth,
    Solve,
    StartWorkload,
    StopWorkload,
    Transmit,
)
from lunaredge.sim.disk import Disk, StorageEffect
from lunaredge.sim.localclock import LocalClock
from lunaredge.sim.network import Message, Network
from lunaredge.sim.timeline import Entry, Timeline
from lunaredge.sim.trace import Trace
from lunaredge.wire.driver import Halt, MachineOrder

# More calls than any honest node makes without time passing; beyond it the node spins.
TICKS_AT_ONCE_MAX = 100

# Boot ids are a durable counter above this many random bits, as in the real shell.
BOOT_RANDOM_BITS = 24

_WRITES = (Persist, Erase, Archive)


class ProcessOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How slow the disk is and how wrong the clock."""

    commit_ns_min: int
    commit_ns_max: int
    drift_ppb: int = 0
    own_clock: bool = False
    """The node's clock has its own zero; else it shows site time."""


class Ports(msgspec.Struct, kw_only=True):
    """Where a process's effects go, other than its disk and its broker."""

    actuate: Callable[[MachineOrder], None] | None = None
    solve: Callable[[object], None] | None = None
    start_workload: Callable[[StartWorkload], None] | None = None
    stop_workload: Callable[[StopWorkload], None] | None = None
    transmit: Callable[[bytes], None] | None = None
    committed: Callable[[StorageEffect], None] | None = None
    heard: Callable[[str, bytes], None] | None = None
    will: Callable[[Any, int], Publish] | None = None
    """Asks the node what the broker shall say when the connection breaks."""


class Process:
    """One node, over all of its lives."""

    def __init__(
        self,
        name: NodeId,
        make: Callable[[BootId], Node],
        options: ProcessOptions,
        network: Network,
        world: "Surroundings",
    ) -> None:
        self.name = name
        self.options = options
        self.network = network
        self.disk = Disk()
        self.ports = Ports()
        self.node: Node | None = None
        self.boot = BootId(0)
        """The boot id of the newest life."""
        self.life = 0
        """Rises with each kill; what belongs to an older life is dropped."""
        self.stalled = False
        """The disk takes no writes now; what waits for it waits on."""
        self._will: Message | None = None
        self._make = make
        self._timeline = world.timeline
        self._trace = world.trace
        self._rng = world.rng
        self._clock = LocalClock(0, 0, 0)
        self._queue: deque[Effect] = deque()
        self._batch: deque[Effect] = deque()
        self._committing: list[StorageEffect] = []
        self._late = False
        """Whether a commit is over but for the disk, which is stalled."""
        self._tick: Entry | None = None
        self._spin = (0, 0)

    # --- lives ---------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether a life is going on."""
        return self.node is not None

    @property
    def idle(self) -> bool:
        """Whether a life goes on and has nothing left to carry out."""
        return self.alive and not self._queue and not self._committing

    def start(self) -> None:
        """Begin a life from what is on disk."""
        assert self.node is None
        now_ns = self._timeline.now_ns
        self.disk.boots += 1
        random_bits = self._rng.getrandbits(BOOT_RANDOM_BITS)
        self.boot = boot = BootId(self.disk.boots << BOOT_RANDOM_BITS | random_bits)
        if self.options.own_clock:
            zero_ns = self._rng.getrandbits(50)
            self._clock = LocalClock(now_ns, zero_ns, self.options.drift_ppb)
        self.node = self._make(boot)
        self._trace.log(now_ns, self.name, f"starts boot {boot}")
        rows = self.disk.rows()
        self.call(lambda node, local_ns: node.restore(rows, local_ns))
        self.network.attach(self)

    def kill(self) -> None:
        """End the life at once; a commit under way gets through or not."""
        assert self.node is not None
        self._trace.log(self._timeline.now_ns, self.name, "is killed")
        self.life += 1
        self.node = None
        self._queue.clear()
        self._batch.clear()
        if self._committing and not self.stalled and self._rng.random() < 0.5:
            self._apply()
        self._committing = []
        self._late = False
        if self._tick is not None:
            self._tick.drop()
            self._tick = None
        self.network.detach(self.name)

    def _begin_again(self, life: int) -> None:
        if self.alive and self.life == life:
            self.kill()
            self.start()

    # --- the client's side of the network -------------------------------------------------------

    def filters(self) -> tuple[str, ...]:
        """Give the topic filters it subscribes to."""
        return () if self.node is None else self.node.subscriptions

    def will(self) -> Message | None:
        """Give what the broker publishes when the connection breaks."""
        return self._will

    def deliver(self, topic: str, payload: bytes) -> None:
        """Take a message."""
        self._trace.log(self._timeline.now_ns, self.name, f"< {topic} {zlib.crc32(payload):08x}")
        if self.ports.heard is not None and self.node is not None:
            self.ports.heard(topic, payload)
        self.call(lambda node, local_ns: node.receive(topic, payload, local_ns))

    def came_up(self) -> None:
        """Learn that the broker is reached."""
        self._trace.log(self._timeline.now_ns, self.name, "connected")
        self.call(self._leave_will)
        self.call(lambda node, local_ns: node.connected(local_ns))

    def went_down(self) -> None:
        """Learn that it is not."""
        self._trace.log(self._timeline.now_ns, self.name, "disconnected")
        self.call(lambda node, local_ns: node.disconnected(local_ns))

    def _leave_will(self, node: Node, local_ns: int) -> None:
        if self.ports.will is not None:
            will = self.ports.will(node, local_ns)
            self._will = Message(will.topic, will.payload, will.retain)

    # --- calls and effects ----------------------------------------------------------------------

    def call(self, what: Callable[[Any, int], None]) -> list[Effect]:
        """Call into the node with its own time, and carry out what comes of it."""
        if self.node is None:
            return []
        what(self.node, self._clock.local_ns(self._timeline.now_ns))
        effects = self.node.take_effects()
        for effect in effects:
            if isinstance(effect, Actuate) and isinstance(effect.order, Halt):
                self._halt(effect)
            else:
                self._queue.append(effect)
        self._drain()
        self._plan_tick()
        return effects

    def _halt(self, halt: Actuate) -> None:
        """Stop at once; an order that still waits behind a commit must not follow the stop."""
        for queue in (self._batch, self._queue):
            kept = [effect for effect in queue if not isinstance(effect, Actuate)]
            queue.clear()
            queue.extend(kept)
        self._carry_out(halt)

    def _plan_tick(self) -> None:
        if self.node is None:
            return
        wakeup_ns = self.node.wakeup_ns()
        if self._tick is not None and self._tick.live:
            self._tick.drop()
        self._tick = None
        if wakeup_ns is not None:
            at_ns = max(self._timeline.now_ns, self._clock.site_ns(wakeup_ns))
            self._tick = self._timeline.at(at_ns, self._on_tick)

    def _on_tick(self) -> None:
        now_ns = self._timeline.now_ns
        count = self._spin[1] + 1 if self._spin[0] == now_ns else 1
        self._spin = (now_ns, count)
        assert count <= TICKS_AT_ONCE_MAX, f"{self.name} spins: its wakeup lies in the past"
        self.call(lambda node, local_ns: node.tick(local_ns))

    def _drain(self) -> None:
        """Carry out what waits; all writes that wait go into one transaction."""
        while self._queue and not self._committing:
            if not isinstance(self._queue[0], _WRITES):
                self._carry_out(self._queue.popleft())
                continue
            self._begin_commit()

    def _begin_commit(self) -> None:
        self._batch, self._queue = self._queue, deque()
        self._committing = [effect for effect in self._batch if isinstance(effect, _WRITES)]
        life = self.life
        delay_ns = self._rng.randint(self.options.commit_ns_min, self.options.commit_ns_max)
        self._timeline.after(delay_ns, lambda: self._end_commit(life))

    def _end_commit(self, life: int) -> None:
        if self.life != life:
            return
        self._late = self.stalled
        if self._late:
            return
        self._apply()
        self._committing = []
        while self._batch:
            effect = self._batch.popleft()
            if not isinstance(effect, _WRITES):
                self._carry_out(effect)
        self._drain()

    def unstall(self) -> None:
        """Have the disk take writes again."""
        self.stalled = False
        if self._committing and self._late:
            self._end_commit(self.life)

    def _apply(self) -> None:
        self.disk.commit(self._committing)
        self._trace.log(self._timeline.now_ns, self.name, f"commits {len(self._committing)}")
        if self.ports.committed is not None:
            for effect in self._committing:
                self.ports.committed(effect)

    def _carry_out(self, effect: Effect) -> None:
        now_ns, ports = self._timeline.now_ns, self.ports
        match effect:
            case Publish():
                self._trace.log(
                    now_ns, self.name, f"> {effect.topic} {zlib.crc32(effect.payload):08x}"
                )
                message = Message(effect.topic, effect.payload, effect.retain)
                self.network.publish(self.name, message)
            case Actuate():
                assert ports.actuate is not None
                ports.actuate(effect.order)
            case Solve():
                assert ports.solve is not None
                ports.solve(effect.problem)
            case StartWorkload():
                assert ports.start_workload is not None
                ports.start_workload(effect)
            case StopWorkload():
                assert ports.stop_workload is not None
                ports.stop_workload(effect)
            case Transmit():
                assert ports.transmit is not None
                ports.transmit(effect.payload)
            case Rebirth():
                self.disk.boots = max(self.disk.boots, effect.above >> BOOT_RANDOM_BITS)
                life = self.life
                self._timeline.after(1, lambda: self._begin_again(life))
            case Note():
                self._trace.log(now_ns, self.name, f"notes {effect.event} {effect.fields}")
            case Persist() | Erase() | Archive():
                raise AssertionError("a storage effect outside a commit")


class Surroundings(msgspec.Struct, kw_only=True):
    """What every process shares, and its own randomness."""

    timeline: Timeline
    trace: Trace
    rng: random.Random
