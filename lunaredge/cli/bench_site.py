"""The smallest real site: a broker, the scheduler, the machines, and one machine's agent.

Every process is the real one, with its settings as they come but for the period of telemetry.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import tomli_w

from lunaredge.cli.keys import holders
from lunaredge.errors import LunarEdgeError, TransportError
from lunaredge.examples import demo_site
from lunaredge.ids import ClientId, NodeId
from lunaredge.model.fleet import NodeSpec
from lunaredge.runtime.broker import Broker, BrokerSettings, find_broker
from lunaredge.runtime.client import ClientIdentity, SiteClient
from lunaredge.runtime.clock import Anchor, SiteClock
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import load_keyring, make_keys
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.scheduler.solve import warm_up

HOST = "127.0.0.1"
# Kernels are compiled before; this is for imports on a slow machine.
START_S_MAX = 60.0
_STOP_S_MAX = 8.0
_LOG_TAIL_BYTES = 400


class BenchSite(msgspec.Struct, frozen=True, kw_only=True):
    """A running site."""

    agent_pid: int
    broker: str
    """Which broker runs."""
    node: NodeId
    scheduler_store: Path


@contextlib.contextmanager
def running_site(folder: Path, cache: Path, row_period_s: float) -> Iterator[BenchSite]:
    """Start a site in a folder, wait until the agent serves, and end it in good order.

    Raises:
        LunarEdgeError: a process did not come up.
    """
    warm_up()
    site = load_site(demo_site() / "site.toml")
    fleet = load_fleet(demo_site() / "fleet.toml", site)
    spec = next(node for node in fleet.nodes if node.machine is not None)
    make_keys(folder / "keys", holders([node.name for node in fleet.nodes], []))
    with contextlib.ExitStack() as stack:
        program = find_broker(cache)
        broker = Broker(program, BrokerSettings(port=_free_port(), folder=folder / "broker"))
        broker.start()
        stack.callback(broker.stop)
        about = broker.describe()
        place = {"host": HOST, "port": broker.settings.port, "protocol": about.protocol}
        documents = {
            "machines": _machines(row_period_s),
            "scheduler": _scheduler(place),
            "agent": _agent(site.name, spec, place, row_period_s),
        }
        pids = {
            name: stack.enter_context(_process(folder, name, document))
            for name, document in documents.items()
        }
        link = LinkSettings(host=HOST, port=broker.settings.port)
        identity = ClientIdentity(
            site=site.name,
            client=ClientId("bench"),
            clock=SiteClock(Anchor()),
            keyring=load_keyring(folder / "keys"),
            signer=None,
        )
        asyncio.run(_serving(SiteClient(link, identity, ("nodes",)), spec.name, folder))
        yield BenchSite(
            agent_pid=pids["agent"],
            broker=f"{about.kind} {about.version}",
            node=spec.name,
            scheduler_store=folder / "scheduler.sqlite",
        )


def _machines(sample_period_s: float) -> dict[str, object]:
    return {
        "site_file": str(demo_site() / "site.toml"),
        "fleet_file": str(demo_site() / "fleet.toml"),
        "listen": "unix:machines.socket",
        "truth_folder": "truth",
        "sample_period_s": sample_period_s,
    }


def _scheduler(broker: dict[str, object]) -> dict[str, object]:
    return {
        "site_file": str(demo_site() / "site.toml"),
        "fleet_file": str(demo_site() / "fleet.toml"),
        "keys": "keys",
        "store": "scheduler.sqlite",
        "broker": broker,
    }


def _agent(
    site: str, spec: NodeSpec, broker: dict[str, object], row_period_s: float
) -> dict[str, object]:
    assert spec.machine is not None
    return {
        "keys": "keys",
        "store": "agent.sqlite",
        "machine": "unix:machines.socket",
        "broker": broker,
        "agent": {
            "site": site,
            "node": spec.name,
            "kind": spec.kind,
            "is_machine": True,
            "speed_m_s_max": spec.machine.speed_m_s_max,
            "deceleration_m_s2": spec.machine.deceleration_m_s2,
            "reserve_wh": spec.machine.reserve_wh,
            "sample_period_s": row_period_s,
            "row_period_s": row_period_s,
        },
    }


@contextlib.contextmanager
def _process(folder: Path, name: str, settings: dict[str, object]) -> Iterator[int]:
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "lunaredge", name, "--config", str(path)]
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


async def _serving(client: SiteClient, node: str, folder: Path) -> None:
    """Wait until the scheduler has taken the node in.

    Raises:
        LunarEdgeError: it has not, in time.
    """

    async def watch() -> None:
        async with client:
            async for _ in client.changes(wait_s=START_S_MAX):
                view = client.latest.get("nodes")
                rows = msgspec.json.decode(view.rows) if view is not None else []
                states = {row["node"]: row["state"] for row in rows}
                if states.get(node) not in (None, "unproven"):
                    return

    try:
        await asyncio.wait_for(watch(), START_S_MAX)
    except (TimeoutError, TransportError) as exc:
        tail = (folder / "agent.log").read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        raise LunarEdgeError(
            f"the agent did not come into service in {START_S_MAX:g} s; its last words: {tail}"
        ) from exc


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
