"""Occupancy: who may be in an area that people keep for themselves.

Good for one input: every machine's claim is worked out once, however many areas it is held against.
Whoever changes a claim meanwhile says so.
"""

import math
from functools import cached_property

from lunaredge.ids import NodeId
from lunaredge.model.polyline import Box, box_of
from lunaredge.model.site import Polygon
from lunaredge.scheduler import areas, claims, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain, may_meet
from lunaredge.scheduler.state import NodeEntry


class Occupancy:
    """Holds what one input needs of every machine's claim."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._claims: dict[NodeId, tuple[list[Chain], Box]] = {}

    @cached_property
    def uncounted(self) -> list[NodeId]:
        """The machines that may be anywhere until they are counted."""
        return claims.census_missing(self._ctx)

    def of(self, area: Polygon) -> list[NodeEntry]:
        """Give the machines that may come to be in an area, or say that they are."""
        around = box_of(area)
        found = []
        for node in self._ctx.state.nodes.values():
            if self._ctx.is_machine(node.name):
                chains, box = self._claims.get(node.name) or self._work_out(node)
                if may_meet(box, around) and any(_is_met(area, chain) for chain in chains):
                    found.append(node)
        return found

    def forget(self, node: NodeEntry) -> None:
        """Have a machine's claim worked out anew: it was changed."""
        self._claims.pop(node.name, None)

    def _work_out(self, node: NodeEntry) -> tuple[list[Chain], Box]:
        chains = [*space.claim(self._ctx, node), *_said(self._ctx, node)]
        boxes = [box_of(chain.points, chain.half_width_m) for chain in chains]
        claim = chains, _box_round(boxes)
        self._claims[node.name] = claim
        return claim


def _said(ctx: Context, node: NodeEntry) -> list[Chain]:
    """Give the ground under a machine by its own word; none where a person's counts instead."""
    seen, spec = node.seen, ctx.specs[node.name].machine
    assert spec is not None
    if seen is None or node.vouched:
        return []
    half_width_m = spec.radius_m + seen.pose_error_m
    return [Chain(points=(seen.at,), half_width_m=half_width_m, owner=node.name)]


def _is_met(area: Polygon, chain: Chain) -> bool:
    """Tell whether a claim has a point in common with an area."""
    if chain.closed:
        return areas.meets(area, chain.points)
    return areas.meets_line(area, chain.points, chain.half_width_m)


def _box_round(boxes: list[Box]) -> Box:
    """Give the box round some boxes; one that meets nothing when there are none."""
    if not boxes:
        return math.inf, math.inf, -math.inf, -math.inf
    return box_of([corner for box in boxes for corner in (box[:2], box[2:])])
