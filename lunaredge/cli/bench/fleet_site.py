"""A site for a load of nodes: a real broker, the real archive, and the load, each a process."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lunaredge.archive.batches import warm_up
from lunaredge.cli.bench.fleet_load import Plan, Told
from lunaredge.cli.bench.site import (
    ARCHIVE_FOLDER,
    CONNECTED,
    KEYS_FOLDER,
    Place,
    archive_settings,
    free_port,
    place_of,
    running_process,
    wait_for_word,
)
from lunaredge.cli.keys import holders
from lunaredge.errors import LunarEdgeError
from lunaredge.examples import demo_site
from lunaredge.ids import NodeId
from lunaredge.runtime.broker import Broker, BrokerSettings, find_broker
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import make_keys

# A slow machine makes a thousand keys in so long, and imports its programs.
START_S_MAX = 120.0
# Who may give orders at it.
OPERATOR = "bench"


class FleetSite(msgspec.Struct, frozen=True, kw_only=True):
    """A running site."""

    folder: Path
    place: Place
    port: int
    broker: str
    broker_pid: int
    archive_pid: int

    @property
    def archive(self) -> Path:
        """The archive's folder."""
        return self.folder / ARCHIVE_FOLDER


def node_names(count: int) -> tuple[NodeId, ...]:
    """Name the nodes of a load."""
    return tuple(NodeId(f"load-{number:04}") for number in range(1, count + 1))


@contextlib.contextmanager
def running_fleet_site(
    folder: Path, cache: Path, nodes: tuple[NodeId, ...], **settings: object
) -> Iterator[FleetSite]:
    """Start a broker and an archive; ``settings`` are the archive's. End both in good order.

    Raises:
        LunarEdgeError: a process did not come up.
    """
    warm_up()
    site = load_site(demo_site() / "site.toml")
    fleet = [node.name for node in load_fleet(demo_site() / "fleet.toml", site).nodes]
    make_keys(folder / KEYS_FOLDER, holders([*fleet, *nodes], [OPERATOR]))
    program = find_broker(cache)
    broker = Broker(program, BrokerSettings(port=free_port(), folder=folder / "broker"))
    broker.start()
    about, place = broker.describe(), place_of(broker)
    document = archive_settings(place, **settings)
    try:
        with running_process(folder, "archive", document) as pid:
            assert broker.pid is not None
            wait_for_word(folder, "archive", CONNECTED)
            yield FleetSite(
                folder=folder,
                place=place,
                port=broker.settings.port,
                broker=f"{about.kind} {about.version}",
                broker_pid=broker.pid,
                archive_pid=pid,
            )
    finally:
        broker.stop()


def plan_of(site: FleetSite, nodes: tuple[NodeId, ...], **wanted: object) -> Plan:
    """Give a load's plan for a site."""
    fields: dict[str, object] = {
        "site": load_site(demo_site() / "site.toml").name,
        "port": site.port,
        "keys": str(site.folder / KEYS_FOLDER),
        "nodes": nodes,
        "seed": 1,
        "live_s": 0.0,
        "rate_hz": 10.0,
        "rows": 10,
        "backlog": 0,
        "backlog_rows": 100,
    }
    return msgspec.convert({**fields, **wanted}, Plan)


class FleetLoad:
    """The load's process. Use it as a context; it is ready when entered."""

    def __init__(self, plan: Plan) -> None:
        self.told = Told()
        self.ages_ms: list[float] = []
        self._plan = plan
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lunaredge.cli.bench.fleet_load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "FleetLoad":
        self._write(msgspec.json.encode(self._plan) + b"\n")
        self._thread.start()
        try:
            self._wait_until("ready", START_S_MAX)
        except LunarEdgeError:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def begin(self) -> None:
        """Have it send."""
        self._write(b"begin\n")

    def wait(self, wait_s: float) -> Told:
        """Wait for its next word, or until it has no more; give the last.

        Raises:
            LunarEdgeError: it ended without having said that it is done.
        """
        self._news.wait(wait_s)
        self._news.clear()
        if self._process.poll() is not None and not self.told.done:
            raise LunarEdgeError("the load ended before its time")
        return self.told

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._process.stdin.close()
        self._process.stdout.close()

    def _wait_until(self, what: str, wait_s: float) -> None:
        for _ in range(round(wait_s)):
            if getattr(self.wait(1.0), what):
                return
        raise LunarEdgeError(f"the load was not {what} in {wait_s:g} s")

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told = msgspec.json.decode(line, type=Told)
            self.ages_ms += self.told.ages_ms
            self._news.set()
        self._news.set()
