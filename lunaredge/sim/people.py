"""The people of a run: an operator at the site who hands the job in, and Earth's approvers.

They behave as people with a terminal do: they ask, wait, and ask again until there is an answer.
"""

from collections.abc import Callable

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, ClientId, NodeId, SiteId
from lunaredge.sim.network import Message, Network
from lunaredge.sim.timeline import Timeline
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Header, decode, encode
from lunaredge.wire.seal import Keyring, Signer

ASK_AGAIN_NS = 30 * NS_PER_S
# A request may have to wait for the next contact.
EXPIRY_NS = 7_200 * NS_PER_S

Ask = Callable[[str], messages.Message]


class Person:
    """One client of a broker who wants one thing."""

    def __init__(
        self, client: str, site: SiteId, signer: Signer, keyring: Keyring, network: Network
    ) -> None:
        self.name = NodeId(client)
        self.answers: list[messages.Answer] = []
        self.wish: Ask | None = None
        """Makes the request's body from a fresh request id."""
        self._site = site
        self._signer = signer
        self._keyring = keyring
        self._network = network
        self._number = 0
        self._timeline: Timeline | None = None

    @property
    def satisfied(self) -> bool:
        """Whether a request was granted."""
        return any(answer.ok for answer in self.answers)

    def begin(self, timeline: Timeline, wish: Ask, *, same_id: bool) -> None:
        """Go to the terminal and ask until it is granted."""
        self.wish = wish
        self._timeline = timeline
        self._network.attach(self)
        self._ask_again(same_id=same_id)

    def filters(self) -> tuple[str, ...]:
        """Give the topic filters it subscribes to."""
        return (topics.answer(self._site, ClientId(self.name)),)

    def will(self) -> Message | None:
        """People leave without a word."""
        return None

    def deliver(self, topic: str, payload: bytes) -> None:
        """Take an answer."""
        try:
            body = decode(payload, self._keyring).body
        except RemoteProtocolError:
            return
        if isinstance(body, messages.Answer):
            self.answers.append(body)

    def came_up(self) -> None:
        """Learn that the broker is reached."""

    def went_down(self) -> None:
        """Learn that it is not."""

    def _ask_again(self, *, same_id: bool) -> None:
        assert self._timeline is not None
        assert self.wish is not None
        if self.satisfied:
            return
        self._number += 1
        now_ns = self._timeline.now_ns
        body = self.wish("1" if same_id else str(self._number))
        header = Header(
            node=self.name,
            boot=BootId(1),
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            expiry_ns=now_ns + EXPIRY_NS,
        )
        topic = topics.request(self._site, ClientId(self.name))
        self._network.publish(self.name, Message(topic, encode(header, body, self._signer)))
        self._timeline.after(ASK_AGAIN_NS, lambda: self._ask_again(same_id=same_id))
