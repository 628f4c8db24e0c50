"""Closure: nobody is in a zone, and nobody is let in, while it is shown closed and clear."""

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Answered,
    Asking,
    Carried,
    Cleared,
    Evidence,
    Granted,
    Opening,
    Renewed,
    TrueBody,
    Truth,
)
from lunaredge.sim.checkers.geometry import (
    cut_path,
    is_in_area,
    leads_into,
    point_to_path,
    rectangle,
    within,
)
from lunaredge.sim.checkers.ledger import Ledger


class ClosureChecker(BaseChecker):
    """Holds bodies and authorities against the zones that people may be in.

    Bodies at any time; what is not given back of an authority when a zone is shown clear; and what
    is granted, or added to it, while it is. What was shown counts until something else is shown, or
    until somebody has it opened: a view may be older than that, so the zone is then not watched
    before it was shown not clear. Who was refused has opened nothing.

    And nobody drives into a zone that was shown clear once, until it is opened, also while it is
    not clear any more: people may be in there still.
    """

    name = "closure"
    sees = (Cleared, Opening, Answered, Truth, Carried, *Ledger.sees)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._shown: dict[str, tuple[Point, ...]] = {}
        self._zones: dict[str, tuple[Point, ...]] = {}
        """Those of them that nobody may have had opened since."""
        self._entered: dict[str, tuple[Point, ...]] = {}
        """Zones that people may have gone into since they were closed."""
        self._inside: set[tuple[str, NodeId]] = set()
        """Who was in one of these when bodies were last seen."""
        self._carried: set[NodeId] = set()
        """Who was lifted since."""
        self._opening: dict[Asking, str] = {}
        self._places: dict[NodeId, TrueBody] = {}
        self._ledger = Ledger()

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Cleared():
                self._shown = evidence.zones
                listed = {*evidence.zones, *evidence.others}
                opening = self._opening.items()
                self._opening = {asking: zone for asking, zone in opening if zone in listed}
                self._watch(evidence.at_ns)
                left = {k: v for k, v in self._entered.items() if k in evidence.others}
                self._entered = left | evidence.zones
            case Opening():
                self._opening[evidence.asking] = evidence.zone
                self._zones.pop(evidence.zone, None)
            case Answered() if not evidence.ok and evidence.asking in self._opening:
                del self._opening[evidence.asking]
                self._watch(evidence.at_ns)
            case Granted() if self._ledger.is_news(evidence):
                # Sent again until it is answered; it is granted once.
                way = cut_path(evidence.path, 0.0, evidence.stop_m + evidence.overlap_m)
                self._led(evidence, way, evidence.half_width_m)
            case Renewed():
                if (added := self._ledger.added_by(evidence)) is not None:
                    self._led(evidence, *added)
            case Carried():
                self._carried.add(evidence.machine)
            case Truth():
                self._places = {body.machine: body for body in evidence.bodies}
                self._compare(evidence.at_ns, evidence.bodies)
                self._keep_out(evidence.at_ns, evidence.bodies)
            case _:
                pass
        self._ledger.see(evidence)

    def _watch(self, at_ns: int) -> None:
        """Judge who is in the zones that are shown clear now, and what machines hold there."""
        opening = self._opening.values()
        self._zones = {zone: area for zone, area in self._shown.items() if zone not in opening}
        self._compare(at_ns, tuple(self._places.values()))
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
            meets = leads_into(area, way, half_width_m)
            self._check(not meets, at_ns, f"{text} into {zone}, which was shown clear")

    def _compare(self, at_ns: int, bodies: tuple[TrueBody, ...]) -> None:
        for zone, area in self._zones.items():
            for body in bodies:
                where = f"{body.machine} at ({body.x_m:.2f}, {body.y_m:.2f})"
                outside = not self._is_in(body, area)
                self._check(outside, at_ns, f"{where} is in {zone}, which was shown clear")

    def _keep_out(self, at_ns: int, bodies: tuple[TrueBody, ...]) -> None:
        """Judge who has come in since the last look, by himself."""
        inside = {
            (zone, body.machine)
            for zone, area in self._entered.items()
            for body in bodies
            if self._is_in(body, area)
        }
        # A zone that is shown clear is judged by what is in it.
        passed = {*self._zones, *self._opening.values()}
        for zone in (zone for zone in self._entered if zone not in passed):
            for body in bodies:
                came_in = (zone, body.machine) in inside - self._inside
                text = f"{body.machine} drove into {zone}, which is closed and had been clear"
                self._check(not came_in or body.machine in self._carried, at_ns, text)
        self._inside = inside
        self._carried.clear()

    def _is_in(self, body: TrueBody, area: tuple[Point, ...]) -> bool:
        """Tell whether a body and an area of any shape have a point in common."""
        spec, place = self._specs[body.machine], (body.x_m, body.y_m)
        # The circle about the body says enough while it is far away.
        if not within(area, place) and point_to_path(place, [*area, area[0]]) > spec.radius_m:
            return False
        return is_in_area(area, rectangle(place, body.heading_rad, spec.length_m, spec.width_m))
