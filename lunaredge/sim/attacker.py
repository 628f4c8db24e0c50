"""A stranger who got at the broker: forged, stale, repeated and broken frames, handed to nodes.

It replays what it overheard, signs with the key of a node it took over, and holds commands of the
scheduler's own that were made for another time. It has neither an operator's key nor the means to
make the scheduler sign anything now.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from lunaredge.ids import AuthorityId, BootId, CommandId, KeyId, NodeId, TaskId
from lunaredge.node import Effect, Persist
from lunaredge.scheduler import inputs
from lunaredge.scheduler.inputs import decode_entry
from lunaredge.scheduler.node import JOURNAL
from lunaredge.sim.checkers.evidence import Injected
from lunaredge.sim.scenario import OPERATOR, simulated_signer
from lunaredge.sim.simulation import Overheard, Simulation, acts
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, encode
from lunaredge.wire.seal import Role, Signer

# Commands overheard and kept for replays.
HEARD_MAX = 64

FOREVER_NS = 10**6 * NS_PER_S
# Epochs are as large as boot ids are.
EPOCH_HIGH = 2**52


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One frame to hand over."""

    kind: str
    payload: bytes
    channel: str = "cmd"
    counted: bool = True
    """Whether its node must show it among the refused in its heartbeats."""


class Heard(NamedTuple):
    """A command as it was overheard."""

    node: NodeId
    command: CommandId
    epoch: int
    expiry_ns: int
    payload: bytes


class Attacker:
    """Strikes living nodes at random times."""

    def __init__(self, sim: Simulation, rng: random.Random, mean_s: float) -> None:
        self.count = 0
        self._sim = sim
        self._rng = rng
        self._mean_s = mean_s
        self._active = False
        self._heard: deque[Heard] = deque(maxlen=HEARD_MAX)
        self._answered: dict[CommandId, None] = {}
        self._obeyed: dict[NodeId, int] = {}
        """The epoch that each node last showed."""
        self._number = 0

    def begin(self) -> None:
        """Strike from now on."""
        self._active = self._mean_s > 0.0
        if self._active:
            self._plan()

    def end(self) -> None:
        """Leave."""
        self._active = False

    def overhear(self, overheard: Overheard) -> None:
        """Keep a command; remember which ones were answered, and which leader each node obeys."""
        where, frame = overheard.topic, overheard.frame
        if where.channel not in ("cmd", "ma", "reply", "node"):
            return
        body = frame.body
        if isinstance(body, messages.CommandReply):
            self._answered[body.command] = None
        elif isinstance(body, messages.Birth | messages.Heartbeat):
            self._obeyed[where.node] = body.situation.epoch
        elif overheard.sender == topics.SCHEDULER and isinstance(body, messages.Command):
            header = frame.header
            heard = Heard(
                where.node, body.command, header.epoch, header.expiry_ns, overheard.payload
            )
            self._heard.append(heard)

    # --- striking -------------------------------------------------------------------------------

    def _plan(self) -> None:
        delay_ns = ns_from_s(self._rng.expovariate(1.0 / self._mean_s))
        self._sim.timeline.after(delay_ns, self._strike)

    def _strike(self) -> None:
        if not self._active:
            return
        self._plan()
        name = self._rng.choice(self._sim.agents)
        if self._rng.random() < 0.2:
            self._hand_over(topics.SCHEDULER, name, self._lie(name))
        else:
            attack = self._rng.choice(self._attacks())(name)
            if attack is not None:
                self._hand_over(name, name, attack)

    def _hand_over(self, victim: NodeId, topic_of: NodeId, attack: Attack) -> None:
        process = self._sim.processes[victim]
        if not process.alive or process.frozen:
            return
        now_ns = self._sim.timeline.now_ns
        self.count += 1
        self._sim.trace.log(now_ns, victim, f"is handed a {attack.kind} frame")
        topic = topics.build(self._sim.scenario.site.name, topic_of, attack.channel)
        # Heartbeats that wait behind a write are older than this, and show an older count.
        counted = attack.counted and process.idle
        # What is due anyway, or comes of a clock that jumped, is not the attack's doing.
        process.call(lambda node, t: node.tick(t))
        effects = process.call(lambda node, t: node.receive(topic, attack.payload, t))
        tells = _believes if victim == topics.SCHEDULER else acts
        self._sim.jury.see(
            Injected(
                at_ns=now_ns,
                node=victim,
                kind=attack.kind,
                changed=any(tells(effect) for effect in effects),
                counted=counted,
            )
        )

    # --- what is handed to agents ---------------------------------------------------------------

    def _attacks(self) -> tuple[Callable[[NodeId], Attack | None], ...]:
        return (
            self._stranger,
            self._forger,
            self._neighbour,
            self._expired,
            self._deposed,
            self._unsigned,
            self._damaged,
            self._cut,
            self._replayed,
            self._false_receipt,
            self._misdirected,
        )

    def _stranger(self, name: NodeId) -> Attack:
        signer = simulated_signer("stranger", Role.SCHEDULER)
        return Attack(kind="stranger's", payload=self._hold(self._header(name), signer))

    def _forger(self, name: NodeId) -> Attack:
        signer = simulated_signer("stranger", Role.SCHEDULER)
        signer.key_id = KeyId(topics.SCHEDULER)
        return Attack(kind="forged", payload=self._hold(self._header(name), signer))

    def _neighbour(self, name: NodeId) -> Attack:
        payload = self._hold(self._header(name), self._taken_over())
        return Attack(kind="neighbour's", payload=payload)

    def _expired(self, name: NodeId) -> Attack | None:
        header = self._header(name)
        if self._sim.is_misled(self._sim.processes[name]):
            return None
        header = replace(header, expiry_ns=header.site_ns - NS_PER_S)
        # What is obeyed shows in the epoch that its node keeps, whatever else comes of it.
        body = self._rng.choice((_hold_of(header), *_answers_of(header)))
        return Attack(kind="expired", payload=encode(header, body, self._scheduler()))

    def _deposed(self, name: NodeId) -> Attack | None:
        """Give a command of an earlier epoch than the one that the node obeys."""
        obeyed = self._obeyed.get(name, 0)
        if obeyed < 2:
            return None
        header = replace(self._header(name), epoch=obeyed - 1)
        payload = self._hold(header, self._scheduler())
        return Attack(kind="deposed leader's", payload=payload)

    def _unsigned(self, name: NodeId) -> Attack:
        return Attack(kind="unsigned", payload=self._hold(self._header(name), None))

    def _damaged(self, name: NodeId) -> Attack:
        frame = bytearray(self._hold(self._header(name), self._scheduler()))
        frame[self._rng.randrange(len(frame))] ^= 1 << self._rng.randrange(8)
        return Attack(kind="damaged", payload=bytes(frame))

    def _cut(self, name: NodeId) -> Attack:
        frame = self._hold(self._header(name), self._scheduler())
        return Attack(kind="cut", payload=frame[: self._rng.randrange(len(frame))])

    def _replayed(self, name: NodeId) -> Attack | None:
        heard = self._old_news(name)
        if not heard:
            return None
        return Attack(kind="replayed", payload=self._rng.choice(heard).payload, counted=False)

    def _misdirected(self, name: NodeId) -> Attack | None:
        """Give a genuine command that was made for another node and is in force there."""
        now_ns = self._sim.timeline.now_ns
        others = [heard for heard in self._heard if heard.node != name and heard.expiry_ns > now_ns]
        if not others:
            return None
        return Attack(kind="misdirected", payload=self._rng.choice(others).payload)

    def _old_news(self, name: NodeId) -> list[Heard]:
        """Give what its node has answered, under a leader that it has shown to obey.

        Another may have got lost the first time. So may the copy that a new leader sends of a
        command that the last one got no answer to: handed over, it is that leader's first word.
        """
        obeyed = self._obeyed.get(name, 0)
        return [
            heard
            for heard in self._heard
            if heard.node == name and heard.command in self._answered and heard.epoch <= obeyed
        ]

    def _false_receipt(self, name: NodeId) -> Attack:
        """Say that everything is archived, so that the node might forget it."""
        process = self._sim.processes[name]
        body = messages.RecordAck(
            record_class=self._rng.choice(messages.RECORD_CLASSES),
            boot=process.boot,
            through_seq=10**6,
        )
        payload = encode(self._header(name), body, self._taken_over())
        return Attack(kind="false receipt's", payload=payload, channel="ack")

    # --- what is handed to the scheduler --------------------------------------------------------

    def _lie(self, name: NodeId) -> Attack:
        """Speak for a node with another one's key: ask for space, or give its space away."""
        others = [KeyId(agent) for agent in self._sim.agents if agent != name]
        signer = self._sim.keys.signer(self._rng.choice(others or [OPERATOR]))
        boot = self._sim.processes[name].boot
        request = messages.AuthorityRequest(
            request_no=2**50,
            task=TaskId("any"),
            attempt=1,
            path=((50.0, 50.0),),
            x_m=50.0,
            y_m=50.0,
        )
        renewal = messages.AuthorityRenewal(request_no=2**50, authority=AuthorityId("any"))
        body = self._rng.choice((request, renewal))
        header = replace(self._header(topics.SCHEDULER), node=name, boot=boot)
        payload = encode(header, body, signer)
        return Attack(kind="lying", payload=payload, channel="ask", counted=False)

    # --- frames ---------------------------------------------------------------------------------

    def _taken_over(self) -> Signer:
        return self._sim.keys.signer(self._rng.choice(self._sim.agents))

    def _scheduler(self) -> Signer:
        return self._sim.keys.signer(topics.SCHEDULER)

    def _header(self, to: NodeId) -> Header:
        """Give the header of the newest word of a leader far in the future."""
        self._number += 1
        now_ns = self._sim.timeline.now_ns
        return Header(
            node=topics.SCHEDULER,
            boot=BootId(1),
            number=2**40 + self._number,
            to=to,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            epoch=EPOCH_HIGH,
            expiry_ns=now_ns + FOREVER_NS,
        )

    def _hold(self, header: Header, signer: Signer | None) -> bytes:
        """Make a command that would stop the machine's work if it were obeyed."""
        return encode(header, _hold_of(header), signer)


def _hold_of(header: Header) -> messages.Hold:
    return messages.Hold(command=CommandId(f"evil-{header.number}"), turn=header.number)


def _answers_of(header: Header) -> tuple[messages.Renew, messages.Defer]:
    """Give what answers a request of the node's, and of which it keeps no result."""
    command = CommandId(f"evil-{header.number}")
    renew = messages.Renew(
        command=command,
        request_no=1,
        authority=AuthorityId("any"),
        stop_m=10**6,
        revision=1,
        lifetime_ns=FOREVER_NS,
    )
    return renew, messages.Defer(command=command, request_no=1, reason="", wait_ns=NS_PER_S)


def _believes(effect: Effect) -> bool:
    """Tell whether the scheduler took a word as its node's; what is due anyway is no such thing."""
    if not isinstance(effect, Persist) or effect.table != JOURNAL:
        return False
    return isinstance(decode_entry(effect.value).input, inputs.Heard)
