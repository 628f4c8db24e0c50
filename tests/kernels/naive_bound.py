"""The search for a bound, slowly: every order of items, none dropped, none in a better order."""

import itertools

import numpy as np

from lunaredge.kernels.schedule_partial import (
    BEHIND,
    CLOSURE,
    COUNTS,
    DONE,
    DUE_S,
    ENDS,
    HEAD,
    HEADER,
    LATE_S,
    LATEST_S,
    MISSED,
    MISSED_LATE,
    NODE_COLUMNS,
    ONE,
    OTHER,
    SHORT,
    TASK,
    UNIT,
    USED,
    charge,
    fit_s,
    place_task,
    turn_s,
)
from lunaredge.kernels.schedule_sheet import LIGHT, MOVER, NEVER, NONE, light_from_s


class TooLarge(Exception):
    """There are too many orders."""


class Orders:
    """All orders of the items of a scope."""

    def __init__(self, sheet, scope, states_max):
        self.sheet, self.scope = sheet, scope
        self.left = states_max

    def least_late(self, root):
        """Give the least tardiness over all sets of units that are left out, and all orders."""
        count = len(self.scope.units)
        closures = [int(mask) for mask in self.scope.units[:, CLOSURE]]
        least = NEVER
        for chosen in itertools.product((False, True), repeat=count):
            out = sum(1 << u for u in range(count) if chosen[u])
            if any(out >> u & 1 and closures[u] & ~out for u in range(count)):
                continue
            state = root.copy()
            state[LATE_S] += sum(
                self.scope.units[u, MISSED_LATE] for u in range(count) if chosen[u]
            )
            least = min(least, self._from(state, out))
        return least

    def _from(self, state, out):
        self.left -= 1
        if self.left < 0:
            raise TooLarge
        placed = int(state[DONE]) | out
        if placed == (1 << len(self.scope.units)) - 1:
            return int(state[LATE_S]) + self._followers_late(state, out)
        children = [*self._placed(state, placed), *self._charged(state)]
        return min((self._from(child, out) for child in children), default=NEVER)

    def _placed(self, state, placed):
        ends = self._ends(state, placed & ~int(state[DONE]))
        for u, unit in enumerate(self.scope.units.tolist()):
            if placed >> u & 1 or unit[BEHIND] & ~int(state[DONE]):
                continue
            tasks = [k for k in (unit[ONE], unit[OTHER]) if k != NONE]
            for nodes in itertools.product(*(self._options(k) for k in tasks)):
                if len(set(nodes)) == len(nodes):
                    pairs = list(zip(tasks, nodes, strict=True))
                    yield from self._on(state, u, pairs, max(self._begin(k, ends) for k in tasks))

    def _on(self, state, u, pairs, start_s):
        while start_s < NEVER:
            asked_s = None
            while start_s != asked_s:
                asked_s = start_s
                for at in pairs:
                    start_s = fit_s(self.sheet, self.scope, state, at, start_s)
                    if start_s >= NEVER:
                        return
            child = state.copy()
            turns = [turn_s(self.sheet, self.scope, state, at, start_s) for at in pairs]
            for at in pairs:
                place_task(self.sheet, self.scope, child, at, start_s)
            child[DONE] |= 1 << u
            yield child
            start_s = min(turns) + 1

    def _charged(self, state):
        for m, node in enumerate(self.scope.nodes[:, 0]):
            used = state[HEADER + NODE_COLUMNS * m + USED]
            if self.sheet.nodes[node, MOVER] < 0 or used == 2:
                continue
            for q in range(len(self.scope.posts)):
                child = state.copy()
                if charge(self.sheet, self.scope, child, m, q):
                    yield child

    def _options(self, k):
        starts = self.scope.option_starts
        return self.scope.options[starts[k] : starts[k + 1]].tolist()

    def _begin(self, k, ends):
        starts = self.scope.before_starts
        pairs = self.scope.before[starts[k] : starts[k + 1]].tolist()
        return max([int(self.scope.tasks[k, HEAD]), *(ends[s] + lag for s, lag in pairs)])

    def _ends(self, state, out):
        """Give when tasks end; those that are not placed yet as if they had ended at once."""
        ends = []
        for k, row in enumerate(self.scope.tasks):
            u = row[UNIT]
            if u != NONE:
                ends.append(
                    NEVER if out >> int(u) & 1 else int(state[self.scope.columns[ENDS] + k])
                )
                continue
            start_s = self._begin(k, ends)
            is_fixed = row[LATEST_S] == NEVER
            if self.sheet.tasks[row[TASK], LIGHT] and start_s < NEVER and not is_fixed:
                start_s = light_from_s(self.sheet, start_s, int(row[SHORT]))
            end_s = start_s + int(row[SHORT])
            ends.append(end_s if end_s <= row[LATEST_S] else NEVER)
        return ends

    def _followers_late(self, state, out):
        ends = self._ends(state, out)
        late_s = 0
        for row, end_s in zip(self.scope.tasks, ends, strict=True):
            if row[UNIT] == NONE:
                tardy_s = max(0, end_s - int(row[DUE_S])) * int(row[COUNTS])
                late_s += int(row[MISSED]) if end_s >= NEVER else tardy_s
        return late_s


def naive_least_late(sheet, scope, root, states_max=400):
    """Give the least tardiness of a scope from its first state; TooLarge if it is not tiny."""
    return Orders(sheet, scope, states_max).least_late(root.astype(np.int64))
