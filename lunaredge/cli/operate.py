"""`lunaredge hold|resume|cancel|estop|vouch|approve`: what an operator may do to a running site."""

import argparse
import math
import secrets
import sys

from lunaredge.cli import site_access
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError
from lunaredge.ids import NodeId, TaskId, is_name
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.wire import messages, topics

# A stop is not acknowledged by one party but latched by many: it is said this often.
STOP_REPEATS = 3
STOP_GAP_S = 0.1


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options of one of the commands."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    match command:
        case "hold" | "resume":
            parser.add_argument("node", help="the node, as `lunaredge nodes` names it")
        case "cancel":
            parser.add_argument("task", help="the task, as `lunaredge tasks` names it")
        case "approve":
            parser.add_argument("task", help="a task that needs Earth")
            parser.add_argument("--veto", action="store_true", help="refuse it instead")
        case "vouch":
            parser.add_argument("node", help="a silent node, as `lunaredge nodes` names it")
            place = parser.add_mutually_exclusive_group(required=True)
            place.add_argument(
                "--at", nargs=2, type=_metres, metavar=("X_M", "Y_M"), help="where you saw it stand"
            )
            place.add_argument(
                "--gone", action="store_true", help="it takes no place on the site any more"
            )
            parser.add_argument("--code", default="", help="the code that the first step gave")
        case "estop":
            parser.add_argument("node", nargs="?", help="one node; left out, every node")
            parser.add_argument("--reason", default="by an operator")
            parser.add_argument(
                "--release", metavar="STOP", help="release a stop: first asks for a code"
            )
            parser.add_argument("--code", default="", help="the code that --release gave")


def run(options: argparse.Namespace) -> int:
    """Carry a command out and print what came of it."""
    _check_name(options)
    client = site_access.load(options, signs=True)
    if options.command == "estop" and not options.release:
        return site_access.with_client(client, (), lambda site: _stop(site, options))
    question = _question(options)
    answer = site_access.with_client(client, (), lambda site: site.ask(question))
    if options.json:
        print(as_json({"ok": answer.ok, "text": answer.text}))
    else:
        print(answer.text, file=sys.stdout if answer.ok else sys.stderr)
    return 0 if answer.ok else 1


def _question(options: argparse.Namespace) -> messages.Question:
    request = new_request()
    match options.command:
        case "hold" | "resume":
            return messages.HoldRequest(
                request=request, node=NodeId(options.node), hold=options.command == "hold"
            )
        case "cancel":
            return messages.CancelRequest(request=request, task=TaskId(options.task))
        case "approve":
            return messages.Approve(
                request=request, task=TaskId(options.task), approved=not options.veto
            )
        case "vouch":
            at = None if options.gone else (options.at[0], options.at[1])
            return messages.VouchRequest(
                request=request, node=NodeId(options.node), at=at, code=options.code
            )
        case _:
            return messages.StopReleaseRequest(
                request=request, stop=options.release, code=options.code
            )


def _metres(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


async def _stop(site: SiteClient, options: argparse.Namespace) -> int:
    await site.reach()
    stop = f"stop-{secrets.token_hex(4)}"
    node = NodeId(options.node) if options.node else None
    body = messages.Stop(stop=stop, node=node, reason=options.reason)
    for _ in range(STOP_REPEATS):
        site.say(topics.stop_all(site.identity.site), body)
        async for _ in site.changes(STOP_GAP_S):
            break
    text = f"{stop}: {node or 'every node'} told to stop; release it with --release {stop}"
    print(as_json({"ok": True, "stop": stop, "text": text}) if options.json else text)
    return 0


def _check_name(options: argparse.Namespace) -> None:
    for key in ("node", "task"):
        value = getattr(options, key, None)
        if value is not None and not is_name(value):
            raise ConfigError(
                f"not the name of a {key}",
                place=f"lunaredge {options.command}",
                key=key,
                value=value,
                remedy=f"`lunaredge {key}s` lists them",
            )
