"""The demo's report for people."""

import textwrap
from collections.abc import Mapping, Sequence

from lunaredge.cli.table import shown
from lunaredge.printable import printable

Report = Mapping[str, object]

NAMES = {
    "I1": "separation: no two bodies ever overlapped",
    "I2": "authority: no motion outside a live authority",
    "I3": "reuse: no space granted twice",
    "I4": "accounting: every record archived once, or counted",
    "I5": "task once: every task ended exactly once",
    "I6": "authentic: forged and stale words changed nothing",
    "I7": "link-blind: outages stopped no work, freed none",
    "I8": "energy: no battery under its reserve",
    "I9": "replay: the journal rebuilds the scheduler exactly",
    "lockout": "lockout: what has a person's tag on it stands",
    "closure": "closure: nobody is in a zone that is shown clear",
    "standing": "standing: no way ends where nobody may stand",
    "taking": "taking: no ground is held by two, by their words",
    "shortening": "shortening: what is asked back is not given again",
}
VIOLATIONS_SHOWN = 20
# A terminal of 80 columns may wrap a line that fills it.
WIDTH = 79
NAME_WIDTH = 21
NUMBER_WIDTH = 2


def as_text(report: Report) -> str:
    """Give the report as lines of text, none wider than a plain terminal."""
    lines = ["", "Invariants, judged from the ground truth, the journal and the disks:"]
    lines += _invariants(_part(report, "invariants"))
    lines.append("")
    for name, value in _figures(report):
        lines += _folded(value, f"{name:<{NAME_WIDTH}}", NAME_WIDTH)
    violations = _texts(report, "violations")
    if violations:
        lines += ["", "Violations:"]
        for text in violations[:VIOLATIONS_SHOWN]:
            lines += _folded(text, "  ", 4)
    return "\n".join([*lines, "", verdict_text(report)])


def verdict_text(report: Report) -> str:
    """Give the report's last lines: whether the run is ok, and what spoils it."""
    if report["ok"]:
        verdicts = _part(report, "invariants").values()
        is_each_tried = all(isinstance(one, Mapping) and one["checked"] for one in verdicts)
        which = "every invariant" if is_each_tried else "every invariant that was tried"
        return f"OK: {which} held and every task was done."
    lines = ["NOT OK:"]
    for reason in _texts(report, "reasons"):
        lines += _folded(reason, "  - ", 4)
    return "\n".join(lines)


def _folded(text: str, first: str, indent: int) -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )


def _invariants(verdicts: Mapping[str, object]) -> list[str]:
    lines = []
    for name, verdict in verdicts.items():
        assert isinstance(verdict, Mapping)
        word, figure = "holds ", f"{verdict['checked']} checks"
        if not verdict["ok"]:
            word, figure = "BROKEN", f"{verdict['violations']} of {verdict['checked']}"
        elif not verdict["checked"]:
            # Who looked at nothing has proven nothing.
            word, figure = "", "not tried"
        # A rule without a number has its name in its title.
        number = name if len(name) <= NUMBER_WIDTH else ""
        title = NAMES.get(name, name)
        lines.append(f" {number:<{NUMBER_WIDTH}} {word:<6} {title:<51} {figure:>16}")
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
            f" {telemetry['lost']} lost"
            + (f", {telemetry['damaged']} damaged" if telemetry["damaged"] else ""),
        ),
        ("dropped by class", shown(telemetry["dropped_by_class"])),
        (
            "toward Earth",
            f"{earth['delivered']} delivered, {earth['waiting']} waiting, {earth['lost']} lost",
        ),
        (
            "Earth outages",
            f"{earth['outages']}; backlog peak {earth['backlog_peak']}"
            + (f", drained {_since_start(earth['drained_s'])}" if earth["outages"] else ""),
        ),
        ("commands refused", _refused(report)),
        ("forged by the demo", _forged(report["commands_refused"], attacks)),
        ("kills", ", ".join(str(kill["name"]) for kill in kills) or "none"),
        ("broker", f"{broker['kind']} {broker['version']}"),
        ("time", f"{_hours(report['virtual_s'])} of site time in {report['wall_s']} s"),
    ]


def _refused(report: Report) -> str:
    reasons = _part(report, "refused_by_reason")
    each = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    return f"{report['commands_refused']}: {each}" if each else "0"


def _forged(refused: object, attacks: Sequence[object]) -> str:
    """Say how the forged ones stand to those that were refused, so that the two add up."""
    assert isinstance(refused, int)
    count = len(attacks)
    if not count and not refused:
        return "0"
    if refused == count:
        return f"{count}, which are the refused ones"
    if refused > count:
        return f"{count} of these; {refused - count} came late or twice by themselves"
    return f"{count}; for {count - refused} the node ended before it could tell"


def _texts(report: Report, name: str) -> list[str]:
    texts = report[name]
    assert isinstance(texts, list)
    return [str(text) for text in texts]


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
