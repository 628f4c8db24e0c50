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
    Keep,
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
from lunaredge.sim.pause import Keeps, Pause
from lunaredge.sim.timeline import Entry, Timeline
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Halt, MachineOrder, Sample

# More calls than any honest node makes without time passing; beyond it the node spins.
TICKS_AT_ONCE_MAX = 100

# The real shell looks at its clock this often, whatever its timers say.
TICK_WAIT_NS_MAX = 60 * NS_PER_S

# Boot ids are a durable counter above this many random bits, as in the real shell.
BOOT_RANDOM_BITS = 24

_WRITES = (Persist, Erase, Archive, Keep)


class ProcessOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How slow the disk is and how wrong the clock."""

    commit_ns_min: int
    commit_ns_max: int
    drift_ppb: int = 0
    own_clock: bool = False
    """The node's clock has its own zero; else it shows site time."""
    zero_ns_max: int = 2**50
    """A life's own clock begins below this. A small one is a board that boots in 1970."""


class Ports(msgspec.Struct, kw_only=True):
    """Where a process's effects go, other than its disk and its broker."""

    actuate: Callable[[MachineOrder], None] | None = None
    solve: Callable[[object], None] | None = None
    start_workload: Callable[[StartWorkload], None] | None = None
    stop_workload: Callable[[StopWorkload], None] | None = None
    transmit: Callable[[bytes], None] | None = None
    committed: Callable[[StorageEffect], None] | None = None
    heard: Callable[[str, bytes], None] | None = None
    took: Callable[[str, bytes, list[Effect]], None] | None = None
    """Told what came of a message, while the clock or the process has been tampered with."""
    noted: Callable[[Note], None] | None = None
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
        self.full = False
        """The disk has no room, not even for another life to begin."""
        self.unstarted = False
        """Its life ended or could not begin for want of room; it is to begin once there is."""
        self.commit_since_ns: int | None = None
        """Since when a commit is under way."""
        self.events = 0
        """Calls, effects and commits so far, over all lives: the places at which power can fail."""
        self._doom: tuple[int, Callable[[], None]] | None = None
        self._will: Message | None = None
        self._make = make
        self._timeline = world.timeline
        self._trace = world.trace
        self._rng = world.rng
        self.clock_wronged_ns: int | None = None
        """When the node's clock was last stepped or stood still."""
        self.tampered = False
        """Whether its clock or its running was ever tampered with."""
        self._clock = LocalClock(0, 0, 0)
        self._drift_ppb = options.drift_ppb
        self._pause: Pause | None = None
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
        return self.alive and not self.frozen and not self._queue and not self._committing

    @property
    def frozen(self) -> bool:
        """Whether a life goes on and doesn't run."""
        return self._pause is not None

    def start(self) -> None:
        """Begin a life from what is on disk."""
        assert self.node is None
        now_ns = self._timeline.now_ns
        if self.full:
            self._trace.log(now_ns, self.name, "can't start: its disk has no room")
            self.unstarted = True
            return
        self.disk.boots += 1
        random_bits = self._rng.getrandbits(BOOT_RANDOM_BITS)
        self.boot = boot = BootId(self.disk.boots << BOOT_RANDOM_BITS | random_bits)
        if self.options.own_clock:
            zero_ns = self._rng.randrange(self.options.zero_ns_max)
            self._clock = LocalClock(now_ns, zero_ns, self._drift_ppb)
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
        self.commit_since_ns = None
        self._late = False
        self._pause = None
        self._doom = None
        self._drop_tick()
        self.network.detach(self.name)

    def die_at(self, event: int, cut: Callable[[], None]) -> None:
        """Have the power cut just before that event of its life, if the life lasts until then."""
        assert event > self.events
        self._doom = (event, cut)

    def reprieve(self) -> None:
        """Have the power stay."""
        self._doom = None

    def _is_cut_here(self) -> bool:
        """Count an event; cut the power if this is the one. Then nothing more may be done."""
        self.events += 1
        if self._doom is None or self.events < self._doom[0]:
            return False
        _, cut = self._doom
        self._doom = None
        cut()
        assert self.node is None
        return True

    def _begin_again(self, life: int) -> None:
        if self._pause is not None:
            self._pause.wait(lambda: self._begin_again(life))
        elif self.alive and self.life == life:
            self.kill()
            self.start()

    # --- freezing, and the clock ----------------------------------------------------------------

    def freeze(self, *, still: bool, keeps: Keeps) -> None:
        """Have the life stop running; what comes for it waits, its clock goes on or stands still.

        A node without a clock of its own shows site time, whatever happens to it.
        """
        assert self.alive
        assert not self.frozen
        now_ns = self._timeline.now_ns
        still = still and self.options.own_clock
        self._trace.log(now_ns, self.name, "freezes" + (", and its clock" if still else ""))
        self.tampered = True
        self._pause = Pause(now_ns, still=still, keeps=keeps)
        self._drop_tick()

    def thaw(self) -> None:
        """Have it run on: its timers, what waited for it and its disk come in any order."""
        pause, now_ns = self._pause, self._timeline.now_ns
        assert pause is not None
        self._pause = None
        self._trace.log(now_ns, self.name, "thaws")
        if pause.still:
            self._clock.stand_still(pause.since_ns, now_ns)
            self.clock_wronged_ns = now_ns
        turns: list[list[Callable[[], None]]] = [
            *pause.queues(),
            [self._end_late_commit],
            [self._on_late_tick],
        ]
        self._rng.shuffle(turns)
        life = self.life
        for turn in turns:
            for action in turn:
                if self.life == life and not self.frozen:
                    action()
        self._plan_tick()

    def _on_late_tick(self) -> None:
        wakeup_ns = self.node.wakeup_ns() if self.node is not None else None
        if wakeup_ns is not None and self._clock.site_ns(wakeup_ns) <= self._timeline.now_ns:
            self.call(lambda node, local_ns: node.tick(local_ns))

    def step_clock(self, step_ns: int) -> None:
        """Have the node's own clock jump."""
        assert self.options.own_clock
        now_ns = self._timeline.now_ns
        self._trace.log(now_ns, self.name, f"has its clock stepped by {step_ns} ns")
        self._clock.step(now_ns, step_ns)
        self.tampered, self.clock_wronged_ns = True, now_ns
        self._plan_tick()

    def run_clock(self, drift_ppb: int | None) -> None:
        """Have the node's own clock run at another rate, over all lives; its own rate for None."""
        assert self.options.own_clock
        now_ns = self._timeline.now_ns
        self._drift_ppb = self.options.drift_ppb if drift_ppb is None else drift_ppb
        self._trace.log(now_ns, self.name, f"has a clock that gains {self._drift_ppb} ppb")
        self._clock.run(now_ns, self._drift_ppb)
        self.tampered = True
        self._plan_tick()

    # --- the client's side of the network -------------------------------------------------------

    def filters(self) -> tuple[str, ...]:
        """Give the topic filters it subscribes to."""
        return () if self.node is None else self.node.subscriptions

    def will(self) -> Message | None:
        """Give what the broker publishes when the connection breaks."""
        return self._will

    def deliver(self, topic: str, payload: bytes) -> None:
        """Take a message."""
        if self._pause is not None:
            self._pause.wait(lambda: self.deliver(topic, payload))
            return
        self._trace.log(self._timeline.now_ns, self.name, f"< {topic} {zlib.crc32(payload):08x}")
        if self.ports.heard is not None and self.node is not None:
            self.ports.heard(topic, payload)
        effects = self.call(lambda node, local_ns: node.receive(topic, payload, local_ns))
        if self.ports.took is not None and self.tampered:
            self.ports.took(topic, payload, effects)

    def sense(self, sample: Sample) -> None:
        """Take what the machine measured."""
        if self._pause is not None:
            self._pause.wait_sample(lambda: self.sense(sample))
            return
        self.call(lambda node, local_ns: node.sense(sample, local_ns))

    def came_up(self) -> None:
        """Learn that the broker is reached."""
        if self._pause is not None:
            self._pause.wait(self.came_up)
            return
        self._trace.log(self._timeline.now_ns, self.name, "connected")
        self.call(self._leave_will)
        self.call(lambda node, local_ns: node.connected(local_ns))

    def went_down(self) -> None:
        """Learn that it is not."""
        if self._pause is not None:
            self._pause.wait(self.went_down)
            return
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
        if self._pause is not None:
            self._pause.wait(lambda: self._call_late(what))
            return []
        if self._is_cut_here():
            return []
        what(self.node, self._clock.local_ns(self._timeline.now_ns))
        effects = self.node.take_effects()
        for effect in effects:
            if isinstance(effect, Actuate) and isinstance(effect.order, Halt):
                self._halt(effect)
            else:
                self._queue.append(effect)
            if not self.alive:
                return effects
        self._drain()
        self._plan_tick()
        return effects

    def _call_late(self, what: Callable[[Any, int], None]) -> None:
        self.call(what)

    def _halt(self, halt: Actuate) -> None:
        """Stop at once; an order that still waits behind a commit must not follow the stop."""
        for queue in (self._batch, self._queue):
            kept = [effect for effect in queue if not isinstance(effect, Actuate)]
            queue.clear()
            queue.extend(kept)
        self._carry_out(halt)

    def _plan_tick(self) -> None:
        if self.node is None or self.frozen:
            return
        wakeup_ns = self.node.wakeup_ns()
        self._drop_tick()
        if wakeup_ns is not None:
            now_ns = self._timeline.now_ns
            at_ns = min(self._clock.site_ns(wakeup_ns), now_ns + TICK_WAIT_NS_MAX)
            at_ns = max(at_ns, now_ns)
            self._tick = self._timeline.at(at_ns, self._on_tick)

    def _drop_tick(self) -> None:
        if self._tick is not None:
            self._tick.drop()
            self._tick = None

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
        if self._is_cut_here():
            return
        self._batch, self._queue = self._queue, deque()
        self._committing = [effect for effect in self._batch if isinstance(effect, _WRITES)]
        life = self.life
        self.commit_since_ns = self._timeline.now_ns
        delay_ns = self._rng.randint(self.options.commit_ns_min, self.options.commit_ns_max)
        self._timeline.after(delay_ns, lambda: self._end_commit(life))

    def _end_commit(self, life: int) -> None:
        if self.life != life:
            return
        self._late = self.stalled or self.frozen
        if self._late:
            return
        self._apply()
        self._committing = []
        self.commit_since_ns = None
        if self._is_cut_here():
            return
        while self._batch:
            effect = self._batch.popleft()
            if not isinstance(effect, _WRITES):
                self._carry_out(effect)
        self._drain()

    def unstall(self) -> None:
        """Have the disk take writes again."""
        self.stalled = False
        self._end_late_commit()

    def _end_late_commit(self) -> None:
        if self._committing and self._late:
            self._end_commit(self.life)

    def _apply(self) -> None:
        self.disk.commit(self._committing)
        self._trace.log(self._timeline.now_ns, self.name, f"commits {len(self._committing)}")
        if self.ports.committed is not None:
            for effect in self._committing:
                self.ports.committed(effect)

    def _carry_out(self, effect: Effect) -> None:
        if self._is_cut_here():
            return
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
                if ports.noted is not None:
                    ports.noted(effect)
            case Persist() | Erase() | Archive() | Keep():
                raise AssertionError("a storage effect outside a commit")


class Surroundings(msgspec.Struct, kw_only=True):
    """What every process shares, and its own randomness."""

    timeline: Timeline
    trace: Trace
    rng: random.Random
