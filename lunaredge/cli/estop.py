"""`lunaredge estop`: stop one node or all, now, and say who did; or release a stop, in two steps.

Sends first and asks questions later: nothing may hold a stop up. What came of it is judged in
`stop_verdict`.
"""

import argparse
import asyncio
import secrets
import sys
from typing import TypeVar

import msgspec

from lunaredge.cli import operate, site_access
from lunaredge.cli.consent_code import add_code, code_of
from lunaredge.cli.site_access import EARTH
from lunaredge.cli.stop_verdict import (
    EXIT_CODES,
    AlarmRow,
    Heard,
    NodeRow,
    Outcome,
    Verdict,
    judge,
    judge_from_earth,
)
from lunaredge.cli.table import as_json, folded
from lunaredge.errors import ConfigError, TransportError
from lunaredge.ids import NodeId
from lunaredge.printable import printable
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.wire import messages, topics
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.topics import ALL

# A stop is not acknowledged by one party but latched by many: it is said this often at once,
REPEATS = 3
GAP_S = 0.1
# and then again and again to those who are yet to confirm it. It is taken once, by its id.
REPEAT_TURNS = 10
# A node says at once that it has latched a stop, in milliseconds; these 5 s of the wall are for
# one whose connection is just coming back. Who waits for the answer may have to run.
TURNS_MAX = 50
# A view that the broker keeps comes within half a second, or there is none.
LOOK_TURNS = 5

# Whoever types a stop in a hurry, and wrongly, must not walk on.
NOT_DONE = "NOTHING was sent: "

T = TypeVar("T")

_NODES = msgspec.json.Decoder(tuple[NodeRow, ...])
_ALARMS = msgspec.json.Decoder(tuple[AlarmRow, ...])


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    site_access.add_config(parser)
    site_access.add_json(parser)
    parser.add_argument("node", nargs="?", help=f"one node; left out, or {ALL}: every node")
    parser.add_argument("--reason", default="", help="what others read, beside your key's name")
    parser.add_argument("--release", metavar="STOP", help="release a stop: first asks for a code")
    add_code(parser, "--release")
    parser.epilog = (
        "Exit code 0 only when every node that was meant has confirmed the stop; 1 when some have "
        "not, or there is no node of that name, 3 when nobody answers. The stop is sent whatever "
        "comes of it, and stays until it is released: who hears of it later stops then."
    )


def run(options: argparse.Namespace) -> int:
    """Stop and say who confirmed it, or release."""
    try:
        _check(options)
    except ConfigError as exc:
        return _refused(exc)
    if options.release is not None:
        release = messages.StopReleaseRequest(
            request=new_request(), stop=_stop_id(options.release), code=code_of(options)
        )
        return operate.put(site_access.load(options, signs=True), release, options)
    try:
        client = site_access.load(options, signs=True)
    except ConfigError as exc:
        return _refused(exc)
    stop = messages.Stop(
        stop=f"stop-{secrets.token_hex(4)}",
        node=None if options.node in (None, ALL) else NodeId(options.node),
        reason=printable(options.reason),
    )
    verdict = site_access.with_client(
        client, ("nodes", "alarms", EARTH), lambda site: _stop(site, stop), hears_nodes=True
    )
    return _tell(stop, verdict, options)


def _refused(exc: ConfigError) -> int:
    told = str(exc).removeprefix("lunaredge estop: ")
    print(folded(f"lunaredge estop: {NOT_DONE}{told}", sys.stderr), file=sys.stderr)
    return exc.exit_code


async def _stop(site: SiteClient, stop: messages.Stop) -> Verdict:
    """Send a stop and wait for those that were meant to confirm it.

    Raises:
        TransportError: the broker was not reached, so nothing was sent.
    """
    try:
        await site.reach()
    except TransportError as exc:
        raise TransportError(f"{NOT_DONE}{exc}") from exc
    for _ in range(REPEATS):
        _send(site, stop)
        await asyncio.sleep(GAP_S)
    # Only now is the name looked at: the view that knows it may be old, cut short, or not there.
    for turn in range(TURNS_MAX):
        if turn and turn % REPEAT_TURNS == 0:
            _send(site, stop)
        is_earth = EARTH in site.latest and "nodes" not in site.latest
        verdict = _verdict(site, stop, is_earth=is_earth)
        if _is_final(verdict, turn, is_earth=is_earth):
            break
        await asyncio.sleep(GAP_S)
    return verdict


def _verdict(site: SiteClient, stop: messages.Stop, *, is_earth: bool) -> Verdict:
    if is_earth:
        return judge_from_earth(stop, site.answer_to(stop.stop))
    return judge(stop, _heard(site, stop))


def _is_final(verdict: Verdict, turn: int, *, is_earth: bool) -> bool:
    """Tell whether waiting longer can't change the verdict."""
    match verdict.outcome:
        case Outcome.STOPPED:
            return True
        case Outcome.NO_SUCH_NODE:
            return turn >= LOOK_TURNS
        case Outcome.PARTLY:
            return is_earth
        case Outcome.UNHEARD:
            return False


def _send(site: SiteClient, stop: messages.Stop) -> None:
    site.say(topics.stop_all(site.identity.site), stop)


def _heard(site: SiteClient, stop: messages.Stop) -> Heard:
    # The list of nodes comes before that of alarms: it is no older.
    alarms = _rows(site, "alarms", _ALARMS) or ()
    # Under a node's name it holds that node alone, as far as the scheduler knows.
    whole = AlarmRow(stop.node or "site", messages.STOP_ALARM + stop.stop)
    return Heard(
        nodes=_rows(site, "nodes", _NODES),
        is_newer=whole in alarms,
        words=dict(site.situations),
    )


def _rows(site: SiteClient, name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Give the rows of a view; None where there are none, or they can't be read."""
    view = site.latest.get(name)
    try:
        return None if view is None else decoder.decode(view.rows)
    except MALFORMED:
        return None


def _tell(stop: messages.Stop, verdict: Verdict, options: argparse.Namespace) -> int:
    is_stopped = verdict.outcome is Outcome.STOPPED
    if options.json:
        document = {
            "ok": is_stopped,
            "stop": stop.stop,
            "confirmed": verdict.confirmed,
            "not_confirmed": verdict.missing,
            "rest_s": verdict.rest_s,
            "text": verdict.text,
        }
        print(as_json(document))
    else:
        stream = sys.stdout if is_stopped else sys.stderr
        print(folded(verdict.text, stream), file=stream)
    return EXIT_CODES[verdict.outcome]


def _stop_id(text: str) -> str:
    """Give the id of a stop, also from the name that its alarm has."""
    return text.removeprefix(messages.STOP_ALARM)


def _check(options: argparse.Namespace) -> None:
    """Refuse a release that is not whole: half of one must never become a new stop.

    Raises:
        ConfigError: names the option.
    """
    release, code, node = options.release, options.code, options.node
    if release is None and code is not None:
        raise _wrong("--code", code, "give it with --release STOP")
    if release is not None and not _stop_id(release):
        raise _wrong("--release", release, "name the stop; `lunaredge alarms` lists them")
    if release is not None and node is not None:
        raise _wrong("NODE", node, "leave it out: a stop is released for every node it holds")
    operate.check_names(options)


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(
        "can't be used", place="the command line", key=key, value=value, remedy=remedy
    )
