"""The seeds of `lunaredge sim`: which ones, and run here or in other processes."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from lunaredge.cli.sim_scenario import Subject
from lunaredge.cli.sim_words import SEEDS_MAX
from lunaredge.sim.campaign import Records, Row
from lunaredge.sim.run import Outcome, run_seed
from lunaredge.sim.workers import nothing, results_of


class Seeds(msgspec.Struct, frozen=True):
    """Which seeds are run: a number of them, or as many as there is time for."""

    first: int
    count: int | None
    seconds: float | None = None

    def drawn(self) -> Iterator[int]:
        """Give one seed after the other, until there are enough or the time is up.

        One at least: nothing run is no success.
        """
        end_s = None if self.seconds is None else time.monotonic() + self.seconds
        for seed in itertools.islice(itertools.count(self.first), self.count or SEEDS_MAX):
            yield seed
            if end_s is not None and time.monotonic() >= end_s:
                return


class Finished(NamedTuple):
    """One seed that is through: now, or in an earlier part of a campaign."""

    row: Row
    outcome: Outcome | None = None
    """The whole of it, where it failed just now."""
    is_fresh: bool = True


class SeedWork(msgspec.Struct, frozen=True):
    """What is done with each seed; can be sent to another process."""

    subject: Subject

    def __call__(self, seed: int) -> Finished:
        """Run one seed."""
        scenario = self.subject.load()
        start_s = time.process_time()
        outcome = run_seed(seed, scenario, limits=self.subject.limits)
        row = Row.of(self.subject.key(seed), outcome, time.process_time() - start_s)
        return Finished(row, None if outcome.ok else outcome)


def finished(
    work: SeedWork,
    seeds: Iterable[int],
    jobs: int,
    arrived: Callable[[Finished], None] = nothing,
) -> Iterator[Finished]:
    """Give what comes of each seed, in the order of the seeds; ``arrived`` hears of it at once.

    Raises:
        WorkerLost: a process died.
    """
    if jobs > 1:
        yield from results_of(work, seeds, jobs, arrived)
        return
    for seed in seeds:
        result = work(seed)
        arrived(result)
        yield result


def resumed(work: SeedWork, seeds: Seeds, jobs: int, kept: Records) -> Iterator[Finished]:
    """Give that, but run only what was not run before, and keep each as soon as it is done.

    Raises:
        WorkerLost: a process died.
        StorageError: a result can't be kept.
    """
    before = dict(kept.rows)
    wanted = list(seeds.drawn())
    missing = [seed for seed in wanted if work.subject.key(seed) not in before]
    fresh = finished(work, missing, jobs, lambda found: kept.add(found.row))
    for seed in wanted:
        row = before.get(work.subject.key(seed))
        yield next(fresh) if row is None else Finished(row, is_fresh=False)
