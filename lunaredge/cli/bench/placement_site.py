"""The real problem of `lunaredge bench placement`: whole sites, ours in 1 s against CP-SAT in 60 s.

Not how fast is compared, but how good: the plan's score, after processor time that is given.
"""

import sys
import time
from collections.abc import Iterator
from typing import Protocol

import msgspec

from lunaredge.cli.bench.contest import OURS, STATISTIC, ContenderFailed, Contest, Processes
from lunaredge.cli.bench.placement_site_cpsat import solve
from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.placement.engine import Planner
from lunaredge.placement.plan import Score
from lunaredge.placement.problem import Problem
from lunaredge.placement.travel import Travel
from lunaredge.placement.warmup import warm_up

SIZES = ((20, 5), (200, 50), (2_000, 200))
PEER = "ortools"
OURS_S = 1.0
# The whole comparison: ten sites of each size, CP-SAT with a minute for each.
SEEDS, PEER_S, WHOLE_S = 10, 60.0, 2_000.0
# A short one: as many of these as there is time for.
SECONDS = 90.0
_SHORT_SIZES, _SHORT_SEEDS, _SHORT_PEER_S = SIZES[:2], 2, 20.0
# A bound is promised for these only.
_SMALL_TASKS = 50

_TERMS = (
    "Processor time of one thread, reading the problem included: ours 1 s, CP-SAT {peer_s:g} s"
    " (with --seconds 2000 or more: 60 s, on ten sites of each size). The same site on both sides"
    " and all of its constraints in both; each model's plans are checked apart, by the tests' judge"
)
_LATE = "Weighted tardiness, which counts first. Of the ratio 1 is added to both numbers"
_COST = "Joules; they decide only where tardiness is equal, and have no ratio elsewhere"
_VERDICT = "1: no worse than the other by the score, tardiness first. Ratio: of what decides"
_GAP = "How far each one's plan may be from the best, by its own bound, of what its bound decides"


class Outcome(msgspec.Struct, frozen=True):
    """What one contender reached on one site; without a score there is a reason."""

    score: tuple[int, int] | None
    bound: tuple[int, int] | None
    reason: str = ""


class SiteContender(Protocol):
    """One way of planning a site."""

    def answer(self, case: str) -> object:
        """Plan the site of a case for as long as it says; give an `Outcome` as JSON."""
        ...


def rows(options: BenchOptions) -> list[BenchRow]:
    """Plan each site with both, and give the rows."""
    cases, peer_s = campaign(options.seconds or SECONDS)
    contest = Contest(module=__name__, cases=dict.fromkeys(cases, ""), metric="late_s", unit="s")
    found: list[BenchRow] = []
    verdicts: list[tuple[bool, bool]] = []
    with Processes() as processes:
        for case in cases:
            print(f"site {case}", file=sys.stderr, flush=True)
            ours = _asked(processes, contest, OURS, f"{case}{STATISTIC}{OURS_S}")
            theirs = _asked(processes, contest, PEER, f"{case}{STATISTIC}{peer_s}")
            if ours.score is None:
                raise ContenderFailed(f"{case}: {ours.reason}")
            found += compared(case, ours, theirs, _TERMS.format(peer_s=peer_s))
            if theirs.score is not None:
                verdicts.append((ours.score <= theirs.score, theirs.score <= ours.score))
    return [*found, *_summary(verdicts, _TERMS.format(peer_s=peer_s))]


def campaign(seconds: float) -> tuple[list[str], float]:
    """Give the cases that so much time is for, and how long CP-SAT has for each."""
    if seconds >= WHOLE_S:
        return [_case(size, seed + 1) for size in SIZES for seed in range(SEEDS)], PEER_S
    short = [_case(size, seed + 1) for seed in range(_SHORT_SEEDS) for size in _SHORT_SIZES]
    count = max(1, min(len(short), int(seconds / (_SHORT_PEER_S + OURS_S))))
    return short[:count], max(OURS_S, min(_SHORT_PEER_S, seconds / count - OURS_S))


def contender(name: str) -> SiteContender:
    """Make a contender."""
    return OurSite() if name == OURS else CpsatSite()


class OurSite:
    """lunaredge's planner."""

    def __init__(self) -> None:
        # Its kernels are compiled before the time begins, all of them, however long that takes.
        warm_up()

    def answer(self, case: str) -> object:
        """Plan for so much processor time."""
        instance, seconds = _parsed(case)
        score, bound = _plan(instance, seconds)
        return msgspec.to_builtins(Outcome(_pair(score), _pair(bound)))


class CpsatSite:
    """OR-tools' CP-SAT, with the model in `placement_site_cpsat`."""

    def __init__(self) -> None:
        # Missing is said now, and loading is not its time.
        solve(*site_instance(SIZES[0], 0), OURS_S)

    def answer(self, case: str) -> object:
        """Plan for so much processor time."""
        instance, seconds = _parsed(case)
        plan, bound, status = solve(*instance, seconds)
        score = None if plan is None else _pair(plan.score)
        return msgspec.to_builtins(Outcome(score, None if bound is None else _pair(bound), status))


def compared(case: str, ours: Outcome, theirs: Outcome, terms: str) -> Iterator[BenchRow]:
    """Give the rows of one site: tardiness, cost, who is no worse, and how far from the best."""
    assert ours.score is not None, "ours always has a plan"
    pairs = [("late_s", "s", 0, _LATE), ("cost_j", "J", 1, _COST)]
    for metric, unit, which, about in pairs:
        row = _row(case, metric, unit, float(ours.score[which]), f"{about}. {terms}")
        if theirs.score is None:
            yield _without(row, theirs)
            continue
        is_fair = which == 0 or ours.score[0] == theirs.score[0]
        ratio = _ratio(ours.score[which], theirs.score[which]) if is_fair else None
        yield _against(row, float(theirs.score[which]), ratio)
    row = _row(case, "no_worse", "of 1", 1.0, f"{_VERDICT}. {terms}")
    if theirs.score is None:
        yield _without(row, theirs)
    else:
        decides = 0 if ours.score[0] != theirs.score[0] else 1
        row = msgspec.structs.replace(row, ours=float(ours.score <= theirs.score))
        ratio = _ratio(ours.score[decides], theirs.score[decides])
        yield _against(row, float(theirs.score <= ours.score), ratio)
    if int(case.split(" ")[0].replace(",", "")) <= _SMALL_TASKS:
        row = _row(case, "gap_pct", "%", _gap_pct(ours), f"{_GAP}. {terms}")
        gap_pct = _gap_pct(theirs)
        yield _without(row, theirs) if gap_pct is None else _against(row, gap_pct, None)


def _summary(verdicts: list[tuple[bool, bool]], terms: str) -> Iterator[BenchRow]:
    """Give on how many of the sites on which CP-SAT has a plan each is no worse."""
    if verdicts:
        shares = [100.0 * sum(one) / len(verdicts) for one in zip(*verdicts, strict=True)]
        case = f"{len(verdicts)} with a plan of both"
        row = _row(case, "no_worse_pct", "%", shares[0], f"{_VERDICT}. {terms}")
        yield _against(row, shares[1], None)


def _gap_pct(outcome: Outcome) -> float | None:
    if outcome.score is None or outcome.bound is None:
        return None
    which = 0 if outcome.score[0] != outcome.bound[0] else 1
    reached, bound = outcome.score[which], outcome.bound[which]
    return 100.0 * (reached - bound) / max(1, reached)


def _ratio(ours: int, theirs: int) -> float:
    """Give how many times better ours is; two zeros are alike."""
    return (theirs + 1.0) / (ours + 1.0)


def _row(case: str, metric: str, unit: str, ours: float | None, note: str) -> BenchRow:
    return BenchRow(case=case, metric=metric, unit=unit, ours=ours, note=note, job="site")


def _against(row: BenchRow, value: float, ratio: float | None) -> BenchRow:
    return msgspec.structs.replace(row, peer=PEER, peer_value=value, ratio=ratio)


def _without(row: BenchRow, theirs: Outcome) -> BenchRow:
    return msgspec.structs.replace(row, peer=PEER, reason=theirs.reason)


def _asked(processes: Processes, contest: Contest, name: str, case: str) -> Outcome:
    process = processes.of(name, contest)
    said = process.ask("answer", case)
    if said is None:
        return Outcome(None, None, process.reason)
    return msgspec.convert(said, Outcome)


def _case(size: tuple[int, int], seed: int) -> str:
    return f"{size[0]:,} x {size[1]} #{seed}"


def _parsed(case: str) -> tuple[tuple[Problem, Travel], float]:
    """Draw the site that a case names, and read how long there is for it."""
    name, _, seconds = case.partition(STATISTIC)
    size, _, seed = name.partition(" #")
    tasks, _, nodes = size.replace(",", "").partition(" x ")
    return site_instance((int(tasks), int(nodes)), int(seed)), float(seconds)


def _plan(instance: tuple[Problem, Travel], seconds: float) -> tuple[Score, Score]:
    end_s = time.process_time() + seconds
    planner = Planner(*instance, seed=1)
    planner.improve(lambda: time.process_time() >= end_s)
    return planner.plan().score, planner.bound()


def _pair(score: Score) -> tuple[int, int]:
    return score.late_s, score.cost_j
