"""Processes that don't run for a while: stopped by a signal, or with the computer they run on."""

import math

from lunaredge.sim.pause import Keeps
from lunaredge.sim.process import Process
from lunaredge.sim.strikes.kind import Kind, Saboteur, Undo
from lunaredge.units import ns_from_s
from lunaredge.wire import topics

FREEZE = "freeze"
FREEZE_S_MIN = 0.1
# A broker gives a client up that is silent for one and a half of its keep-alive.
KEEP_ALIVE_S = 22.5


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room."""
    return (Kind(FREEZE, saboteur.options.freeze_s, lambda: _freeze(saboteur)),)


def _freeze(saboteur: Saboteur) -> Undo | None:
    sim, rng = saboteur.sim, saboteur.draw(FREEZE)
    running = [each for each in sim.processes.values() if each.alive and not each.frozen]
    if not running:
        return None
    victim = rng.choice(running)
    low, high = math.log(FREEZE_S_MIN), math.log(saboteur.options.freeze_s_max)
    freeze_s = math.exp(rng.uniform(low, high))
    saboteur.disturb(victim.name, f"is frozen for {freeze_s:.1f} s")
    victim.freeze(still=rng.random() < 0.5, keeps=rng.choice(tuple(Keeps)))
    freeze = _Freeze(saboteur, victim)
    sim.timeline.after(ns_from_s(freeze_s), freeze.end)
    if freeze_s > KEEP_ALIVE_S and victim.name != topics.EARTH:
        sim.timeline.after(ns_from_s(KEEP_ALIVE_S), freeze.lose_broker)
    return freeze.end


class _Freeze:
    """One freeze of one life, which somebody else may end before."""

    def __init__(self, saboteur: Saboteur, victim: Process) -> None:
        self._network = saboteur.sim.site_net
        self._victim = victim
        self._life = victim.life
        self._is_lost = False

    @property
    def _lasts(self) -> bool:
        return self._victim.frozen and self._victim.life == self._life

    def lose_broker(self) -> None:
        """Have the broker give the client up."""
        if self._lasts:
            self._is_lost = True
            self._network.cut(self._victim.name)

    def end(self) -> None:
        """Have the process run again, if it still is the same, and reach its broker."""
        if self._is_lost:
            self._is_lost = False
            self._network.mend(self._victim.name)
        if self._lasts:
            self._victim.thaw()
