"""What `lunaredge place` says of odd problems, and of how good a plan is."""

import json
from pathlib import Path

import pytest
import yaml

from lunaredge.cli import place_score
from lunaredge.cli.main import main
from lunaredge.placement import Plan, Score
from tests.cli.placing import SITE


def told_of(folder: Path, capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    """Give what is said of the site with its first task, or its first node, changed."""
    tree = yaml.safe_load(SITE.read_text(encoding="utf-8"))
    machine = next(node["machine"] for node in tree["nodes"] if "machine" in node)
    machine |= fields.pop("machine", {})
    tree["tasks"][0] |= fields
    Path("odd.yaml").write_text(yaml.safe_dump(tree))
    main(["place", "odd.yaml", "--steps", "0"])
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"not_on": ["zzz"]}, "not in the problem: node zzz (not_on of dig-a)"),
        ({"only_on": ["a", "b"]}, "not in the problem: node a (only_on of dig-a), node b (only_on"),
        ({"current": {"node": "gone"}}, "not in the problem: node gone (current of dig-a)"),
        (
            {"machine": {"reserve_j": 10**10}},
            "the reserve is more than the battery holds, so no task ends there: excavator-1 (",
        ),
        (
            {"modes": [{"kind": "computer", "duration_s": 5}]},
            "only computers can do these tasks, so their place counts nothing: dig-a",
        ),
    ],
)
def test_what_looks_like_a_mistake_is_told_once(folder, capsys, fields, said) -> None:
    told = told_of(folder, capsys, **fields)

    assert told.startswith(f"odd.yaml: {said}")
    assert len(told.splitlines()) == 1


def test_lateness_is_told_apart_and_the_gap_is_of_what_a_plan_can_change(folder, capsys) -> None:
    main(["place", "site.yaml", "--steps", "0", "--json"])

    answer = json.loads(capsys.readouterr().out)
    late, late_s = answer["late"], answer["plan"]["score"]["late_s"]
    assert late["placed_s"] + late["unplaced_s"] == late_s
    assert late["hopeless_s"] == late["unplaced_s"] == 86_400
    share = (late_s - answer["bound"]["late_s"]) / late["placed_s"]
    assert answer["late_gap_pct"] == pytest.approx(100 * share, abs=0.001)


def test_a_bound_that_proves_little_is_not_taken_for_a_bad_plan() -> None:
    plan = Plan(placed=(), unplaced=(), score=Score(late_s=900, cost_j=0))

    *_, gap = place_score.rows_of(
        plan, Score(late_s=100, cost_j=0), place_score.Lateness(900, 0, 0)
    )

    assert gap["late_s"] == "88.9 %"
    assert gap["meaning"] == "the bound is too weak to say how good it is"
