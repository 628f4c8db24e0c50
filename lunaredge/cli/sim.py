"""`lunaredge sim`: run the site in the seeded simulator, with faults, and judge each seed."""

import argparse
import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from lunaredge.cli import sim_scope
from lunaredge.cli.main import EXIT_BAD_INPUT, EXIT_DONE, EXIT_INTERRUPTED, EXIT_NOT_SO
from lunaredge.cli.progress import telling_of_compiling
from lunaredge.cli.sim_report import Tally, command, sentences, story
from lunaredge.cli.sim_scenario import Subject
from lunaredge.cli.sim_seeds import Finished, Seeds, SeedWork, finished, resumed
from lunaredge.cli.sim_talk import Talk
from lunaredge.cli.sim_words import (
    CAMPAIGN_PARTS,
    SEED_BASE,
    SEEDS,
    add_arguments,
    check,
    limits_of,
)
from lunaredge.cli.table import as_json
from lunaredge.errors import LunarEdgeError, StorageError
from lunaredge.scheduler.solve import warm_up
from lunaredge.sim.campaign import Records, Row, records, versions_beside
from lunaredge.sim.limits import Limits
from lunaredge.sim.run import Outcome, prepared, run_seed
from lunaredge.sim.shrink import Shrunk, shrink
from lunaredge.sim.version import source_digest
from lunaredge.sim.workers import WorkerLost

__all__ = ["add_arguments", "run"]


class Part(NamedTuple):
    """Seeds that are run on one subject and summed up together."""

    subject: Subject
    seeds: Seeds


def run(options: argparse.Namespace) -> int:
    """Run the seeds and print what came of them."""
    check(options)
    if options.exhaustive:
        return sim_scope.run(options)
    parts = _parts(options)
    # What is wrong with a file is told before anything is compiled, and what is not installed.
    parts[0].subject.load()
    if options.plot is not None:
        importlib.import_module("lunaredge.cli.sim_plot")
    with _kept(options) as kept:
        with telling_of_compiling():
            # Here, so that workers find it done and time that is measured is the simulator's own.
            warm_up()
        tallies, error = _run_parts(options, parts, kept)
    if tallies[-1].mistaken:
        print(f"lunaredge sim: --only: can't be used, got {tallies[-1].mistaken}", file=sys.stderr)
        return EXIT_BAD_INPUT
    _print(options, tallies)
    if tallies[-1].unstruck:
        _tell(f"lunaredge sim: {tallies[-1].unstruck}")
    if error:
        print(f"lunaredge sim: {error}", file=sys.stderr)
        return error.exit_code
    if tallies[-1].is_interrupted:
        print("lunaredge: sim was interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_DONE if all(tally.is_good for tally in tallies) else EXIT_NOT_SO


def _parts(options: argparse.Namespace) -> list[Part]:
    limits = limits_of(options)

    def part(count: int | None, hours: float | None) -> Part:
        first = SEED_BASE if options.seed_base is None else options.seed_base
        subject = Subject(name=options.scenario, hours=hours, given=limits)
        return Part(subject, Seeds(first, count, options.seconds))

    if options.seed is not None:
        subject = Subject(name=options.scenario, hours=options.hours, given=limits)
        return [Part(subject, Seeds(options.seed, 1))]
    if options.campaign is not None and options.seeds is None and options.hours is None:
        return [part(count, hours) for count, hours in CAMPAIGN_PARTS]
    count = SEEDS if options.seeds is None and options.seconds is None else options.seeds
    return [part(count, options.hours)]


def _run_parts(
    options: argparse.Namespace, parts: list[Part], kept: Records | None
) -> tuple[list[Tally], LunarEdgeError | None]:
    """Give the tally of each part, and what broke it off, if anything did."""
    tallies: list[Tally] = []
    for part in parts:
        tally = Tally(part.subject)
        tallies.append(tally)
        begun_s = time.monotonic()
        try:
            if options.trace or options.plot is not None:
                _play(options, part.subject, tally)
            else:
                _run_all(options, part, tally, kept)
        except KeyboardInterrupt:
            tally.is_interrupted = True
        except (WorkerLost, StorageError) as exc:
            return tallies, exc
        finally:
            tally.wall_s = time.monotonic() - begun_s
        if tally.is_interrupted:
            break
    return tallies, None


def _run_all(options: argparse.Namespace, part: Part, tally: Tally, kept: Records | None) -> None:
    """Run the seeds, tell of each that fails, and shrink the first of each broken invariant."""
    subject, seeds = part
    talk = Talk(seeds.count, seeds.seconds)
    breaches: dict[str, None] = {}
    talk.progress(0, 0, is_fresh=False)
    try:
        for row, outcome, is_fresh in _finished(options, part, kept):
            tally.take(row)
            if tally.mistaken:
                return
            if not row.ok:
                replay = command(row.key.seed, subject, subject.limits)
                talk.line(f"FAILED seed={row.key.seed} {row.failure}; replay: {replay}")
            if outcome is not None and outcome.breach not in breaches and options.shrink > 0.0:
                breaches[outcome.breach] = None
                shrunk = _shrunk(outcome, subject, talk, options.shrink)
                tally.add_shrunk(outcome.seed, shrunk)
                talk.line(story(outcome.seed, subject, outcome, shrunk))
            talk.progress(tally.seeds, tally.seeds - tally.passed, is_fresh=is_fresh)
    finally:
        talk.clear()


def _finished(options: argparse.Namespace, part: Part, kept: Records | None) -> Iterator[Finished]:
    work, seeds = SeedWork(part.subject), part.seeds
    jobs = options.jobs if seeds.count is None else min(options.jobs, seeds.count)
    if kept is None:
        return finished(work, seeds.drawn(), jobs)
    return resumed(work, seeds, jobs, kept)


@contextmanager
def _kept(options: argparse.Namespace) -> Iterator[Records | None]:
    """Open the results of a campaign, and say what lies there."""
    if options.campaign is None:
        yield None
        return
    with records(options.campaign, source_digest()) as kept:
        _tell(f"results are kept in {kept.path}; there are {len(kept.rows)}")
        others = versions_beside(kept.path)
        if others:
            _tell(f"not counted: results of other versions of the source, {', '.join(others)}")
        yield kept


def _print(options: argparse.Namespace, tallies: list[Tally]) -> None:
    documents = [tally.document() for tally in tallies]
    if options.json:
        print(as_json(documents if len(documents) > 1 else documents[0]), flush=True)
        return
    print("\n\n".join(map(sentences, documents)), flush=True)


def _play(options: argparse.Namespace, subject: Subject, tally: Tally) -> None:
    """Run a seed as it is: tell each of its events, and draw its site, if that is asked for."""
    start_s = time.process_time()
    echo = _tell if options.trace else None
    run = prepared(options.seed, subject.load(), echo=echo, limits=subject.limits)
    outcome = run.outcome()
    tally.take(Row.of(subject.key(options.seed), outcome, time.process_time() - start_s))
    if tally.mistaken:
        return
    _tell(outcome.line())
    if options.plot is not None:
        # Here, since only who wants a picture has to have what draws it.
        from lunaredge.cli.sim_plot import draw, picture_of

        draw(picture_of(run, outcome), options.plot)
        _tell(f"drawn: {options.plot}")


def _shrunk(failed: Outcome, subject: Subject, talk: Talk, seconds: float) -> Shrunk:
    """Make a failure small, and tell how far it is."""
    end_s, count = time.monotonic() + seconds, 0

    def run_limited(limits: Limits) -> Outcome:
        nonlocal count
        count += 1
        strikes = len(failed.strikes) if limits.only is None else len(limits.only)
        talk.say(f"shrinking seed {failed.seed}: run {count}, faults in it: {strikes}")
        return run_seed(failed.seed, subject.load(), limits=limits)

    return shrink(failed, subject.limits, run_limited, lambda: time.monotonic() >= end_s)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
