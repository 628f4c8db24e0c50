"""The people of a run: who hands the job in, who approves on Earth, and who interferes.

They do as people with a terminal do: they ask, wait, and ask again until there is an answer.
"""

import random
import re
from collections.abc import Callable

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, ClientId, NodeId, SiteId, TaskId
from lunaredge.sim.network import Message, Network
from lunaredge.sim.timeline import Timeline
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, decode, encode
from lunaredge.wire.seal import Keyring, Signer

ASK_AGAIN_NS = 30 * NS_PER_S
# A directive may have to wait for the next contact.
EXPIRY_NS = 7_200 * NS_PER_S
# A stop is called out again and again, since a call may be lost.
CALL_AGAIN_NS = 10 * NS_PER_S

Ask = messages.Submit | messages.Approve | messages.HoldRequest | messages.StopReleaseRequest
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


_earth_rows = msgspec.json.Decoder(list[_EarthRow])


class Approver(Person):
    """Says yes to every task that the screen shows as waiting, after thinking about it."""

    def __init__(
        self, name: str, terminal: Terminal, rng: random.Random, think_ns_max: int
    ) -> None:
        super().__init__(name, terminal)
        self._rng = rng
        self._think_ns_max = think_ns_max
        self._decided: dict[TaskId, None] = {}

    def look(self, view: messages.View) -> None:
        """See rows on the screen."""
        for row in _earth_rows.decode(view.rows):
            for task in row.approvals_wanted:
                if task not in self._decided:
                    self._decided[task] = None
                    self._approve(task)

    def _approve(self, task: TaskId) -> None:
        body = messages.Approve(request=f"yes-{task}", task=task, approved=True)
        delay_ns = self._rng.randint(NS_PER_S, self._think_ns_max)
        self._terminal.timeline.after(delay_ns, lambda: self.ask(body))


class Busybody(Person):
    """Holds machines and calls emergency stops for no reason, and takes each of them back."""

    def __init__(
        self,
        name: str,
        terminal: Terminal,
        rng: random.Random,
        machines: tuple[NodeId, ...],
        mean_s: float,
    ) -> None:
        super().__init__(name, terminal)
        self.count = 0
        self._rng = rng
        self._machines = machines
        self._mean_s = mean_s
        self._active = False
        self._holds = 0
        self._stops: dict[str, NodeId | None] = {}
        self._tries = 0

    def begin(self) -> None:
        """Interfere from now on."""
        self._active = self._mean_s > 0.0
        if self._active:
            self._plan()

    def end(self) -> None:
        """Leave the machines in peace; what was begun is still taken back."""
        self._active = False

    @property
    def content(self) -> bool:
        """Whether everything has been taken back."""
        return not self._thens and not self._stops and not self._holds

    def _plan(self) -> None:
        delay_ns = ns_from_s(self._rng.expovariate(1.0 / self._mean_s))
        self._terminal.timeline.after(delay_ns, self._interfere)

    def _interfere(self) -> None:
        if not self._active:
            return
        self._plan()
        self.count += 1
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
        delay_ns = ns_from_s(self._rng.uniform(5.0, 300.0))
        self._terminal.timeline.after(delay_ns, what)

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
        self.ask(body, lambda answer: self._released(stop, code, answer))

    def _released(self, stop: str, code: str, answer: messages.Answer) -> None:
        told = re.search(r"the code (\w+)", answer.text)
        if answer.ok and code:
            del self._stops[stop]
        elif answer.ok and told is not None:
            self._release(stop, told[1])
        else:
            # The scheduler has not heard of the stop yet, or the code grew too old on its way.
            self._terminal.timeline.after(ASK_AGAIN_NS, lambda: self._release(stop, ""))
