"""Two toy nodes over a real broker: a machine's uploads, a receiver's archive, and SIGKILLs."""

import asyncio
import time

import msgspec
import pytest

from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive, Erase, Persist, Publish
from lunaredge.runtime.clock import LocalClock
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion
from lunaredge.runtime.runner import NodeRunner
from lunaredge.runtime.store import Store
from lunaredge.runtime.tasks import end_tasks
from lunaredge.units import NS_PER_MS
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from lunaredge.wire.session import Item, Limits, Sender, judge

RECORD_CLASS = RecordClass.EVENT
RECORDS = 600
BOOT = BootId(1 << 24)
PACE_NS = 2 * NS_PER_MS
RESEND_NS = 300 * NS_PER_MS


class ToyNode:
    """What the two toys share: effects, and ticks at a pace."""

    subscriptions = ()

    def __init__(self):
        self._effects = []
        self._due_ns = None

    def connected(self, now_ns):
        self._due_ns = now_ns

    def disconnected(self, now_ns):
        pass

    def tick(self, now_ns):
        self._due_ns = now_ns + PACE_NS

    def wakeup_ns(self):
        return self._due_ns

    def take_effects(self):
        effects, self._effects = self._effects, []
        return effects


class Machine(ToyNode):
    """Makes numbered records, writes each ahead, and sends it until it is acknowledged."""

    subscriptions = ("toy/ack",)

    def __init__(self, boot=BOOT, records=RECORDS):
        super().__init__()
        self.sender = Sender(boot, Limits(bytes_max=1 << 30, resend_ns=RESEND_NS))
        self.made = 0
        self._records = records

    def restore(self, rows, now_ns):
        items = [msgspec.msgpack.decode(row.value, type=Item) for row in rows]
        self.sender.restore(items)
        self.made = max((int(item.record) for item in items), default=0)

    def connected(self, now_ns):
        super().connected(now_ns)
        self.sender.resend_all()

    def tick(self, now_ns):
        super().tick(now_ns)
        if self.made < self._records:
            self.made += 1
            item = self.sender.offer(RECORD_CLASS, b"%d" % self.made, 1, now_ns)
            scope = f"{item.boot:014d}"
            self._effects.append(Persist("spool", scope, item.seq, msgspec.msgpack.encode(item)))
        for upload in self.sender.due(now_ns):
            self._effects.append(Publish("toy/up", msgspec.msgpack.encode(upload)))

    def receive(self, topic, payload, now_ns):
        ack = msgspec.msgpack.decode(payload, type=RecordAck)
        for item in self.sender.acknowledge(ack):
            self._effects.append(Erase("spool", f"{item.boot:014d}", item.seq))


class Receiver(ToyNode):
    """Archives what it is sent, in order and once, and acknowledges what is on disk."""

    subscriptions = ("toy/up",)

    def __init__(self):
        super().__init__()
        self.through = {}
        self.duplicates = 0

    def restore(self, rows, now_ns):
        self.through = {int(row.scope): row.number for row in rows}

    def receive(self, topic, payload, now_ns):
        upload = msgspec.msgpack.decode(payload, type=Upload)
        through = self.through.get(upload.boot, 0)
        verdict = judge(through, upload)
        self.duplicates += verdict.duplicate
        assert not verdict.missing
        if verdict.accepted:
            self.through[upload.boot] = upload.seq
            scope = f"{upload.boot:014d}"
            self._effects += [
                Archive(
                    node=NodeId("machine"),
                    boot=upload.boot,
                    record_class=upload.record_class,
                    first_seq=upload.first_seq,
                    seq=upload.seq,
                    count=upload.count,
                    dropped=upload.dropped,
                    received_ns=now_ns,
                    record=upload.record,
                ),
                Erase("through", scope, through),
                Persist("through", scope, upload.seq, b""),
            ]
        ack = RecordAck(
            record_class=upload.record_class, boot=upload.boot, through_seq=verdict.through_seq
        )
        self._effects.append(Publish("toy/ack", msgspec.msgpack.encode(ack)))


class Process:
    """A toy in its shell, as a process of its own would hold it."""

    def __init__(self, node, broker, path):
        settings = LinkSettings(
            host=broker.settings.host,
            port=broker.settings.port,
            protocol=MqttVersion(broker.describe().protocol),
        )
        self.node = node
        self.store = Store.open(path)
        self.runner = NodeRunner(node, self.store, LocalClock())
        link = MqttLink(settings, type(node).__name__, node.subscriptions, self.runner)
        self._task = asyncio.create_task(self.runner.run(link))

    async def power_cut(self):
        """End without a goodbye: nothing that waits is written or sent."""
        await end_tasks([self._task])
        self.store.close()

    async def stop(self):
        self.runner.stop()
        await asyncio.wait_for(self._task, 20)
        self.store.close()


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "machine.db", tmp_path / "receiver.db"


async def delivered(receiver, count):
    async with asyncio.timeout(60):
        while sum(receiver.node.through.values()) < count:
            await asyncio.sleep(0.01)


def archived(path):
    store = Store.open_to_read(path)
    try:
        return [int(record.record) for record in store.archive_rows()]
    finally:
        store.close()


async def test_a_broker_killed_in_mid_stream_loses_and_doubles_nothing(any_broker, paths):
    machine = Process(Machine(), any_broker, paths[0])
    receiver = Process(Receiver(), any_broker, paths[1])

    for part in (1, 2):
        await delivered(receiver, part * RECORDS // 4)
        any_broker.kill()
        await asyncio.sleep(0.2)
        any_broker.start()
    await delivered(receiver, RECORDS)

    await machine.stop()
    await receiver.stop()
    assert archived(paths[1]) == list(range(1, RECORDS + 1))


async def test_a_receiver_cut_off_in_mid_stream_loses_and_doubles_nothing(running_mosquitto, paths):
    machine = Process(Machine(), running_mosquitto, paths[0])
    receiver = Process(Receiver(), running_mosquitto, paths[1])

    for part in (1, 2, 3):
        await delivered(receiver, part * RECORDS // 5)
        await receiver.power_cut()
        receiver = Process(Receiver(), running_mosquitto, paths[1])
    await delivered(receiver, RECORDS)

    await machine.stop()
    await receiver.stop()
    assert archived(paths[1]) == list(range(1, RECORDS + 1))


async def test_a_machine_cut_off_in_mid_stream_sends_what_it_had_written(running_mosquitto, paths):
    machine = Process(Machine(), running_mosquitto, paths[0])
    receiver = Process(Receiver(), running_mosquitto, paths[1])

    await delivered(receiver, RECORDS // 3)
    await machine.power_cut()
    reader = Store.open_to_read(paths[0])
    spooled = [int(msgspec.msgpack.decode(row.value, type=Item).record) for row in reader.rows()]
    reader.close()
    last = max([*spooled, *receiver.node.through.values()])
    machine = Process(Machine(BootId(2 << 24), records=0), running_mosquitto, paths[0])
    await delivered(receiver, last)

    await machine.stop()
    await receiver.stop()
    assert archived(paths[1]) == list(range(1, last + 1))


async def test_a_slow_disk_slows_intake_and_loses_nothing(running_mosquitto, paths, monkeypatch):
    machine = Process(Machine(), running_mosquitto, paths[0])
    receiver = Process(Receiver(), running_mosquitto, paths[1])
    commit = receiver.store.commit

    def slow_commit(writes):
        time.sleep(0.05)
        commit(writes)

    monkeypatch.setattr(receiver.store, "commit", slow_commit)
    await delivered(receiver, RECORDS)

    await machine.stop()
    await receiver.stop()
    assert archived(paths[1]) == list(range(1, RECORDS + 1))
