import io
from collections.abc import Mapping, Sequence

import pytest
from rich.console import Console

from lunaredge.cli.demo.display import Picture, draw

MINUTE_NS = 60_000_000_000


NODE = {
    "node": "excavator-1",
    "presence": "up",
    "state": "locked",
    "task": "excavate-north",
    "progress_ratio": 0.5,
    "battery_wh": 1300.0,
    "mark": "measured",
    "waits_for": None,
    "lockout": None,
}
UNSAFE = NODE | {
    "node": "scout-1",
    "waits_for": (
        "NOT SAFE YET (scout-1 has to confirm, scout-1 has to come to rest): tag of operator-mari, "
        "to lock out: a new track"
    ),
    "lockout": {"phase": "draining"},
}


def shown(
    now_ns: int,
    step: str = "working",
    title: str = "a site",
    nodes: Sequence[Mapping[str, object]] = (),
    width: int = 80,
    site: Mapping[str, object] | None = None,
    intake: Sequence[Mapping[str, object]] = (),
) -> list[str]:
    """Give the picture's lines as a terminal of so many columns has them."""
    picture = Picture(
        title=title,
        step=step,
        broker="b",
        now_ns=now_ns,
        start_ns=100 * MINUTE_NS,
        speed=60.0,
        nodes=nodes,
        tasks=[],
        link={},
        site=site or {},
        intake=intake,
        ages_ns={},
        dead=[],
    )
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(draw(picture))
    return console.export_text().splitlines()


def test_a_reason_from_outside_draws_nothing() -> None:
    hiding = "tag of mari\x1b[2K\rnobody has it\x1b[8m"
    locked, held = UNSAFE | {"waits_for": hiding}, NODE | {"waits_for": hiding}

    text = "\n".join(shown(0, nodes=[locked, held], step=hiding, width=120))

    assert text.count("tag of mari?[2K?nobody has it?[8m") == 3
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(("minute", "said"), [(98, "T-0:02:00"), (103, "T+0:03:00")])
def test_the_time_before_the_start_counts_down(minute: int, said: str) -> None:
    assert said in shown(minute * MINUTE_NS)[0]


def test_records_and_samples_are_counted_together_as_in_the_report() -> None:
    totals = {"event": {"archived": 7, "missing": 0, "duplicates": 1}}
    rows = [{"node": "", "refused": {}}, {"node": "a", "archived": 100, "duplicates": 4}]

    text = "\n".join(shown(0, site={"telemetry": totals}, intake=rows))

    assert "archived 107 (+5 repeats)" in text


def test_a_long_headline_stays_on_its_line() -> None:
    names = ", ".join(f"compact-{number}" for number in range(20))

    lines = shown(0, f"working through the Earth outage; {names} wait for Earth's word")

    assert lines[1].endswith("…")
    assert len(lines) == len(shown(0))


def test_a_long_title_is_cut_only_where_there_is_no_room_and_the_time_never() -> None:
    title = "a landing pad between two craters on the rim, with a berm"

    narrow = shown(103 * MINUTE_NS, title=title)[0]
    wide = shown(103 * MINUTE_NS, title=title, width=120)[0]

    assert "…" in narrow
    assert narrow.rstrip().endswith("T+0:03:00 x60")
    assert title in wide


@pytest.mark.parametrize("width", [80, 120])
def test_who_locked_a_machine_out_and_what_is_missing_is_never_cut(width: int) -> None:
    lines = shown(0, nodes=[*[NODE] * 7, UNSAFE], width=width)

    at = lines[2].index("waits for")
    said = " ".join(line[at:].strip() for line in lines[10:])
    assert said.startswith(str(UNSAFE["waits_for"]))
    assert max(map(len, lines)) <= width


def test_what_else_is_waited_for_has_all_the_room_there_is() -> None:
    waits = "census waits for excavator-1, excavator-2, hauler-1"

    lines = shown(0, nodes=[NODE | {"waits_for": waits}], width=120)

    assert waits in lines[3]
