"""The foreman: each order at its time, none while the site is too far behind."""

import random

from msgspec.structs import replace

from lunaredge.ids import OrderId, TaskId, is_name
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.foreman import Foreman
from lunaredge.sim.network import Network
from lunaredge.sim.options import calm
from lunaredge.sim.people import Terminal
from lunaredge.sim.scenario import OPERATOR, Due, Keys, small
from lunaredge.sim.timeline import Timeline
from lunaredge.units import ns_from_s, s_from_ns
from lunaredge.wire.codec import decode


class Office:
    """A foreman with three orders of two tasks, ten minutes apart."""

    def __init__(self, open_max):
        self.handed_in = {}
        """When each order was first handed in."""
        self.open_count = 0
        self.timeline = Timeline(0)
        self.keys = Keys(small().fleet)
        scenario = replace(
            small(),
            orders=tuple(Due(at_s=600.0 * number, order=order(number)) for number in range(3)),
            open_max=open_max,
        )
        terminal = Terminal(
            site=scenario.site.name,
            network=Network(self.timeline, random.Random(1), calm().site, self.hears),
            timeline=self.timeline,
            signer=self.keys.signer(OPERATOR),
            keyring=self.keys.keyring,
        )
        self.foreman = Foreman("operator-sim", terminal, scenario, lambda: self.open_count)
        self.foreman.sit_down()
        self.foreman.begin(30.0)

    def hears(self, sender, message):
        body = decode(message.payload, self.keys.keyring).body
        self.handed_in.setdefault(body.order.id, s_from_ns(self.timeline.now_ns))

    def run_to(self, at_s):
        end = self.timeline.at(ns_from_s(at_s), lambda: None)
        while end.live:
            self.timeline.step()


def order(number):
    tasks = [
        Task(id=TaskId(f"look-{number}-{side}"), kind=TaskKind.SURVEY, zone="pad") for side in "ab"
    ]
    return WorkOrder(id=OrderId(f"order-{number}"), title="", tasks=tuple(tasks))


def test_each_order_is_handed_in_at_its_time():
    office = Office(open_max=None)

    office.run_to(2_000.0)

    assert office.handed_in == {"order-0": 30.0, "order-1": 630.0, "order-2": 1_230.0}
    assert len(office.foreman.wanted) == 6
    assert office.foreman.content


def test_an_order_that_comes_while_too_much_is_open_is_left_out():
    office = Office(open_max=3)
    office.run_to(600.0)

    office.open_count = 2
    office.run_to(700.0)
    office.open_count = 1
    office.run_to(2_000.0)

    assert list(office.handed_in) == ["order-0", "order-2"]
    assert set(office.foreman.wanted) == {
        *(task.id for task in order(0).tasks),
        *(task.id for task in order(2).tasks),
    }


def test_a_foreman_is_not_content_while_an_order_has_yet_to_come():
    office = Office(open_max=None)

    office.run_to(1_000.0)

    assert not office.foreman.content


def test_a_map_that_failed_is_handed_in_with_its_surveys():
    office = Office(open_max=0)
    look = Task(id=TaskId("look" * 10), kind=TaskKind.SURVEY, zone="pad", latest_s=9.0)
    fuse = Task(id=TaskId("map"), kind=TaskKind.FUSE_TERRAIN, after=(look.id,), latest_s=9.0)
    order = WorkOrder(id=OrderId("order"), title="", tasks=(look, fuse))
    office.foreman._submit(Due(at_s=0.0, order=order))

    office.foreman.hand_in_anew([fuse.id])

    anew = office.foreman._handed_in[OrderId("order-anew")].order
    name = "look" * 8 + "loo-anew"
    assert [(task.id, task.after, task.latest_s) for task in anew.tasks] == [
        (name, (), None),
        ("map-anew", (name,), None),
    ]
    assert all(is_name(task.id) for task in anew.tasks)


def test_what_failed_is_handed_in_once_more_in_the_same_order_among_itself():
    office = Office(open_max=0)
    first, second, third = (TaskId(name) for name in ("a", "b", "c"))
    chain = [
        Task(id=name, kind=TaskKind.SURVEY, zone="pad", after=after)
        for name, after in ((first, ()), (second, (first,)), (third, (second,)))
    ]
    order = WorkOrder(id=OrderId("chain"), title="", tasks=tuple(chain))
    office.foreman._submit(Due(at_s=0.0, order=order))

    office.foreman.hand_in_anew([second, third])
    office.run_to(10.0)

    assert list(office.handed_in) == ["chain", "chain-anew"]
    anew = office.foreman._handed_in[OrderId("chain-anew")].order
    assert [(task.id, task.after) for task in anew.tasks] == [
        ("b-anew", ()),
        ("c-anew", ("b-anew",)),
    ]
    assert list(office.foreman.wanted) == ["a", "b", "c", "b-anew", "c-anew"]
