"""A site, a link and Earth in one deterministic world with virtual time.

The shells here are the simplest that keep the node contract: effects in order, durable ones in one
transaction, and a kill between any two of them loses the rest. The scheduler is a `session.Sender`
that keeps what the gateway has not acknowledged.
"""

import heapq
import random
from collections.abc import Callable

from lunaredge.earth.channel import Channel, Mishaps
from lunaredge.earth.gateway import GatewayConfig, GatewayNode
from lunaredge.earth.station import EarthConfig, EarthNode
from lunaredge.ids import BootId, KeyId, SiteId
from lunaredge.model.contact import LINK_PRESETS, Contact, ContactPlan
from lunaredge.node import Archive, Effect, Erase, Note, Persist, Publish, Row, Transmit
from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.codec import Header, Received, decode, encode
from lunaredge.wire.messages import Message, RecordAck, RecordClass
from lunaredge.wire.seal import Keyring, Role, Signer
from lunaredge.wire.session import Limits, Sender

SITE = SiteId("rim")
START_NS = 1_830_000_000 * NS_PER_S

SCHEDULER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"s" * 32)
ARCHIVE = Signer(KeyId("archive"), Role.ARCHIVE, b"a" * 32)
GATEWAY = Signer(KeyId("gateway"), Role.GATEWAY, b"g" * 32)
EARTH = Signer(KeyId("earth"), Role.EARTH, b"e" * 32)
OPERATOR = Signer(KeyId("operator-ann"), Role.OPERATOR, b"o" * 32)
STRANGER = Signer(KeyId("operator-eve"), Role.OPERATOR, b"x" * 32)
KEYRING = Keyring({s.key_id: s.public for s in (SCHEDULER, ARCHIVE, GATEWAY, EARTH, OPERATOR)})

LIGHT_S = 1.3


def seconds(value: float) -> int:
    """Give site time that many seconds after the start."""
    return START_NS + round(value * NS_PER_S)


def contact(start_s: float, end_s: float, light_time_s: float = LIGHT_S) -> Contact:
    """Give a contact by seconds after the start."""
    return Contact(
        link="DTE", start_ns=seconds(start_s), end_ns=seconds(end_s), light_time_s=light_time_s
    )


def plan_of(*windows_s: tuple[float, float]) -> ContactPlan:
    """Give a plan with these windows."""
    return ContactPlan(contacts=tuple(contact(start_s, end_s) for start_s, end_s in windows_s))


def frame(signer: Signer | None, body: Message, *, expiry_ns: int = 0, node: str = "") -> bytes:
    """Give a message of that signer."""
    name = node or (signer.key_id if signer else "scheduler")
    header = Header(
        node=topics.NodeId(name),
        boot=BootId(1),
        number=1,
        local_ns=0,
        site_ns=0,
        expiry_ns=expiry_ns,
    )
    return encode(header, body, signer)


class Disk:
    """A store: rows and an archive that refuses nothing, so that doubles show."""

    def __init__(self) -> None:
        self.scopes: dict[tuple[str, str], dict[int, bytes]] = {}
        self.archive: list[Archive] = []
        self.boots = 0

    def commit(self, effect: Persist | Erase | Archive) -> None:
        """Carry out one durable effect."""
        match effect:
            case Persist():
                scope = self.scopes.setdefault((effect.table, effect.scope), {})
                scope[effect.number] = effect.value
            case Erase():
                scope = self.scopes.get((effect.table, effect.scope), {})
                for number in [n for n in scope if effect.first <= n <= effect.through]:
                    del scope[number]
                if not scope:
                    self.scopes.pop((effect.table, effect.scope), None)
            case Archive():
                self.archive.append(effect)

    def rows(self, table: str = "") -> list[Row]:
        """Give the rows in order, of one table or all."""
        return [
            Row(*key, number, value)
            for key, scope in sorted(self.scopes.items())
            for number, value in sorted(scope.items())
            if not table or key[0] == table
        ]


class Shell:
    """One node over all of its lives."""

    def __init__(self, world: "World", make: Callable[[BootId], GatewayNode | EarthNode]) -> None:
        self.disk = Disk()
        self.node: GatewayNode | EarthNode | None = None
        self.published: list[Publish] = []
        self.notes: list[Note] = []
        self.transmit: Callable[[bytes], None] = lambda payload: None
        self.publish: Callable[[Publish], None] = lambda effect: None
        self.steps = 0
        """Effect groups carried out; a transaction is one."""
        self.kill_at_step: int | None = None
        self.life = 0
        self._make = make
        self._world = world
        self._wakeup_ns: int | None = None

    def start(self) -> None:
        """Begin a life from the disk."""
        self.disk.boots += 1
        self.node = self._make(BootId(self.disk.boots << 24))
        self.call(lambda node, now_ns: node.restore(self.disk.rows(), now_ns))
        self.call(lambda node, now_ns: node.connected(now_ns))

    def kill(self, down_s: float = 5.0) -> None:
        """End the life now, and begin another one later."""
        self.node, self._wakeup_ns = None, None
        self.life += 1
        self._world.after(down_s, self.start)

    def call(self, what: Callable[[GatewayNode | EarthNode, int], None]) -> None:
        """Call into the node, carry out what comes of it, and plan its next tick."""
        if self.node is None:
            return
        life = self.life
        what(self.node, self._world.now_ns)
        self._carry_out(self.node.take_effects())
        if self.node is None or self.life != life:
            return
        wakeup_ns = self.node.wakeup_ns()
        assert wakeup_ns is not None
        due_ns = max(wakeup_ns, self._world.now_ns)
        if due_ns != self._wakeup_ns:
            self._wakeup_ns = due_ns
            self._world.at(due_ns, lambda: self._tick(life, due_ns))

    def _tick(self, life: int, due_ns: int) -> None:
        if self.life == life and self._wakeup_ns == due_ns:
            self._wakeup_ns = None
            self.call(lambda node, now_ns: node.tick(now_ns))

    def _carry_out(self, effects: list[Effect]) -> None:
        index = 0
        while index < len(effects):
            if self.kill_at_step is not None and self.steps >= self.kill_at_step:
                self.kill_at_step = None
                self.kill()
                return
            self.steps += 1
            index = self._step(effects, index)

    def _step(self, effects: list[Effect], index: int) -> int:
        effect = effects[index]
        if isinstance(effect, Persist | Erase | Archive):
            while index < len(effects) and isinstance(effects[index], Persist | Erase | Archive):
                self.disk.commit(effects[index])
                index += 1
            return index
        match effect:
            case Publish():
                self.published.append(effect)
                self.publish(effect)
            case Transmit():
                self.transmit(effect.payload)
            case Note():
                self.notes.append(effect)
            case _:
                raise AssertionError(effect)
        return index + 1


class World:
    """Everything between the scheduler's records and Earth's archive."""

    def __init__(
        self,
        plan: ContactPlan,
        *,
        gateway: GatewayConfig | None = None,
        earth: EarthConfig | None = None,
        truth: ContactPlan | None = None,
        mishaps: Mishaps | None = None,
        seed: int = 1,
    ) -> None:
        self.now_ns = START_NS
        self.sender = Sender(BootId(7), Limits(bytes_max=1 << 40, resend_ns=10 * NS_PER_S))
        self.offered: list[tuple[RecordClass, int]] = []
        self.requests: list[Publish] = []
        """What the gateway handed to the scheduler."""
        self.answer: Callable[[Received], Message | None] = lambda received: None
        """What the scheduler says to a request."""
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._is_push_planned = False
        gateway = gateway or GatewayConfig(site=SITE, preset="moonlight-s")
        earth = earth or EarthConfig(site=SITE, preset=gateway.preset)
        preset, mishaps = LINK_PRESETS[gateway.preset], mishaps or Mishaps()
        truth = truth or plan
        rng = random.Random(seed)
        self.down = Channel(truth, preset.to_earth_bps, mishaps, rng)
        self.up = Channel(truth, preset.to_moon_bps, mishaps, rng)
        self.gateway = Shell(self, lambda b: GatewayNode(gateway, plan, b, GATEWAY, KEYRING))
        self.earth = Shell(self, lambda b: EarthNode(earth, plan, b, EARTH, KEYRING))
        self.gateway.transmit = lambda payload: self._fly(self.down, self.earth, payload)
        self.earth.transmit = lambda payload: self._fly(self.up, self.gateway, payload)
        self.gateway.publish = self._on_site_bus
        self.gateway.start()
        self.earth.start()

    # --- time -----------------------------------------------------------------------------------

    def at(self, at_ns: int, action: Callable[[], None]) -> None:
        """Do something then."""
        self._order += 1
        heapq.heappush(self._heap, (at_ns, self._order, action))

    def after(self, wait_s: float, action: Callable[[], None]) -> None:
        """Do something after a wait."""
        self.at(self.now_ns + round(wait_s * NS_PER_S), action)

    def run(self, until_s: float) -> None:
        """Let time pass up to that many seconds after the start."""
        calls = 0
        while self._heap and self._heap[0][0] <= seconds(until_s):
            at_ns, _, action = heapq.heappop(self._heap)
            calls = calls + 1 if at_ns == self.now_ns else 0
            assert calls < 10_000, "a node spins"
            assert at_ns >= self.now_ns
            self.now_ns = at_ns
            action()
        self.now_ns = seconds(until_s)

    # --- the site -------------------------------------------------------------------------------

    def record(self, record_class: RecordClass, record: bytes, count: int = 1) -> None:
        """Let the scheduler make a record."""
        item = self.sender.offer(record_class, record, count, self.now_ns)
        self.offered.append((record_class, item.seq))
        self.push()

    def push(self) -> None:
        """Let the scheduler send what is due, now and until all of it is acknowledged."""
        self._is_push_planned = False
        for upload in self.sender.due(self.now_ns):
            topic = topics.build(SITE, topics.SCHEDULER, "up", upload.record_class.value)
            payload = frame(SCHEDULER, upload)
            self.gateway.call(lambda n, now, t=topic, p=payload: n.receive(t, p, now))
        if self.sender.count and not self._is_push_planned:
            self._is_push_planned = True
            self.after(10.0, self.push)

    def _on_site_bus(self, effect: Publish) -> None:
        parsed = topics.parse(effect.topic)
        assert parsed is not None
        if parsed.channel in ("request", "stop"):
            self.requests.append(effect)
            answer = self.answer(decode(effect.payload, KEYRING))
            if answer is not None:
                payload = frame(SCHEDULER, answer)
                topic = topics.answer(SITE, topics.ClientId("earth"))
                self.after(
                    0.01, lambda: self.gateway.call(lambda n, now: n.receive(topic, payload, now))
                )
        elif parsed.channel == "ack":
            body = decode(effect.payload, KEYRING).body
            assert isinstance(body, RecordAck)
            self.sender.acknowledge(body)

    # --- Earth ----------------------------------------------------------------------------------

    def ask(self, signer: Signer | None, body: Message, *, lifetime_s: float = 600.0) -> None:
        """Let an operator on Earth ask something."""
        topic = topics.request(SITE, topics.ClientId("ann"))
        expiry_ns = self.now_ns + round(lifetime_s * NS_PER_S)
        payload = frame(signer, body, expiry_ns=expiry_ns)
        self.earth.call(lambda node, now_ns: node.receive(topic, payload, now_ns))

    @property
    def archived(self) -> list[tuple[RecordClass, int]]:
        """What Earth has, as (class, sequence number), in the order it came."""
        return [(a.record_class, a.seq) for a in self.earth.disk.archive]

    def _fly(self, channel: Channel, far: Shell, payload: bytes) -> None:
        for at_ns in channel.send(len(payload), self.now_ns):
            self.at(at_ns, lambda: self._land(channel, far, payload))

    def _land(self, channel: Channel, far: Shell, payload: bytes) -> None:
        channel.arrive(len(payload))
        far.call(lambda node, now_ns: node.datagram(payload, now_ns))
