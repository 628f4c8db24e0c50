"""The demo's director: starts a site's processes, watches, kills, forges, waits, and stops them.

It sees the site only as an operator does: by the views on the broker. It judges nothing; what it
saw and did goes into the run's record, for the inquest.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from lunaredge.cli.demo.display import Picture
from lunaredge.cli.demo.failure import told_of
from lunaredge.cli.demo.forger import Forger
from lunaredge.cli.demo.narration import TASK_ENDS, headline
from lunaredge.cli.demo.record import Attack, Kill, LiveDigest, RunRecord
from lunaredge.cli.demo.site import SCHEDULER_STORE, STANDBY, DemoSite
from lunaredge.cli.view_rows import rows_of
from lunaredge.errors import LunarEdgeError, TransportError
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.lock import holder
from lunaredge.runtime.supervisor import Supervisor
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages

VIEWS = ("nodes", "tasks", "alarms", "site", "link")
# Wall time between two looks.
LOOK_S = 0.25
# Wall time a killed process stays down: several heartbeats of a compressed site.
DOWN_S = 3.0
# Wall time for all processes to come up on a slow machine, kernels compiled before.
START_S_MAX = 60.0
# Virtual hours after which the director gives up; the order is sized to less than three.
PATIENCE_S = 6 * 3600.0
# Site time for which nothing may be left to do before the curtain falls: an idle machine is sent
# home after two minutes, and a view may be half a minute old. In wall time, for what is under way.
SETTLED_S = 240.0
SETTLED_WALL_S = 2.0


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """The harm that a run meets, in site time from the order's acceptance: in mid-work."""

    kills: tuple[str, ...] = ()
    """Processes, in the order in which they are killed; one may come again."""
    first_kill_s: float = 40 * 60.0
    next_kill_s: float = 12 * 60.0
    """Between two kills, at least: the one before must have come back."""
    first_forgery_s: float = 25 * 60.0


class DemoRun:
    """One run, from the first process to the last."""

    def __init__(self, site: DemoSite, plot: Plot, show: Callable[[Picture], None]):
        self.site = site
        self.plot = plot
        self.supervisor = Supervisor(site.folder / "logs", site.environment)
        self.rows: dict[str, list[dict[str, object]]] = {}
        self._kills_left = list(plot.kills)
        self._kills: list[Kill] = []
        self._down: dict[str, float] = {}
        self._next_kill_ns = 0
        self._next_forgery_ns = 0
        self._forger = Forger(site.client.broker, site.client.identity)
        self._forgeries = ["forge", "omit_signature", "babble", "replay"]
        self._attacks: list[Attack] = []
        self._digests: dict[int, str] = {}
        self._show = show
        self._busy_ns = 0
        self._finished = False

    @property
    def now_ns(self) -> int:
        """Site time."""
        return self.site.client.identity.clock.now_ns()

    async def play(self) -> RunRecord:
        """Run the site until its work is done and delivered; then stop it in good order.

        The record is on disk at every end, also when the run is interrupted.
        """
        begun_s, trouble = time.monotonic(), ""
        try:
            async with SiteClient(self.site.client.broker, self.site.client.identity, VIEWS) as eye:
                forging = asyncio.create_task(self._forger.link.run())
                try:
                    await self._start(eye)
                    await self._watch(eye)
                finally:
                    forging.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await forging
        except LunarEdgeError as exc:
            trouble = str(exc)
        except asyncio.CancelledError:
            trouble = "interrupted"
            raise
        finally:
            end_ns = self.now_ns
            self._look_at("stopping", None)
            await self._stop()
            record = self._record(end_ns, time.monotonic() - begun_s, trouble)
            record.save(self.site.folder)
        return record

    # --- start --------------------------------------------------------------------------------

    async def _start(self, eye: SiteClient) -> None:
        deadline_s = time.monotonic() + START_S_MAX
        first = (*self.site.brokers, "machines", "scheduler")
        for name in first:
            await self.supervisor.start(name, self.site.commands[name])
        # What comes second would only wait for what comes first, each with its own patience.
        while not (eye.connected and self.site.machines_socket.exists()):
            await self._wait_for("the broker and the machines", eye, deadline_s)
        for name, command in self.site.commands.items():
            if name not in first:
                await self.supervisor.start(name, command)
        while not self._is_up():
            await self._wait_for("the nodes", eye, deadline_s)
        order = load_order(Path(self.site.order_file))
        answer = await eye.ask(messages.Submit(request=new_request(), order=order))
        if not answer.ok:
            raise TransportError(f"the order was refused: {answer.text}")
        self._next_kill_ns = self.now_ns + round(self.plot.first_kill_s * NS_PER_S)
        self._next_forgery_ns = self.now_ns + round(self.plot.first_forgery_s * NS_PER_S)

    async def _wait_for(self, what: str, eye: SiteClient, deadline_s: float) -> None:
        self._look_at(f"waiting for {what}", eye)
        self._check_processes()
        if time.monotonic() > deadline_s:
            raise TransportError(f"waited {START_S_MAX:g} s for {what} in vain")
        await asyncio.sleep(LOOK_S)

    def _is_up(self) -> bool:
        nodes = self.rows.get("nodes", [])
        return bool(nodes) and all(
            row["presence"] == "up" and row["state"] == "idle" for row in nodes
        )

    # --- watch --------------------------------------------------------------------------------

    async def _watch(self, eye: SiteClient) -> None:
        deadline_ns = self.site.start_ns + round(PATIENCE_S * NS_PER_S)
        settled_s = max(SETTLED_S, SETTLED_WALL_S * self.site.speed)
        self._busy_ns = self.now_ns
        while self.now_ns - self._busy_ns < round(settled_s * NS_PER_S):
            self._look_at(self._doing(), eye)
            self._check_processes()
            await self._revive()
            await self._kill_when_due()
            self._forge_when_due()
            if not self._is_delivered():
                self._busy_ns = self.now_ns
            if self.now_ns > deadline_ns:
                raise TransportError(f"the work was not done in {PATIENCE_S / 3600:g} h")
            await asyncio.sleep(LOOK_S)
        self._finished = True

    def _doing(self) -> str:
        if self._down:
            return f"killed {', '.join(self._down)}; it comes back by itself"
        nodes, tasks = self.rows.get("nodes", []), self.rows.get("tasks", [])
        return headline(nodes, tasks, self._link().get("state"))

    def _work_is_done(self) -> bool:
        tasks = self.rows.get("tasks", [])
        return bool(tasks) and all(row["phase"] in TASK_ENDS for row in tasks)

    def _is_delivered(self) -> bool:
        nodes = self.rows.get("nodes", [])
        quiet = all(row["spool"] in (0, 1) for row in nodes)
        waiting = self._kills_left or self._down or self._forgeries
        empty = self._link().get("backlog_items") == 0
        return self._work_is_done() and quiet and empty and not waiting

    def _link(self) -> dict[str, object]:
        rows = self.rows.get("link", [])
        return rows[0] if rows else {}

    def _look_at(self, step: str, eye: SiteClient | None) -> None:
        now_ns = self.now_ns
        ages_ns: Mapping[str, int] = {}
        if eye is not None:
            for name, view in eye.latest.items():
                self.rows[name] = rows_of(view)
            ages_ns = {name: now_ns - view.site_ns for name, view in eye.latest.items()}
        site = next(iter(self.rows.get("site", [])), {})
        entry, digest = site.get("entry"), site.get("digest")
        if isinstance(entry, int) and isinstance(digest, str):
            self._digests[entry] = digest
        picture = Picture(
            title=self.site.title,
            step=step,
            broker=str(self.site.broker["kind"]),
            now_ns=now_ns,
            start_ns=self.site.start_ns,
            speed=self.site.speed,
            nodes=self.rows.get("nodes", []),
            tasks=self.rows.get("tasks", []),
            link=self._link(),
            site=site,
            intake=self.rows.get("intake", []),
            ages_ns=ages_ns,
            dead=list(self._down),
        )
        self._show(picture)

    def _check_processes(self) -> None:
        failures = self.supervisor.failures()
        if failures:
            raise TransportError(told_of(failures[0], self.supervisor.log_path(failures[0].name)))

    # --- harm ---------------------------------------------------------------------------------

    async def _kill_when_due(self) -> None:
        if not self._kills_left or self._down or self.now_ns < self._next_kill_ns:
            return
        name = self._kills_left.pop(0)
        self._next_kill_ns = self.now_ns + round(self.plot.next_kill_s * NS_PER_S)
        self._kills.append(Kill(name=name.removeprefix("agent-"), at_ns=self.now_ns))
        if name == "scheduler":
            name = self._leader()
        await self.supervisor.kill(name)
        self._down[name] = time.monotonic() + DOWN_S

    def _leader(self) -> str:
        """Give the process that leads now: with a standby it may be either."""
        pid = holder(self.site.folder / SCHEDULER_STORE)
        names = ("scheduler", STANDBY)
        return next((name for name in names if self.supervisor.pid(name) == pid), "scheduler")

    async def _revive(self) -> None:
        for name, due_s in list(self._down.items()):
            if time.monotonic() >= due_s:
                del self._down[name]
                await self.supervisor.restart(name)

    def _forge_when_due(self) -> None:
        is_due = self._forgeries and self.now_ns >= self._next_forgery_ns
        if not is_due or not self._forger.link.connected:
            return
        kind, target = self._forgeries[0], self.site.target
        match kind:
            case "forge":
                self._forger.forge(target)
            case "omit_signature":
                self._forger.omit_signature(target)
            case "babble":
                self._forger.babble(target)
            case _ if self._forger.can_replay:
                target = self._forger.replay()
            case _:
                return
        self._forgeries.pop(0)
        self._attacks.append(Attack(kind=kind, node=target, at_ns=self.now_ns))

    # --- end ----------------------------------------------------------------------------------

    async def _stop(self) -> None:
        names = self.supervisor.names
        agents = [name for name in names if name.startswith("agent-")]
        await self.supervisor.stop(agents)
        # At once: a standby must not lead because the leader was asked to end.
        for together in (["machines", "archive"], [STANDBY, "scheduler"], ["gateway"], ["earth"]):
            await self.supervisor.stop(together)
        await self.supervisor.stop(self.site.brokers)

    def _record(self, end_ns: int, wall_s: float, trouble: str) -> RunRecord:
        site = self.site
        return RunRecord(
            site_file=site.site_file,
            fleet_file=site.fleet_file,
            order_file=site.order_file,
            contacts_file=site.contacts_file,
            start_ns=site.start_ns,
            end_ns=end_ns,
            speed=site.speed,
            wall_s=wall_s,
            broker=site.broker,
            kills=tuple(self._kills),
            attacks=tuple(self._attacks),
            digests=tuple(
                LiveDigest(entry=entry, digest=digest)
                for entry, digest in sorted(self._digests.items())
            ),
            link=msgspec.json.encode(self._link()).decode(),
            finished=self._finished,
            trouble=trouble,
        )
