"""`lunaredge latest NODE`: the last value of each of its channels, from the archive."""

import argparse
import asyncio
import json
import sys

from lunaredge.cli import operate, site_access
from lunaredge.cli.site_access import EARTH
from lunaredge.cli.table import Column, Row, as_json, folded, render, width_of_stdout
from lunaredge.cli.view_rows import rows_of
from lunaredge.errors import LinkError, TimeoutExceeded
from lunaredge.ids import NodeId
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.units import utc_from_ns
from lunaredge.wire.messages import Answer, LatestRequest, View

COLUMNS = (
    Column("channel", "CHANNEL"),
    Column("value", "VALUE"),
    Column("unit", "UNIT"),
    Column("quality", "IS"),
    Column("age_s", "AGE_S"),
    Column("measured", "MEASURED", spare=1),
)
REDRAW_S = 2.0


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("node", help="the node, as `lunaredge nodes` names it")
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("--watch", action="store_true", help="ask again every two seconds")
    parser.epilog = (
        "IS: good; stale, when the node has said nothing for too long; blank, when it says that "
        "it has no value now (shown is the last it had); unknown, when it never had one. Ages are "
        "in seconds of site time since the node last vouched for a value."
    )


def run(options: argparse.Namespace) -> int:
    """Ask the archive and print."""
    operate.check_names(options)
    client = site_access.load(options, signs=False)
    return site_access.with_client(client, (EARTH,), lambda site: _show(site, options))


async def _show(site: SiteClient, options: argparse.Namespace) -> int:
    while True:
        answer = await _asked(site, NodeId(options.node))
        _print(answer, options)
        if not options.watch or not answer.ok:
            return 0 if answer.ok else 1
        await asyncio.sleep(REDRAW_S)


async def _asked(site: SiteClient, node: NodeId) -> Answer:
    """Ask for the last values of a node.

    Raises:
        LinkError: this is Earth's broker, which has no archive.
        TimeoutExceeded: the archive does not answer.
    """
    try:
        return await site.ask(LatestRequest(request=new_request(), node=node))
    except TimeoutExceeded as exc:
        if EARTH in site.latest:
            raise LinkError(
                "this is Earth's broker: the archive answers at the site alone; ask there, with "
                "--config and the settings of an operator of the site"
            ) from exc
        raise


def _print(answer: Answer, options: argparse.Namespace) -> None:
    # Checked as those of a view are: they come from a broker too.
    rows = rows_of(View(name="latest", site_ns=0, rows=answer.rows))
    if options.json:
        document = {"node": options.node, "found": answer.ok, "text": answer.text, "rows": rows}
        print(json.dumps(document) if options.watch else as_json(document), flush=True)
        return
    if not answer.ok:
        print(folded(answer.text, sys.stderr), file=sys.stderr)
        return
    if options.watch and sys.stdout.isatty():
        print("\x1b[H\x1b[J", end="")
    print(as_table(rows, width_of_stdout()), flush=True)


def as_table(rows: list[Row], width: int | None) -> str:
    """Give the last values as people read them."""
    return render([_row(row) for row in rows], COLUMNS, width) if rows else "no channels"


def _row(row: Row) -> Row:
    value, measured_ns = row.get("value"), row.get("measured_ns")
    shown = f"{value:.9g}" if isinstance(value, int | float) else None
    return row | {"value": shown, "measured": _iso(measured_ns)}


def _iso(at_ns: object) -> str | None:
    if not isinstance(at_ns, int) or at_ns < 0:
        return None
    return utc_from_ns(at_ns)
