from lunaredge.ids import BootId, NodeId
from lunaredge.scheduler.state import Presence
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site


def test_a_start_asks_nobody_before_it_has_heard_their_boot() -> None:
    site = Site()

    assert not [body for _, body in site.published if isinstance(body, messages.Census)]
    assert site.scheduler.core.state.epoch == 1


def test_a_birth_is_answered_with_a_census_until_the_node_obeys() -> None:
    site = Site()
    site.say("dc-1", messages.Birth(kind="x", channels=(), situation=site.situation("dc-1")))

    site.wait(25.0)

    censuses = site.sent("dc-1", messages.Census)
    assert len(censuses) == 3
    assert len(set(censuses)) == 1
    site.reply("dc-1", censuses[0].command)
    site.wait(25.0)
    assert len(site.sent("dc-1", messages.Census)) == 3


def test_nothing_is_granted_before_every_machine_has_been_counted() -> None:
    site = Site()
    site.census("grader-1", "dc-1")
    site.submit(plain_site.order(plain_site.grade()))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)

    site.request("grader-1", 1)
    site.solve()

    waiting = "census waits for excavator-1, grader-2, hauler-1"
    assert site.last(messages.Defer).reason == waiting
    assert not site.sent("grader-1", messages.Grant)


def test_a_restart_raises_the_epoch_and_counts_everybody_again() -> None:
    site = Site()
    site.census()

    site.start()

    state = site.scheduler.core.state
    assert state.epoch == 2
    assert not any(node.censused for node in state.nodes.values())
    assert len(site.sent("hauler-1", messages.Census)) == 2


def test_a_node_that_obeys_a_higher_epoch_raises_ours() -> None:
    site = Site()
    site.census()

    word = site.situation("hauler-1", epoch=7)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    assert site.scheduler.core.state.epoch == 8
    assert not any(node.censused for node in site.scheduler.core.state.nodes.values())


def test_silence_makes_a_node_lost_and_a_word_brings_it_back() -> None:
    site = Site()
    site.census()
    node = site.scheduler.core.state.nodes[NodeId("hauler-1")]

    site.wait(119.0)
    before = node.presence
    site.wait(2.0)
    silent = node.presence
    site.say("hauler-1", messages.Heartbeat(situation=site.situation("hauler-1")))

    assert (before, silent, node.presence) == (Presence.UP, Presence.LOST, Presence.UP)
    assert not site.scheduler.core.state.alarms["hauler-1/node.lost"].active


def test_an_orderly_farewell_is_down_and_a_broken_connection_is_not() -> None:
    site = Site()
    site.census()
    nodes = site.scheduler.core.state.nodes

    site.say("grader-1", messages.Farewell(node=NodeId("grader-1"), orderly=True))
    site.say("grader-2", messages.Farewell(node=NodeId("grader-2"), orderly=False))

    assert nodes[NodeId("grader-1")].presence is Presence.DOWN
    assert nodes[NodeId("grader-2")].presence is Presence.UP


def test_a_late_word_of_an_earlier_life_is_old_news() -> None:
    site = Site()
    site.census()
    first = site.node_boots[NodeId("hauler-1")]
    site.node_boots[NodeId("hauler-1")] = BootId(900)
    site.census("hauler-1")

    birth = messages.Birth(kind="x", channels=(), situation=site.situation("hauler-1", x_m=50.0))
    site.say("hauler-1", birth, boot=first, number=10_000)

    node = site.scheduler.core.state.nodes[NodeId("hauler-1")]
    assert node.boot == 900
    assert node.body == (32.0, 8.0)


def test_a_word_of_a_node_nobody_enrolled_is_refused() -> None:
    site = Site()
    word = messages.Heartbeat(situation=site.situation("dc-1"))

    site.hear("lunaredge/v1/plain/rover-9/node", site.frame(site.signers[NodeId("dc-1")], word))

    assert site.scheduler.refused == {"unknown_node": 1}


def test_a_node_may_not_speak_for_another() -> None:
    site = Site()
    word = messages.Heartbeat(situation=site.situation("dc-1"))

    site.hear("lunaredge/v1/plain/hauler-1/node", site.frame(site.signers[NodeId("dc-1")], word))

    assert site.scheduler.refused == {"not_authentic": 1}


def test_nobody_is_silent_while_the_scheduler_cannot_hear() -> None:
    site = Site()
    site.census()
    node = site.scheduler.core.state.nodes[NodeId("hauler-1")]

    site.scheduler.disconnected(site.now_ns)
    site.wait(600.0)
    deaf = node.presence
    site.scheduler.connected(site.now_ns)
    site.wait(119.0)
    again = node.presence
    site.wait(2.0)

    assert (deaf, again, node.presence) == (Presence.UP, Presence.UP, Presence.LOST)
