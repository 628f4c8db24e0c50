"""`lunaredge estop`: whose word it believes, and what it says when it sent nothing."""

import json

import pytest

from lunaredge.cli import estop, site_access
from lunaredge.cli.main import main
from lunaredge.cli.stop_verdict import Outcome, Verdict, judge
from lunaredge.ids import BootId, ClientId, KeyId, NodeId, SiteId
from lunaredge.runtime.client import ClientIdentity, SiteClient
from lunaredge.runtime.clock import Anchor, SiteClock
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.seal import Keyring, Role, Signer

SITE = SiteId("ridge")
SCHEDULER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"\1" * 32)
FORGER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"\2" * 32)
ANA = Signer(KeyId("operator-ana"), Role.OPERATOR, b"\3" * 32)
STOP = messages.Stop(stop="stop-12345678", node=None, reason="")
STOPPED = json.dumps([{"node": "digger-1", "presence": "up", "stops": [STOP.stop]}]).encode()


def shown(rows: bytes, signer: Signer | None) -> SiteClient:
    """Give an operator's connection at which that view of the nodes came."""
    identity = ClientIdentity(
        site=SITE,
        client=ClientId("operator-ana"),
        clock=SiteClock(Anchor()),
        keyring=Keyring({SCHEDULER.key_id: SCHEDULER.public, ANA.key_id: ANA.public}),
        signer=ANA,
    )
    site = SiteClient(LinkSettings(host="127.0.0.1", port=1), identity, ("nodes", "alarms"))
    show(site, "nodes", rows, signer)
    return site


def show(site: SiteClient, name: str, rows: bytes, signer: Signer | None) -> None:
    """Have a view come, made at a time far ahead of this clock."""
    header = codec.Header(node=topics.SCHEDULER, boot=BootId(1), number=1, local_ns=0, site_ns=0)
    view = messages.View(name=name, site_ns=2**62, rows=rows)
    site.on_message(topics.view(SITE, name), codec.encode(header, view, signer))


@pytest.mark.parametrize(
    ("signer", "outcome"),
    [
        (None, Outcome.UNHEARD),
        (FORGER, Outcome.UNHEARD),
        (ANA, Outcome.UNHEARD),
        (SCHEDULER, Outcome.STOPPED),
    ],
)
def test_nobody_but_the_scheduler_says_for_others_that_all_have_stopped(
    signer: Signer | None, outcome: Outcome
) -> None:
    assert judge(STOP, estop._heard(shown(STOPPED, signer), STOP)).outcome is outcome


@pytest.mark.parametrize(
    ("alarms", "outcome", "rest_s"),
    [
        (b"[]", Outcome.UNHEARD, None),
        (b"x", Outcome.UNHEARD, None),
        (b'[{"source":"site","code":"stop.stop-87654321"}]', Outcome.UNHEARD, None),
        (b'[{"source":"digger-1","code":"stop.stop-12345678"}]', Outcome.UNHEARD, None),
        (b'[{"source":"site","code":"stop.stop-12345678"}]', Outcome.PARTLY, 12.0),
    ],
    ids=["none", "damaged", "another's", "one node's", "this stop's"],
)
def test_a_list_counts_once_the_scheduler_has_the_stop_whatever_the_clocks_say(
    alarms: bytes, outcome: Outcome, rest_s: float | None
) -> None:
    site = shown(b'[{"node":"digger-1","presence":"up","may_move_s":12.0}]', SCHEDULER)
    show(site, "alarms", alarms, SCHEDULER)

    verdict = judge(STOP, estop._heard(site, STOP))

    assert (verdict.outcome, verdict.rest_s) == (outcome, rest_s)


@pytest.mark.parametrize(
    "rows",
    [
        b"x",
        b'[{"node":"\xff"}]',
        b'[{"node":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        b'[{"node":"a","may_move_s":1e999}]',
    ],
    ids=["no JSON", "no letters", "deep", "no number"],
)
def test_no_view_ends_the_command_between_its_repeats(rows: bytes) -> None:
    assert estop._heard(shown(rows, SCHEDULER), STOP).nodes is None


@pytest.mark.parametrize(
    ("words", "node"), [([], None), (["all"], None), (["digger-1"], NodeId("digger-1"))]
)
def test_all_is_everybody_and_no_nodes_name(
    words: list[str], node: NodeId | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[messages.Stop] = []

    def stopped(_: object, stop: messages.Stop) -> Verdict:
        sent.append(stop)
        return Verdict(outcome=Outcome.STOPPED, text="")

    monkeypatch.setattr(site_access, "load", lambda *_, **__: None)
    monkeypatch.setattr(site_access, "with_client", lambda _, __, act, **___: act(None))
    monkeypatch.setattr(estop, "_stop", stopped)

    assert main(["estop", *words]) == 0
    assert [stop.node for stop in sent] == [node]


@pytest.mark.parametrize(
    "words",
    [
        ["DIGGER-1"],
        [""],
        ["digger-1", "hauler-1"],
        ["--node", "digger-1"],
        ["--reason"],
        ["--code", "1"],
        ["digger-1", "--release", "stop-1"],
        ["--release", ""],
        ["--config", "nowhere.toml"],
        ["--config", "n" * 300],
    ],
)
def test_whoever_types_a_stop_wrongly_is_told_that_it_was_not_sent(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estop", *words]) == 2
    assert "NOTHING was sent: " in capsys.readouterr().err


def test_an_option_before_the_command_does_not_hide_that_no_stop_was_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--config", "operator.toml", "estop"]) == 2
    assert "NOTHING was sent: " in capsys.readouterr().err


def test_no_other_command_speaks_of_a_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hold", "estop", "x"]) == 2
    assert "NOTHING was sent" not in capsys.readouterr().err


def test_a_release_without_settings_is_no_stop_that_was_not_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["estop", "--release", "stop-1", "--config", "nowhere.toml"]) == 2
    assert "NOTHING was sent" not in capsys.readouterr().err
