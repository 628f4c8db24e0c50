"""What is said of a word that was given on Earth, and of a standby that is not there."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from lunaredge.cli import listing, operate, site_access
from lunaredge.cli.listing import COMMANDS_ON_EARTH
from lunaredge.cli.main import COMMANDS, main
from lunaredge.cli.site_access import EARTH, Answered
from lunaredge.errors import LinkError, TimeoutExceeded
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import Answer, Approve, Explain, HoldRequest, Question, View

QUESTION = HoldRequest(request="r", node="a", hold=True)


class FakeSite:
    """A client's connection: the views that the broker keeps, and an answer or none."""

    def __init__(self, views: tuple[View, ...] = (), answer: Answer | None = None) -> None:
        self.latest = {view.name: view for view in views}
        clock = SimpleNamespace(now_ns=lambda: 40 * NS_PER_S)
        self.identity = SimpleNamespace(clock=clock)
        self._answer = answer

    async def ask(self, question: object) -> Answer:
        if self._answer is None:
            raise TimeoutExceeded("no answer from the scheduler")
        return self._answer

    async def view(self, *names: str) -> None:
        if not any(name in self.latest for name in names):
            raise TimeoutExceeded("nobody has published the view")

    async def news(self, wait_s: float) -> bool:
        return False


def earth_view(**row: object) -> View:
    rows = json.dumps([{"state": "planned", "countdown_s": 3_000.0} | row]).encode()
    return View(name=EARTH, site_ns=10 * NS_PER_S, rows=rows)


def asked(
    monkeypatch: pytest.MonkeyPatch, site: FakeSite, question: Question | Explain = QUESTION
) -> Answered:
    def with_client(client: object, views: object, act):  # type: ignore[no-untyped-def]
        return asyncio.run(act(site))

    monkeypatch.setattr(site_access, "with_client", with_client)
    return site_access.answer(None, question)  # type: ignore[arg-type]


def test_a_word_given_on_earth_in_an_outage_is_told_how_long_it_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TimeoutExceeded) as raised:
        asked(monkeypatch, FakeSite((earth_view(),)))

    told = str(raised.value)
    assert "the link is out, as planned, the next contact begins in 3000 s" in told
    assert "last heard 30 s ago" in told
    assert "for 600 s of site time from when it was given" in told
    assert "DROPPED" in told


@pytest.mark.parametrize(
    "rows",
    [b"x", b"[]", b"[1]", b'[{"state":["a"]}]', b'[{"state":"open","x":\xff}]', b"[" * 200_000],
)
def test_who_gave_a_word_on_earth_is_told_what_becomes_of_it_whatever_its_station_shows(
    rows: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TimeoutExceeded) as raised:
        asked(monkeypatch, FakeSite((View(name=EARTH, site_ns=0, rows=rows),)))

    assert "how the link is can't be read" in str(raised.value)
    assert "DROPPED" in str(raised.value)


def test_an_approval_given_in_an_outage_is_kept_for_the_next_contact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TimeoutExceeded, match=r"on its disk for the next contact$"):
        asked(
            monkeypatch,
            FakeSite((earth_view(),)),
            Approve(request="r", task="t", approved=True),
        )


def test_who_only_asked_why_on_earth_is_told_of_the_link_and_of_nothing_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TimeoutExceeded, match=r"the next contact begins in 3000 s$"):
        asked(monkeypatch, FakeSite((earth_view(),)), Explain(request="r", task="t"))


def test_at_the_site_nothing_is_said_of_earth(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutExceeded, match="no answer from the scheduler"):
        asked(monkeypatch, FakeSite())


def test_an_answer_tells_through_whose_broker_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(request="r", ok=True, text="done")

    assert asked(monkeypatch, FakeSite((), answer)) == (answer, False)
    assert asked(monkeypatch, FakeSite((earth_view(),), answer)) == (answer, True)


@pytest.mark.parametrize(
    ("words", "broker", "told"),
    [
        ("lockout a --why x", "Earth's", 1),
        ("manual a --why x --radius 3", "Earth's", 1),
        ("close pad --why x", "Earth's", 1),
        ("close pad --why x", "the site's", 0),
        ("lockout a --release", "Earth's", 0),
        ("hold a", "Earth's", 0),
    ],
)
def test_on_earth_an_answer_that_names_a_list_says_how_to_see_it_from_there(
    words: str,
    broker: str,
    told: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = Answer(request="r", ok=True, text="as soon as `lunaredge nodes` says so")
    monkeypatch.setattr(site_access, "load", lambda *_, **__: None)
    monkeypatch.setattr(site_access, "answer", lambda *_: Answered(answer, broker == "Earth's"))

    assert main(words.split()) == 0
    assert capsys.readouterr().out.count("give the same command again") == told


def found(site: FakeSite, name: str) -> View:
    return asyncio.run(listing._found(site, name))  # type: ignore[arg-type]


def test_a_site_without_a_standby_says_so_and_does_not_doubt_its_scheduler() -> None:
    site = FakeSite((View(name="nodes", site_ns=7, rows=b"[]"),))

    view = found(site, "standby")

    assert listing.as_table(view, 0.0, 80) == "no standby"
    assert site.latest["standby"] == View(name="standby", site_ns=7, rows=b"[]")


def test_every_command_that_acts_is_told_to_work_on_earth() -> None:
    modules = (
        "operate",
        "lockout",
        "closing",
        "alarm_words",
        "hibernate",
        "channel",
        "submit",
        "explain",
        "estop",
    )
    acting = {command.name for command in COMMANDS if command.module in modules}

    assert set(COMMANDS_ON_EARTH) == acting | {"link"}
    with pytest.raises(LinkError, match=", ".join(COMMANDS_ON_EARTH)):
        found(FakeSite((earth_view(),)), "alarms")


def test_where_no_standby_waits_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(site_access, "age_s", lambda *_: 0.0)
    options = SimpleNamespace(command="standby", watch=False, json=False)
    client = SimpleNamespace(identity=SimpleNamespace(clock=SimpleNamespace(speed=1.0)))
    waits = View(name="standby", site_ns=7, rows=b'[{"standby":"dc:7"}]')
    none = View(name="standby", site_ns=7, rows=b"[]")

    codes = [
        asyncio.run(listing._show(FakeSite((view,)), client, options))  # type: ignore[arg-type]
        for view in (waits, none)
    ]

    assert codes == [0, 1]


def test_every_command_whose_answer_names_a_list_is_one_that_is_there() -> None:
    assert set(operate.LISTED) <= {command.name for command in COMMANDS}
