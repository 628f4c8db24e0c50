"""Work at a standstill: digging, loading and dumping, measured in the state of the ground.

A goal that is reached stays reached, and working on it again moves nothing. It knows no orders and
no time but the step: `controller` calls it only while an order to work is alive.
"""

import math
from typing import assert_never

from lunaredge.machine.energy import dig_power_w
from lunaredge.machine.ground import MASS_KG_MIN, Ground
from lunaredge.model.fleet import REACH_M, Capability, MachineSpec, NodeSpec
from lunaredge.model.site import Point
from lunaredge.model.task import Dig, Dump, Load, WorkGoal
from lunaredge.wire.driver import WorkStatus


class Bucket:
    """A machine's bucket and bed: what it carries, and the goal it works on."""

    def __init__(self, node: NodeSpec, spec: MachineSpec, ground: Ground) -> None:
        self.payload_kg = 0.0
        self.status: WorkStatus | None = None
        self._capabilities = node.capabilities
        self._spec = spec
        self._ground = ground
        self._goal: WorkGoal | None = None
        self._payload_kg_first = 0.0

    def refusal(self, goal: WorkGoal, place: Point) -> str | None:
        """Say why a goal can't be worked on from there, or None; a word for counting."""
        names: tuple[str, ...]
        match goal:
            case Dig():
                able = Capability.EXCAVATE in self._capabilities and self._spec.dig_kg_s > 0.0
                known = math.isfinite(goal.mass_kg) and self._ground.has_zone(goal.zone)
                names = (goal.zone, goal.pile)
            case Load() | Dump():
                able = Capability.HAUL in self._capabilities and self._spec.load_kg_s > 0.0
                known, names = True, (goal.pile,)
            case _:
                assert_never(goal)
        if not able:
            return "unable"
        if not known:
            return "unknown"
        distances = [self._ground.reach_m(name, *place) for name in names]
        if any(distance is not None and distance > REACH_M for distance in distances):
            return "out_of_reach"
        return None if self._ground.open_pile(names[-1], *place) else "piles"

    def begin(self, goal: WorkGoal) -> None:
        """Take up a goal that was not refused."""
        self._goal = goal
        self._payload_kg_first = self.payload_kg
        self.status = self._status(goal)

    def forget(self) -> None:
        """Drop the goal and its status; what is done stays done."""
        self._goal = None
        self.status = None

    @property
    def busy(self) -> bool:
        """Whether there is a goal that is not reached."""
        return self.status is not None and not self.status.done

    def step(self, dt_s: float) -> float:
        """Work for a while toward the goal; returns the power drawn."""
        goal = self._goal
        assert goal is not None
        assert self.busy
        match goal:
            case Dig():
                left_kg = goal.mass_kg - self._ground.pit_kg(goal.zone)
                self._ground.dig(goal.zone, goal.pile, min(self._spec.dig_kg_s * dt_s, left_kg))
                power_w = dig_power_w(self._spec)
            case Load():
                room_kg = self._spec.payload_kg_max - self.payload_kg
                there_kg = min(room_kg, self._ground.pile_kg(goal.pile))
                self._shift(goal.pile, min(self._spec.load_kg_s * dt_s, there_kg))
                power_w = self._spec.drive_w
            case Dump():
                self._shift(goal.pile, -min(self._spec.load_kg_s * dt_s, self.payload_kg))
                power_w = self._spec.drive_w
            case _:
                assert_never(goal)
        self.status = self._status(goal)
        return power_w

    def _shift(self, pile: str, mass_kg: float) -> None:
        """Move mass from the pile into the bed; a negative mass goes the other way."""
        self._ground.heap(pile, -mass_kg)
        after = self.payload_kg + mass_kg
        self.payload_kg = after if after > MASS_KG_MIN else 0.0
        assert self.payload_kg <= self._spec.payload_kg_max + MASS_KG_MIN

    def _status(self, goal: WorkGoal) -> WorkStatus:
        match goal:
            case Dig():
                dug_kg = self._ground.pit_kg(goal.zone)
                done = goal.mass_kg - dug_kg <= MASS_KG_MIN
                return WorkStatus(done=done, progress_ratio=_ratio(dug_kg, goal.mass_kg, done))
            case Load():
                full = self._spec.payload_kg_max - self.payload_kg <= MASS_KG_MIN
                empty = self._ground.pile_kg(goal.pile) <= MASS_KG_MIN
                ratio = _ratio(self.payload_kg, self._spec.payload_kg_max, full)
                return WorkStatus(
                    done=full or empty, progress_ratio=ratio, found_empty=empty and not full
                )
            case Dump():
                done = self.payload_kg <= MASS_KG_MIN
                dumped_kg = self._payload_kg_first - self.payload_kg
                ratio = _ratio(dumped_kg, self._payload_kg_first, done)
                return WorkStatus(done=done, progress_ratio=ratio)
            case _:
                assert_never(goal)


def _ratio(part: float, whole: float, done: bool) -> float:  # noqa: FBT001
    """Give the progress: 1.0 exactly when done."""
    return 1.0 if done else min(max(part / whole, 0.0), 1.0)
