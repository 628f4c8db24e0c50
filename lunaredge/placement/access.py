"""How soon a machine can be at a task in any plan, and whether it can be there at all.

No plan is looked at. Another task may carry a machine nearer, and a charger may lie on a shorter
way, so each time is the least of all ways: in no plan is the machine there sooner.
"""

from dataclasses import dataclass
from functools import cache

from lunaredge.placement.problem import Machine, Node, Task, end_of, is_fixed
from lunaredge.placement.replay import NEVER, Replay


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """What other tasks make of a machine: the shortest, and the first to be released, of a sort."""

    least_s: int
    release_s: int
    place: int
    end_place: int
    family: str


class Access:
    """Where machines can come from to one task, and when they are there at the soonest."""

    def __init__(self, replay: Replay, task: Task) -> None:
        self._replay = replay
        self._task = task
        self._strangers = {task.id, replay.partners.get(task.id)}
        self._moves = cache(self._find_moves)
        self._ways_s = cache(self._find_ways_s)
        self._ways_j: dict[tuple[str, str, int], int] = {}

    def least_way_j(self, node: Node, machine: Machine, place: int) -> int:
        """Give the least joules of a way to the task from where a machine can be; 0: no way."""
        origin = self._replay.outset(node, machine).place
        key = (node.kind, machine.mover, origin)
        if key not in self._ways_j:
            ends = {move.end_place for move in self._moves(node.kind)}
            sources = {origin, *self._replay.posts, *ends}
            ways = [self._replay.way(machine, source, place) for source in sources]
            self._ways_j[key] = min((way[1] for way in ways if way is not None), default=0)
        return self._ways_j[key]

    def is_reached(self, node: Node, machine: Machine, place: int) -> bool:
        """Tell whether a machine can get to a place, by whatever chargers and tasks."""
        replay, open_places = self._replay, [self._replay.outset(node, machine).place]
        if replay.way(machine, open_places[0], place) is not None:
            return True
        moves = self._moves(node.kind)
        steps = dict.fromkeys((charger, charger) for charger in replay.posts)
        steps |= dict.fromkeys((move.place, move.end_place) for move in moves)
        seen = set(open_places)
        for source in open_places:
            if replay.way(machine, source, place) is not None:
                return True
            for target, end in steps:
                if end not in seen and replay.way(machine, source, target) is not None:
                    seen.add(end)
                    open_places.append(end)
        return False

    def there_s(self, node: Node, machine: Machine, charge_s: int, enough_s: int) -> int:
        """Give before when a machine can't be at the task and set up for it; NEVER: at all.

        ``charge_s``: how long it charges before at the least; 0: it need not. ``enough_s``: no
        sooner than this is looked for.
        """
        replay, family, place = self._replay, self._task.family, self._task.place
        assert place is not None
        stand = replay.outset(node, machine)
        leave_s = stand.at_s + charge_s
        nearest_s, by_charger_s = self._ways_s(machine.mover, place, is_inward=True)
        first_s = (by_charger_s if charge_s else nearest_s)[stand.place]
        best_s = leave_s + replay.setup_s(stand.family, family) + first_s
        moves = self._moves(node.kind)
        for move in moves:
            if best_s <= max(enough_s, leave_s + move.least_s):
                break
            out_s = self._ways_s(machine.mover, stand.place, is_inward=False)[0][move.place]
            out_s += replay.setup_s(stand.family, move.family)
            # Straight, or after yet another task.
            out_s = min(out_s, moves[0].least_s)
            end_s = max(leave_s + out_s, move.release_s) + move.least_s
            on_s = replay.setup_s(move.family, family) + nearest_s[move.end_place]
            best_s = min(best_s, end_s + on_s)
        return min(best_s, NEVER)

    def _find_ways_s(
        self, mover: str, place: int, *, is_inward: bool
    ) -> tuple[list[int], list[int]]:
        """Give seconds to or from a place: straight or by a charger, and by a charger."""
        replay = self._replay
        nearest_s = replay.ways_s(mover, place, is_inward=is_inward)
        by_charger_s = nearest_s * 0 + NEVER
        for charger in replay.posts:
            way_s = replay.ways_s(mover, charger, is_inward=is_inward) + nearest_s[charger]
            by_charger_s = by_charger_s.clip(max=way_s)
        return nearest_s.clip(max=by_charger_s).tolist(), by_charger_s.tolist()

    def _find_moves(self, kind: str) -> list[Move]:
        """Give what the other tasks of a kind of node make of a machine, the shortest first."""
        found: dict[tuple[int, int, str], tuple[int, int]] = {}
        for task in self._replay.problem.tasks:
            place, end_place = task.place, end_of(task)
            lasts_s = _least_s(task, kind)
            if lasts_s is None or task.id in self._strangers or is_fixed(task):
                continue
            if place is None or end_place is None or task.approved_s is None:
                continue
            key = (place, end_place, task.family)
            release_s = max(task.release_s, task.approved_s)
            least_s, first_s = found.get(key, (NEVER, NEVER))
            found[key] = (min(least_s, lasts_s), min(first_s, release_s))
        return sorted(
            Move(least_s, release_s, place, end_place, family)
            for (place, end_place, family), (least_s, release_s) in found.items()
        )


def _least_s(task: Task, kind: str) -> int | None:
    """Give the least that a task takes on a node of a kind; None: it can't be done there."""
    mode = next((mode for mode in task.modes if mode.kind == kind), None)
    if mode is None:
        return None
    left_s = None if task.current is None else task.current.left_s
    return mode.duration_s if left_s is None else min(mode.duration_s, left_s)
