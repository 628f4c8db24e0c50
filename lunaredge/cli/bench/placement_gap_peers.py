"""The peers' models of generalised assignment: OR-tools' CP-SAT and HiGHS' mixed-integer solver."""

import importlib
import math
from typing import Any

import numpy as np

from lunaredge.cli.bench.placement_gap_data import BUDGET, Instance


def contender(name: str, known: dict[str, Instance]) -> "Ortools | Highs":
    """Make a contender."""
    return Ortools(known) if name == "ortools" else Highs(known)


class Ortools:
    """CP-SAT with one worker."""

    def __init__(self, known: dict[str, Instance]) -> None:
        self._known = known
        # By name: it is a peer, and may be missing.
        self._cp: Any = importlib.import_module("ortools.sat.python.cp_model")

    def answer(self, case: str) -> object:
        """Give the plan, and its bound."""
        name, _, seconds = case.partition(BUDGET)
        instance = self._known[name]
        model, chosen = self._model(instance)
        solver = self._cp.CpSolver()
        solver.parameters.max_time_in_seconds = float(seconds)
        solver.parameters.num_workers = 1
        status = solver.Solve(model)
        bound = solver.BestObjectiveBound()
        if status not in (self._cp.OPTIMAL, self._cp.FEASIBLE):
            return {"nodes": None, "bound": None}
        nodes = [next(node for node, it in enumerate(row) if solver.Value(it)) for row in chosen]
        return {"nodes": nodes, "bound": math.ceil(bound - 1e-6)}

    def _model(self, instance: Instance) -> tuple[Any, list[list[Any]]]:
        model = self._cp.CpModel()
        node_count, task_count = instance.costs.shape
        chosen = [[model.NewBoolVar("") for _ in range(node_count)] for _ in range(task_count)]
        expression = self._cp.LinearExpr.WeightedSum
        for row in chosen:
            model.AddExactlyOne(row)
        for node in range(node_count):
            column = [row[node] for row in chosen]
            used = expression(column, instance.usages[node].tolist())
            model.Add(used <= int(instance.capacities[node]))
        flat = [it for row in chosen for it in row]
        model.Minimize(expression(flat, instance.costs.T.ravel().tolist()))
        return model, chosen


class Highs:
    """HiGHS' branch and cut with one thread."""

    def __init__(self, known: dict[str, Instance]) -> None:
        self._known = known
        self._highs: Any = importlib.import_module("highspy")

    def answer(self, case: str) -> object:
        """Give the plan, and its bound."""
        name, _, seconds = case.partition(BUDGET)
        instance = self._known[name]
        solver = self._highs.Highs()
        for key, value in (("output_flag", False), ("threads", 1), ("mip_rel_gap", 0.0)):
            solver.setOptionValue(key, value)
        solver.setOptionValue("time_limit", float(seconds))
        solver.passModel(self._model(instance))
        solver.run()
        info = solver.getInfo()
        bound = info.mip_dual_bound
        rounded = math.ceil(bound - 1e-6) if math.isfinite(bound) else None
        if info.primal_solution_status != 2:
            return {"nodes": None, "bound": rounded}
        values = np.array(solver.getSolution().col_value).reshape(instance.costs.shape)
        return {"nodes": values.argmax(axis=0).tolist(), "bound": rounded}

    def _model(self, instance: Instance) -> Any:
        node_count, task_count = instance.costs.shape
        count = node_count * task_count
        model = self._highs.HighsLp()
        model.num_col_, model.num_row_ = count, task_count + node_count
        model.col_cost_ = instance.costs.ravel().astype(np.float64)
        model.col_lower_, model.col_upper_ = np.zeros(count), np.ones(count)
        model.row_lower_ = np.concatenate([np.ones(task_count), np.full(node_count, -np.inf)])
        model.row_upper_ = np.concatenate([np.ones(task_count), instance.capacities])
        nodes, tasks = np.divmod(np.arange(count), task_count)
        model.a_matrix_.format_ = self._highs.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.arange(0, 2 * count + 1, 2)
        model.a_matrix_.index_ = np.column_stack([tasks, task_count + nodes]).ravel()
        weights = np.column_stack([np.ones(count), instance.usages.ravel()])
        model.a_matrix_.value_ = weights.ravel()
        model.integrality_ = [self._highs.HighsVarType.kInteger] * count
        return model
