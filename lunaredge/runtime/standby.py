"""A standby of the scheduler: waits for the lead, and shows that it is there.

It has nothing to do with the store but to ask for its lock, again and again; so it can write
nothing before the leader's process is gone. It listens to the leader's own picture of the site, to
say when there is none any more, and does no more about that: who is silent may only be frozen, and
wake up.
"""

import asyncio
import os
import secrets
import signal
import socket
from pathlib import Path

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, NodeId, SiteId
from lunaredge.node import Level
from lunaredge.runtime.clock import Clock
from lunaredge.runtime.lock import StoreLock, holder
from lunaredge.runtime.log import log_event
from lunaredge.runtime.mqtt import LinkSettings, MqttLink
from lunaredge.runtime.tasks import end_tasks
from lunaredge.units import NS_PER_S, s_from_ns
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.seal import Keyring, Role, Signer

VIEW = "standby"
LEADERS_VIEW = "site"
# Of the ten seconds in which a standby must lead, the least part. Asking costs some microseconds.
ASK_S = 0.2
# The leader shows the site every 30 s: it has missed three turns, by a clock as fast as the site's.
SILENT_NS = 90 * NS_PER_S
# In compressed time a turn is shorter than what the operating system holds a process up by.
SILENT_WALL_S = 10.0
# So often it says that it is there. Whoever looks takes a view for news for longer than that.
SHOW_S = 5.0
# The last word that it waits no more must not cost the lead.
GOODBYE_S_MAX = 0.5


class Leader(msgspec.Struct):
    """What the standby hears of the leader."""

    heard_ns: int | None = None
    """Site time of its last picture of the site."""
    connected_ns: int | None = None
    """Since when it can be heard; None while the broker is out of reach."""

    def is_silent(self, now_ns: int, patience_ns: int) -> bool:
        """Tell whether it could be heard for that long, and was not."""
        if self.connected_ns is None:
            return False
        since_ns = self.connected_ns if self.heard_ns is None else self.heard_ns
        return now_ns - max(since_ns, self.connected_ns) >= patience_ns


class Standby:
    """One standby, from its start until it leads or is asked to end.

    It signs as the scheduler that it is to become.
    """

    def __init__(
        self, site: SiteId, store: Path, clock: Clock, *, signer: Signer, keyring: Keyring
    ) -> None:
        self.leader = Leader()
        self._site = site
        self._store = store
        self._clock = clock
        self._signer = signer
        self._keyring = keyring
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._boot = BootId(secrets.randbits(48))
        self._number = 0
        self._show_due_ns = 0
        self._patience_ns = max(SILENT_NS, round(SILENT_WALL_S * clock.speed * NS_PER_S))
        self._was_silent = False
        self._link: MqttLink | None = None

    async def wait(self, settings: LinkSettings) -> StoreLock | None:
        """Wait until the store's lock is ours; give None when asked to end before that.

        Raises:
            StorageError: nothing can be locked there.
            KeyboardInterrupt: asked to end by SIGINT.
        """
        asked: list[signal.Signals] = []
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.append, number)
        log_event(Level.INFO, "standby.began", {"store": self._store, "leader": self._leader_pid()})
        # No session: what the leader said while this one was away is of no use.
        settings = msgspec.structs.replace(settings, session_expiry_s=0)
        client_id = f"standby-{secrets.token_hex(4)}"
        self._link = MqttLink(settings, client_id, [topics.view(self._site, LEADERS_VIEW)], self)
        linking = asyncio.create_task(self._link.run())
        try:
            lock = await self._lock(asked)
            self._show([])
            await self._link.drain(GOODBYE_S_MAX)
        finally:
            await end_tasks([linking])
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        if lock is None:
            log_event(Level.INFO, "standby.stopped", {})
        if signal.SIGINT in asked:
            raise KeyboardInterrupt
        return lock

    async def _lock(self, asked: list[signal.Signals]) -> StoreLock | None:
        while not asked:
            lock = StoreLock.try_take(self._store)
            if lock is not None:
                log_event(Level.WARNING, "standby.leads", {"store": self._store})
                return lock
            self._look()
            await asyncio.sleep(ASK_S)
        return None

    def _look(self) -> None:
        """Note whether the leader speaks; show it when that changes, and now and then."""
        now_ns = self._clock.now_ns()
        is_silent = self.leader.is_silent(now_ns, self._patience_ns)
        if is_silent != self._was_silent:
            self._was_silent = is_silent
            self._show_due_ns = now_ns
            self._tell(is_silent=is_silent)
        if now_ns >= self._show_due_ns and self.leader.connected_ns is not None:
            self._show_due_ns = now_ns + round(SHOW_S * self._clock.speed * NS_PER_S)
            self._show([self._row(now_ns)])

    def _tell(self, *, is_silent: bool) -> None:
        if not is_silent:
            log_event(Level.INFO, "leader.heard", {})
            return
        hint = "it holds the store's lock: if it is frozen, kill it, and this one leads"
        log_event(Level.WARNING, "leader.silent", {"leader": self._leader_pid(), "hint": hint})

    def _row(self, now_ns: int) -> dict[str, object]:
        heard_ns = self.leader.heard_ns
        return {
            "standby": self._name,
            "leader_pid": self._leader_pid(),
            "leader_is": "silent" if self._was_silent else "heard" if heard_ns else "unknown",
            "heard_age_s": None if heard_ns is None else round(s_from_ns(now_ns - heard_ns), 1),
            "age_s": 0.0,
        }

    def _leader_pid(self) -> int | None:
        return holder(self._store)

    def _show(self, rows: list[dict[str, object]]) -> None:
        assert self._link is not None
        self._number += 1
        now_ns = self._clock.now_ns()
        header = codec.Header(
            node=NodeId(VIEW), boot=self._boot, number=self._number, local_ns=now_ns, site_ns=now_ns
        )
        view = messages.View(name=VIEW, site_ns=now_ns, rows=msgspec.json.encode(rows))
        topic = topics.view(self._site, VIEW)
        self._link.publish(topic, codec.encode(header, view, self._signer), retain=True)

    # --- LinkListener ----------------------------------------------------------------------------

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take the leader's picture of the site; what the broker kept of an old one is as old."""
        try:
            received = codec.decode(payload, self._keyring)
        except RemoteProtocolError:
            return
        body = received.body
        if not isinstance(body, messages.View) or received.role is not Role.SCHEDULER:
            return
        # Its own view has the same signature, and may be said again under this topic.
        if body.name == LEADERS_VIEW:
            made_ns = min(body.site_ns, self._clock.now_ns())
            self.leader.heard_ns = max(self.leader.heard_ns or 0, made_ns)

    def on_connected(self) -> None:
        """Note since when the leader can be heard."""
        self.leader.connected_ns = self._show_due_ns = self._clock.now_ns()

    def on_disconnected(self) -> None:
        """Note that it can't."""
        self.leader.connected_ns = None
