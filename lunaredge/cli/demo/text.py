"""The demo's report for people."""

from collections.abc import Mapping

from lunaredge.cli.table import shown

Report = Mapping[str, object]

NAMES = {
    "I1": "separation: no two bodies ever overlapped",
    "I2": "authority: no motion outside a live authority",
    "I3": "reuse: no space granted twice",
    "I4": "accounting: every record archived once, or counted",
    "I5": "task once: every task ended exactly once",
    "I6": "authentic: forged and stale words changed nothing",
    "I7": "link-blind: the outage stopped no work, freed none",
    "I8": "energy: no battery under its reserve",
    "I9": "replay: the journal rebuilds the scheduler exactly",
}
VIOLATIONS_SHOWN = 20


def as_text(report: Report) -> str:
    """Give the report as lines of text."""
    lines = ["", "Invariants, judged from the ground truth, the journal and the disks:"]
    lines += _invariants(_part(report, "invariants"))
    lines.append("")
    lines += [f"{name:<21}{value}" for name, value in _figures(report)]
    violations = report.get("violations")
    if isinstance(violations, list) and violations:
        lines += ["", "Violations:", *(f"  {text}" for text in violations[:VIOLATIONS_SHOWN])]
    if report.get("trouble"):
        lines += ["", f"Trouble: {report['trouble']}"]
    lines += ["", "OK: every invariant held." if report["ok"] else "NOT OK."]
    return "\n".join(lines)


def _invariants(verdicts: Mapping[str, object]) -> list[str]:
    lines = []
    for name, verdict in verdicts.items():
        assert isinstance(verdict, Mapping)
        word = "holds " if verdict["ok"] else "BROKEN"
        found = f", {verdict['violations']} broken" if verdict["violations"] else ""
        checks = f"{verdict['checked']:>7} checks{found}"
        lines.append(f"  {name} {word} {NAMES.get(name, ''):<51} {checks}")
    return lines


def _figures(report: Report) -> list[tuple[str, str]]:
    tasks, telemetry = _part(report, "tasks"), _part(report, "telemetry")
    earth, broker = _part(report, "earth"), _part(report, "broker")
    kills = report["kills"]
    attacks = report["attacks"]
    assert isinstance(kills, list)
    assert isinstance(attacks, list)
    separation = report["separation_m_min"]
    return [
        (
            "tasks",
            f"{tasks['done']} done, {tasks['failed']} failed, {tasks['cancelled']} cancelled"
            f" of {tasks['submitted']}",
        ),
        ("interventions", shown(report["interventions"])),
        ("authorities granted", shown(report["authorities_granted"])),
        (
            "smallest separation",
            f"{separation:.2f} m" if isinstance(separation, float) else "never near",
        ),
        (
            "telemetry records",
            f"{telemetry['produced']} produced, {telemetry['archived']} archived,"
            f" {telemetry['duplicates_removed']} duplicates removed, {telemetry['lost']} lost",
        ),
        ("dropped by class", shown(telemetry["dropped_by_class"])),
        (
            "toward Earth",
            f"{earth['delivered']} delivered, {earth['waiting']} waiting, {earth['lost']} lost",
        ),
        (
            "Earth outages",
            f"{earth['outages']}; backlog peak {earth['backlog_peak']},"
            f" drained {_since_start(earth['drained_s'])}",
        ),
        ("commands refused", f"{report['commands_refused']} ({len(attacks)} forged by the demo)"),
        ("kills", ", ".join(str(kill["name"]) for kill in kills) or "none"),
        ("broker", f"{broker['kind']} {broker['version']}"),
        ("time", f"{_hours(report['virtual_s'])} of site time in {report['wall_s']} s"),
    ]


def _part(report: Report, name: str) -> Mapping[str, object]:
    part = report[name]
    assert isinstance(part, Mapping)
    return part


def _since_start(at_s: object) -> str:
    return f"at T+{_hours(at_s)}" if isinstance(at_s, float) else "never"


def _hours(duration_s: object) -> str:
    assert isinstance(duration_s, float)
    minutes = round(duration_s / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
