"""Rounds of kill -9 on a real site under load: broker, scheduler, archive, agents, both ends of the
Earth link.

    python -m tests.system.kills.campaign --rounds 200

A site of four agents works on one order after the other at 20 times real time, and a fifth node
says 20 alarms and events a second. At a random moment one or two processes get SIGKILL, and come
back up to two seconds later, many of them to be killed on their way. After the last round
everything has time to be delivered; then the disks are held against what a witness at the
broker heard, and the run is judged as `lunaredge demo` judges its own. Prints a line of JSON; the
exit code is 1 where anything is lost, twice there, or unaccounted for.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import tomli_w

from lunaredge.agent.channels import policies
from lunaredge.cli.demo.inquest import Inquest
from lunaredge.cli.demo.record import RunRecord
from lunaredge.cli.demo.site import ARCHIVE_FOLDER, DemoSite, DemoWishes, prepare
from lunaredge.errors import LunarEdgeError
from lunaredge.runtime.broker import BrokerChoice
from lunaredge.runtime.client import SiteClient
from lunaredge.runtime.store import Store
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire.messages import RecordClass
from tests.runtime.archive.counted import counted
from tests.system.kills.director import Director
from tests.system.kills.judge import books_of, faults, gone
from tests.system.kills.load import TALKER, Load
from tests.system.kills.witness import Stream, Witness
from tests.system.site_run import Puppet, Run, rows, until
from tests.system.tiny_site import NODES, write_tiny_site

SPEED = 20.0
VIEWS = ("nodes", "tasks", "site", "link")
START_S_MAX = 60.0
# For a lot under way to be done and for all records to be delivered, on a loaded machine.
SETTLE_S_MAX = 240.0
# 160 s of the site: an idle machine is sent home after 120, and that errand is to end as well.
IDLE_S = 8.0
FAULTS_TOLD = 20


class Campaign:
    """One site through its rounds, and the judgement over it."""

    def __init__(self, folder: Path, rounds: int, seed: int) -> None:
        self.rounds = rounds
        self.rng = random.Random(f"kills/{seed}")
        self.site = prepared(folder)
        self.run = Run(self.site)
        self.talker = Puppet(self.run, TALKER)
        self.witness = Witness(self.site.client)
        self.director = Director(self.run, self.rng, say)
        self.said: dict[RecordClass, int] = {}
        self.lots = 0
        self._busy_s = 0.0
        """When something was last under way."""

    async def play(self) -> RunRecord:
        """Run the site, and the harm; leave everything stopped."""
        begun_s, trouble, finished = time.monotonic(), "", False
        hearing = [
            asyncio.create_task(link.run()) for link in (self.talker.link, self.witness.link)
        ]
        try:
            async with self.run.client(*VIEWS) as eye:
                await self._start(eye)
                await self._work(eye)
                finished = True
        except (LunarEdgeError, TimeoutError) as exc:
            trouble = f"{type(exc).__name__}: {exc}"
        finally:
            end_ns = self.site.client.identity.clock.now_ns()
            await end_tasks(hearing)
            await self.run.stop()
        record = RunRecord(
            site_file=self.site.site_file,
            fleet_file=self.site.fleet_file,
            order_file=self.site.order_file,
            contacts_file=self.site.contacts_file,
            start_ns=self.site.start_ns,
            end_ns=end_ns,
            speed=self.site.speed,
            wall_s=time.monotonic() - begun_s,
            broker=self.site.broker,
            kills=tuple(self.director.kills),
            attacks=(),
            digests=(),
            link="{}",
            finished=finished,
            trouble=trouble,
        )
        record.save(self.site.folder)
        return record

    async def _start(self, eye: SiteClient) -> None:
        await self.run.start(*self.site.brokers, "machines")
        await until(lambda: eye.connected and self.site.machines_socket.exists(), START_S_MAX)
        await until(lambda: self.witness.link.connected, START_S_MAX)
        names = [name for name in self.site.commands if name not in self.run.supervisor.names]
        await self.run.start(*names)
        await until(lambda: self._is_up(eye), START_S_MAX)

    def _is_up(self, eye: SiteClient) -> bool:
        """Tell whether the scheduler has heard all agents; the talker begins with the load."""
        heard = {row["node"] for row in rows(eye, "nodes") if row["presence"] == "up"}
        return heard.issuperset(NODES)

    async def _work(self, eye: SiteClient) -> None:
        load = Load(self.talker, eye)
        loading = [asyncio.create_task(load.order()), asyncio.create_task(load.talk())]
        try:
            await self.director.play(self.rounds)
        finally:
            failures = await end_tasks(loading)
        for failure in failures:
            raise failure
        self.said, self.lots = load.said, load.orders
        say("all killing done; waiting until everything is delivered")
        repeating = asyncio.create_task(_for_ever(load.repeat))
        try:
            await until(lambda: self._is_settled(eye), SETTLE_S_MAX)
        except TimeoutError:
            say(f"not delivered: {rows(eye, 'nodes')} {rows(eye, 'link')} {rows(eye, 'tasks')[:4]}")
            raise
        finally:
            await end_tasks([repeating])

    def _is_settled(self, eye: SiteClient) -> bool:
        if not self._is_delivered(eye):
            self._busy_s = time.monotonic()
        return time.monotonic() - self._busy_s > IDLE_S

    def _is_delivered(self, eye: SiteClient) -> bool:
        self.director.check()
        ends = ("done", "failed", "cancelled")
        tasks, nodes, link = rows(eye, "tasks"), rows(eye, "nodes"), rows(eye, "link")
        return (
            all(row["phase"] in ends for row in tasks)
            and all(row["spool"] in (0, 1) for row in nodes)
            and all(row["backlog_items"] == 0 for row in link)
            and self.talker.waiting == 0
        )


def prepared(folder: Path) -> DemoSite:
    """Write the tiny site with a node more, whose part the test plays."""
    site = write_tiny_site(folder / "site")
    fleet_file = site / "fleet.toml"
    fleet = tomllib.loads(fleet_file.read_text(encoding="utf-8"))
    fleet["nodes"].append({"name": TALKER, "type": "data-centre"})
    fleet_file.write_text(tomli_w.dumps(fleet), encoding="utf-8")
    wishes = DemoWishes(
        site=site, speed=SPEED, seed=1, kills=(), outage=False, broker=BrokerChoice.AUTO
    )
    made = prepare(folder / "run", wishes, say)
    made.commands.pop(f"agent-{TALKER}")
    for node in NODES:
        _send_much(made.folder / f"agent-{node}.toml")
    # It has nothing that could wait: what it said must be in the archive.
    Store.open(made.folder / "stores" / f"agent-{TALKER}.sqlite").close()
    return made


def _send_much(path: Path) -> None:
    """Have an agent send every change, and all channels as often as may be."""
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    always = {"deadband": 0.0, "period_s_min": 0.0, "period_s_max": 10.0}
    names = policies(is_machine=settings["agent"]["is_machine"])
    settings["agent"]["channels"] = dict.fromkeys(names, always)
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")


def judged(campaign: Campaign, record: RunRecord) -> tuple[dict[str, object], list[str]]:
    """Give what the run comes to, and everything that is wrong with it."""
    folder = campaign.site.folder
    heard = campaign.witness.evidence
    books = books_of(folder, (*NODES, TALKER))
    findings = Inquest(folder, record).hold()
    wrong = list(faults(books, heard))
    unspooled = list(gone(books, heard, campaign.director.kills))
    wrong += [fault for _, _, fault in unspooled if fault]
    wrong += findings.violations
    telemetry = counted(folder / ARCHIVE_FOLDER)
    if telemetry.twice:
        wrong.append(f"{telemetry.twice} samples are archived twice")
    if record.trouble:
        wrong.append(record.trouble)
    for record_class, count in campaign.said.items():
        stream = Stream(campaign.talker.node, campaign.talker.boot, record_class)
        archived = len(books.records.get(stream, []))
        if archived != count:
            wrong.append(f"{TALKER}: {archived} of {count} {record_class.value}s archived")
    phases = Counter(entry.phase.value for entry in findings.core.state.tasks.values())
    archived = Counter({kind.value: 0 for kind in RecordClass if kind is not RecordClass.RAW})
    for stream, kept in books.records.items():
        archived[stream.record_class.value] += len(kept)
    return {
        "rounds": campaign.rounds,
        "kills": dict(sorted(campaign.director.killed.items())),
        "wall_s": round(record.wall_s, 1),
        "frames_heard": heard.frames,
        "lots": campaign.lots,
        "tasks": dict(phases),
        "records_archived": dict(archived),
        "samples_archived": telemetry.samples,
        "samples_twice": telemetry.twice,
        "uploads_gone_unspooled": len(unspooled),
        "invariants": {name: v.checked for name, v in findings.invariants.items() if v.checked},
        "failed": len(wrong),
    }, wrong


async def _for_ever(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        await step()


def say(text: str) -> None:
    """Tell a person how far it is."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    """Run the campaign; give the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--folder", type=Path, help="keep the run there (default: a temporary one)")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="lunaredge-kills-") as temporary:
        campaign = Campaign(options.folder or Path(temporary), options.rounds, options.seed)
        record = asyncio.run(campaign.play())
        try:
            told, wrong = judged(campaign, record)
        except LunarEdgeError as exc:
            told, wrong = {"rounds": 0}, [record.trouble, f"can't be judged: {exc}"]
    for fault in wrong[:FAULTS_TOLD]:
        say(fault)
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
