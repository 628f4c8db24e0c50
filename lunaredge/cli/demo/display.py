"""The demo's live picture: what the site's views say, in 24 lines of 80 columns.

Draws rows and knows nothing else. Values older than their period are dimmed and carry their age,
so that a dead scheduler's last words don't look alive. The 16 colours of a plain terminal suffice.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lunaredge.cli.site_access import LINK_WORDS
from lunaredge.printable import printable
from lunaredge.units import NS_PER_S, s_from_ns

Row = Mapping[str, object]

# Views come every 30 virtual seconds; three in a row missing is no delay any more.
STALE_NS = 100 * NS_PER_S
STATE_STYLES = {
    "driving": "cyan",
    "working": "green",
    "requesting": "yellow",
    "holding": "yellow",
    "unproven": "yellow",
    "stopped": "red",
    "safe": "red",
}
PRESENCE_STYLES = {
    "up": "green",
    "lost": "red",
    "down": "red",
    "unknown": "yellow",
    "hibernating": "blue",
}
PHASE_MARKS = {
    "queued": "·",
    "assigned": ">",
    "accepted": ">",
    "started": "▶",
    "done": "✓",
    "failed": "✗",
    "cancelled": "-",
}


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is drawn."""

    title: str
    step: str
    """What the demo is doing now."""
    broker: str
    now_ns: int
    start_ns: int
    speed: float
    nodes: Sequence[Row]
    tasks: Sequence[Row]
    link: Row
    site: Row
    intake: Sequence[Row]
    ages_ns: Mapping[str, int]
    """Age of each view; a view never heard is missing."""
    dead: Sequence[str]
    """Processes that are down at this moment."""


def draw(picture: Picture) -> RenderableType:
    """Give the whole picture."""
    return Group(
        _heading(picture), _nodes(picture), _tasks(picture), _link(picture), _site(picture)
    )


def _heading(picture: Picture) -> Group:
    elapsed_s = s_from_ns(picture.now_ns - picture.start_ns)
    sign = "+" if elapsed_s >= 0 else "-"
    clock = dt.datetime.fromtimestamp(s_from_ns(picture.now_ns), tz=dt.UTC)
    time = f"{clock:%Y-%m-%d %H:%M:%S}  T{sign}{_duration(elapsed_s)} x{picture.speed:g}"
    first = Table.grid(padding=(0, 2), pad_edge=False)
    first.add_column()
    # The title gives way, never the time.
    first.add_column(no_wrap=True, min_width=len(time))
    first.add_row(_line(picture.title, "bold"), time)
    lines: list[RenderableType] = [first, _line(picture.step, "bold cyan")]
    if picture.dead:
        lines.append(Text(f"DOWN: {', '.join(picture.dead)}", "bold red reverse"))
    return Group(*lines)


def _line(text: str, style: str) -> Text:
    """Give a text that stays on one line, cut where the screen is too narrow."""
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis")


def _nodes(picture: Picture) -> Table:
    stale = _is_stale(picture, "nodes")
    table = Table(box=None, padding=(0, 1), pad_edge=False, style="dim" if stale else "")
    # What people must read before they go to a machine gets the room of what they need not.
    is_locked = any(row.get("lockout") for row in picture.nodes)
    headings = ("node", "is", "state", "task", *(() if is_locked else ("done", "battery")))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    table.add_column("waits for")
    for row in picture.nodes:
        state = str(row["state"] or "-")
        presence = str(row["presence"])
        measured = row["mark"] == "measured"
        done = _ratio(row["progress_ratio"]) if row["task"] else "-"
        table.add_row(
            str(row["node"]),
            Text(presence, PRESENCE_STYLES.get(presence, "")),
            Text(state, STATE_STYLES.get(state, "")),
            str(row["task"] or "-")[:18],
            *(() if is_locked else (done, _battery(row, measured=measured))),
            _waits_for(row),
        )
    return table


def _waits_for(row: Row) -> Text:
    """Give what a node waits for: a lock-out in all its words, anything else on one line."""
    text = printable(str(row["waits_for"] or ""))
    if row.get("lockout"):
        return Text(text, "bold yellow")
    return _line(text, "yellow")


def _tasks(picture: Picture) -> Group:
    phases = [str(row["phase"]) for row in picture.tasks if row["kind"] != "park"]
    done = sum(phase in ("done", "failed", "cancelled") for phase in phases)
    marks = " ".join(
        f"{PHASE_MARKS.get(str(row['phase']), '?')}{row['task']}"
        for row in picture.tasks
        if row["kind"] != "park"
    )
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(1, len(phases)), completed=done, width=40)
    grid.add_row("tasks", bar, f"{done} of {len(phases)} ended")
    return Group(grid, Text(marks, "dim" if _is_stale(picture, "tasks") else ""))


def _link(picture: Picture) -> Text:
    link = picture.link
    if not link:
        return Text("Earth link: not heard yet", "yellow")
    state = str(link.get("state"))
    style = {"open": "green", "planned": "yellow"}.get(state, "red")
    text = Text.assemble("Earth link ", (LINK_WORDS.get(state, state), f"bold {style}"))
    countdown = link.get("countdown_s")
    if isinstance(countdown, int | float):
        word = "closes" if state == "open" else "opens"
        text.append(f", {word} in {_duration(countdown)}")
    text.append(f"  {link.get('autonomy', '')}\ntoward Earth: {_backlog(link)}")
    return _aged(picture, "link", text)


def _backlog(link: Row) -> str:
    waiting, peak, delivered = link.get("backlog"), link.get("backlog_peak"), link.get("delivered")
    words = [f"{link.get('backlog_items')} wait"]
    if isinstance(waiting, dict):
        words += [f"{name} {row['items']}" for name, row in waiting.items() if row["items"]]
    if isinstance(peak, dict):
        words.append(f"peak {peak.get('items')}")
    if isinstance(delivered, dict):
        words.append(f"{sum(delivered.values())} delivered")
    return ", ".join(words)


def _site(picture: Picture) -> Text:
    site = picture.site
    if not site:
        return Text("scheduler: not heard yet", "yellow")
    telemetry = site.get("telemetry")
    totals = telemetry if isinstance(telemetry, dict) else {}
    counted = [*totals.values(), *picture.intake]
    archived = sum(row.get("archived", 0) for row in counted)
    repeated = sum(row.get("duplicates", 0) for row in counted)
    text = Text(
        f"epoch {site.get('epoch')}  authorities {site.get('authorities_granted')}"
        f"  archived {archived} (+{repeated} repeats)  broker {picture.broker}"
    )
    return _aged(picture, "site", text)


def _aged(picture: Picture, view: str, text: Text) -> Text:
    if _is_stale(picture, view):
        text.stylize("dim")
        text.append(f"  last known, {_duration(s_from_ns(picture.ages_ns[view]))} ago", "yellow")
    return text


def _is_stale(picture: Picture, view: str) -> bool:
    return picture.ages_ns.get(view, 0) > STALE_NS


def _battery(row: Row, *, measured: bool) -> Text:
    battery_wh = row["battery_wh"]
    if not isinstance(battery_wh, int | float):
        return Text("-")
    if measured:
        return Text(f"{battery_wh:.0f} Wh")
    return Text(f"{battery_wh:.0f} Wh?", "dim")


def _ratio(value: object) -> str:
    return f"{100 * value:.0f} %" if isinstance(value, int | float) else "-"


def _duration(duration_s: float) -> str:
    minutes, seconds = divmod(int(abs(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
