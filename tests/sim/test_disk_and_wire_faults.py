"""Full disks, rotten rows, damaged frames, parts cut off and slow ways: each fires and is over."""

import random

import pytest
from msgspec.structs import replace

from lunaredge.errors import RemoteProtocolError
from lunaredge.node import Persist
from lunaredge.runtime.runner import RETRY_S_MAX
from lunaredge.sim.disk import Disk
from lunaredge.sim.network import Message, damaged
from lunaredge.sim.options import calm
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import small
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.strikes.disks import RETRY_NS_MAX
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S, s_from_ns
from lunaredge.wire import codec, topics
from tests.sim.test_faults import Sabotaged
from tests.sim.test_rooms import process
from tests.sim.wires import Ear, network, run_for


def test_a_process_whose_disk_stays_full_ends_and_begins_again_once_there_is_room():
    site = Sabotaged(fill_disk_s=30.0, down_s_max=400.0)

    site.run(900.0)

    ended = [line for line in site.told if "ends, since its disk has no room" in line]
    assert ended
    site.faults.end()
    site.run(30.0)
    assert site.dead() == []


def test_the_simulated_shell_gives_a_full_disk_as_long_as_the_real_one():
    assert s_from_ns(RETRY_NS_MAX) == RETRY_S_MAX


def test_no_life_begins_on_a_full_disk():
    _, shell, nodes, _, _ = process()
    shell.kill()

    shell.full = True
    shell.start()

    assert not shell.alive
    assert shell.unstarted
    assert len(nodes) == 1


def test_a_rotten_row_comes_back_without_its_value_until_it_is_written_anew():
    disk = Disk()
    disk.commit([Persist("t", "a", 1, b"one"), Persist("t", "a", 2, b"two")])

    disk.spoil(disk.rows()[0])
    spoilt = [(row.value, row.is_whole) for row in disk.rows()]
    disk.commit([Persist("t", "a", 1, b"again")])

    assert spoilt == [(b"", False), (b"two", True)]
    assert [row.value for row in disk.rows()] == [b"again", b"two"]


def test_agents_find_rotten_rows_and_say_so():
    site = Sabotaged(rot_rows_s=20.0, down_s_max=10.0)

    site.run(600.0)

    assert any("rows that rot" in line for line in site.told)
    archived = site.sim.processes[topics.SCHEDULER].disk.archive
    assert any(b"state_corrupt" in write.record for write in archived)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_payload_is_another_one(seed):
    rng = random.Random(seed)
    payload = bytes(range(50))

    spoilt = damaged(payload, rng)

    assert spoilt != payload
    assert len(spoilt) <= len(payload)
    assert damaged(b"", rng) == b""


def test_damaged_messages_reach_their_reader_and_are_told():
    timeline, net = network(damage_ratio=1.0)
    ear, told = Ear("ear"), []
    net.on_damage = lambda name, payload: told.append((name, payload))
    for client in (ear, Ear("mouth", "none")):
        net.attach(client)
    run_for(timeline, 5 * NS_PER_S)

    for number in range(20):
        net.publish("mouth", Message(f"t/{number}", b"payload"))
    run_for(timeline, NS_PER_S)

    assert len(ear.heard) == 20
    assert all(payload != b"payload" for _, payload in ear.heard)
    assert told == [("ear", payload) for _, payload in ear.heard]


def test_no_damaged_frame_is_taken_for_a_sound_one():
    options = replace(calm(), site=replace(calm().site, damage_ratio=0.3))
    sim = Simulation(small(), options, Streams(1), Trace(0))
    damages = []
    sim.site_net.on_damage = lambda name, payload: damages.append(payload)
    sim.begin()
    end = sim.timeline.after(300 * NS_PER_S, lambda: None)
    while end.live:
        sim.timeline.step()

    believed = 0
    for payload in damages:
        try:
            codec.decode(payload, sim.keys.keyring)
        except RemoteProtocolError:
            continue
        believed += 1

    assert len(damages) > 50
    assert believed == 0


def test_a_frame_that_is_believed_though_it_is_damaged_is_found_by_the_checkers():
    sim = Simulation(small(), calm(), Streams(1), Trace(0))
    heard = []
    sim.taps.append(lambda overheard: heard.append(overheard.payload))
    sim.begin()
    while not heard:
        sim.timeline.step()

    sim._damaged(sim.agents[0], heard[0])

    violation = sim.jury.verdict()
    assert violation is not None
    assert violation.invariant == "I6"


def test_a_slow_way_is_slow_in_one_direction_and_survives_a_new_life():
    timeline, net = network()
    near, far = Ear("near"), Ear("far")
    for client in (near, far):
        net.attach(client)
    run_for(timeline, 5 * NS_PER_S)

    net.slow("far", toward=True, extra_ns=3 * NS_PER_S)
    net.attach(far)
    run_for(timeline, 5 * NS_PER_S)
    net.publish("far", Message("t", b""))
    run_for(timeline, NS_PER_S)
    early = len(near.heard), len(far.heard)
    run_for(timeline, 3 * NS_PER_S)

    assert early == (1, 0)
    assert len(far.heard) == 1


@pytest.mark.parametrize(
    ("kind", "word"),
    [({"partition_s": 60.0}, "is in a part that is cut off"), ({"slow_way_s": 30.0}, " s late")],
    ids=["partition", "slow way"],
)
def test_each_kind_strikes_and_is_undone(kind, word):
    site = Sabotaged(**kind, down_s_max=60.0)

    site.run(600.0)
    site.faults.end()

    assert sum(word in line for line in site.told) > 3
    net = site.sim.site_net
    assert not net._cut
    assert not any(line.sent.extra_ns or line.heard.extra_ns for line in net._lines.values())
