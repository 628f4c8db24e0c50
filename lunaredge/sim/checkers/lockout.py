"""Lock-out: a machine on which a person's tag hangs does not move until it is told otherwise.

And it is told only on the word of whoever hung the tag, or of two others. Nor does one move that
is shown as locked out, and nobody else is in its area for driving by hand, nor is let in.
"""

import math

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Answered,
    Carried,
    Evidence,
    Granted,
    LockedOut,
    Renewed,
    ShownTag,
    Situated,
    TagWord,
    TrueBody,
    Truth,
    Unlocked,
)
from lunaredge.sim.checkers.geometry import cut_path, is_in_area, leads_into, rectangle
from lunaredge.sim.checkers.ledger import Ledger
from lunaredge.sim.checkers.strays import Strays
from lunaredge.sim.checkers.tags import Tags, owner_of

# Far over rounding, far under what a machine covers between two instants.
MOVED_M_MIN = 1e-4


class LockoutChecker(BaseChecker):
    """Holds the true place of every locked machine against the place where it came to rest.

    A tag hangs from the machine's own word, at rest, until the scheduler sends that it is off. What
    happens to the machine's process or its power in between takes nothing off. What is shown counts
    until something else is shown, or until enough has been said to take each tag off that is shown:
    a view may be older than that. People may carry the machine, and others into its area.
    """

    name = "lockout"
    sees = (LockedOut, *Strays.sees, *Tags.sees, *Ledger.sees)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._tags = Tags()
        self._ledger = Ledger()
        self._latched: dict[NodeId, dict[str, None]] = {}
        self._shown: dict[NodeId, tuple[ShownTag, ...]] = {}
        self._safe: dict[NodeId, None] = {}
        """Machines that are shown locked out, and not let go since."""
        self._areas: list[tuple[NodeId, tuple[Point, ...]]] = []
        """Where those may be driven by hand."""
        self._bodies: tuple[TrueBody, ...] = ()
        self._places: dict[NodeId, TrueBody] = {}
        self._strays = Strays()
        self._brought: dict[NodeId, None] = {}
        """Who was carried into one of those areas, and is in there still."""

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Unlocked():
                self._judge(evidence)
                self._latched.get(evidence.node, {}).pop(evidence.tag, None)
            case Carried():
                self._places.pop(evidence.machine, None)
            case Truth():
                self._look(evidence)
            case LockedOut():
                self._shown = evidence.machines
                self._watch()
                self._judge_areas(evidence.at_ns)
            case Granted() if self._ledger.is_news(evidence):
                self._strays.grant(evidence)
                way = cut_path(evidence.path, 0.0, evidence.stop_m + evidence.overlap_m)
                self._led(evidence, way, evidence.half_width_m)
            case Renewed():
                if (added := self._ledger.added_by(evidence)) is not None:
                    self._led(evidence, *added)
            case _:
                pass
        self._ledger.see(evidence)
        self._strays.see(evidence)
        if isinstance(evidence, Tags.sees):
            self._tags.see(evidence)
        if isinstance(evidence, Situated) and evidence.at_rest and evidence.locks:
            self._latch(evidence)
        if isinstance(evidence, TagWord | Answered):
            self._watch()

    def _latch(self, situated: Situated) -> None:
        hung = [tag for tag in situated.locks if not self._tags.is_off(situated.node, tag)]
        self._latched.setdefault(situated.node, {}).update(dict.fromkeys(hung))

    def _judge(self, unlocked: Unlocked) -> None:
        """Judge by whose words since it hangs there a tag is taken off, the first time."""
        node, tag, owner = unlocked.node, unlocked.tag, owner_of(unlocked.tag)
        if self._tags.is_off(node, tag):
            return
        hung_ns = self._tags.hung_ns(node, tag)
        said = ", ".join(self._tags.said(node, owner, hung_ns)) or "nobody"
        self._check(
            self._tags.may_be_off(node, owner, hung_ns) or self._tags.gave_way(node, tag),
            unlocked.at_ns,
            f"{owner}'s tag is taken off {node} by {said}",
        )

    # --- what is shown ---------------------------------------------------------------------------

    def _watch(self) -> None:
        """Work out what counts of what is shown."""
        kept = [
            (machine, tag)
            for machine, tags in self._shown.items()
            for tag in tags
            if not self._tags.may_be_off(machine, tag.by, tag.since_ns)
        ]
        self._safe = {machine: None for machine, _ in kept}
        self._areas = [(machine, tag.area) for machine, tag in kept if tag.area]

    def _look(self, truth: Truth) -> None:
        """Judge where everybody truly is."""
        self._bodies = truth.bodies
        for body in truth.bodies:
            if self._latched.get(body.machine):
                self._stands(truth.at_ns, body, "locked out")
            elif body.machine in self._safe:
                self._stands(truth.at_ns, body, "shown locked out")
            else:
                self._places.pop(body.machine, None)
        self._brought = {
            body.machine: None
            for body in truth.bodies
            if self._is_excused(body.machine) and self._is_in_any(body)
        }
        self._compare_areas(truth.at_ns)

    def _stands(self, at_ns: int, body: TrueBody, how: str) -> None:
        place = self._places.setdefault(body.machine, body)
        moved_m = math.dist((place.x_m, place.y_m), (body.x_m, body.y_m))
        self._check(moved_m <= MOVED_M_MIN, at_ns, f"{body.machine} moved {moved_m:.2f} m, {how}")

    # --- areas for driving by hand ---------------------------------------------------------------

    def _judge_areas(self, at_ns: int) -> None:
        """Judge who is in the areas that are shown, and what machines hold there."""
        self._compare_areas(at_ns)
        for machine in self._specs if self._areas else ():
            for holding in self._ledger.of(machine):
                text = f"{machine} has not given {holding.authority} back, which leads"
                self._clear_of_areas(at_ns, machine, text, (holding.kept(), holding.half_width_m))

    def _led(self, word: Granted | Renewed, way: list[Point], half_width_m: float) -> None:
        text = f"{word.authority} leads {word.machine}"
        self._clear_of_areas(word.at_ns, word.machine, text, (way, half_width_m))

    def _clear_of_areas(
        self, at_ns: int, machine: NodeId, text: str, corridor: tuple[list[Point], float]
    ) -> None:
        """Judge a corridor, a path and half its width in metres, that a machine may drive in."""
        path, half_width_m = corridor
        for owner, area in self._areas:
            if machine != owner and not self._is_excused(machine):
                meets = leads_into(area, path, half_width_m)
                self._check(not meets, at_ns, f"{text} into the area of {owner}, driven by hand")

    def _compare_areas(self, at_ns: int) -> None:
        for owner, area in self._areas:
            for body in self._bodies:
                if body.machine != owner and not self._is_excused(body.machine):
                    where = f"{body.machine} at ({body.x_m:.2f}, {body.y_m:.2f})"
                    is_in = is_in_area(area, self._outline(body))
                    self._check(
                        not is_in, at_ns, f"{where} is in the area of {owner}, driven by hand"
                    )

    def _is_excused(self, machine: NodeId) -> bool:
        """Tell whether people carried a machine to where it is, and not its leader's grants."""
        return machine in self._strays or machine in self._brought

    def _is_in_any(self, body: TrueBody) -> bool:
        return any(is_in_area(area, self._outline(body)) for _, area in self._areas)

    def _outline(self, body: TrueBody) -> list[Point]:
        spec = self._specs[body.machine]
        return rectangle((body.x_m, body.y_m), body.heading_rad, spec.length_m, spec.width_m)
