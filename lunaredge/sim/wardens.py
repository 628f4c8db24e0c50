"""The wardens of a run: people who keep machines or zones to themselves, and give them back.

Three of them, each with a key of his own. A tag comes off by whoever hung it, or by the two others;
which, is drawn. Whatever they began they end, also after everything is healed. And they go and look
where a machine stands that nobody hears, and vouch for it.
"""

import random
from collections.abc import Callable

import msgspec

from lunaredge.ids import KeyId, NodeId
from lunaredge.model.site import Point
from lunaredge.sim.checkers.evidence import Restrained
from lunaredge.sim.options import WardenOptions
from lunaredge.sim.people import ASK_AGAIN_NS, Person, Then
from lunaredge.sim.simulation import Simulation
from lunaredge.units import ns_from_s
from lunaredge.wire.messages import Answer, VouchRequest
from lunaredge.wire.safeguards import CloseRequest, LockOutRequest, OpenRequest, UnlockRequest

# A machine is wanted for as long as a look at it takes, or a repair.
KEPT_S = (5.0, 600.0)
# A lander is down and a blast is over in this time.
CLOSED_S = (5.0, 400.0)
# Most want room for themselves; a lander keeps more of a site than a machine is granted at once.
RADII_M = ((4.0, 15.0), (4.0, 15.0), (4.0, 15.0), (15.0, 60.0))
# Room for a machine to be turned by hand, or to be taken some way.
HAND_RADIUS_M = (4.0, 12.0)
# What is to be driven by hand is stopped first, if it is under way.
STOPPED_S = (5.0, 120.0)


class Warden(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    key: KeyId
    person: Person


class Wardens:
    """Lock machines out and close zones for no reason, and let go again; vouch for the silent."""

    def __init__(
        self,
        wardens: tuple[Warden, ...],
        rng: random.Random,
        sim: Simulation,
        options: WardenOptions,
    ) -> None:
        self.count = 0
        self.vouched: list[NodeId] = []
        """For whom a person's word was taken, one after the other."""
        self._wardens = wardens
        self._rng = rng
        self._sim = sim
        self._timeline = sim.timeline
        self._machines = sim.field.world.names
        self._options = options
        self._active = False
        self._open = 0
        """What was begun and has not been ended."""
        self._tries = 0

    def begin(self) -> None:
        """Interfere from now on."""
        self._active = True
        for warden in self._wardens:
            warden.person.sit_down()
        self._plan(self._options.lockout_s, self._lock)
        self._plan(self._options.close_s, self._close)
        self._plan(self._options.vouch_s, self._look)

    def end(self) -> None:
        """Begin nothing more; what was begun is still ended."""
        self._active = False

    @property
    def content(self) -> bool:
        """Whether everything has been given back."""
        return self._open == 0

    def _plan(self, mean_s: float, strike: Callable[[], None]) -> None:
        if mean_s > 0.0:
            delay_ns = ns_from_s(self._rng.expovariate(1.0 / mean_s))
            self._timeline.after(delay_ns, lambda: self._strike(mean_s, strike))

    def _strike(self, mean_s: float, strike: Callable[[], None]) -> None:
        if self._active:
            self._plan(mean_s, strike)
            self.count += 1
            strike()

    def _count_open(self, change: int) -> None:
        self._open += change
        # While they keep anything, nobody is to blame when nothing is done.
        at_ns, restrained = self._timeline.now_ns, self._open > 0
        self._sim.jury.see(Restrained(at_ns=at_ns, cause="wardens", restrained=restrained))

    def _request(self) -> str:
        self._tries += 1
        return f"warden-{self._tries}"

    # --- lock-outs ------------------------------------------------------------------------------

    def _lock(self) -> None:
        owner, machine = self._rng.choice(self._wardens), self._rng.choice(self._machines)
        self._count_open(1)
        how = self._rng.choice((self._look_at, self._drive, self._stop_to_drive))
        how(owner, machine)

    def _look_at(self, owner: Warden, machine: NodeId) -> None:
        self._tag(owner, machine, lambda answer: self._keep(owner, machine, answer))

    def _stop_to_drive(self, owner: Warden, machine: NodeId) -> None:
        delay_ns = ns_from_s(self._rng.uniform(*STOPPED_S))

        def take(answer: Answer) -> None:
            self._timeline.after(delay_ns, lambda: self._drive(owner, machine))

        self._tag(owner, machine, take)

    def _drive(self, owner: Warden, machine: NodeId) -> None:
        """Ask for a machine to drive it by hand: in vain if it isn't known to stand."""
        radius_m = self._rng.uniform(*HAND_RADIUS_M)
        self._tag(owner, machine, lambda answer: self._keep(owner, machine, answer), radius_m)

    def _tag(
        self, owner: Warden, machine: NodeId, then: Then, radius_m: float = 0.0, code: str = ""
    ) -> None:
        """Ask to lock a machine out, or to drive it by hand within a radius."""
        body = LockOutRequest(
            request=self._request(), node=machine, why="a look", radius_m=radius_m, code=code
        )

        def take(answer: Answer) -> None:
            if answer.ok and answer.code:
                self._tag(owner, machine, then, radius_m, answer.code)
            else:
                then(answer)

        owner.person.ask(body, take)

    def _keep(self, owner: Warden, machine: NodeId, answer: Answer) -> None:
        """Keep what was given for some time; what was refused may leave an earlier tag there."""
        kept_s = self._rng.uniform(*KEPT_S) if answer.ok else 0.0
        self._timeline.after(ns_from_s(kept_s), lambda: self._let_go(owner, machine))

    def _let_go(self, owner: Warden, machine: NodeId) -> None:
        others = [warden for warden in self._wardens if warden is not owner]
        speakers = [owner] if self._rng.random() < 0.5 else others
        self._speak(owner, machine, speakers, "")

    def _speak(self, owner: Warden, machine: NodeId, speakers: list[Warden], code: str) -> None:
        body = UnlockRequest(request=self._request(), node=machine, whose=owner.key, code=code)

        def take(answer: Answer) -> None:
            if answer.ok and answer.code:
                self._speak(owner, machine, speakers, answer.code)
            elif answer.ok and speakers[1:]:
                self._speak(owner, machine, speakers[1:], "")
            elif answer.ok or "hang" in answer.text:
                self._count_open(-1)
            else:
                # The code grew too old on its way, or one of the others has spoken before.
                self._timeline.after(ASK_AGAIN_NS, lambda: self._speak(owner, machine, [owner], ""))

        speakers[0].person.ask(body, take)

    # --- closures -------------------------------------------------------------------------------

    def _close(self) -> None:
        owner, zone = self._rng.choice(self._wardens), f"zone-{self._tries}"
        body = CloseRequest(
            request=self._request(),
            zone=zone,
            why="a drill",
            outline=(self._place(),),
            radius_m=self._rng.uniform(*self._rng.choice(RADII_M)),
        )
        self._count_open(1)
        owner.person.ask(body, lambda answer: self._closed(owner, zone, answer))

    def _place(self) -> Point:
        """Give a place anywhere on the site, or one where a machine is."""
        xs, ys = zip(*self._sim.scenario.site.boundary, strict=True)
        anywhere = self._rng.uniform(min(xs), max(xs)), self._rng.uniform(min(ys), max(ys))
        body = self._rng.choice(self._sim.field.world.truth())
        return (body.x_m, body.y_m) if self._rng.random() < 0.5 else anywhere

    def _closed(self, owner: Warden, zone: str, answer: Answer) -> None:
        if not answer.ok:
            # On a site that is no rectangle the place may have been off it.
            self._count_open(-1)
            return
        delay_ns = ns_from_s(self._rng.uniform(*CLOSED_S))
        self._timeline.after(delay_ns, lambda: self._open_again(owner, zone, ""))

    def _open_again(self, owner: Warden, zone: str, code: str) -> None:
        body = OpenRequest(request=self._request(), zone=zone, code=code)

        def take(answer: Answer) -> None:
            if answer.ok and answer.code:
                self._open_again(owner, zone, answer.code)
            elif answer.ok or "no zone" in answer.text:
                self._count_open(-1)
            else:
                # The code grew too old on its way.
                self._timeline.after(ASK_AGAIN_NS, lambda: self._open_again(owner, zone, ""))

        owner.person.ask(body, take)

    # --- vouching -------------------------------------------------------------------------------

    def _look(self) -> None:
        warden, machine = self._rng.choice(self._wardens), self._rng.choice(self._machines)
        self._vouch(warden, machine, self._where(machine), "")

    def _where(self, machine: NodeId) -> Point:
        bodies = self._sim.field.world.truth()
        return next((it.x_m, it.y_m) for it in bodies if it.machine == machine)

    def _vouch(self, warden: Warden, machine: NodeId, at: Point, code: str) -> None:
        """Say where a machine stands; who is heard, or may still move, is not vouched for."""
        body = VouchRequest(request=self._request(), node=machine, at=at, code=code)

        def take(answer: Answer) -> None:
            if code and answer.ok:
                self.vouched.append(machine)
            elif answer.ok and self._where(machine) == at:
                self._vouch(warden, machine, at, answer.code)

        warden.person.ask(body, take)
