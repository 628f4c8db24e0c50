"""Any interleaving of machines, people, solvers, time and lost post keeps the scheduler's word.

The stage below knows what each machine may truly still do, what the scheduler has truly been told,
and what people were truly answered; it judges the core by that, not by what the core believes.
"""

import math
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lunaredge.ids import AuthorityId, BootId, NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.model.task import Task
from lunaredge.scheduler.paths import RouteProblem, refused
from lunaredge.scheduler.solve import solve
from lunaredge.scheduler.state import LockPhase
from lunaredge.sim.checkers.geometry import path_to_path
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.records import TaskOutcome
from lunaredge.wire.safeguards import CloseRequest, LockOutRequest, OpenRequest, UnlockRequest
from tests.scheduler import plain_site
from tests.scheduler.puppets import Puppet, Strip
from tests.scheduler.stage import HONEST, ROGUES, TASKS, ZONES, Stage, gap_to_area_m
from tests.scheduler.verdicts import everything_holds

MAIL_MAX = 60
machines = st.sampled_from(HONEST)
waits_s = st.sampled_from([0.5, 5.0, 30.0, 130.0, 950.0])
nonsense = st.sampled_from([0.0, -1.0, 1e300, math.nan, math.inf, -math.inf])
places = st.sampled_from([None, 0.0, 37.0, 50.0, -1e6, 1e7])
numbers = st.sampled_from([0, 1, 7, 2**40, 2**62])


class Yard(RuleBasedStateMachine):
    """Everybody around one scheduler, doing anything in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.prompt = True
        self.solved: list[Any] = []
        self.orders = 0

    # --- the post and the solver ----------------------------------------------------------------

    def settle(self) -> None:
        """Deliver and solve until nobody has anything to say, if the post is prompt."""
        stage = self.stage
        for _ in range(300):
            if not self.prompt:
                break
            if stage.problems:
                self.answer(0)
            elif stage.mail:
                stage.deliver(stage.mail.pop(0))
            else:
                break
        del stage.mail[:-MAIL_MAX]

    @rule(prompt=st.booleans())
    def post_is(self, *, prompt: bool) -> None:
        self.prompt = prompt
        self.settle()

    @precondition(lambda self: self.stage.mail)
    @rule(index=st.integers(0, 60), stays=st.booleans())
    def deliver(self, index: int, *, stays: bool) -> None:
        """Deliver any letter; one that stays comes again."""
        index %= len(self.stage.mail)
        self.stage.deliver(self.stage.mail[index] if stays else self.stage.mail.pop(index))

    @rule(count=st.integers(1, 20))
    def lose(self, count: int) -> None:
        del self.stage.mail[:count]

    def answer(self, index: int) -> None:
        problem = self.stage.problems.pop(index % len(self.stage.problems))
        self.solved = [*self.solved[-4:], solve(self.stage.scheduler.core.ctx.ground, problem)]
        self.tell(self.solved[-1])

    def tell(self, solution: Any) -> None:
        self.stage.scheduler.solved(solution, self.stage.now_ns)
        self.stage.carry_out()

    @precondition(lambda self: self.stage.problems)
    @rule(index=st.integers(0, 3))
    def solver_answers(self, index: int) -> None:
        self.answer(index)
        self.settle()

    @precondition(lambda self: self.stage.problems)
    @rule()
    def solver_fails(self) -> None:
        problem = self.stage.problems.pop(0)
        is_route = isinstance(problem, RouteProblem)
        self.tell(refused(problem, "the planner failed") if is_route else None)
        self.settle()

    @precondition(lambda self: self.solved)
    @rule(index=st.integers(0, 4))
    def solver_repeats_itself(self, index: int) -> None:
        self.tell(self.solved[index % len(self.solved)])
        self.settle()

    # --- machines -------------------------------------------------------------------------------

    def puppet(self, name: str) -> Puppet:
        return self.stage.puppets[NodeId(name)]

    def say(self, name: str, body: messages.Message | None) -> None:
        if body is not None:
            self.stage.post(NodeId(name), body)
        self.settle()

    def word(self, name: str) -> messages.Heartbeat:
        return messages.Heartbeat(situation=self.puppet(name).situation(self.stage))

    @initialize(kinds=st.permutations([0, 1, 2, 6]), steps=st.lists(machines, max_size=9))
    def begin(self, kinds: list[int], steps: list[str]) -> None:
        for name in HONEST:
            self.boot(name)
        for name in ROGUES:
            self.stage.census(name)
        for kind in kinds:
            self.submit([kind])
        self.take_an_image()
        for name in (*HONEST, *steps):
            self.goes_on(name)

    def boot(self, name: str) -> None:
        puppet = self.puppet(name)
        puppet.reboot()
        self.stage.numbers[name] = 0
        situation = puppet.situation(self.stage)
        self.say(name, messages.Birth(kind="x", situation=situation))
        self.beat(name)

    @rule(name=machines, then=machines)
    def reboot(self, name: str, then: str) -> None:
        self.boot(name)
        self.goes_on(then)

    @rule(name=machines)
    def beat(self, name: str) -> None:
        self.stage.upload(self.puppet(name))
        self.say(name, self.word(name))

    @rule(name=machines, mute=st.booleans())
    def falls_silent(self, name: str, *, mute: bool) -> None:
        self.puppet(name).is_mute = mute

    @rule(name=machines, orderly=st.booleans())
    def says_farewell(self, name: str, *, orderly: bool) -> None:
        self.say(name, messages.Farewell(node=NodeId(name), orderly=orderly))

    @rule(name=machines)
    def asks(self, name: str) -> None:
        """Ask, and beat before the answer comes: that gives back no grant that is on its way."""
        request = self.puppet(name).ask(self.stage.now_ns)
        if request is not None:
            self.stage.post(NodeId(name), request)
        self.say(name, self.word(name))

    @rule(name=machines)
    def renews(self, name: str) -> None:
        self.say(name, self.puppet(name).renew(self.stage.now_ns))

    @rule(name=machines, share=st.sampled_from([0.1, 0.5, 1.0]))
    def drives(self, name: str, share: float) -> None:
        self.puppet(name).drive(share, self.stage.now_ns)

    @rule(name=machines)
    def goes_on(self, name: str) -> None:
        """Do what comes next of a task in hand."""
        puppet = self.puppet(name)
        puppet.drive(1.0, self.stage.now_ns)
        self.beat(name)
        if puppet.lease is None:
            self.asks(name)
        elif not puppet.lease.is_spent:
            self.renews(name)
        else:
            puppet.leg += 1
            self.asks(name)

    @rule(name=machines)
    def gives_up(self, name: str) -> None:
        """Hold nothing any more, where it stands."""
        self.puppet(name).lease = None
        self.beat(name)

    @rule(
        name=machines,
        outcome=st.sampled_from([TaskOutcome.STARTED, TaskOutcome.DONE, TaskOutcome.FAILED]),
    )
    def reports(self, name: str, outcome: TaskOutcome) -> None:
        puppet = self.puppet(name)
        if puppet.assign is None:
            return
        if outcome is TaskOutcome.STARTED:
            puppet.report(outcome, self.stage)
        else:
            puppet.end(outcome, self.stage)
        self.beat(name)

    @rule(name=machines, error_m=st.sampled_from([0.1, 1.5]), left=st.sampled_from([1.0, 0.1]))
    def is_worse_off(self, name: str, error_m: float, left: float) -> None:
        puppet = self.puppet(name)
        puppet.pose_error_m, puppet.battery_wh = error_m, 1_400.0 * left
        self.beat(name)

    @rule(name=machines, way=st.sampled_from([(2.0, 0.0), (0.0, -2.0), (-1.5, 1.5)]))
    def is_driven_by_hand(self, name: str, way: Point) -> None:
        """Have people move a machine that is shown locked out, within its area."""
        puppet, lockout = (
            self.puppet(name),
            self.stage.scheduler.core.state.nodes[NodeId(name)].lockout,
        )
        if lockout is None or lockout.phase is not LockPhase.LOCKED or self.stage.has_gone_back:
            return
        to = (puppet.place[0] + way[0], puppet.place[1] + way[1])
        tags = [tag for tag in lockout.tags.values() if tag.area and tag.id in puppet.locks]
        for tag in tags:
            ring = (*tag.area, tag.area[0])
            inside = gap_to_area_m(Strip((to,), 0.0), tag.area) <= 0.0
            if not tag.released and inside and path_to_path((to,), ring) > puppet.spec.radius_m:
                puppet.place, puppet.lease, puppet.asked = to, None, None

    # --- those who say whatever is drawn --------------------------------------------------------

    @rule(
        name=st.sampled_from(ROGUES),
        place=st.tuples(places, places),
        value=nonsense,
        number=numbers,
        ids=st.lists(st.sampled_from(["", "a", "b" * 300, "s-1"]), max_size=3),
        holds=st.booleans(),
    )
    def rogue_speaks(
        self,
        name: str,
        place: tuple[float | None, float | None],
        value: float,
        number: int,
        ids: list[str],
        *,
        holds: bool,
    ) -> None:
        authority = messages.HeldAuthority(
            id=AuthorityId(ids[0] if ids else "ma0-1"),
            released_m=place[0] or 0.0,
            stop_m=place[1] or 0.0,
            revision=number,
            at_stop=holds,
        )
        situation = self.stage.situation(
            name,
            x_m=place[0],
            y_m=place[1],
            pose_error_m=value,
            brake_ratio=value,
            battery_wh=value,
            payload_kg=value,
            progress_ratio=value,
            authority=authority if holds else None,
            at_rest=not holds,
            task=f"t{number % 9}-0" if ids else None,
            attempt=number,
            stops=tuple(f"{each}-{number}" for each in ids) if holds else (),
            locks=tuple(f"{each}/manual-{number}" for each in ids) if number == 7 else (),
            epoch=min(number, 2**56),
            spool_count=number,
        )
        self.say(name, messages.Heartbeat(situation=situation))

    @rule(name=st.sampled_from(ROGUES))
    def rogue_repents(self, name: str) -> None:
        """Stand at home and hold nothing, so that others may go on."""
        for pending in list(self.stage.scheduler.core.state.commands.values()):
            if pending.node == name:
                self.stage.reply(name, pending.body.command)
        for _ in range(2):
            self.say(name, messages.Heartbeat(situation=self.stage.situation(name)))

    @rule(name=st.sampled_from(ROGUES), number=numbers, place=places, task=st.integers(0, 9))
    def rogue_asks(self, name: str, number: int, place: float | None, task: int) -> None:
        x_m = place or 0.0
        path = ((x_m, 1e7), (1.0, x_m))
        body = messages.AuthorityRequest(
            request_no=number, task=TaskId(f"t{task}-0"), attempt=1, path=path, x_m=x_m, y_m=5.0
        )
        self.say(name, body)
        authority = AuthorityId("ma0-1")
        self.say(name, messages.AuthorityRenewal(request_no=number + 1, authority=authority))

    @rule(
        payload=st.binary(max_size=60),
        channel=st.sampled_from(["node", "ask", "reply", "up/state", "nothing"]),
        node=st.sampled_from([*HONEST, "scheduler", "nobody", "all"]),
        cut=st.integers(0, 200),
    )
    def garbage(self, payload: bytes, channel: str, node: str, cut: int) -> None:
        topic = topics.build(self.stage.site.name, NodeId(node), channel)
        digest = self.stage.scheduler.digest()
        sound = self.stage.frame(self.stage.operator, messages.TimeRequest(local_ns=1))
        for body in (payload, sound[:cut] + payload):
            self.stage.hear(topic, body)
        assert self.stage.scheduler.digest() == digest, "garbage changed something"
        self.settle()

    @rule(record=st.binary(max_size=30), name=st.sampled_from(ROGUES), count=numbers)
    def rogue_records(self, record: bytes, name: str, count: int) -> None:
        upload = messages.Upload(
            record_class=messages.RecordClass.STATE,
            boot=BootId(5),
            first_seq=count + 1,
            seq=count + 1,
            floor_seq=count + 1,
            count=count,
            dropped=False,
            record=record,
        )
        self.say(name, upload)

    # --- people ---------------------------------------------------------------------------------

    def ask(self, body: messages.Request, *, earth: bool = False) -> messages.Answer:
        stage = self.stage
        answer = stage.ask(body, stage.earth if earth else None)
        digest = stage.scheduler.digest()
        again = stage.ask(body, stage.earth if earth else None)
        assert again == answer, "a request said again got another answer"
        assert stage.scheduler.digest() == digest, "a request said again changed something"
        self.settle()
        return answer

    def two_steps(self, body: messages.Request) -> messages.Answer:
        """Go the first step, and the second where there is one."""
        first = self.ask(body)
        if not first.code:
            return msgspec.structs.replace(first, ok=False)
        again = {"request": self.stage.request_id(), "code": first.code}
        return self.ask(msgspec.structs.replace(body, **again))

    @rule(kinds=st.lists(st.integers(0, len(TASKS) - 1), min_size=1, max_size=3))
    def submit(self, kinds: list[int]) -> None:
        self.orders += 1
        tasks: list[Task] = []
        for kind in kinds:
            after = [tasks[-1].id] if tasks and kind % 2 else []
            name = f"t{self.orders}-{len(tasks)}"
            tasks.append(plain_site.task(name, after=tuple(after), **TASKS[kind]))
        order = plain_site.order(*tasks, name=f"order-{self.orders}")
        body = messages.Submit(request=self.stage.request_id(), order=order)
        assert self.ask(body).ok

    @rule(order=st.integers(1, 9), approved=st.booleans())
    def earth_speaks(self, order: int, *, approved: bool) -> None:
        body = messages.Approve(
            request=self.stage.request_id(), task=TaskId(f"t{order}-0"), approved=approved
        )
        self.ask(body, earth=True)

    @rule(order=st.integers(1, 9), number=st.integers(0, 2))
    def cancel(self, order: int, number: int) -> None:
        task = TaskId(f"t{order}-{number}")
        self.ask(messages.CancelRequest(request=self.stage.request_id(), task=task))

    @rule(name=machines, hold=st.booleans())
    def hold(self, name: str, *, hold: bool) -> None:
        request = self.stage.request_id()
        self.ask(messages.HoldRequest(request=request, node=NodeId(name), hold=hold))

    @rule(number=st.integers(1, 3), name=st.sampled_from([None, *HONEST]))
    def stop(self, number: int, name: str | None) -> None:
        stage = self.stage
        body = messages.Stop(stop=f"s-{number}", node=NodeId(name) if name else None, reason="!")
        topic, payload = topics.stop_all(stage.site.name), stage.frame(stage.operator, body)
        stage.mail += [(each, topic, payload) for each in stage.puppets]
        stage.hear(topic, payload)
        self.settle()

    @rule(number=st.integers(1, 3))
    def release(self, number: int) -> None:
        request = self.stage.request_id()
        self.two_steps(messages.StopReleaseRequest(request=request, stop=f"s-{number}"))

    @rule(name=machines, off_m=st.sampled_from([0.0, 0.5]))
    def vouch(self, name: str, off_m: float) -> None:
        """Say truly where a silent machine stands; it may hear nothing any more."""
        place = self.puppet(name).place
        at = (place[0] + off_m, place[1])
        body = messages.VouchRequest(request=self.stage.request_id(), node=NodeId(name), at=at)
        if self.two_steps(body).ok:
            self.stage.vouched[NodeId(name)] = None
            self.stage.has_vouched = True

    @rule(name=machines, radius_m=st.sampled_from([0.0, 4.0, 9.0]))
    def lock_out(self, name: str, radius_m: float) -> None:
        body = LockOutRequest(
            request=self.stage.request_id(), node=NodeId(name), why="a track", radius_m=radius_m
        )
        tags = self.stage.books.tags
        # Counted before, since what follows from the answer is judged at once.
        tags[NodeId(name)] = tags.get(NodeId(name), 0) + 1
        answer = self.ask(body)
        if answer.code:
            again = {"request": self.stage.request_id(), "code": answer.code}
            answer = self.ask(msgspec.structs.replace(body, **again))
        if not answer.ok:
            tags[NodeId(name)] = max(0, tags[NodeId(name)] - 1)
        self.goes_on(name)

    @rule(name=machines)
    def unlock(self, name: str) -> None:
        self.two_steps(UnlockRequest(request=self.stage.request_id(), node=NodeId(name)))

    @rule(zone=st.sampled_from(ZONES), then=machines)
    def close(self, zone: str, then: str) -> None:
        known = self.stage.site.zone(zone)
        assert known is not None
        body = CloseRequest(request=self.stage.request_id(), zone=zone, why="a lander")
        was_closed = zone in self.stage.books.zones
        self.stage.books.zones[zone] = known.polygon
        if not self.ask(body).ok and not was_closed:
            del self.stage.books.zones[zone]
        self.goes_on(then)

    @rule(zone=st.sampled_from(ZONES))
    def open_again(self, zone: str) -> None:
        area = self.stage.books.zones.pop(zone, None)
        ok = self.two_steps(OpenRequest(request=self.stage.request_id(), zone=zone)).ok
        if not ok and area is not None:
            self.stage.books.zones[zone] = area

    # --- time and power -------------------------------------------------------------------------

    @rule(duration_s=waits_s, talk=st.booleans())
    def wait(self, duration_s: float, *, talk: bool) -> None:
        stage = self.stage
        end_ns = stage.now_ns + round(duration_s * NS_PER_S)
        while stage.now_ns < end_ns:
            stage.wait(min(60.0, (end_ns - stage.now_ns) / NS_PER_S))
            stage.scheduler.tick(stage.now_ns)
            stage.carry_out()
            for name in HONEST if talk else ():
                self.beat(name)
            self.settle()

    @rule(then=machines)
    def restart(self, then: str) -> None:
        self.solved.clear()
        self.stage.start()
        self.goes_on(then)

    @rule()
    def take_an_image(self) -> None:
        self.stage.take_image()

    @precondition(lambda self: self.stage.images)
    @rule(index=st.integers(0, 2), then=machines)
    def go_back_to_an_image(self, index: int, then: str) -> None:
        self.solved.clear()
        self.stage.go_back(index)
        self.goes_on(then)

    @rule(up=st.booleans())
    def broker(self, *, up: bool) -> None:
        scheduler = self.stage.scheduler
        (scheduler.connected if up else scheduler.disconnected)(self.stage.now_ns)
        self.stage.carry_out()
        self.settle()

    # --- what holds at every moment -------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        everything_holds(self.stage)

    def teardown(self) -> None:
        """A whole new scheduler reads the same from the disk."""
        again = self.stage._node(BootId(1))
        assert again.replay(self.stage.rows()) == 0
        assert again.digest() == self.stage.scheduler.digest()


# A fifth of the profile's cases: each begins with four orders, planned and under way.
Yard.TestCase.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=40)
TestAnyInterleaving = Yard.TestCase
