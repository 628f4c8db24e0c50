"""A seed is a promise: the same one gives the same run (in other processes: tests/cli)."""

import random

from msgspec.structs import replace

from lunaredge.model.contact import ContactPlan
from lunaredge.sim.options import draw
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import Due, small

# A stretch of the small site's job, with Earth in sight all along: all faults, over in a second.
SHORT = small()
JOB = SHORT.orders[0].order
SHORT = replace(
    SHORT,
    orders=(Due(order=replace(JOB, tasks=JOB.tasks[:2])),),
    plan=ContactPlan(contacts=(replace(SHORT.plan.contacts[0], end_ns=2**62),)),
)
OPTIONS = replace(draw(random.Random(3)), safety_s=600.0)


def test_the_same_seed_gives_the_same_run_twice_and_another_one_does_not() -> None:
    first = run_seed(3, SHORT, OPTIONS)
    second = run_seed(3, SHORT, OPTIONS)
    other = run_seed(4, SHORT, OPTIONS)

    assert first.ok, first.failure
    assert first.digest == second.digest
    assert first.digest != other.digest
