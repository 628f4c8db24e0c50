"""A stranger who got at the broker: forged, stale, repeated and broken frames, handed to nodes.

It may replay what it overheard and sign with a node's key, but has neither the scheduler's key nor
an operator's; the expired and outdated commands it holds are the scheduler's own from another time.
"""

import random
from collections import deque

import msgspec

from lunaredge.ids import BootId, CommandId, KeyId, NodeId
from lunaredge.node import Actuate, Effect, Persist, StartWorkload, StopWorkload
from lunaredge.sim.checkers.evidence import Injected
from lunaredge.sim.network import Message
from lunaredge.sim.scenario import simulated_signer
from lunaredge.sim.simulation import Simulation
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import messages, spool, topics
from lunaredge.wire.codec import Header, decode, encode
from lunaredge.wire.seal import Role, Signer

# Commands overheard and kept for replays.
HEARD_MAX = 64

FOREVER_NS = 10**6 * NS_PER_S


class Attack(msgspec.Struct, frozen=True):
    """One frame to hand over."""

    kind: str
    payload: bytes
    counted: bool = True
    """Whether an honest receiver counts it as refused."""


class Attacker:
    """Strikes living agents at random times."""

    def __init__(self, sim: Simulation, rng: random.Random, mean_s: float) -> None:
        self.count = 0
        self._sim = sim
        self._rng = rng
        self._mean_s = mean_s
        self._active = False
        self._heard: deque[tuple[NodeId, CommandId, bytes]] = deque(maxlen=HEARD_MAX)
        self._answered: dict[CommandId, None] = {}
        self._number = 0

    def begin(self) -> None:
        """Strike from now on."""
        self._active = self._mean_s > 0.0
        if self._active:
            self._plan()

    def end(self) -> None:
        """Leave."""
        self._active = False

    def overhear(self, sender: NodeId, message: Message) -> None:
        """Keep a command, and remember which ones were answered."""
        where = topics.parse(message.topic)
        if where is None or where.channel not in ("cmd", "reply"):
            return
        body = decode(message.payload, self._sim.keys.keyring).body
        if isinstance(body, messages.CommandReply):
            self._answered[body.command] = None
        elif sender == topics.SCHEDULER and isinstance(body, messages.Command):
            self._heard.append((where.node, body.command, message.payload))

    def _plan(self) -> None:
        delay_ns = ns_from_s(self._rng.expovariate(1.0 / self._mean_s))
        self._sim.timeline.after(delay_ns, self._strike)

    def _strike(self) -> None:
        if not self._active:
            return
        self._plan()
        name = self._rng.choice(self._sim.agents)
        process = self._sim.processes[name]
        attack = self._draw(name)
        if not process.alive or attack is None:
            return
        now_ns = self._sim.timeline.now_ns
        self.count += 1
        self._sim.trace.log(now_ns, name, f"is handed a {attack.kind} command")
        topic = topics.build(self._sim.scenario.site.name, name, "cmd")
        effects = process.call(lambda node, t: node.receive(topic, attack.payload, t))
        changed = any(_changes(effect) for effect in effects)
        self._sim.jury.see(
            Injected(
                at_ns=now_ns,
                node=name,
                kind=attack.kind,
                changed=changed,
                counted=attack.counted,
            )
        )

    def _draw(self, name: NodeId) -> Attack | None:
        scheduler = self._sim.keys.signer(topics.SCHEDULER)
        stranger = simulated_signer("stranger", Role.SCHEDULER)
        impostor = simulated_signer("stranger", Role.SCHEDULER)
        impostor.key_id = KeyId(topics.SCHEDULER)
        neighbour = self._sim.keys.signer(self._rng.choice(self._sim.agents))
        match self._rng.randrange(8):
            case 0:
                return Attack("stranger's", self._frame(stranger, FOREVER_NS))
            case 1:
                return Attack("forged", self._frame(impostor, FOREVER_NS))
            case 2:
                return Attack("neighbour's", self._frame(neighbour, FOREVER_NS))
            case 3:
                return Attack("expired", self._frame(scheduler, -NS_PER_S))
            case 4:
                return Attack("unsigned", self._frame(None, FOREVER_NS))
            case 5:
                frame = bytearray(self._frame(scheduler, FOREVER_NS))
                frame[self._rng.randrange(len(frame))] ^= 1 << self._rng.randrange(8)
                return Attack("damaged", bytes(frame))
            case 6:
                frame_bytes = self._frame(scheduler, FOREVER_NS)
                return Attack("cut", frame_bytes[: self._rng.randrange(len(frame_bytes))])
            case _:
                return self._replay(name)

    def _replay(self, name: NodeId) -> Attack | None:
        # Only what its node has answered is old news; another may have got lost the first time.
        heard = [
            payload
            for node, command, payload in self._heard
            if node == name and command in self._answered
        ]
        return Attack("replayed", self._rng.choice(heard), counted=False) if heard else None

    def _frame(self, signer: Signer | None, life_ns: int) -> bytes:
        """Make a command that would stop the machine's work if it were obeyed."""
        self._number += 1
        now_ns = self._sim.timeline.now_ns
        header = Header(
            node=topics.SCHEDULER,
            boot=BootId(1),
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            epoch=10**6,
            expiry_ns=now_ns + life_ns,
        )
        return encode(header, messages.Hold(command=CommandId(f"evil-{self._number}")), signer)


def _changes(effect: Effect) -> bool:
    """Tell whether an effect does more than report: spooled records and replies are reports."""
    if isinstance(effect, Persist):
        return effect.table != spool.TABLE
    return isinstance(effect, Actuate | StartWorkload | StopWorkload)
