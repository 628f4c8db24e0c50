"""The load of a fleet: so many nodes with keys, boots and spools of their own, in one process.

    python -m lunaredge.cli.bench.fleet_load < PLAN.json

Each node has its own MQTT connection and the production session (`wire.bulk`): its uploads are kept
until the archive has acknowledged them. Samples are drawn once and stamped anew, for a sensor costs
a board nothing. It says on stdout, in JSON lines, when it is ready and how far it is.
"""

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from lunaredge.cli.bench.fleet_line import FleetLine
from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import codec, telemetry, topics
from lunaredge.wire.bulk import BulkSender, Marker
from lunaredge.wire.codec import Header
from lunaredge.wire.frame import unseal
from lunaredge.wire.messages import Message, RecordAck, RecordClass, StreamBirth
from lunaredge.wire.records import encode_record
from lunaredge.wire.seal import Sealer
from lunaredge.wire.session import Item, Limits
from lunaredge.wire.telemetry import Channel, Samples, Series, Telemetry

HOST = "127.0.0.1"
CHANNEL_COUNT = 20
CONNECT_AT_ONCE = 50
BYTES_MAX = 1 << 30
RESEND_S = 20.0
DAY_NS = 86_400 * NS_PER_S
# How long it waits, once it has sent all, for the last acknowledgements.
PATIENCE_S = 60.0
TOLD_S = 1.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the load is."""

    site: SiteId
    port: int
    keys: str
    nodes: tuple[NodeId, ...]
    seed: int
    live_s: float
    """How long live samples are sent; 0 for none."""
    rate_hz: float
    rows: int
    """Samples of a live batch."""
    backlog: int
    """Uploads that each node has in its spool at the start."""
    backlog_rows: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is."""

    ready: bool = False
    done: bool = False
    uploads_sent: int = 0
    uploads_acked: int = 0
    samples_offered: int = 0
    samples_acked: int = 0
    waiting: int = 0
    """Uploads not acknowledged."""
    values_sum: float = 0.0
    """Of everything offered: what is read back must come to the same."""
    ages_ms: tuple[float, ...] = ()
    """Of live samples: from each batch's first to its acknowledgement, since last told."""


def channels() -> tuple[Channel, ...]:
    """Give the table of every node."""
    return tuple(Channel(name=f"channel_{k:02}", unit="1") for k in range(CHANNEL_COUNT))


def draw(rows: int, rate_hz: float, seed: int) -> Telemetry:
    """Draw a batch that begins at time 0; values that a float32 holds exactly."""
    dice = random.Random(f"{seed}/fleet")
    period_ns = round(NS_PER_S / rate_hz)
    values = [[dice.randint(-1000, 1000) / 8.0 for _ in range(rows)] for _ in range(CHANNEL_COUNT)]
    samples = Samples(
        [k * period_ns for k in range(rows)], [Series(range(rows), each) for each in values], []
    )
    return telemetry.pack(channels(), samples, (0, rows * period_ns))


def sum_of(batch: Telemetry) -> float:
    """Give the sum of a batch's values."""
    found = telemetry.unpack(batch, channels())
    return sum(sum(series.values) for series in found.series)


def _no_marker(items: Sequence[Item]) -> Marker:
    raise AssertionError(f"a load has room for all, and was to drop {len(items)} uploads")


class LoadNode:
    """One node."""

    def __init__(self, plan: Plan, name: NodeId, boot: BootId, sealer: Sealer) -> None:
        self.name = name
        self.boot = boot
        self.sender = BulkSender(boot, _LIMITS, _no_marker)
        self.line: FleetLine | None = None
        self._site = plan.site
        self._sealer = sealer
        self._number = 0
        self._topic = topics.build(plan.site, name, "up", RecordClass.RAW.value)
        self._began_ns: dict[int, int] = {}
        """When each live batch's first sample was taken, by its number."""

    def announce(self, birth: StreamBirth, sealer: Sealer) -> None:
        """Say what the batches mean."""
        assert self.line is not None
        topic = topics.build(self._site, self.name, "birth")
        self.line.publish(topic, self._frame(birth, sealer), retain=True)

    def offer(self, batch: Telemetry, rows: int, now_ns: int, *, live: bool) -> None:
        """Take a batch into the spool."""
        record = encode_record(batch)
        item = self.sender.offer(RecordClass.RAW, record, rows, time.monotonic_ns())
        if live:
            self._began_ns[item.seq] = now_ns

    def pump(self) -> int:
        """Send what is due; give how many uploads that were."""
        assert self.line is not None
        due = self.sender.due(time.monotonic_ns())
        for upload in due:
            self.line.publish(self._topic, self._frame(upload, self._sealer))
        return len(due)

    def take(self, ack: RecordAck) -> tuple[list[Item], list[int]]:
        """Take an acknowledgement; give what it covers, and when live batches of it began."""
        gone = self.sender.acknowledge(ack)
        began = [self._began_ns.pop(item.seq, 0) for item in gone]
        return gone, [each for each in began if each]

    def _frame(self, body: Message, sealer: Sealer) -> bytes:
        self._number += 1
        now_ns = time.time_ns()
        header = Header(
            node=self.name,
            boot=self.boot,
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
        )
        return codec.encode(header, body, sealer)


_LIMITS = Limits(bytes_max=BYTES_MAX, resend_ns=ns_from_s(RESEND_S))
_acks = msgspec.msgpack.Decoder(RecordAck)


class Load:
    """All nodes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        keys = Path(plan.keys)
        archive = load_keyring(keys).public(KeyId(topics.ARCHIVE))
        assert archive is not None, "the archive has no key"
        self._signers = {name: load_signer(keys, name) for name in plan.nodes}
        self._live = draw(plan.rows, plan.rate_hz, plan.seed)
        self._live_sum = sum_of(self._live)
        boot = BootId(int(time.time()) << 24)
        self._nodes: list[LoadNode] = []
        for name, signer in self._signers.items():
            tagger = signer.tagger(archive)
            assert tagger is not None, name
            self._nodes.append(LoadNode(plan, name, boot, tagger))
        self._told = Told()
        self._ages_ms: list[float] = []
        self._sent = self._acked = self._offered = self._samples_acked = 0
        self._sum = 0.0

    async def run(self) -> None:
        """Connect, send, and wait until all is acknowledged."""
        self._fill_spools()
        await self._connect()
        self._say(ready=True)
        # Whoever plays the director says when to begin.
        await asyncio.to_thread(sys.stdin.readline)
        telling = asyncio.create_task(self._tell())
        try:
            await asyncio.gather(*(self._live_of(k, node) for k, node in enumerate(self._nodes)))
            await self._wait_for_the_rest()
        finally:
            telling.cancel()
        self._say(done=True)

    def _fill_spools(self) -> None:
        """Fill each spool with what a day's outage left in it, of which all share the bytes."""
        plan = self._plan
        if not plan.backlog:
            return
        batch = draw(plan.backlog_rows, plan.rate_hz, plan.seed + 1)
        span_ns, total = batch.end_ns, sum_of(batch)
        start_ns = time.time_ns() - DAY_NS
        for k in range(plan.backlog):
            shifted = _shifted(batch, start_ns + k * span_ns)
            record = encode_record(shifted)
            for node in self._nodes:
                node.sender.offer(RecordClass.RAW, record, plan.backlog_rows, 0)
        count = plan.backlog * len(self._nodes)
        self._offered += count * plan.backlog_rows
        self._sum += count * total

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        birth = StreamBirth(table=telemetry.table_of(channels()), channels=channels())
        for start in range(0, len(self._nodes), CONNECT_AT_ONCE):
            some = self._nodes[start : start + CONNECT_AT_ONCE]
            for node in some:
                topic = topics.build(self._plan.site, node.name, "ack")
                line = node.line = FleetLine(node.name, topic, partial(self._take, node))
                await loop.create_connection(partial(_same, line), HOST, self._plan.port)
            await asyncio.gather(*(node.line.ready for node in some if node.line is not None))
            for node in some:
                node.announce(birth, self._signers[node.name])

    async def _live_of(self, index: int, node: LoadNode) -> None:
        """Send a node's live batches, each node at its own time of the period."""
        plan = self._plan
        self._sent += node.pump()
        if plan.live_s <= 0.0:
            return
        period_s = plan.rows / plan.rate_hz
        loop = asyncio.get_running_loop()
        begin_s = loop.time() + period_s * index / len(self._nodes)
        for k in range(1, round(plan.live_s / period_s) + 1):
            await asyncio.sleep(max(0.0, begin_s + k * period_s - loop.time()))
            start_ns = time.time_ns() - round(period_s * NS_PER_S)
            node.offer(_shifted(self._live, start_ns), plan.rows, start_ns, live=True)
            self._offered += plan.rows
            self._sum += self._live_sum
            self._sent += node.pump()

    async def _wait_for_the_rest(self) -> None:
        since_s, acked = time.monotonic(), self._acked
        while any(node.sender.count for node in self._nodes):
            await asyncio.sleep(0.05)
            if self._acked != acked:
                since_s, acked = time.monotonic(), self._acked
            if time.monotonic() - since_s > PATIENCE_S:
                return
            for node in self._nodes:
                self._sent += node.pump()

    def _take(self, node: LoadNode, frame: bytes) -> None:
        # Checked by every agent; here a thousand boards' work would be done by one.
        body = unseal(frame, version=codec.VERSION, bytes_max=codec.FRAME_BYTES_MAX).body
        gone, began_ns = node.take(_acks.decode(body))
        now_ns = time.time_ns()
        self._acked += len(gone)
        self._samples_acked += sum(item.count for item in gone)
        self._ages_ms += [(now_ns - each) / 1e6 for each in began_ns]
        self._sent += node.pump()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TOLD_S)
            self._say()

    def _say(self, *, ready: bool = False, done: bool = False) -> None:
        told = Told(
            ready=ready,
            done=done,
            uploads_sent=self._sent,
            uploads_acked=self._acked,
            samples_offered=self._offered,
            samples_acked=self._samples_acked,
            waiting=sum(node.sender.count for node in self._nodes),
            values_sum=self._sum,
            ages_ms=tuple(self._ages_ms),
        )
        self._ages_ms.clear()
        print(msgspec.json.encode(told).decode(), flush=True)


def _same(line: FleetLine) -> FleetLine:
    return line


def _shifted(batch: Telemetry, start_ns: int) -> Telemetry:
    return msgspec.structs.replace(batch, site_ns=start_ns, end_ns=start_ns + batch.end_ns)


def main() -> None:
    """Play the load that stdin's first line describes."""
    import uvloop

    plan = msgspec.json.decode(sys.stdin.readline(), type=Plan)
    uvloop.run(Load(plan).run())


if __name__ == "__main__":
    main()
