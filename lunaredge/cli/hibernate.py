"""`lunaredge hibernate`: have a node sleep until a time, through a lunar night, say."""

import argparse
from datetime import UTC, datetime

from lunaredge.cli import operate, site_access
from lunaredge.cli.alarm_words import duration_ns
from lunaredge.ids import NodeId
from lunaredge.runtime.client import new_request
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import HibernateRequest

_FORM = "%Y-%m-%dT%H:%M:%SZ"
# What a message can count.
_YEAR_MAX = 2199


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("node", help="the node, as `lunaredge nodes` names it")
    until = parser.add_mutually_exclusive_group(required=True)
    until.add_argument(
        "--for", dest="for_ns", type=duration_ns, metavar="TIME", help="of site time: 30m, 2h, 14d"
    )
    until.add_argument(
        "--until", dest="until_ns", type=time_ns, metavar="UTC", help="as 2028-01-27T06:00:00Z"
    )
    parser.epilog = (
        "It obeys at rest only, without a task. `lunaredge nodes` says `hibernating` when it "
        "sleeps, and `lost` if it is not heard after that time. Its ground stays its own. A stop "
        "wakes it, and so does `lunaredge resume NODE` while its agent runs. It does not switch "
        "its board off."
    )


def run(options: argparse.Namespace) -> int:
    """Ask for it, and print what came of it."""
    operate.check_names(options)
    client = site_access.load(options, signs=True)
    until_ns = options.until_ns
    if until_ns is None:
        until_ns = client.identity.clock.now_ns() + options.for_ns
    question = HibernateRequest(request=new_request(), node=NodeId(options.node), until_ns=until_ns)
    return operate.put(client, question, options)


def time_ns(text: str) -> int:
    """Give site time from its text.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        found = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year <= _YEAR_MAX:
        told = f"no time: {text[:40]!r}; give one in UTC, as 2028-01-27T06:00:00Z"
        raise argparse.ArgumentTypeError(told)
    return int(found.timestamp()) * NS_PER_S
