"""Pacing: when a stream is acknowledged, and how much its sender may have under way.

A sender with nothing but the newest is answered every few seconds. One with a backlog goes on by
its answers: as many as it may have under way, at the rate at which they come. So the archive paces
a whole fleet that comes back after an outage, without a word to anybody.
"""

from collections import deque

from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.streams import Key, Stream, ack_of, is_backlogged
from lunaredge.units import NS_PER_S
from lunaredge.wire.bulk import WINDOW_COUNT_FIRST, WINDOW_COUNT_MAX
from lunaredge.wire.messages import RecordAck

# Allowance that may be saved up: a second's worth goes out at once, and then it is a rate.
BURST_S = 1.0


class _Due:
    """What is to be answered of one stream."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.count = 0
        """New uploads: so much of the allowance an answer costs."""
        self.is_repeated = False
        """Its sender has lost the answer, and waits for one."""


class Pacer:
    """Says which streams are to be acknowledged now.

    It is asked after each message, so nothing here looks at all streams: a fleet of a thousand
    nodes would pay for each of its messages a thousand times.
    """

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config
        self._waiting: dict[Key, _Due] = {}
        self._unwritten: dict[Key, None] = {}
        """Streams of which something is not yet ahead of the answer; in order of their news."""
        self._by_age: deque[tuple[int, Key]] = deque()
        """Since when each stream has waited, the oldest first; of those answered before, too."""
        self._ready: dict[Key, int] = {}
        """Streams to be answered as soon as the rate allows, with their uploads, oldest first."""
        self._draining: set[Key] = set()
        self._allowance = config.drain_uploads_per_s * BURST_S
        self._allowed_ns: int | None = None

    def took(self, key: Key, stream: Stream, now_ns: int, *, is_news: bool) -> None:
        """Learn that an upload was taken, or came again."""
        if is_backlogged(stream):
            self._draining.add(key)
        else:
            self._draining.discard(key)
        due = self._waiting.get(key)
        if due is None:
            due = self._waiting[key] = _Due(now_ns)
            self._by_age.append((now_ns, key))
        if is_news:
            due.count += 1
            self._unwritten[key] = None
            return
        due.is_repeated = True
        if self.is_written(key):
            self._make_ready(key)

    def flushed(self, now_ns: int) -> None:
        """Learn that everything taken so far stands before whatever is published next."""
        for key in self._unwritten:
            if self._is_due(key, self._waiting[key], now_ns):
                self._make_ready(key)
        self._unwritten.clear()

    def is_written(self, key: Key) -> bool:
        """Tell whether all of a stream is in the archive, or about to be ahead of its answer."""
        return key not in self._unwritten

    def take_due(self, now_ns: int) -> list[Key]:
        """Give the streams to acknowledge now."""
        while self._by_age and now_ns - self._by_age[0][0] >= self._config.ack_period_ns:
            since_ns, key = self._by_age.popleft()
            # One of which something is not yet written is looked at again when it is.
            if self._is_waiting(key, since_ns) and self.is_written(key):
                self._make_ready(key)
        self._refill(now_ns)
        taken: list[Key] = []
        while self._ready and self._allowance >= 0.0:
            key = next(iter(self._ready))
            self._allowance -= self._ready.pop(key)
            taken.append(key)
        return taken

    def wakeup_ns(self) -> int | None:
        """Say when something may be due next."""
        while self._by_age and not self._is_waiting(self._by_age[0][1], self._by_age[0][0]):
            self._by_age.popleft()
        times_ns = [self._by_age[0][0] + self._config.ack_period_ns] if self._by_age else []
        if self._ready and self._allowed_ns is not None:
            short_s = max(0.0, -self._allowance) / self._config.drain_uploads_per_s
            times_ns.append(self._allowed_ns + round(short_s * NS_PER_S) + 1)
        return min(times_ns, default=None)

    def ack(self, key: Key, stream: Stream) -> RecordAck:
        """Give a stream's acknowledgement."""
        return ack_of(key, stream, self.window())

    def window(self) -> int:
        """Give how many uploads a sender may have under way."""
        share = self._config.under_way_max // max(1, len(self._draining))
        return min(max(share, WINDOW_COUNT_FIRST), WINDOW_COUNT_MAX)

    def _is_due(self, key: Key, due: _Due, now_ns: int) -> bool:
        is_full = due.count >= max(1, self.window() // 2)
        is_old = now_ns - due.since_ns >= self._config.ack_period_ns
        return is_old or is_full or due.is_repeated or key in self._draining

    def _is_waiting(self, key: Key, since_ns: int) -> bool:
        due = self._waiting.get(key)
        return due is not None and due.since_ns == since_ns

    def _make_ready(self, key: Key) -> None:
        # What comes again costs one answer, however often it comes: anybody can send it.
        self._ready[key] = max(1, self._ready.get(key, 0) + self._waiting.pop(key).count)

    def _refill(self, now_ns: int) -> None:
        rate = self._config.drain_uploads_per_s
        if self._allowed_ns is not None:
            passed_s = max(0, now_ns - self._allowed_ns) / NS_PER_S
            self._allowance = min(self._allowance + passed_s * rate, rate * BURST_S)
        self._allowed_ns = now_ns
