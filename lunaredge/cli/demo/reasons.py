"""Why a run is not ok, in sentences that a person can act on. No sentence, and it is.

Owns the judgement over the whole run: each finding that spoils it has a sentence here.
"""

from collections.abc import Iterator, Mapping, Sequence

from lunaredge.cli.demo.inquest import Findings
from lunaredge.cli.demo.record import RunRecord
from lunaredge.scheduler.backlog import SITE_ORDER
from lunaredge.scheduler.state import TaskEntry, TaskPhase

# Two screens of names; an order may have a thousand.
NAMED_MAX = 40

_ENDS = (TaskPhase.DONE, TaskPhase.FAILED, TaskPhase.CANCELLED)


def why_not_ok(findings: Findings, record: RunRecord, lost: Mapping[str, int]) -> list[str]:
    """Give every reason, the run's own end first; ``lost`` counts records by what they were."""
    damage = [str(damage) for damage in findings.damage]
    return [
        *_end(record),
        *damage,
        *_invariants(findings),
        *_tasks(findings, record),
        *_losses(lost),
    ]


def asked_for(findings: Findings) -> tuple[list[TaskEntry], int]:
    """Give what the books know of all tasks that people handed in, and how many these are.

    Beside the demo's own order there are those of the run's time; the site's own trips are none.
    """
    known = findings.core.state.tasks
    entries = [entry for entry in known.values() if entry.order != SITE_ORDER]
    unknown_count = sum(task.id not in known for task in findings.order.tasks)
    return entries, len(entries) + unknown_count


def _end(record: RunRecord) -> Iterator[str]:
    if record.trouble:
        yield f"the run was broken off: {record.trouble}"
    elif not record.finished:
        yield "the run did not come to its end"


def _invariants(findings: Findings) -> Iterator[str]:
    for name, verdict in findings.invariants.items():
        if not verdict.ok:
            yield f"{name} broke in {verdict.violations} of {verdict.checked} checks"


def _tasks(findings: Findings, record: RunRecord) -> Iterator[str]:
    entries, total = asked_for(findings)
    known, ordered = findings.core.state.tasks, findings.order.tasks
    if not any(task.id in known for task in ordered):
        yield f"the order was not taken: the scheduler knows none of its {len(ordered)} tasks"
        return
    cancelled = [entry for entry in entries if entry.phase is TaskPhase.CANCELLED]
    failed = [entry for entry in entries if entry.phase is TaskPhase.FAILED]
    under_way = [entry for entry in entries if entry.phase not in _ENDS]
    if cancelled or failed or under_way:
        counts = f"{len(cancelled) or 'none'} of {total} tasks cancelled, {len(failed) or 'none'}"
        yield f"{counts} failed, {len(under_way) or 'none'} still to do"
    if under_way and record.trouble:
        yield "not judged: whether what is still to do would have ended (I5)"
    for word, found in (("cancelled", cancelled), ("failed", failed), ("still to do", under_way)):
        if found:
            yield f"{word}: {_told(found)}"


def _told(entries: Sequence[TaskEntry]) -> str:
    """Name tasks with their reasons; those that only followed another one, after them."""
    ids = {entry.task.id for entry in entries}
    followers = [entry for entry in entries if entry.reason.partition(" ")[0] in ids]
    roots = [_with_reason(entry) for entry in entries if entry not in followers]
    told = _named(roots)
    if followers:
        told += f"; with that, what comes after: {_named([str(f.task.id) for f in followers])}"
    return told


def _named(names: Sequence[str]) -> str:
    rest = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {rest} more" if rest > 0 else "")


def _with_reason(entry: TaskEntry) -> str:
    is_told = entry.reason and entry.reason != entry.phase.value
    return f"{entry.task.id} ({entry.reason})" if is_told else str(entry.task.id)


def _losses(lost: Mapping[str, int]) -> Iterator[str]:
    for what, count in lost.items():
        if count:
            yield f"{count} {what} lost"
