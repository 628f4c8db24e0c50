"""The search: every state within so many steps of the ways it begins from, each of them once."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from lunaredge.sim.checkers.checker import Violation
from lunaredge.sim.scope.world import State, Step, World


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A violation, and a shortest way to it."""

    violation: Violation
    begins: str
    """The state that it begins from."""
    steps: list[str]


class Extent(msgspec.Struct, kw_only=True):
    """How far a search came."""

    states: int
    transitions: int = 0
    depth: int = 0
    """Every interleaving of so many steps was tried."""
    steps: dict[str, int] = {}
    """How often each kind of step was taken."""
    found: Found | None = None


class _Way(NamedTuple):
    """How a state was first reached."""

    before: State
    step: Step


class Search:
    """Goes through the states of a world, breadth first."""

    def __init__(self, world: World, starts: Mapping[State, str]) -> None:
        self.extent = Extent(states=len(starts))
        self._world = world
        self._starts = starts
        self._ways: dict[State, _Way | None] = dict.fromkeys(starts)
        self._edge = list(starts)

    def deepen(self, enough: Callable[[], bool]) -> bool:
        """Go one step on; tell whether all of it was seen, and broke nothing."""
        edge, self._edge = self._edge, []
        for state in edge:
            if enough():
                return False
            for step in self._world.steps(state):
                if not self._take(state, step):
                    return False
        self.extent.depth += 1
        return True

    def _take(self, state: State, step: Step) -> bool:
        after, violation = self._world.after(state, step)
        kind = self._world.kind_of(step)
        self.extent.transitions += 1
        self.extent.steps[kind] = self.extent.steps.get(kind, 0) + 1
        if violation is not None:
            self.extent.found = self._told(state, step, violation)
            return False
        if after not in self._ways:
            self._ways[after] = _Way(state, step)
            self.extent.states += 1
            self._edge.append(after)
        return True

    def _told(self, state: State, step: Step, violation: Violation) -> Found:
        steps, way = [step], self._ways[state]
        while way is not None:
            steps.append(way.step)
            state = way.before
            way = self._ways[state]
        told = [self._world.told(each) for each in reversed(steps)]
        return Found(violation=violation, begins=self._starts[state], steps=told)
