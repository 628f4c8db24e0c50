import asyncio
import shutil
import socket
import stat

import pytest

from lunaredge.errors import ConfigError, TransportError
from lunaredge.runtime import broker as broker_module
from lunaredge.runtime.broker import (
    Broker,
    BrokerChoice,
    BrokerKind,
    BrokerProgram,
    BrokerSettings,
    find_broker,
    mosquitto_conf,
)
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion
from lunaredge.runtime.tasks import end_tasks


async def test_each_broker_takes_and_gives_a_message(any_broker, listener):
    told = any_broker.describe()
    settings = LinkSettings(
        host="127.0.0.1", port=any_broker.settings.port, protocol=MqttVersion(told.protocol)
    )
    link = MqttLink(settings, "a", ["t/#"], listener)
    running = asyncio.create_task(link.run())
    await asyncio.wait_for(listener.connected.wait(), 20)

    link.publish("t/1", b"hello")
    message = await asyncio.wait_for(listener.messages.get(), 10)

    await end_tasks([running])
    assert message == ("t/1", b"hello")
    assert told.degraded == (any_broker.program.kind is BrokerKind.AMQTT)


def test_a_port_in_use_is_named(mosquitto, free_port, tmp_path):
    with socket.create_server(("127.0.0.1", free_port)):
        broker = Broker(mosquitto, BrokerSettings(port=free_port, folder=tmp_path))

        with pytest.raises(TransportError, match=str(free_port)):
            broker.start()


def test_a_broker_starts_again_after_it_was_killed(mosquitto, free_port, tmp_path):
    broker = Broker(mosquitto, BrokerSettings(port=free_port, folder=tmp_path))
    broker.start()
    first = broker.pid

    broker.kill()
    broker.start()

    assert broker.pid not in (None, first)
    broker.stop()
    assert broker.pid is None


def test_a_broker_that_does_not_come_up_gives_its_last_words(free_port, tmp_path):
    script = tmp_path / "mosquitto"
    _executable(script, "echo out of order >&2; exit 3")
    program = BrokerProgram(kind=BrokerKind.MOSQUITTO, version="0", executable=str(script))
    broker = Broker(program, BrokerSettings(port=free_port, folder=tmp_path))

    with pytest.raises(TransportError, match="out of order"):
        broker.start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "site.example"])
def test_an_unguarded_broker_stays_on_this_machine(mosquitto, host, tmp_path):
    broker = Broker(mosquitto, BrokerSettings(port=1, folder=tmp_path, host=host))

    with pytest.raises(ConfigError, match="this machine only"):
        broker.prepare()


def test_what_is_larger_than_a_frame_reaches_those_who_count_it_and_has_a_bound(tmp_path):
    told = mosquitto_conf(BrokerSettings(port=1, folder=tmp_path)).splitlines()

    assert "message_size_limit 16777216" in told


def test_without_mosquitto_amqtt_is_found_and_labelled_degraded(no_mosquitto, tmp_path):
    program = find_broker(tmp_path)

    assert program.kind is BrokerKind.AMQTT
    assert program.degraded
    assert program.version


def test_a_choice_that_is_not_there_says_what_to_install(no_mosquitto, tmp_path):
    with pytest.raises(TransportError, match="install the package mosquitto"):
        find_broker(tmp_path, BrokerChoice.MOSQUITTO)


def test_mosquitto_is_unpacked_from_packages_where_apt_can_get_them(
    no_mosquitto, tmp_path, monkeypatch
):
    tools = tmp_path / "bin"
    tools.mkdir()
    _executable(tools / "apt-get", '[ "$2" = mosquitto ] && touch "$2.deb"; exit 0')
    _executable(
        tools / "dpkg",
        "mkdir -p usr/sbin; printf '#!/bin/sh\\necho mosquitto version 2.0.99\\n'"
        " > usr/sbin/mosquitto; chmod +x usr/sbin/mosquitto",
    )
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")

    program = find_broker(tmp_path / "cache")

    assert (program.kind, program.version) == (BrokerKind.UNPACKED, "2.0.99")
    assert _names(tmp_path / "cache") == ["mosquitto"]
    monkeypatch.setenv("PATH", "")
    assert find_broker(tmp_path / "cache") == program


def test_an_apt_that_hangs_costs_a_bounded_time(no_mosquitto, tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    _executable(tools / "apt-get", "exec sleep 60")
    _executable(tools / "dpkg", "exit 1")
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")
    monkeypatch.setattr(broker_module, "_OBTAIN_S_MAX", 0.2)

    assert find_broker(tmp_path / "cache").kind is BrokerKind.AMQTT
    assert _names(tmp_path / "cache") == []


@pytest.fixture
def no_mosquitto(monkeypatch, tmp_path):
    monkeypatch.setattr(broker_module, "_DAEMON_FOLDERS", "")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def _names(folder):
    return [path.name for path in folder.iterdir()]


def _executable(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_stub_tools_are_not_the_real_ones(no_mosquitto):
    assert shutil.which("mosquitto") is None
