"""An operator's connection to a broker: whom it believes, and what it says when nobody is there."""

import pytest

from lunaredge.errors import TimeoutExceeded, TransportError
from lunaredge.ids import BootId, ClientId, KeyId, NodeId, SiteId
from lunaredge.runtime.client import ClientIdentity, SiteClient, new_request
from lunaredge.runtime.clock import Anchor, SiteClock
from lunaredge.runtime.mqtt import LinkSettings, MqttVersion
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.seal import Keyring, Role, Signer
from tests.system.site_run import STANDING

NODE = Signer(KeyId("scout-1"), Role.NODE, b"\1" * 32)
OPERATOR = Signer(KeyId("operator-mari"), Role.OPERATOR, b"\2" * 32)
SCHEDULER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"\3" * 32)
GATEWAY = Signer(KeyId("gateway"), Role.GATEWAY, b"\4" * 32)
EARTH = Signer(KeyId("earth"), Role.EARTH, b"\5" * 32)
# The name that the site trusts, and not its key.
FORGER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"\6" * 32)
SIGNERS = (NODE, OPERATOR, SCHEDULER, GATEWAY, EARTH)
KEYRING = Keyring({signer.key_id: signer.public for signer in SIGNERS})
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


def frame(signer, body=BEAT, **header):
    fields = {"node": NodeId("scout-1"), "boot": BootId(1), "number": 1, "local_ns": 1}
    return codec.encode(codec.Header(**(fields | {"site_ns": 1} | header)), body, signer)


def view(name, rows=b"[]"):
    return messages.View(name=name, site_ns=1, rows=rows)


def topic(name):
    return topics.view(SiteId("tiny"), name)


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
    async with client_of(any_broker, "nodes", "earth") as site:
        site.on_message(topic("earth"), frame(EARTH, view("earth")))

        assert await site.view("nodes", "earth") == view("earth")


async def test_of_two_views_that_the_broker_has_the_signed_one_is_shown(any_broker):
    async with client_of(any_broker, "nodes") as site:
        await site.reach()
        for signer, rows in ((None, b"[2]"), (SCHEDULER, b"[1]")):
            payload = frame(signer, view("nodes", rows))
            site._link.publish(topic("nodes"), payload, retain=True)

        assert (await site.view("nodes")).rows == b"[1]"


@pytest.mark.parametrize("signer", [None, FORGER, *SIGNERS], ids=lambda s: s and s.public.key[:1])
@pytest.mark.parametrize(
    ("name", "owner"),
    [("nodes", SCHEDULER), ("standby", SCHEDULER), ("link", GATEWAY), ("earth", EARTH)],
)
def test_a_view_counts_only_as_its_owner_signed_it(name, owner, signer):
    site = client(1, name)

    site.on_message(topic(name), frame(signer, view(name)))

    assert list(site.latest) == ([name] if signer is owner else [])


def test_a_view_counts_only_under_its_own_name():
    site = client(1, "nodes", "site")

    site.on_message(topic("nodes"), frame(SCHEDULER, view("site")))

    assert site.latest == {}


OLD = frame(SCHEDULER, view("nodes", b"[1]"), epoch=4, number=8)
SAME_LIFE = frame(SCHEDULER, view("nodes", b"[2]"), epoch=4, number=9)
NEXT_LEADER = frame(SCHEDULER, view("nodes", b"[3]"), epoch=5, boot=BootId(2))
AHEAD = frame(SCHEDULER, view("nodes", b"[5]"), boot=BootId(8), site_ns=9)
PUT_RIGHT = frame(SCHEDULER, view("nodes", b"[6]"), boot=BootId(9), site_ns=1)
OLD_DISK = frame(SCHEDULER, view("nodes", b"[4]"), epoch=3, boot=BootId(3), site_ns=2)


def test_of_several_standbys_the_one_that_spoke_last_is_shown():
    site = client(1, "standby")
    turns = [(9, 1), (2, 2), (9, 3), (2, 4), (5, 3)]

    shown = []
    for boot, at_ns in turns:
        rows = f"[{at_ns}]".encode()
        said = view("standby", rows)
        site.on_message(
            topic("standby"), frame(SCHEDULER, said, boot=BootId(boot), number=at_ns, site_ns=at_ns)
        )
        shown.append(site.latest["standby"].rows)

    assert shown == [b"[1]", b"[2]", b"[3]", b"[4]", b"[4]"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ((OLD, SAME_LIFE), b"[2]"),
        ((SAME_LIFE, OLD), b"[2]"),
        ((SAME_LIFE, NEXT_LEADER), b"[3]"),
        ((NEXT_LEADER, SAME_LIFE), b"[3]"),
        ((NEXT_LEADER, OLD_DISK), b"[4]"),
        ((OLD_DISK, NEXT_LEADER), b"[3]"),
        ((OLD_DISK, NEXT_LEADER, OLD_DISK), b"[3]"),
        ((OLD, OLD_DISK, NEXT_LEADER, OLD, OLD_DISK), b"[3]"),
        ((AHEAD, PUT_RIGHT), b"[6]"),
        ((AHEAD, PUT_RIGHT, AHEAD), b"[6]"),
    ],
)
def test_an_old_view_that_is_said_again_takes_no_newer_ones_place(said, shown):
    site = client(1, "nodes")

    for payload in said:
        site.on_message(topic("nodes"), payload)

    assert site.latest["nodes"].rows == shown


@pytest.mark.parametrize("signer", [None, FORGER])
async def test_a_view_that_nobody_proved_says_which_keys_to_check(any_broker, signer):
    async with client_of(any_broker, "nodes") as site:
        site.on_message(topic("nodes"), frame(signer, view("nodes")))

        with pytest.raises(TimeoutExceeded, match="not signed by whom it is of: are these keys"):
            await site.view("nodes", wait_s=0.1)


@pytest.mark.parametrize(
    ("signer", "known"), [(NODE, {"scout-1": STANDING}), (OPERATOR, {}), (None, {})]
)
def test_only_a_node_speaks_for_itself(signer, known):
    site = client(1)

    site.on_message("node", frame(signer))

    assert site.situations == known
