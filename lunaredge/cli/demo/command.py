"""`lunaredge demo`: a whole site on this machine, through an Earth outage, judged at the end."""

import argparse
import asyncio
import io
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from lunaredge.cli.demo.checks import check_folder, check_picture
from lunaredge.cli.demo.display import Picture, draw
from lunaredge.cli.demo.hints import pasteable
from lunaredge.cli.demo.narration import log_line, moment
from lunaredge.cli.demo.record import FILE_NAME, RunRecord
from lunaredge.cli.demo.report import Report, make_report
from lunaredge.cli.demo.run import DemoRun, Plot
from lunaredge.cli.demo.site import DemoSite, DemoWishes, prepare, process_of
from lunaredge.cli.demo.text import as_text
from lunaredge.cli.named_file import named_file, named_folder
from lunaredge.cli.numbers import number, whole
from lunaredge.cli.table import as_json
from lunaredge.errors import LunarEdgeError, TransportError
from lunaredge.examples import demo_site
from lunaredge.printable import printable
from lunaredge.runtime.broker import BrokerChoice

# Faster, and the operating system's own delays look like minutes to the site.
SPEED_MAX = 120.0
EXIT_DONE = 0
EXIT_NOT_SO = 1


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.epilog = (
        "The default run takes about three minutes of your time and nearly three hours of the"
        " site's. Exit code 0 only if every invariant held and every task was done."
    )
    parser.add_argument(
        "--site",
        type=named_folder,
        default=demo_site(),
        metavar="DIR",
        help="another site: a folder with site.toml, fleet.toml, order.yaml and contacts.json",
    )
    parser.add_argument(
        "--speed",
        type=number(f"give 1 to {SPEED_MAX:g}"),
        default=60.0,
        metavar="X",
        help=f"site seconds per second, 1 to {SPEED_MAX:g} (60)",
    )
    parser.add_argument(
        "--seed",
        type=whole("give one, such as 7"),
        default=1,
        metavar="N",
        help="seed of the machines (1)",
    )
    parser.add_argument(
        "--kill",
        action="append",
        default=[],
        metavar="PROCESS",
        help="kill with SIGKILL in mid-run and start again: scheduler, archive, broker, earth,"
        " gateway, or agent:NAME; may be repeated",
    )
    parser.add_argument(
        "--standby",
        action="store_true",
        help="run a second scheduler that waits for the lead; --kill scheduler kills the leader",
    )
    parser.add_argument("--no-outage", action="store_true", help="keep the Earth link up")
    parser.add_argument(
        "--broker",
        choices=[choice.value for choice in BrokerChoice],
        default=BrokerChoice.AUTO.value,
        help="which broker to run (auto: Mosquitto, else amqtt)",
    )
    parser.add_argument(
        "--keep", type=named_folder, metavar="DIR", help="leave stores and logs there"
    )
    parser.add_argument(
        "--picture",
        type=named_file,
        metavar="FILE.svg",
        help="draw the live display in mid-outage",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(options: argparse.Namespace) -> int:
    """Play the demo and print its report. What is left of any end but a good one is kept."""
    wishes = DemoWishes(
        site=options.site.resolve(),
        speed=options.speed,
        seed=options.seed,
        kills=tuple(options.kill),
        outage=not options.no_outage,
        broker=BrokerChoice(options.broker),
        standby=options.standby,
    )
    wishes.check(SPEED_MAX)
    if options.picture is not None:
        check_picture(options.picture)
    if options.keep is not None:
        check_folder(options.keep)
    _end_as_interrupted()
    # The files there name each other, and each name is read from the file that it stands in.
    folder = (options.keep or Path(tempfile.mkdtemp(prefix="lunaredge-demo-"))).resolve()
    code = EXIT_NOT_SO
    try:
        code = _play(folder, wishes, options)
    finally:
        if options.keep is None and (code == EXIT_DONE or not any(folder.iterdir())):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _name(folder)
    return code


def _play(folder: Path, wishes: DemoWishes, options: argparse.Namespace) -> int:
    site = prepare(folder, wishes, _say)
    plot = Plot(kills=tuple(process_of(kill, site) for kill in wishes.kills))
    _say("another terminal can look in:")
    _say(pasteable("nodes", "--config", site.client_file))
    kept: list[Picture] = []
    record = _run(site, plot, kept)
    if record.trouble:
        _say(f"the run was broken off: {record.trouble}")
    _say("judging the run from its disks")
    report = _judge(folder, record)
    print(as_json(report) if options.json else as_text(report), flush=True)
    if options.picture is not None:
        _draw(kept, options.picture)
    return EXIT_DONE if report["ok"] else EXIT_NOT_SO


def _judge(folder: Path, record: RunRecord) -> Report:
    """Give the report; what a run that was broken off has not written is no bad input."""
    try:
        return make_report(folder, record)
    except LunarEdgeError as exc:
        if not record.trouble:
            raise
        raise TransportError(f"{record.trouble}; so there is nothing to judge ({exc})") from exc


def _name(folder: Path) -> None:
    """Say where a run's folder lies and what can be done with it; one not begun has none."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    _say(f"the run's folder, with its logs and stores: {folder.absolute()}")
    if (folder / FILE_NAME).exists():
        _say("to judge it again:")
        _say(pasteable("audit", folder))


def _run(site: DemoSite, plot: Plot, kept: list[Picture]) -> RunRecord:
    """Run under a live picture on a terminal, under a line now and then elsewhere.

    Raises:
        KeyboardInterrupt: asked to end by a person or by SIGTERM; all is in good order.
    """
    try:
        if not sys.stderr.isatty():
            show = _keeping(_plain_lines(), kept)
            return asyncio.run(_until_asked(DemoRun(site, plot, show)))
        with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
            show = _keeping(lambda picture: live.update(draw(picture)), kept)
            return asyncio.run(_until_asked(DemoRun(site, plot, show)))
    except asyncio.CancelledError as exc:
        raise KeyboardInterrupt from exc


async def _until_asked(run: DemoRun) -> RunRecord:
    """Play the run; SIGTERM ends it as Ctrl-C does."""
    loop, playing = asyncio.get_running_loop(), asyncio.current_task()
    assert playing is not None
    loop.add_signal_handler(signal.SIGTERM, playing.cancel)
    try:
        return await run.play()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        _end_as_interrupted()


def _end_as_interrupted() -> None:
    """Let SIGTERM unwind the program, so that it can say where its folder is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _keeping(show: Callable[[Picture], None], kept: list[Picture]) -> Callable[[Picture], None]:
    """Keep the pictures of the outage on their way."""

    def keep(picture: Picture) -> None:
        if picture.link.get("state") == "planned":
            kept.append(picture)
        show(picture)

    return keep


def _draw(kept: Sequence[Picture], path: Path) -> None:
    """Draw the middle one of the pictures; the report is out already, whatever comes of this."""
    if not kept:
        _say(f"{path} is not drawn: there was no planned outage")
        return
    console = Console(record=True, width=80, file=io.StringIO())
    console.print(draw(kept[len(kept) // 2]))
    try:
        path.write_text(_offline(console.export_svg(title="lunaredge demo")), encoding="utf-8")
    except OSError as exc:
        _say(f"{path} can't be written: {exc}")


def _offline(svg: str) -> str:
    """Take the fonts out that a viewer would fetch from elsewhere; its own will do."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def _plain_lines() -> Callable[[Picture], None]:
    last = ""

    def show(picture: Picture) -> None:
        nonlocal last
        line = log_line(picture)
        if line != last:
            last = line
            _say(f"{moment(picture)}{line}")

    return show


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)
