"""Boards whose monotonic clock is not what it should be: it jumps, or runs fast or slow.

Only agents have a clock of their own; the scheduler's is site time by definition.
"""

from lunaredge.sim.process import Process
from lunaredge.sim.strikes.kind import Kind, Saboteur, Undo, living_agents
from lunaredge.units import NS_PER_S, ns_from_s

STEP, RATE = "step clock", "run clock wrong"
# A step that nobody could notice, and one longer than any lease.
STEPS_S = (0.5, 3.0, 20.0, 120.0, 4_000.0)
# From just over what crystals keep to far beyond it.
RATES_PPB = (1_000_000, 10_000_000, 50_000_000, 100_000_000)


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room."""
    options = saboteur.options
    return (
        Kind(STEP, options.step_clock_s, lambda: _step(saboteur)),
        Kind(RATE, options.run_clock_s, lambda: _run(saboteur)),
    )


def _victim(saboteur: Saboteur, kind: str) -> Process | None:
    living = living_agents(saboteur.sim)
    return saboteur.draw(kind).choice(living) if living else None


def _step(saboteur: Saboteur) -> None:
    victim, rng = _victim(saboteur, STEP), saboteur.draw(STEP)
    if victim is None:
        return
    step_ns = ns_from_s(rng.choice(STEPS_S) * rng.uniform(0.5, 1.5))
    sign = rng.choice((-1, 1))
    word = "ahead" if sign > 0 else "back"
    saboteur.disturb(victim.name, f"has a clock that jumps {word} by {step_ns / NS_PER_S:.1f} s")
    victim.step_clock(sign * step_ns)


def _run(saboteur: Saboteur) -> Undo | None:
    victim, rng = _victim(saboteur, RATE), saboteur.draw(RATE)
    if victim is None:
        return None
    drift_ppb = rng.choice(RATES_PPB) * rng.choice((-1, 1))
    saboteur.disturb(victim.name, f"has a clock that gains {drift_ppb} ppb")
    victim.run_clock(drift_ppb)

    def undo() -> None:
        victim.run_clock(None)

    if rng.random() < 0.5:
        return undo
    saboteur.keep(undo)
    return None
