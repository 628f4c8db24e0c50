import random

import numpy as np
import pytest

from lunaredge.kernels.schedule_sheet import NONE, UNIT
from lunaredge.kernels.schedule_units import number_units
from lunaredge.placement.problem import After
from lunaredge.placement.sheet import numbers_of, sheet_of
from tests.kernels.schedule_scene import copy_of
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, job, site


def barred_by_themselves(problem):
    """Tell which tasks no plan can place, whatever becomes of the others."""
    names = {task.id for task in problem.tasks}
    nodes = {node.id for node in problem.nodes}
    is_fixed = [task.current is not None and task.current.is_fixed for task in problem.tasks]
    return np.array(
        [
            not fixed
            and (
                task.approved_s is None
                or not names.issuperset(after.task for after in task.after)
                or (bool(task.only_on) and not nodes.intersection(task.only_on))
            )
            for task, fixed in zip(problem.tasks, is_fixed, strict=True)
        ],
        dtype=np.bool_,
    )


def test_units_are_the_sheets_own_whatever_was_in_the_column_before():
    placeable_count = 0
    for seed in range(300):
        problem, travel = random_problem(random.Random(f"units {seed}"), 14, 4)
        right = sheet_of(problem, travel, numbers_of(problem, travel))
        sheet = copy_of(right)
        sheet.tasks[:, UNIT] = 7

        units = number_units(sheet, barred_by_themselves(problem))

        assert units.tolist() == right.units.tolist(), seed
        assert sheet.tasks[:, UNIT].tolist() == right.tasks[:, UNIT].tolist(), seed
        placeable_count += len(units)
    assert placeable_count > 1_000


@pytest.mark.parametrize("barred", [0, 1, 2])
def test_what_waits_for_a_barred_task_is_in_no_unit(barred):
    chain = (job("a"), job("b", after=(After(task="a"),)), job("c", after=(After(task="b"),)))
    problem = site(*chain, board())
    sheet = copy_of(sheet_of(problem, ROADS, numbers_of(problem, ROADS)))
    is_barred = np.zeros(3, dtype=np.bool_)
    is_barred[barred] = True

    units = number_units(sheet, is_barred)

    assert units.tolist() == [[t, NONE] for t in range(barred)]
