"""Closure: nobody is in a zone, and nobody is let in, while it is shown closed and clear."""

from itertools import pairwise

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Cleared,
    Evidence,
    Granted,
    Opening,
    Renewed,
    TrueBody,
    Truth,
)
from lunaredge.sim.checkers.geometry import cut_path, path_to_path, point_to_path, rectangle, within
from lunaredge.sim.checkers.ledger import Ledger

ROUNDING_M = 1e-6


class ClosureChecker(BaseChecker):
    """Holds bodies and authorities against the zones that people may be in.

    Bodies at any time; what is not given back of an authority when a zone is shown clear; and what
    is granted, or added to it, while it is. What was shown counts until something else is shown, or
    until somebody has it opened: a view may be older than that, so the zone is then not watched
    before it was shown not clear.
    """

    name = "closure"
    sees = (Cleared, Opening, Truth, *Ledger.sees)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._zones: dict[str, tuple[Point, ...]] = {}
        self._opening: dict[str, None] = {}
        self._places: dict[NodeId, TrueBody] = {}
        self._ledger = Ledger()

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Cleared():
                self._opening = {name: None for name in self._opening if name in evidence.zones}
                self._zones = {k: v for k, v in evidence.zones.items() if k not in self._opening}
                self._compare(evidence.at_ns, tuple(self._places.values()))
                self._shown(evidence.at_ns)
            case Opening():
                self._opening[evidence.zone] = None
                self._zones.pop(evidence.zone, None)
            case Granted() if self._ledger.is_news(evidence):
                # Sent again until it is answered; it is granted once.
                way = cut_path(evidence.path, 0.0, evidence.stop_m + evidence.overlap_m)
                self._led(evidence, way, evidence.half_width_m)
            case Renewed():
                if (added := self._ledger.added_by(evidence)) is not None:
                    self._led(evidence, *added)
            case Truth():
                self._places = {body.machine: body for body in evidence.bodies}
                self._compare(evidence.at_ns, evidence.bodies)
            case _:
                pass
        self._ledger.see(evidence)

    def _shown(self, at_ns: int) -> None:
        """Judge what machines hold when zones are shown clear."""
        for machine in self._specs:
            for holding in self._ledger.of(machine):
                self._clear_of_zones(
                    at_ns,
                    f"{machine} has not given {holding.authority} back, which leads",
                    holding.kept(),
                    holding.half_width_m,
                )

    def _led(self, word: Granted | Renewed, way: list[Point], half_width_m: float) -> None:
        text = f"{word.authority} leads {word.machine}"
        self._clear_of_zones(word.at_ns, text, way, half_width_m)

    def _clear_of_zones(self, at_ns: int, text: str, way: list[Point], half_width_m: float) -> None:
        for zone, area in self._zones.items():
            apart_m = path_to_path(way, [*area, area[0]]) - half_width_m
            meets = within(area, way[0]) or apart_m < -ROUNDING_M
            self._check(not meets, at_ns, f"{text} into {zone}, which was shown clear")

    def _compare(self, at_ns: int, bodies: tuple[TrueBody, ...]) -> None:
        for zone, area in self._zones.items():
            for body in bodies:
                where = f"{body.machine} at ({body.x_m:.2f}, {body.y_m:.2f})"
                outside = not self._is_in(body, area)
                self._check(outside, at_ns, f"{where} is in {zone}, which was shown clear")

    def _is_in(self, body: TrueBody, area: tuple[Point, ...]) -> bool:
        """Tell whether a body and an area of any shape have a point in common."""
        spec, place = self._specs[body.machine], (body.x_m, body.y_m)
        ring = [*area, area[0]]
        # The circle about the body says enough while it is far away.
        if not within(area, place) and point_to_path(place, ring) > spec.radius_m:
            return False
        corners = rectangle(place, body.heading_rad, spec.length_m, spec.width_m)
        edges = zip(corners, [*corners[1:], corners[0]], strict=True)
        crossing = any(_cross(a, b, c, d) for a, b in edges for c, d in pairwise(ring))
        return crossing or any(within(area, corner) for corner in corners)


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0.0 and _side(c, d, a) * _side(c, d, b) < 0.0


def _side(a: Point, b: Point, point: Point) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
