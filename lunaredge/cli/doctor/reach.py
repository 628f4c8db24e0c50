"""The doctor's checks of what a process reaches: its broker, its disk and its store."""

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path

import msgspec

from lunaredge.cli.doctor.finding import (
    EXIT_MISSING_PART,
    EXIT_NOT_SO,
    Finding,
    State,
    failed,
    ok,
)
from lunaredge.errors import LunarEdgeError
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion
from lunaredge.runtime.store import Store
from lunaredge.runtime.tasks import end_tasks

# A broker on another continent answers sooner.
CONNECT_S_MAX = 3.0
# A broker that can't read MQTT 5 may just stay silent (amqtt does); a slow one greets within this.
GREETING_S_MAX = 4.0
# A fortnight of one agent's worst spool, or a day of a scheduler's journal.
FREE_BYTES_MIN = 100_000_000
_BYTES_PER_MB = 1_000_000
_PROBE = bytes(4096)


def check_broker(name: str, link: LinkSettings) -> Finding:
    """Check that a broker answers: the port first, then MQTT 5, then 3.1.1."""
    place = f"{link.host}:{link.port}"
    remedy = "start the broker, or correct [broker] in the settings"
    problem = _port_problem(link.host, link.port)
    if problem:
        return failed(name, f"{place}: {problem}", remedy, EXIT_MISSING_PART)
    wanted = [MqttVersion.V5, MqttVersion.V311]
    if link.protocol is not MqttVersion.AUTO:
        wanted = [link.protocol]
    for version in wanted:
        if asyncio.run(_speaks(link, version)):
            return ok(name, f"{place} speaks MQTT {version.value}")
    versions = " nor ".join(version.value for version in wanted)
    return failed(name, f"{place} answers, but not MQTT {versions}", remedy, EXIT_MISSING_PART)


def check_port(name: str, link: LinkSettings) -> Finding:
    """Check that a broker can listen there, or does already."""
    place = f"{link.host}:{link.port}"
    if _port_problem(link.host, link.port):
        return ok(name, f"{place} is free: no broker runs there yet")
    finding = check_broker(name, link)
    if finding.state is State.OK:
        return ok(name, f"{finding.found}: a broker runs there already")
    remedy = "stop what listens there, or set another port"
    return failed(name, f"{place} is taken by something that is no broker", remedy)


def check_folder(name: str, folder: Path) -> Finding:
    """Check that a folder can be written and has room; one that will be made, by its parent."""
    standing = folder
    while not standing.exists() and standing != standing.parent:
        standing = standing.parent
    try:
        _write_probe(standing, there=standing == folder)
        free_bytes = shutil.disk_usage(standing).free
    except OSError as exc:
        remedy = "make it writable for this user, or name another path"
        return failed(name, f"{folder} can't be written: {exc.strerror}", remedy, EXIT_MISSING_PART)
    found = f"{folder}: {free_bytes // _BYTES_PER_MB} MB free"
    if free_bytes < FREE_BYTES_MIN:
        remedy = f"free {FREE_BYTES_MIN // _BYTES_PER_MB} MB, or name another disk"
        return failed(name, found, remedy, EXIT_MISSING_PART)
    return ok(name, found if standing == folder else f"{found}; will be made")


def check_store(name: str, path: Path) -> Finding:
    """Check every row of a store, beside the process that may have it open."""
    size = f"{path}: {path.stat().st_size / _BYTES_PER_MB:.1f} MB"
    remedy = "keep a copy; restore the file, or start without it: others will send again"
    try:
        store = Store.open_to_read(path)
        with contextlib.closing(store):
            wrong = store.check()
    except LunarEdgeError as exc:
        return failed(name, str(exc), remedy, EXIT_NOT_SO)
    if wrong:
        return failed(name, f"{size}; {wrong[0]} ({len(wrong)} in all)", remedy, EXIT_NOT_SO)
    return ok(name, f"{size}, every row sound")


class _Ear:
    """A listener that only wants to know whether the broker greets it."""

    def __init__(self) -> None:
        self.greeted = asyncio.Event()

    def on_message(self, topic: str, payload: bytes) -> None:
        """Hear nothing."""

    def on_connected(self) -> None:
        """Note the greeting."""
        self.greeted.set()

    def on_disconnected(self) -> None:
        """Note nothing."""


async def _speaks(link: LinkSettings, version: MqttVersion) -> bool:
    """Tell whether the broker greets a client of that version; leaves no session behind."""
    ear = _Ear()
    settings = msgspec.structs.replace(link, protocol=version, session_expiry_s=0)
    running = asyncio.create_task(
        MqttLink(settings, f"doctor-{secrets.token_hex(4)}", (), ear).run()
    )
    try:
        await asyncio.wait_for(ear.greeted.wait(), GREETING_S_MAX)
    except TimeoutError:
        return False
    finally:
        await end_tasks((running,))
    return True


def _port_problem(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), CONNECT_S_MAX):
            return ""
    except OSError as exc:
        return exc.strerror or str(exc)


def _write_probe(folder: Path, *, there: bool) -> None:
    """Write and sync a page in the folder; where it is yet to be made, ask for the right only.

    Raises:
        OSError: it can't be done.
    """
    if not there:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, f"no right to make it in {folder}")
        return
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(_PROBE)
        probe.flush()
        os.fsync(probe.fileno())
