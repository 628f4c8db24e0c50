"""What a scheduler shows of closed zones and lock-outs, from its books: what its views would say.

A view is made now and then, and books change at once; but the truth log of real machines tells
where a moving one is only once a second. So what is shown as safe counts here a second later, when
the log has told of whoever was still leaving. What is taken back counts at once.
"""

from collections.abc import Iterator

from lunaredge.ids import NodeId
from lunaredge.model.site import Point
from lunaredge.scheduler.state import ClosurePhase, LockPhase, SchedulerState
from lunaredge.sim.checkers import evidence as seen
from lunaredge.units import NS_PER_S

SETTLED_NS = NS_PER_S

_Zones = dict[str, tuple[Point, ...]]
_Machines = dict[NodeId, tuple[seen.ShownTag, ...]]


class Shown:
    """Follows one scheduler's books, and tells of each change once."""

    def __init__(self) -> None:
        self._zones: tuple[_Zones, tuple[str, ...]] = ({}, ())
        self._machines: _Machines = {}
        self._locked_ns: dict[NodeId, int] = {}
        """Since when each machine is locked out."""

    def changes(self, state: SchedulerState, at_ns: int) -> Iterator[seen.Evidence]:
        """Give what is shown from now on, where that is news."""
        zones = _clear(state, at_ns)
        if zones != self._zones:
            self._zones = zones
            yield seen.Cleared(at_ns=at_ns, zones=zones[0], others=zones[1])
        machines = self._locked(state, at_ns)
        if machines != self._machines:
            self._machines = machines
            yield seen.LockedOut(at_ns=at_ns, machines=machines)

    def _locked(self, state: SchedulerState, at_ns: int) -> _Machines:
        """Give the machines that have been locked out for a while, with the tags that hang."""
        locked = {
            node.name: node.lockout
            for node in state.nodes.values()
            if node.lockout is not None and node.lockout.phase is LockPhase.LOCKED
        }
        self._locked_ns = {name: self._locked_ns.get(name, at_ns) for name in locked}
        return {
            name: tuple(
                seen.ShownTag(tag.by, tag.since_ns, tag.area)
                for tag in lockout.tags.values()
                if not tag.released
            )
            for name, lockout in locked.items()
            if at_ns - self._locked_ns[name] >= SETTLED_NS
        }


def _clear(state: SchedulerState, at_ns: int) -> tuple[_Zones, tuple[str, ...]]:
    """Give the zones that have been clear for a while, and the others that are closed."""
    in_force = [each for each in state.closures.values() if each.phase is not ClosurePhase.OPENED]
    zones = {
        each.name: each.area
        for each in in_force
        if each.phase is ClosurePhase.CLEAR and at_ns - each.clear_ns >= SETTLED_NS
    }
    return zones, tuple(each.name for each in in_force if each.name not in zones)
