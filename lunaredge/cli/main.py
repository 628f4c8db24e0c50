"""`lunaredge`: finds the command, runs it, turns errors into exit codes.

Commands are imported only when they are asked for, so that an agent's board never loads what only
the data centre has installed.
"""

import argparse
import contextlib
import errno
import importlib
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, TextIO

from lunaredge import __version__
from lunaredge.cli.closed_stream import StreamClosedError, streams_there
from lunaredge.cli.table import folded
from lunaredge.errors import LunarEdgeError

EXIT_DONE = 0
EXIT_NOT_SO = 1
EXIT_BAD_INPUT = 2
EXIT_MISSING_PART = 3
EXIT_INTERRUPTED = 130
# As a shell has it for SIGPIPE: the answer was not read to its end, so a filter's `head` or `true`
# can't turn a check that failed into success.
EXIT_PIPE_CLOSED = 141
# What `export` alone needs, and who brings it.
EXPORT_PARTS = ("pyarrow", "mcap", "google")
EXPORT_EXTRA = "[export]"
# What writing to a full or broken disk gives.
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class Command(NamedTuple):
    """One command: the module of `lunaredge.cli` that has it, and its line in the help."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command("demo", "demo.command", "run a whole construction site on this machine"),
    Command("submit", "submit", "hand in a work order"),
    Command("nodes", "listing", "list the nodes: who is there, at what, and (if wide) where"),
    Command("tasks", "listing", "list the tasks: how far, on which node, waiting for what"),
    Command("plan", "listing", "list who does what next, from when to when, waiting for what"),
    Command("alarms", "listing", "list the alarms, first those that nobody has acknowledged"),
    Command("ack", "alarm_words", "say that you know of an alarm, or reset one that is latched"),
    Command("shelve", "alarm_words", "put an alarm aside for a time"),
    Command("unshelve", "alarm_words", "take an alarm off the shelf"),
    Command("closures", "listing", "list the closed zones: which are clear, who is in the others"),
    Command("link", "listing", "show the Earth link: contact, backlog, what was delivered"),
    Command("standby", "listing", "show whether a standby is ready to take the scheduler's place"),
    Command("explain", "explain", "say why a task is where it is, or why it is not placed"),
    Command("hold", "operate", "bring a node to rest and keep it there"),
    Command("resume", "operate", "let a held node go on"),
    Command("hibernate", "hibernate", "have a node at rest sleep until a time"),
    Command("cancel", "operate", "cancel a task"),
    Command("estop", "estop", "stop one node or all, now; or release a stop, in two steps"),
    Command("vouch", "operate", "say where a silent node stands, or that it is gone, in two steps"),
    Command("channel", "channel", "change when a channel of a node's telemetry is sent"),
    Command("channels", "listing", "list what was changed so, and whether the nodes have taken it"),
    Command("lockout", "lockout", "keep a machine out of the plan and at rest, to service it"),
    Command("manual", "lockout", "keep a machine out of the plan, to drive it by hand in an area"),
    Command("close", "closing", "close a zone to every machine, for people to be in"),
    Command("open", "closing", "open a closed zone again, in two steps"),
    Command("approve", "operate", "give Earth's word on a task that needs it"),
    Command("latest", "latest", "show the last value of each channel of a node"),
    Command("history", "telemetry.history", "show what a channel did: rows, a drawing, a picture"),
    Command("gaps", "telemetry.gap_list", "list what of the telemetry is not archived, and why"),
    Command("export", "telemetry.export", "write telemetry into a Parquet, MCAP or CSV file"),
    Command("intake", "listing", "list how the archive's intake goes, node by node"),
    Command("tap", "tap.command", "show what is said on the site's broker as it comes, decoded"),
    Command("schema", "schema.command", "print what crosses the broker, for other languages"),
    Command("doctor", "doctor.command", "check settings, broker, clock, disk and kernels"),
    Command("broker", "process", "run the MQTT broker of a site"),
    Command("scheduler", "process", "run the scheduler"),
    Command("archive", "process", "run the telemetry archive"),
    Command("gateway", "process", "run the gateway toward Earth"),
    Command("earth", "process", "run the Earth station"),
    Command("agent", "process", "run the agent of one node"),
    Command("machines", "process", "run the simulated machines and their ground truth"),
    Command("keys", "keys", "make the signing keys of a site"),
    Command("audit", "audit", "check the invariants of a finished run from its disks"),
    Command("sim", "sim", "run the site in the seeded simulator, with faults"),
    Command("route", "route.command", "check, plan and draw routes on a scene file"),
    Command("place", "place", "plan who does what and when, of a problem in a file"),
    Command("bench", "bench.command", "measure lunaredge against named peers"),
)

_EPILOG = """\
exit codes: 0 done, 1 what was asked about is not so, 2 bad input or usage (a
work order that is refused too), 3 a needed part (broker, disk, node) is
missing, 130 interrupted, 141 the answer was not read to its end (as with
`| head`).

start here: lunaredge demo
"""


class Parser(argparse.ArgumentParser):
    """A parser whose commands tell of wrong options themselves, and whose help is an output."""

    not_done = ""
    """Said before what is wrong with the words: what has not been done for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A word such as -2h is a value and no option, as from Python 3.14 on.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        """End with what is wrong."""
        super().error(f"{self.not_done}{message}")

    # Several signatures there; here only what is passed on.
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Give the options; what no option takes is bad usage of the command that it follows."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print; argparse itself would call a help that could not be written a success."""
        if file is not None and file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Only the processes of a site log; a command's own words are enough for whoever typed it.
    logging.getLogger("lunaredge").addHandler(logging.NullHandler())
    with streams_there():
        if not __debug__:
            refusal = "lunaredge does not run under python -O: its assertions guard machines"
            print(refusal, file=sys.stderr)
            return EXIT_BAD_INPUT
        return _written(words)


def _written(words: Sequence[str]) -> int:
    """Run a command and give the exit code: of its output's fate where that has one."""
    try:
        code = _run(words)
        # Here, since Python's own last flush would only grumble about what it can't write.
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go(sys.stdout, sys.stderr)
        return EXIT_PIPE_CLOSED
    except OSError as exc:
        # Whoever opens files by name tells of them; what has no name is an output that is full.
        is_output = isinstance(exc, StreamClosedError) or exc.errno in _UNWRITABLE
        if not is_output or exc.filename is not None:
            raise
        _let_go(sys.stdout)
        with contextlib.suppress(OSError):
            remedy = "make room, or send the output elsewhere"
            print(
                f"lunaredge: the output cannot be written: {exc.strerror}; {remedy}",
                file=sys.stderr,
            )
        _let_go(sys.stderr)
        return EXIT_MISSING_PART
    return code


def _run(words: Sequence[str]) -> int:
    """Run a command and give the exit code, less what happens to its output."""
    try:
        parser = _parser(words)
        options = parser.parse_args(words)
        module = importlib.import_module(f"lunaredge.cli.{_found(options.command).module}")
        code = module.run(options)
        assert isinstance(code, int)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else EXIT_BAD_INPUT
    except LunarEdgeError as exc:
        # What is wrong with the words of a command names the command already.
        prefix = "" if str(exc).startswith("lunaredge ") else "lunaredge: "
        print(folded(f"{prefix}{exc}", sys.stderr), file=sys.stderr)
        return exc.exit_code
    except ModuleNotFoundError as exc:
        return _explain_missing(exc)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


def _let_go(*streams: TextIO | None) -> None:
    """Send what a stream still holds nowhere, so that Python's last flush of it succeeds."""
    for stream in streams:
        # One without a file, or that is closed, has nothing to flush to.
        if stream is None:
            continue
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _parser(words: Sequence[str]) -> Parser:
    parser = Parser(
        prog="lunaredge",
        usage="lunaredge [-h] [--version] COMMAND ...",
        description="Orchestrate an autonomous construction site on the Moon.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lunaredge {__version__}")
    # As long as the longest command, which keeps its line in one piece.
    metavar = "COMMAND ..."
    parts = parser.add_subparsers(dest="command", metavar=metavar, required=True, prog=parser.prog)
    # The first that is one, for an option may stand before it where none is taken.
    names = {command.name for command in COMMANDS}
    asked = next((word for word in words if word in names), None)
    for command in COMMANDS:
        part = parts.add_parser(command.name, help=command.help, description=command.help)
        if command.name == asked:
            module = importlib.import_module(f"lunaredge.cli.{command.module}")
            module.add_arguments(part, command.name)
            parser.not_done = part.not_done = getattr(module, "NOT_DONE", "")
    return parser


def _found(name: str) -> Command:
    return next(command for command in COMMANDS if command.name == name)


def _explain_missing(exc: ModuleNotFoundError) -> int:
    if exc.name is None or exc.name.split(".")[0] == "lunaredge":
        raise exc
    extra = EXPORT_EXTRA if exc.name.split(".")[0] in EXPORT_PARTS else "[site]"
    print(
        f"lunaredge: this command needs {exc.name}, which is not installed here; "
        f"install lunaredge{extra} (or [all])",
        file=sys.stderr,
    )
    return EXIT_MISSING_PART


if __name__ == "__main__":
    sys.exit(main())
