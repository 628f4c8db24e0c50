"""Machines that people lift from where they stand and put into somebody's way.

Nothing on site is told: the machine's next sample shows it, or the first one of its agent's next
life. Whoever holds an authority through the place has to stop short of it, also when the machine
has lost its sensors since. People keep away from machines that drive and from zones. If it comes to
rest so near to another that neither can leave, the alarm calls people, and they carry it home.
"""

import math
import random
from itertools import pairwise

from lunaredge.ids import NodeId
from lunaredge.machine.bodies import Rectangle
from lunaredge.machine.mishap import SOUND, Mishap
from lunaredge.model.site import Point
from lunaredge.sim.checkers.geometry import cut_path, point_to_path, within
from lunaredge.sim.checkers.ledger import Holding
from lunaredge.sim.strikes.kind import Kind, Saboteur, Undo
from lunaredge.units import ns_from_s

CARRY = "carry"
# No farther than a battery bears that was charged for the way home.
FAR_M_MAX = 60.0
# Between centres. A machine sees a body ahead from twice its stopping distance, and less than this.
STANDING_M_MIN = 6.0
DRIVING_M_MIN = 15.0
BESIDE_M_MAX = 4.0
# So long people wait for machines to find their own way out.
PATIENCE_S = 400.0
MOVED_M_MIN = 0.5
# A place is looked for so often.
TRIES = 8
# With its agent dead while it is carried, it wakes up there.
ASLEEP_RATIO = 0.3
# Awake all the while, it may go blind there: first it tells where it is, or nobody could know.
BLIND_RATIO = 0.3
BLIND_AFTER_S = (1.0, 60.0)


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room."""
    return (Kind(CARRY, saboteur.options.carry_s, lambda: _carry(saboteur)),)


def _carry(saboteur: Saboteur) -> Undo | None:
    sim, rng = saboteur.sim, saboteur.draw(CARRY)
    sim.field.world.advance(sim.timeline.now_ns)
    poses = list(sim.field.world.poses())
    standing = [(it.machine, it.body) for it in poses if sim.field.world.stands(it.machine)]
    ways = [each for each in sim.jury.reuse.holdings() if len(each.rest()) > 1]
    if not standing or not ways:
        return None
    victim, body = rng.choice(standing)
    others = [(it.body, it.speed_m_s) for it in poses if it.machine != victim]
    for _ in range(TRIES):
        place = _beside(rng.choice(ways), rng)
        near = math.dist(place, (body.x_m, body.y_m)) <= FAR_M_MAX
        if near and _is_free(place, others) and not _is_in_zone(saboteur, place):
            break
    else:
        return None
    saboteur.disturb(victim, "is carried into somebody's way")
    wakes_up = sim.processes[victim].alive and rng.random() < ASLEEP_RATIO
    if wakes_up:
        saboteur.kill(victim)
    sim.field.carry(victim, place, rng.uniform(-math.pi, math.pi))
    sim.timeline.after(ns_from_s(PATIENCE_S), lambda: _look_after(saboteur, victim, place))
    if wakes_up:
        return lambda: saboteur.restart(victim)
    if rng.random() >= BLIND_RATIO:
        return None
    blindness = _Blindness(saboteur, victim)
    sim.timeline.after(ns_from_s(rng.uniform(*BLIND_AFTER_S)), blindness.begin)
    return blindness.end


class _Blindness:
    """Sensors that fail a while after a machine was carried, until that is mended."""

    def __init__(self, saboteur: Saboteur, victim: NodeId) -> None:
        self._saboteur = saboteur
        self._victim = victim
        self._is_over = False
        self._has_begun = False

    def begin(self) -> None:
        """Have the sensors fail, unless something else is wrong with the machine by now."""
        field = self._saboteur.sim.field
        if self._is_over or not field.world.is_sound(self._victim):
            return
        self._has_begun = True
        self._saboteur.disturb(self._victim, "goes blind where it was put")
        field.afflict(self._victim, Mishap(silent=True))

    def end(self) -> None:
        """Mend what failed, and let nothing fail any more."""
        self._is_over = True
        if self._has_begun:
            self._saboteur.sim.field.afflict(self._victim, SOUND)


def _look_after(saboteur: Saboteur, victim: NodeId, place: Point) -> None:
    """Carry a machine home that still stands where it was put, with another one beside it."""
    sim = saboteur.sim
    sim.field.world.advance(sim.timeline.now_ns)
    poses = {it.machine: (it.body, it.speed_m_s) for it in sim.field.world.poses()}
    body, _ = poses.pop(victim)
    if math.dist(place, (body.x_m, body.y_m)) > MOVED_M_MIN or _is_free(place, [*poses.values()]):
        return
    spec = sim.scenario.fleet.node(victim)
    assert spec is not None
    assert spec.home is not None, f"{victim} has no home"
    home = spec.home
    if sim.field.world.stands(victim) and _is_free(home, [*poses.values()]):
        saboteur.disturb(victim, "is carried home")
        sim.field.carry(victim, home, 0.0)
    else:
        sim.timeline.after(ns_from_s(PATIENCE_S), lambda: _look_after(saboteur, victim, place))


def _beside(holding: Holding, rng: random.Random) -> Point:
    """Draw a place on a way, or so near to it that nobody gets by."""
    path = holding.rest()
    length_m = sum(math.dist(a, b) for a, b in pairwise(path))
    x_m, y_m = cut_path(path, rng.random() * length_m)[0]
    off_m, angle_rad = rng.uniform(0.0, BESIDE_M_MAX), rng.uniform(0.0, math.tau)
    return x_m + off_m * math.cos(angle_rad), y_m + off_m * math.sin(angle_rad)


def _is_free(place: Point, others: list[tuple[Rectangle, float]]) -> bool:
    for body, speed_m_s in others:
        least_m = DRIVING_M_MIN if speed_m_s > 0.0 else STANDING_M_MIN
        if math.dist(place, (body.x_m, body.y_m)) < least_m:
            return False
    return True


def _is_in_zone(saboteur: Saboteur, place: Point) -> bool:
    zones = saboteur.sim.scenario.site.zones
    return any(
        within(zone.polygon, place)
        or point_to_path(place, [*zone.polygon, zone.polygon[0]]) < STANDING_M_MIN
        for zone in zones
    )
