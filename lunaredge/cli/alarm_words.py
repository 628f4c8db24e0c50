"""`lunaredge ack|shelve|unshelve`: what a person does about an alarm."""

import argparse
import re

from lunaredge.cli import operate, site_access
from lunaredge.cli.reason import reason
from lunaredge.errors import NOT_GIVEN, ConfigError
from lunaredge.runtime.client import new_request
from lunaredge.units import NS_PER_S
from lunaredge.wire.alarm_requests import AcknowledgeRequest, ShelveRequest, UnshelveRequest

# As the scheduler has them, which a client does not load; a test holds them equal.
SHELVED_NS_MIN = 60 * NS_PER_S
SHELVED_NS_MAX = 86_400 * NS_PER_S
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd])")


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options of one of the commands."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("source", help="whose alarm, as `lunaredge alarms` names it")
    if command == "ack":
        parser.add_argument("code", nargs="?", help="which one, as `lunaredge alarms` names it")
        parser.add_argument("--all", action="store_true", help="all alarms of the source")
        parser.epilog = (
            "An acknowledged alarm stays in the list until it is gone; one that is gone leaves it. "
            "One that is latched is reset. Nothing else changes: a stop or a closed zone "
            "stays in force."
        )
        return
    parser.add_argument("code", help="which one, as `lunaredge alarms` names it")
    if command == "shelve":
        parser.add_argument(
            "--for",
            dest="for_ns",
            type=_shelf_ns,
            required=True,
            metavar="TIME",
            help="for how long, of site time: 90s, 30m, 2h; 1m to 24h",
        )
        parser.add_argument("--why", type=reason, required=True, help="what others read of it")
        parser.epilog = (
            "It comes back by itself when the time is over, or as soon as a warning becomes "
            "critical. Alarms that people's lives rest on can't be shelved."
        )


def run(options: argparse.Namespace) -> int:
    """Send what was typed, and print what came of it."""
    question = _request(options)
    return operate.put(site_access.load(options, signs=True), question, options)


def duration_ns(text: str) -> int:
    """Give a duration from its text.

    Raises:
        ArgumentTypeError: it is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        told = f"no time: {text[:40]!r}; give a number and its unit: 90s, 30m, 2h, 1d"
        raise argparse.ArgumentTypeError(told)
    return round(float(found[1]) * _SECONDS[found[2]] * NS_PER_S)


def _shelf_ns(text: str) -> int:
    """Give for how long an alarm is shelved from its text.

    Raises:
        ArgumentTypeError: it is no time, or none for which the scheduler shelves.
    """
    for_ns = duration_ns(text)
    if not SHELVED_NS_MIN <= for_ns <= SHELVED_NS_MAX:
        raise argparse.ArgumentTypeError(f"{text} is out of range; give 1m to 24h")
    return for_ns


def _request(options: argparse.Namespace) -> AcknowledgeRequest | ShelveRequest | UnshelveRequest:
    """Give the request that was typed.

    Raises:
        ConfigError: words that don't go together.
    """
    request, source = new_request(), options.source
    match options.command:
        case "ack":
            _check_which(options)
            return AcknowledgeRequest(request=request, source=source, code=options.code or "")
        case "shelve":
            return ShelveRequest(
                request=request,
                source=source,
                code=options.code,
                for_ns=options.for_ns,
                why=options.why,
            )
        case _:
            return UnshelveRequest(request=request, source=source, code=options.code)


def _check_which(options: argparse.Namespace) -> None:
    """Refuse to guess whether one or all is meant.

    Raises:
        ConfigError: it is not said, or both are.
    """
    if bool(options.code) == options.all:
        problem = "leaves open which is meant" if options.all else "is missing"
        raise ConfigError(
            problem,
            place="lunaredge ack",
            key="code",
            value=options.code or NOT_GIVEN,
            remedy="give the code of one alarm, or --all for all of the source",
        )
