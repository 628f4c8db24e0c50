"""`lunaredge lockout|manual`: keep a machine to yourself, to service it or to drive it by hand."""

import argparse

from lunaredge.cli import operate, site_access
from lunaredge.cli.consent_code import add_code, code_of
from lunaredge.cli.outline import metres, outline_of
from lunaredge.cli.reason import reason
from lunaredge.errors import NOT_GIVEN, ConfigError
from lunaredge.ids import NodeId
from lunaredge.runtime.client import new_request
from lunaredge.wire.safeguards import LockOutRequest, UnlockRequest

_OPERATOR = "operator-"

# What `lunaredge nodes` says of a machine when it is safe to go to; the scheduler's own words.
READY = {"lockout": "locked out by", "manual": "ready to be driven by hand by"}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options of one of the commands."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("node", help="the machine, as `lunaredge nodes` names it")
    parser.add_argument("--why", type=reason, help="what others read who want the machine")
    if command == "manual":
        area = parser.add_mutually_exclusive_group()
        area.add_argument(
            "--radius", type=metres, metavar="M", help="drive it so far round where it stands"
        )
        area.add_argument(
            "--area",
            nargs="+",
            type=metres,
            metavar="X_M Y_M",
            help="or inside these corners, one after the other",
        )
    parser.add_argument("--release", action="store_true", help="take a tag off, in two steps")
    parser.add_argument("--whose", metavar="OPERATOR", help="with --release: whose tag; else mine")
    add_code(parser)
    parser.epilog = (
        f"Don't {'drive' if command == 'manual' else 'touch'} the machine before `lunaredge nodes` "
        f"says `{READY[command]}` and your key's name; until then it says `NOT SAFE YET`, and why. "
        "Each person hangs a tag of his own; the machine is planned again when all are off. Who "
        "hung a tag takes it off; else two other operators do, each with --release."
    )


def run(options: argparse.Namespace) -> int:
    """Hang a tag on a machine or take one off, and print what came of it."""
    operate.check_names(options)
    _check(options)
    question = _request(options)
    return operate.put(site_access.load(options, signs=True), question, options)


def _request(options: argparse.Namespace) -> LockOutRequest | UnlockRequest:
    node = NodeId(options.node)
    if options.release:
        return UnlockRequest(
            request=new_request(), node=node, whose=_key(options.whose), code=code_of(options)
        )
    is_manual = options.command == "manual"
    return LockOutRequest(
        request=new_request(),
        node=node,
        why=options.why,
        outline=outline_of(options.area, "lunaredge manual") if is_manual else (),
        radius_m=options.radius or 0.0 if is_manual else 0.0,
        code=code_of(options),
    )


def _key(name: str | None) -> str:
    """Give the name of a person's key, also from the person's own name."""
    if name is None or name == "earth" or name.startswith(_OPERATOR):
        return name or ""
    return _OPERATOR + name


def _check(options: argparse.Namespace) -> None:
    """Refuse words that don't go together: half a release must never become a new tag.

    Raises:
        ConfigError: names the option.
    """
    is_area = options.command == "manual" and (options.radius, options.area) != (None, None)
    if options.release:
        if options.why or is_area:
            remedy = "leave --why, --radius and --area out"
            raise _wrong(options, "--release", _extra(options), remedy, "takes a tag off, no more")
        return
    if options.whose or (options.code and options.command == "lockout"):
        key = "--whose" if options.whose else "--code"
        value = options.whose or options.code
        raise _wrong(options, key, value, "give it with --release", "is for a release")
    if options.why is None:
        raise _wrong(options, "--why", NOT_GIVEN, "say what others must know", "is missing")
    if options.command == "manual" and not (options.area or (options.radius or 0.0) > 0.0):
        radius = NOT_GIVEN if options.radius is None else f"{options.radius:g}"
        problem = "is missing" if options.radius is None else "is not over 0 m"
        raise _wrong(options, "--radius", radius, "give a radius over 0 m, or --area", problem)


def _extra(options: argparse.Namespace) -> str:
    """Give what was typed beside --release and does not go with it."""
    typed = {"--why": options.why}
    if options.command == "manual":
        typed |= {"--radius": options.radius, "--area": options.area}
    return " ".join(key for key, value in typed.items() if value is not None)


def _wrong(
    options: argparse.Namespace, key: str, value: object, remedy: str, problem: str
) -> ConfigError:
    place = f"lunaredge {options.command}"
    return ConfigError(problem, place=place, key=key, value=value, remedy=remedy)
