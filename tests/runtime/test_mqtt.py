import asyncio
import logging
import os
import signal
import subprocess
import sys

import pytest

from lunaredge.runtime import mqtt as mqtt_module
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion, Will
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire.codec import FRAME_BYTES_MAX


def spoken(broker, *, auto=False):
    """Give settings for a broker, with its version of MQTT known beforehand: it saves 3 s."""
    address = broker.settings
    protocol = MqttVersion.AUTO if auto else MqttVersion(broker.describe().protocol)
    return LinkSettings(host=address.host, port=address.port, protocol=protocol)


@pytest.fixture
async def links():
    """Makes links that run until the test ends."""
    tasks = []

    def make(broker, listener, *, client_id="a", subscriptions=("t/#",)):
        link = MqttLink(spoken(broker), client_id, subscriptions, listener)
        tasks.append(asyncio.create_task(link.run()))
        return link

    yield make
    assert await end_tasks(tasks) == []


async def soon(awaitable, wait_s=20):
    return await asyncio.wait_for(awaitable, wait_s)


async def until(condition, wait_s=20):
    async with asyncio.timeout(wait_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_messages_arrive_in_the_order_they_were_published(any_broker, listener, links):
    link = links(any_broker, listener)
    await soon(listener.connected.wait())

    for number in range(1000):
        assert link.publish("t/1", b"%d" % number)
    numbers = [int((await soon(listener.messages.get()))[1]) for _ in range(1000)]

    assert numbers == list(range(1000))
    assert link.counts.sent == 1000


async def test_a_message_as_long_as_a_frame_may_be_gets_through(any_broker, listener, links):
    link = links(any_broker, listener)
    await soon(listener.connected.wait())

    link.publish("t/1", bytes(FRAME_BYTES_MAX))
    _, payload = await soon(listener.messages.get())

    assert len(payload) == FRAME_BYTES_MAX
    assert not link.publish("t/1", bytes(FRAME_BYTES_MAX + 1))
    assert link.counts.refused == 1


async def test_a_retained_message_comes_to_who_subscribes_later(
    any_broker, listener, make_listener, links
):
    first = links(any_broker, listener, subscriptions=())
    await soon(listener.connected.wait())
    first.publish("t/view", b"rows", retain=True)
    await first.drain(10)
    late = make_listener()

    links(any_broker, late, client_id="b")

    assert await soon(late.messages.get()) == ("t/view", b"rows")


async def test_a_broker_killed_and_started_again_is_found_again(any_broker, listener, links):
    link = links(any_broker, listener)
    await soon(listener.connected.wait())

    any_broker.kill()
    await soon(listener.disconnected.wait())
    taken_while_away = link.publish("t/1", b"lost")
    any_broker.start()
    await soon(listener.connected.wait())
    link.publish("t/1", b"found")

    assert not taken_while_away
    assert await soon(listener.messages.get()) == ("t/1", b"found")
    assert link.counts.connections == 2


async def test_a_broker_that_hangs_is_left_and_found_again(
    running_mosquitto, listener, links, monkeypatch
):
    monkeypatch.setattr(mqtt_module, "ANSWER_S_MAX", 0.5)
    monkeypatch.setattr(mqtt_module, "GREETING_S_MAX", 0.5)
    link = links(running_mosquitto, listener)
    await soon(listener.connected.wait())

    os.kill(running_mosquitto.pid, signal.SIGSTOP)
    link.publish("t/1", b"into the void")
    await soon(listener.disconnected.wait())
    os.kill(running_mosquitto.pid, signal.SIGCONT)
    await soon(listener.connected.wait())

    assert link.counts.lost == 1


async def test_the_version_a_broker_speaks_is_found_out(any_broker, listener):
    link = MqttLink(spoken(any_broker, auto=True), "a", [], listener)
    task = asyncio.create_task(link.run())

    await soon(listener.connected.wait())

    assert link._version is MqttVersion(any_broker.describe().protocol)
    await end_tasks([task])


async def test_a_message_published_while_a_client_flaps_reaches_it(
    running_mosquitto, listener, make_listener, links
):
    flapping = MqttLink(spoken(running_mosquitto), "flapping", ["t/#"], listener)
    task = asyncio.create_task(flapping.run())
    await soon(listener.connected.wait())
    await end_tasks([task])

    other = make_listener()
    stopper = links(running_mosquitto, other, subscriptions=())
    await soon(other.connected.wait())
    stopper.publish("t/stop", b"stop")
    await stopper.drain(10)
    links(running_mosquitto, listener, client_id="flapping")

    assert await soon(listener.messages.get()) == ("t/stop", b"stop")


async def test_the_broker_says_the_will_when_a_client_is_killed(any_broker, listener, links):
    links(any_broker, listener)
    await soon(listener.connected.wait())
    settings = spoken(any_broker)
    command = [sys.executable, "-c", DOOMED, str(settings.port), settings.protocol.value]
    client = subprocess.Popen(command, stdout=subprocess.PIPE)
    await asyncio.to_thread(client.stdout.readline)

    client.kill()
    message = await soon(listener.messages.get())
    client.wait()
    client.stdout.close()

    assert message == ("t/will", b"farewell")


DOOMED = """
import asyncio, sys
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion, Will
class Listener:
    def on_connected(self): print("connected", flush=True)
    def on_disconnected(self): pass
    def on_message(self, topic, payload): pass
version = MqttVersion(sys.argv[2])
settings = LinkSettings(host="127.0.0.1", port=int(sys.argv[1]), protocol=version)
link = MqttLink(settings, "doomed", [], Listener(), Will(topic="t/will", payload=b"farewell"))
asyncio.run(link.run())
"""


async def test_an_orderly_end_says_no_will(running_mosquitto, listener, make_listener, links):
    watched = links(running_mosquitto, listener)
    await soon(listener.connected.wait())
    leaving = make_listener()
    will = Will(topic="t/will", payload=b"farewell")
    link = MqttLink(spoken(running_mosquitto), "leaving", [], leaving, will)
    task = asyncio.create_task(link.run())
    await soon(leaving.connected.wait())

    await end_tasks([task])
    watched.publish("t/1", b"next")

    assert await soon(listener.messages.get()) == ("t/1", b"next")


async def test_a_paused_link_keeps_messages_and_counts_what_does_not_fit(
    running_mosquitto, listener, links, monkeypatch
):
    monkeypatch.setattr(mqtt_module, "INBOX_COUNT_MAX", 3)
    link = links(running_mosquitto, listener)
    await soon(listener.connected.wait())

    link.pause_delivery()
    for number in range(5):
        link.publish("t/1", b"%d" % number)
    await until(lambda: link.counts.overflowed == 2)
    delivered_while_paused = listener.messages.qsize()
    link.resume_delivery()

    assert delivered_while_paused == 0
    assert [listener.messages.get_nowait()[1] for _ in range(3)] == [b"0", b"1", b"2"]
    assert link.counts.received == 3


async def test_a_queue_without_room_refuses_and_counts(running_mosquitto, listener, links):
    link = links(running_mosquitto, listener, subscriptions=())
    await soon(listener.connected.wait())

    taken = [link.publish("x", b"") for _ in range(mqtt_module.OUTGOING_COUNT_MAX + 10)]
    await link.drain(20)

    assert taken.count(False) == link.counts.refused == 10
    assert link.counts.sent == mqtt_module.OUTGOING_COUNT_MAX


async def test_a_link_that_finds_nobody_says_so_once(free_port, listener, caplog):
    caplog.set_level(logging.INFO, "lunaredge")
    link = MqttLink(LinkSettings(host="127.0.0.1", port=free_port), "a", [], listener)
    task = asyncio.create_task(link.run())

    await asyncio.sleep(1.0)

    await end_tasks([task])
    assert not link.connected
    lines = [record.message for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith(f"broker.unreachable broker=127.0.0.1:{free_port}")


async def test_a_server_that_talks_nonsense_is_not_believed(listener):
    async def babble(_, writer):
        writer.write(b"\x20\x03\x00\x00\x00" + b"\x00\xff" * 500)
        await writer.drain()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = MqttLink(LinkSettings(host="127.0.0.1", port=port), "a", [], listener)
    task = asyncio.create_task(link.run())

    await asyncio.sleep(1.0)

    assert await end_tasks([task]) == []
    assert listener.messages.empty()
    server.close()


def test_what_is_too_large_is_handed_on_to_be_refused_and_counted_and_takes_no_room(listener):
    link = MqttLink(LinkSettings(host="127.0.0.1", port=1), "t", (), listener)
    link._outgoing = asyncio.Queue()

    for _ in range(2):
        link.take("t/1", bytes(10_000_000))

    (topic, first), (_, second) = listener.messages.get_nowait(), listener.messages.get_nowait()
    assert topic == "t/1"
    assert len(first) == FRAME_BYTES_MAX + 1
    assert first is second


def test_what_is_urgent_waits_for_nothing_and_all_else_keeps_its_order(listener, monkeypatch):
    monkeypatch.setattr(mqtt_module, "INBOX_COUNT_MAX", 2)
    settings = LinkSettings(host="127.0.0.1", port=1)
    link = MqttLink(settings, "t", (), listener, urgent="t/stop")
    link._outgoing = asyncio.Queue()
    link.pause_delivery()

    for topic in ("t/1", "t/2", "t/stop", "t/3", "t/stop"):
        link.take(topic, topic.encode())
    while_paused = [listener.messages.get_nowait()[0] for _ in range(listener.messages.qsize())]
    link.resume_delivery()
    after = [listener.messages.get_nowait()[0] for _ in range(listener.messages.qsize())]

    assert while_paused == ["t/stop", "t/stop"]
    assert after == ["t/1", "t/2"]
    assert (link.counts.received, link.counts.overflowed) == (4, 1)
