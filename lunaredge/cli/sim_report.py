"""What came of many seeds: counted while they come in, and told as JSON and as sentences."""

import hashlib
import shlex
from typing import Any

import msgspec

from lunaredge import __version__
from lunaredge.cli.sim_scenario import S_PER_H, STANDARD, Subject
from lunaredge.cli.sim_talk import clock, noun
from lunaredge.cli.sim_words import words_of
from lunaredge.sim.campaign import Row
from lunaredge.sim.limits import NO_LIMITS, Limits
from lunaredge.sim.run import Outcome
from lunaredge.sim.shrink import Shrunk
from lunaredge.sim.version import source_digest

Document = dict[str, object]


class Tally:
    """Counts seeds as they are finished, in their order."""

    def __init__(self, subject: Subject) -> None:
        self.seeds = 0
        self.seed_first: int | None = None
        self.passed = 0
        self.failed: list[Document] = []
        self.wall_s = 0.0
        self.is_interrupted = False
        self.mistaken = ""
        """The faults that were asked for and that a whole run did not have; empty for none."""
        self.unstruck = ""
        """Those that a run which failed did not come to; empty for none."""
        self._subject = subject
        self._virtual_s = 0.0
        self._cpu_s = 0.0
        self._events = 0
        self._faults = 0
        self._breaches: dict[str, int] = {}
        self._checks: dict[str, int] = {}
        self._convergences_s: list[float] = []
        self._digest = hashlib.sha256()
        self._last_digest = ""

    def take(self, row: Row) -> None:
        """Count one more."""
        self.seeds += 1
        if self.seed_first is None:
            self.seed_first = row.key.seed
        self.passed += row.ok
        self._virtual_s += row.virtual_s
        self._cpu_s += row.cpu_s
        self._events += row.events
        self._faults += row.faults
        self._digest.update(row.digest.encode())
        self._last_digest = row.digest
        self._take_unstruck(row)
        for name, count in row.checks.items():
            self._checks[name] = self._checks.get(name, 0) + count
        if row.converged_s is not None:
            self._convergences_s.append(row.converged_s)
        if not row.ok:
            self._breaches[row.breach] = self._breaches.get(row.breach, 0) + 1
            replay = command(row.key.seed, self._subject, self._subject.limits)
            self.failed.append({"seed": row.key.seed, "failure": row.failure, "replay": replay})

    def _take_unstruck(self, row: Row) -> None:
        """Note which of the faults that were asked for did not strike."""
        limits = self._subject.limits
        numbers = [str(number) for number in limits.only or () if number > row.due_count]
        if not numbers:
            return
        within = "" if limits.until_s is None else f" in its first {limits.until_s:g} s"
        has = f"seed {row.key.seed} has {row.due_count} faults{within}"
        if row.ok:
            self.mistaken = f"{','.join(numbers)}; {has}"
        else:
            self.unstruck = f"of --only did not strike: {', '.join(numbers)}; the run failed before"

    def add_shrunk(self, seed: int, shrunk: Shrunk) -> None:
        """Keep what a failing seed was shrunk to."""
        for row in self.failed:
            if row["seed"] == seed:
                row["shrunk"] = {
                    "replay": command(seed, self._subject, shrunk.limits),
                    "failure": shrunk.outcome.failure,
                    "faults": msgspec.to_builtins(shrunk.outcome.strikes),
                    "runs": shrunk.runs,
                    "is_least": shrunk.is_least,
                }

    def document(self) -> Document:
        """Give the summary, as scripts read it."""
        times_s = sorted(self._convergences_s)
        return {
            "seeds": self.seeds,
            "seed_first": self.seed_first,
            "hours": self._subject.hours,
            "passed": self.passed,
            "failed": self.failed,
            "virtual_s": round(self._virtual_s, 3),
            "wall_s": round(self.wall_s, 3),
            "cpu_s": round(self._cpu_s, 3),
            "speed_x": round(self._virtual_s / self._cpu_s, 1) if self._cpu_s else None,
            "events": self._events,
            "faults": self._faults,
            "checks": self._checks,
            "violations": self._breaches,
            "converged": len(times_s),
            "convergence_s_median": round(times_s[len(times_s) // 2], 3) if times_s else None,
            "convergence_s_max": round(times_s[-1], 3) if times_s else None,
            "digest": self._last_digest if self.seeds == 1 else self._digest.hexdigest(),
            "source": source_digest(),
            "interrupted": self.is_interrupted,
        }

    @property
    def is_good(self) -> bool:
        """Whether every seed that was to be run passed."""
        return not self.is_interrupted and not self.mistaken and self.passed == self.seeds


def sentences(document: Document) -> str:
    """Give the summary, as people read it: a figure or two on each line."""
    d: dict[str, Any] = document
    if not d["seeds"]:
        return f"no seed was run{_cut_short(d)}"
    length = "" if d["hours"] is None else f" of {d['hours']:g} virtual {noun('hour', d['hours'])}"
    lines = [
        f"{d['passed']} of {d['seeds']} {noun('seed', d['seeds'])}{length} "
        f"from {d['seed_first']} on passed{_cut_short(d)}"
    ]
    lines += [
        f"{d['virtual_s'] / S_PER_H:,.1f} virtual hours in {clock(d['wall_s'])}; "
        f"{d['speed_x']:,.0f} x real time on one core ({clock(d['cpu_s'])} of processor time)",
        f"{d['events']:,} events, {d['faults']:,} faults",
        _counts("checks", d["checks"]),
        _counts("violations", d["violations"]),
        _converged(d),
    ]
    failed = d["failed"]
    assert isinstance(failed, list)
    for row in failed:
        shrunk = row.get("shrunk")
        lines += [f"seed {row['seed']}: {row['failure']}", f"  {row['replay']}"]
        lines += [] if shrunk is None else [f"  shrunk: {shrunk['replay']}"]
    lines.append(f"digest {d['digest'][:16]}, source {d['source']}")
    return "\n".join(lines)


def story(seed: int, subject: Subject, failed: Outcome, shrunk: Shrunk) -> str:
    """Tell of a shrunk failure: the faults that remain, the breach, the last events, the replay."""
    outcome, left = shrunk.outcome, len(shrunk.outcome.strikes)
    how = "no more can be left out" if shrunk.is_least else "more time (--shrink S) may find less"
    lines = [f"seed {seed} needs {left} of {len(failed.strikes)} faults to fail; {how}:"]
    lines += [strike.line() for strike in outcome.strikes]
    lines += [f"all through: {', '.join(outcome.steady) or 'calm weather'}"]
    lines += [f"safety phase: {outcome.safety_s:g} s", "the last events:", *outcome.last]
    lines += [outcome.failure, f"replay: {command(seed, subject, shrunk.limits)}"]
    return "\n".join([*lines, f"lunaredge {__version__}, source {source_digest()}"])


def command(seed: int, subject: Subject, limits: Limits = NO_LIMITS) -> str:
    """Give the command that plays a run again."""
    words = ["lunaredge", "sim", "--seed", f"{seed}"]
    if subject.name != STANDARD:
        words += ["--scenario", subject.name]
    if subject.hours is not None:
        words += ["--hours", f"{subject.hours:.12g}"]
        if limits.until_s == subject.hours * S_PER_H:
            limits = msgspec.structs.replace(limits, until_s=None)
    return shlex.join([*words, *words_of(limits), "--trace"])


def _cut_short(document: Document) -> str:
    return ", then it was interrupted" if document["interrupted"] else ""


def _counts(name: str, counts: object) -> str:
    assert isinstance(counts, dict)
    return f"{name}: " + (", ".join(f"{key} {count:,}" for key, count in counts.items()) or "none")


def _converged(document: Document) -> str:
    converged, seeds = document["converged"], document["seeds"]
    assert isinstance(converged, int)
    assert isinstance(seeds, int)
    text = f"converged: {100.0 * converged / seeds:.4g} %"
    if converged:
        median_s, worst_s = document["convergence_s_median"], document["convergence_s_max"]
        text += f", median after {median_s:.0f} s, the slowest after {worst_s:.0f} s"
    return text
