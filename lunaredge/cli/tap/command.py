"""`lunaredge tap`: show what is said on a site's broker, decoded, as it comes.

Reads only; but where nobody has told what a node's columns are, it asks the node. The answer is on
stdout. What could not be read, or not be shown fast enough, is counted and told at the end.
"""

import argparse
import asyncio
import sys

from lunaredge.cli import site_access
from lunaredge.cli.numbers import number, whole
from lunaredge.cli.tap.choice import CLASSES, Choice, choice_of
from lunaredge.cli.tap.listening import Listening
from lunaredge.cli.tap.reading import Reading
from lunaredge.errors import ConfigError, TransportError
from lunaredge.ids import SiteId

EXIT_NOT_SO = 1
EXIT_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("node", nargs="*", metavar="NODE", help="these nodes alone")
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="PATTERN",
        help="telemetry of these channels alone, as battery_wh or 'pose.*'; may be repeated",
    )
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        choices=CLASSES,
        metavar="CLASS",
        help=f"this class alone; may be repeated: {', '.join(CLASSES)}",
    )
    parser.add_argument(
        "--topic",
        metavar="FILTER",
        help="topics of an MQTT filter, from below the site on: '+/node', 'hauler-1/#'",
    )
    many = whole("give how many lines to show, 1 or more")
    parser.add_argument("--count", type=many, metavar="N", help="end after so many lines")
    long = number("give how many seconds to listen, over 0")
    parser.add_argument("--seconds", type=long, metavar="S", help="end after so long, of the wall")
    parser.epilog = (
        "A word in brackets, [tagged] or [unsigned], say, means that nobody here can vouch for "
        "the line; telemetry is tagged, for the archive alone. Exit code 1 when "
        "nothing came within --seconds."
    )


def run(options: argparse.Namespace) -> int:
    """Show what comes, until enough has come or it is interrupted."""
    _check(options)
    client = site_access.load(options, signs=False)
    choice = _choice(client.identity.site, options)
    reading = Reading(choice, client.identity.keyring, as_json=options.json)
    listening = Listening(client, reading, choice.subscriptions, line_count_max=options.count)
    try:
        asyncio.run(listening.listen(options.seconds))
    except TransportError as exc:
        raise TransportError(f"{client.file}: {exc}") from exc
    except KeyboardInterrupt:
        _tell(listening)
        return EXIT_INTERRUPTED
    _tell(listening)
    return 0 if listening.line_count else EXIT_NOT_SO


def _tell(listening: Listening) -> None:
    for line in listening.summary():
        print(f"lunaredge tap: {line}", file=sys.stderr)


def _choice(site: SiteId, options: argparse.Namespace) -> Choice:
    return choice_of(
        site,
        nodes=tuple(options.node),
        channels=tuple(options.channel),
        classes=tuple(options.classes),
        topic=options.topic,
    )


def _check(options: argparse.Namespace) -> None:
    """Refuse bounds that are none.

    Raises:
        ConfigError: names the option.
    """
    for key in ("count", "seconds"):
        value = getattr(options, key)
        # Said so that NaN is refused too.
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(
                "can't be used",
                place="lunaredge tap",
                key=f"--{key}",
                value=value,
                remedy="give a number over 0, or leave it out",
            )
