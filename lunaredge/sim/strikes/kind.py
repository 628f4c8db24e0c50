"""What a kind of fault is, and what it needs of the saboteur."""

import random
from collections.abc import Callable
from typing import NamedTuple, Protocol

from lunaredge.ids import NodeId
from lunaredge.sim.options import FaultOptions
from lunaredge.sim.process import Process
from lunaredge.sim.simulation import Simulation

Undo = Callable[[], None]


class Kind(NamedTuple):
    """One kind of fault. A strike gives what ends it, or None where nothing is left to end."""

    name: str
    mean_s: float
    strike: Callable[[], Undo | None]


class Saboteur(Protocol):
    """Who strikes."""

    @property
    def sim(self) -> Simulation:
        """The site."""
        ...

    @property
    def options(self) -> FaultOptions:
        """How often and how hard."""
        ...

    def draw(self, kind: str) -> random.Random:
        """Give the chance of one kind of fault, which no other kind shifts."""
        ...

    def disturb(self, who: NodeId, what: str) -> None:
        """Tell the trace and the checkers what is done to somebody."""
        ...

    def last(self, undo: Undo) -> float:
        """Have a fault end after a while; give its length."""
        ...

    def kill(self, name: NodeId) -> None:
        """Kill a process; the scheduler's standby may take its place."""
        ...

    def restart(self, name: NodeId) -> None:
        """Begin another life of a process that was killed, unless somebody has taken its place."""
        ...

    def keep(self, undo: Undo) -> int:
        """Have a fault last until everything is healed."""
        ...


def living_agents(sim: Simulation) -> list[Process]:
    """Give the agents whose life goes on and runs."""
    agents = [sim.processes[name] for name in sim.agents]
    return [agent for agent in agents if agent.alive and not agent.frozen]
