"""`lunaredge hold|resume|cancel|vouch|approve`: what an operator may do to a running site."""

import argparse
import sys

from lunaredge.cli import site_access
from lunaredge.cli.consent_code import add_code, code_of
from lunaredge.cli.outline import metres
from lunaredge.cli.table import as_json, folded
from lunaredge.errors import ConfigError
from lunaredge.ids import NAME_RULE, NodeId, TaskId, is_name
from lunaredge.runtime.client import new_request
from lunaredge.runtime.client_settings import Client
from lunaredge.wire import messages

# What these come to is seen in a list, which Earth's broker does not have.
LISTED = ("lockout", "manual", "close")


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
                "--at", nargs=2, type=metres, metavar=("X_M", "Y_M"), help="where you saw it stand"
            )
            place.add_argument(
                "--gone", action="store_true", help="it takes no place on the site any more"
            )
            add_code(parser)


def run(options: argparse.Namespace) -> int:
    """Carry a command out and print what came of it."""
    check_names(options)
    return put(site_access.load(options, signs=True), _question(options), options)


def put(client: Client, question: messages.Question, options: argparse.Namespace) -> int:
    """Ask the scheduler for something, print its answer and give the exit code."""
    answer, is_earth = site_access.answer(client, question)
    text = answer.text + ("" if answer.ok else _hint(options.command, answer.text))
    if is_earth and answer.ok and options.command in LISTED and not _is_release(options):
        text += (
            "; Earth has no such list: give the same command again, and its answer says how far "
            "it is, as of one light time ago"
        )
    if options.json:
        print(as_json({"ok": answer.ok, "text": text, "code": answer.code or None}))
    else:
        stream = sys.stdout if answer.ok else sys.stderr
        print(folded(text, stream), file=stream)
    return 0 if answer.ok else 1


def _is_release(options: argparse.Namespace) -> bool:
    return bool(getattr(options, "release", False))


def _hint(command: str, refusal: str) -> str:
    """Say what to do about a refusal that the scheduler can't know the way around."""
    if command == "approve" and "Earth's key" in refusal:
        return (
            ": approve through Earth's broker, with --config and the settings of Earth's operator "
            "(operator-on-earth.toml in a demo's folder)"
        )
    return ""


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
        case _:
            at = None if options.gone else (options.at[0], options.at[1])
            return messages.VouchRequest(
                request=request, node=NodeId(options.node), at=at, code=code_of(options)
            )


def check_names(options: argparse.Namespace) -> None:
    """Refuse what can't be a name.

    Raises:
        ConfigError: names the option.
    """
    for key in ("node", "task", "zone"):
        value = getattr(options, key, None)
        if value is not None and not is_name(value):
            what, remedy = _named(key, options.command)
            raise ConfigError(
                f"not the name of a {what}",
                place=f"lunaredge {options.command}",
                key=key,
                value=value,
                remedy=remedy,
            )


def _named(key: str, command: str) -> tuple[str, str]:
    """Say what a command wants the name of, and how to come by one."""
    match command:
        case "explain":
            return "task or node", "`lunaredge tasks` and `lunaredge nodes` list them"
        case "close":
            return key, f"give {NAME_RULE}"
        case "open":
            return key, "`lunaredge closures` lists those that are closed"
        case _:
            return key, f"`lunaredge {key}s` lists them"
