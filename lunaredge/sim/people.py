"""The people of a run: who hands the job in, who approves on Earth, and who interferes.

They do as people with a terminal do: they ask, wait, and ask again until there is an answer.
"""

import random
from collections.abc import Callable

import msgspec

from lunaredge.agent.stops import OVERFLOW
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, ClientId, NodeId, SiteId, TaskId
from lunaredge.sim.network import Message, Network
from lunaredge.sim.timeline import Timeline
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import messages, safeguards, topics
from lunaredge.wire.codec import Header, decode, encode
from lunaredge.wire.seal import Keyring, Signer

ASK_AGAIN_NS = 30 * NS_PER_S
# A directive may have to wait for the next contact.
EXPIRY_NS = 7_200 * NS_PER_S
# A stop is called out again and again, since a call may be lost.
CALL_AGAIN_NS = 10 * NS_PER_S

# Those who take back in haste what they began: the second word may overtake the first.
HASTE_S_MAX = 1.0

Ask = (
    messages.Submit
    | messages.Approve
    | messages.HoldRequest
    | messages.CancelRequest
    | messages.StopReleaseRequest
    | messages.VouchRequest
    | safeguards.LockOutRequest
    | safeguards.UnlockRequest
    | safeguards.CloseRequest
    | safeguards.OpenRequest
)
Then = Callable[[messages.Answer], None]


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person sits, and with which key."""

    site: SiteId
    network: Network
    timeline: Timeline
    signer: Signer
    keyring: Keyring


class Person:
    """One client of a broker."""

    def __init__(self, name: str, terminal: Terminal) -> None:
        self.name = NodeId(name)
        self.answers: dict[str, messages.Answer] = {}
        self._terminal = terminal
        self._thens: dict[str, Then] = {}
        self._number = 0

    def sit_down(self) -> None:
        """Connect to the broker."""
        self._terminal.network.attach(self)

    def ask(self, body: Ask, then: Then | None = None) -> None:
        """Ask, and again under the same id until the answer comes; then go on."""
        if body.request in self.answers:
            return
        if then is not None:
            self._thens[body.request] = then
        here = self._terminal
        self.say(topics.request(here.site, ClientId(self.name)), body)
        here.timeline.after(ASK_AGAIN_NS, lambda: self.ask(body))

    def say(self, topic: str, body: messages.Message) -> None:
        """Publish one signed message."""
        self._number += 1
        now_ns = self._terminal.timeline.now_ns
        header = Header(
            node=self.name,
            boot=BootId(1),
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            expiry_ns=now_ns + EXPIRY_NS,
        )
        frame = encode(header, body, self._terminal.signer)
        self._terminal.network.publish(self.name, Message(topic, frame))

    def filters(self) -> tuple[str, ...]:
        """Give the topic filters that a person's terminal subscribes to."""
        site = self._terminal.site
        return (topics.answer(site, ClientId(self.name)), topics.view(site, "earth"))

    def will(self) -> Message | None:
        """People leave without a word."""
        return None

    def deliver(self, topic: str, payload: bytes) -> None:
        """Take what the terminal shows."""
        try:
            body = decode(payload, self._terminal.keyring).body
        except RemoteProtocolError:
            return
        if isinstance(body, messages.Answer) and body.request not in self.answers:
            self.answers[body.request] = body
            then = self._thens.pop(body.request, None)
            if then is not None:
                then(body)
        elif isinstance(body, messages.View):
            self.look(body)

    def look(self, view: messages.View) -> None:
        """See rows on the screen."""

    def came_up(self) -> None:
        """Learn that the broker is reached."""

    def went_down(self) -> None:
        """Learn that it is not."""


class _EarthRow(msgspec.Struct, frozen=True):
    """The column of Earth's view that an approver watches."""

    approvals_wanted: dict[TaskId, str] = {}


class _AlarmRow(msgspec.Struct, frozen=True):
    """The columns of the alarms that whoever called a stop watches."""

    code: str
    active: bool


_earth_rows = msgspec.json.Decoder(list[_EarthRow])
_alarm_rows = msgspec.json.Decoder(list[_AlarmRow])


class Approver(Person):
    """Says yes to every task that the screen shows as waiting, after thinking about it."""

    def __init__(
        self, name: str, terminal: Terminal, rng: random.Random, think_ns_max: int
    ) -> None:
        super().__init__(name, terminal)
        self._rng = rng
        self._think_ns_max = think_ns_max
        self._decided: dict[TaskId, str] = {}
        """The last yes to each task."""
        self._count = 0

    def look(self, view: messages.View) -> None:
        """See rows on the screen; a wish that has had its answer is one of a site that lost it."""
        for row in _earth_rows.decode(view.rows):
            for task in row.approvals_wanted:
                last = self._decided.get(task)
                if last is None or last in self.answers:
                    self._approve(task)

    def _approve(self, task: TaskId) -> None:
        self._count += 1
        request = self._decided[task] = f"yes-{self._count}"
        body = messages.Approve(request=request, task=task, approved=True)
        delay_ns = self._rng.randint(NS_PER_S, self._think_ns_max)
        self._terminal.timeline.after(delay_ns, lambda: self.ask(body))


class Temper(msgspec.Struct, frozen=True, kw_only=True):
    """How often a busybody interferes, and with what; 0 is never."""

    interfere_s: float
    cancel_s: float
    haste_ratio: float


class Busybody(Person):
    """Holds machines and calls emergency stops for no reason, and takes each of them back.

    A task that it cancels stays cancelled.
    """

    def __init__(
        self,
        name: str,
        terminal: Terminal,
        rng: random.Random,
        targets: tuple[tuple[NodeId, ...], tuple[TaskId, ...]],
        temper: Temper,
    ) -> None:
        super().__init__(name, terminal)
        self.count = 0
        self._rng = rng
        self._machines, self._tasks = targets
        self._temper = temper
        self._active = False
        self._holds = 0
        self._stops: dict[str, NodeId | None] = {}
        self._released: dict[str, None] = {OVERFLOW: None}
        """Stops that may hold a machine that was away at their release, or that nobody called."""
        self._tries = 0

    def begin(self) -> None:
        """Interfere from now on."""
        self._active = True
        self._plan(self._temper.interfere_s, self._interfere)
        self._plan(self._temper.cancel_s, self._cancel)

    def end(self) -> None:
        """Leave the machines in peace; what was begun is still taken back."""
        self._active = False

    @property
    def content(self) -> bool:
        """Whether everything has been taken back."""
        return not self._thens and not self._stops and not self._holds

    def filters(self) -> tuple[str, ...]:
        """Give the topic filters that its terminal subscribes to."""
        return (*super().filters(), topics.view(self._terminal.site, "alarms"))

    def look(self, view: messages.View) -> None:
        """See rows on the screen; release a stop that holds a machine and should not any more."""
        if view.name != "alarms":
            return
        for row in _alarm_rows.decode(view.rows):
            stop = row.code.removeprefix(messages.STOP_ALARM)
            if row.active and stop in self._released and stop not in self._stops:
                self._stops[stop] = None
                self._release(stop, "")

    def _plan(self, mean_s: float, strike: Callable[[], None]) -> None:
        if mean_s > 0.0:
            delay_ns = ns_from_s(self._rng.expovariate(1.0 / mean_s))
            self._terminal.timeline.after(delay_ns, lambda: self._strike(mean_s, strike))

    def _strike(self, mean_s: float, strike: Callable[[], None]) -> None:
        if self._active:
            self._plan(mean_s, strike)
            self.count += 1
            strike()

    def _cancel(self) -> None:
        self._tries += 1
        task = self._rng.choice(self._tasks)
        self.ask(messages.CancelRequest(request=f"cancel-{self._tries}", task=task))

    def _interfere(self) -> None:
        if self._rng.random() < 0.5:
            self._hold(self._rng.choice(self._machines), hold=True)
        else:
            everybody = self._rng.random() < 0.5
            target = None if everybody else self._rng.choice(self._machines)
            self._stop(f"stop-{self.count}", target)

    def _stop(self, stop: str, target: NodeId | None) -> None:
        self._stops[stop] = target
        self._call(stop)
        self._later(lambda: self._release(stop, ""))

    def _later(self, what: Callable[[], None]) -> None:
        hasty = self._rng.random() < self._temper.haste_ratio
        delay_s = self._rng.uniform(0.0, HASTE_S_MAX) if hasty else self._rng.uniform(5.0, 300.0)
        self._terminal.timeline.after(ns_from_s(delay_s), what)

    def _hold(self, node: NodeId, *, hold: bool) -> None:
        self._tries += 1
        body = messages.HoldRequest(request=f"hold-{self._tries}", node=node, hold=hold)
        self.ask(body, lambda answer: self._held(node, hold=hold))

    def _held(self, node: NodeId, *, hold: bool) -> None:
        if hold:
            self._holds += 1
            self._later(lambda: self._hold(node, hold=False))
        else:
            self._holds -= 1

    def _call(self, stop: str) -> None:
        """Call the stop out until it is released."""
        if stop not in self._stops:
            return
        body = messages.Stop(stop=stop, node=self._stops[stop], reason="a drill")
        self.say(topics.stop_all(self._terminal.site), body)
        self._terminal.timeline.after(CALL_AGAIN_NS, lambda: self._call(stop))

    def _release(self, stop: str, code: str) -> None:
        """Take one of the two steps."""
        self._tries += 1
        request = f"release-{self._tries}"
        body = messages.StopReleaseRequest(request=request, stop=stop, code=code)
        self.ask(body, lambda answer: self._take_step(stop, code, answer))

    def _take_step(self, stop: str, code: str, answer: messages.Answer) -> None:
        if answer.ok and answer.code:
            self._release(stop, answer.code)
        elif answer.ok or (stop in self._released and not code):
            # A screen may be late: what it showed in force may be over by now.
            self._released[stop] = None
            del self._stops[stop]
        else:
            # The scheduler has not heard of the stop yet, or the code grew too old on its way.
            self._terminal.timeline.after(ASK_AGAIN_NS, lambda: self._release(stop, ""))
