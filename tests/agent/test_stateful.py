"""Any interleaving of losses, copies, reboots, stops, tags and silence keeps the agent's word.

The witness below knows what was really granted, delivered and driven, and judges each effect by
that, not by what the agent believes.
"""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from lunaredge.agent.spool import WRITE_AHEAD
from lunaredge.ids import CommandId, TaskId
from lunaredge.model.polyline import distance_m, length_m, rest_of
from lunaredge.model.task import Leg, Tool
from lunaredge.node import Actuate, Effect, Publish
from lunaredge.wire import codec
from lunaredge.wire.driver import Follow, Work
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    Birth,
    Cancel,
    Census,
    CommandReply,
    Defer,
    Grant,
    Heartbeat,
    Hold,
    Message,
    OnLoss,
    ReleaseStop,
    Renew,
    Resume,
    Situation,
    TimeReply,
    Upload,
)
from lunaredge.wire.records import TaskReport
from lunaredge.wire.safeguards import LockOut, Unlock
from lunaredge.wire.spool import scope_of
from tests.agent.rig import DIG, EVERYBODY, Rig, channel_of, config
from tests.agent.toy_machine import PATH, seconds

ENDINGS = {"done", "failed", "cancelled"}
BRAKING_NS = seconds(5)
REACH_S, GO_HOME_AFTER_S = 40.0, 60.0
HOME_M = 15.0
LEASES_S = st.sampled_from([900, 180, 90, 50, 20])
HOMES_S = st.sampled_from([9000, 600, 0])
WORKS_S = st.sampled_from([30, 3000])
LEGS = [
    Leg(path=PATH),
    Leg(path=PATH, goal=DIG),
    Leg(path=PATH[:1], goal=DIG),
    Leg(path=PATH[:2], tool=Tool.SCANNER),
]


class Crash(Exception):
    """Power went before the next effect."""


class Witness(Rig):
    """A rig that judges everything the agent does."""

    def __init__(self) -> None:
        self.crash_after: int | None = None
        self.asked: dict[int, int] = {}
        self.newest_request = 0
        self.granted: dict[int, Grant] = {}
        self.until_ns = 0
        self.home_until_ns = 0
        self.rest_by_ns = 0
        self.served_ns = 0
        self.trips_home = 0
        self.proven = False
        self.order_no = 0
        self.sensed_ns = -1
        self.stops: set[str] = set()
        self.hung: dict[CommandId, str] = {}
        self.tags: set[str] = set()
        self.taken_off: set[str] = set()
        super().__init__(config(stall_s=300.0, reach_s=REACH_S, go_home_after_s=GO_HOME_AFTER_S))

    def boot(self, *, connect: bool = True, attach: bool = True) -> None:
        self.proven = False
        self.newest_request = 0
        self.stops = {stop for stop in self.stops if ("stop", stop, 0) in self.disk}
        super().boot(connect=connect, attach=attach)

    def sense(self) -> None:
        self.sensed_ns = self.now_ns
        super().sense()

    def carry_out_one(self, effect: Effect) -> None:
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after < 0:
                self.crash_after = None
                raise Crash
        match effect:
            case Actuate(Follow() as order):
                self.judge_follow(order)
            case Actuate(Work() as order):
                self.judge_motion(order.order_no, self.until_ns)
            case Publish(_, payload):
                self.judge_word(codec.decode(payload, EVERYBODY).body)
        super().carry_out_one(effect)

    # --- motion ----------------------------------------------------------------------------------

    def judge_motion(self, order_no: int, until_ns: int) -> None:
        grant = self.granted.get(self.newest_request)
        assert grant is not None, "moved without an authority"
        assert self.proven, "moved unproven"
        rest_ns = until_ns - BRAKING_NS - self.machine.lifetime_ns
        assert self.now_ns < rest_ns, "can't be at rest by the expiry"
        assert self.now_ns - self.sensed_ns < seconds(15), "moved blind"
        assert self.machine.sample(0).pose_error_m <= grant.pose_error_m, "moved with a poor pose"
        assert not self.stops, "moved under a stop"
        assert not self.tags, "moved with a tag on it"
        assert self.disk.get(("hold", "", 0)) != b"\x01", "moved on hold"
        assert order_no >= self.order_no, "an order number fell"
        self.order_no = order_no
        self.rest_by_ns = until_ns

    def judge_follow(self, order: Follow) -> None:
        grant = self.granted.get(self.newest_request)
        assert grant is not None, "drove without an authority"
        if order.path[-1] == grant.path[-1]:
            self.judge_motion(order.order_no, self.until_ns)
        else:
            self.judge_trip_home(order, grant)
        assert order.stop_m <= length_m(order.path)
        assert all(distance_m(grant.path, point) < 1e-6 for point in order.path)
        assert order.speed_m_s <= grant.speed_m_s_max

    def judge_trip_home(self, order: Follow, grant: Grant) -> None:
        self.trips_home += order.order_no > self.order_no
        self.judge_motion(order.order_no, self.home_until_ns)
        assert grant.on_loss is OnLoss.HOME, "drove back without a way home"
        assert order.path[-1] == grant.path[0], "drove home to somewhere else"
        silent_ns = self.now_ns - self.served_ns
        assert silent_ns >= seconds(REACH_S + GO_HOME_AFTER_S), "went home within reach"

    def judge_ground(self) -> None:
        if self.machine.speed_m_s > 0.0:
            assert self.now_ns < self.rest_by_ns, "moving after the expiry"

    def deliver(self, payload: bytes, channel: str = "cmd") -> list[Effect]:
        if len(payload) > 40 and isinstance(codec.decode(payload, EVERYBODY).body, TimeReply):
            self.served_ns = self.now_ns
        return super().deliver(payload, channel)

    # --- words -----------------------------------------------------------------------------------

    def judge_word(self, body: Message) -> None:
        match body:
            case AuthorityRequest():
                assert self.machine.speed_m_s == 0.0, "asked while moving"
                assert self.machine.order is None, "asked with an order in force"
                assert distance_m(((body.x_m, body.y_m),), self.machine.place) < 0.01
                assert body.request_no not in self.asked
                self.asked[body.request_no] = self.now_ns
                self.newest_request = body.request_no
                self.until_ns = self.home_until_ns = 0
            case AuthorityRenewal():
                self.asked[body.request_no] = self.now_ns
            case CommandReply():
                results = [v for k, v in self.disk.items() if k[0] == "command"]
                assert msgspec.msgpack.encode(body) in results, "told before it was kept"
                tag = self.hung.pop(body.command, None) if body.ok else None
                if tag is not None and tag not in self.taken_off:
                    self.tags.add(tag)
            case Upload() if body.record_class in WRITE_AHEAD:
                item: Any = body
                key = ("spool", scope_of(item), body.seq)
                assert key in self.disk, "published before it was kept"
            case Birth() | Heartbeat():
                self.judge_situation(body.situation)
            case _:
                pass

    def judge_situation(self, situation: Situation) -> None:
        if situation.epoch:
            assert ("epoch", "", situation.epoch) in self.disk
        assert all(("stop", stop, 0) in self.disk for stop in situation.stops)
        assert self.tags <= set(situation.locks), "kept quiet about a tag"
        if situation.at_rest:
            assert self.machine.speed_m_s == 0.0, "said to rest while moving"
            assert not isinstance(self.machine.order, Follow), "said to rest with a path in force"
        if situation.authority is not None:
            grant = self.granted[self.newest_request]
            kept = rest_of(grant.path, situation.authority.released_m)
            assert distance_m(kept, self.machine.place) < 0.6, "gave back where it stands"

    def ends_of(self, task: str) -> list[str]:
        reports = [report for report in self.kept(TaskReport) if report.task == task]
        return [r.outcome.value for r in reports if r.outcome.value in ENDINGS]


class Site(RuleBasedStateMachine):
    """Everybody around one agent, doing anything in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Witness()
        self.mail: list[tuple[Message, bytes]] = []
        self.tasks = 0
        self.prompt = True

    # --- the post --------------------------------------------------------------------------------

    def post(self, body: Message) -> None:
        frame = self.rig.frame(body)
        if self.prompt:
            self.hand_over(body, frame)
        else:
            self.mail.append((body, frame))

    @rule(prompt=st.booleans())
    def post_is(self, *, prompt: bool) -> None:
        self.prompt = prompt

    def hand_over(self, body: Message, frame: bytes) -> None:
        rig = self.rig
        match body:
            case Grant() if body.request_no == rig.newest_request:
                # Only the first grant of a request counts; a copy is the same one.
                rig.granted.setdefault(body.request_no, body)
                self.lengthen(body, body.request_no, body.lifetime_ns)
            case Renew():
                grant = rig.granted.get(rig.newest_request)
                if grant is not None and grant.authority == body.authority:
                    self.lengthen(grant, body.request_no, body.lifetime_ns)
            case Census() if body.boot == rig.boot_id:
                rig.proven = True
            case ReleaseStop():
                rig.stops.discard(body.stop)
            case Unlock():
                rig.tags.discard(body.tag)
                rig.taken_off.add(body.tag)
            case _:
                pass
        self.guarded(lambda: rig.deliver(frame, channel_of(body)))

    def lengthen(self, grant: Grant, request_no: int, lifetime_ns: int) -> None:
        """Let a lease and its way home last from when that was asked for."""
        rig = self.rig
        asked_ns = rig.asked[request_no]
        rig.until_ns = max(rig.until_ns, asked_ns + lifetime_ns)
        rig.home_until_ns = max(rig.home_until_ns, asked_ns + grant.home_lifetime_ns)

    def guarded(self, action: Any) -> None:
        """Do something in which power may go; then the node starts again from its disk."""
        try:
            action()
        except Crash:
            self.rig.boot()

    @rule(index=st.integers(0, 30))
    @precondition(lambda self: self.mail)
    def deliver(self, index: int) -> None:
        self.hand_over(*self.mail.pop(index % len(self.mail)))

    @rule(index=st.integers(0, 30))
    @precondition(lambda self: self.mail)
    def deliver_a_copy(self, index: int) -> None:
        self.hand_over(*self.mail[index % len(self.mail)])

    @rule()
    @precondition(lambda self: self.mail)
    def lose(self) -> None:
        self.mail.pop(0)

    # --- the scheduler ---------------------------------------------------------------------------

    @initialize(leg=st.sampled_from(LEGS), work_s=WORKS_S, lifetime_s=LEASES_S, home_s=HOMES_S)
    def begin(self, leg: Leg, work_s: int, lifetime_s: int, home_s: int) -> None:
        self.rig.machine.work_left_s = work_s
        self.census()
        self.rig.run(40)
        self.assign(leg)
        self.grant(lifetime_s, home_s)

    @rule()
    def census(self) -> None:
        self.post(Census(command=self.rig.command_id(), boot=self.rig.boot_id))

    @rule()
    def new_leader(self) -> None:
        self.rig.epoch += 1
        self.census()

    @rule(leg=st.sampled_from(LEGS))
    def assign(self, leg: Leg) -> None:
        self.tasks += 1
        scan = Leg(path=PATH[:1], tool=Tool.SCANNER)
        self.post(self.rig.assignment(leg, scan, task=f"t{self.tasks}"))

    @rule(lifetime_s=LEASES_S, home_s=HOMES_S)
    def grant(self, lifetime_s: int, home_s: int = 0) -> None:
        requests = [r for r in self.rig.all(AuthorityRequest) if r.request_no in self.rig.asked]
        if requests:
            request = requests[-1]
            start = (request.x_m, request.y_m)
            home = ((request.x_m - HOME_M, request.y_m),) if home_s else ()
            grant = self.rig.grant_for(
                request,
                path=(*home, start, *request.path),
                from_m=HOME_M if home_s else 0.0,
                lifetime_ns=seconds(lifetime_s),
                on_loss=OnLoss.HOME if home_s else OnLoss.STOP_POINT,
                home_lifetime_ns=seconds(home_s),
            )
            # One request gets one grant, as from a scheduler that leads alone.
            known = [b for b, _ in self.mail if isinstance(b, Grant)]
            if request.request_no not in {g.request_no for g in known} | set(self.rig.granted):
                self.post(grant)

    @rule(lifetime_s=st.sampled_from([30, 90, 900]))
    def renew(self, lifetime_s: int) -> None:
        renewals = self.rig.all(AuthorityRenewal)
        if renewals:
            body = Renew(
                command=self.rig.command_id(),
                request_no=renewals[-1].request_no,
                authority=renewals[-1].authority,
                stop_m=1000.0,
                revision=1,
                lifetime_ns=seconds(lifetime_s),
            )
            self.post(body)

    @rule()
    def defer(self) -> None:
        body = Defer(
            command=self.rig.command_id(),
            request_no=self.rig.newest_request,
            reason="occupied",
            wait_ns=seconds(20),
        )
        self.post(body)

    @rule(kind=st.sampled_from([Hold, Resume]))
    def command(self, kind: type[Hold] | type[Resume]) -> None:
        self.rig.turns += 1
        self.post(kind(command=self.rig.command_id(), turn=self.rig.turns))

    @rule(number=st.integers(1, 5))
    def cancel(self, number: int) -> None:
        body = Cancel(command=self.rig.command_id(), task=TaskId(f"t{number}"), attempt=1)
        self.post(body)

    @rule(number=st.integers(1, 3))
    def lock_out(self, number: int) -> None:
        body = LockOut(command=self.rig.command_id(), tag=f"operator-ana/{number}")
        if body.tag not in self.rig.tags | self.rig.taken_off:
            self.rig.hung[body.command] = body.tag
        self.post(body)

    @rule(number=st.integers(1, 3))
    def unlock(self, number: int) -> None:
        self.post(Unlock(command=self.rig.command_id(), tag=f"operator-ana/{number}"))

    @rule()
    def acknowledge(self) -> None:
        self.guarded(self.rig.acknowledge_all)

    # --- operators, wires and power --------------------------------------------------------------

    @rule(number=st.integers(1, 4))
    def stop(self, number: int) -> None:
        name = f"stop-{number}"
        if ("stop", name, 0) not in self.rig.disk:
            self.rig.stops.add(name)
        self.guarded(lambda: self.rig.stop(name))

    @rule(number=st.integers(1, 4))
    def release(self, number: int) -> None:
        self.post(ReleaseStop(command=self.rig.command_id(), stop=f"stop-{number}"))

    @rule(duration_s=st.sampled_from([0.5, 3, 12, 40, 200]))
    def wait(self, duration_s: float) -> None:
        def pass_time() -> None:
            for _ in range(max(1, round(duration_s))):
                self.rig.run(min(duration_s, 1.0))
                self.rig.judge_ground()

        self.guarded(pass_time)

    @rule(effects=st.integers(0, 6))
    def power_will_go(self, effects: int) -> None:
        self.rig.crash_after = effects

    @rule()
    def reboot(self) -> None:
        self.guarded(self.rig.boot)

    @rule(ratio=st.sampled_from([0.1, 0.6]))
    def pose(self, ratio: float) -> None:
        self.rig.machine.traits = {"pose_error_m": ratio}
        self.guarded(self.rig.sense)

    @rule(on=st.booleans())
    def samples(self, *, on: bool) -> None:
        self.rig.samples = on

    @rule()
    def driver_lost_and_found(self) -> None:
        def flap() -> None:
            self.rig.node.detached(self.rig.now_ns)
            self.rig.carry_out()
            self.rig.attach()

        self.guarded(flap)

    @rule(on=st.booleans())
    def broker(self, *, on: bool) -> None:
        node = self.rig.node
        (node.connected if on else node.disconnected)(self.rig.now_ns)
        self.guarded(self.rig.carry_out)

    @rule(on=st.booleans())
    def time_service(self, *, on: bool) -> None:
        self.rig.serves_time = on

    @rule(silence_s=st.sampled_from([60, 200, 1200]))
    def out_of_reach(self, silence_s: int) -> None:
        served, self.rig.serves_time = self.rig.serves_time, False
        self.wait(silence_s)
        self.rig.serves_time = served

    @rule(payload=st.binary(max_size=40), channel=st.sampled_from(["cmd", "ack", "stop"]))
    def garbage(self, payload: bytes, channel: str) -> None:
        self.guarded(lambda: self.rig.deliver(payload, channel))

    # --- in the end ------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Heal everything: each task that was accepted ends, and exactly once."""
        rig = self.rig
        rig.crash_after = None
        self.prompt = True
        rig.samples = rig.serves_time = True
        rig.machine.traits = {}
        rig.machine.work_left_s = min(rig.machine.work_left_s, 30.0)
        self.mail.clear()
        rig.boot()
        rig.epoch += 1
        for body in (
            Census(command=CommandId("heal-1"), boot=rig.boot_id),
            Resume(command=CommandId("heal-2"), turn=rig.turns + 1),
            *(
                ReleaseStop(command=CommandId(f"heal-{n}"), stop=f"stop-{n - 2}")
                for n in range(3, 7)
            ),
            *(
                Unlock(command=CommandId(f"heal-{n}"), tag=f"operator-ana/{n - 6}")
                for n in range(7, 10)
            ),
        ):
            self.hand_over(body, rig.frame(body))
            rig.run(1)
        for _ in range(60):
            rig.run(10)
            rig.judge_ground()
            self.grant(900)
        reports = rig.kept(TaskReport)
        accepted = {report.task for report in reports if report.outcome.value == "accepted"}
        assert {task: len(rig.ends_of(task)) for task in accepted} == dict.fromkeys(accepted, 1)
        for task in accepted:
            requests = [request for request in rig.all(AuthorityRequest) if request.task == task]
            assert rig.ends_of(task) != ["done"] or len(requests) >= 2, "a leg without a request"
        assert rig.state == "idle"


# A quarter of the profile's cases: each is forty steps and ten minutes of healing.
Site.TestCase.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=40)
TestAnyInterleaving = Site.TestCase
