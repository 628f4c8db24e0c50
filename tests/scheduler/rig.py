"""A scheduler with everybody around it played by hand: real frames, real keys, no threads.

`Site.say` speaks as a node, `Site.ask` as an operator; `Site.solve` computes what the scheduler
wants solved and gives it back; `Site.disk` is what a restart finds.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from lunaredge.ids import BootId, ClientId, KeyId, NodeId, TaskId
from lunaredge.model import site as model
from lunaredge.model.fleet import Fleet
from lunaredge.model.task import WorkOrder
from lunaredge.node import Archive, Effect, Erase, Persist, Publish, Row, Solve
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.scheduler.solve import solve
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages, records, topics
from lunaredge.wire.seal import Keyring, Role, Signer
from tests.scheduler.plain_site import plain_fleet, plain_site

T = TypeVar("T")

START_NS = 1_831_377_600 * NS_PER_S


def key(name: str, role: Role) -> Signer:
    return Signer(KeyId(name), role, name.encode().ljust(32, b"."))


def write(disk: dict[tuple[str, str, int], bytes], effect: Persist | Erase) -> None:
    """Carry out what a scheduler wants on its disk."""
    if isinstance(effect, Persist):
        disk[(effect.table, effect.scope, effect.number)] = effect.value
        return
    for place in list(disk):
        if place[:2] == (effect.table, effect.scope) and place[2] <= effect.through:
            del disk[place]


class Site:
    def __init__(
        self, site: model.Site | None = None, fleet: Fleet | None = None, **settings: object
    ) -> None:
        """A site; ``settings`` are the scheduler's."""
        self.site = site or plain_site()
        self.config = SchedulerConfig(site=self.site.name, **settings)
        self.fleet = fleet or plain_fleet()
        self.now_ns = START_NS
        self.signers = {spec.name: key(spec.name, Role.NODE) for spec in self.fleet.nodes}
        self.operator = key("operator-mari", Role.OPERATOR)
        self.earth = key("earth", Role.EARTH)
        self.gateway = key("gateway", Role.GATEWAY)
        self.lead = key("scheduler", Role.SCHEDULER)
        self.archivist = key("archive", Role.ARCHIVE)
        others = [self.operator, self.earth, self.gateway, self.lead, self.archivist]
        everybody = [*self.signers.values(), *others]
        self.keyring = Keyring({s.key_id: s.public for s in everybody})
        self.disk: dict[tuple[str, str, int], bytes] = {}
        self.archive: list[Archive] = []
        self.boots = 0
        self.node_boots = {name: BootId(100 + i) for i, name in enumerate(self.signers)}
        self.numbers: dict[str, int] = {}
        self.requests = 0
        self.published: list[tuple[str, messages.Message]] = []
        self.problems: list[object] = []
        self.scheduler = self.start()

    def start(self) -> SchedulerNode:
        """Start a scheduler on what is on the disk."""
        self.boots += 1
        self.scheduler = SchedulerNode(
            self.config,
            self.site,
            self.fleet,
            BootId(self.boots),
            signer=self.lead,
            keyring=self.keyring,
        )
        self.problems = []
        self.scheduler.restore(self.rows(), self.now_ns)
        self.scheduler.connected(self.now_ns)
        self.carry_out()
        return self.scheduler

    def rows(self) -> Iterable[Row]:
        return [Row(*place, value) for place, value in sorted(self.disk.items())]

    def carry_out(self) -> list[Effect]:
        effects = self.scheduler.take_effects()
        for effect in effects:
            match effect:
                case Persist() | Erase():
                    write(self.disk, effect)
                case Archive():
                    self.archive.append(effect)
                case Publish():
                    body = codec.decode(effect.payload, self.keyring).body
                    self.published.append((effect.topic, body))
                case Solve():
                    self.problems.append(effect.problem)
                case _:
                    pass
        return effects

    def wait(self, duration_s: float) -> None:
        """Let time pass, waking the scheduler whenever it asks for it."""
        end_ns = self.now_ns + round(duration_s * NS_PER_S)
        while self.now_ns < end_ns:
            wakeup_ns = self.scheduler.wakeup_ns()
            self.now_ns = min(end_ns, max(wakeup_ns or end_ns, self.now_ns + NS_PER_S // 10))
            self.scheduler.tick(self.now_ns)
            self.carry_out()

    def frame(self, signer: Signer, body: messages.Message, **header: object) -> bytes:
        name = str(signer.key_id)
        self.numbers[name] = self.numbers.get(name, 0) + 1
        fields: dict[str, object] = {
            "node": NodeId(name),
            "boot": self.node_boots.get(NodeId(name), BootId(1)),
            "number": self.numbers[name],
            "local_ns": self.now_ns,
            "site_ns": self.now_ns,
            "clock_error_ns": 0,
            "expiry_ns": self.now_ns + 60 * NS_PER_S,
        }
        return codec.encode(msgspec.convert(fields | header, codec.Header), body, signer)

    def hear(self, topic: str, payload: bytes) -> None:
        self.scheduler.receive(topic, payload, self.now_ns)
        self.carry_out()

    def say(self, node: str, body: messages.Message, **header: object) -> None:
        """Speak as a node."""
        channel = {
            messages.Birth: "node",
            messages.Heartbeat: "node",
            messages.Farewell: "node",
            messages.CommandReply: "reply",
            messages.Upload: "up/state",
        }.get(type(body), "ask")
        topic = topics.build(self.site.name, NodeId(node), channel)
        self.hear(topic, self.frame(self.signers[NodeId(node)], body, **header))

    def ask(self, body: messages.Request, signer: Signer | None = None) -> messages.Answer:
        """Ask as an operator (or as another) and give the answer."""
        topic = topics.request(self.site.name, ClientId("mari"))
        self.hear(topic, self.frame(signer or self.operator, body))
        return self.last(messages.Answer)

    def vouch(self, name: str, at: model.Point | None) -> messages.Answer:
        """Say as an operator, in both steps, where a silent machine stands, or that it is gone."""
        first = messages.VouchRequest(request=self.request_id(), node=NodeId(name), at=at, code="")
        code = self.ask(first).code
        assert code
        return self.ask(msgspec.structs.replace(first, request=self.request_id(), code=code))

    def request_id(self) -> str:
        self.requests += 1
        return f"r{self.requests}"

    def submit(self, order: WorkOrder) -> messages.Answer:
        return self.ask(messages.Submit(request=self.request_id(), order=order))

    def solve(self, limit: int = 50) -> None:
        """Solve what waits, and what that leads to."""
        while self.problems and limit:
            limit -= 1
            problem = self.problems.pop(0)
            self.scheduler.solved(solve(self.scheduler.core.ctx.ground, problem), self.now_ns)
            self.carry_out()

    def last(self, kind: type[T]) -> T:
        return next(body for _, body in reversed(self.published) if isinstance(body, kind))

    def sent(self, node: str, kind: type[messages.Message]) -> list[messages.Message]:
        channel = "ma" if kind is messages.Grant else "cmd"
        topic = topics.build(self.site.name, NodeId(node), channel)
        return [body for at, body in self.published if at == topic and isinstance(body, kind)]

    def situation(self, node: str, **changes: object) -> messages.Situation:
        """Give a resting node's word of itself."""
        spec = self.fleet.node(NodeId(node))
        assert spec is not None
        x_m, y_m = spec.home or (None, None)
        battery_wh = spec.machine.battery_wh if spec.machine else None
        base = messages.Situation(
            state="idle",
            autonomy=messages.Autonomy.A0,
            x_m=x_m,
            y_m=y_m,
            heading_rad=0.0 if spec.machine else None,
            pose_error_m=0.1,
            at_rest=True,
            brake_ratio=1.0,
            battery_wh=battery_wh,
            payload_kg=0.0,
            authority=None,
            task=None,
            attempt=0,
            progress_ratio=0.0,
            stops=(),
            held=False,
            epoch=self.scheduler.core.state.epoch,
            spool_count=0,
            refused={},
            produced={},
            dropped={},
        )
        return msgspec.structs.replace(base, **changes)

    def reply(self, node: str, command: str, *, ok: bool = True, reason: str = "") -> None:
        self.say(node, messages.CommandReply(command=command, ok=ok, reason=reason))

    def census(self, *nodes: str) -> None:
        """Bring nodes (all by default) through birth and census."""
        for node in nodes or tuple(self.signers):
            birth = messages.Birth(kind="x", situation=self.situation(node))
            self.say(node, birth)
            command = self.sent(node, messages.Census)[-1]
            assert isinstance(command, messages.Census)
            self.reply(node, command.command)
            self.say(node, messages.Heartbeat(situation=self.situation(node)))

    def assignment(self, node: str) -> messages.Assign:
        command = self.sent(node, messages.Assign)[-1]
        assert isinstance(command, messages.Assign)
        return command

    def report(
        self, node: str, task: str, outcome: str, seq: int, attempt: int | None = None
    ) -> None:
        """Upload a task report as a node, on the present attempt unless another is named."""
        entry = self.scheduler.core.state.tasks[TaskId(task)]
        report = records.TaskReport(
            site_ns=self.now_ns,
            task=TaskId(task),
            attempt=entry.attempt if attempt is None else attempt,
            outcome=records.TaskOutcome(outcome),
        )
        upload = messages.Upload(
            record_class=messages.RecordClass.STATE,
            boot=self.node_boots[NodeId(node)],
            first_seq=seq,
            seq=seq,
            floor_seq=1,
            count=1,
            dropped=False,
            record=records.encode_record(report),
        )
        self.say(node, upload)

    def request(self, node: str, request_no: int, at: tuple[float, float] | None = None) -> None:
        """Ask for an authority for the first leg of the task in hand."""
        assign = self.assignment(node)
        spec = self.fleet.node(NodeId(node))
        assert spec is not None
        assert spec.home is not None
        x_m, y_m = at or spec.home
        self.say(
            node,
            messages.AuthorityRequest(
                request_no=request_no,
                task=assign.task,
                attempt=assign.attempt,
                path=assign.legs[0].path,
                x_m=x_m,
                y_m=y_m,
            ),
        )
