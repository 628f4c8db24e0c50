"""`lunaredge sim --exhaustive`: every interleaving of the small scope, and what was found."""

import argparse
import sys

import msgspec

from lunaredge.cli.interrupt import heeding_interrupts
from lunaredge.cli.main import EXIT_DONE, EXIT_INTERRUPTED, EXIT_NOT_SO
from lunaredge.cli.progress import telling_of_compiling
from lunaredge.cli.sim_talk import Talk, clock
from lunaredge.cli.table import as_json
from lunaredge.scheduler.solve import warm_up
from lunaredge.sim.exhaustive import Report, explore


def run(options: argparse.Namespace) -> int:
    """Search, and print what came of it."""
    with telling_of_compiling():
        warm_up()
    talk = Talk(None)

    def told(depth: int, states: int) -> None:
        talk.say(f"depth {depth + 1} of {options.depth}: {states:,} states")

    try:
        with heeding_interrupts() as is_interrupted:
            report = explore(options.depth, options.seconds, told, is_interrupted)
    except KeyboardInterrupt:
        talk.clear()
        print("lunaredge: sim was interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    talk.clear()
    print(as_json(msgspec.to_builtins(report)) if options.json else sentences(report), flush=True)
    if is_interrupted():
        print("sim was interrupted; this is what was tried until then", file=sys.stderr)
        return EXIT_NOT_SO if report.violations else EXIT_INTERRUPTED
    if not report.transitions:
        print("lunaredge sim: --seconds: no step was tried; give it more", file=sys.stderr)
        return EXIT_NOT_SO
    return EXIT_NOT_SO if report.violations else EXIT_DONE


def sentences(report: Report) -> str:
    """Give what came of the search, as people read it."""
    s = "" if report.depth == 1 else "s"
    extent = "all that was asked for" if report.complete else "it ended before all was tried"
    lines = [] if report.complete else ["INCOMPLETE"]
    lines += [
        f"{report.states:,} states, {report.transitions:,} transitions in {clock(report.wall_s)}",
        f"every interleaving of {report.depth} step{s} from each of {report.starts:,} states: "
        f"{extent}",
        f"violations of I1, I2 and I3, and crashes: {report.violations}",
    ]
    found = report.found
    if found is not None:
        lines += [f"{found.violation.invariant}: {found.violation.text}", f"from: {found.begins}"]
        lines += [f"  {number}. {step}" for number, step in enumerate(found.steps, start=1)]
    return "\n".join(lines)
