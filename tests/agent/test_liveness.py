"""Whatever befell a machine, it does the next task that it is given once all is well again.

No restart heals here what only a restart would heal.
"""

import math
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m
from lunaredge.model.task import Leg
from lunaredge.node import Actuate, Effect
from lunaredge.wire.driver import Follow
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    Birth,
    Dispute,
    Grant,
)
from lunaredge.wire.records import TaskReport
from tests.agent.rig import OTHER_KEY, Rig
from tests.agent.test_neighbours import hears, told
from tests.agent.toy_machine import PATH, START_M_MAX, seconds

OTHER = NodeId("hauler-1")
LEGS = (Leg(path=PATH), Leg(path=PATH[::-1]))


class Led(Rig):
    """A rig with a scheduler that answers everything the machine asks."""

    def __init__(self) -> None:
        self.answered = 0
        self.words = 1
        self.granted: Grant | None = None
        self.is_attached = False
        super().__init__()

    def attach(self) -> None:
        self.is_attached = True
        super().attach()

    def run(self, duration_s: float) -> None:
        end_ns = self.now_ns + seconds(duration_s)
        while self.now_ns < end_ns:
            super().run(min(1.0, (end_ns - self.now_ns) / 1e9))
            self.answer()

    def carry_out_one(self, effect: Effect) -> None:
        """Leave out what a controller would refuse: a way that begins elsewhere."""
        match effect:
            case Actuate(Follow() as order) if self.is_elsewhere(order):
                pass
            case _:
                super().carry_out_one(effect)

    def is_elsewhere(self, order: Follow) -> bool:
        known = self.machine.order
        if known is not None and known.order_no == order.order_no:
            return False
        return math.dist(order.path[0], self.machine.place) > START_M_MAX

    def answer(self) -> None:
        while self.answered < len(self.heard):
            body = self.heard[self.answered][1].body
            self.answered += 1
            self.words += 1
            match body:
                case Birth():
                    self.census()
                case AuthorityRequest():
                    self.give(body)
                case AuthorityRenewal() if self.granted is not None:
                    self.more_time(body, self.granted)
                case _:
                    pass

    def give(self, asked: AuthorityRequest) -> None:
        path = ((asked.x_m, asked.y_m), *asked.path)
        over = told(self.words, ended=True)
        self.granted = self.grant_for(
            asked, path=path, stop_m=length_m(path), number=self.words, neighbours=(over,)
        )
        self.tell(self.granted, number=self.words)

    def more_time(self, asked: AuthorityRenewal, grant: Grant) -> None:
        held = self.situation.authority
        revision = 1 if held is None else held.revision
        over = told(self.words, ended=True)
        self.renew(asked.request_no, grant, revision=revision, neighbours=(over,))

    def restart(self) -> None:
        self.is_attached = False
        self.boot()


def disputed(rig: Led) -> None:
    if rig.granted is not None:
        rig.tell(Dispute(authority=rig.granted.authority), OTHER_KEY, node=OTHER)


def overheard(rig: Led) -> None:
    (x_m, y_m), rig.words = rig.machine.place, rig.words + 1
    hears(rig, ((x_m + 3.0, y_m - 9.0), (x_m + 3.0, y_m + 9.0)), number=rig.words, ours=rig.words)


def shortened(rig: Led) -> None:
    held = rig.situation.authority
    if rig.granted is not None and held is not None:
        rig.shorten(rig.granted, held.station_m + 1.0, revision=held.revision + 1)


def slipped(rig: Led) -> None:
    rig.machine.slip(3.0)


def carried(rig: Led) -> None:
    rig.machine.carry((rig.machine.place[0] + 4.0, rig.machine.place[1] - 2.0))


def stopped(rig: Led) -> None:
    rig.stop(f"stop-{rig.words}")


def held(rig: Led) -> None:
    rig.hold()


def locked(rig: Led) -> None:
    rig.lock()


def lost(rig: Led) -> None:
    rig.machine.traits = {"pose_error_m": 50.0}


def brakeless(rig: Led) -> None:
    rig.machine.traits = {"brake_ratio": 0.0}


def empty(rig: Led) -> None:
    rig.machine.traits = {"battery_wh": 10.0}


def blocked(rig: Led) -> None:
    rig.machine.stand_before_an_obstacle()


def blind(rig: Led) -> None:
    rig.samples = False


def timeless(rig: Led) -> None:
    rig.serves_time = False


def leapt(rig: Led) -> None:
    rig.now_ns -= seconds(5)
    rig.node.tick(rig.now_ns)
    rig.carry_out()


def slept(rig: Led) -> None:
    rig.now_ns += seconds(1000)
    rig.node.tick(rig.now_ns)
    rig.carry_out()


def cut_off(rig: Led) -> None:
    rig.node.disconnected(rig.now_ns)
    rig.carry_out()


def detached(rig: Led) -> None:
    if rig.is_attached:
        rig.is_attached = False
        rig.node.detached(rig.now_ns)
        rig.carry_out()


def led_anew(rig: Led) -> None:
    rig.epoch += 1
    rig.census()


def restarted(rig: Led) -> None:
    rig.restart()


def healed(rig: Led) -> None:
    rig.machine.traits = {}
    rig.samples = rig.serves_time = True
    rig.node.connected(rig.now_ns)
    rig.carry_out()
    if not rig.is_attached:
        rig.attach()
    rig.census()
    rig.run(20)
    for stop in rig.situation.stops:
        rig.release(stop)
    for tag in rig.situation.locks:
        rig.unlock(tag)
    rig.resume()


MISHAPS = [
    disputed,
    overheard,
    shortened,
    slipped,
    carried,
    stopped,
    held,
    locked,
    lost,
    brakeless,
    empty,
    blocked,
    blind,
    timeless,
    leapt,
    slept,
    cut_off,
    detached,
    led_anew,
    restarted,
    healed,
]
WAITS_S = st.sampled_from([0.0, 1.0, 5.0, 30.0])
HISTORIES = st.lists(st.tuples(st.sampled_from(MISHAPS), WAITS_S), min_size=2, max_size=20)


# A half of the profile's cases: each is minutes of healing.
@settings(max_examples=settings().max_examples // 2)
@given(HISTORIES)
@example([(disputed, 0.0), (slipped, 30.0)])
@example([(slipped, 0.0), (overheard, 30.0)])
def test_a_machine_that_is_well_again_does_the_next_task(
    history: list[tuple[Callable[[Led], None], float]],
) -> None:
    rig = Led()
    rig.prove()
    rig.assign(*LEGS)
    rig.run(10)

    for befall, wait_s in history:
        befall(rig)
        rig.run(wait_s)
    healed(rig)
    rig.cancel()
    rig.run(60)
    x_m, y_m = rig.machine.place
    rig.assign(Leg(path=((x_m + 5.0, y_m),)), task="t2")
    rig.run(120)

    ends = [(report.task, report.outcome.value) for report in rig.kept(TaskReport)]
    assert ("t2", "done") in ends, (rig.state, rig.situation.refused)
