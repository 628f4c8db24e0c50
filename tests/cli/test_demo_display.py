import io

import pytest
from rich.console import Console

from lunaredge.cli.demo.display import Picture, draw

MINUTE_NS = 60_000_000_000


def shown(now_ns: int, step: str = "working") -> list[str]:
    """Give the picture's lines as a terminal of 80 columns has them."""
    picture = Picture(
        title="a site",
        step=step,
        broker="b",
        now_ns=now_ns,
        start_ns=100 * MINUTE_NS,
        speed=60.0,
        nodes=[],
        tasks=[],
        link={},
        site={},
        ages_ns={},
        dead=[],
    )
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(draw(picture))
    return console.export_text().splitlines()


@pytest.mark.parametrize(("minute", "said"), [(98, "T-0:02:00"), (103, "T+0:03:00")])
def test_the_time_before_the_start_counts_down(minute: int, said: str) -> None:
    assert said in shown(minute * MINUTE_NS)[0]


def test_a_long_headline_stays_on_its_line() -> None:
    names = ", ".join(f"compact-{number}" for number in range(20))

    lines = shown(0, f"working through the Earth outage; {names} wait for Earth's word")

    assert lines[1].endswith("…")
    assert len(lines) == len(shown(0))
