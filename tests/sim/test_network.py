"""The simulated broker: who hears what, when, how often, and what gets lost."""

import msgspec
import pytest

from lunaredge.sim.network import Message, matches
from lunaredge.units import NS_PER_S
from tests.sim.wires import Ear, network, run_for


@pytest.mark.parametrize(
    ("pattern", "topic", "taken"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("+/+/c", "a/b/c", True),
        ("a/b/c", "a/b", False),
        ("a/b", "a/b/c", False),
    ],
)
def test_filters_take_what_mqtt_says_they_take(pattern, topic, taken):
    assert matches(pattern, topic) is taken


def test_a_message_reaches_those_who_listen_in_the_order_it_was_sent():
    timeline, net = network()
    ear, deaf = Ear("ear", "x/#"), Ear("deaf", "y")
    net.attach(ear)
    net.attach(deaf)
    run_for(timeline, 10 * NS_PER_S)

    for i in range(20):
        net.publish("deaf", Message("x/1", bytes([i])))
    run_for(timeline, NS_PER_S)

    assert [payload[0] for _, payload in ear.heard] == list(range(20))
    assert deaf.heard == []


def test_a_reordered_message_is_overtaken_and_the_others_keep_their_order():
    timeline, net = network(reorder_ratio=0.1, reorder_ns_max=60 * NS_PER_S)
    ear = Ear("ear", "x")
    net.attach(ear)
    net.attach(Ear("other", "none"))
    run_for(timeline, 10 * NS_PER_S)

    for i in range(100):
        net.publish("other", Message("x", bytes([i])))
    run_for(timeline, NS_PER_S)
    in_time = [payload[0] for _, payload in ear.heard]
    run_for(timeline, 200 * NS_PER_S)

    assert 50 < len(in_time) < 95
    assert in_time == sorted(in_time)
    assert len(ear.heard) == 100


def test_a_second_copy_may_come_after_what_was_sent_later():
    timeline, net = network(duplicate_ratio=0.5)
    ear = Ear("ear", "x")
    net.attach(ear)
    net.attach(Ear("other", "none"))
    run_for(timeline, 10 * NS_PER_S)

    for i in range(100):
        net.publish("other", Message("x", bytes([i])))
    run_for(timeline, 10 * NS_PER_S)
    heard = [payload[0] for _, payload in ear.heard]

    assert heard != sorted(heard)
    assert list(dict.fromkeys(heard)) == list(range(100))


def test_a_cut_client_misses_messages_and_learns_of_it():
    timeline, net = network()
    ear = Ear("ear")
    other = Ear("other")
    net.attach(ear)
    net.attach(other)
    run_for(timeline, 10 * NS_PER_S)

    net.cut("ear")
    net.publish("other", Message("x", b"lost"))
    run_for(timeline, 10 * NS_PER_S)
    net.mend("ear")
    run_for(timeline, 10 * NS_PER_S)

    assert ear.events == ["up", "down", "up"]
    assert ear.heard == []


def test_a_broker_that_keeps_sessions_delivers_late():
    timeline, net = network(keeps_sessions=True)
    ear, other = Ear("ear"), Ear("other")
    net.attach(ear)
    net.attach(other)
    run_for(timeline, 10 * NS_PER_S)

    net.cut("ear")
    net.publish("other", Message("x", b"late"))
    run_for(timeline, 10 * NS_PER_S)
    net.mend("ear")
    run_for(timeline, 10 * NS_PER_S)

    assert ear.heard == [("x", b"late")]


def test_a_restarted_broker_forgets_what_it_retained():
    timeline, net = network()
    sender = Ear("sender", "none")
    net.attach(sender)
    run_for(timeline, 10 * NS_PER_S)
    net.publish("sender", Message("x", b"kept", retain=True))
    run_for(timeline, NS_PER_S)
    before, after = Ear("before"), Ear("after")
    net.attach(before)
    run_for(timeline, 10 * NS_PER_S)

    net.stop()
    net.start()
    net.attach(after)
    run_for(timeline, 10 * NS_PER_S)

    assert before.heard == [("x", b"kept")]
    assert after.heard == []


def test_a_will_is_published_when_a_client_dies():
    timeline, net = network()
    ear, mortal = Ear("ear"), Ear("mortal", "none")
    mortal.last_will = Message("will", b"gone")
    net.attach(ear)
    net.attach(mortal)
    run_for(timeline, 10 * NS_PER_S)

    net.detach("mortal")
    run_for(timeline, 10 * NS_PER_S)

    assert ear.heard == [("will", b"gone")]


def test_loss_and_doubles_come_at_their_rates():
    timeline, net = network(loss_ratio=0.2, duplicate_ratio=0.2)
    ear = Ear("ear", "x")
    net.attach(ear)
    net.attach(Ear("other", "none"))
    run_for(timeline, 10 * NS_PER_S)

    for _ in range(500):
        net.publish("other", Message("x", b""))
    run_for(timeline, 10 * NS_PER_S)

    # Each of two hops loses a fifth and doubles a fifth of the rest.
    assert len(ear.heard) == pytest.approx(500 * (0.8 * 1.2) ** 2, rel=0.15)


def test_options_can_be_replaced_in_mid_run():
    timeline, net = network(loss_ratio=1.0)
    ear = Ear("ear", "x")
    net.attach(ear)
    net.attach(Ear("other", "none"))
    run_for(timeline, 10 * NS_PER_S)
    net.publish("other", Message("x", b"lost"))
    run_for(timeline, NS_PER_S)

    net.options = msgspec.structs.replace(net.options, loss_ratio=0.0)
    net.publish("other", Message("x", b"heard"))
    run_for(timeline, NS_PER_S)

    assert ear.heard == [("x", b"heard")]


def test_who_is_gone_gets_nothing_and_who_comes_back_gets_all_again():
    timeline, net = network(keeps_sessions=True)
    ear, other = Ear("ear", "x"), Ear("other", "none")
    net.attach(ear)
    net.attach(other)
    run_for(timeline, 10 * NS_PER_S)
    net.publish("other", Message("x", b"first"))
    run_for(timeline, NS_PER_S)

    net.detach("ear")
    net.publish("other", Message("x", b"while away"))
    run_for(timeline, 10 * NS_PER_S)
    net.attach(ear)
    run_for(timeline, 10 * NS_PER_S)
    net.publish("other", Message("x", b"last"))
    run_for(timeline, NS_PER_S)

    assert ear.heard == [("x", b"first"), ("x", b"last")]


def test_who_subscribes_later_hears_a_topic_that_others_had_before():
    timeline, net = network()
    early, late, other = Ear("early", "x"), Ear("late", "+"), Ear("other", "none")
    net.attach(early)
    net.attach(other)
    run_for(timeline, 10 * NS_PER_S)
    net.publish("other", Message("x", b"one"))
    run_for(timeline, NS_PER_S)

    net.attach(late)
    run_for(timeline, 10 * NS_PER_S)
    net.publish("other", Message("x", b"two"))
    run_for(timeline, NS_PER_S)

    assert [payload for _, payload in early.heard] == [b"one", b"two"]
    assert [payload for _, payload in late.heard] == [b"two"]


def test_a_dead_clients_line_stays_down_when_the_broker_is_back():
    timeline, net = network()
    ear = Ear("ear")
    net.attach(ear)
    run_for(timeline, 5 * NS_PER_S)
    net.detach("ear")
    ear.events.clear()

    net.stop()
    run_for(timeline, NS_PER_S)
    net.start()
    run_for(timeline, 10 * NS_PER_S)

    assert ear.events == []


def test_what_a_dead_life_would_have_noticed_is_not_told_to_the_next():
    timeline, net = network()
    ear = Ear("ear")
    net.attach(ear)
    run_for(timeline, 5 * NS_PER_S)
    net.cut("ear")
    net.detach("ear")
    net.mend("ear")
    ear.events.clear()

    net.attach(ear)
    run_for(timeline, 10 * NS_PER_S)

    assert ear.events == ["up"]


def test_what_waits_for_a_client_that_dies_as_it_comes_up_waits_on():
    timeline, net = network(keeps_sessions=True)
    ear = Ear("ear")
    net.attach(ear)
    net.attach(Ear("mouth", "none"))
    run_for(timeline, 5 * NS_PER_S)
    net.cut("ear")
    net.publish("mouth", Message("t", b"kept"))
    run_for(timeline, NS_PER_S)

    ear.came_up = lambda: net.detach("ear")
    net.mend("ear")
    run_for(timeline, 10 * NS_PER_S)
    assert ear.heard == []

    ear.came_up = lambda: None
    net.attach(ear)
    run_for(timeline, 10 * NS_PER_S)
    assert ear.heard == [("t", b"kept")]
