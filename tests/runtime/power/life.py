"""One life of a real node on a real store, by the real runner, with its files recorded.

What the node is told and when is drawn from a seed. After each step the runner is let finish, so
that a seed gives the same commits again. What matters to the judge is said into the history.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lunaredge.agent.channels import table
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.ids import BootId, CommandId, NodeId, TaskId
from lunaredge.model.task import Workload
from lunaredge.node import StartWorkload
from lunaredge.runtime.runner import Hooks, NodeRunner
from lunaredge.runtime.store import Store, StoreSettings, Write
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, topics
from lunaredge.wire.bulk import BULK_CLASSES
from lunaredge.wire.codec import Header
from lunaredge.wire.driver import VERSION, Hello, Sample
from lunaredge.wire.messages import (
    Assign,
    Census,
    Message,
    RecordAck,
    ReleaseStop,
    Stop,
    TimeReply,
    TimeRequest,
    Upload,
)
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.seal import Signer
from tests.agent.rig import (
    AGENT_KEY,
    ARCHIVE_KEY,
    BASIS_S_MAX,
    EVERYBODY,
    KEYRING,
    NODE,
    OPERATOR_KEY,
    SCHEDULER_KEY,
    SITE,
    SITE_NS,
    config,
)
from tests.agent.toy_machine import Machine
from tests.runtime.power.history import History
from tests.runtime.power.station import Station

STORE = "agent.sqlite"
# Little memory and short periods: a life of some minutes sees everything that a day does.
SETTINGS = config(
    spool_bytes_max=65_536,
    spool_after_s=5.0,
    row_period_s=1.0,
    batch_period_s=15.0,
    batch_rows_max=60,
    # Everything that changes is told, so that spools fill up.
    channels={
        channel.name: ChannelPolicy(deadband=0.0, period_s_min=0.0, period_s_max=10.0)
        for channel in table(is_machine=True)
    },
)
STEPS_MAX = 14


class Begun(msgspec.Struct, frozen=True):
    """A commit of these begins."""

    writes: tuple[Write, ...]


class Committed(msgspec.Struct, frozen=True):
    """It is through: from now on what it wrote must be there."""


class Born(msgspec.Struct, frozen=True):
    """A boot id was given."""

    boot: BootId


class Left(msgspec.Struct, frozen=True):
    """An upload left the node; whether it arrives is another matter."""

    upload: Upload


class Arrived(msgspec.Struct, frozen=True):
    """It arrived, and the station has it for good."""

    upload: Upload


class SpokenStore(Store):
    """A store that says into a history what it is through with."""

    history: History

    def commit(self, writes: Sequence[Write]) -> None:
        self.history.say(Begun(tuple(writes)))
        super().commit(writes)
        self.history.say(Committed())

    def next_boot(self, random24: int) -> BootId:
        boot = super().next_boot(random24)
        self.history.say(Born(boot))
        return boot


class HandClock:
    """Moves only by hand: so slow that no timer ends."""

    speed = 1e-6

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def advance(self, step_s: float) -> None:
        self._now_ns += round(step_s * NS_PER_S)


def frame(body: Message, now_ns: int, key: Signer = SCHEDULER_KEY) -> bytes:
    """Give a message to the node as a scheduler, or another, would send it."""
    site_ns = SITE_NS + now_ns
    header = Header(
        node=NodeId(key.key_id),
        boot=BootId(7),
        number=1,
        to=NODE,
        local_ns=0,
        site_ns=site_ns,
        epoch=1,
        expiry_ns=site_ns + 120 * NS_PER_S,
    )
    return codec.encode(header, body, key)


def ack_frame(ack: RecordAck, now_ns: int) -> bytes:
    """Give an acknowledgement as whoever takes that class sends it."""
    is_bulk = ack.record_class in BULK_CLASSES
    return frame(ack, now_ns, ARCHIVE_KEY if is_bulk else SCHEDULER_KEY)


class Air:
    """The network between node and station: it loses some of what is sent either way."""

    def __init__(self, history: History, station: Station, rng: random.Random) -> None:
        self.up = False
        self.post: list[tuple[str, Message]] = []
        """What waits for the node."""
        self._history = history
        self._station = station
        self._rng = rng

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        body = codec.decode(payload, EVERYBODY).body
        if isinstance(body, TimeRequest):
            self.post.append(("cmd", TimeReply(local_ns=body.local_ns, site_ns=self.site_ns(body))))
        if isinstance(body, Upload):
            self._history.say(Left(body))
            if self.up and self._rng.random() > 0.1:
                self._arrive(body)
        return True

    def site_ns(self, request: TimeRequest) -> int:
        return SITE_NS + request.local_ns

    def _arrive(self, upload: Upload) -> None:
        self._history.say(Arrived(upload))
        ack = self._station.take(upload)
        if self._rng.random() > 0.2:
            self.post.append(("ack", ack))

    def pause_delivery(self) -> None:
        raise AssertionError("a life as short as this never waits so long for the disk")

    def resume_delivery(self) -> None:
        raise AssertionError("delivery was never paused")

    async def drain(self, wait_s: float) -> None:
        pass

    async def run(self) -> None:
        await asyncio.Event().wait()


class Life:
    """One life: made, lived through, and closed in order; where the power is cut is drawn later."""

    def __init__(self, store: Store, air: Air, now_ns: int, rng: random.Random) -> None:
        self.clock = HandClock(now_ns)
        self._air = air
        self._rng = rng
        self._machine = Machine()
        self._words = 0
        self._started: list[StartWorkload] = []
        self._boot = store.next_boot(rng.getrandbits(24))
        self._node = AgentNode(SETTINGS, self._boot, AGENT_KEY, KEYRING)
        self._runner = NodeRunner(self._node, store, self.clock)

    async def live(self) -> None:
        hooks = Hooks(
            actuate=lambda order: self._machine.take(order, self.clock.now_ns()),
            start_workload=self._started.append,
            stop_workload=lambda _: None,
        )
        running = asyncio.create_task(self._runner.run(self._air, hooks))
        await self._settle()
        await self._begin()
        for _ in range(self._rng.randint(1, STEPS_MAX)):
            await self._rng.choice(_STEPS)(self)
        if self._rng.random() < 0.3:
            self._runner.call(self._node.leave)
        self._runner.stop()
        await running

    async def _settle(self) -> None:
        """Let the runner carry everything out, and bring what comes of it."""
        runner = self._runner
        while True:
            # The runner's task has a turn before anything is looked at.
            await asyncio.sleep(0)
            if runner._failure is not None:
                raise runner._failure
            if runner._queue or runner._busy:
                continue
            if not self._air.post:
                return
            channel, body = self._air.post.pop(0)
            if isinstance(body, RecordAck):
                ack = ack_frame(body, self.clock.now_ns())
                runner.on_message(topics.build(SITE, NODE, channel), ack)
            else:
                self._tell(body, channel)

    def _tell(self, body: Message, channel: str = "cmd", key: Signer = SCHEDULER_KEY) -> None:
        topic = topics.stop_all(SITE) if channel == "stop" else topics.build(SITE, NODE, channel)
        self._runner.on_message(topic, frame(body, self.clock.now_ns(), key))

    async def _begin(self) -> None:
        hello = Hello(
            version=VERSION,
            machine=NODE,
            setpoint_lifetime_s=20.0,
            basis_s_max=BASIS_S_MAX,
        )
        self._runner.call(lambda now_ns: self._node.attached(hello, now_ns))
        await self._settle()
        if self._rng.random() < 0.8:
            await self._connect()
        else:
            await self._pass_time(1)

    async def _connect(self) -> None:
        if not self._air.up:
            self._air.up = True
            self._runner.on_connected()
            await self._settle()
        self._tell(Census(command=self._command(), boot=self._boot))
        await self._pass_time(2)

    async def _disconnect(self) -> None:
        self._air.up = False
        self._runner.on_disconnected()
        await self._pass_time(self._rng.choice((5, 60, 1000)))

    async def _stand(self) -> None:
        await self._pass_time(self._rng.randint(5, 60))

    async def _pass_time(self, duration_s: int) -> None:
        for second in range(duration_s):
            self.clock.advance(1.0)
            if second % 2 == 0:
                sample = self._restless(self._machine.sample(self.clock.now_ns()))
                self._runner.call(lambda now_ns, sample=sample: self._node.sense(sample, now_ns))
            else:
                self._runner.call(self._node.tick)
            await self._settle()

    def _restless(self, sample: Sample) -> Sample:
        """Give a sample of a machine that works hard."""
        dice = self._rng
        return msgspec.structs.replace(
            sample,
            power_w=dice.uniform(10.0, 90.0),
            motor_c=dice.uniform(10.0, 60.0),
            pitch_deg=dice.uniform(-5.0, 5.0),
            roll_deg=dice.uniform(-5.0, 5.0),
            slip_ratio=dice.uniform(0.0, 0.3),
        )

    async def _report(self) -> None:
        """Raise or end some alarms and report some events, in one commit."""
        recorder, rng = self._node._parts.recorder, self._rng

        def report(now_ns: int) -> None:
            for _ in range(rng.randint(1, 4)):
                self._words += 1
                text = f"{self._words} " + "x" * rng.choice((0, 10, 500, 20_000))
                if rng.random() < 0.5:
                    recorder.event(f"seen_{self._words}", text, now_ns)
                else:
                    code = rng.choice(("sensor_stale", "battery_low", "off_corridor"))
                    recorder.alarm(code, text, now_ns, active=rng.random() < 0.6)
            self._node.tick(now_ns)

        self._runner.call(report)
        await self._settle()

    async def _compute(self) -> None:
        """Have a compute task begin, and often end."""
        self._words += 1
        workload = Workload(program="fuse", input=b"in", memory_mib=64, duration_s_max=600.0)
        task = TaskId(f"t{self._boot >> 24}-{self._words}")
        assign = Assign(
            command=self._command(),
            task=task,
            attempt=1,
            legs=(),
            repeat=False,
            workload=workload,
        )
        self._tell(assign)
        await self._settle()
        if self._started and self._rng.random() < 0.7:
            begun = self._started.pop()
            result = self._rng.randbytes(self._rng.choice((0, 100, 20_000)))
            ok = self._rng.random() < 0.8
            self._runner.call(
                lambda now_ns: self._node.workload_ended(
                    begun.task, begun.attempt, ok, result if ok else b"", "broke", now_ns
                )
            )
        await self._settle()

    async def _stop(self) -> None:
        self._words += 1
        stop = f"stop-{self._boot >> 24}-{self._words}"
        self._tell(Stop(stop=stop, node=None, reason="test"), "stop", OPERATOR_KEY)
        await self._settle()
        if self._rng.random() < 0.7:
            self._tell(ReleaseStop(command=self._command(), stop=stop))
        await self._settle()

    def _command(self) -> CommandId:
        self._words += 1
        return CommandId(f"c{self._boot >> 24}-{self._words}")


_STEPS = (
    Life._report,
    Life._report,
    Life._report,
    Life._stand,
    Life._stand,
    Life._compute,
    Life._compute,
    Life._stop,
    Life._connect,
    Life._disconnect,
)


def live_once(
    history: History, station: Station, now_ns: int, rng: random.Random, synchronous: str
) -> int:
    """Live one life on the store in the history's folder; give the node's time at its end."""
    path = Path(history.folder) / STORE
    settings = StoreSettings(synchronous="full" if synchronous == "off" else synchronous)
    store = SpokenStore.open(path, settings)
    store.history = history
    # Small ones, so that a short life goes through checkpoints as a long one does.
    store._connection.execute(f"PRAGMA wal_autocheckpoint = {rng.choice((10, 50, 1000))}")
    if synchronous == "off":
        store._connection.execute("PRAGMA synchronous = off")
    try:
        life = Life(store, Air(history, station, rng), now_ns, rng)
        asyncio.run(life.live())
    finally:
        store.close()
    return life.clock.now_ns()


def new_node(boot: BootId, settings: AgentConfig = SETTINGS) -> AgentNode:
    """Give a node as it is before its first word."""
    return AgentNode(settings, boot, AGENT_KEY, KEYRING)
