import asyncio
import logging
import socket

import pytest

from lunaredge.errors import TransportError
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker


@pytest.fixture
def restored_logging():
    root, ours = logging.getLogger(), logging.getLogger("lunaredge")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _program(choice, cache):
    try:
        return find_broker(cache, choice)
    except TransportError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def mosquitto(tmp_path_factory):
    return _program(BrokerChoice.MOSQUITTO, tmp_path_factory.mktemp("cache"))


@pytest.fixture(params=["mosquitto", "amqtt"])
def any_broker(request, tmp_path, free_port):
    program = _program(BrokerChoice(request.param), tmp_path / "cache")
    broker = Broker(program, BrokerSettings(port=free_port, folder=tmp_path / "broker"))
    broker.start()
    yield broker
    broker.stop()


class Listener:
    """Keeps what a link tells it."""

    def __init__(self):
        self.messages = asyncio.Queue()
        self.connected = asyncio.Event()
        self.disconnected = asyncio.Event()

    def on_message(self, topic, payload):
        self.messages.put_nowait((topic, payload))

    def on_connected(self):
        self.disconnected.clear()
        self.connected.set()

    def on_disconnected(self):
        self.connected.clear()
        self.disconnected.set()


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def make_listener():
    return Listener


@pytest.fixture
def running_mosquitto(mosquitto, tmp_path, free_port):
    broker = Broker(mosquitto, BrokerSettings(port=free_port, folder=tmp_path / "broker"))
    broker.start()
    yield broker
    broker.stop()
