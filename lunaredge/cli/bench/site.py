"""The smallest real site: a broker, the scheduler, the archive, and one machine with its agent.

Every process is the real one, with its settings as they come but for the period of telemetry.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import tomli_w

from lunaredge.agent.commands import EPOCH_TABLE
from lunaredge.cli.keys import holders
from lunaredge.errors import LunarEdgeError, StorageError
from lunaredge.examples import demo_site
from lunaredge.ids import NodeId
from lunaredge.model.braking import counted_m_s2
from lunaredge.model.fleet import NodeSpec
from lunaredge.runtime.broker import Broker, BrokerSettings, find_broker
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import make_keys
from lunaredge.runtime.store import Store
from lunaredge.scheduler.solve import warm_up

HOST = "127.0.0.1"
# Kernels are compiled before; this is for imports on a slow machine.
START_S_MAX = 60.0
_LOOK_S = 0.2
_STOP_S_MAX = 8.0
_LOG_TAIL_BYTES = 400
KEYS_FOLDER = "keys"
ARCHIVE_FOLDER = "archive"
# What is sent before the archive hears it waits for its repetition, 20 s.
CONNECTED = "broker.connected"

Place = dict[str, object]
"""Where the broker is, as settings say it."""


class BenchSite(msgspec.Struct, frozen=True, kw_only=True):
    """A running site."""

    agent_pid: int
    broker: str
    """Which broker runs."""
    node: NodeId
    archive: Path
    """The archive's folder."""


class Served(NamedTuple):
    """An agent that serves its machine."""

    pid: int
    node: NodeId


@contextlib.contextmanager
def running_site(folder: Path, cache: Path, row_period_s: float) -> Iterator[BenchSite]:
    """Start a site in a folder, wait until the agent serves, and end it in good order.

    Raises:
        LunarEdgeError: a process did not come up.
    """
    site = load_site(demo_site() / "site.toml")
    names: list[str] = [node.name for node in load_fleet(demo_site() / "fleet.toml", site).nodes]
    make_keys(folder / KEYS_FOLDER, holders(names, []))
    with contextlib.ExitStack() as stack:
        program = find_broker(cache)
        broker = Broker(program, BrokerSettings(port=free_port(), folder=folder / "broker"))
        broker.start()
        stack.callback(broker.stop)
        place = place_of(broker)
        stack.enter_context(running_process(folder, "archive", archive_settings(place)))
        wait_for_word(folder, "archive", CONNECTED)
        served = stack.enter_context(running_agent(folder, place, row_period_s))
        about = broker.describe()
        yield BenchSite(
            agent_pid=served.pid,
            broker=f"{about.kind} {about.version}",
            node=served.node,
            archive=folder / ARCHIVE_FOLDER,
        )


@contextlib.contextmanager
def running_agent(folder: Path, place: Place, row_period_s: float) -> Iterator[Served]:
    """Run the scheduler, the machines and one machine's agent at a broker that runs.

    Raises:
        LunarEdgeError: a process did not come up.
    """
    warm_up()
    site = load_site(demo_site() / "site.toml")
    fleet = load_fleet(demo_site() / "fleet.toml", site)
    spec = next(node for node in fleet.nodes if node.machine is not None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(running_process(folder, "machines", _machines(row_period_s)))
        stack.enter_context(running_process(folder, "scheduler", _scheduler(place)))
        # An agent that asks for the time before anybody hears it takes no command for 30 s.
        wait_for_word(folder, "scheduler", CONNECTED)
        agent = _agent(site.name, spec, place, row_period_s)
        pid = stack.enter_context(running_process(folder, "agent", agent))
        _wait_for_service(folder)
        yield Served(pid=pid, node=spec.name)


def place_of(broker: Broker) -> Place:
    """Give where a broker is, as processes are told."""
    return {"host": HOST, "port": broker.settings.port, "protocol": broker.describe().protocol}


def archive_settings(place: Place, **settings: object) -> dict[str, object]:
    """Give an archive's settings."""
    return {
        "site_file": str(demo_site() / "site.toml"),
        "fleet_file": str(demo_site() / "fleet.toml"),
        "keys": KEYS_FOLDER,
        "store": ARCHIVE_FOLDER,
        "broker": place,
        **settings,
    }


def _machines(sample_period_s: float) -> dict[str, object]:
    return {
        "site_file": str(demo_site() / "site.toml"),
        "fleet_file": str(demo_site() / "fleet.toml"),
        "listen": "unix:machines.socket",
        "truth_folder": "truth",
        "sample_period_s": sample_period_s,
    }


def _scheduler(broker: Place) -> dict[str, object]:
    return {
        "site_file": str(demo_site() / "site.toml"),
        "fleet_file": str(demo_site() / "fleet.toml"),
        "keys": KEYS_FOLDER,
        "store": "scheduler.sqlite",
        "broker": broker,
    }


def _agent(site: str, spec: NodeSpec, broker: Place, row_period_s: float) -> dict[str, object]:
    assert spec.machine is not None
    return {
        "keys": KEYS_FOLDER,
        "store": "agent.sqlite",
        "machine": "unix:machines.socket",
        "broker": broker,
        "agent": {
            "site": site,
            "node": spec.name,
            "kind": spec.kind,
            "is_machine": True,
            "speed_m_s_max": spec.machine.speed_m_s_max,
            "deceleration_m_s2": counted_m_s2(spec.machine),
            "reserve_wh": spec.machine.reserve_wh,
            "sample_period_s": row_period_s,
            "row_period_s": row_period_s,
        },
    }


@contextlib.contextmanager
def running_process(folder: Path, name: str, settings: dict[str, object]) -> Iterator[int]:
    """Run a process of the site with those settings; give its id, and end it in good order."""
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "lunaredge", name, "--config", str(path)]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=dict(os.environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S_MAX)
        process.kill()
        process.wait()


def wait_for_word(folder: Path, name: str, word: str) -> None:
    """Wait until a process of that name has logged a word.

    Raises:
        LunarEdgeError: it has not, in time.
    """
    path, deadline_s = folder / f"{name}.log", time.monotonic() + START_S_MAX
    while word.encode() not in path.read_bytes():
        if time.monotonic() > deadline_s:
            tail = path.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
            raise LunarEdgeError(
                f"the {name} did not tell of {word} in {START_S_MAX:g} s; its last words: {tail}"
            )
        time.sleep(_LOOK_S)


def _wait_for_service(folder: Path) -> None:
    """Wait until the agent has an epoch on disk: then the scheduler has taken it in.

    Raises:
        LunarEdgeError: it has none, in time.
    """
    deadline_s = time.monotonic() + START_S_MAX
    while not _has_epoch(folder / "agent.sqlite"):
        if time.monotonic() > deadline_s:
            tail = (folder / "agent.log").read_bytes()[-_LOG_TAIL_BYTES:]
            raise LunarEdgeError(
                f"the agent did not come into service in {START_S_MAX:g} s;"
                f" its last words: {tail.decode('utf-8', 'replace')}"
            )
        time.sleep(_LOOK_S)


def _has_epoch(path: Path) -> bool:
    try:
        with contextlib.closing(Store.open_to_read(path)) as store:
            return any(row.table == EPOCH_TABLE for row in store.rows())
    except StorageError:
        return False  # the agent has not made it yet


def free_port() -> int:
    """Give a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
