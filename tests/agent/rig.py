"""A scheduler and a machine played by hand, so that a test of the agent reads as a conversation.

`Rig` holds one agent, its disk and its machine. Time moves only by `run`. What the agent says is
decoded from real frames and kept in `heard`; what it is told is signed with real keys.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.ids import AuthorityId, BootId, CommandId, KeyId, NodeId, SiteId, TaskId
from lunaredge.model.task import Dig, Leg, Workload
from lunaredge.node import Actuate, Effect, Erase, Note, Persist, Publish, Row, StartWorkload
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, driver, records, topics
from lunaredge.wire.bulk import BULK_CLASSES
from lunaredge.wire.codec import Header
from lunaredge.wire.driver import Follow, Hello
from lunaredge.wire.messages import (
    Assign,
    AuthorityRequest,
    Birth,
    Cancel,
    Census,
    Defer,
    Dispute,
    Grant,
    Heartbeat,
    Hold,
    Message,
    OnLoss,
    RecordAck,
    RecordClass,
    ReleaseStop,
    Renew,
    Resume,
    Shorten,
    Situation,
    Stop,
    TimeReply,
    TimeRequest,
    Upload,
)
from lunaredge.wire.records import Record
from lunaredge.wire.safeguards import LockOut, Unlock
from lunaredge.wire.seal import Keyring, Role, Signer
from tests.agent.toy_machine import PATH, Machine, seconds

SITE = SiteId("ridge")
NODE = NodeId("digger-1")
SITE_NS = 1_790_000_000 * NS_PER_S  # site time when the rig's local clock is 0
BASIS_S_MAX = 15.0
DIG = Dig(zone="pit", pile="heap", mass_kg=500.0)

Disk = dict[tuple[str, str, int], bytes | None]  # None: the row is damaged
Body = TypeVar("Body")
Kept = TypeVar("Kept")


def boot_of(counter: int) -> BootId:
    return BootId(counter << 24 | 0x5EED)


def signer(name: str, role: Role) -> Signer:
    return Signer(KeyId(name), role, name.encode().ljust(32, b"."))


AGENT_KEY = signer(NODE, Role.NODE)
SCHEDULER_KEY = signer("scheduler", Role.SCHEDULER)
ARCHIVE_KEY = signer("archive", Role.ARCHIVE)
OPERATOR_KEY = signer("operator-ana", Role.OPERATOR)
OTHER_KEY = signer("hauler-1", Role.NODE)
STRANGER_KEY = signer("scheduler-2", Role.SCHEDULER)
FORGER_KEY = Signer(KeyId("scheduler"), Role.SCHEDULER, b"forged".ljust(32, b"."))
KEYRING = Keyring(
    {
        key.key_id: key.public
        for key in (AGENT_KEY, OTHER_KEY, SCHEDULER_KEY, ARCHIVE_KEY, OPERATOR_KEY)
    }
)
EVERYBODY = KEYRING.read_by(ARCHIVE_KEY)  # reads telemetry too, which is for the archive alone


def config(**changes: Any) -> AgentConfig:
    base = AgentConfig(
        site=SITE,
        node=NODE,
        kind="excavator",
        is_machine=True,
        slots=1,
        speed_m_s_max=0.5,
        deceleration_m_s2=0.1,
        reserve_wh=1000.0,
    )
    return msgspec.structs.replace(base, **changes)


class Rig:
    """One agent with its disk and its machine, and the test as everybody else."""

    def __init__(self, settings: AgentConfig | None = None, *, lifetime_s: float = 20.0) -> None:
        self.settings = settings or config()
        self.disk: Disk = {}
        self.machine = Machine()
        self.machine.lifetime_ns = seconds(lifetime_s)
        self.now_ns = seconds(1000)
        self.epoch = 1
        self.turns = 0
        self.serves_time = True
        self.samples = True
        self.round_trip_ns = 0
        self.effects: list[Effect] = []
        self.heard: list[tuple[str, codec.Received]] = []
        self._boot_count = 0
        self._command_count = 0
        self._next_sample_ns = 0
        self._post: list[tuple[int, bytes]] = []
        self.boot()

    # --- the shell -------------------------------------------------------------------------------

    def boot(self, *, connect: bool = True, attach: bool = True) -> None:
        """Start a new life of the agent from what is on disk."""
        self._boot_count += 1
        self.boot_id = boot_of(self._boot_count)
        self.node = AgentNode(self.settings, self.boot_id, AGENT_KEY, KEYRING)
        rows = [
            Row(*key, value or b"", is_whole=value is not None)
            for key, value in sorted(self.disk.items(), key=lambda item: item[0])
        ]
        self.node.restore(rows, self.now_ns)
        self.carry_out()
        if connect:
            self.node.connected(self.now_ns)
            self.carry_out()
        if attach and self.settings.is_machine:
            self.attach()

    def attach(self) -> None:
        lifetime_s = self.machine.lifetime_ns / NS_PER_S
        hello = Hello(
            version=driver.VERSION,
            machine=NODE,
            setpoint_lifetime_s=lifetime_s,
            basis_s_max=BASIS_S_MAX,
        )
        self.node.attached(hello, self.now_ns)
        self.carry_out()
        self.sense()

    def sense(self) -> None:
        self.node.sense(self.machine.sample(self.now_ns), self.now_ns)
        self.carry_out()

    def run(self, duration_s: float) -> None:
        """Let time pass: the machine moves, samples come, ticks are given when asked for."""
        end_ns = self.now_ns + seconds(duration_s)
        step_ns = seconds(0.5)
        while self.now_ns < end_ns:
            wakeup_ns = self.node.wakeup_ns()
            assert wakeup_ns is not None
            assert wakeup_ns > self.now_ns, "the shell would spin"
            after_ns = min(self.now_ns + step_ns, end_ns, wakeup_ns)
            self.machine.advance(after_ns, after_ns - self.now_ns)
            self.now_ns = after_ns
            if self.now_ns >= self._next_sample_ns and self.settings.is_machine:
                self._next_sample_ns = self.now_ns + seconds(self.settings.sample_period_s)
                if self.samples:
                    self.sense()
            self._bring_post()
            if self.now_ns >= wakeup_ns:
                self.node.tick(self.now_ns)
                self.carry_out()

    def carry_out(self) -> list[Effect]:
        """Do what the agent wants done, in its order."""
        batch = self.node.take_effects()
        for effect in batch:
            self.effects.append(effect)
            self.carry_out_one(effect)
        self._bring_post()
        return batch

    def _bring_post(self) -> None:
        due = [payload for at_ns, payload in self._post if at_ns <= self.now_ns]
        self._post = [(at_ns, payload) for at_ns, payload in self._post if at_ns > self.now_ns]
        for payload in due:
            self.deliver(payload)

    def carry_out_one(self, effect: Effect) -> None:
        match effect:
            case Persist(table, scope, number, value):
                self.disk[(table, scope, number)] = value
            case Erase(table, scope, through, lowest):
                for key in [k for k in self.disk if k[:2] == (table, scope)]:
                    if lowest <= key[2] <= through:
                        del self.disk[key]
            case Publish(topic, payload):
                received = codec.decode(payload, EVERYBODY)
                self.heard.append((topic, received))
                self._answer_time(received.body)
            case Actuate(order):
                self.machine.take(order, self.now_ns)
            case _:
                pass

    def _answer_time(self, body: Message) -> None:
        if isinstance(body, TimeRequest) and self.serves_time:
            site_ns = self.site_ns + self.round_trip_ns // 2
            reply = TimeReply(local_ns=body.local_ns, site_ns=site_ns)
            self._post.append((self.now_ns + self.round_trip_ns, self.frame(reply)))

    # --- the scheduler ---------------------------------------------------------------------------

    @property
    def site_ns(self) -> int:
        return SITE_NS + self.now_ns

    def frame(self, body: Message, key: Signer | None = SCHEDULER_KEY, **header: Any) -> bytes:
        base = Header(
            node=topics.SCHEDULER,
            boot=BootId(7),
            number=1,
            to=NODE,
            local_ns=0,
            site_ns=self.site_ns,
            epoch=self.epoch,
            expiry_ns=self.site_ns + seconds(120),
        )
        return codec.encode(msgspec.structs.replace(base, **header), body, key)

    def deliver(self, payload: bytes, channel: str = "cmd") -> list[Effect]:
        topic = topics.stop_all(SITE) if channel == "stop" else topics.build(SITE, NODE, channel)
        self.node.receive(topic, payload, self.now_ns)
        return self.carry_out()

    def tell(
        self, body: Message, key: Signer | None = SCHEDULER_KEY, **header: Any
    ) -> list[Effect]:
        return self.deliver(self.frame(body, key, **header), channel_of(body))

    def command_id(self) -> CommandId:
        self._command_count += 1
        return CommandId(f"c{self._command_count}")

    def census(self) -> list[Effect]:
        return self.tell(Census(command=self.command_id(), boot=self.boot_id))

    def assign(self, *legs: Leg, task: str = "t1", repeat: bool = False) -> list[Effect]:
        return self.tell(self.assignment(*legs, task=task, repeat=repeat))

    def assignment(self, *legs: Leg, task: str = "t1", repeat: bool = False) -> Assign:
        return Assign(
            command=self.command_id(),
            task=TaskId(task),
            attempt=1,
            legs=legs,
            repeat=repeat,
            workload=None,
        )

    def compute(self, task: str = "t1", duration_s_max: float = 600.0) -> list[Effect]:
        workload = Workload(
            program="fuse", input=b"in", memory_mib=64, duration_s_max=duration_s_max
        )
        assign = msgspec.structs.replace(self.assignment(task=task), workload=workload)
        return self.tell(assign)

    def grant_for(self, request: AuthorityRequest, **changes: Any) -> Grant:
        grant = Grant(
            command=self.command_id(),
            request_no=request.request_no,
            authority=AuthorityId(f"ma-{self._command_count}"),
            number=1,
            path=request.path,
            stop_m=1000.0,
            overlap_m=0.0,
            revision=1,
            tool_from_m=0.0,
            half_width_m=3.0,
            deviation_m_max=1.0,
            pose_error_m=0.5,
            clock_error_ns=seconds(5),
            speed_m_s_max=0.4,
            lifetime_ns=seconds(900),
            on_loss=OnLoss.STOP_POINT,
        )
        return msgspec.structs.replace(grant, **changes)

    def grant(self, **changes: Any) -> Grant:
        """Grant the newest request."""
        grant = self.grant_for(self.last(AuthorityRequest), **changes)
        self.tell(grant)
        return grant

    def renewal(
        self, request_no: int, grant: Grant, lifetime_s: float = 900.0, **changes: Any
    ) -> Renew:
        """Give the answer to a request for more time, as a scheduler would make it."""
        renew = Renew(
            command=self.command_id(),
            request_no=request_no,
            authority=grant.authority,
            stop_m=grant.stop_m,
            revision=1,
            lifetime_ns=seconds(lifetime_s),
        )
        return msgspec.structs.replace(renew, **changes)

    def renew(
        self, request_no: int, grant: Grant, lifetime_s: float = 900.0, **changes: Any
    ) -> list[Effect]:
        return self.tell(self.renewal(request_no, grant, lifetime_s, **changes))

    def shorten(
        self, grant: Grant, stop_m: float, revision: int = 2, from_m: float = 0.0
    ) -> list[Effect]:
        shorten = Shorten(
            command=self.command_id(),
            authority=grant.authority,
            stop_m=stop_m,
            from_m=from_m,
            revision=revision,
        )
        return self.tell(shorten)

    def defer(self, wait_s: float) -> list[Effect]:
        request_no = self.last(AuthorityRequest).request_no
        defer = Defer(
            command=self.command_id(),
            request_no=request_no,
            reason="occupied",
            wait_ns=seconds(wait_s),
        )
        return self.tell(defer)

    def hold(self) -> list[Effect]:
        self.turns += 1
        return self.tell(Hold(command=self.command_id(), turn=self.turns))

    def resume(self) -> list[Effect]:
        self.turns += 1
        return self.tell(Resume(command=self.command_id(), turn=self.turns))

    def cancel(self, task: str = "t1", attempt: int = 1) -> list[Effect]:
        return self.tell(Cancel(command=self.command_id(), task=TaskId(task), attempt=attempt))

    def release(self, stop: str = "stop-1") -> list[Effect]:
        return self.tell(ReleaseStop(command=self.command_id(), stop=stop))

    def lock(self, tag: str = "operator-ana/lockout-1-1") -> list[Effect]:
        return self.tell(LockOut(command=self.command_id(), tag=tag))

    def unlock(self, tag: str = "operator-ana/lockout-1-1") -> list[Effect]:
        return self.tell(Unlock(command=self.command_id(), tag=tag))

    def stop(
        self, stop: str = "stop-1", key: Signer | None = OPERATOR_KEY, node: str | None = None
    ) -> list[Effect]:
        body = Stop(stop=stop, node=None if node is None else NodeId(node), reason="test")
        return self.deliver(self.frame(body, key, epoch=0, expiry_ns=0), channel="stop")

    def acknowledge_all(self) -> None:
        """Commit and acknowledge every record heard so far."""
        through: dict[tuple[BootId, RecordClass], int] = {}
        for upload in self.all(Upload):
            stream = (upload.boot, upload.record_class)
            through[stream] = max(through.get(stream, 0), upload.seq)
        for (boot, record_class), seq in through.items():
            ack = RecordAck(record_class=record_class, boot=boot, through_seq=seq)
            key = ARCHIVE_KEY if record_class in BULK_CLASSES else SCHEDULER_KEY
            self.deliver(self.frame(ack, key), channel="ack")

    # --- scenes ----------------------------------------------------------------------------------

    def prove(self) -> None:
        """Answer the birth, and let the machine be seen at rest."""
        self.census()
        self.run(60)

    def drive_off(self, *legs: Leg, **changes: Any) -> Grant:
        """Bring the agent to driving its first leg."""
        self.prove()
        self.assign(*(legs or (Leg(path=PATH),)))
        return self.grant(**changes)

    def follows_in(self, duration_s: float) -> list[Follow]:
        """Let time pass and give the paths that were ordered meanwhile."""
        before = len(self.orders(Follow))
        self.run(duration_s)
        return self.orders(Follow)[before:]

    # --- what was heard --------------------------------------------------------------------------

    def all(self, kind: type[Body]) -> list[Body]:
        return [received.body for _, received in self.heard if isinstance(received.body, kind)]

    def last(self, kind: type[Body]) -> Body:
        return self.all(kind)[-1]

    def kept(self, kind: type[Kept]) -> list[Kept]:
        """Give the records heard, each once, in order."""
        uploads: dict[tuple[BootId, RecordClass, int], Record] = {}
        for upload in self.all(Upload):
            key = (upload.boot, upload.record_class, upload.seq)
            if not upload.dropped:
                uploads.setdefault(key, records.decode_record(upload.record))
        return [record for record in uploads.values() if isinstance(record, kind)]

    def orders(self, kind: type[Kept]) -> list[Kept]:
        actuated = [effect.order for effect in self.effects if isinstance(effect, Actuate)]
        return [order for order in actuated if isinstance(order, kind)]

    @property
    def situation(self) -> Situation:
        """Where the node stands, by its own newest word."""
        words = [b for b in (r.body for _, r in self.heard) if isinstance(b, Birth | Heartbeat)]
        return words[-1].situation

    def beat(self) -> Situation:
        """Let a heartbeat's period pass, and its slack if need be, and give what it says."""
        count = len(self.all(Heartbeat))
        self.run(self.settings.heartbeat_period_s)
        if len(self.all(Heartbeat)) == count:
            self.run(0.5 * self.settings.sample_period_s)
        return self.situation

    @property
    def state(self) -> str:
        return self.node._parts.course.state.value

    def codes(self, kind: type[records.Event] | type[records.Alarm]) -> list[str]:
        return [record.code for record in self.kept(kind)]

    def outcomes(self) -> list[str]:
        return [report.outcome.value for report in self.kept(records.TaskReport)]


def channel_of(body: Message) -> str:
    return "ma" if isinstance(body, Grant | Dispute) else "cmd"


def first(effects: list[Effect], kind: type[Kept], where: Callable[[Kept], bool]) -> int:
    """Give the index of the first such effect."""
    return next(i for i, effect in enumerate(effects) if isinstance(effect, kind) and where(effect))


def bodies(effects: list[Effect], kind: type[Body]) -> list[Body]:
    received = [codec.decode(e.payload, EVERYBODY) for e in effects if isinstance(e, Publish)]
    return [one.body for one in received if isinstance(one.body, kind)]


def notes(effects: list[Effect]) -> list[Note]:
    return [effect for effect in effects if isinstance(effect, Note)]


def started(effects: list[Effect]) -> list[StartWorkload]:
    return [effect for effect in effects if isinstance(effect, StartWorkload)]
