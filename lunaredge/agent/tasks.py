"""A machine task in hand: its legs, which one is next, and when it is over.

Pure values and functions. What has been reached is counted by whole legs and is durable; a leg
that was cut short is driven again, which is harmless because goals are states of the world.
"""

import msgspec

from lunaredge.ids import TaskId
from lunaredge.model.polyline import is_plausible
from lunaredge.model.task import Dig, Dump, Leg, Load
from lunaredge.wire.messages import Assign

TASK_TABLE = "task"
LEG_TABLE = "leg"

# An Assign is one frame of 256 KiB; a leg of one point takes 40 bytes. This many legs is a
# coverage of a hectare at one metre, several times over.
LEGS_MAX = 2000
# Haulers carry some hundred kilograms and piles are some hundred tonnes.
ROUNDS_MAX = 2000
ATTEMPT_MAX = 2**31
NAME_LENGTH_MAX = 200
# A hopper with less than this on its scales is empty.
_EMPTY_KG = 1.0


class TaskRef(msgspec.Struct, frozen=True):
    """Which attempt at which task."""

    task: TaskId
    attempt: int


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What a task ended with, besides its outcome."""

    reason: str = ""
    result: bytes = b""


NO_END = End()


def ref_of(assign: Assign) -> TaskRef:
    """Give which attempt an assignment asks for."""
    return TaskRef(assign.task, assign.attempt)


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """How far a task has come; this is what a restart takes up again."""

    leg_index: int = 0
    round_index: int = 0
    emptied: bool = False
    """A Load of this task found its pile empty."""
    started: bool = False


class MachineTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task in hand."""

    assign: Assign
    steps: Steps

    @property
    def ref(self) -> TaskRef:
        """Which attempt at which task."""
        return ref_of(self.assign)

    @property
    def leg(self) -> Leg:
        """The leg that is next."""
        return self.assign.legs[self.steps.leg_index]

    def progress_ratio(self, leg_ratio: float) -> float:
        """Give the share of the legs that is done; of one round where they repeat."""
        done = self.steps.leg_index + min(max(leg_ratio, 0.0), 1.0)
        return min(done / len(self.assign.legs), 1.0)


def flaw(assign: Assign) -> str | None:
    """Give what is wrong with an assignment, whatever the node, or None."""
    if not 1 <= len(assign.task) <= NAME_LENGTH_MAX or not 0 <= assign.attempt <= ATTEMPT_MAX:
        return "malformed"
    if bool(assign.legs) == (assign.workload is not None) or len(assign.legs) > LEGS_MAX:
        return "malformed"
    if not all(is_plausible(leg.path) and _goal_holds(leg) for leg in assign.legs):
        return "malformed"
    if assign.workload is not None and not 0.0 < assign.workload.duration_s_max <= 1e6:
        return "malformed"
    return None


def steps_after_leg(task: MachineTask, *, found_empty: bool, payload_kg: float) -> Steps | None:
    """Give the steps after the leg in hand was done; None when the task is done.

    A repeated task ends when its Load has found the pile empty and nothing is left on board.
    """
    steps = task.steps
    emptied = steps.emptied or (found_empty and isinstance(task.leg.goal, Load))
    if task.assign.repeat and emptied and payload_kg < _EMPTY_KG:
        return None
    leg_index, round_index = steps.leg_index + 1, steps.round_index
    if leg_index == len(task.assign.legs):
        leg_index, round_index = 0, round_index + 1
        if not task.assign.repeat:
            return None
    return msgspec.structs.replace(
        steps, leg_index=leg_index, round_index=round_index, emptied=emptied
    )


def _goal_holds(leg: Leg) -> bool:
    match leg.goal:
        case Dig(zone=zone, pile=pile, mass_kg=mass_kg):
            names = (zone, pile)
            return 0.0 <= mass_kg <= 1e9 and all(len(name) <= NAME_LENGTH_MAX for name in names)
        case Load(pile=pile) | Dump(pile=pile):
            return len(pile) <= NAME_LENGTH_MAX
        case None:
            return True
