import asyncio
import threading

import pytest

from lunaredge.errors import JournalCorrupt, JournalFull, StorageError
from lunaredge.ids import TaskId
from lunaredge.model.task import Load, Workload
from lunaredge.node import (
    Actuate,
    Erase,
    Level,
    Note,
    Persist,
    Publish,
    Row,
    Solve,
    StartWorkload,
    StopWorkload,
    Transmit,
)
from lunaredge.runtime import runner as runner_module
from lunaredge.runtime.clock import LocalClock
from lunaredge.runtime.runner import Hooks, NodeRunner
from lunaredge.runtime.store import Store
from lunaredge.wire.driver import Halt, Work

WORK = Work(order_no=1, basis_ns=0, goal=Load(pile="berm"))


class ScriptedNode:
    """Hands out the effects it is given; keeps what it is told."""

    subscriptions = ()

    def __init__(self):
        self.effects = []
        self.told = []
        self.wakeups = []

    def restore(self, rows, now_ns):
        self.told.append(("restore", list(rows)))

    def receive(self, topic, payload, now_ns):
        if payload == b"poison":
            raise AssertionError("poison")
        self.told.append(("receive", topic, payload))

    def connected(self, now_ns):
        self.told.append(("connected",))

    def disconnected(self, now_ns):
        self.told.append(("disconnected",))

    def tick(self, now_ns):
        self.told.append(("tick", now_ns))

    def wakeup_ns(self):
        return self.wakeups.pop(0) if self.wakeups else None

    def take_effects(self):
        effects, self.effects = self.effects, []
        return effects


class RecordingLink:
    """A network that keeps what is published, beside what else happened."""

    def __init__(self, happened):
        self.happened = happened
        self.paused = False

    def publish(self, topic, payload, *, retain=False):
        self.happened.append(("publish", topic))
        return True

    def pause_delivery(self):
        self.paused = True

    def resume_delivery(self):
        self.paused = False

    async def drain(self, wait_s):
        self.happened.append(("drain",))

    async def run(self):
        await asyncio.Event().wait()


class RecordingStore:
    """A disk that can be held up, or refuse."""

    path = "recording"
    corrupt_count = 0
    written_bytes = 0

    def __init__(self, happened):
        self.happened = happened
        self.refusals = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def rows(self):
        return iter(())

    def commit(self, writes):
        self.entered.set()
        assert self.gate.wait(20)
        if self.refusals:
            raise self.refusals.pop(0)
        self.written_bytes += 4096
        self.happened.append(("commit", [write.scope for write in writes]))


class Bench:
    """A runner on stubs."""

    def __init__(self):
        self.happened = []
        self.written = []
        self.node = ScriptedNode()
        self.store = RecordingStore(self.happened)
        self.link = RecordingLink(self.happened)
        self.clock = LocalClock()
        self.runner = NodeRunner(self.node, self.store, self.clock)
        self.hooks = Hooks(
            actuate=lambda order: self.happened.append(("actuate", order)),
            written=lambda size_bytes, _: self.written.append(size_bytes),
        )
        self.task = None

    async def start(self):
        self.task = asyncio.create_task(self.runner.run(self.link, self.hooks))
        await asyncio.sleep(0)

    def give(self, *effects):
        self.node.effects += effects
        self.runner.call(lambda now_ns: None)

    async def finish(self):
        self.runner.stop()
        await asyncio.wait_for(self.task, 20)

    async def until(self, event):
        async with asyncio.timeout(20):
            while event not in self.happened:
                await asyncio.sleep(0.005)


@pytest.fixture
async def bench():
    bench = Bench()
    await bench.start()
    yield bench
    bench.store.gate.set()
    bench.runner.stop()
    await asyncio.wait([bench.task], timeout=20)


def persist(scope):
    return Persist("t", scope, 1, b"")


async def test_nothing_behind_a_write_leaves_before_it_is_on_disk(bench):
    bench.store.gate.clear()

    bench.give(Publish("before", b""), persist("a"), Publish("behind", b""))
    await asyncio.sleep(0.05)
    while_writing = list(bench.happened)
    bench.store.gate.set()
    await bench.until(("publish", "behind"))

    assert while_writing == [("publish", "before")]
    assert bench.happened[1:] == [("commit", ["a"]), ("publish", "behind")]


async def test_all_writes_that_wait_are_one_transaction(bench):
    bench.store.gate.clear()
    bench.give(persist("a"))
    await asyncio.to_thread(bench.store.entered.wait)

    for scope in "bcd":
        bench.give(persist(scope), Publish(scope, b""))
    bench.give(Erase("t", "e", 1))
    bench.store.gate.set()
    await bench.until(("publish", "d"))

    assert bench.happened == [
        ("commit", ["a"]),
        ("commit", ["b", "c", "d", "e"]),
        ("publish", "b"),
        ("publish", "c"),
        ("publish", "d"),
    ]


async def test_the_core_is_told_what_each_commit_took_of_the_medium(bench):
    for number in range(2):
        bench.give(Persist("t", f"{number}", 1, b""), Publish(f"after-{number}", b""))
        await bench.until(("publish", f"after-{number}"))

    assert bench.written == [4096, 4096]
    await bench.finish()


async def test_a_halt_never_queues_behind_a_disk_write(bench):
    bench.store.gate.clear()
    bench.give(persist("a"))
    await asyncio.to_thread(bench.store.entered.wait)

    bench.give(Actuate(Halt()))

    assert bench.happened == [("actuate", Halt())]


async def test_an_order_older_than_a_halt_is_void(bench):
    bench.store.gate.clear()
    bench.give(persist("a"), Actuate(WORK), Publish("told", b""))
    await asyncio.to_thread(bench.store.entered.wait)
    bench.give(persist("b"), Actuate(WORK))

    bench.give(Actuate(Halt()))
    bench.give(Publish("last", b""))
    bench.store.gate.set()
    await bench.until(("publish", "last"))

    orders = [event[1] for event in bench.happened if event[0] == "actuate"]
    assert orders == [Halt()]
    assert ("publish", "told") in bench.happened


async def test_an_order_younger_than_a_halt_is_carried_out(bench):
    bench.give(Actuate(Halt()), persist("a"), Actuate(WORK))

    await bench.until(("actuate", WORK))

    assert bench.happened == [("actuate", Halt()), ("commit", ["a"]), ("actuate", WORK)]


async def test_a_full_disk_is_tried_again_and_loses_nothing(bench, caplog):
    bench.store.refusals = [JournalFull("full"), StorageError("flaky")]

    bench.give(persist("a"), Publish("behind", b""))
    await bench.until(("publish", "behind"))

    assert bench.happened == [("commit", ["a"]), ("publish", "behind")]
    events = [record.message.split()[0] for record in caplog.records]
    assert events == ["store.write_failed", "store.write_recovered"]


async def test_a_disk_that_stays_full_ends_the_process_with_its_reason(bench, monkeypatch):
    monkeypatch.setattr(runner_module, "RETRY_S_MAX", 0.2)
    bench.store.refusals = [JournalFull("full")] * 50

    bench.give(persist("a"), Publish("behind", b""))

    with pytest.raises(JournalFull) as caught:
        await asyncio.wait_for(bench.task, 20)
    assert caught.value.exit_code == 3
    assert ("publish", "behind") not in bench.happened


async def test_a_corrupt_journal_is_not_tried_again(bench):
    bench.store.refusals = [JournalCorrupt("damaged")]

    bench.give(persist("a"))

    with pytest.raises(JournalCorrupt):
        await asyncio.wait_for(bench.task, 20)


async def test_messages_wait_while_the_disk_is_behind(bench):
    bench.store.gate.clear()
    bench.give(persist("first"))
    await asyncio.to_thread(bench.store.entered.wait)

    for _ in range(runner_module.EFFECTS_HIGH + 1):
        bench.give(persist("more"))
    paused_while_behind = bench.link.paused
    bench.store.gate.set()
    bench.give(Publish("last", b""))
    await bench.until(("publish", "last"))
    await asyncio.sleep(0.01)

    assert paused_while_behind
    assert not bench.link.paused


async def test_effects_beyond_every_bound_end_the_process(bench, monkeypatch):
    monkeypatch.setattr(runner_module, "EFFECTS_MAX", 10)
    bench.store.gate.clear()
    bench.give(persist("first"))
    await asyncio.to_thread(bench.store.entered.wait)

    with pytest.raises(StorageError, match="effects wait"):
        bench.give(*[persist("more")] * 20)

    bench.store.gate.set()
    with pytest.raises(StorageError, match="effects wait"):
        await asyncio.wait_for(bench.task, 20)


async def test_an_input_that_breaks_the_core_ends_the_process(bench):
    bench.runner.on_message("t", b"poison")
    bench.runner.on_message("t", b"fine")

    with pytest.raises(AssertionError, match="poison"):
        await asyncio.wait_for(bench.task, 20)
    assert ("receive", "t", b"fine") not in bench.node.told


async def test_an_effect_nobody_carries_out_is_a_programmers_error(bench):
    with pytest.raises(AssertionError, match="nobody here carries out Transmit"):
        bench.give(Transmit(b""))

    with pytest.raises(AssertionError):
        await asyncio.wait_for(bench.task, 20)


async def test_every_effect_has_its_hook():
    bench = Bench()
    names = ("actuate", "solve", "start_workload", "stop_workload", "transmit")
    hooks = {name: lambda what, name=name: bench.happened.append((name, what)) for name in names}
    bench.hooks = Hooks(**hooks)
    await bench.start()
    workload = Workload(program="p", input=b"", memory_mib=1, duration_s_max=1.0)
    start = StartWorkload(task=TaskId("t"), attempt=1, workload=workload)
    stop = StopWorkload(task=TaskId("t"), attempt=1)

    bench.give(Actuate(WORK), Solve("p"), start, stop, Transmit(b"d"))

    assert bench.happened == [
        ("actuate", WORK),
        ("solve", "p"),
        ("start_workload", start),
        ("stop_workload", stop),
        ("transmit", b"d"),
    ]
    await bench.finish()


async def test_notes_are_logged_in_their_order(bench, caplog):
    caplog.set_level("INFO", "lunaredge")

    bench.give(Note(level=Level.INFO, event="thing.happened", fields={"count": 2}))

    assert [record.message for record in caplog.records] == ["thing.happened count=2"]


async def test_the_core_is_woken_when_it_asks_to_be(bench):
    now_ns = bench.clock.now_ns()
    bench.node.wakeups = [now_ns + 30_000_000]

    bench.give()
    async with asyncio.timeout(10):
        while not any(told[0] == "tick" for told in bench.node.told):
            await asyncio.sleep(0.005)

    tick = next(told for told in bench.node.told if told[0] == "tick")
    assert tick[1] >= now_ns + 30_000_000


async def test_a_fast_clock_wakes_the_core_sooner():
    bench = Bench()
    clock = LocalClock(60_000.0)
    bench.runner = NodeRunner(bench.node, bench.store, clock)
    await bench.start()
    bench.node.wakeups = [clock.now_ns() + 60_000_000_000]

    bench.give()
    await asyncio.sleep(0.5)

    assert any(told[0] == "tick" for told in bench.node.told)
    await bench.finish()


async def test_a_stop_brings_the_machine_to_rest_and_everything_to_disk(bench):
    bench.store.gate.clear()
    bench.give(persist("a"), Publish("behind", b""))
    await asyncio.to_thread(bench.store.entered.wait)

    bench.runner.stop()
    await asyncio.sleep(0.05)
    bench.store.gate.set()
    await asyncio.wait_for(bench.task, 20)

    assert bench.happened == [
        ("actuate", Halt()),
        ("commit", ["a"]),
        ("publish", "behind"),
        ("drain",),
    ]


async def test_who_was_asked_to_stop_orders_nothing_more(bench):
    bench.store.gate.clear()
    bench.give(persist("a"))
    await asyncio.to_thread(bench.store.entered.wait)
    bench.runner.stop()
    await bench.until(("actuate", Halt()))

    bench.give(Actuate(WORK))
    bench.store.gate.set()
    await asyncio.wait_for(bench.task, 20)

    assert ("actuate", WORK) not in bench.happened


async def test_what_an_earlier_life_persisted_comes_first(tmp_path):
    store = Store.open(tmp_path / "store.db")
    store.commit([Persist("t", "x", 1, b"kept")])
    node = ScriptedNode()
    runner = NodeRunner(node, store, LocalClock())
    task = asyncio.create_task(runner.run(RecordingLink([])))
    await asyncio.sleep(0)

    runner.on_connected()
    runner.on_message("t", b"hello")
    runner.stop()
    await asyncio.wait_for(task, 20)

    assert node.told == [
        ("restore", [Row("t", "x", 1, b"kept")]),
        ("connected",),
        ("receive", "t", b"hello"),
    ]
    store.close()
