"""A broker and its connections, as bad as the options say.

Topics with wildcards, retained messages, wills, and per connection: delay, loss, duplicates,
reordering, a cut in one or both directions that is noticed late, and a broker that restarts with
or without its memory. Quality of service is loose on purpose: nothing end to end may rest on it.
"""

import random
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import msgspec

from lunaredge.ids import NodeId
from lunaredge.sim.timeline import Timeline

# Topics whose subscribers are remembered: far more than a site has.
TOPICS_KEPT_MAX = 4_096
# What a broker keeps for one absent client; brokers have such a limit and drop silently over it.
OFFLINE_COUNT_MAX = 1_000


class NetworkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How bad the network is; ratios are chances per message and hop."""

    delay_ns_min: int
    delay_ns_max: int
    loss_ratio: float = 0.0
    duplicate_ratio: float = 0.0
    reorder_ratio: float = 0.0
    reorder_ns_max: int = 0
    damage_ratio: float = 0.0
    """A message arrives with a bit turned over, or cut off."""
    notice_ns_max: int
    """A broken connection is noticed by its client within this time."""
    keeps_sessions: bool = False
    """The broker keeps what an absent client misses, and its memory over a restart."""


class Message(msgspec.Struct, frozen=True):
    """One message on its way."""

    topic: str
    payload: bytes
    retain: bool = False


class Client(Protocol):
    """The node's end of a connection."""

    @property
    def name(self) -> NodeId:
        """The client's name."""
        ...

    def filters(self) -> tuple[str, ...]:
        """Give the topic filters it subscribes to."""
        ...

    def will(self) -> Message | None:
        """Give what the broker publishes when the connection breaks."""
        ...

    def deliver(self, topic: str, payload: bytes) -> None:
        """Take a message."""
        ...

    def came_up(self) -> None:
        """Learn that the broker is reached."""
        ...

    def went_down(self) -> None:
        """Learn that it is not."""
        ...


Tap = Callable[[NodeId, Message], None]
Damaged = Callable[[NodeId, bytes], None]


class _Way:
    """One direction of a connection, and when the last message that keeps its turn arrives."""

    def __init__(self, extra_ns: int = 0) -> None:
        self.last_ns = 0
        self.extra_ns = extra_ns
        """What each message takes longer than it takes others."""


class _Line:
    """One client's connection. ``life`` rises with each break: what was in flight is lost."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.filters = client.filters()
        self.life = 0
        self.up = False
        self.noticed = False
        self.gone = False
        """Its process is dead: it connects no more, and what it would have noticed is nobody's."""
        self.deaf = False
        self.mute = False
        self.sent = _Way()
        self.heard = _Way()
        self.offline: deque[Message] = deque(maxlen=OFFLINE_COUNT_MAX)


class Network:
    """One broker. Clients that are attached connect by themselves whenever they can."""

    def __init__(
        self, timeline: Timeline, rng: random.Random, options: NetworkOptions, tap: Tap
    ) -> None:
        self.options = options
        self.lost = 0
        self.doubled = 0
        self.on_damage: Damaged | None = None
        """Told of each damaged message that is handed to somebody."""
        self._timeline = timeline
        self._rng = rng
        self._tap = tap
        self._lines: dict[NodeId, _Line] = {}
        self._cut: dict[NodeId, None] = {}
        self._retained: dict[str, Message] = {}
        self._takers: dict[str, tuple[_Line, ...]] = {}
        """Who subscribes to a topic, worked out when it is first published on."""
        self._running = True

    @property
    def running(self) -> bool:
        """Whether the broker is there."""
        return self._running

    def attach(self, client: Client) -> None:
        """Have a client connect as soon as it can; a former line of its name is replaced."""
        former = self._lines.get(client.name)
        line = _Line(client)
        if former is not None:
            line.life, line.offline = former.life + 1, former.offline
            line.sent, line.heard = _Way(former.sent.extra_ns), _Way(former.heard.extra_ns)
        self._lines[client.name] = line
        self._takers.clear()
        self._connect_later(line)

    def detach(self, name: NodeId) -> None:
        """Break a client's connection because its process is gone, and forget what it took."""
        line = self._lines[name]
        self._break(line, notice=False)
        line.life += 1
        line.gone = True
        line.filters = ()
        self._takers.clear()

    def publish(self, name: NodeId, message: Message) -> None:
        """Take a client's message; it gets lost when the client is not connected."""
        self._tap(name, message)
        line = self._lines[name]
        if not line.up or line.mute:
            self.lost += 1
            return
        life = line.life
        for at_ns in self._arrivals(line.sent):
            self._timeline.at(at_ns, lambda: self._arrive(line, life, message))

    def inject(self, message: Message) -> None:
        """Publish as a stranger who got at the broker."""
        self._route(message)

    def cut(self, name: NodeId) -> None:
        """Part a client from the broker; it notices late."""
        self._cut[name] = None
        if name in self._lines:
            self._break(self._lines[name], notice=True)

    def mend(self, name: NodeId) -> None:
        """End a cut and one-way faults."""
        self._cut.pop(name, None)
        line = self._lines.get(name)
        if line is not None:
            line.deaf = line.mute = False
            self._connect_later(line)

    def half_cut(self, name: NodeId, *, deaf: bool) -> None:
        """Lose everything one way, unnoticed: toward the client when deaf, else from it."""
        line = self._lines[name]
        line.deaf, line.mute = deaf, not deaf

    def slow(self, name: NodeId, *, toward: bool, extra_ns: int) -> None:
        """Have everything take longer one way: toward the client, or from it."""
        line = self._lines[name]
        way = line.heard if toward else line.sent
        way.extra_ns = extra_ns

    def stop(self) -> None:
        """Kill the broker."""
        self._running = False
        for line in self._lines.values():
            self._break(line, notice=True)

    def start(self) -> None:
        """Start the broker again, with an empty memory unless it keeps its own."""
        self._running = True
        if not self.options.keeps_sessions:
            self._retained.clear()
            for line in self._lines.values():
                line.offline.clear()
        for line in self._lines.values():
            self._connect_later(line)

    # --- connections ---------------------------------------------------------------------------

    def _connect_later(self, line: _Line) -> None:
        life = line.life
        wait_ns = self.options.delay_ns_max + self._rng.randint(0, 2 * self.options.notice_ns_max)
        self._timeline.after(wait_ns, lambda: self._connect(line, life))

    def _connect(self, line: _Line, life: int) -> None:
        name = line.client.name
        current = self._lines.get(name) is line and line.life == life and not line.up
        if not current or line.gone or not self._running or name in self._cut:
            return
        if line.noticed:
            line.noticed = False
            line.client.went_down()
        line.up = True
        line.client.came_up()
        for message in list(self._retained.values()):
            if line in self._takers_of(message.topic):
                self._send(line, message)
        # A client that dies of what it is told keeps the rest for its next life.
        while line.offline and line.up:
            self._send(line, line.offline.popleft())

    def _break(self, line: _Line, *, notice: bool) -> None:
        if not line.up:
            return
        line.up = False
        line.noticed = notice
        line.life += 1
        life = line.life
        if notice:
            delay_ns = self._rng.randint(0, self.options.notice_ns_max)
            self._timeline.after(delay_ns, lambda: self._notice(line, life))
        will = line.client.will()
        if will is not None and self._running:
            self._timeline.after(self.options.notice_ns_max, lambda: self._route(will))

    def _notice(self, line: _Line, life: int) -> None:
        if line.life == life and line.noticed and not line.gone:
            line.noticed = False
            line.client.went_down()

    # --- messages ------------------------------------------------------------------------------

    def _arrivals(self, way: _Way) -> list[int]:
        """Draw when a message's copies arrive: none when it is lost, two when doubled.

        The first copy comes after what went before, unless it is reordered. One that is, and a
        second copy, are overtaken by what comes after them.
        """
        rng, options, now_ns = self._rng, self.options, self._timeline.now_ns
        if rng.random() < options.loss_ratio:
            self.lost += 1
            return []
        now_ns += way.extra_ns
        at_ns = now_ns + rng.randint(options.delay_ns_min, options.delay_ns_max)
        if rng.random() < options.reorder_ratio:
            at_ns = now_ns + rng.randint(0, options.reorder_ns_max)
        else:
            at_ns = way.last_ns = max(way.last_ns, at_ns)
        if rng.random() >= options.duplicate_ratio:
            return [at_ns]
        self.doubled += 1
        again_ns = rng.randint(options.delay_ns_min, 4 * options.delay_ns_max)
        return [at_ns, at_ns + again_ns]

    def _arrive(self, line: _Line, life: int, message: Message) -> None:
        if line.life != life or not self._running:
            self.lost += 1
            return
        if message.retain:
            self._retained[message.topic] = message
        self._route(message)

    def _route(self, message: Message) -> None:
        if not self._running:
            return
        for line in self._takers_of(message.topic):
            self._send(line, message)

    def _takers_of(self, topic: str) -> tuple[_Line, ...]:
        takers = self._takers.get(topic)
        if takers is None:
            if len(self._takers) >= TOPICS_KEPT_MAX:
                self._takers.clear()
            takers = tuple(line for line in self._lines.values() if takes(line.filters, topic))
            self._takers[topic] = takers
        return takers

    def _send(self, line: _Line, message: Message) -> None:
        if not line.up:
            if self.options.keeps_sessions:
                line.offline.append(message)
            return
        if line.deaf:
            self.lost += 1
            return
        life = line.life
        for at_ns in self._arrivals(line.heard):
            self._timeline.at(at_ns, lambda: self._hand_over(line, life, message))

    def _hand_over(self, line: _Line, life: int, message: Message) -> None:
        if line.life == life and line.up:
            line.client.deliver(message.topic, self._arrived(line, message.payload))
        elif self.options.keeps_sessions:
            line.offline.append(message)
        else:
            self.lost += 1

    def _arrived(self, line: _Line, payload: bytes) -> bytes:
        """Give what is left of a payload at the end of its way."""
        ratio = self.options.damage_ratio
        if ratio == 0.0 or self._rng.random() >= ratio:
            return payload
        payload = damaged(payload, self._rng)
        if self.on_damage is not None:
            self.on_damage(line.client.name, payload)
        return payload


def damaged(payload: bytes, rng: random.Random) -> bytes:
    """Give a payload with one bit turned over, or cut off somewhere."""
    if not payload or rng.random() < 0.3:
        return payload[: rng.randrange(len(payload))] if payload else payload
    spoilt = bytearray(payload)
    spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


# Clients come and go, and ask for the same again: two dozen sets of filters, some hundred topics.
@lru_cache(maxsize=16_384)
def takes(filters: tuple[str, ...], topic: str) -> bool:
    """Tell whether any of a client's MQTT topic filters takes the topic."""
    return any(matches(pattern, topic) for pattern in filters)


def matches(pattern: str, topic: str) -> bool:
    """Tell whether an MQTT topic filter takes the topic."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
