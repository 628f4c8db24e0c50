"""The exhaustive check of the small scope: no overlap in any state that can be reached.

Two machines, a scheduler and a rival: the production nodes, with their disks. From each state of a
few ways that the site may go, every interleaving of so many steps is tried: any message arrives, or
doubly, or not at all; a process dies or begins again; the scheduler begins from an old image, or a
second one leads as well; time passes. The simulator's own checkers watch every step.
"""

import time
from collections.abc import Callable, Mapping

import msgspec

from lunaredge.sim.scope.search import Extent, Found, Search
from lunaredge.sim.scope.starts import WAYS, Broken, Way, starts
from lunaredge.sim.scope.world import World

DEPTH = 2
# Each step more is ten to twenty times the work of the one before.
DEPTH_MAX = 8
# They take 3 GB.
STATES_MAX = 2_000_000


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the search, as scripts read it."""

    starts: int
    states: int
    transitions: int
    depth: int
    """Every interleaving of so many steps from each start was tried."""
    complete: bool
    """That is as deep as was asked for."""
    steps: dict[str, int] = {}
    """How often each kind of step was taken, the commonest first."""
    violations: int
    found: Found | None
    wall_s: float


def explore(
    depth: int = DEPTH,
    seconds: float | None = None,
    told: Callable[[int, int], None] = lambda depth, states: None,
    is_ended: Callable[[], bool] = lambda: False,
    ways: Mapping[str, Way] = WAYS,
) -> Report:
    """Search to that depth, or until the time is up, the memory full or something broken.

    ``told`` is told how far it is; ``is_ended`` ends it with what was found until then.
    """
    begun_s = time.monotonic()
    world = World()
    try:
        begins = starts(world, ways)
    except Broken as exc:
        broken = Found(violation=exc.violation, begins=exc.way, steps=[])
        nothing = Extent(states=0, found=broken)
        return _report(0, nothing, depth, begun_s)
    search = Search(world, begins)
    extent = search.extent

    def enough() -> bool:
        told(extent.depth, extent.states)
        late = seconds is not None and time.monotonic() - begun_s > seconds
        return late or is_ended() or extent.states >= STATES_MAX

    while extent.depth < depth and search.deepen(enough):
        pass
    return _report(len(begins), extent, depth, begun_s)


def _report(start_count: int, extent: Extent, depth: int, begun_s: float) -> Report:
    steps = sorted(extent.steps.items(), key=lambda each: (-each[1], each[0]))
    return Report(
        starts=start_count,
        states=extent.states,
        transitions=extent.transitions,
        depth=extent.depth,
        complete=extent.depth == depth,
        steps=dict(steps),
        violations=int(extent.found is not None),
        found=extent.found,
        wall_s=round(time.monotonic() - begun_s, 3),
    )
