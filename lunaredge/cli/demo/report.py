"""The demo's report: what the inquest found, in the shape that scripts rely on."""

import json
from pathlib import Path

import msgspec

from lunaredge.cli.demo.bulk import totals_of
from lunaredge.cli.demo.earthward import Sent, missing_count, uploads_to_earth
from lunaredge.cli.demo.inquest import Findings, Inquest, planned_changes
from lunaredge.cli.demo.reasons import asked_for, why_not_ok
from lunaredge.cli.demo.record import RunRecord
from lunaredge.runtime.store import Store
from lunaredge.scheduler import ingest
from lunaredge.scheduler.state import TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire.messages import RecordClass

Report = dict[str, object]


def make_report(folder: Path, record: RunRecord) -> Report:
    """Judge a run and give its report.

    Raises:
        LunarEdgeError: a part of the run's evidence is missing or damaged.
    """
    link: dict[str, object] = json.loads(record.link)
    findings = Inquest(folder, record).hold()
    tasks = tell_of_tasks(findings)
    telemetry = _telemetry(folder, findings)
    sent = uploads_to_earth(folder)
    outages_ns = [at_ns for at_ns, up in planned_changes(record) if not up]
    earth = tell_of_earth(sent, link, outages_ns, record.start_ns)
    lost = {
        "telemetry records": findings.jury.accounting.lost,
        "records toward Earth": missing_count(sent),
    }
    reasons = why_not_ok(findings, record, lost)
    return {
        "ok": not reasons,
        "reasons": reasons,
        "invariants": msgspec.to_builtins(findings.invariants),
        "tasks": tasks,
        "telemetry": telemetry,
        "earth": earth,
        "damaged": [msgspec.to_builtins(damage) for damage in findings.damage],
        "separation_m_min": findings.truth.separation_m_min,
        "authorities_granted": findings.core.state.authority_no,
        "commands_refused": sum(findings.refused.values()),
        "refused_by_reason": findings.refused,
        "attacks": [msgspec.to_builtins(attack) for attack in record.attacks],
        "interventions": findings.core.state.interventions,
        "kills": [msgspec.to_builtins(kill) for kill in record.kills],
        "earthwork": {"pits_kg": findings.truth.pits_kg, "piles_kg": findings.truth.piles_kg},
        "journal": {"entries": findings.journal_entries, "digest": findings.core.state.digest()},
        "virtual_s": s_from_ns(record.end_ns - record.start_ns),
        "wall_s": round(record.wall_s, 1),
        "broker": record.broker,
        "trouble": record.trouble,
        "violations": findings.violations,
    }


def tell_of_tasks(findings: Findings) -> dict[str, int]:
    """Count what people handed in, before the run and in it, and the site's own errands."""
    entries, total = asked_for(findings)
    counts = {
        phase: sum(entry.phase is phase for entry in entries)
        for phase in (TaskPhase.DONE, TaskPhase.FAILED, TaskPhase.CANCELLED)
    }
    return {
        "submitted": total,
        **{phase.value: count for phase, count in counts.items()},
        "errands": len(findings.core.state.tasks) - len(entries),
    }


def _telemetry(folder: Path, findings: Findings) -> dict[str, object]:
    accounting = findings.jury.accounting
    streams = ingest.Ingest()
    store = Store.open_to_read(folder / "stores" / "scheduler.sqlite")
    for row in store.rows():
        if row.table == ingest.TABLE:
            streams.restore(row)
    store.close()
    totals = streams.totals()
    bulk = totals_of(folder)
    dropped = {kind.value: accounting.dropped_by_class.get(kind.value, 0) for kind in RecordClass}
    return {
        "produced": accounting.produced,
        "archived": accounting.archived,
        "duplicates_removed": sum(row["duplicates"] for row in totals.values()),
        "quarantined": sum(row["quarantined"] for row in bulk.values()),
        "dropped_by_class": dropped,
        "waiting": findings.waiting,
        "lost": accounting.lost,
        "damaged": accounting.damaged,
        "by_class": totals | bulk,
    }


def tell_of_earth(
    sent: list[Sent], link: dict[str, object], outages_ns: list[int], start_ns: int
) -> dict[str, object]:
    """Give what became of all that was for Earth; outages are planned ones, by their start."""
    peak, delivered = link.get("backlog_peak"), link.get("delivered")
    told, drained_ns = link.get("outages"), link.get("drained_ns")
    # The gateway tells of unplanned ones too, but only of those since it was last started.
    outages = max(len(outages_ns), told if isinstance(told, int) else 0)
    # Before an outage nothing was held back: the time is then of the first contact.
    drained_s = None
    if outages and isinstance(drained_ns, int) and drained_ns > min(outages_ns, default=0):
        drained_s = s_from_ns(drained_ns - start_ns)
    return {
        "outages": outages,
        "backlog_peak": peak.get("items", 0) if isinstance(peak, dict) else 0,
        "drained_s": drained_s,
        "delivered": sum(delivered.values()) if isinstance(delivered, dict) else 0,
        "delivered_by_class": delivered,
        "dropped_by_class": link.get("dropped"),
        "waiting": sum(not one.on_earth for one in sent),
        "lost": missing_count(sent),
    }
