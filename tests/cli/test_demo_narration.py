import pytest

from lunaredge.cli.demo.display import Picture
from lunaredge.cli.demo.narration import headline, log_line, moment

MINUTE_NS = 60_000_000_000


def node(name: str, *, stops: tuple[str, ...] = (), held: bool = False) -> dict[str, object]:
    return {"node": name, "battery_wh": 900.0, "stops": list(stops), "held": held}


COMPUTER: dict[str, object] = {"node": "dc-1", "battery_wh": None, "stops": [], "held": False}


def task(name: str, phase: str = "queued", kind: str = "haul", waits_for: object = None) -> object:
    return {"task": name, "phase": phase, "kind": kind, "waits_for": waits_for}


FREE = [node("hauler-1"), node("grader-1"), COMPUTER]
STOPPED = [node("hauler-1", stops=("s",)), node("grader-1", stops=("s",)), COMPUTER]
HELD = [node("hauler-1", held=True), node("grader-1", stops=("s",)), COMPUTER]
ONE_HELD = [node("hauler-1", held=True), node("grader-1"), COMPUTER]
AT_WORK = [task("a", "started"), task("b", waits_for="after a")]
FOR_EARTH = [task("a", "started"), task("b", waits_for="needs Earth's approval")]
DONE = [task("a", "done"), task("b", "cancelled")]


@pytest.mark.parametrize(
    ("nodes", "tasks", "link", "said"),
    [
        ([], [], None, "working"),
        (FREE, AT_WORK, "open", "working"),
        (FREE, AT_WORK, "planned", "working through the Earth outage"),
        (FREE, FOR_EARTH, "open", "working; b waits for Earth's word"),
        (
            FREE,
            FOR_EARTH,
            "planned",
            "working through the Earth outage; b waits for Earth's word",
        ),
        (STOPPED, AT_WORK, "open", "stopped by people, until they release the stop"),
        (HELD, AT_WORK, "open", "held by people, until they resume it"),
        (ONE_HELD, AT_WORK, "open", "working; held: hauler-1"),
        (FREE, DONE, "open", "work done; the last records go to Earth now"),
        (FREE, [*DONE, task("park-1", kind="park")], "open", "work done; machines go home"),
        (FREE, DONE, "outage", "work done; the last records go to Earth in the next contact"),
    ],
)
def test_the_headline_says_what_the_whole_site_does(
    nodes: list[dict[str, object]], tasks: list[dict[str, object]], link: object, said: str
) -> None:
    assert headline(nodes, tasks, link) == said


def picture(now_ns: int, *tasks: object) -> Picture:
    return Picture(
        title="a site",
        step="working",
        broker="b",
        now_ns=now_ns,
        start_ns=100 * MINUTE_NS,
        speed=60.0,
        nodes=[],
        tasks=tasks,
        link={},
        site={},
        intake=[],
        ages_ns={},
        dead=[],
    )


def test_a_line_counts_what_was_ordered_and_no_errands() -> None:
    shown = picture(0, task("a", "done"), task("b"), task("park-1", "done", kind="park"))

    assert log_line(shown) == "working; 1 of 2 tasks ended"


def test_a_line_counts_nothing_before_there_is_an_order() -> None:
    assert log_line(picture(0)) == "working"


def test_time_begins_with_the_site() -> None:
    assert moment(picture(97 * MINUTE_NS)) == ""
    assert moment(picture(103 * MINUTE_NS)) == "T+3 min: "
