"""`lunaredge keys DIR`: make the signing keys of a site; those that exist are kept."""

import argparse
import sys
from collections.abc import Mapping

from lunaredge.cli.named_file import named_folder
from lunaredge.cli.site_access import add_json
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError
from lunaredge.ids import RESERVED_NAMES, is_name
from lunaredge.runtime.keys import PUBLIC_FILE, make_keys
from lunaredge.wire.seal import Role

SITE_HOLDERS: Mapping[str, Role] = {
    "scheduler": Role.SCHEDULER,
    "archive": Role.ARCHIVE,
    "gateway": Role.GATEWAY,
    "earth": Role.EARTH,
}

_OPERATOR = "operator-"
# A process reads `public.json` once, when it starts.
RESTART = (
    f"copy {PUBLIC_FILE} to every computer of the site, and start what runs there anew: scheduler,"
    " standby, archive, gateway, Earth station and agents know a new key from their next start on"
)


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "folder", type=named_folder, metavar="DIR", help="where the keys are, or are to be made"
    )
    parser.add_argument(
        "--node", action="append", default=[], metavar="NAME", help="a node to enrol; repeatable"
    )
    parser.add_argument(
        "--operator",
        action="append",
        default=[],
        metavar="NAME",
        help="an operator to enrol, whose key is operator-NAME; repeatable",
    )
    parser.epilog = (
        "Keys that exist are kept, so that it may be run again to add some. Processes that run "
        "already know a new key from their next start on."
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Make the keys that are missing."""
    wanted = holders(options.node, options.operator)
    is_new = not (options.folder / PUBLIC_FILE).exists()
    made = make_keys(options.folder, wanted)
    if made and not is_new:
        print(RESTART, file=sys.stderr)
    if options.json:
        print(as_json({"made": made, "folder": str(options.folder)}))
    else:
        print(f"made {', '.join(made)} in {options.folder}" if made else "every key exists already")
    return 0


def holders(nodes: list[str], operators: list[str]) -> dict[str, Role]:
    """Give who holds a key at a site, by name.

    Raises:
        ConfigError: a name can't be one.
    """
    for name in (*nodes, *operators):
        if not is_name(name) or name in RESERVED_NAMES:
            raise ConfigError(
                "not a name for a key",
                place="lunaredge keys",
                key="name",
                value=name,
                remedy="use lower-case letters, digits and hyphens, and no process's name",
            )
    for name in operators:
        if name.startswith(_OPERATOR):
            raise ConfigError(
                f"its key would be {_OPERATOR}{name}",
                place="lunaredge keys",
                key="--operator",
                value=name,
                remedy=f"give the name alone: --operator {name.removeprefix(_OPERATOR) or 'mari'}",
            )
    return {
        **SITE_HOLDERS,
        **dict.fromkeys(nodes, Role.NODE),
        **{f"{_OPERATOR}{name}": Role.OPERATOR for name in operators},
    }
