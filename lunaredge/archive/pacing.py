"""Pacing: when a stream is acknowledged, and how much its sender may have under way.

A sender with nothing but the newest is answered every few seconds. One with a backlog goes on by
its answers: as many as it may have under way, at the rate at which they come. So the archive paces
a whole fleet that comes back after an outage, without a word to anybody.
"""

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
        self.is_written = True
        """All of it is in the archive, or about to be ahead of the answer."""


class Pacer:
    """Says which streams are to be acknowledged now."""

    def __init__(self, config: ArchiveConfig) -> None:
        self._config = config
        self._waiting: dict[Key, _Due] = {}
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
        due = self._waiting.setdefault(key, _Due(now_ns))
        # Whoever sends again what is kept has lost the answer, and waits for one.
        due.count += 1 if is_news else WINDOW_COUNT_MAX
        due.is_written = due.is_written and not is_news

    def flushed(self, now_ns: int) -> None:
        """Learn that everything taken so far stands before whatever is published next."""
        for due in self._waiting.values():
            due.is_written = True
        for key in [key for key, due in self._waiting.items() if self._is_due(key, due, now_ns)]:
            self._ready[key] = self._ready.get(key, 0) + self._waiting.pop(key).count

    def take_due(self, now_ns: int) -> list[Key]:
        """Give the streams to acknowledge now."""
        for key in [key for key, due in self._waiting.items() if self._is_due(key, due, now_ns)]:
            self._ready[key] = self._ready.get(key, 0) + self._waiting.pop(key).count
        self._refill(now_ns)
        taken: list[Key] = []
        for key, count in list(self._ready.items()):
            if self._allowance < 0.0:
                break
            self._allowance -= count
            del self._ready[key]
            taken.append(key)
        return taken

    def wakeup_ns(self) -> int | None:
        """Say when something may be due next."""
        times_ns = [
            due.since_ns + self._config.ack_period_ns
            for due in self._waiting.values()
            if due.is_written
        ]
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
        if not due.is_written:
            return False
        is_full = due.count >= max(1, self.window() // 2)
        is_old = now_ns - due.since_ns >= self._config.ack_period_ns
        return is_old or is_full or key in self._draining

    def _refill(self, now_ns: int) -> None:
        rate = self._config.drain_uploads_per_s
        if self._allowed_ns is not None:
            passed_s = max(0, now_ns - self._allowed_ns) / NS_PER_S
            self._allowance = min(self._allowance + passed_s * rate, rate * BURST_S)
        self._allowed_ns = now_ns
