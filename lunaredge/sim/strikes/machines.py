"""Machines that slip, stick, crawl, fall silent, lose themselves, brake badly or run out early.

One mishap a machine at a time. Each stays within what plans must stand, as `machine.mishap` says.
"""

import math
import random
from collections.abc import Callable
from functools import partial

from lunaredge.machine.mishap import BRAKING_RATIO_MIN, SOUND, Mishap, lie_m_max
from lunaredge.scheduler.effort import WAITING_S
from lunaredge.sim.strikes.kind import Kind, Saboteur, Undo
from lunaredge.units import SECONDS_PER_HOUR

# Of the energy that plans set aside for waiting, a meter may lie away half.
LIE_RATIO_MAX = 0.5
# Under, about, and far over what authorities are computed for.
POSES_M = (0.15, 0.29, 0.31, 0.7, 2.0)
# Of what the bound lets it be off: to keep within it by little or by much.
LIE_RATIOS = (0.6, 1.0)


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room: one stream of chance for each mishap."""
    mean_s = len(MISHAPS) * saboteur.options.mishap_s
    return tuple(
        Kind(name, mean_s, partial(_strike, saboteur, name, make)) for name, make in MISHAPS.items()
    )


def _strike(saboteur: Saboteur, name: str, make: "Make") -> Undo | None:
    rng, field = saboteur.draw(name), saboteur.sim.field
    sound = [each for each in field.world.names if field.world.is_sound(each)]
    if not sound:
        return None
    victim = rng.choice(sound)
    mishap = make(rng, field.world.idle_w(victim))
    saboteur.disturb(victim, f"has a mishap: {name}")
    field.afflict(victim, mishap)
    return lambda: field.afflict(victim, SOUND)


Make = Callable[[random.Random, float], Mishap]


def _slip(rng: random.Random, idle_w: float) -> Mishap:
    return Mishap(slip_ratio=rng.choice((0.2, 0.45, 0.6, 0.95)))


def _stuck(rng: random.Random, idle_w: float) -> Mishap:
    return Mishap(stuck=True)


def _slow(rng: random.Random, idle_w: float) -> Mishap:
    return Mishap(speed_ratio=rng.choice((0.1, 0.5)))


def _silent(rng: random.Random, idle_w: float) -> Mishap:
    return Mishap(silent=True)


def _lost(rng: random.Random, idle_w: float) -> Mishap:
    """Its pose is as good as ever, or off by nearly as much as its bound says."""
    error_m = rng.choice(POSES_M)
    angle_rad, far_m = rng.uniform(0.0, math.tau), rng.choice(LIE_RATIOS) * lie_m_max(error_m)
    lie_m = (far_m * math.cos(angle_rad), far_m * math.sin(angle_rad))
    return Mishap(pose_error_m=error_m, pose_lie_m=lie_m if rng.random() < 0.5 else (0.0, 0.0))


def _brakes(rng: random.Random, idle_w: float) -> Mishap:
    return Mishap(braking_ratio=rng.uniform(BRAKING_RATIO_MIN, 0.9))


def _energy(rng: random.Random, idle_w: float) -> Mishap:
    most_wh = LIE_RATIO_MAX * idle_w * WAITING_S / SECONDS_PER_HOUR
    return Mishap(energy_lie_wh=rng.uniform(0.2, 1.0) * most_wh)


MISHAPS: dict[str, Make] = {
    "slip": _slip,
    "stuck": _stuck,
    "slow": _slow,
    "silent": _silent,
    "lost": _lost,
    "brakes": _brakes,
    "energy": _energy,
}
