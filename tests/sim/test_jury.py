"""The jury: a checker is shown what bears on it, and loses nothing by not seeing the rest."""

import ast
import inspect

import pytest
from msgspec.structs import replace

from lunaredge.sim import jury, simulation
from lunaredge.sim.checkers import evidence
from lunaredge.sim.checkers.ledger import Ledger
from lunaredge.sim.options import FaultOptions, calm
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import small

STORM = FaultOptions(
    kill_scheduler_s=200.0, kill_agent_s=100.0, cut_s=100.0, inject_s=10.0, interfere_s=100.0
)


class FullView(jury.Jury):
    """A jury that shows everybody everything."""

    def see(self, evidence):
        for checker in self.checkers:
            checker.see(evidence)


def looked_for(kind: type) -> set[str]:
    """Name the kinds of evidence that a checker's module looks for."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(kind)))
    patterns = {n.cls.id for n in ast.walk(tree) if isinstance(n, ast.MatchClass)}
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    checks = [n.args[1] for n in calls if getattr(n.func, "id", "") == "isinstance"]
    named = {n.id for check in checks for n in ast.walk(check) if isinstance(n, ast.Name)}
    return {name for name in patterns | named if hasattr(evidence, name)}


@pytest.mark.parametrize(
    "checker",
    [*jury.Jury(small().site, small().fleet, 2.0).checkers, Ledger()],
    ids=lambda each: type(each).__name__,
)
def test_a_checker_is_shown_all_that_it_looks_for(checker):
    shown = {kind.__name__ for kind in checker.sees}

    assert looked_for(type(checker)) <= shown
    assert shown


@pytest.mark.slow
def test_checkers_judge_the_same_when_they_see_everything(monkeypatch):
    options = replace(calm(), faults=STORM, safety_s=900.0)
    chosen = run_seed(1, small(), options)

    monkeypatch.setattr(simulation, "Jury", FullView)
    everything = run_seed(1, small(), options)

    assert everything.invariants == chosen.invariants
    assert everything.digest == chosen.digest
