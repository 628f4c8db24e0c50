"""A busybody: what it begins it takes back, at leisure or in haste, but for what it cancels."""

import random

from msgspec.structs import replace

from lunaredge.agent.stops import OVERFLOW
from lunaredge.ids import BootId, ClientId, KeyId, NodeId, TaskId
from lunaredge.sim.network import Network
from lunaredge.sim.options import calm
from lunaredge.sim.people import HASTE_S_MAX, Busybody, Temper, Terminal
from lunaredge.sim.scenario import OPERATOR, Keys, small
from lunaredge.sim.timeline import Timeline
from lunaredge.units import NS_PER_S, ns_from_s, s_from_ns
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, decode, encode

LEISURE_S_MIN = 5.0


class Desk:
    """A scheduler that says yes to everything, and a busybody who asks."""

    def __init__(self, **temper):
        self.asked = []
        self.text = ""
        """Why everything is refused; empty to say yes."""
        self.timeline = Timeline(0)
        scenario = small()
        self.keys = Keys(scenario.fleet)
        self.site = scenario.site.name
        network = Network(self.timeline, random.Random(1), calm().site, self.hears)
        terminal = Terminal(
            site=self.site,
            network=network,
            timeline=self.timeline,
            signer=self.keys.signer(OPERATOR),
            keyring=self.keys.keyring,
        )
        calmness = Temper(interfere_s=0.0, cancel_s=0.0, haste_ratio=0.0)
        self.busybody = Busybody(
            "shift",
            terminal,
            random.Random(2),
            ((NodeId("rover-1"),), (TaskId("dig-a"), TaskId("dig-b"))),
            replace(calmness, **temper),
        )
        self.busybody.sit_down()
        self.busybody.begin()

    def hears(self, sender, message):
        body = decode(message.payload, self.keys.keyring).body
        if isinstance(body, messages.Stop):
            return
        self.asked.append((s_from_ns(self.timeline.now_ns), body))
        is_first = isinstance(body, messages.StopReleaseRequest) and not body.code
        code = "abc" if is_first and not self.text else ""
        answer = messages.Answer(request=body.request, ok=not self.text, text=self.text, code=code)
        self.tells(topics.answer(self.site, ClientId(self.busybody.name)), answer)

    def shows(self, stop):
        rows = b'[{"code":"stop.%s","active":true}]' % stop.encode()
        view = messages.View(name="alarms", site_ns=0, rows=rows)
        self.tells(topics.view(self.site, "alarms"), view)

    def tells(self, topic, body):
        header = Header(
            node=topics.SCHEDULER,
            boot=BootId(1),
            number=1,
            local_ns=0,
            site_ns=0,
            clock_error_ns=0,
        )
        frame = encode(header, body, self.keys.signer(KeyId(topics.SCHEDULER)))
        self.timeline.after(1, lambda: self.busybody.deliver(topic, frame))

    def run(self, duration_s):
        end = self.timeline.after(ns_from_s(duration_s), lambda: None)
        while end.live:
            self.timeline.step()

    def ends(self):
        """Every step of a release that was asked for."""
        return [ask for _, ask in self.asked if isinstance(ask, messages.StopReleaseRequest)]

    def holds_s(self):
        """How long each hold lasted; they don't overlap here."""
        words = [(at_s, ask) for at_s, ask in self.asked if isinstance(ask, messages.HoldRequest)]
        begun = [at_s for at_s, ask in words if ask.hold]
        ended = [at_s for at_s, ask in words if not ask.hold]
        return [end_s - begin_s for begin_s, end_s in zip(begun, ended, strict=True)]


def test_a_hold_is_taken_back_at_leisure():
    desk = Desk(interfere_s=2_000.0)

    desk.run(20_000.0)
    desk.busybody.end()
    desk.run(1_000.0)

    assert desk.holds_s()
    assert min(desk.holds_s()) >= LEISURE_S_MIN
    assert desk.busybody.content


def test_in_haste_a_hold_is_taken_back_within_a_second():
    desk = Desk(interfere_s=2_000.0, haste_ratio=1.0)

    desk.run(20_000.0)
    desk.busybody.end()
    desk.run(1_000.0)

    assert desk.holds_s()
    assert max(desk.holds_s()) <= HASTE_S_MAX + 0.001
    assert desk.busybody.content


def released():
    """Give a desk whose busybody has called and released one stop."""
    desk = Desk(interfere_s=2_000.0)
    while not any(isinstance(ask, messages.StopReleaseRequest) and ask.code for ask in desk.ends()):
        desk.run(100.0)
    desk.busybody.end()
    desk.run(1_000.0)
    return desk, next(ask.stop for ask in desk.ends())


def test_a_stop_that_still_holds_a_machine_is_released_again():
    desk, stop = released()
    before = len(desk.ends())

    desk.shows(stop)
    desk.run(10.0)

    assert [bool(ask.code) for ask in desk.ends()[before:]] == [False, True]
    assert desk.busybody.content


def test_a_screen_that_shows_a_stop_too_late_is_asked_about_once():
    desk, stop = released()
    before = len(desk.ends())
    desk.text = "no such stop is in force"

    desk.shows(stop)
    desk.run(1_000.0)

    assert len(desk.ends()) == before + 1
    assert desk.busybody.content


def test_the_stop_that_stands_for_too_many_is_released_though_nobody_called_it():
    desk = Desk()

    desk.shows(OVERFLOW)
    desk.run(HASTE_S_MAX)

    assert [body.stop for _, body in desk.asked] == [OVERFLOW, OVERFLOW]
    assert desk.busybody.content


def test_other_people_s_stops_are_left_alone():
    desk, _ = released()
    before = len(desk.ends())

    desk.shows("stop-of-another")
    desk.run(10.0)

    assert len(desk.ends()) == before


def test_tasks_are_cancelled_only_while_it_interferes():
    desk = Desk(cancel_s=100.0)

    desk.run(1_000.0)
    desk.busybody.end()
    count = len(desk.asked)
    desk.run(1_000.0)

    assert {ask.task for _, ask in desk.asked} == {"dig-a", "dig-b"}
    assert all(isinstance(ask, messages.CancelRequest) for _, ask in desk.asked)
    assert len(desk.asked) == count == desk.busybody.count


def test_who_never_interferes_asks_nothing():
    desk = Desk()

    desk.timeline.after(NS_PER_S, lambda: None)
    while desk.timeline.step():
        pass

    assert desk.asked == []
    assert desk.busybody.content
