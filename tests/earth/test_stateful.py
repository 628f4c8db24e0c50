"""Any interleaving of contacts, cuts, kills and mishaps loses nothing that was acknowledged.

The books below know what the scheduler was told to forget, what was asked on Earth, and what lies
on the two disks; the nodes are judged by that, not by what they remember.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lunaredge.earth import ledger, stream, uplink
from lunaredge.earth.desk import WANTED_MAX, ApprovalPolicy
from lunaredge.earth.gateway import ANSWERS_MAX, GatewayConfig, GatewayNode
from lunaredge.earth.outbox import OutboxConfig
from lunaredge.earth.station import EarthConfig, EarthNode
from lunaredge.ids import BootId, NodeId, TaskId
from lunaredge.model.contact import ContactPlan
from lunaredge.node import Publish
from lunaredge.wire import topics
from lunaredge.wire.codec import Received, decode
from lunaredge.wire.link import (
    Answered,
    DirectiveAck,
    Item,
    ItemAck,
    LinkHeader,
    Shipment,
    decode_datagram,
    decode_payload,
    encode_datagram,
    encode_payload,
)
from lunaredge.wire.messages import (
    RECORD_CLASSES,
    Answer,
    Approve,
    CancelRequest,
    Message,
    RecordAck,
    RecordClass,
    Request,
    Stop,
    Upload,
)
from lunaredge.wire.records import ApprovalWanted, encode_record
from lunaredge.wire.seal import Signer
from lunaredge.wire.session import Sender
from tests.earth.rig import (
    EARTH,
    GATEWAY,
    KEYRING,
    LIGHT_S,
    OPERATOR,
    SITE,
    STRANGER,
    Shell,
    World,
    frame,
    plan_of,
    seconds,
)

PLANS = (
    plan_of((0, 100_000)),
    plan_of((0, 300), (500, 900), (4_000, 100_000)),
    plan_of((200, 260), (400, 410), (1_000, 2_000), (9_000, 100_000)),
)
OUTBOX = OutboxConfig(bytes_max=530_000)
AIR_MAX = 80
DROPPABLE = (RecordClass.RAW, RecordClass.SUMMARY)
# What a gateway out of its mind ships: under boots that no scheduler of the site has.
ROGUE_BOOT = BootId(900)
ANSWERS = topics.answer(SITE, topics.ClientId("earth"))

Number = tuple[BootId, RecordClass, int]
shells = st.sampled_from(["gateway", "earth"])
classes = st.sampled_from(RECORD_CLASSES)


class Space(RuleBasedStateMachine):
    """A scheduler, a gateway, a station, and everything that may go wrong between them."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt = True
        self.is_cut = False
        self.is_deaf = False
        self.hears_acks = True
        self.air: list[tuple[Shell, bytes]] = []
        self.past: list[tuple[Shell, bytes]] = []
        self.forgotten: dict[Number, int] = {}
        """What the scheduler has forgotten because the gateway said that it has it."""
        self.asked: dict[str, Request] = {}
        """What operators asked, by directive."""
        self.answers: dict[str, Answer] = {}
        """What the scheduler answered to each request, once and for all."""
        self.said: dict[str, Answer] = {}
        self.shown: set[tuple[BootId, RecordClass, int]] = set()
        self.sent: dict[tuple[BootId, RecordClass], list[int]] = {}
        self.sent_in_life = 0

    @initialize(plan=st.sampled_from(PLANS), policy=st.sampled_from(ApprovalPolicy))
    def begin(self, plan: ContactPlan, policy: ApprovalPolicy) -> None:
        gateway = GatewayConfig(site=SITE, preset="moonlight-s", outbox=OUTBOX)
        earth = EarthConfig(site=SITE, preset="moonlight-s", approve=policy)
        self.policy = policy
        self.world = world = World(plan, gateway=gateway, earth=earth)
        world.answer = self.answer
        world.gateway.transmit = self.down
        world.earth.transmit = self.up
        bus = world.gateway.publish
        world.gateway.publish = lambda effect: self.on_bus(effect, bus)
        world.earth.publish = self.on_earth

    @property
    def gateway(self) -> GatewayNode | None:
        node = self.world.gateway.node
        assert node is None or isinstance(node, GatewayNode)
        return node

    @property
    def earth(self) -> EarthNode | None:
        node = self.world.earth.node
        assert node is None or isinstance(node, EarthNode)
        return node

    # --- space ----------------------------------------------------------------------------------

    def down(self, payload: bytes) -> None:
        self.judge_order(payload)
        self.fly(self.world.earth, payload)

    def up(self, payload: bytes) -> None:
        self.fly(self.world.gateway, payload)

    def fly(self, far: Shell, payload: bytes) -> None:
        self.past = [*self.past[-30:], (far, payload)]
        if self.is_cut:
            return
        if self.prompt:
            self.world.after(LIGHT_S, lambda: self.land(far, payload))
        else:
            self.air = [*self.air[-AIR_MAX:], (far, payload)]

    def land(self, far: Shell, payload: bytes) -> None:
        far.call(lambda node, now_ns: node.datagram(payload, now_ns))

    @rule(prompt=st.booleans(), is_cut=st.booleans())
    def space_is(self, *, prompt: bool, is_cut: bool) -> None:
        self.prompt, self.is_cut = prompt, is_cut

    @precondition(lambda self: self.air)
    @rule(indices=st.lists(st.integers(0, AIR_MAX), min_size=1, max_size=8), twice=st.booleans())
    def arrive(self, indices: list[int], *, twice: bool) -> None:
        for index in indices[: len(self.air)]:
            far, payload = self.air.pop(index % len(self.air))
            for _ in range(2 if twice else 1):
                self.land(far, payload)

    @precondition(lambda self: self.air)
    @rule(count=st.integers(1, AIR_MAX))
    def lose(self, count: int) -> None:
        del self.air[:count]

    @precondition(lambda self: self.past)
    @rule(index=st.integers(0, 30), cut=st.integers(0, 1_200), flip=st.integers(0, 9_599))
    def arrives_again_or_torn(self, index: int, cut: int, flip: int) -> None:
        far, payload = self.past[index % len(self.past)]
        torn = bytearray(payload)
        torn[flip // 8 % len(torn)] ^= 1 << flip % 8
        for other in (self.world.gateway, self.world.earth):
            self.land(other, bytes(torn))
            self.land(other, payload[: cut % len(payload)])
        self.land(far, payload)

    @rule(
        payload=st.binary(max_size=80),
        signer=st.sampled_from([STRANGER, OPERATOR, EARTH, GATEWAY]),
        number=st.sampled_from([1, 2, 140_000, 2**62]),
        parts=st.integers(1, 3),
    )
    def a_rogue_sends(self, payload: bytes, signer: Signer, number: int, parts: int) -> None:
        """Send what no gateway and no station would; each in an era of its own."""
        whole = encode_payload(
            Shipment(
                node=NodeId("scheduler"),
                boot=ROGUE_BOOT,
                first_seq=number,
                seq=number,
                count=number,
                dropped=False,
                record=payload,
            )
        )
        for chunk in (payload, whole):
            item = Item(
                record_class=RecordClass.EVENT,
                id=number,
                behind=number - 1,
                span=1,
                part=0,
                parts=parts,
                born_ns=0,
                chunk=chunk,
            )
            ahead = ItemAck(record_class=RecordClass.ALARM, through=number, bitmap=payload)
            ack = DirectiveAck(id="nobody.asked", ok=False)
            header = LinkHeader(site=SITE, key=signer.key_id, era=ROGUE_BOOT, sent_ns=0)
            datagram = encode_datagram(header, (item, ahead, ack), signer)
            for far in (self.world.gateway, self.world.earth):
                self.land(far, datagram)
                self.land(far, payload)

    def judge_order(self, payload: bytes) -> None:
        """What is sent for the first time in a life is sent in the order of its ids."""
        if self.sent_in_life != self.world.gateway.life:
            self.sent, self.sent_in_life = {}, self.world.gateway.life
        datagram = decode_datagram(payload, SITE, KEYRING)
        for part in datagram.parts:
            if isinstance(part, Item):
                sent = self.sent.setdefault((datagram.header.era, part.record_class), [])
                is_next = not sent or part.id > sent[-1]
                assert is_next or part.id in sent, f"{part.id} overtook {sent[-1]}"
                if is_next:
                    sent.append(part.id)

    # --- the scheduler --------------------------------------------------------------------------

    @rule(
        kind=classes,
        size_bytes=st.sampled_from([1, 40, 2_500, 150_000]),
        times=st.integers(1, 6),
    )
    def record(self, kind: RecordClass, size_bytes: int, times: int) -> None:
        for _ in range(times):
            self.world.record(kind, bytes(size_bytes), count=3)

    @rule(task=st.integers(1, 4))
    def wants_a_word(self, task: int) -> None:
        wish = ApprovalWanted(site_ns=0, task=TaskId(f"t{task}"), title="Pit")
        self.world.record(RecordClass.EVENT, encode_record(wish))

    @rule(deaf=st.booleans(), hears_acks=st.booleans())
    def scheduler_is(self, *, deaf: bool, hears_acks: bool) -> None:
        self.is_deaf, self.hears_acks = deaf, hears_acks

    @rule()
    def scheduler_restarts(self) -> None:
        sender = self.world.sender
        kept = [item for key in sorted(sender._streams, key=str) for item in sender._streams[key]]
        self.world.sender = Sender(BootId(sender.boot + 1), sender.limits)
        self.world.sender.restore(kept)
        self.world.push()

    def answer(self, received: Received) -> Message | None:
        """Answer a request as the scheduler would: each id once, and then the same again."""
        body = received.body
        if self.is_deaf or not isinstance(body, Request) or isinstance(body, Stop):
            return None
        return self.answers.setdefault(
            body.request, Answer(request=body.request, ok=True, text=f"done {len(self.answers)}")
        )

    def on_bus(self, effect: Publish, bus: Callable[[Publish], None]) -> None:
        """Judge what the gateway says at the site, and pass it on."""
        parsed = topics.parse(effect.topic)
        assert parsed is not None
        if parsed.channel in ("request", "stop"):
            self.judge_request(decode(effect.payload, KEYRING))
        elif parsed.channel == "ack":
            if not self.hears_acks:
                return
            self.judge_ack(decode(effect.payload, KEYRING).body)
        bus(effect)

    def judge_request(self, received: Received) -> None:
        body, now_ns = received.body, self.world.now_ns
        assert isinstance(body, Request)
        name = f"ann.{body.stop}" if isinstance(body, Stop) else body.request
        assert received.header.expiry_ns > now_ns, "handed on after its expiry"
        if name.startswith("earth."):
            boot, seq = (int(text) for text in name.removeprefix("earth.").split("-"))
            wished = (BootId(boot), RecordClass.EVENT, seq) in self.at_earth()
            assert wished, "a word that nobody wished for"
            assert self.policy is ApprovalPolicy.AUTO
        else:
            assert type(self.asked[name]) is type(body), "nobody asked for that"
        rows = self.world.gateway.disk.rows(ledger.TABLE)
        entries = [msgspec.msgpack.decode(row.value, type=ledger.Entry) for row in rows]
        (entry,) = [entry for entry in entries if entry.directive.id == name]
        assert entry.is_stop or not entry.is_answered, "handed on after its answer"

    def judge_ack(self, body: Message) -> None:
        assert isinstance(body, RecordAck)
        items = self.world.sender._streams.get((body.boot, body.record_class), ())
        for item in items:
            if item.seq <= body.through_seq:
                self.forgotten[(item.boot, item.record_class, item.seq)] = item.count

    # --- operators on Earth ---------------------------------------------------------------------

    @rule(
        number=st.integers(1, 6),
        kind=st.sampled_from(["approve", "veto", "cancel", "stop"]),
        lifetime_s=st.sampled_from([5.0, 200.0, 20_000.0]),
        signer=st.sampled_from([OPERATOR, OPERATOR, STRANGER, GATEWAY, None]),
    )
    def ask(self, number: int, kind: str, lifetime_s: float, signer: Signer | None) -> None:
        name = f"{kind}-{number}"
        body: Request
        match kind:
            case "approve" | "veto":
                body = Approve(request=name, task=TaskId(f"t{number}"), approved=kind == "approve")
            case "cancel":
                body = CancelRequest(request=name, task=TaskId(f"t{number}"))
            case _:
                body = Stop(stop=name, node=None, reason="!")
        if signer is OPERATOR:
            self.asked.setdefault(f"ann.{name}", body)
        self.world.ask(signer, body, lifetime_s=lifetime_s)

    @rule(payload=st.binary(max_size=40), channel=st.sampled_from(["request", "up", "stop", "x"]))
    def garbage(self, payload: bytes, channel: str) -> None:
        topic = topics.build(SITE, topics.SCHEDULER, channel, "event")
        sent = [(topic, payload)]
        for name in self.asked:
            word = Answer(request=name, ok=True, text="done by nobody")
            sent += [(ANSWERS, frame(who, word)) for who in (STRANGER, OPERATOR)]
        for shell in (self.world.gateway, self.world.earth):
            for where, each in sent:
                shell.call(partial(receive, where, each))

    def on_earth(self, effect: Publish) -> None:
        body = decode(effect.payload, KEYRING).body
        if isinstance(body, Upload) and body.boot < ROGUE_BOOT:
            number = (body.boot, body.record_class, body.seq)
            assert number not in self.shown, f"{number} was shown twice"
            assert number in self.at_earth(), f"{number} was shown before it was kept"
            self.shown.add(number)
        if not isinstance(body, Answer):
            return
        before = self.said.setdefault(body.request, body)
        is_final = before.ok and before.text.startswith("done")
        assert not is_final or before == body, f"{body.request} got two answers"
        self.said[body.request] = before if is_final else body
        if body.text.startswith("done"):
            assert self.answers[f"ann.{body.request}"].text == body.text, "not what was answered"

    # --- time and power -------------------------------------------------------------------------

    @rule(duration_s=st.sampled_from([0.5, 3.0, 20.0, 120.0, 700.0]))
    def wait(self, duration_s: float) -> None:
        self.world.run((self.world.now_ns - seconds(0)) / 1e9 + duration_s)

    @rule(name=shells, down_s=st.sampled_from([0.0, 5.0, 300.0]))
    def kill(self, name: str, down_s: float) -> None:
        shell = getattr(self.world, name)
        if shell.node is not None:
            shell.kill(down_s)

    @rule(name=shells, steps=st.integers(0, 12))
    def power_will_go(self, name: str, steps: int) -> None:
        shell = getattr(self.world, name)
        shell.kill_at_step = shell.steps + steps
        self.world.record(RecordClass.EVENT, bytes(40))
        self.wait(5.0)

    # --- what holds at every moment -------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        if not hasattr(self, "world"):
            return
        self.nothing_is_lost()
        self.nothing_is_twice()
        self.directives_are_kept()
        self.queues_are_bounded()

    def nothing_is_lost(self) -> None:
        """What the scheduler has forgotten lies on one of the two disks, or was dropped by rule."""
        covered = self.on_the_way() | self.at_earth()
        for number in self.forgotten:
            assert number in covered, f"{number} was acknowledged, and is nowhere"

    def on_the_way(self) -> set[Number]:
        rows = self.world.gateway.disk.rows(stream.TABLE)
        found: set[Number] = set()
        newest: dict[tuple[BootId, RecordClass], int] = {}
        for row in rows:
            kind = RECORD_CLASSES[int(row.scope.split("/")[0])]
            entry = msgspec.msgpack.decode(row.value, type=stream.Entry)
            payload = decode_payload(entry.payload)
            if isinstance(payload, Answered):
                continue
            assert not payload.dropped or kind in DROPPABLE, f"{kind} was dropped"
            key = (payload.boot, kind)
            assert payload.first_seq > newest.get(key, 0), "out of order, or twice"
            newest[key] = payload.seq
            seqs = range(payload.first_seq, payload.seq + 1)
            found |= {(payload.boot, kind, seq) for seq in seqs}
        return found

    def at_earth(self) -> set[Number]:
        return {
            (each.boot, each.record_class, seq)
            for each in self.world.earth.disk.archive
            if each.boot < ROGUE_BOOT
            for seq in range(each.first_seq, each.seq + 1)
        }

    def nothing_is_twice(self) -> None:
        archive = [each for each in self.world.earth.disk.archive if each.boot < ROGUE_BOOT]
        numbers = Counter(
            (each.boot, each.record_class, seq)
            for each in archive
            for seq in range(each.first_seq, each.seq + 1)
        )
        doubled = [number for number, count in numbers.items() if count > 1]
        assert not doubled, f"archived twice: {doubled}"
        for each in archive:
            assert not each.dropped or each.record_class in DROPPABLE, "a word was dropped"

    def directives_are_kept(self) -> None:
        """What Earth was told that the site has is on the site's disk."""
        rows = self.world.gateway.disk.rows(ledger.TABLE)
        entries = [msgspec.msgpack.decode(row.value, type=ledger.Entry) for row in rows]
        kept = {entry.directive.id for entry in entries}
        for row in self.world.earth.disk.rows(uplink.TABLE):
            order = msgspec.msgpack.decode(row.value, type=uplink.Order)
            is_alive = self.world.now_ns < order.directive.expires_ns
            if order.is_taken and order.answer is None and is_alive:
                assert order.directive.id in kept, f"{order.directive.id} was taken, and is gone"

    def queues_are_bounded(self) -> None:
        gateway, earth = self.gateway, self.earth
        if gateway is not None:
            # What Earth may have seen a part of is never dropped, nor what stands for dropped ones.
            streams = [gateway.outbox.streams[kind] for kind in DROPPABLE]
            begun = [each.entry for one in streams for each in one._begun.values()]
            markers = [each for one in streams for each in one._waiting if each.is_marker]
            kept_bytes = sum(each.size_bytes for each in (*begun, *markers))
            assert gateway.outbox.size_bytes <= OUTBOX.bytes_max + kept_bytes
            assert len(gateway._answers) <= ANSWERS_MAX
            assert len(gateway._ledger._entries) <= ledger.ENTRIES_MAX + ledger.STOPS_EXTRA
            rows = self.world.gateway.disk.rows(stream.TABLE)
            entries = [msgspec.msgpack.decode(row.value, type=stream.Entry) for row in rows]
            assert sum(not entry.is_marker for entry in entries) == gateway.outbox.items
        if earth is not None:
            assert len(earth.desk.wanted) <= WANTED_MAX
            assert earth.desk.orders.waiting <= uplink.ORDERS_MAX + uplink.STOPS_EXTRA

    # --- in the end -----------------------------------------------------------------------------

    def teardown(self) -> None:
        """Heal everything: Earth has each record or its marker, and each asker an answer."""
        world = self.world
        self.prompt, self.is_cut, self.is_deaf, self.hears_acks = True, False, False, True
        world.gateway.kill_at_step = world.earth.kill_at_step = None
        self.air.clear()
        start_s = max(10_000.0, (world.now_ns - seconds(0)) / 1e9)
        world.run(start_s + 1_500.0)
        self.everything_holds()
        assert self.gateway is not None
        assert self.gateway.outbox.items == 0, "not drained"
        assert world.sender.count == 0
        assert set(self.forgotten) <= self.at_earth()
        counts = Counter[tuple[BootId, RecordClass]]()
        for each in world.earth.disk.archive:
            counts[(each.boot, each.record_class)] += each.count
        offered = Counter[tuple[BootId, RecordClass]]()
        for (boot, kind, _), count in self.forgotten.items():
            offered[(boot, kind)] += count
        assert {key: counts[key] for key in offered} == dict(offered), "miscounted"


def receive(topic: str, payload: bytes, node: GatewayNode | EarthNode, now_ns: int) -> None:
    node.receive(topic, payload, now_ns)


# A quarter of the profile's cases: each ends with hours in which everything heals.
Space.TestCase.settings = settings(
    max_examples=settings().max_examples // 4, stateful_step_count=40
)
TestAnyInterleaving = Space.TestCase
