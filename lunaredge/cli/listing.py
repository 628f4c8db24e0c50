"""`lunaredge nodes|tasks|alarms|link`: the views as tables or JSON, once or again and again."""

import argparse
import json
import sys

from lunaredge.cli import site_access
from lunaredge.cli.table import Column, Row, as_json, render
from lunaredge.runtime.client import SiteClient
from lunaredge.runtime.client_settings import Client
from lunaredge.wire.messages import View

# Three periods of a view: older than that, what is shown is only what was last known.
STALE_S = 90.0

COLUMNS = {
    "nodes": (
        Column("node", "NODE"),
        Column("presence", "IS"),
        Column("state", "STATE"),
        Column("autonomy", "LEVEL"),
        Column("task", "TASK"),
        Column("battery_wh", "WH"),
        Column("mark", "MARK"),
        Column("age_s", "AGE_S"),
        Column("waits_for", "WAITS FOR"),
    ),
    "tasks": (
        Column("task", "TASK"),
        Column("kind", "KIND"),
        Column("phase", "PHASE"),
        Column("node", "NODE"),
        Column("progress_ratio", "DONE"),
        Column("waits_for", "WAITS FOR"),
        Column("reason", "REASON"),
    ),
    "alarms": (
        Column("source", "SOURCE"),
        Column("code", "CODE"),
        Column("active", "ACTIVE"),
        Column("text", "TEXT"),
    ),
    "link": (
        Column("state", "STATE"),
        Column("autonomy", "LEVEL"),
        Column("countdown_s", "COUNTDOWN_S"),
        Column("light_time_s", "LIGHT_S"),
        Column("backlog_items", "BACKLOG"),
        Column("backlog_peak", "PEAK"),
        Column("delivered", "DELIVERED"),
    ),
}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("--watch", action="store_true", help="print again whenever it changes")


def run(options: argparse.Namespace) -> int:
    """Show a view."""
    client = site_access.load(options, signs=False)
    return site_access.with_client(
        client, (options.command,), lambda site: _show(site, client, options)
    )


async def _show(site: SiteClient, client: Client, options: argparse.Namespace) -> int:
    view = await site.view(options.command)
    _print(view, client, options)
    if not options.watch:
        return 0
    shown = view
    async for _ in site.changes(wait_s=3600.0):
        view = site.latest[options.command]
        if not site.connected:
            print("the broker is out of reach; showing what was last known", file=sys.stderr)
        elif view.site_ns != shown.site_ns:
            _print(view, client, options)
            shown = view
    return 0


def _print(view: View, client: Client, options: argparse.Namespace) -> None:
    rows: list[Row] = json.loads(view.rows)
    view_age_s = site_access.age_s(client, view.site_ns)
    if options.json:
        document = {"view": view.name, "age_s": round(view_age_s, 1), "rows": rows}
        print(as_json(document) if not options.watch else json.dumps(document), flush=True)
        return
    if options.watch and sys.stdout.isatty():
        print("\x1b[H\x1b[J", end="")
    print(render(rows, COLUMNS[view.name]), flush=True)
    if view_age_s > STALE_S:
        print(f"last known, {view_age_s:.0f} s ago: nobody has said more since", file=sys.stderr)
