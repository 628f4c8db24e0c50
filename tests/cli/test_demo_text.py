import pytest

from lunaredge.cli.demo.text import as_text
from lunaredge.sim.jury import Jury
from tests.scheduler.plain_site import plain_fleet, plain_site


def report(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "ok": True,
        "reasons": [],
        "invariants": {"I1": {"ok": True, "checked": 7, "violations": 0}},
        "tasks": {"submitted": 2, "done": 2, "failed": 0, "cancelled": 0},
        "telemetry": {
            "produced": 10,
            "archived": 10,
            "duplicates_removed": 1,
            "lost": 0,
            "damaged": 0,
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
        "refused_by_reason": {"expired": 1, "garbage": 1, "signature": 1, "unsigned": 1},
        "attacks": [{"kind": "forge", "node": "a", "at_ns": 1}] * 4,
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

    assert text.endswith("\n\nOK: every invariant held and every task was done.")
    assert "2 done, 0 failed, 0 cancelled of 2" in text
    assert "2.50 m" in text
    assert "backlog peak 5, drained at T+1 h 50 min" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "2 h 30 min" in text


def test_of_a_rule_that_was_not_tried_the_verdict_does_not_say_that_it_held() -> None:
    verdict = {"ok": True, "checked": 7, "violations": 0}

    text = as_text(report(invariants={"I1": verdict, "closure": verdict | {"checked": 0}}))

    assert text.endswith("\n\nOK: every invariant that was tried held and every task was done.")


def test_where_nothing_was_forged_and_nothing_refused_nothing_is_said_of_it() -> None:
    lines = as_text(report(commands_refused=0, refused_by_reason={}, attacks=[])).splitlines()

    assert "forged by the demo   0" in lines


def test_a_run_without_an_outage_has_nothing_to_drain() -> None:
    earth = {"outages": 0, "backlog_peak": 5, "drained_s": None, "delivered": 9}

    text = as_text(report(earth=earth | {"waiting": 0, "lost": 0}))

    assert "Earth outages        0; backlog peak 5\n" in text


def test_a_broken_invariant_is_told_with_its_story() -> None:
    broken = {"I1": {"ok": False, "checked": 7, "violations": 1}}

    reasons = ["I1 broke in 1 of 7 checks"]
    text = as_text(
        report(ok=False, invariants=broken, violations=["I1: they met"], reasons=reasons)
    )

    assert "I1 BROKEN" in text
    assert "1 of 7" in text
    assert "I1: they met" in text
    assert text.endswith("NOT OK:\n  - I1 broke in 1 of 7 checks")


def test_no_line_is_wider_than_a_plain_terminal() -> None:
    names = [f"I{number}" for number in range(1, 10)]
    big = {
        "produced": 1_234_567,
        "archived": 1_234_567,
        "duplicates_removed": 12_345,
        "damaged": 0,
        "lost": 123,
        "dropped_by_class": dict.fromkeys(("alarm", "event", "state", "summary", "raw"), 123_456),
    }
    verdicts = {name: {"ok": False, "checked": 1_234_567, "violations": 12_345} for name in names}
    kills = [{"name": f"agent-with-a-long-name-{number}", "at_ns": 1} for number in range(9)]

    text = as_text(
        report(
            ok=False,
            invariants=verdicts,
            telemetry=big,
            kills=kills,
            violations=["I1: " + "they met again " * 20],
            reasons=["of 15 tasks 14 cancelled: " + "haul-a (by an operator), " * 14],
        )
    )

    assert max(map(len, text.splitlines())) <= 79
    assert "1234567 produced, 1234567 archived, 123 lost" in " ".join(text.split())


def test_the_figures_of_an_ordinary_run_take_a_line_each() -> None:
    figures = as_text(report()).split("\n\n")[1].splitlines()

    assert all(not line.startswith(" ") for line in figures)


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ({"expired": 2, "garbage": 2}, "4, which are the refused ones"),
        ({"expired": 4, "garbage": 2}, "4 of these; 2 came late or twice by themselves"),
        ({"expired": 3}, "4; for 1 the node ended before it could tell"),
    ],
)
def test_refused_and_forged_commands_add_up_in_words(refused: dict[str, int], said: str) -> None:
    total = sum(refused.values())

    lines = as_text(report(commands_refused=total, refused_by_reason=refused)).splitlines()

    told = ", ".join(f"{count} {reason}" for reason, count in refused.items())
    assert f"commands refused     {total}: {told}" in lines
    assert f"forged by the demo   {said}" in lines


def test_every_rule_has_a_title_and_what_was_not_looked_at_is_not_said_to_hold() -> None:
    jury = Jury(plain_site(), plain_fleet())
    verdicts = {
        checker.name: {"ok": True, "checked": number % 2, "violations": 0}
        for number, checker in enumerate(jury.checkers)
    }

    lines = as_text(report(invariants=verdicts)).splitlines()[2 : 2 + len(verdicts)]

    assert {len(line) for line in lines} == {79}
    for line, (name, verdict) in zip(lines, verdicts.items(), strict=True):
        assert f"{name}: " in line or line.startswith(f" {name} ")
        assert ("holds" in line) == bool(verdict["checked"])
        assert ("not tried" in line) != bool(verdict["checked"])
