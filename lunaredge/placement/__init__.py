"""Placement: which node does which task, and when; and why a task can't be placed.

A library: it knows no scheduler, no ground and no files. `Planner` is its front door; `why_not`
says what speaks against a task on each node; `assign` is for work that has no time, only room.
"""

from lunaredge.placement.assign import Assignment, AssignOptions, assign
from lunaredge.placement.engine import Planner
from lunaredge.placement.live import LivePlan
from lunaredge.placement.plan import Cause, Charge, Placed, Plan, Score, Wait
from lunaredge.placement.problem import (
    After,
    Apart,
    Ceiling,
    Charger,
    Current,
    Level,
    Machine,
    Mode,
    Node,
    Problem,
    Resources,
    Setup,
    Task,
    Window,
)
from lunaredge.placement.reasons import NodeWhy, Reasons, Why, why_not
from lunaredge.placement.refusals import Constraint, Refusal
from lunaredge.placement.travel import Travel

__all__ = [
    "After",
    "Apart",
    "AssignOptions",
    "Assignment",
    "Cause",
    "Ceiling",
    "Charge",
    "Charger",
    "Constraint",
    "Current",
    "Level",
    "LivePlan",
    "Machine",
    "Mode",
    "Node",
    "NodeWhy",
    "Placed",
    "Plan",
    "Planner",
    "Problem",
    "Reasons",
    "Refusal",
    "Resources",
    "Score",
    "Setup",
    "Task",
    "Travel",
    "Wait",
    "Why",
    "Window",
    "assign",
    "why_not",
]
