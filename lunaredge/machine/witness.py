"""The witness of the ground truth: how near bodies came, who moved when, who overlapped.

It sees true poses only and trusts nobody's reservations. Separation is judged at the end of every
step in which a body of the pair moved. Bodies whose bounding circles are `NEAR_M` apart or more
count with the gap of the circles; nearer ones are measured exactly as rectangles. Within a step a
pair can have been nearer than at its end by at most the way that points of both bodies moved in
it: that is taken off, so the least separation told is a true lower bound, and exact where bodies
come to rest. An overlap is told only when the rectangles do overlap at the end of a step.
"""

import math
from collections.abc import Sequence

import msgspec

from lunaredge.ids import NodeId
from lunaredge.machine.bodies import Rectangle, circle_gap_m, separation_m
from lunaredge.machine.events import BodiesOverlapped, MachineMoved, TruthEvent
from lunaredge.machine.kinematics import CRAB_RATIO
from lunaredge.units import NS_PER_S

NEAR_M = 5.0
# Taken off where sums of many small ways are compared.
_ROUNDING_M = 1e-6
# A moving machine's pose is noted once in this time.
MOVED_EVERY_NS = NS_PER_S
# A day of a busy machine; the oldest are kept, the rest only counted.
INTERVALS_MAX = 10_000
OVERLAPS_MAX = 1_000
# What may wait to be taken: an hour of seven machines that all move, and some.
EVENTS_MAX = 50_000


class Motion(msgspec.Struct, frozen=True):
    """One body's step: by index, how far its station went and how much it turned."""

    index: int
    driven_m: float
    turned_rad: float


class Overlap(msgspec.Struct, kw_only=True):
    """Two machines whose bodies overlapped, from and to the ends of steps."""

    machines: tuple[NodeId, NodeId]
    from_ns: int
    to_ns: int
    x_m: float
    y_m: float


class Witness:
    """Watches the bodies of one world, in the order of their machines."""

    def __init__(self, names: Sequence[NodeId], bodies: Sequence[Rectangle], now_ns: int) -> None:
        assert len(names) == len(bodies)
        self.separation_m_min = math.inf
        self.pairs_checked = 0
        self.overlaps: list[Overlap] = []
        self.overlaps_dropped = 0
        self.events_dropped = 0
        self.distances_m = [0.0] * len(names)
        self.intervals: list[list[list[int]]] = [[] for _ in names]
        self.intervals_dropped = 0
        self._names = tuple(names)
        self._events: list[TruthEvent] = []
        self._least_m: dict[tuple[int, int], float] = {}
        # How far points of each body have moved in all, at most; and for each pair the sum of both
        # up to which it can't have come nearer than its least.
        self._moved_m = [0.0] * len(names)
        self._until_m = [[-math.inf] * len(names) for _ in names]
        self._overlapping: dict[tuple[int, int], Overlap] = {}
        # When a machine that moves was last noted; None for one at rest.
        self._noted_ns: list[int | None] = [None] * len(names)
        for index in range(len(names)):
            for other in range(index + 1, len(names)):
                self.pairs_checked += 1
                self._judge(index, other, bodies, 0.0, now_ns)

    def tell(self, event: TruthEvent) -> None:
        """Keep an event until it is taken; beyond the bound it is only counted."""
        if len(self._events) < EVENTS_MAX:
            self._events.append(event)
        else:
            self.events_dropped += 1

    def take_events(self) -> list[TruthEvent]:
        """Hand out what happened since the last call, and forget it."""
        events, self._events = self._events, []
        return events

    def separations_m(self) -> dict[str, float]:
        """Give the least separation of every pair, by ``name name``."""
        return {
            f"{self._names[one]} {self._names[other]}": least
            for (one, other), least in sorted(self._least_m.items())
        }

    def observe(
        self, motions: Sequence[Motion], bodies: Sequence[Rectangle], start_ns: int, end_ns: int
    ) -> None:
        """Take note of one step: those who moved in it, and where every body is at its end."""
        assert start_ns < end_ns
        swept_m = [0.0] * len(bodies)
        for motion in motions:
            body = bodies[motion.index]
            swept_m[motion.index] = CRAB_RATIO * motion.driven_m + body.radius_m * abs(
                motion.turned_rad
            )
            self._moved_m[motion.index] += swept_m[motion.index]
            self._note(motion, body, start_ns, end_ns)
        for motion in motions:
            one = motion.index
            until_m, moved_m = self._until_m[one], self._moved_m[one] + swept_m[one]
            for other, other_swept_m in enumerate(swept_m):
                # A pair of movers is judged once, by the one of the lower index.
                if other == one or (other_swept_m > 0.0 and other < one):
                    continue
                self.pairs_checked += 1
                if moved_m + self._moved_m[other] + other_swept_m >= until_m[other]:
                    self._judge(one, other, bodies, swept_m[one] + other_swept_m, end_ns)

    def carried(self, index: int, bodies: Sequence[Rectangle], now_ns: int) -> None:
        """Take note that a machine was lifted, and put where its body is now."""
        for other in range(len(bodies)):
            if other != index:
                self.pairs_checked += 1
                self._judge(index, other, bodies, 0.0, now_ns)
        self._tell_moved(index, bodies[index], now_ns)

    def rested(self, index: int, body: Rectangle, now_ns: int) -> None:
        """Take note that a machine came to rest."""
        if self._noted_ns[index] is None:
            return
        self._noted_ns[index] = None
        self._tell_moved(index, body, now_ns)

    def _judge(
        self, one: int, other: int, bodies: Sequence[Rectangle], closing_m: float, now_ns: int
    ) -> None:
        pair = (one, other) if one < other else (other, one)
        least_m = self._least_m.get(pair, math.inf)
        apart_m = circle_gap_m(bodies[one], bodies[other])
        if apart_m - closing_m >= least_m and pair not in self._overlapping:
            moved_m = self._moved_m[one] + self._moved_m[other]
            until_m = moved_m + (apart_m - least_m) - _ROUNDING_M
            self._until_m[one][other] = self._until_m[other][one] = until_m
            return
        self._until_m[one][other] = self._until_m[other][one] = -math.inf
        if apart_m < NEAR_M:
            apart_m = separation_m(bodies[one], bodies[other])
            self._judge_overlap(pair, bodies, now_ns, apart_m)
        apart_m = max(0.0, apart_m - closing_m)
        if apart_m < least_m:
            self._least_m[pair] = apart_m
            self.separation_m_min = min(self.separation_m_min, apart_m)

    def _judge_overlap(
        self, pair: tuple[int, int], bodies: Sequence[Rectangle], now_ns: int, apart_m: float
    ) -> None:
        known = self._overlapping.get(pair)
        if apart_m > 0.0:
            self._overlapping.pop(pair, None)
            return
        if known is not None:
            known.to_ns = now_ns
            return
        one = bodies[pair[0]]
        names = (self._names[pair[0]], self._names[pair[1]])
        overlap = Overlap(machines=names, from_ns=now_ns, to_ns=now_ns, x_m=one.x_m, y_m=one.y_m)
        self._overlapping[pair] = overlap
        if len(self.overlaps) < OVERLAPS_MAX:
            self.overlaps.append(overlap)
        else:
            self.overlaps_dropped += 1
        self.tell(BodiesOverlapped(t_ns=now_ns, machines=names, x_m=one.x_m, y_m=one.y_m))

    def _note(self, motion: Motion, body: Rectangle, start_ns: int, end_ns: int) -> None:
        index = motion.index
        self.distances_m[index] += motion.driven_m
        noted_ns = self._noted_ns[index]
        self._extend(index, start_ns, end_ns)
        if noted_ns is None or end_ns - noted_ns >= MOVED_EVERY_NS:
            self._tell_moved(index, body, end_ns)
            self._noted_ns[index] = end_ns

    def _extend(self, index: int, start_ns: int, end_ns: int) -> None:
        """Lengthen the machine's last interval of motion, or begin another."""
        intervals = self.intervals[index]
        if intervals and intervals[-1][1] == start_ns:
            intervals[-1][1] = end_ns
        elif len(intervals) < INTERVALS_MAX:
            intervals.append([start_ns, end_ns])
        else:
            self.intervals_dropped += 1

    def _tell_moved(self, index: int, body: Rectangle, now_ns: int) -> None:
        self.tell(
            MachineMoved(
                t_ns=now_ns,
                machine=self._names[index],
                x_m=body.x_m,
                y_m=body.y_m,
                heading_rad=body.heading_rad,
            )
        )
