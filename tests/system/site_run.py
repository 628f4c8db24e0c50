"""The processes of a tiny site under a test's hand, and a puppet that plays a node."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from lunaredge.cli.demo.site import DemoSite, DemoWishes, prepare
from lunaredge.ids import BootId, CommandId, NodeId
from lunaredge.node import Row
from lunaredge.runtime.broker import BrokerChoice
from lunaredge.runtime.client import SiteClient
from lunaredge.runtime.client_settings import load_client
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.mqtt import MqttLink
from lunaredge.runtime.site_processes import scheduler_config
from lunaredge.runtime.site_settings import SchedulerSettings, load_settings
from lunaredge.runtime.store import Store
from lunaredge.runtime.supervisor import Supervisor
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages, records, topics
from lunaredge.wire.messages import Autonomy, RecordClass, Situation
from lunaredge.wire.records import TaskOutcome, TaskReport
from lunaredge.wire.session import Limits, Sender
from tests.system.tiny_site import write_tiny_site

SPEED = 60.0
# A process imports its libraries in one to two seconds; three other suites may share the machine.
WAIT_S = 30.0
# Site time; a third of a second of the wall.
RESEND_NS = 20 * NS_PER_S


def prepare_tiny_site(
    folder: Path, broker: BrokerChoice = BrokerChoice.AUTO, speed: float = SPEED
) -> DemoSite:
    """Write a tiny site and the settings of its processes, on ports that are free now."""
    wishes = DemoWishes(
        site=write_tiny_site(folder / "site"),
        speed=speed,
        seed=1,
        kills=(),
        outage=True,
        broker=broker,
    )
    return prepare(folder / "run", wishes, lambda _: None)


async def until(condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
    """Wait until a condition holds; a test that waits in vain fails."""
    async with asyncio.timeout(wait_s):
        while not condition():
            await asyncio.sleep(0.02)


class Run:
    """A site's processes: start some, read their logs, kill them."""

    def __init__(self, site: DemoSite) -> None:
        self.site = site
        self.supervisor = Supervisor(site.folder / "logs", site.environment)

    async def start(self, *names: str) -> None:
        for name in names:
            await self.supervisor.start(name, self.site.commands[name])

    async def stand_by(self, name: str = "standby") -> None:
        """Start a standby of the scheduler, and wait until it is ready."""
        await self.supervisor.start(name, (*self.site.commands["scheduler"], "--standby"))
        await self.told(name, "standby.began")

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal."""
        os.kill(self.pid(name), number)

    def pid(self, name: str) -> int:
        """Give the number of a running process."""
        pid = self.supervisor.pid(name)
        assert pid is not None, name
        return pid

    async def stop(self) -> None:
        """End all, the brokers last: a process that can't say goodbye waits for a while."""
        names = self.supervisor.names
        await self.supervisor.stop([name for name in names if name not in self.site.brokers])
        await self.supervisor.stop(self.site.brokers)

    def log(self, name: str) -> str:
        return self.supervisor.log_path(name).read_text(encoding="utf-8")

    async def told(self, name: str, text: str) -> None:
        """Wait until a process has logged something; who waits in vain is shown what all logged."""
        try:
            await until(lambda: text in self.log(name))
        except TimeoutError:
            logs = "".join(f"--- {each}\n{self.log(each)}" for each in self.supervisor.names)
            pytest.fail(f"{name} never told of {text!r}\n{logs}")

    async def ended(self, name: str) -> int:
        """Wait until a process has ended by itself; give its exit code."""
        await until(lambda: not self.supervisor.is_running(name))
        return next(found.code for found in self.supervisor.failures() if found.name == name)

    def client(self, *views: str) -> SiteClient:
        """Give an operator's connection to the site's broker."""
        return SiteClient(self.site.client.broker, self.site.client.identity, views)

    def client_on_earth(self, *views: str) -> SiteClient:
        """Give an operator's connection to Earth's broker."""
        client = load_client(self.site.folder / "operator-on-earth.toml", signs=True)
        return SiteClient(client.broker, client.identity, views)

    def store(self, name: str) -> Path:
        return self.site.folder / "stores" / f"{name}.sqlite"

    def rows_of_scheduler(self, *tables: str) -> list[Row]:
        """Read what the scheduler's store holds of these tables."""
        store = Store.open_to_read(self.store("scheduler"))
        found = [row for row in store.rows() if row.table in tables]
        store.close()
        return found

    def fresh_scheduler(self) -> SchedulerNode:
        """Give a scheduler that remembers nothing: its settings are the run's, or it would decide
        otherwise.
        """
        settings = load_settings(self.site.folder / "scheduler.toml", SchedulerSettings)
        site = load_site(Path(settings.site_file))
        keys = self.site.folder / "keys"
        return SchedulerNode(
            scheduler_config(site.name, settings),
            site,
            load_fleet(Path(settings.fleet_file), site),
            BootId(1),
            signer=load_signer(keys, "scheduler"),
            keyring=load_keyring(keys),
        )


def rows(eye: SiteClient, view: str) -> list[dict[str, object]]:
    """Give the rows of a view as last heard; none before that."""
    found = eye.latest.get(view)
    return json.loads(found.rows) if found else []


def lunaredge(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "lunaredge", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Puppet:
    """Plays one node with its own key: obeys at once, and says what the test wants said."""

    def __init__(self, run: Run, node: str) -> None:
        self.node = NodeId(node)
        self.boot = BootId(1 << 24 | secrets.randbits(24))
        self.acknowledged: dict[RecordClass, int] = {}
        self._sender = Sender(self.boot, Limits(bytes_max=1 << 30, resend_ns=RESEND_NS))
        client = run.site.client
        self._site = client.identity.site
        self._clock = client.identity.clock
        self._keyring = client.identity.keyring
        self._signer = load_signer(run.site.folder / "keys", node)
        self._number = 0
        self._epoch = 0
        wanted = [topics.build(self._site, self.node, channel) for channel in ("cmd", "ack")]
        self.link = MqttLink(client.broker, node, wanted, self)

    def say(self, channel: str, body: messages.Message, detail: str = "") -> None:
        self._number += 1
        now_ns = self._clock.now_ns()
        header = codec.Header(
            node=self.node, boot=self.boot, number=self._number, local_ns=now_ns, site_ns=now_ns
        )
        frame = codec.encode(header, body, self._signer)
        self.link.publish(topics.build(self._site, self.node, channel, detail), frame)

    def birth(self) -> None:
        self.say("node", messages.Birth(kind="puppet", situation=self._situation()))

    def beat(self) -> None:
        self.say("node", messages.Heartbeat(situation=self._situation()))

    def upload(self, record_class: RecordClass, record: records.Record) -> None:
        """Keep a record until it is acknowledged; `pump` sends it."""
        now_ns = self._clock.now_ns()
        self._sender.offer(record_class, records.encode_record(record), 1, now_ns)

    def pump(self) -> None:
        """Send what is due: what is new, and what has waited for its acknowledgement."""
        for upload in self._sender.due(self._clock.now_ns()):
            self.say("up", upload, upload.record_class.value)

    @property
    def waiting(self) -> int:
        """Uploads that are not acknowledged."""
        return self._sender.count

    def on_message(self, topic: str, payload: bytes) -> None:
        body = codec.decode(payload, self._keyring).body
        match body:
            case messages.RecordAck() if body.boot == self.boot:
                through = max(self.acknowledged.get(body.record_class, 0), body.through_seq)
                self.acknowledged[body.record_class] = through
                self._sender.acknowledge(body)
            case messages.Census() if body.boot == self.boot:
                self._epoch = codec.decode(payload, self._keyring).header.epoch
                self._obey(body.command)
                self.beat()
            case messages.Assign():
                self._obey(body.command)
                report = TaskReport(
                    site_ns=self._clock.now_ns(),
                    task=body.task,
                    attempt=body.attempt,
                    outcome=TaskOutcome.DONE,
                )
                self.upload(RecordClass.STATE, report)

    def on_connected(self) -> None:
        self.birth()
        self._sender.resend_all()

    def on_disconnected(self) -> None:
        """Nothing to do."""

    def _obey(self, command: CommandId) -> None:
        self.say("reply", messages.CommandReply(command=command, ok=True))

    def _situation(self) -> Situation:
        # Each is a little different, so that the scheduler can't take one for old news.
        drift_m = 0.001 * (self._number % 100)
        return msgspec.structs.replace(STANDING, x_m=12.0 + drift_m, epoch=self._epoch)


STANDING = Situation(
    state="idle",
    autonomy=Autonomy.A0,
    x_m=12.0,
    y_m=12.0,
    heading_rad=0.0,
    pose_error_m=0.1,
    at_rest=True,
    brake_ratio=1.0,
    battery_wh=1300.0,
    payload_kg=0.0,
    authority=None,
    task=None,
    attempt=0,
    progress_ratio=0.0,
    stops=(),
    held=False,
    epoch=0,
    spool_count=0,
    refused={},
    produced={},
    dropped={},
)
