"""Generalised assignment: how far from the best known cost, after 0.1, 1 and 10 s.

Ours and each peer in a process of its own, on the same instances, one thread each, in turn. Each
gives its plan, which is checked here, task by task, before its cost counts.
"""

import sys
import time
from typing import NamedTuple

import msgspec
import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest, Process, Processes
from lunaredge.cli.bench.placement_gap_data import BUDGET, Instance, cost_of, drawn, instances
from lunaredge.cli.bench.row import BenchOptions, BenchRow, row_against
from lunaredge.placement.assign import AssignOptions, assign

PEERS = {"ortools": "ortools", "highspy": "highspy"}
PEER_S = 10.0
BUDGETS_S = (0.1, 1.0, 10.0)
# What one instance takes when nobody is in a hurry.
_WHOLE_S = sum(BUDGETS_S) + PEER_S * len(PEERS)
_ENDLESS = 1 << 40
_NOTE = (
    "Processor time of one thread, all preparation included in ours; a peer's time counts from a"
    " model that is built. Plans are checked apart. Bound by how many groups of 5 nodes share"
    " their tasks anew, some 40 us each, and, where the nodes' knapsacks aren't too large, by the"
    " beams and trees beside them, which end it once a plan is proven to be the cheapest"
)


class _Answer(NamedTuple):
    """What a contender found; without a cost there is a reason."""

    cost: int | None
    bound: float
    reason: str = ""


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    found = instances(options.data)
    peer_s, count = _share(options.seconds, len(found))
    chosen = [found[k * len(found) // count] for k in range(count)]
    note = _NOTE if count == len(found) else f"{_NOTE}. {count} of {len(found)} instances"
    if count < len(found):
        print(
            f"{options.seconds:g} s are enough for {count} of {len(found)} instances; all take "
            f"{_WHOLE_S * len(found):g} s",
            file=sys.stderr,
        )
    contest = Contest(
        module=__name__,
        cases={},
        metric="gap_pct",
        unit="%",
        peers=PEERS,
        data=() if options.data is None else (options.data,),
    )
    with Processes() as processes:
        sides = {name: processes.of(key, contest) for name, key in PEERS.items()}
        ours = processes.of(OURS, contest)
        return [row for instance in chosen for row in _rows_of(instance, ours, sides, peer_s, note)]


def contender(name: str, folder: str | None = None) -> object:
    """Make a contender."""
    known = {instance.name: instance for instance in instances(folder)}
    if name == OURS:
        return OurAssign(known)
    from lunaredge.cli.bench import placement_gap_peers

    return placement_gap_peers.contender(name, known)


class OurAssign:
    """lunaredge's own search."""

    def __init__(self, known: dict[str, Instance]) -> None:
        self._known = known
        # Compiled before the clock runs, what proves a plan to be the cheapest too.
        warm = drawn("C", 200, 20)
        assign(warm.costs, warm.usages, warm.capacities, options=AssignOptions(rounds=2_000))

    def answer(self, case: str) -> object:
        """Give the plan, and its bound."""
        name, _, seconds = case.partition(BUDGET)
        instance = self._known[name]
        end_s = time.process_time() + float(seconds)
        plan = assign(
            instance.costs,
            instance.usages,
            instance.capacities,
            options=AssignOptions(rounds=_ENDLESS),
            is_over=lambda: time.process_time() >= end_s,
        )
        return {"nodes": plan.nodes.tolist(), "bound": plan.bound}


def _share(seconds: float | None, count: int) -> tuple[float, int]:
    """Give how long a peer may take, and how many instances there is time for."""
    if seconds is None:
        return PEER_S, count
    if seconds >= _WHOLE_S:
        return PEER_S, min(count, int(seconds / _WHOLE_S))
    return PEER_S * seconds / _WHOLE_S, 1


def _rows_of(
    instance: Instance, ours: Process, sides: dict[str, Process], peer_s: float, note: str
) -> list[BenchRow]:
    budgets_s = [budget_s for budget_s in BUDGETS_S if budget_s <= max(peer_s, BUDGETS_S[0])]
    answers = {budget_s: _answer(instance, ours, budget_s) for budget_s in budgets_s}
    peers = {name: _answer(instance, side, peer_s) for name, side in sides.items()}
    bounds = [answer.bound for answer in (*answers.values(), *peers.values())]
    best = float(max(bounds)) if instance.best_known is None else float(instance.best_known)
    to = "the best bound that anybody found" if instance.best_known is None else "the best known"
    found = []
    for budget_s, answer in answers.items():
        row = BenchRow(
            case=f"assign {instance.name}, {budget_s:g} s",
            metric="gap_pct",
            unit="%",
            ours=_gap_pct(answer, best),
            note=f"{answer.reason}To {to}, {best:g}. The peers had {peer_s:.3g} s each. {note}",
        )
        found += [_against(row, name, peer, best) for name, peer in peers.items()]
    return found


def _against(row: BenchRow, peer: str, answer: _Answer, best: float) -> BenchRow:
    gap_pct = _gap_pct(answer, best)
    if gap_pct is None or row.ours is None:
        reason = answer.reason or "ours found no plan"
        return msgspec.structs.replace(row, peer=peer, peer_value=gap_pct, reason=reason)
    return row_against(row, peer, gap_pct, more_is_better=False)


def _answer(instance: Instance, side: Process, seconds: float) -> _Answer:
    said = side.ask("answer", f"{instance.name}{BUDGET}{seconds:g}")
    if not isinstance(said, dict):
        return _Answer(None, -np.inf, side.reason)
    bound = -np.inf if said["bound"] is None else float(said["bound"])
    if said["nodes"] is None:
        return _Answer(None, bound, "it found no plan in its time")
    cost = cost_of(instance, said["nodes"])
    return _Answer(cost, bound, "" if cost is not None else "its plan breaks a rule")


def _gap_pct(answer: _Answer, best: float) -> float | None:
    if answer.cost is None:
        return None
    return 100.0 * (answer.cost - best) / max(abs(best), 1.0)
