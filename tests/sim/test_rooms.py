"""The simulator's own rooms: time, chance, disk, clocks, process, link."""

import random

import pytest

from lunaredge.earth.channel import Mishaps
from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.node import Actuate, Erase, Persist, Publish, Rebirth
from lunaredge.sim.disk import Disk
from lunaredge.sim.localclock import LocalClock
from lunaredge.sim.process import (
    BOOT_RANDOM_BITS,
    Ports,
    Process,
    ProcessOptions,
    Surroundings,
)
from lunaredge.sim.rng import Streams
from lunaredge.sim.spacelink import SpaceLink
from lunaredge.sim.timeline import Timeline
from lunaredge.sim.trace import LINES_KEPT, Trace
from lunaredge.units import NS_PER_MS, NS_PER_S
from lunaredge.wire.driver import Halt
from tests.sim.wires import network, run_for

# --- timeline, trace, rng ---------------------------------------------------------------------


def test_equal_times_run_in_the_order_they_were_asked_for():
    timeline, ran = Timeline(0), []
    for name in "abc":
        timeline.at(5, lambda name=name: ran.append(name))
    timeline.at(3, lambda: ran.append("first"))

    while timeline.step():
        pass

    assert ran == ["first", "a", "b", "c"]
    assert timeline.now_ns == 5


def test_a_dropped_entry_never_runs():
    timeline, ran = Timeline(0), []
    entry = timeline.after(1, lambda: ran.append("dropped"))
    entry.drop()

    assert not timeline.step()
    assert ran == []


def test_the_past_is_closed():
    timeline = Timeline(10)

    with pytest.raises(AssertionError):
        timeline.at(9, lambda: None)


def test_a_draw_in_one_stream_does_not_shift_another():
    one, other = Streams(7), Streams(7)
    other.stream("disk").random()

    assert one.stream("network").random() == other.stream("network").random()


def test_the_trace_digest_depends_on_every_event_and_keeps_the_last():
    short, long = Trace(0), Trace(0)
    for i in range(LINES_KEPT + 5):
        long.log(i, "a", f"event {i}")
    short.log(0, "a", "event 0")

    assert short.digest() != long.digest()
    assert len(long.last()) == LINES_KEPT
    assert long.last()[-1].endswith(f"event {LINES_KEPT + 4}")


# --- disk and clocks --------------------------------------------------------------------------


def test_rows_come_back_in_order_and_erased_ones_do_not():
    disk = Disk()
    disk.commit([Persist("b", "", 1, b"x"), Persist("a", "z", 2, b"y"), Persist("a", "z", 1, b"z")])
    disk.commit([Erase("a", "z", 1), Persist("a", "z", 2, b"new")])

    assert [(row.table, row.number, row.value) for row in disk.rows()] == [
        ("a", 2, b"new"),
        ("b", 1, b"x"),
    ]


def test_rows_are_erased_from_the_middle_of_a_scope_too():
    disk = Disk()
    disk.commit([Persist("a", "z", number, b"") for number in (-5, 1, 2, 3, 4)])

    disk.commit([Erase("a", "z", 3, 2)])

    assert [row.number for row in disk.rows()] == [-5, 1, 4]


@pytest.mark.parametrize("drift_ppb", [0, 90_000, -90_000])
def test_a_wakeup_on_a_local_clock_never_comes_early(drift_ppb):
    clock = LocalClock(born_ns=1_000, zero_ns=77, drift_ppb=drift_ppb)
    rng = random.Random(1)

    for _ in range(200):
        local_ns = 77 + rng.randrange(10**15)
        site_ns = clock.site_ns(local_ns)
        assert clock.local_ns(site_ns) >= local_ns
        assert clock.local_ns(site_ns - 2) < local_ns


# --- process ----------------------------------------------------------------------------------


class Recorder:
    """A node that hands out the effects it is given."""

    subscriptions = ("#",)

    def __init__(self):
        self.effects = []
        self.restored = []
        self.ticks = []
        self.due_ns = None

    def restore(self, rows, now_ns):
        self.restored = list(rows)

    def receive(self, topic, payload, now_ns):
        pass

    def connected(self, now_ns):
        pass

    def disconnected(self, now_ns):
        pass

    def tick(self, now_ns):
        self.ticks.append(now_ns)
        self.due_ns = None

    def wakeup_ns(self):
        return self.due_ns

    def take_effects(self):
        effects, self.effects = self.effects, []
        return effects


def process():
    timeline, net = network()
    nodes, orders, sent = [], [], []
    net._tap = lambda name, message: sent.append(message.topic)

    def make(boot):
        nodes.append(Recorder())
        return nodes[-1]

    world = Surroundings(timeline=timeline, trace=Trace(0), rng=random.Random(1))
    options = ProcessOptions(commit_ns_min=NS_PER_S, commit_ns_max=NS_PER_S)
    shell = Process("a", make, options, net, world)
    shell.ports = Ports(actuate=orders.append)
    shell.start()
    return timeline, shell, nodes, orders, sent


def act(shell, *effects):
    shell.call(lambda node, now_ns: node.effects.extend(effects))


def test_a_publish_waits_for_the_commit_before_it_and_a_halt_does_not():
    timeline, shell, _, orders, sent = process()

    act(shell, Persist("t", "", 1, b"x"), Publish("p", b""), Actuate(Halt()))

    assert sent == []
    assert orders == [Halt()]
    run_for(timeline, 2 * NS_PER_S)
    assert sent == ["p"]
    assert [row.value for row in shell.disk.rows()] == [b"x"]


def test_a_killed_process_publishes_nothing_that_waited_and_keeps_what_was_committed():
    timeline, shell, nodes, _, sent = process()
    act(shell, Persist("t", "", 1, b"kept"), Publish("p", b""))
    run_for(timeline, 2 * NS_PER_S)

    act(shell, Persist("t", "", 2, b"perhaps"), Publish("q", b""))
    shell.kill()
    run_for(timeline, 2 * NS_PER_S)
    shell.start()

    assert sent == ["p"]
    assert nodes[1].restored[0].value == b"kept"


def test_a_node_that_asks_for_a_new_life_begins_one_above_the_floor():
    timeline, shell, nodes, _, _ = process()

    act(shell, Rebirth(above=9 << BOOT_RANDOM_BITS))
    run_for(timeline, NS_PER_S)

    assert len(nodes) == 2
    assert shell.boot >> BOOT_RANDOM_BITS == 10


def test_a_commit_under_way_at_a_kill_gets_through_or_not_by_chance():
    outcomes = set()
    for _ in range(3):
        _, shell, _, _, _ = process()
        for i in range(8):
            act(shell, Persist("t", "", i, b""))
            shell.kill()
            shell.start()
        outcomes.add(len(shell.disk.rows()))

    assert 0 < outcomes.pop() < 8


def test_a_stalled_disk_keeps_back_what_waits_for_it_until_it_works_again():
    timeline, shell, _, _, sent = process()

    shell.stalled = True
    act(shell, Persist("t", "", 1, b"x"), Publish("p", b""))
    run_for(timeline, 60 * NS_PER_S)

    assert (sent, shell.disk.rows()) == ([], [])
    shell.unstall()
    assert sent == ["p"]
    assert len(shell.disk.rows()) == 1


def test_a_disk_that_works_again_in_time_delays_nothing():
    timeline, shell, _, _, sent = process()

    shell.stalled = True
    act(shell, Persist("t", "", 1, b"x"), Publish("p", b""))
    shell.unstall()

    assert sent == []
    run_for(timeline, 2 * NS_PER_S)
    assert sent == ["p"]


def test_a_halt_does_not_wait_for_a_stalled_disk():
    _, shell, _, orders, _ = process()

    shell.stalled = True
    act(shell, Persist("t", "", 1, b"x"), Actuate(Halt()))

    assert orders == [Halt()]


def test_a_process_killed_with_a_stalled_disk_has_written_nothing():
    _, shell, _, _, _ = process()
    shell.stalled = True

    for i in range(8):
        act(shell, Persist("t", "", i, b""))
        shell.kill()
        shell.start()

    assert shell.disk.rows() == []


def test_a_wakeup_ticks_the_node_once_at_its_time():
    timeline, shell, nodes, _, _ = process()

    shell.call(lambda node, now_ns: setattr(node, "due_ns", 5 * NS_PER_S))
    run_for(timeline, 10 * NS_PER_S)

    assert nodes[0].ticks == [5 * NS_PER_S]


def test_a_node_that_wants_the_past_is_called_a_spinner():
    timeline, shell, _, _, _ = process()
    shell.node.tick = lambda now_ns: None

    shell.call(lambda node, now_ns: setattr(node, "due_ns", 0))

    with pytest.raises(AssertionError, match="spins"):
        run_for(timeline, NS_PER_S)


# --- space link -------------------------------------------------------------------------------


def space_link(**fields):
    plan = ContactPlan(
        contacts=(Contact(link="x", start_ns=0, end_ns=10 * NS_PER_S, light_time_s=1.5),)
    )
    timeline = Timeline(0)
    return timeline, SpaceLink(timeline, random.Random(1), plan, Mishaps(**fields))


def test_a_datagram_takes_at_least_the_light_time():
    timeline, link = space_link()
    landed = []
    link.send(link.down, b"x", lambda payload: landed.append((timeline.now_ns, payload)))

    while timeline.step():
        pass

    assert [payload for _, payload in landed] == [b"x"]
    assert 1_500 * NS_PER_MS <= landed[0][0] < 1_600 * NS_PER_MS


def test_an_unplanned_outage_swallows_what_leaves_and_what_is_under_way():
    timeline, link = space_link()
    landed = []
    link.send(link.down, b"under way", landed.append)
    link.break_off()
    link.send(link.up, b"leaves", landed.append)

    while timeline.step():
        pass
    link.mend()

    assert landed == []
    assert link.lost == 2


def test_a_calmed_link_has_no_more_mishaps():
    timeline, link = space_link(loss_ratio=1.0)
    landed = []
    link.send(link.down, b"lost", landed.append)
    link.calm()
    link.send(link.down, b"lands", landed.append)

    while timeline.step():
        pass

    assert landed == [b"lands"]
