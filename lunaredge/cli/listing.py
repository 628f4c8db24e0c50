"""`lunaredge nodes|tasks|plan|alarms|closures|link|standby|intake`: the views, once or often.

Owns what a list shows and how old it says it is (I10). Makes no fact of its own: rows are the
scheduler's, the gateway's, the archive's or the Earth station's.
"""

import argparse
import json
import sys

from lunaredge.cli import alarm_list, site_access
from lunaredge.cli.site_access import EARTH
from lunaredge.cli.table import Column, Row, as_json, render, shown, width_of_stdout
from lunaredge.cli.view_rows import rows_of
from lunaredge.errors import LinkError
from lunaredge.runtime.client import SiteClient
from lunaredge.runtime.client_settings import Client
from lunaredge.units import utc_from_ns
from lunaredge.wire import topics
from lunaredge.wire.messages import View

# What works through Earth's broker, of all that talks to a site.
COMMANDS_ON_EARTH = (
    *("link", "explain", "submit", "hold", "resume", "cancel", "vouch", "approve", "estop"),
    *("lockout", "manual", "close", "open", "ack", "shelve", "unshelve", "hibernate"),
    "channel",
)
# Whoever asks whether a standby is there hears from this view whether the scheduler is.
NODES = "nodes"
ALARMS = "alarms"
STANDBY = "standby"
# On its own clock one says every 5 s that it is there; past three of them it may be dead.
STANDBY_SILENT_S = 15.0
NOBODY = b"[]"
# What the broker keeps comes in one go; the second of two views is never later than this.
RETAINED_S = 0.5
# Up to here a list is news. Site time.
FRESH_S = 2.0
# Three periods of a view: its owner has missed its turn.
STALE_S = 90.0
OUT_OF_REACH = "the broker is out of reach; showing what was last known"
# On a terminal, a watched list is drawn again so often, so that its age goes on rising.
REDRAW_S = 2.0
# Nobody reads a pipe again and again; an hour only bounds the wait.
QUIET_S = 3_600.0

# What a row is worth; where all were measured, it may be left out.
MARK = Column("mark", "MARK")
# Where one was not, somebody has to go there: its place stays, and its task goes before that.
TASK = Column("task", "TASK", is_name=True)
PLACE = (Column("x_m", "X_M", spare=3), Column("y_m", "Y_M", spare=3))
MEASURED = "measured"
# Said by a row whose reason to wait is shown to its end: of a machine at rest, or asleep.
WHOLE = "(whole)"
# The most urgent classes stand first, but each counts: the column goes on in further lines.
DELIVERED = Column("delivered", "DELIVERED", is_free=True, wraps=True, width_min=24)

COLUMNS = {
    "nodes": (
        Column("node", "NODE", is_name=True),
        Column("presence", "IS"),
        Column("state", "STATE"),
        Column("autonomy", "LEVEL", spare=5),
        TASK,
        *PLACE,
        Column("battery_wh", "WH", spare=4),
        MARK,
        Column("age_s", "AGE_S", spare=2),
        Column("cuts_off", "CUTS OFF", is_free=True),
        # What keeps a machine at rest is read by whoever is about to go there: never cut.
        Column("waits_for", "WAITS FOR", is_free=True, wraps_where=WHOLE, width_min=20),
    ),
    "tasks": (
        Column("task", "TASK"),
        Column("kind", "KIND", spare=1),
        Column("phase", "PHASE"),
        Column("node", "NODE"),
        Column("progress_ratio", "DONE"),
        Column("waits_for", "WAITS FOR", is_free=True),
        Column("reason", "REASON", is_free=True),
    ),
    "plan": (
        Column("task", "TASK"),
        Column("node", "NODE"),
        Column("is", "IS"),
        Column("leaves_in_s", "LEAVE_IN_S", spare=2),
        Column("starts_in_s", "START_IN_S"),
        Column("ends_in_s", "END_IN_S"),
        Column("energy_wh", "WH", spare=1),
        Column("waits", "WAITS", is_free=True),
    ),
    "alarms": (
        Column("level", "LEVEL"),
        Column("state", "IS"),
        Column("age_s", "RAISED_S", spare=1),
        Column("source", "SOURCE"),
        Column("code", "CODE"),
        Column("text", "TEXT", is_free=True, wraps=True),
    ),
    "closures": (
        Column("zone", "ZONE"),
        Column("phase", "IS"),
        Column("by", "BY", spare=1),
        Column("why", "WHY", is_free=True),
        Column("waits_for", "WAITS FOR", is_free=True, wraps=True),
    ),
    "channels": (
        Column("node", "NODE", is_name=True),
        Column("channel", "CHANNEL", is_name=True),
        Column("state", "IS"),
        Column("deadband", "DEADBAND"),
        Column("period_s_min", "AT_MOST_EVERY_S"),
        Column("period_s_max", "AT_LEAST_EVERY_S"),
    ),
    "link": (
        Column("state", "STATE"),
        Column("autonomy", "LEVEL", spare=1),
        Column("countdown_s", "COUNTDOWN_S"),
        Column("light_time_s", "LIGHT_S", spare=2),
        Column("backlog_items", "BACKLOG"),
        Column("backlog_peak", "PEAK", spare=3),
        DELIVERED,
    ),
    "standby": (
        Column("standby", "STANDBY"),
        Column("leader_pid", "LEADER_PID"),
        Column("leader_is", "LEADER_IS"),
        Column("heard_age_s", "HEARD_S"),
        Column("age_s", "AGE_S"),
    ),
    topics.INTAKE: (
        Column("node", "NODE", is_name=True),
        Column("archived", "ARCHIVED"),
        Column("dropped", "DROPPED"),
        Column("missing", "MISSING"),
        Column("backlog", "BACKLOG"),
        Column("holes", "HOLES", spare=4),
        Column("duplicates", "DUPLICATE", spare=2),
        Column("late", "LATE", spare=3),
        Column("age_s", "AGE_S"),
        Column("quarantined_by_reason", "QUARANTINED", is_free=True, wraps=True),
    ),
    EARTH: (
        Column("state", "STATE"),
        Column("countdown_s", "COUNTDOWN_S"),
        Column("light_time_s", "LIGHT_S", spare=2),
        Column("heard_age_s", "HEARD_S", spare=1),
        Column("directives_waiting", "DIRECTIVES"),
        Column("approvals_wanted", "APPROVALS WANTED", is_free=True),
        DELIVERED,
    ),
}

# Shown where a row has something to say there.
RARE = frozenset({"cuts_off"})
# These say how old something was when the view was made; shown, they go on growing with it.
AGES = ("age_s", "heard_age_s")
# And these how long from then on something will be.
WAITS = ("leaves_in_s", "starts_in_s", "ends_in_s", "charged_in_s")


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("--watch", action="store_true", help="print again whenever it changes")
    if command == ALARMS:
        parser.add_argument(
            "--all", action="store_true", help="those too that are shelved, or over"
        )
    parser.epilog = (
        "On a terminal columns are left out and texts cut where it is too narrow, never what keeps "
        "a machine at rest; a pipe and --json get all. Ages are in seconds of site time. In JSON, "
        "a row's age_s is how old it was when the view was made, and the document's age_s how old "
        "the view is: add them up."
    )


def run(options: argparse.Namespace) -> int:
    """Show a view."""
    client = site_access.load(options, signs=False)
    return site_access.with_client(
        client, (options.command, *_others(options.command)), lambda s: _show(s, client, options)
    )


async def _show(site: SiteClient, client: Client, options: argparse.Namespace) -> int:
    name = (await _found(site, options.command)).name
    _print(site, client, name, options)
    if not options.watch:
        return 1 if name == STANDBY and not _is_ready(client, site.latest[name]) else 0
    shown_ns, was_connected = site.latest[name].site_ns, site.connected
    is_screen = sys.stdout.isatty() and not options.json
    async for is_news in site.changes(REDRAW_S if is_screen else QUIET_S):
        if was_connected and not site.connected:
            print(OUT_OF_REACH, file=sys.stderr)
        was_connected = site.connected
        if site.latest[name].site_ns != shown_ns or (is_screen and not is_news):
            _print(site, client, name, options)
            shown_ns = site.latest[name].site_ns
    return 0


def _is_ready(client: Client, standby: View) -> bool:
    """Tell whether a standby has said lately that it is there."""
    silent_s = site_access.age_s(client, standby.site_ns) / client.identity.clock.speed
    return standby.rows != NOBODY and silent_s <= STANDBY_SILENT_S


def _others(name: str) -> tuple[str, ...]:
    """Give the views that tell who is there where the one asked for is not."""
    return (EARTH, NODES) if name == STANDBY else (EARTH,)


async def _found(site: SiteClient, name: str) -> View:
    """Give the view, or for `link` the Earth station's instead.

    Raises:
        LinkError: this is Earth's broker, which has no such view.
    """
    await site.view(name, *_others(name))
    if name not in site.latest:
        await site.news(RETAINED_S)
    if name in site.latest:
        return site.latest[name]
    if name == "link":
        return site.latest[EARTH]
    if NODES in site.latest:
        # The site is there, and no standby has ever said that it is.
        nobody = View(name=name, site_ns=site.latest[NODES].site_ns, rows=NOBODY)
        site.latest[name] = nobody
        return nobody
    raise LinkError(
        f"this is Earth's broker, which has no view of the {name}; what works here: "
        + ", ".join(COMMANDS_ON_EARTH)
    )


def _print(site: SiteClient, client: Client, name: str, options: argparse.Namespace) -> None:
    view = site.latest[name]
    view_age_s = site_access.age_s(client, view.site_ns)
    if options.json:
        document = as_document(view, view_age_s, is_all=_is_all(options))
        print(json.dumps(document) if options.watch else as_json(document), flush=True)
        return
    lines = [as_table(view, view_age_s, width_of_stdout(), is_all=_is_all(options))]
    if options.watch and sys.stdout.isatty():
        lines.insert(0, "\x1b[H\x1b[J")
        if not site.connected:
            # Said before, and wiped away with the screen.
            lines.append(f"\n{OUT_OF_REACH}")
    elif options.watch:
        lines.insert(0, f"at {utc_from_ns(view.site_ns)} (site time)\n")
    print("".join(lines), flush=True)


def _is_all(options: argparse.Namespace) -> bool:
    return bool(getattr(options, "all", False))


def as_document(view: View, view_age_s: float, *, is_all: bool = False) -> dict[str, object]:
    """Give a view as scripts get it: the rows as they were made, and how old they are."""
    rows = rows_of(view)
    document: dict[str, object] = {
        "view": view.name,
        "site_ns": view.site_ns,
        "age_s": round(view_age_s, 1),
        "rows": rows,
        "left_out": view.left_out,
    }
    if view.name == ALARMS:
        document["rows"] = alarm_list.listed(rows, is_all=is_all)
        document["shelved"] = alarm_list.shelved_count(rows)
    if view.name == topics.INTAKE:
        document["stale"] = view_age_s > STALE_S
    return document


def as_table(view: View, view_age_s: float, width: int | None, *, is_all: bool = False) -> str:
    """Give a view as people read it, with its age where it is not news."""
    rows: list[Row] = [_aged(row, view_age_s) for row in rows_of(view)]
    notes: list[str] = []
    if view.name == ALARMS:
        notes.append(alarm_list.shelf_line(rows, is_all=is_all))
        rows = [alarm_list.shortened(row) for row in alarm_list.listed(rows, is_all=is_all)]
    if view.name == topics.INTAKE:
        notes.append(_refused(rows))
        rows = [row for row in rows if row.get("node")]
    if view.left_out:
        notes.append(f"and {view.left_out} more, for which the list has no room")
    if view_age_s > STALE_S:
        notes.append(f"as of {view_age_s:.0f} s ago: last known, nobody has said more since")
    elif view_age_s > FRESH_S:
        notes.append(f"as of {view_age_s:.0f} s ago")
    table = render(rows, _columns(view.name, rows), width) if rows else f"no {view.name}"
    if view.name == topics.INTAKE and view_age_s > STALE_S:
        table = f"STALE: the archive has said nothing for {view_age_s:.0f} s\n{table}"
    return "\n".join([table, *filter(None, notes)])


def _refused(rows: list[Row]) -> str:
    """Say what came to the archive and was not taken, by reason; none of it is kept."""
    counts = next((row.get("refused") for row in rows if not row.get("node")), None)
    return f"refused: {shown(counts)}" if counts else ""


def _columns(name: str, rows: list[Row]) -> list[Column]:
    """Give the columns that a list has something to say in, by what they are worth there."""
    columns = [
        column
        for column in COLUMNS[name]
        if column.key not in RARE or any(row.get(column.key) for row in rows)
    ]
    if all(row.get("mark") == MEASURED for row in rows):
        return [MARK._replace(spare=3) if column is MARK else column for column in columns]
    ranks = {TASK: 1, **dict.fromkeys(PLACE, 0)}
    return [column._replace(spare=ranks.get(column, column.spare)) for column in columns]


def _aged(row: Row, view_age_s: float) -> Row:
    """Give a row as it is worth now: older by the view's age, and not measured in a stale view."""
    # A view from a clock ahead of ours makes nothing younger.
    more_s = max(0.0, view_age_s)
    aged = dict(row)
    aged[WHOLE] = bool(row.get("restrained") or row.get("asleep_until_ns"))
    for key in AGES:
        age_s = row.get(key)
        if isinstance(age_s, int | float):
            aged[key] = age_s + more_s
    for key in WAITS:
        wait_s = row.get(key)
        if isinstance(wait_s, int | float):
            # Plans are of whole seconds, and of no more.
            aged[key] = round(wait_s - more_s)
    if more_s > STALE_S and row.get("mark") == MEASURED:
        aged["mark"] = "last known"
    return aged
