"""Power that fails at a chosen event: each place is hit, and nothing that waited gets out."""

import pytest

from lunaredge.node import Persist, Publish
from lunaredge.units import NS_PER_S
from tests.sim.test_faults import Sabotaged
from tests.sim.test_rooms import act, process
from tests.sim.wires import run_for

# The call; before the commit; right after it; each of the publishes that waited for it.
PLACES = {
    1: ([], []),
    2: ([], []),
    3: ([b"one", b"two"], []),
    4: ([b"one", b"two"], []),
    5: ([b"one", b"two"], ["p"]),
}


@pytest.mark.parametrize("event", PLACES)
def test_power_can_fail_at_any_event(event):
    timeline, shell, _, _, sent = process()
    run_for(timeline, 5 * NS_PER_S)
    shell.die_at(shell.events + event, shell.kill)

    one, two = Persist("t", "", 1, b"one"), Persist("t", "", 2, b"two")
    act(shell, one, Publish("p", b""), two, Publish("q", b""))
    run_for(timeline, 3 * NS_PER_S)

    assert not shell.alive
    rows, words = PLACES[event]
    assert [row.value for row in shell.disk.rows()] == rows
    assert sent == words


def test_a_reprieved_process_lives_on():
    timeline, shell, _, _, sent = process()
    shell.die_at(shell.events + 1, shell.kill)

    shell.reprieve()
    act(shell, Publish("p", b""))
    run_for(timeline, NS_PER_S)

    assert shell.alive
    assert sent == ["p"]


def test_a_doom_dies_with_the_life_it_was_meant_for():
    _, shell, _, _, sent = process()
    shell.die_at(shell.events + 2, shell.kill)
    shell.kill()

    shell.start()
    act(shell, Publish("p", b""), Publish("q", b""))

    assert shell.alive
    assert sent == ["p", "q"]


def test_the_power_of_many_processes_fails_and_all_live_in_the_end():
    site = Sabotaged(cut_power_s=10.0, down_s_max=20.0)

    site.run(600.0)
    site.faults.end()
    site.run(1_000.0)

    struck = {line.split()[1] for line in site.told if "loses its power" in line}
    assert len(struck) > 3
    assert site.dead() == []
