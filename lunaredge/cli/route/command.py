"""`lunaredge route check|plan|plot`: the routes of a scene file. Owns the options."""

import argparse
import importlib
import sys

from lunaredge.cli.named_file import named_file
from lunaredge.cli.numbers import number
from lunaredge.cli.progress import telling_of_compiling

# For a fleet in a tangle; one route takes a fraction of a second.
SECONDS = 60.0

# The rest of the codes are those of all actions.
_CODES = """2 bad input or usage,
3 the disk is full or a needed part is missing, 130 interrupted, 141 the answer
was not read to its end"""
_CHECK = """\
Each route is checked against terrain, zones, obstacles and reservations,
continuously in time. It is free, with its least clearance, or the first thing
against it is told: what, where, when, how deep.

  lunaredge route check routes.yaml
  lunaredge route check routes.yaml --route haul-around --json

Routes are alternatives, each checked alone; --together takes them as driven at
the same time.

exit codes: 0 all are free, 1 one is not, %s
"""
_PLAN = """\
Finds a way from pose to pose for each request: around terrain, zones, obstacles
and reservations, with the machine's own outline and drive. Several are planned
together. Where there is none, the reason is told: what closes the way, and
whether that is proven. A search that ends before --seconds gives the same
routes on every run.

  lunaredge route plan routes.yaml --out planned.yaml
  lunaredge route check planned.yaml --together

--out writes the scene with the routes in place of the requests, and of the
routes that their machines had.

exit codes: 0 every request has its route, 1 one has none, %s
"""
_PLOT = """\
Draws terrain, zones, obstacles, routes and reservations. What is first against
each route, checked alone, is marked, with a close-up of the earliest.

  lunaredge route plot routes.yaml --out routes.png
  lunaredge route plot routes.yaml --out at-60.png --at 60

exit codes: 0 drawn, %s
"""
_ABOUT = """\
The scene is a YAML or GeoJSON file; docs/reference/route-files.md has its keys.
Two come with the package, in lunaredge/examples. Try:

  lunaredge route check lunaredge/examples/composite-ridge/routes.yaml
  lunaredge route plan lunaredge/examples/passing-place/routes.geojson
"""


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    parts = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = _action(parts, "check", "tell of each route whether it is free", _CHECK)
    check.add_argument(
        "--route", action="append", metavar="NAME", help="check this one; may be given again"
    )
    check.add_argument(
        "--together", action="store_true", help="check the routes against each other too"
    )
    plan = _action(parts, "plan", "find routes for the requests", _PLAN)
    plan.add_argument(
        "--request", action="append", metavar="NAME", help="plan this one; may be given again"
    )
    plan.add_argument(
        "--out",
        type=named_file,
        metavar="FILE",
        help="write the routes as a scene: .yaml or .geojson",
    )
    plan.add_argument(
        "--seconds",
        type=number("give seconds, such as 10"),
        metavar="S",
        default=SECONDS,
        help="end the search after about so long, with what it found by then (default: 60)",
    )
    for part in (check, plan):
        part.add_argument("--json", action="store_true", help="print JSON for scripts")
    plot = _action(parts, "plot", "draw the scene as a picture", _PLOT)
    plot.add_argument(
        "--out", type=named_file, metavar="FILE", required=True, help="the PNG to write"
    )
    plot.add_argument(
        "--at",
        type=number("give seconds, such as 10"),
        metavar="TIME_S",
        help="show where everyone is at that time",
    )


def run(options: argparse.Namespace) -> int:
    """Check, plan or plot."""
    module = importlib.import_module(f"lunaredge.cli.route.{options.action}")
    try:
        with telling_of_compiling():
            code = module.run(options)
    except KeyboardInterrupt:
        print(f"lunaredge: route {options.action} was interrupted", file=sys.stderr)
        raise
    assert isinstance(code, int)
    return code


def _action(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, more: str
) -> argparse.ArgumentParser:
    part = parts.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=more % _CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    part.add_argument(
        "scene", type=named_file, metavar="SCENE", help="a scene file, YAML or GeoJSON"
    )
    return part
