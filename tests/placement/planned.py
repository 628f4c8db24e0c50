"""Plans of the planner's own, for what looks at plans."""

from lunaredge.placement.check import check
from lunaredge.placement.engine import Planner
from lunaredge.placement.plan import Plan
from lunaredge.placement.problem import Problem
from lunaredge.placement.travel import Travel


def planned(problem: Problem, travel: Travel) -> Plan:
    """Give a plan that was improved for a while."""
    planner = Planner(check(problem, travel), travel, seed=1)
    planner.improve(steps=50)
    return planner.plan()
