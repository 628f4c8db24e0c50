"""A benchmark's rows as people read them: by job and case, then in short; 80 columns wide."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

from lunaredge.cli.bench.row import BenchRow, machine

WIDTH = 80
_INDENT = "  "
_DIGITS = 4
_PEER_WIDTH, _FIGURE_WIDTH, _RATIO_WIDTH = 34, 18, 12


class _Notes:
    """The notes, each told once, by numbers."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> str:
        """Give the mark of a note."""
        if not text:
            return ""
        if text not in self.texts:
            self.texts.append(text)
        return f"[{self.texts.index(text) + 1}]"

    def lines(self) -> list[str]:
        """Give all notes, wrapped."""
        lines = []
        for number, text in enumerate(self.texts, start=1):
            head = f"[{number}] "
            lines.append(_filled(text, head, " " * len(head)))
        return lines


def as_text(name: str, rows: Sequence[BenchRow]) -> str:
    """Give a benchmark's result for people: its jobs, the notes, and each job in a line or two."""
    notes = _Notes()
    about = ", ".join(f"{key} {value}" for key, value in machine().items() if value)
    blocks = [[_filled(f"{name}, measured on: {about}", "", _INDENT)]]
    jobs = _grouped(rows, lambda row: _heading(name, row))
    blocks += [[heading, *_cases(group, notes)] for heading, group in jobs.items()]
    if notes.texts:
        blocks.append(notes.lines())
    blocks.append(
        ["in short, least to greatest of the cases; a ratio over 1: ours is better", *_short(jobs)]
    )
    return "\n\n".join("\n".join(block) for block in blocks)


def figure(value: float | None) -> str:
    """Give a figure with the digits that a measurement has; a count in full."""
    if value is None:
        return "-"
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    rounded = float(f"{value:.{_DIGITS}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10.0**_DIGITS else f"{rounded:g}"


def _grouped(
    rows: Sequence[BenchRow], name_of: Callable[[BenchRow], str]
) -> dict[str, list[BenchRow]]:
    """Give the rows by a name, in the order in which the names come first."""
    groups: dict[str, list[BenchRow]] = {}
    for row in rows:
        groups.setdefault(name_of(row), []).append(row)
    return groups


def _heading(name: str, row: BenchRow) -> str:
    job = f"{name}.{row.job}" if row.job else name
    return f"{job}: {row.metric}" + (f", {row.unit}" if row.unit != row.metric else "")


def _cases(rows: Sequence[BenchRow], notes: _Notes) -> list[str]:
    """Give each case with our figure, and its peers below."""
    lines = []
    for case, played in _grouped(rows, lambda row: row.case).items():
        ours = f"ours {figure(played[0].ours)} {notes.number(played[0].note)}".rstrip()
        lines += _ends(case, ours)
        for row in played:
            if row.peer is not None:
                lines.append(_peer(row))
    return lines


def _ends(case: str, ours: str) -> list[str]:
    """Put a case at the left and our figure at the right, on two lines where one is too short."""
    room = WIDTH - len(_INDENT)
    if len(case) + len(ours) + 2 <= room:
        return [f"{_INDENT}{case}{ours:>{room - len(case)}}"]
    return [_filled(case, _INDENT, 2 * _INDENT), f"{ours:>{WIDTH}}"]


def _peer(row: BenchRow) -> str:
    """Give a peer's figure and the ratio; or why there is none."""
    assert row.peer is not None
    if row.peer_value is None:
        return _filled(f"{row.peer}: {row.reason or 'no figure'}", 2 * _INDENT, 3 * _INDENT)
    ratio = _ratio(row.ratio)
    value = f"{figure(row.peer_value):>{_FIGURE_WIDTH}}{ratio:>{_RATIO_WIDTH}}"
    return f"{2 * _INDENT}{row.peer:<{_PEER_WIDTH}}{value}"


def _ratio(value: float | None) -> str:
    return "equal" if value == 1.0 else f"{figure(value)} x"


def _short(jobs: Mapping[str, Sequence[BenchRow]]) -> list[str]:
    """Give for each job the least and the greatest ratio to each peer, or our own figures."""
    lines = []
    for heading, rows in jobs.items():
        lines.append(_INDENT + heading)
        peers = dict.fromkeys(row.peer for row in rows if row.peer is not None)
        for peer in peers:
            ratios = [row.ratio for row in rows if row.peer == peer and row.ratio is not None]
            played = [row for row in rows if row.peer == peer and row.peer_value is not None]
            told = "nothing to divide by" if played else "not compared"
            if ratios:
                told = "equal" if set(ratios) == {1.0} else f"{_range(ratios)} x"
            lines.append(f"{2 * _INDENT}{peer:<{_PEER_WIDTH}}{told}")
        if not peers:
            ours = [row.ours for row in rows if row.ours is not None]
            lines.append(f"{2 * _INDENT}{'ours, no peer':<{_PEER_WIDTH}}{_range(ours)}")
    return lines


def _range(values: Sequence[float]) -> str:
    if not values:
        return "-"
    least, greatest = figure(min(values)), figure(max(values))
    return least if least == greatest else f"{least} to {greatest}"


def _filled(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
