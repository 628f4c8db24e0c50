"""The way out: effects in their order, messages numbered, stamped and signed.

Owns the list of effects, the running message number, and the counts of what was refused. Every
other room of the agent speaks to the world through it; it decides nothing.
"""

import msgspec

from lunaredge.agent.clock import SiteClock
from lunaredge.agent.config import AgentConfig
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Actuate, Effect, Erase, Level, Note, Persist, Publish
from lunaredge.wire import codec, topics
from lunaredge.wire.codec import CLOCK_UNKNOWN, Header
from lunaredge.wire.driver import Halt, MachineOrder
from lunaredge.wire.messages import Message
from lunaredge.wire.seal import Sealer, Signer

# Reasons are words of ours, some forty of them; the bound holds even if a bug makes them up.
_REASONS_MAX = 48
# A note per source and reason is for people; past this many, they have been told.
_NOTED_MAX = 256
_OTHER = "other"


class Outlet:
    """Collects what is to be done."""

    def __init__(self, config: AgentConfig, boot: BootId, signer: Signer, clock: SiteClock) -> None:
        self.reached = False
        """The broker is there."""
        self.quiet = False
        """Nothing is to be said, though the broker may be reached."""
        self.refused: dict[str, int] = {}
        self._config = config
        self._boot = boot
        self._signer = signer
        self._clock = clock
        self._number = 0
        self._effects: list[Effect] = []
        self._noted: set[tuple[str, str]] = set()

    @property
    def connected(self) -> bool:
        """Whether what is said now goes out."""
        return self.reached and not self.quiet

    @connected.setter
    def connected(self, connected: bool) -> None:
        """Learn whether the broker is reached."""
        self.reached = connected

    def publish(
        self,
        channel: str,
        body: Message,
        now_ns: int,
        detail: str = "",
        sealer: Sealer | None = None,
    ) -> None:
        """Send a message, signed unless a sealer is named, if the broker is in reach."""
        if self.connected:
            self._effects.append(self.message(channel, body, now_ns, detail, sealer))

    def publish_retained(self, channel: str, body: Message, now_ns: int) -> None:
        """Send a signed message that the broker keeps for who comes late, if it is in reach."""
        if self.connected:
            sent = self.message(channel, body, now_ns)
            self._effects.append(Publish(sent.topic, sent.payload, retain=True))

    def publish_to(self, node: NodeId, channel: str, body: Message, now_ns: int) -> None:
        """Send a signed message on another node's topic, unless the broker is out of reach."""
        if self.connected:
            header = msgspec.structs.replace(self._header(now_ns), to=node)
            topic = topics.build(self._config.site, node, channel)
            self._effects.append(Publish(topic, codec.encode(header, body, self._signer)))

    def publish_unsigned(self, channel: str, body: Message, now_ns: int, detail: str = "") -> None:
        """Send a question that says nothing of the node, unless the broker is out of reach."""
        if self.reached:
            topic = topics.build(self._config.site, self._config.node, channel, detail)
            self._effects.append(Publish(topic, codec.encode(self._header(now_ns), body)))

    def relay(self, topic: str, frame: bytes) -> None:
        """Send somebody else's message on, unless the broker is out of reach."""
        if self.connected:
            self._effects.append(Publish(topic, frame))

    def message(
        self,
        channel: str,
        body: Message,
        now_ns: int,
        detail: str = "",
        sealer: Sealer | None = None,
    ) -> Publish:
        """Give a message without sending it, signed unless a sealer is named."""
        topic = topics.build(self._config.site, self._config.node, channel, detail)
        return Publish(topic, codec.encode(self._header(now_ns), body, sealer or self._signer))

    def persist(self, table: str, scope: str, number: int, value: bytes) -> None:
        """Write a row before anything that follows."""
        self._effects.append(Persist(table, scope, number, value))

    def erase(self, table: str, scope: str, through: int) -> None:
        """Delete the rows of a scope up to and with that number."""
        self._effects.append(Erase(table, scope, through))

    def erase_between(self, table: str, scope: str, first: int, through: int) -> None:
        """Delete the rows of a scope with those numbers, both in it."""
        assert first <= through, (first, through)
        self._effects.append(Erase(table, scope, through, first))

    def actuate(self, order: MachineOrder) -> None:
        """Order the machine."""
        self._effects.append(Actuate(order))

    def halt_first(self) -> None:
        """Halt ahead of everything; what was ordered before and not yet carried out is void."""
        self._effects = [effect for effect in self._effects if not isinstance(effect, Actuate)]
        self._effects.insert(0, Actuate(Halt()))

    def add(self, effect: Effect) -> None:
        """Append any other effect."""
        self._effects.append(effect)

    def note(self, level: Level, event: str, **fields: object) -> None:
        """Say something to the log."""
        self._effects.append(Note(level=level, event=event, fields=fields))

    def refuse(self, source: str, reason: str) -> None:
        """Count something that was refused; note each source and reason once."""
        known = reason in self.refused or len(self.refused) < _REASONS_MAX
        counted = reason if known else _OTHER
        self.refused[counted] = self.refused.get(counted, 0) + 1
        if (source, counted) not in self._noted and len(self._noted) < _NOTED_MAX:
            self._noted.add((source, counted))
            self.note(Level.WARNING, "input.refused", source=source, reason=counted)

    def take(self) -> list[Effect]:
        """Hand out the effects, in order, and forget them."""
        effects, self._effects = self._effects, []
        return effects

    def _header(self, now_ns: int) -> Header:
        self._number += 1
        site_ns = self._clock.site_ns(now_ns)
        error_ns = self._clock.error_ns(now_ns)
        return Header(
            node=self._config.node,
            boot=self._boot,
            number=self._number,
            local_ns=now_ns,
            site_ns=0 if site_ns is None else site_ns,
            clock_error_ns=CLOCK_UNKNOWN if error_ns is None else error_ns,
        )
