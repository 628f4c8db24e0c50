import pytest

from lunaredge.ids import NodeId
from lunaredge.scheduler import backlog
from lunaredge.scheduler.context import Context
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site
from tests.scheduler.test_node import replayed


def broken_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the core fail half-way through a request to hold a node."""

    def fail(ctx: Context, code: str, text: str) -> None:
        if code == "node.held":
            raise AssertionError("a wheel came off")

    monkeypatch.setattr(Context, "note_event", fail)


def ask_to_hold(site: Site, request: str = "h") -> None:
    body = messages.HoldRequest(request=request, node=NodeId("grader-1"), hold=True)
    topic = "lunaredge/v1/plain/scheduler/request/mari"
    site.hear(topic, site.frame(site.operator, body))


def test_an_input_that_fails_half_way_changes_nothing_but_an_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site()
    site.census()
    broken_hold(monkeypatch)

    ask_to_hold(site)

    state = site.scheduler.core.state
    assert not state.nodes[NodeId("grader-1")].held
    assert not state.answers
    assert state.alarms["scheduler/input.quarantined"].active
    text = state.alarms["scheduler/input.quarantined"].text
    assert text.startswith("Asked: AssertionError in fail, line ")
    assert text.endswith(": a wheel came off")


def test_the_scheduler_goes_on_and_its_journal_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.census()
    with monkeypatch.context() as patch:
        broken_hold(patch)
        ask_to_hold(site)
        ask_to_hold(site)

    site.submit(plain_site.order(plain_site.grade()))
    site.solve()

    state = site.scheduler.core.state
    assert state.quarantined == 2
    assert [entry.phase for entry in state.tasks.values()] == [backlog.TaskPhase.ASSIGNED]
    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()


def test_a_tick_that_fails_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.census()

    def fail(ctx: Context) -> None:
        raise AssertionError("the clock is broken")

    monkeypatch.setattr("lunaredge.scheduler.presence.check_silence", fail)

    with pytest.raises(AssertionError, match="the clock is broken"):
        site.wait(200.0)


def test_an_undone_input_leaves_every_time_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.census()
    site.wait(50.0)

    with monkeypatch.context() as patch:
        broken_hold(patch)
        ask_to_hold(site)

    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()


def test_a_placement_that_fails_does_not_end_all_placing(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))

    def fail(*_: object) -> None:
        raise AssertionError("no such wheel")

    with monkeypatch.context() as patch:
        patch.setattr("lunaredge.scheduler.dispatch.assign", fail)
        site.solve()
    site.wait(61.0)
    site.solve()

    phases = [entry.phase for entry in site.scheduler.core.state.tasks.values()]
    assert phases == [backlog.TaskPhase.ASSIGNED]


def test_a_start_that_fails_leads_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.census()

    def fail(*_: object) -> None:
        raise AssertionError("no epoch")

    monkeypatch.setattr("lunaredge.scheduler.presence.call_census", fail)

    with pytest.raises(AssertionError, match="no epoch"):
        site.start()


def test_a_failure_after_a_restart_goes_back_to_what_the_disk_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))
    site.start()

    with monkeypatch.context() as patch:
        broken_hold(patch)
        ask_to_hold(site)

    assert list(site.scheduler.core.state.tasks) == ["grade-pad"]
    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()
