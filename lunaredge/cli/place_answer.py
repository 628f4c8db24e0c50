"""What `lunaredge place` answers: a plan with its bound and its reasons, for people and scripts."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from lunaredge.cli import place_score
from lunaredge.cli.place_score import Lateness, gaps_pct
from lunaredge.cli.table import Column, Row, render, shown
from lunaredge.placement import NodeWhy, Placed, Plan, Problem, Score, Why
from lunaredge.placement.refusals import listed

_COLUMNS = (
    Column("task", "TASK"),
    Column("node", "NODE"),
    Column("start_s", "START_S"),
    Column("end_s", "END_S"),
    Column("charged_s", "CHARGED_S", spare=2),
    Column("energy_j", "J", spare=1),
    Column("waits_for", "WAITS FOR", is_free=True),
)
_REASONS = (
    Column("node", "NODE"),
    Column("constraint", "REFUSED BY"),
    Column("detail", "DETAIL", is_free=True, wraps=True),
)
_NUMBERS = {"start_s", "end_s", "charged_s", "energy_j", "late_s", "cost_j"}
# Of reasons, where stdout is no terminal.
_LINE_WIDTH = 80


class Kept(NamedTuple):
    """How much of the plan that it began with a plan has still."""

    tasks: int
    on_node: int
    """So many have the node that they had."""
    at_start: int
    """And so many of these their start too."""


class Answer(NamedTuple):
    """What was found."""

    problem: Problem
    plan: Plan
    bound: Score
    late: Lateness
    whys: tuple[Why, ...]
    kept: Kept | None


def kept_of(start: Plan, plan: Plan) -> Kept:
    """Compare a plan with the one that it began with."""
    now = {item.task: item for item in plan.placed}
    stays = [
        (item, now[item.task])
        for item in start.placed
        if item.task in now and now[item.task].node == item.node
    ]
    at_start = sum(one.start_s == other.start_s for one, other in stays)
    return Kept(tasks=len(start.placed), on_node=len(stays), at_start=at_start)


def as_text(answer: Answer, wanted: list[str], width: int | None) -> str:
    """Give it as people read it: its rows, what is left out and why, how good it is."""
    plan = answer.plan
    rows = [_row(item) for item in sorted(plan.placed, key=lambda one: (one.start_s, one.node))]
    columns = [c for c in _COLUMNS if any(row[c.key] is not None for row in rows)]
    parts = [render(rows, _aligned(rows, columns), width), ""] if rows else []
    for why in answer.whys:
        parts.append(_wrapped(why.text, width))
        if why.task in wanted and why.nodes:
            parts += [render(_reasons(why), _REASONS, width), ""]
    told = {why.task for why in answer.whys}
    rest = [name for name in plan.unplaced if name not in told]
    if rest:
        too = " too" if answer.whys else ""
        more = f"Not placed{too}: {listed(rest)}; --why TASK says why, --json names them all."
        parts.append(_wrapped(more, width))
    if parts and parts[-1]:
        parts.append("")
    scores = place_score.rows_of(plan, answer.bound, answer.late)
    table = render(scores, _aligned(scores, place_score.COLUMNS), width)
    parts += [_wrapped(_summary(answer), width), table]
    return "\n".join(parts)


def document_of(answer: Answer) -> dict[str, Any]:
    """Give it as scripts get it, and as a file keeps it."""
    late_pct, cost_pct = gaps_pct(answer.plan.score, answer.bound, answer.late.hopeless_s)
    return {
        "placed": len(answer.plan.placed),
        "unplaced": len(answer.plan.unplaced),
        "makespan_s": makespan_s(answer.plan),
        "plan": msgspec.to_builtins(answer.plan),
        "late": answer.late._asdict(),
        "bound": msgspec.to_builtins(answer.bound),
        "late_gap_pct": late_pct,
        "cost_gap_pct": cost_pct,
        "nodes": _loads(answer),
        "start": None if answer.kept is None else answer.kept._asdict(),
        "why": [_why(why) for why in answer.whys],
    }


def makespan_s(plan: Plan) -> int:
    """Give when the last task ends."""
    return max((item.end_s for item in plan.placed), default=0)


def _row(item: Placed) -> Row:
    return {
        "task": item.task,
        "node": item.node,
        "start_s": item.start_s,
        "end_s": item.end_s,
        "charged_s": None if item.charge is None else item.charge.end_s,
        "energy_j": item.energy_j + item.travel_j,
        "waits_for": f"{item.wait.cause} {item.wait.task}".strip(),
    }


def _aligned(rows: list[Row], columns: Sequence[Column]) -> list[Column]:
    """Have the numbers of each column end below each other and its heading."""
    found = []
    for column in columns:
        key, heading = column.key, column.heading
        if key in _NUMBERS:
            width = max([len(heading), *(len(shown(row[key])) for row in rows)])
            for row in rows:
                row[key] = shown(row[key]).rjust(width)
            column = column._replace(heading=heading.rjust(width))
        found.append(column)
    return found


def _summary(answer: Answer) -> str:
    plan, problem = answer.plan, answer.problem
    busy = len({item.node for item in plan.placed})
    text = f"{len(plan.placed)} of {len(problem.tasks)} tasks are placed"
    if plan.placed:
        text += f", on {busy} of {len(problem.nodes)} nodes; the last ends at {makespan_s(plan)} s"
    return f"{text}."


def _wrapped(text: str, width: int | None) -> str:
    """Give a text in lines of the terminal's width."""
    return textwrap.fill(
        shown(text), min(_LINE_WIDTH, width or _LINE_WIDTH), subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _loads(answer: Answer) -> list[dict[str, Any]]:
    """Give what each node does, by sums."""
    items: dict[str, list[Placed]] = {node.id: [] for node in answer.problem.nodes}
    for item in answer.plan.placed:
        items[item.node].append(item)
    return [
        {
            "node": node,
            "tasks": len(own),
            "busy_s": sum(item.end_s - item.start_s for item in own),
            "travel_s": sum(item.travel_s for item in own),
            "energy_j": sum(item.energy_j for item in own),
            "travel_j": sum(item.travel_j for item in own),
            "charges": sum(item.charge is not None for item in own),
            "charged_j": sum(item.charge.energy_j for item in own if item.charge is not None),
        }
        for node, own in items.items()
    ]


def _reasons(why: Why) -> list[Row]:
    """Give what refuses the task: everywhere, then on each node."""
    pairs = [("(every node)", one) for one in why.general]
    pairs += [(node.node, one) for node in why.nodes for one in node.refusals]
    return [
        {"node": node, "constraint": one.constraint.value, "detail": one.detail}
        for node, one in pairs
    ]


def _why(why: Why) -> dict[str, Any]:
    return {
        "task": why.task,
        "placed": why.is_placed,
        "is_final": why.is_final,
        "text": why.text,
        "general": msgspec.to_builtins(why.general),
        "nodes": [_node(node, is_kept_out=bool(why.general)) for node in why.nodes],
    }


def _node(node: NodeWhy, *, is_kept_out: bool) -> dict[str, Any]:
    offer = None
    if node.items and not is_kept_out:
        offer = {"start_s": node.items[0].start_s, "end_s": node.items[0].end_s}
    return {
        "node": node.node,
        "offer": offer,
        "refusals": msgspec.to_builtins(node.refusals),
    }
