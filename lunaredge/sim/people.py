"""The people of a run: an operator at the site who hands the job in, and Earth's approvers.

They do as people with a terminal do: they ask, wait, and ask again until there is an answer.
"""

import random

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, ClientId, NodeId, SiteId, TaskId
from lunaredge.sim.network import Message, Network
from lunaredge.sim.timeline import Timeline
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, decode, encode
from lunaredge.wire.seal import Keyring, Signer

ASK_AGAIN_NS = 30 * NS_PER_S
# A directive may have to wait for the next contact.
EXPIRY_NS = 7_200 * NS_PER_S

Ask = messages.Submit | messages.Approve


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
        self._number = 0

    def sit_down(self) -> None:
        """Connect to the broker."""
        self._terminal.network.attach(self)

    def ask(self, body: Ask) -> None:
        """Ask, and again under the same id until the answer comes."""
        if body.request in self.answers:
            return
        self._number += 1
        here = self._terminal
        now_ns = here.timeline.now_ns
        header = Header(
            node=self.name,
            boot=BootId(1),
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            expiry_ns=now_ns + EXPIRY_NS,
        )
        topic = topics.request(here.site, ClientId(self.name))
        here.network.publish(self.name, Message(topic, encode(header, body, here.signer)))
        here.timeline.after(ASK_AGAIN_NS, lambda: self.ask(body))

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
        if isinstance(body, messages.Answer):
            self.answers.setdefault(body.request, body)
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
