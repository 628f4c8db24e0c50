"""Power that fails at the worst moment: between two effects, before a commit or right after it."""

import math

from lunaredge.ids import NodeId
from lunaredge.sim.strikes.kind import Kind, Saboteur

POWER = "cut power"
# From the very next thing a process does to some minutes on.
EVENTS_MAX = 3_000


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room."""
    return (Kind(POWER, saboteur.options.cut_power_s, lambda: _doom(saboteur)),)


def _doom(saboteur: Saboteur) -> None:
    sim, rng = saboteur.sim, saboteur.draw(POWER)
    living = [process for process in sim.processes.values() if process.alive]
    if not living:
        return
    victim = rng.choice(living)
    after = math.ceil(math.exp(rng.uniform(0.0, math.log(EVENTS_MAX))))
    victim.die_at(victim.events + after, lambda: _cut(saboteur, victim.name))
    saboteur.keep(victim.reprieve)


def _cut(saboteur: Saboteur, name: NodeId) -> None:
    saboteur.disturb(name, "loses its power")
    saboteur.kill(name)
    saboteur.last(lambda: saboteur.restart(name))
