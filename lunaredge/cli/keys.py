"""`lunaredge keys DIR`: make the signing keys of a site; those that exist are kept."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from lunaredge.cli.site_access import add_json
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError
from lunaredge.ids import RESERVED_NAMES, is_name
from lunaredge.runtime.keys import make_keys
from lunaredge.wire.seal import Role

SITE_HOLDERS: Mapping[str, Role] = {
    "scheduler": Role.SCHEDULER,
    "gateway": Role.GATEWAY,
    "earth": Role.EARTH,
}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--node", action="append", default=[], metavar="NAME", help="a node to enrol; repeatable"
    )
    parser.add_argument(
        "--operator", action="append", default=[], metavar="NAME", help="an operator to enrol"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Make the keys that are missing."""
    made = make_keys(options.folder, holders(options.node, options.operator))
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
    return {
        **SITE_HOLDERS,
        **dict.fromkeys(nodes, Role.NODE),
        **{f"operator-{name}": Role.OPERATOR for name in operators},
    }
