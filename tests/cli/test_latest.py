"""The last values of a node: asked of the archive, over a real broker, and shown."""

import argparse
import asyncio
import json
import socket
from types import SimpleNamespace

import pytest

from lunaredge.cli import latest
from lunaredge.cli.main import main
from lunaredge.cli.site_access import EARTH
from lunaredge.errors import LinkError, TimeoutExceeded
from lunaredge.ids import ClientId, NodeId
from lunaredge.node import Publish
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.client import ClientIdentity, SiteClient
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion
from lunaredge.wire import topics
from lunaredge.wire.messages import View
from tests.archive.rig import DOZER, SITE, Books

ROWS = [
    {
        "channel": "battery_wh",
        "unit": "Wh",
        "value": 1210.5,
        "measured_ns": 1_795_392_000_000_000_000,
        "age_s": 4.0,
        "quality": "good",
    },
    {
        "channel": "slip_ratio",
        "unit": "ratio",
        "value": None,
        "measured_ns": None,
        "age_s": None,
        "quality": "unknown",
    },
]


@pytest.fixture
def broker(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = find_broker(tmp_path / "cache", BrokerChoice.MOSQUITTO)
    broker = Broker(program, BrokerSettings(port=port, folder=tmp_path / "broker"))
    broker.start()
    yield broker
    broker.stop()


class Linked(Books):
    """An archive that hears what is asked of it on a broker, and answers there."""

    def __init__(self, settings: LinkSettings) -> None:
        self.ready = asyncio.Event()
        self.is_linked = False
        self.link = MqttLink(
            settings, "archive", [topics.request(SITE, ClientId("+"), topics.ARCHIVE)], self
        )
        super().__init__()

    def note(self, effect):
        super().note(effect)
        if isinstance(effect, Publish) and self.is_linked:
            self.link.publish(effect.topic, effect.payload)

    def on_message(self, topic, payload):
        self.hear(topic, payload)

    def on_connected(self):
        self.is_linked = True
        self.ready.set()

    def on_disconnected(self):
        self.ready.clear()


async def asked(broker, node, options):
    """Ask an archive that has heard of one node; give the exit code."""
    settings = LinkSettings(host="127.0.0.1", port=broker.settings.port, protocol=MqttVersion.V5)
    books = Linked(settings)
    books.announce()
    books.send(books.samples(1, 100.0, 99.0))
    books.wait(1)
    identity = ClientIdentity(
        site=SITE,
        client=ClientId("operator-mari"),
        clock=SimpleNamespace(now_ns=lambda: books.now_ns, speed=1.0),
        keyring=books.keyring,
        signer=None,
    )
    running = asyncio.create_task(books.link.run())
    try:
        await asyncio.wait_for(books.ready.wait(), 10)
        async with SiteClient(settings, identity) as site:
            options = argparse.Namespace(node=node, watch=False, **options)
            return await asyncio.wait_for(latest._show(site, options), 10)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_archive_answers_with_the_last_value_of_each_channel(broker, capsys):
    code = await asked(broker, DOZER, {"json": True})

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [(row["channel"], row["value"]) for row in document["rows"]] == [
        ("battery_wh", 99.0),
        ("slip_ratio", None),
    ]


async def test_a_node_that_the_archive_does_not_know_is_not_so(broker, capsys):
    code = await asked(broker, "ghost", {"json": False})

    assert code == 1
    assert "no node ghost is enrolled at this site" in capsys.readouterr().err


async def test_an_archive_that_is_silent_is_named_and_on_earth_there_is_none():
    class Silent:
        """A client's connection on which nobody answers."""

        latest: dict[str, View] = {}  # noqa: RUF012 -- of one test

        async def ask(self, question):
            raise TimeoutExceeded("no answer from the archive in 10 s")

    site = Silent()
    with pytest.raises(TimeoutExceeded, match="archive"):
        await latest._asked(site, NodeId("dozer-1"))

    site.latest = {EARTH: View(name=EARTH, site_ns=1, rows=b"[]")}
    with pytest.raises(LinkError, match="the archive answers at the site alone"):
        await latest._asked(site, NodeId("dozer-1"))


def test_a_table_says_how_good_each_value_is_at_eighty_columns():
    lines = latest.as_table(ROWS, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["battery_wh", "1210.5", "Wh", "good", "4.0", "2026-11-23T00:00:00Z"]
    assert lines[2].split() == ["slip_ratio", "-", "ratio", "unknown", "-", "-"]


def test_what_is_no_name_is_refused_before_anything_is_sent(capsys):
    assert main(["latest", "Foo_Bar", "--config", "nowhere.toml"]) == 2
    assert "not the name of a node, got 'Foo_Bar'" in capsys.readouterr().err
