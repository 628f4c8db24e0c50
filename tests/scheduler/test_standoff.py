"""Two graders stand on each other's goals, at (50, 10) and at (50, 40)."""

import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.fleet import Fleet
from lunaredge.scheduler import retreat
from lunaredge.scheduler.standoff import DEFERRALS_MIN
from lunaredge.scheduler.state import NodeEntry, TaskEntry, TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site

PLACES = {"grader-1": (50.0, 10.0), "grader-2": (50.0, 40.0)}
# On the rim of the crater, which is closed: no machine's corridor fits there.
ON_THE_RIM = (36.5, 30.0)


Point = tuple[float, float]


def ask(site: Site, node: str, number: int, at: Point, to: Point) -> None:
    """Ask as a machine, with its task in hand, for the way to a place."""
    assign = site.assignment(node)
    x_m, y_m = at
    request = messages.AuthorityRequest(
        request_no=number, task=assign.task, attempt=assign.attempt, path=(to,), x_m=x_m, y_m=y_m
    )
    site.say(node, request)
    site.solve()


def heartbeat(site: Site, node: str, at: Point) -> None:
    word = site.situation(node, x_m=at[0], y_m=at[1])
    site.say(node, messages.Heartbeat(situation=word))


def settled() -> Site:
    """A site whose graders stand away from home, without tasks."""
    site = Site()
    site.census()
    for name, at in PLACES.items():
        node(site, name).idle_since_ns = site.now_ns
        heartbeat(site, name, at)
    return site


def give(site: Site, **tasks: str) -> None:
    """Give machines tasks, the first the most urgent one."""
    grades = [
        plain_site.grade(name, only_on=(NodeId(on),), priority=3 + i)
        for i, (name, on) in enumerate(tasks.items())
    ]
    site.submit(plain_site.order(*grades))
    site.solve()
    for name, on in tasks.items():
        site.reply(on, site.assignment(on).command)
        site.report(on, name, "accepted", 1)


def face_to_face() -> Site:
    """A site whose graders have tasks that begin where the other stands."""
    site = settled()
    give(site, first="grader-1", second="grader-2")
    return site


def ask_in_turn(site: Site, places: dict[str, Point], rounds: int) -> None:
    (one, one_at), (other, other_at) = places.items()
    for number in range(1, rounds + 1):
        ask(site, one, number, one_at, other_at)
        ask(site, other, number, other_at, one_at)


def task(site: Site, name: str) -> TaskEntry:
    return site.scheduler.core.state.tasks[TaskId(name)]


def node(site: Site, name: str) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def recalled(site: Site) -> Site:
    """The ring has been found, and the second grader has given its task back."""
    ask_in_turn(site, PLACES, DEFERRALS_MIN)
    site.report("grader-2", "second", "cancelled", 2)
    heartbeat(site, "grader-2", PLACES["grader-2"])
    return site


def test_two_machines_that_wait_for_each_other_are_left_alone_at_first() -> None:
    site = face_to_face()

    ask_in_turn(site, PLACES, DEFERRALS_MIN - 1)

    assert [node(site, name).blocked_by for name in PLACES] == ["grader-2", "grader-1"]
    assert not site.sent("grader-1", messages.Cancel)
    assert not site.sent("grader-2", messages.Cancel)


def test_of_two_that_wait_for_each_other_the_less_urgent_gives_its_task_back() -> None:
    site = face_to_face()

    ask_in_turn(site, PLACES, DEFERRALS_MIN)
    site.wait(1.0)

    (cancel,) = site.sent("grader-2", messages.Cancel)
    assert isinstance(cancel, messages.Cancel)
    assert (cancel.task, cancel.attempt) == ("second", 1)
    assert not site.sent("grader-1", messages.Cancel)
    assert task(site, "second").phase is TaskPhase.ACCEPTED


def test_of_three_in_a_ring_one_gives_way_within_a_minute_of_their_first_refusals() -> None:
    places = PLACES | {"grader-3": (65.0, 25.0)}
    site = three_settled(places)
    give(site, first="grader-1", second="grader-2", third="grader-3")
    names = list(places)
    first_ns = site.now_ns

    while not site.sent("grader-3", messages.Cancel):
        assert site.now_ns - first_ns <= DEFERRALS_MIN * site.scheduler.config.defer_ns
        for at, name in enumerate(names):
            number = node(site, name).request_no + 1
            ask(site, name, number, places[name], places[names[(at + 1) % 3]])
        site.wait(s_from_ns(site.scheduler.config.defer_ns))

    assert not site.sent("grader-1", messages.Cancel)
    assert not site.sent("grader-2", messages.Cancel)


def three_settled(places: dict[str, Point]) -> Site:
    """A site with one more grader, all of which stand away from home, without tasks."""
    fleet = plain_site.plain_fleet()
    (one,) = (spec for spec in fleet.nodes if spec.name == "grader-1")
    third = msgspec.structs.replace(one, name=NodeId("grader-3"), home=(40.0, 8.0))
    site = Site(fleet=Fleet(nodes=(*fleet.nodes, third)))
    site.census()
    for name, at in places.items():
        node(site, name).idle_since_ns = site.now_ns
        heartbeat(site, name, at)
    return site


def test_a_task_given_back_waits_and_is_not_cancelled() -> None:
    site = recalled(face_to_face())

    assert task(site, "second").phase is TaskPhase.QUEUED
    assert task(site, "second").reason == "grader-2 gives way to grader-1"


def test_who_gives_way_goes_home_before_it_takes_another_task() -> None:
    site = recalled(face_to_face())

    site.wait(1.0)
    site.solve()

    assert site.assignment("grader-2").task == "park-1"
    refusal = next(r for r in task(site, "second").refusals if r.node == "grader-2")
    assert (refusal.constraint, refusal.detail) == (
        "home_first",
        "goes home first, to let grader-1 pass",
    )


def test_at_home_it_takes_its_task_again() -> None:
    site = recalled(face_to_face())
    site.wait(1.0)
    site.solve()
    site.reply("grader-2", site.assignment("grader-2").command)

    site.report("grader-2", "park-1", "done", 3)
    heartbeat(site, "grader-2", (24.0, 8.0))
    site.wait(1.0)
    site.solve()

    assert (site.assignment("grader-2").task, site.assignment("grader-2").attempt) == ("second", 2)
    assert node(site, "grader-2").home_first == ""


def test_the_other_has_its_way_as_soon_as_the_place_is_free() -> None:
    site = recalled(face_to_face())
    heartbeat(site, "grader-2", (24.0, 8.0))

    ask(site, "grader-1", DEFERRALS_MIN + 1, PLACES["grader-1"], PLACES["grader-2"])

    assert node(site, "grader-1").granted is not None
    assert node(site, "grader-1").deferral_count == 0


def test_a_placement_solved_before_it_was_to_go_home_is_not_taken() -> None:
    site = recalled(face_to_face())
    node(site, "grader-2").home_first = ""
    site.scheduler.tick(site.now_ns)
    site.carry_out()
    assert site.problems, "a placement that gives the task to grader-2 again"

    node(site, "grader-2").home_first = "to let grader-1 pass"
    site.solve(limit=1)

    assert task(site, "second").phase is TaskPhase.QUEUED


def test_a_machine_blocked_by_one_that_is_in_no_ring_keeps_its_task() -> None:
    site = settled()
    give(site, first="grader-1")

    for number in range(1, 3 * DEFERRALS_MIN):
        ask(site, "grader-1", number, PLACES["grader-1"], PLACES["grader-2"])
    site.wait(1.0)

    assert node(site, "grader-1").wait_reason == "blocked by grader-2"
    assert not site.sent("grader-1", messages.Cancel)


@pytest.fixture
def no_refuge(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no place to step aside to."""
    monkeypatch.setattr(retreat, "refuge", lambda ctx, node, ring: None)


@pytest.mark.usefixtures("no_refuge")
def test_two_that_stand_at_home_and_have_no_room_raise_an_alarm() -> None:
    site = Site()
    site.census()
    give(site, first="grader-1", second="grader-2")

    ask_in_turn(site, {"grader-1": (16.0, 8.0), "grader-2": (24.0, 8.0)}, DEFERRALS_MIN)

    alarm = site.scheduler.core.state.alarms["grader-2/standoff"]
    assert alarm.text == "grader-2 waits for grader-1 waits for grader-2"
    assert alarm.active


@pytest.mark.usefixtures("no_refuge")
def test_the_alarm_clears_when_one_of_them_has_its_way() -> None:
    site = Site()
    site.census()
    give(site, first="grader-1", second="grader-2")
    ask_in_turn(site, {"grader-1": (16.0, 8.0), "grader-2": (24.0, 8.0)}, DEFERRALS_MIN)

    ask(site, "grader-2", DEFERRALS_MIN + 1, (24.0, 8.0), (60.0, 10.0))

    assert not site.scheduler.core.state.alarms["grader-2/standoff"].active


def test_a_task_that_gives_way_too_often_fails() -> None:
    site = face_to_face()
    entry = task(site, "second")
    limit = site.scheduler.config.attempts_max + site.scheduler.config.yields_max
    entry.attempt = limit
    entry.yield_count = site.scheduler.config.yields_max

    entry.recalled = "grader-2 gives way to grader-1"
    site.report("grader-2", "second", "cancelled", 2)

    assert entry.phase is TaskPhase.FAILED
    assert entry.reason == f"grader-2 gives way to grader-1 (attempt {limit})"


def test_a_task_whose_way_the_ground_closes_fails_with_the_reason() -> None:
    site = settled()
    give(site, first="grader-1")

    for attempt in (1, 2, 3):
        for number in range(DEFERRALS_MIN):
            ask(site, "grader-1", 10 * attempt + number, PLACES["grader-1"], ON_THE_RIM)
        site.wait(1.0)
        assert len(site.sent("grader-1", messages.Cancel)) == attempt
        site.report("grader-1", "first", "cancelled", 1 + attempt)
        heartbeat(site, "grader-1", PLACES["grader-1"])
        site.solve()

    assert task(site, "first").phase is TaskPhase.FAILED
    assert task(site, "first").reason == "no way for grader-1: keep_out crater (attempt 3)"


def test_waiting_for_a_machine_is_not_counted_against_the_ground() -> None:
    site = settled()
    give(site, first="grader-1")
    for number in range(DEFERRALS_MIN - 1):
        ask(site, "grader-1", 1 + number, PLACES["grader-1"], PLACES["grader-2"])

    ask(site, "grader-1", DEFERRALS_MIN, PLACES["grader-1"], ON_THE_RIM)
    site.wait(1.0)

    assert not site.sent("grader-1", messages.Cancel)


def test_a_held_machine_is_in_no_ring() -> None:
    site = face_to_face()
    ask_in_turn(site, PLACES, DEFERRALS_MIN - 1)
    ask(site, "grader-2", DEFERRALS_MIN, PLACES["grader-2"], PLACES["grader-1"])
    hold = messages.HoldRequest(request="h", node=NodeId("grader-2"), hold=True)
    site.ask(hold)

    ask(site, "grader-1", DEFERRALS_MIN, PLACES["grader-1"], PLACES["grader-2"])
    site.wait(1.0)

    assert not site.sent("grader-1", messages.Cancel)
    assert not site.sent("grader-2", messages.Cancel)


def test_a_machine_that_was_brought_home_need_not_go_there() -> None:
    site = recalled(face_to_face())

    heartbeat(site, "grader-2", (24.0, 8.0))
    site.wait(1.0)
    site.solve()

    assert site.assignment("grader-2").task == "second"
    assert node(site, "grader-2").home_first == ""


def test_a_task_that_is_being_taken_back_gets_no_more_ground() -> None:
    site = face_to_face()
    ask_in_turn(site, PLACES, DEFERRALS_MIN)

    ask(site, "grader-2", DEFERRALS_MIN + 1, PLACES["grader-2"], (60.0, 10.0))

    assert node(site, "grader-2").granted is None
    assert node(site, "grader-2").wait_reason == "the task is being taken back"


@pytest.mark.usefixtures("no_refuge")
def test_the_alarm_clears_when_people_take_a_task_away() -> None:
    site = Site()
    site.census()
    give(site, first="grader-1", second="grader-2")
    ask_in_turn(site, {"grader-1": (16.0, 8.0), "grader-2": (24.0, 8.0)}, DEFERRALS_MIN)

    site.ask(messages.CancelRequest(request="c", task=TaskId("second")))
    site.report("grader-2", "second", "cancelled", 2)

    assert not site.scheduler.core.state.alarms["grader-2/standoff"].active
