"""A channel drawn in a terminal."""

import numpy as np
import pytest

from lunaredge.cli.telemetry.drawing import ASCII, BLOCKS, LEFT_WIDTH, ROW_COUNT, drawing, marks_for
from lunaredge.cli.telemetry.series import Asked, Columns
from lunaredge.runtime.archive.gaps import Gap
from tests.cli.telemetry.kept import SPAN_NS, START_NS

COUNT = 80 - LEFT_WIDTH - 1


def drawn(lows, highs=None, gaps=(), in_gap=()):
    lows = np.array(lows, float)
    starts_ns = START_NS + SPAN_NS * np.arange(len(lows))
    columns = Columns(
        starts_ns=starts_ns,
        step_ns=SPAN_NS,
        lows=lows,
        highs=lows if highs is None else np.array(highs, float),
        counts=(~np.isnan(lows)).astype(np.int64),
        gaps=list(gaps),
        in_gap=np.isin(np.arange(len(lows)), in_gap),
    )
    span_ns = (START_NS, START_NS + len(lows) * SPAN_NS)
    asked = Asked(None, "excavator-1", "battery_wh", "Wh", None, span_ns, span_ns)
    return drawing(asked, columns, ASCII)


def cells(lines):
    return [line[LEFT_WIDTH:].ljust(COUNT) for line in lines[2 : 2 + ROW_COUNT]]


def test_a_drawing_fits_a_screen_of_eighty_by_twenty_four_with_rows_below():
    gap = Gap("excavator-1", START_NS, START_NS + SPAN_NS, "quarantined")

    lines = drawn(np.linspace(-1e300, 1e300, COUNT), gaps=[gap] * 12, in_gap=[3])

    assert max(map(len, lines)) <= 80
    # Six rows and how many more there are, and the prompt.
    assert len(lines) + 8 <= 24
    assert "Wh" in lines[0]
    assert "UTC" in lines[0]
    assert "2026-11-23T00:00:00Z" in lines[1]
    assert "00:20:00" in lines[-2]


def test_a_column_reaches_from_its_least_to_its_greatest():
    picture = cells(drawn([0.0, 0.0, 10.0], [10.0, 0.0, 10.0]))

    assert [row[0] for row in picture] == ["#"] * ROW_COUNT
    assert [row[1] for row in picture] == [" "] * (ROW_COUNT - 1) + ["."]
    assert [row[2] for row in picture] == ["'"] + [" "] * (ROW_COUNT - 1)


def test_what_is_missing_is_shown_and_told_and_what_has_no_value_is_blank():
    gap = Gap("excavator-1", START_NS + SPAN_NS, START_NS + 2 * SPAN_NS, "dropped")

    lines = drawn([1.0, np.nan, np.nan, 2.0], gaps=[gap, gap], in_gap=[1])

    picture = cells(lines)
    assert {row[1] for row in picture} == {":"}
    assert {row[2] for row in picture} == {" "}
    assert lines[-1] == (": dropped from 2026-11-23T00:01:00Z for 1m; 1 more: lunaredge gaps")


def test_a_gap_in_a_column_with_samples_is_shown_behind_them():
    gap = Gap("excavator-1", START_NS + SPAN_NS, START_NS + SPAN_NS + 1, "missing")

    picture = cells(drawn([0.0, 0.0, 10.0], gaps=[gap], in_gap=[1]))

    assert [row[1] for row in picture] == [":"] * (ROW_COUNT - 1) + ["."]
    assert [row[0] for row in picture] == [" "] * (ROW_COUNT - 1) + ["."]


def test_a_channel_that_stays_is_a_line_in_the_midst():
    picture = cells(drawn([2_100.0] * 5))

    assert [row[0] != " " for row in picture].index(True) == ROW_COUNT // 2 - 1
    assert [row[0] for row in picture].count(" ") == ROW_COUNT - 1


def test_nothing_known_is_told():
    assert "nothing is known of that time" in drawn([np.nan] * 4)


@pytest.mark.parametrize(
    ("encoding", "marks"), [("utf-8", BLOCKS), ("ascii", ASCII), (None, ASCII), ("nonsense", ASCII)]
)
def test_a_terminal_gets_marks_that_it_can_show(encoding, marks):
    assert marks_for(encoding) is marks
