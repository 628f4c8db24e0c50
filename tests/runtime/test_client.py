"""An operator's connection to a broker: whom it believes, and what it says when nobody is there."""

import pytest

from lunaredge.errors import TimeoutExceeded, TransportError
from lunaredge.ids import BootId, ClientId, KeyId, NodeId, SiteId
from lunaredge.runtime.client import ClientIdentity, SiteClient, new_request
from lunaredge.runtime.clock import Anchor, SiteClock
from lunaredge.runtime.mqtt import LinkSettings, MqttVersion
from lunaredge.wire import codec, messages
from lunaredge.wire.seal import Keyring, Role, Signer
from tests.system.site_run import STANDING

NODE = Signer(KeyId("scout-1"), Role.NODE, b"\1" * 32)
OPERATOR = Signer(KeyId("operator-mari"), Role.OPERATOR, b"\2" * 32)
KEYRING = Keyring({signer.key_id: signer.public for signer in (NODE, OPERATOR)})
EXPLAIN = messages.Explain(request=new_request(), task="dig")
BEAT = messages.Heartbeat(situation=STANDING)


def client(port, *views, protocol="5"):
    identity = ClientIdentity(
        site=SiteId("tiny"),
        client=ClientId("operator-mari"),
        clock=SiteClock(Anchor()),
        keyring=KEYRING,
        signer=OPERATOR,
    )
    settings = LinkSettings(host="127.0.0.1", port=port, protocol=MqttVersion(protocol))
    return SiteClient(settings, identity, views, hears_nodes=True)


def client_of(broker, *views):
    """Give a client of a broker, with its version of MQTT known beforehand: it saves 3 s."""
    return client(broker.settings.port, *views, protocol=broker.describe().protocol)


def frame(signer, body=BEAT):
    header = codec.Header(node=NodeId("scout-1"), boot=BootId(1), number=1, local_ns=1, site_ns=1)
    return codec.encode(header, body, signer)


async def test_a_broker_that_is_not_there_is_named(free_port):
    async with client(free_port) as site:
        with pytest.raises(TransportError, match=rf"127\.0\.0\.1:{free_port} can't be reached"):
            await site.reach(wait_s=0.2)


async def test_a_question_that_nobody_answers_says_what_to_check(any_broker):
    async with client_of(any_broker) as site:
        with pytest.raises(
            TimeoutExceeded, match=r"is the clock here right .*, was this key enrolled"
        ):
            await site.ask(EXPLAIN, wait_s=0.1)


async def test_only_of_what_acts_it_is_said_that_it_may_still_be_acted_on(any_broker):
    cancel = messages.CancelRequest(request=new_request(), task="dig")

    async with client_of(any_broker) as site:
        with pytest.raises(TimeoutExceeded) as asked:
            await site.ask(EXPLAIN, wait_s=0.1)
        with pytest.raises(TimeoutExceeded) as ordered:
            await site.ask(cancel, wait_s=0.1)

    assert "may still act" not in str(asked.value)
    assert "; it may still act on this for 600 s of site time. Is the scheduler of" in str(
        ordered.value
    )


async def test_a_view_that_nobody_published_says_what_to_check(any_broker):
    async with client_of(any_broker, "nodes") as site:
        with pytest.raises(TimeoutExceeded, match=r"published the view nodes .* running"):
            await site.view("nodes", wait_s=0.1)


async def test_the_first_view_of_several_will_do(any_broker):
    view = messages.View(name="earth", site_ns=1, rows=b"[]")
    async with client_of(any_broker, "nodes", "earth") as site:
        site.on_message("view", frame(None, view))

        assert await site.view("nodes", "earth") == view


@pytest.mark.parametrize(
    ("signer", "known"), [(NODE, {"scout-1": STANDING}), (OPERATOR, {}), (None, {})]
)
def test_only_a_node_speaks_for_itself(signer, known):
    site = client(1)

    site.on_message("node", frame(signer))

    assert site.situations == known
