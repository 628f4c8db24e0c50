"""All good ways to share a few tasks among a few nodes, found by halves.

Each half of the tasks gives a list of its cheap ways; two ways, one of each list, together share
all tasks. Which two fill the nodes to the brim at the least waste is found by sorting one list by
what it loads on one node, as for knapsacks by Horowitz and Sahni (1974). So millions of ways cost
some thousand looks.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner

SIZE = 5
"""How many nodes share, where there are as many; 8 would fit a choice's digit. Of 3 to 8, this is
the best for class D, whose plans are hardest to improve; classes C and E would do with 4."""
FREE_MAX = 42
"""How many tasks are free to move: each half's choices are the digits of one number."""
WAYS_MAX = 256
"""How long a list is."""

_DIGIT_BITS = 3
_DIGIT = (1 << _DIGIT_BITS) - 1
_BUCKETS = 512
_LOOKS_MAX = 40_000
_SHRINK = 0.75
_SHRINKS_MAX = 30


class Group(NamedTuple):
    """The nodes that share, and the tasks that are free to move between them.

    nodes   : int64 (5,)       nodes by their place in the group
    prices  : float64 (5,)     of idle capacity there
    fines   : float64 (5,)     of a unit in excess
    slacks  : float64 (5,)     capacity left idle with every free task at its cheapest place
    tasks   : int64 (42,)      free tasks, those that give way most easily first
    keys    : float64 (42,)    what a task pays for its second place above its cheapest
    now     : int64 (42,)      the place where it is
    places  : int64 (42, 5)    its places, cheapest first
    extra   : float64 (42, 5)  what it pays there above the cheapest
    usages  : float64 (42, 5)  by place in the group
    """

    nodes: Ints
    prices: Floats
    fines: Floats
    slacks: Floats
    tasks: Ints
    keys: Floats
    now: Ints
    places: Ints
    extra: Floats
    usages: Floats


class Ways(NamedTuple):
    """The two lists, and the second one sorted into buckets by what it loads on one node.

    paid    : float64 (3, 256)     what a way pays above the cheapest
    codes   : int64 (3, 256)       its choices, three bits for each task
    loads   : float64 (3, 5, 256)  what it adds to each node's load
    ends    : int64 (513,)         where a bucket ends in the third list
    buckets : int64 (256,)         of each way of the second list
    """

    paid: Floats
    codes: Ints
    loads: Floats
    ends: Ints
    buckets: Ints


def group() -> Group:
    """Make room for a group."""
    return Group(
        nodes=np.zeros(SIZE, dtype=np.int64),
        prices=np.zeros(SIZE),
        fines=np.zeros(SIZE),
        slacks=np.zeros(SIZE),
        tasks=np.zeros(FREE_MAX, dtype=np.int64),
        keys=np.zeros(FREE_MAX),
        now=np.zeros(FREE_MAX, dtype=np.int64),
        places=np.zeros((FREE_MAX, SIZE), dtype=np.int64),
        extra=np.zeros((FREE_MAX, SIZE)),
        usages=np.zeros((FREE_MAX, SIZE)),
    )


def ways() -> Ways:
    """Make room for lists of ways."""
    return Ways(
        paid=np.zeros((3, WAYS_MAX)),
        codes=np.zeros((3, WAYS_MAX), dtype=np.int64),
        loads=np.zeros((3, SIZE, WAYS_MAX)),
        ends=np.zeros(_BUCKETS + 1, dtype=np.int64),
        buckets=np.zeros(WAYS_MAX, dtype=np.int64),
    )


@inner
def share(group: Group, out_ways: Ways, shape: tuple[int, int], limit: float) -> tuple[float, int]:
    """Find the least waste, other than as it is, of at most a limit; -1.0 = there is none.

    shape   : how many nodes share, and how many tasks are free
    returns : the waste, and how many looks it took. The choices are then the last codes of the
              lists: see `choice`. Ties go to what is found first.
    """
    size, free = shape
    first = _list_ways(group, out_ways, (size, free, 0), limit)
    second = _list_ways(group, out_ways, (size, free, 1), limit)
    axis = _widest(group, out_ways, size, second)
    low, per_unit = _sort_ways(out_ways, size, second, axis)
    stays = (_code_now(group, shape, 0), _code_now(group, shape, 1))
    paid, loads, ends = out_ways.paid, out_ways.loads, out_ways.ends
    waste, looks, best_a, best_b = -1.0, first + second, np.int64(0), np.int64(0)
    for a in range(first):
        room = limit - paid[0, a]
        if room < 0.0 or looks > _LOOKS_MAX:
            continue
        # Only what leaves little idle there, and little in excess, can be good enough.
        left = group.slacks[axis] - loads[0, axis, a]
        least = left - room / max(group.prices[axis], 1e-9) - low
        most = left + room / group.fines[axis] - low
        if most < 0.0 or least * per_unit >= _BUCKETS:
            continue
        from_bucket = int(max(least, 0.0) * per_unit)
        to_bucket = int(min(most * per_unit, _BUCKETS - 1.0))
        begin = ends[from_bucket - 1] if from_bucket > 0 else 0
        looks += ends[to_bucket] - begin
        for b in range(begin, ends[to_bucket]):
            found = _waste(group, out_ways, size, (a, b), room)
            if found <= room:
                if out_ways.codes[0, a] == stays[0] and out_ways.codes[2, b] == stays[1]:
                    continue
                waste, room = found + paid[0, a], found - 1e-9
                limit = waste - 1e-9
                best_a, best_b = out_ways.codes[0, a], out_ways.codes[2, b]
    out_ways.codes[0, 0], out_ways.codes[1, 0] = best_a, best_b
    return waste, looks


@inner
def choice(group: Group, ways: Ways, free: int) -> int:
    """Give the place that `share` found for a free task."""
    code = ways.codes[free % 2, 0] >> (_DIGIT_BITS * (free // 2))
    return int(group.places[free, code & _DIGIT])


@inner
def _list_ways(group: Group, out_ways: Ways, shape: tuple[int, int, int], limit: float) -> int:
    """List the cheap ways of every second free task; give how many.

    Those that give way least easily come first. When the list is too long its dear ways go, and
    with them all that would have grown from them, so that what is left is complete up to a lower
    limit.
    """
    size, free, half = shape
    paid, codes, loads = out_ways.paid[half], out_ways.codes[half], out_ways.loads[half]
    count, shrinks = 1, 0
    paid[0], codes[0] = 0.0, 0
    loads[:, 0] = 0.0
    for task in range(free - 1, -1, -1):
        if task % 2 != half:
            continue
        base, start = count, group.places[task, 0]
        for digit in range(1, size):
            extra = group.extra[task, digit]
            if extra > limit:
                break
            while count + base > WAYS_MAX and shrinks < _SHRINKS_MAX:
                limit *= _SHRINK
                shrinks += 1
                count, base = _drop_dear(paid, codes, loads, (count, base), limit, size)
            place = group.places[task, digit]
            for way in range(base):
                if paid[way] + extra > limit or count >= WAYS_MAX:
                    continue
                paid[count] = paid[way] + extra
                codes[count] = codes[way] | (digit << (_DIGIT_BITS * (task // 2)))
                for k in range(size):
                    loads[k, count] = loads[k, way]
                loads[start, count] -= group.usages[task, start]
                loads[place, count] += group.usages[task, place]
                count += 1
    return count


@inner
def _drop_dear(
    paid: Floats, codes: Ints, loads: Floats, counts: tuple[int, int], limit: float, size: int
) -> tuple[int, int]:
    """Keep the ways within a limit, in order; give how many they are, and how many of the base."""
    count, base = 0, 0
    for way in range(counts[0]):
        if paid[way] > limit:
            continue
        paid[count], codes[count] = paid[way], codes[way]
        for k in range(size):
            loads[k, count] = loads[k, way]
        count += 1
        if way < counts[1]:
            base += 1
    return count, base


@inner
def _widest(group: Group, ways: Ways, size: int, count: int) -> int:
    """Choose the node at which the second list's ways differ most, by what idle capacity costs."""
    axis, widest = 0, -1.0
    for k in range(size):
        low, high = np.inf, -np.inf
        for way in range(count):
            low, high = min(low, ways.loads[1, k, way]), max(high, ways.loads[1, k, way])
        if group.prices[k] * (high - low) > widest:
            axis, widest = k, group.prices[k] * (high - low)
    return axis


@inner
def _sort_ways(out_ways: Ways, size: int, count: int, axis: int) -> tuple[float, float]:
    """Sort the second list into the third by its load on one node; give the scale of the buckets.

    A counting sort: what is in a bucket keeps its order.
    """
    loads, ends, buckets = out_ways.loads, out_ways.ends, out_ways.buckets
    low, high = np.inf, -np.inf
    for way in range(count):
        low, high = min(low, loads[1, axis, way]), max(high, loads[1, axis, way])
    per_unit = (_BUCKETS - 1) / (high - low) if high > low else 0.0
    ends[:] = 0
    for way in range(count):
        buckets[way] = int((loads[1, axis, way] - low) * per_unit)
        ends[buckets[way] + 1] += 1
    for k in range(_BUCKETS):
        ends[k + 1] += ends[k]
    for way in range(count):
        spot = ends[buckets[way]]
        ends[buckets[way]] += 1
        out_ways.paid[2, spot] = out_ways.paid[1, way]
        out_ways.codes[2, spot] = out_ways.codes[1, way]
        for k in range(size):
            loads[2, k, spot] = loads[1, k, way]
    return low, per_unit


@inner
def _waste(group: Group, ways: Ways, size: int, pair: tuple[int, int], limit: float) -> float:
    """Give what a way of the second list wastes along with one of the first, itself left out.

    Beyond the limit it is only known to be beyond.
    """
    a, b = pair
    waste = ways.paid[2, b]
    for k in range(size):
        if waste > limit:
            break
        idle = group.slacks[k] - ways.loads[0, k, a] - ways.loads[2, k, b]
        waste += group.prices[k] * idle if idle >= 0.0 else -group.fines[k] * idle
    return float(waste)


@inner
def _code_now(group: Group, shape: tuple[int, int], half: int) -> int:
    """Give the code of a half's tasks where they are."""
    size, free = shape
    code = np.int64(0)
    for task in range(half, free, 2):
        for digit in range(size):
            if group.places[task, digit] == group.now[task]:
                code |= digit << (_DIGIT_BITS * (task // 2))
                break
    return int(code)
