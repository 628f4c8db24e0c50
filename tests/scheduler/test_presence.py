from lunaredge.ids import BootId, NodeId
from lunaredge.scheduler import presence
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
    site.say("dc-1", messages.Birth(kind="x", situation=site.situation("dc-1")))

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

    assert site.scheduler.core.state.epoch > 7
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

    birth = messages.Birth(kind="x", situation=site.situation("hauler-1", x_m=50.0))
    site.say("hauler-1", birth, boot=first, number=10_000)

    node = site.scheduler.core.state.nodes[NodeId("hauler-1")]
    assert node.boot == 900
    assert node.body == (32.0, 8.0)
    assert site.scheduler.core.state.quarantined == 0


def test_a_word_of_a_node_nobody_enrolled_is_refused() -> None:
    site = Site()
    word = messages.Heartbeat(situation=site.situation("dc-1"))

    site.hear("lunaredge/v1/plain/rover-9/node", site.frame(site.signers[NodeId("dc-1")], word))

    assert site.scheduler.refusals.by_reason == {"unknown_node": 1}


def test_a_node_may_not_speak_for_another() -> None:
    site = Site()
    word = messages.Heartbeat(situation=site.situation("dc-1"))

    site.hear("lunaredge/v1/plain/hauler-1/node", site.frame(site.signers[NodeId("dc-1")], word))

    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}


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


def answer_census(site: Site) -> None:
    """Every node takes the newest census, and nobody has said yet where it is."""
    for node in site.signers:
        command = site.sent(node, messages.Census)[-1]
        assert isinstance(command, messages.Census)
        site.reply(node, command.command)


def test_a_machine_counts_only_once_it_has_said_where_it_is() -> None:
    site = Site()
    site.census()
    site.start()

    answer_census(site)
    answered = [n.censused for n in site.scheduler.core.state.nodes.values()]
    for node in site.signers:
        site.say(node, messages.Heartbeat(situation=site.situation(node)))

    assert not any(answered)
    assert all(n.censused for n in site.scheduler.core.state.nodes.values())


def test_a_word_under_an_older_epoch_counts_nobody() -> None:
    site = Site()
    site.census()
    site.start()

    word = site.situation("hauler-1", epoch=1)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    assert not site.scheduler.core.state.nodes[NodeId("hauler-1")].censused


def test_a_machine_between_authority_and_rest_does_not_count_yet() -> None:
    site = Site()
    site.census()
    site.start()

    rolling = messages.Heartbeat(situation=site.situation("hauler-1", at_rest=False))
    site.say("hauler-1", rolling)
    blind = messages.Heartbeat(situation=site.situation("grader-1", x_m=None, y_m=None))
    site.say("grader-1", blind)

    nodes = site.scheduler.core.state.nodes
    assert not nodes[NodeId("hauler-1")].censused
    assert not nodes[NodeId("grader-1")].censused


def test_a_leader_on_an_old_disk_never_leads_under_a_used_epoch() -> None:
    site = Site()
    image = dict(site.disk)
    epochs = [site.scheduler.core.state.epoch]

    site.start()
    epochs.append(site.scheduler.core.state.epoch)
    site.disk = image
    site.start()
    epochs.append(site.scheduler.core.state.epoch)

    assert len(set(epochs)) == 3


def test_silence_still_counts_after_the_epoch_was_raised() -> None:
    site = Site()
    site.census()
    word = site.situation("hauler-1", epoch=7)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    site.wait(121.0)

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].presence is Presence.LOST


def test_an_epoch_that_nobody_could_have_reached_is_not_followed() -> None:
    site = Site()
    site.census()

    word = site.situation("hauler-1", epoch=2**63 - 1)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    state = site.scheduler.core.state
    assert state.epoch == 1
    assert state.alarms["hauler-1/epoch.absurd"].active


def test_nor_is_one_above_which_no_later_leader_would_be_followed() -> None:
    site = Site()
    site.census()

    word = site.situation("hauler-1", epoch=presence.EPOCH_MAX - 1)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    assert site.scheduler.core.state.epoch == 1
    assert site.scheduler.core.state.alarms["hauler-1/epoch.absurd"].active


def test_a_repeated_farewell_changes_nothing() -> None:
    site = Site()
    site.census()
    farewell = messages.Farewell(node=NodeId("grader-1"), orderly=True)
    topic = "lunaredge/v1/plain/grader-1/node"
    frame = site.frame(site.signers[NodeId("grader-1")], farewell)
    site.hear(topic, frame)
    rows = len(site.disk)

    site.hear(topic, frame)

    assert len(site.disk) == rows


def test_a_new_life_ends_the_census_of_the_last() -> None:
    site = Site()
    birth = messages.Birth(kind="x", situation=site.situation("dc-1"))
    site.say("dc-1", birth)
    site.node_boots[NodeId("dc-1")] = BootId(900)

    site.say("dc-1", birth)
    count = len(site.sent("dc-1", messages.Census))
    site.wait(11.0)

    fresh = site.sent("dc-1", messages.Census)[count:]
    assert [census.boot for census in fresh] == [900]  # type: ignore[union-attr]


def test_no_node_answers_for_another() -> None:
    site = Site()
    site.say("dc-1", messages.Birth(kind="x", situation=site.situation("dc-1")))
    census = site.sent("dc-1", messages.Census)[-1]
    assert isinstance(census, messages.Census)
    site.say("hauler-1", messages.Birth(kind="x", situation=site.situation("hauler-1")))

    site.reply("hauler-1", census.command)

    assert census.command in site.scheduler.core.state.commands


def test_a_birth_below_an_earlier_life_is_told_to_begin_above_it() -> None:
    site = Site()
    site.census()
    birth = messages.Birth(kind="x", situation=site.situation("grader-1"))
    digest = site.scheduler.digest()

    site.say("grader-1", birth, boot=BootId(3), number=1)

    (outlived,) = site.sent("grader-1", messages.Outlived)
    newest = site.node_boots[NodeId("grader-1")]
    assert outlived == messages.Outlived(boot=BootId(3), floor=newest)
    assert site.scheduler.digest() == digest


def test_an_old_heartbeat_of_an_earlier_life_is_answered_by_nothing() -> None:
    site = Site()
    site.census()

    word = messages.Heartbeat(situation=site.situation("grader-1"))
    site.say("grader-1", word, boot=BootId(3), number=1)

    assert not site.sent("grader-1", messages.Outlived)


def test_a_boot_beyond_reason_is_not_believed() -> None:
    site = Site()
    site.census()
    site.node_boots[NodeId("grader-1")] = BootId(2**62)
    birth = messages.Birth(kind="x", situation=site.situation("grader-1"))

    site.say("grader-1", birth)

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].boot < 2**48
    assert site.scheduler.refusals.by_reason == {"repeated": 1}
