"""The world of the small scope: every party, what is under way between them, and what may happen.

A state is a handful of numbers: each party is one of those met so far, each message as well. What
an input makes of a party is computed once. A message that stays under way for ever is a lost one,
so loss needs no step of its own; that any of them may be the next to arrive is reordering.
"""

from typing import NamedTuple

from lunaredge.ids import BootId, ClientId, NodeId
from lunaredge.sim.checkers.checker import Violation
from lunaredge.sim.keys import OPERATOR
from lunaredge.sim.network import matches
from lunaredge.sim.scenarios.plan import START_NS
from lunaredge.sim.scope import crossing
from lunaredge.sim.scope.frozen import Freezer
from lunaredge.sim.scope.parties import Leader, Party, Rover, Said, Seen, Shop
from lunaredge.sim.scope.watch import Watch, truth_of
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, decode, encode

TICK_NS = 20 * NS_PER_S
EAST, NORTH, LEADER, RIVAL = range(4)
PARTIES = ("rover-east", "rover-north", "scheduler", "rival")
# What bears on no authority goes through at once: records, and the time of the day.
_PLUMBING = (messages.Upload, messages.RecordAck, messages.TimeRequest, messages.TimeReply)

NOBODY = -1


class State(NamedTuple):
    """One state of the world."""

    ticks: int
    parties: tuple[int, ...]
    under_way: tuple[int, ...]
    """Messages, in the order of their sending; any of them may be the next to arrive."""
    watch: int


class Step(NamedTuple):
    """One thing that can happen next: to a party, or with a message."""

    kind: str
    what: int = NOBODY


class Letter(NamedTuple):
    """One copy of a message."""

    to: int
    at_ns: int
    """When it was sent."""
    topic: str
    payload: bytes
    body: str
    """What kind of message it is."""


class Outcome(NamedTuple):
    """What an input made of a party."""

    party: int
    said: tuple[Said, ...]
    seen: tuple[Seen, ...]
    number: int
    """Names what was said and seen."""
    fault: str


class _Met:
    """Frozen things met so far, each with a number."""

    def __init__(self, freezer: Freezer) -> None:
        self.frozen: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._freezer = freezer

    def number(self, what: object) -> int:
        """Give a thing's number; alike things have the same."""
        digest = self._freezer.digest(what)
        known = self._numbers.get(digest)
        if known is None:
            known = self._numbers[digest] = len(self.frozen)
            self.frozen.append(self._freezer.freeze(what))
        return known


class World:
    """Knows what follows from what."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.image = NOBODY
        """The leader that an old disk image makes; set by who prepares the first states."""
        self._freezer = Freezer(self.shop)
        self._met = _Met(self._freezer)
        self._alive: dict[int, bool] = {}
        self._outcomes: dict[tuple[int, str, int, int], Outcome] = {}
        self._verdicts: dict[tuple[int, tuple[int, ...]], tuple[int, Violation | None]] = {}
        self._letters: list[Letter] = []
        self._letter_numbers: dict[tuple[int, str, bytes], int] = {}
        self._subscribed: dict[tuple[int, str], bool] = {}

    # --- what there is -------------------------------------------------------------------------

    def empty(self) -> State:
        """Give the world before anything has begun."""
        parties: list[Party] = [Rover(self.shop, spec) for spec in self.shop.fleet.nodes]
        numbers = [self._number(each) for each in (*parties, Leader(self.shop, 1))]
        return State(0, (*numbers, NOBODY), (), self._met.number(Watch(self.shop)))

    def party(self, number: int) -> Party:
        """Give a copy of a party."""
        party: Party = self._freezer.thaw(self._met.frozen[number])
        return party

    def letter(self, number: int) -> Letter:
        """Give a message under way."""
        return self._letters[number]

    def is_alive(self, number: int) -> bool:
        """Tell whether a party has begun a life that goes on."""
        return number != NOBODY and self._alive[number]

    @property
    def parties_met(self) -> int:
        """How many different parties there were, the watches among them."""
        return len(self._met.frozen)

    # --- what can happen -----------------------------------------------------------------------

    def ordinary(self, state: State, deaf: int = NOBODY) -> Step:
        """Give what happens next when nothing goes wrong, but that one party hears nothing."""
        for number in state.under_way:
            if self._letters[number].to != deaf and self._has_reader(state, number):
                return Step("deliver", number)
        return Step("tick")

    def steps(self, state: State) -> list[Step]:
        """Give everything that can happen next."""
        found = [Step("tick")]
        for number in dict.fromkeys(state.under_way):
            if self._has_reader(state, number):
                found += [Step("deliver", number), Step("double", number)]
        for place, party in enumerate(state.parties):
            if self._is_dead(party):
                found.append(Step("start", place))
            elif party != NOBODY:
                found.append(Step("kill", place))
        if self._is_dead(state.parties[LEADER]):
            found.append(Step("image", LEADER))
        if state.parties[RIVAL] == NOBODY:
            found.append(Step("split", RIVAL))
        return found

    def after(self, state: State, step: Step) -> tuple[State, Violation | None]:
        """Give what comes of a step, and what it breaks."""
        return _Move(self, state).done(step)

    def kind_of(self, step: Step) -> str:
        """Tell in words what kind of step it is."""
        is_arrival = step.kind in ("deliver", "double")
        return f"{step.kind} {self._letters[step.what].body}" if is_arrival else step.kind

    def told(self, step: Step) -> str:
        """Tell of a step in words."""
        if step.kind in ("deliver", "double"):
            return f"{self.kind_of(step)} to {PARTIES[self._letters[step.what].to]}"
        return step.kind if step.what == NOBODY else f"{step.kind} {PARTIES[step.what]}"

    # --- computed once -------------------------------------------------------------------------

    def outcome(self, party: int, call: str, what: int, now_ns: int) -> Outcome:
        """Give what an input makes of a party."""
        key = (party, call, what, now_ns)
        known = self._outcomes.get(key)
        if known is None:
            known = self._outcomes[key] = self._computed(party, call, what, now_ns)
        return known

    def _computed(self, number: int, call: str, what: int, now_ns: int) -> Outcome:
        party, fault = self.party(number), ""
        try:
            _act(party, self._letters, call, what, now_ns)
        except Exception as exc:
            fault = f"{type(exc).__name__}: {exc}"
        said, seen = tuple(party.said), tuple(party.seen) if isinstance(party, Rover) else ()
        party.said.clear()
        if isinstance(party, Rover):
            party.seen.clear()
        after = number if fault else self._number(party)
        return Outcome(after, said, seen, len(self._outcomes), fault)

    def judged(self, watch: int, outcomes: list[Outcome]) -> tuple[int, Violation | None]:
        """Give what a watch makes of what happened."""
        if not any(outcome.said or outcome.seen for outcome in outcomes):
            return watch, None
        key = (watch, tuple(outcome.number for outcome in outcomes))
        known = self._verdicts.get(key)
        if known is None:
            watching: Watch = self._freezer.thaw(self._met.frozen[watch])
            said = [each for outcome in outcomes for each in outcome.said]
            moves = [list(outcome.seen) for outcome in outcomes if outcome.seen]
            violation = watching.take(self.shop, said, truth_of(moves))
            known = self._verdicts[key] = (self._met.number(watching), violation)
        return known

    def told_of_carrying(self, watch: int, name: NodeId, now_ns: int) -> int:
        """Give the watch that has seen a machine being carried."""
        watching: Watch = self._freezer.thaw(self._met.frozen[watch])
        watching.carried(name, now_ns)
        return self._met.number(watching)

    def copies(self, said: Said, parties: tuple[int, ...]) -> list[int]:
        """Give the copies of a message, one for each who has subscribed to it."""
        return [
            self._letter(to, said)
            for to, party in enumerate(parties)
            if party != NOBODY and self._reads(to, said.topic)
        ]

    def is_plumbing(self, number: int) -> bool:
        """Tell whether a message goes through at once."""
        return self._letters[number].body in _PLUMBING_NAMES

    def order(self) -> Said:
        """Give the work order as its operator signs it."""
        header = Header(
            node=NodeId(OPERATOR),
            boot=BootId(1),
            number=1,
            local_ns=START_NS,
            site_ns=START_NS,
            expiry_ns=START_NS + 3_600 * NS_PER_S,
        )
        body = messages.Submit(request="one", order=crossing.order())
        frame = encode(header, body, self.shop.keys.signer(OPERATOR))
        return Said(START_NS, topics.request(crossing.SITE, ClientId(OPERATOR)), frame)

    def image_of(self, leader: int) -> int:
        """Give the dead leader that has the disk of a living one as it is now."""
        party = self.party(leader)
        party.kill()
        return self._number(party)

    def rival_of(self, leader: int) -> int:
        """Give a dead second leader on a copy of the first one's disk."""
        party = self.party(leader)
        assert isinstance(party, Leader)
        party.kill()
        party.rank = 2
        return self._number(party)

    def in_order(self, numbers: list[int]) -> tuple[int, ...]:
        """Give messages under way in the order in which they were sent."""
        return tuple(sorted(numbers, key=lambda number: (self._letters[number].at_ns, number)))

    def _is_dead(self, party: int) -> bool:
        return party != NOBODY and not self._alive[party]

    def _has_reader(self, state: State, number: int) -> bool:
        return self.is_alive(state.parties[self._letters[number].to])

    def _number(self, party: Party) -> int:
        number = self._met.number(party)
        self._alive[number] = party.node is not None
        return number

    def _letter(self, to: int, said: Said) -> int:
        key = (to, said.topic, said.payload)
        known = self._letter_numbers.get(key)
        if known is None:
            known = self._letter_numbers[key] = len(self._letters)
            body = decode(said.payload, self.shop.keys.keyring).body
            self._letters.append(Letter(to, *said, type(body).__name__))
        return known

    def _reads(self, place: int, topic: str) -> bool:
        known = self._subscribed.get((place, topic))
        if known is None:
            boot = BootId(1)
            node = (
                self.shop.agent(crossing.NAMES[place], boot)
                if place < LEADER
                else self.shop.scheduler(boot)
            )
            known = any(matches(each, topic) for each in node.subscriptions)
            self._subscribed[(place, topic)] = known
        return known


class _Move:
    """One step under way."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state
        self._parties = list(state.parties)
        self._under_way = list(state.under_way)
        self._watch = state.watch
        self._now_ns = START_NS + state.ticks * TICK_NS
        self._violation: Violation | None = None

    def done(self, step: Step) -> tuple[State, Violation | None]:
        """Take the step to its end."""
        ticks = self._state.ticks
        match step.kind:
            case "tick":
                ticks += 1
                self._elapse()
            case "deliver":
                self._under_way.remove(step.what)
                self._deliver(step.what)
            case "double":
                self._deliver(step.what)
            case "kill" | "start":
                self._call(step.what, step.kind, NOBODY)
            case "carry":
                self._call(step.what, step.kind, NOBODY)
                name = crossing.NAMES[step.what]
                self._watch = self._world.told_of_carrying(self._watch, name, self._now_ns)
            case "image":
                self._parties[LEADER] = self._world.image
                self._call(LEADER, "start", NOBODY)
            case "split":
                self._parties[RIVAL] = self._world.rival_of(self._parties[LEADER])
                self._call(RIVAL, "start", NOBODY)
        return self._end(ticks), self._violation

    def submit(self) -> State:
        """Hand the work order in."""
        for number in self._world.copies(self._world.order(), tuple(self._parties)):
            self._deliver(number)
        return self._end(self._state.ticks)

    def _end(self, ticks: int) -> State:
        under_way = self._world.in_order(self._under_way)
        return State(ticks, tuple(self._parties), under_way, self._watch)

    def _elapse(self) -> None:
        outcomes = []
        for place, party in enumerate(self._parties):
            if party != NOBODY:
                outcomes.append(self._outcome(place, "elapse", NOBODY))
        self._now_ns += TICK_NS
        self._tell(outcomes)

    def _deliver(self, number: int) -> None:
        self._call(self._world.letter(number).to, "receive", number)

    def _call(self, place: int, call: str, what: int) -> None:
        self._tell([self._outcome(place, call, what)])

    def _outcome(self, place: int, call: str, what: int) -> Outcome:
        outcome = self._world.outcome(self._parties[place], call, what, self._now_ns)
        self._parties[place] = outcome.party
        if outcome.fault and self._violation is None:
            text = f"{PARTIES[place]}: {outcome.fault}"
            self._violation = Violation(invariant="crash", at_ns=self._now_ns, text=text)
        return outcome

    def _tell(self, outcomes: list[Outcome]) -> None:
        """Show the watch what happened, and send what was said on its way."""
        self._watch, violation = self._world.judged(self._watch, outcomes)
        self._violation = self._violation or violation
        for outcome in outcomes:
            for said in outcome.said:
                for number in self._world.copies(said, tuple(self._parties)):
                    self._send(number)

    def _send(self, number: int) -> None:
        if not self._world.is_plumbing(number):
            self._under_way.append(number)
        elif self._world.is_alive(self._parties[self._world.letter(number).to]):
            self._deliver(number)


def submitted(world: World, state: State) -> State:
    """Give the state with the work order handed in."""
    return _Move(world, state).submit()


def _act(party: Party, letters: list[Letter], call: str, what: int, now_ns: int) -> None:
    match call:
        case "receive":
            party.receive(letters[what].topic, letters[what].payload, now_ns)
        case "elapse":
            party.elapse(now_ns, now_ns + TICK_NS)
        case "start":
            party.start(now_ns)
        case "kill":
            party.kill()
        case "carry":
            assert isinstance(party, Rover)
            party.carry()


_PLUMBING_NAMES = frozenset(kind.__name__ for kind in _PLUMBING)
