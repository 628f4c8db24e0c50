from lunaredge.cli.demo.text import as_text


def report(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "ok": True,
        "invariants": {"I1": {"ok": True, "checked": 7, "violations": 0}},
        "tasks": {"submitted": 2, "done": 2, "failed": 0, "cancelled": 0},
        "telemetry": {
            "produced": 10,
            "archived": 10,
            "duplicates_removed": 1,
            "lost": 0,
            "dropped_by_class": {"raw": 0},
        },
        "earth": {
            "outages": 1,
            "backlog_peak": 5,
            "drained_s": 6600.0,
            "delivered": 9,
            "waiting": 0,
            "lost": 0,
        },
        "separation_m_min": 2.5,
        "authorities_granted": 3,
        "commands_refused": 4,
        "attacks": [{"kind": "forge", "node": "a", "at_ns": 1}],
        "interventions": 0,
        "kills": [{"name": "scheduler", "at_ns": 1}],
        "virtual_s": 9000.0,
        "wall_s": 150.2,
        "broker": {"kind": "mosquitto", "version": "2.0"},
        "trouble": "",
        "violations": [],
    }
    return base | changes


def test_a_good_run_ends_with_ok() -> None:
    text = as_text(report())

    assert text.endswith("OK: every invariant held.")
    assert "2 done, 0 failed, 0 cancelled of 2" in text
    assert "2.50 m" in text
    assert "backlog peak 5, drained at T+1 h 50 min" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "2 h 30 min" in text


def test_a_broken_invariant_is_told_with_its_story() -> None:
    broken = {"I1": {"ok": False, "checked": 7, "violations": 1}}

    text = as_text(report(ok=False, invariants=broken, violations=["I1: they met"]))

    assert "I1 BROKEN" in text
    assert "I1: they met" in text
    assert text.endswith("NOT OK.")
