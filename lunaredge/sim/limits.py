"""What of a seed's mishaps is let happen: all of them, or a few, so that a failure can be shrunk.

A run with limits is played from the same seed: the strikes that are let happen are those of the
whole run, with their numbers. Decides nothing about which ones matter; that is `shrink`'s.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec
from msgspec.structs import replace

from lunaredge.ids import NodeId
from lunaredge.sim.options import Options, calm

# What goes on all through a run and so has no number: its name, and the options that make it.
STEADY: dict[str, tuple[str, ...]] = {
    "attacker": ("faults.inject_s",),
    "busybody": ("faults.interfere_s", "faults.cancel_s"),
    "relapse": ("faults.relapse_ratio",),
    "loss": ("site.loss_ratio", "earth.loss_ratio", "mishaps.loss_ratio"),
    "duplicates": ("site.duplicate_ratio", "earth.duplicate_ratio", "mishaps.duplicate_ratio"),
    "reorder": ("site.reorder_ratio", "earth.reorder_ratio", "mishaps.reorder_ratio"),
    "delay": ("site.delay_ns_max", "earth.delay_ns_max"),
    "drift": ("drift_ppb_max",),
    "slow-disk": ("disk.commit_ns_max",),
    "slow-solver": ("solve_ns_max",),
    "tight-batteries": ("tight_batteries",),
    "late-submit": ("submit_s_max",),
    "late-approval": ("approve_s_max",),
}


# Whom a fault struck that found no target.
NOBODY = NodeId("-")


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One fault that struck."""

    number: int
    """Its turn in the run, from 1; the same whatever the limits are."""
    kind: str
    target: NodeId
    what: str
    """What came over the target, in words."""
    at_s: float
    lasts_s: float | None = None
    """How long it lasts at most; None: until everything is healed."""

    @property
    def is_felt(self) -> bool:
        """Whether it struck anybody."""
        return self.target != NOBODY

    def line(self) -> str:
        """Give the one line that people read."""
        lasts = "until healed" if self.lasts_s is None else f"for {self.lasts_s:.1f} s"
        return f"{self.at_s:10.3f}  {self.target:<14} {self.what}, {lasts} (fault {self.number})"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is let happen in a run; without any, all that its seed draws."""

    only: tuple[int, ...] | None = None
    """The numbers of the strikes that are let happen."""
    until_s: float | None = None
    """The length of the safety phase, in place of what the seed draws."""
    without: tuple[str, ...] = ()
    """Which of `STEADY` are as in a run in which nothing goes wrong."""

    def lets(self, number: int) -> bool:
        """Tell whether the strike of that number is let happen."""
        return self.only is None or number in self.only

    def applied(self, options: Options) -> Options:
        """Give the options with what is limited taken out."""
        if self.until_s is not None:
            options = replace(options, safety_s=self.until_s)
        paths = [path for name in self.without for path in STEADY[name]]
        return reduce(_calmed, paths, options)


NO_LIMITS = Limits()


def steady_in(options: Options) -> list[str]:
    """Give the names of what goes on in a run with these options."""
    return [name for name in STEADY if Limits(without=(name,)).applied(options) != options]


def _calmed(options: Options, path: str) -> Options:
    """Give the options with one of them as calm weather has it."""
    names = path.split(".")
    value = reduce(getattr, names, calm())
    return _put(options, names, value)  # type: ignore[no-any-return]


def _put(struct: Any, names: Sequence[str], value: object) -> Any:
    first, *rest = names
    inner = _put(getattr(struct, first), rest, value) if rest else value
    return replace(struct, **{first: inner})
