"""`lunaredge close|open`: close a zone to every machine, for people to be in; open it again."""

import argparse

from lunaredge.cli import operate, site_access
from lunaredge.cli.consent_code import add_code, code_of
from lunaredge.cli.outline import metres, outline_of
from lunaredge.cli.reason import reason
from lunaredge.errors import ConfigError
from lunaredge.runtime.client import new_request
from lunaredge.wire.safeguards import CloseRequest, OpenRequest


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options of one of the commands."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    if command == "open":
        parser.add_argument("zone", help="a closed zone, as `lunaredge closures` names it")
        add_code(parser)
        parser.epilog = (
            "Anyone whose key is enrolled may open it, whoever closed it. Ask first, and look: the "
            "first step says who closed it and why, and gives a code; the second takes the code."
        )
        return
    parser.add_argument("zone", help="a zone of the site; or a new name, with its outline")
    parser.add_argument(
        "--why", type=reason, required=True, help="what others read whose way it closes"
    )
    parser.add_argument(
        "--area",
        nargs="+",
        type=metres,
        metavar="X_M Y_M",
        help="the corners of a new zone, one after the other",
    )
    parser.add_argument(
        "--at", nargs=2, type=metres, metavar=("X_M", "Y_M"), help="or the middle of a round one"
    )
    parser.add_argument("--radius", type=metres, metavar="M", help="and how far it reaches")
    parser.epilog = (
        "Don't go in before `lunaredge closures` shows the zone clear: machines in it are asked to "
        "leave, and silence never counts as clear."
    )


def run(options: argparse.Namespace) -> int:
    """Close or open a zone, and print what came of it."""
    operate.check_names(options)
    question = _request(options)
    return operate.put(site_access.load(options, signs=True), question, options)


def _request(options: argparse.Namespace) -> CloseRequest | OpenRequest:
    """Give the request that was typed.

    Raises:
        ConfigError: words that don't go together.
    """
    if options.command == "open":
        return OpenRequest(request=new_request(), zone=options.zone, code=code_of(options))
    if (options.at is None) != (options.radius is None):
        key, value = (
            ("--at", options.at) if options.radius is None else ("--radius", options.radius)
        )
        raise _wrong(key, value, "give --at X_M Y_M and --radius M together")
    if options.at is not None and options.area is not None:
        raise _wrong("--area", options.area, "give --area, or --at and --radius")
    if options.radius is not None and options.radius <= 0.0:
        raise _wrong("--radius", options.radius, "give a radius over 0 m")
    at = () if options.at is None else ((options.at[0], options.at[1]),)
    return CloseRequest(
        request=new_request(),
        zone=options.zone,
        why=options.why,
        outline=at or outline_of(options.area, "lunaredge close"),
        radius_m=options.radius or 0.0,
    )


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    place = "lunaredge close"
    return ConfigError("can't be used", place=place, key=key, value=value, remedy=remedy)
