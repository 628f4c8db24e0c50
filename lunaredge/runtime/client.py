"""An operator's connection: ask the scheduler or the archive, read the views.

A request is signed, lives for a short time and carries an id of its own, so that sending it again
until the answer comes changes nothing twice. A view is retained by the broker: it comes at once,
with the site time at which it was made. Anyone may write to a broker, so only what is signed by
whom it is of counts, and no view that is older than the one known.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence, Set
from typing import Self

import msgspec

from lunaredge.errors import RemoteProtocolError, TimeoutExceeded, TransportError
from lunaredge.ids import BootId, ClientId, NodeId, SiteId
from lunaredge.runtime.clock import Clock
from lunaredge.runtime.mqtt import LinkSettings, MqttLink
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.seal import Keyring, Role, Signer

# A person waits this long; the scheduler answers in milliseconds when it is there.
ANSWER_S_MAX = 10.0
CONNECT_S_MAX = 5.0
RESEND_S = 2.0
EXPIRY_NS = 600 * NS_PER_S
# Whose a view is; all others are the scheduler's, or its standby's, who has the same key.
ANSWERERS = (Role.SCHEDULER, Role.ARCHIVE, Role.EARTH)
VIEW_OWNERS = {topics.INTAKE: Role.ARCHIVE, "link": Role.GATEWAY, "earth": Role.EARTH}
# Each of several may publish these, under a boot id that is drawn at random.
_OF_SEVERAL = frozenset({"standby"})


class ClientIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, of which site, by which clock. ``signer`` is None for one who only reads."""

    site: SiteId
    client: ClientId
    clock: Clock
    keyring: Keyring
    signer: Signer | None


class SiteClient:
    """One client's connection to a broker; use it as an async context."""

    def __init__(
        self,
        settings: LinkSettings,
        identity: ClientIdentity,
        views: Sequence[str] = (),
        *,
        hears_nodes: bool = False,
    ) -> None:
        self.identity = identity
        self.latest: dict[str, messages.View] = {}
        """The newest view of each name heard so far, as its owner signed it."""
        self.situations: dict[NodeId, messages.Situation] = {}
        """Each node's newest word of itself, under its own signature, with ``hears_nodes``."""
        self._answers: dict[str, messages.Answer] = {}
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._number = 0
        self._boot = BootId(secrets.randbits(48))
        site = identity.site
        self._view_topics = frozenset(topics.view(site, name) for name in views)
        self._view_headers: dict[str, codec.Header] = {}
        self._past_boots: dict[str, set[BootId]] = {}
        """By view, the lives of its owner that another was heard after."""
        self._unproven: set[str] = set()
        wanted = [topics.answer(site, identity.client), *sorted(self._view_topics)]
        wanted += [topics.build(site, NodeId("+"), "node")] if hears_nodes else []
        self._place = f"{settings.host}:{settings.port}"
        client_id = f"{identity.client}-{secrets.token_hex(4)}"
        # No session: what a person asked for is of no use after the connection.
        settings = msgspec.structs.replace(settings, session_expiry_s=0)
        self._link = MqttLink(settings, client_id, wanted, self)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._link.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        await self._link.drain(1.0)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @property
    def connected(self) -> bool:
        """Whether the broker is reached now."""
        return self._link.connected

    async def reach(self, wait_s: float = CONNECT_S_MAX) -> None:
        """Wait for the broker.

        Raises:
            TransportError: it was not reached in time.
        """
        try:
            await asyncio.wait_for(self._connected.wait(), wait_s)
        except TimeoutError as exc:
            raise TransportError(
                f"the broker at {self._place} can't be reached; is the site running, and is that "
                "where its broker is?"
            ) from exc

    async def ask(
        self,
        body: messages.Request | messages.Explain | messages.LatestRequest,
        wait_s: float = ANSWER_S_MAX,
    ) -> messages.Answer:
        """Ask whom a question is for, again and again under one id, until it answers.

        Raises:
            TransportError: the broker was not reached.
            TimeoutExceeded: no answer in time. What is no question may still be carried out.
        """
        await self.reach()
        assert not isinstance(body, messages.Stop), "a stop is published, not asked for"
        deadline_s = asyncio.get_running_loop().time() + wait_s
        is_archives = isinstance(body, messages.LatestRequest)
        asked = topics.ARCHIVE if is_archives else topics.SCHEDULER
        topic = topics.request(self.identity.site, self.identity.client, asked)
        while body.request not in self._answers:
            self.say(topic, body)
            await self.news(RESEND_S)
            if asyncio.get_running_loop().time() >= deadline_s:
                left = f"; it may still act on this for {EXPIRY_NS / NS_PER_S:.0f} s of site time"
                is_question = isinstance(body, messages.Explain | messages.LatestRequest)
                late = "" if is_question else left
                raise TimeoutExceeded(
                    f"no answer from the {asked} in {wait_s:g} s"
                    f"{late}. Is the {asked} of {self.identity.site} running, is the clock here"
                    " right (a word from the past or far ahead is refused), was this key enrolled"
                    " (keys/public.json) when it was started, and from Earth: is the link open?"
                )
        return self._answers.pop(body.request)

    def answer_to(self, request: str) -> messages.Answer | None:
        """Give the answer to something that was said and not asked, if one came."""
        return self._answers.get(request)

    def say(self, topic: str, body: messages.Message) -> None:
        """Publish one signed message."""
        self._number += 1
        now_ns = self.identity.clock.now_ns()
        header = codec.Header(
            node=NodeId(self.identity.client),
            boot=self._boot,
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            expiry_ns=now_ns + EXPIRY_NS,
        )
        self._link.publish(topic, codec.encode(header, body, self.identity.signer))

    async def view(self, *names: str, wait_s: float = ANSWER_S_MAX) -> messages.View:
        """Give the newest view of the first of these names that has one.

        Raises:
            TransportError: the broker was not reached.
            TimeoutExceeded: nobody has published it.
        """
        await self.reach()
        deadline_s = asyncio.get_running_loop().time() + wait_s
        while not any(name in self.latest for name in names):
            if asyncio.get_running_loop().time() >= deadline_s:
                raise TimeoutExceeded(
                    f"the broker at {self._place} is there, but nobody has published the view "
                    f"{names[0]} in {wait_s:g} s; {self._doubt(names)}"
                )
            await self.news(deadline_s - asyncio.get_running_loop().time())
        return next(self.latest[name] for name in names if name in self.latest)

    async def changes(self, wait_s: float) -> AsyncIterator[bool]:
        """Give True for each piece of news, False when none came for that long."""
        while True:
            yield await self.news(wait_s)

    async def news(self, wait_s: float) -> bool:
        """Wait for the next piece of news, for that long; tell whether there was one."""
        try:
            await asyncio.wait_for(self._news.wait(), max(0.0, wait_s))
        except TimeoutError:
            return False
        self._news.clear()
        return True

    # --- LinkListener -----------------------------------------------------------------------

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take an answer, a view or a node's word; anything else is not for us."""
        try:
            received = codec.decode(payload, self.identity.keyring)
        except RemoteProtocolError:
            self._doubted(topic)
            return
        body = received.body
        if isinstance(body, messages.Answer) and received.role in ANSWERERS:
            self._answers[body.request] = body
            self._news.set()
        elif isinstance(body, messages.View):
            self._take_view(topic, received, body)
        elif isinstance(body, messages.Birth | messages.Heartbeat) and received.role is Role.NODE:
            # A node's key is named after the node; whoever else signs it speaks for nobody.
            self.situations[NodeId(received.header.key)] = body.situation
            self._news.set()

    def on_connected(self) -> None:
        """Note that the broker is there."""
        self._connected.set()
        self._news.set()

    def on_disconnected(self) -> None:
        """Note that it is gone."""
        self._connected.clear()
        self._news.set()

    def _take_view(self, topic: str, received: codec.Received, view: messages.View) -> None:
        is_owners = received.role is VIEW_OWNERS.get(view.name, Role.SCHEDULER)
        if not is_owners or topic != topics.view(self.identity.site, view.name):
            self._doubted(topic)
            return
        header, known = received.header, self._view_headers.get(view.name)
        is_of_one = view.name not in _OF_SEVERAL
        past = self._past_boots.setdefault(view.name, set()) if is_of_one else None
        if known is None or _follows(header, known, past):
            if past is not None and known is not None and header.boot != known.boot:
                past.add(known.boot)
            self._view_headers[view.name] = header
            self.latest[view.name] = view
            self._news.set()

    def _doubted(self, topic: str) -> None:
        """Note that what came as a view is nobody's."""
        if topic in self._view_topics:
            self._unproven.add(topic)

    def _doubt(self, names: Sequence[str]) -> str:
        """Say what to look at where none of these views came."""
        if self._unproven.isdisjoint(topics.view(self.identity.site, name) for name in names):
            return "is the scheduler (for link: the gateway, for intake: the archive) running?"
        return (
            "what came under that name was not signed by whom it is of: are these keys "
            "(keys/public.json) the site's, and is its program as new as this one?"
        )


def new_request() -> str:
    """Give a request id that nobody has used."""
    return secrets.token_hex(8)


def _follows(header: codec.Header, known: codec.Header, past: Set[BootId] | None) -> bool:
    """Tell whether a view is newer than the one known: anyone may send an old one again.

    A scheduler that was started anew may lead above the last one with its clock put right, or be on
    an old copy of the store and say so; both are heard. So is who leads nobody, and was started
    anew with its clock put right. ``past`` holds the lives that were left for another already;
    None: it is of several, and the one that spoke last is shown.
    """
    if header.boot == known.boot:
        return header.number > known.number
    if past is None:
        return header.site_ns > known.site_ns
    if header.epoch > known.epoch:
        return True
    is_restarted = header.epoch == known.epoch and header.boot > known.boot
    return header.boot not in past and (is_restarted or header.site_ns > known.site_ns)
