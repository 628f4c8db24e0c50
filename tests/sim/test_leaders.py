"""Who leads in the simulator: a standby after a death, a twin beside the leader, an old image."""

import pytest

from lunaredge.node import Archive, Persist
from lunaredge.sim.disk import Disk
from lunaredge.sim.leaders import SUCCESSION_S_MAX, TWIN
from lunaredge.sim.options import FaultOptions, draw
from lunaredge.sim.rng import Streams
from lunaredge.wire import topics
from tests.sim.test_faults import Sabotaged


def test_a_standby_leads_within_seconds_and_a_second_death_waits_for_whoever_comes_back():
    site = Sabotaged(standby=True, kill_scheduler_s=100.0, down_s_max=300.0)

    site.run(2_000.0)

    deaths_s = site.times_s(topics.SCHEDULER, "is killed")
    led_s = site.times_s(topics.SCHEDULER, "is a standby that leads")
    assert len(led_s) > 2
    assert all(any(0.0 < led - death <= SUCCESSION_S_MAX for death in deaths_s) for led in led_s)


def test_without_a_standby_nobody_leads_before_the_dead_one_is_back():
    site = Sabotaged(kill_scheduler_s=100.0, down_s_max=300.0)

    site.run(1_000.0)

    assert site.times_s(topics.SCHEDULER, "is killed")
    assert not site.times_s(topics.SCHEDULER, "is a standby that leads")


def test_two_lead_until_one_is_lost_and_then_one_leads():
    site = Sabotaged(split_s=100.0, down_s_max=50.0)

    site.run(700.0)
    site.faults.end()
    site.run(100.0)

    epochs = site.times_s(TWIN, "lead.taken")
    assert epochs
    assert site.times_s(TWIN, "is killed")
    assert not site.faults.leaders.are_two
    assert site.sim.processes[topics.SCHEDULER].alive
    assert site.faults.leaders.losses > 1


def test_a_site_on_an_old_image_leads_above_what_its_nodes_obey():
    site = Sabotaged(old_image_s=300.0)

    site.run(1_500.0)

    assert site.times_s(topics.SCHEDULER, "begins on an old image")
    assert site.sim.jury.verdict() is None
    site.faults.end()
    site.run(60.0)
    nodes = site.sim.processes[topics.SCHEDULER].node.core.state.nodes.values()
    assert all(node.censused for node in nodes)


def test_an_image_of_a_disk_does_not_change_with_it():
    disk = Disk()
    disk.commit([Persist("t", "", 1, b"then")])
    image = disk.copy()

    disk.commit([Persist("t", "", 1, b"now"), Persist("t", "", 2, b"now")])
    disk.boots += 1

    assert [row.value for row in image.rows()] == [b"then"]
    assert (image.boots, image.commits, image.archive) == (0, 1, [])
    assert not any(isinstance(each, Archive) for each in image.archive)


@pytest.mark.parametrize("seed", range(1, 30))
def test_nobody_s_word_is_drawn_where_a_disk_may_be_lost(seed):
    faults = draw(Streams(seed).stream("options")).faults

    copies = bool(faults.split_s or faults.old_image_s)
    assert isinstance(faults, FaultOptions)
    assert not copies or (faults.interfere_s, faults.cancel_s) == (0.0, 0.0)
