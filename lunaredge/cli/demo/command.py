"""`lunaredge demo`: a whole site on this machine, through an Earth outage, judged at the end."""

import argparse
import asyncio
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

from lunaredge.cli.demo.display import Picture, draw
from lunaredge.cli.demo.record import RunRecord
from lunaredge.cli.demo.report import make_report
from lunaredge.cli.demo.run import DemoRun, Plot
from lunaredge.cli.demo.site import DemoSite, DemoWishes, prepare, process_of
from lunaredge.cli.demo.text import as_text
from lunaredge.cli.table import as_json
from lunaredge.examples import demo_site
from lunaredge.runtime.broker import BrokerChoice

# Faster, and the operating system's own delays look like minutes to the site.
SPEED_MAX = 120.0


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.epilog = (
        "The default run takes about three minutes of your time and nearly three hours of the"
        " site's. Exit code 0 only if every invariant held and every task was done."
    )
    parser.add_argument(
        "--site",
        type=Path,
        default=demo_site(),
        metavar="DIR",
        help="another site: a folder with site.toml, fleet.toml, order.yaml and contacts.json",
    )
    parser.add_argument(
        "--speed", type=float, default=60.0, metavar="X", help="site seconds per second (60)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the machines (1)")
    parser.add_argument(
        "--kill",
        action="append",
        default=[],
        metavar="PROCESS",
        help="kill with SIGKILL in mid-run and start again: scheduler, broker, earth, gateway, or"
        " agent:NAME; may be repeated",
    )
    parser.add_argument("--no-outage", action="store_true", help="keep the Earth link up")
    parser.add_argument(
        "--broker",
        choices=[choice.value for choice in BrokerChoice],
        default=BrokerChoice.AUTO.value,
        help="which broker to run (auto: Mosquitto, else amqtt)",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave stores and logs there")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE.svg", help="draw the live display in mid-outage"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(options: argparse.Namespace) -> int:
    """Play the demo and print its report."""
    wishes = DemoWishes(
        site=options.site.resolve(),
        speed=options.speed,
        seed=options.seed,
        kills=tuple(options.kill),
        outage=not options.no_outage,
        broker=BrokerChoice(options.broker),
    )
    wishes.check(SPEED_MAX)
    if options.keep is not None:
        return _play(options.keep, wishes, options)
    with tempfile.TemporaryDirectory(prefix="lunaredge-demo-") as folder:
        return _play(Path(folder), wishes, options)


def _play(folder: Path, wishes: DemoWishes, options: argparse.Namespace) -> int:
    site = prepare(folder, wishes, _say)
    plot = Plot(kills=tuple(process_of(kill, site) for kill in wishes.kills))
    _say(f"another terminal can look in: lunaredge nodes --config {site.client_file}")
    kept: list[Picture] = []
    record = _run(site, plot, kept)
    if options.picture is not None and kept:
        _draw(kept[len(kept) // 2], options.picture)
    if record.trouble:
        _say(f"the run was broken off: {record.trouble}")
    _say("judging the run from its disks")
    report = make_report(folder, record)
    print(as_json(report) if options.json else as_text(report))
    return 0 if report["ok"] else 1


def _run(site: DemoSite, plot: Plot, kept: list[Picture]) -> RunRecord:
    """Run under a live picture on a terminal, under a line now and then elsewhere."""
    if not sys.stderr.isatty():
        show = _plain_lines()
        return asyncio.run(DemoRun(site, plot, _keeping(show, kept)).play())
    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        show = _keeping(lambda picture: live.update(draw(picture)), kept)
        return asyncio.run(DemoRun(site, plot, show).play())


def _keeping(show: Callable[[Picture], None], kept: list[Picture]) -> Callable[[Picture], None]:
    """Keep the pictures of the outage on their way."""

    def keep(picture: Picture) -> None:
        if picture.link.get("state") == "planned":
            kept.append(picture)
        show(picture)

    return keep


def _draw(picture: Picture, path: Path) -> None:
    console = Console(record=True, width=80, file=io.StringIO())
    console.print(draw(picture))
    path.write_text(console.export_svg(title="lunaredge demo"), encoding="utf-8")


def _plain_lines() -> Callable[[Picture], None]:
    last = ""

    def show(picture: Picture) -> None:
        nonlocal last
        ended = sum(row["phase"] in ("done", "failed", "cancelled") for row in picture.tasks)
        minutes = (picture.now_ns - picture.start_ns) // 60_000_000_000
        line = f"{picture.step}; {ended} of {len(picture.tasks)} tasks ended"
        if line != last:
            last = line
            _say(f"T+{minutes} min: {line}")

    return show


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
