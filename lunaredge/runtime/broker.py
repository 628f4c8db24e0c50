"""The broker: find one, or obtain one, configure it, start it.

In order: ``mosquitto`` on this machine; Mosquitto unpacked without root from Debian packages into
a cache folder; amqtt, labelled degraded. Owns the generated configuration. Writes no broker, and
relies on none: correctness rests on end-to-end acknowledgement.
"""

import contextlib
import enum
import importlib.metadata
import importlib.util
import ipaddress
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lunaredge.errors import ConfigError, TransportError

# Where distributions put daemons; not on every user's PATH.
_DAEMON_FOLDERS = "/usr/sbin:/usr/local/sbin:/sbin"
# Mosquitto, then the libraries that a minimal system may lack, by the names of Debian 12 and 13.
_PACKAGES = (
    "mosquitto",
    "libmosquitto1",
    "libcjson1",
    "libdlt2",
    "libwrap0",
    "libnsl2",
    "libtirpc3",
    "libtirpc3t64",
)
# Sixty times the largest frame; what a board has room for once.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
# 0.7 MB to download; past a minute the network is not one to wait for.
_OBTAIN_S_MAX = 60.0
# amqtt takes a second to import on a desktop, ten on a small board.
_START_S_MAX = 20.0
# Mosquitto writes its snapshot on the way out.
_STOP_S_MAX = 5.0
_CONNECT_S_MAX = 0.5
_LOG_TAIL_BYTES = 400


class BrokerKind(enum.Enum):
    """Which broker runs, best first."""

    MOSQUITTO = "mosquitto"
    UNPACKED = "mosquitto (unpacked)"
    AMQTT = "amqtt"


class BrokerChoice(enum.Enum):
    """Which broker is asked for. AUTO: the best there is."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


class BrokerProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A broker that can be run here."""

    kind: BrokerKind
    version: str
    executable: str
    library_path: str = ""
    """Where an unpacked Mosquitto's libraries lie."""

    @property
    def degraded(self) -> bool:
        """Whether it forgets sessions and retained messages when it restarts."""
        return self.kind is BrokerKind.AMQTT


class BrokerDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, for people and reports."""

    kind: str
    version: str
    degraded: bool
    address: str
    protocol: str
    """What its clients' settings should say, so that they need not find out: it costs 3 s."""


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the broker is run."""

    port: int
    folder: Path
    """Its configuration, log and persistence file."""
    host: str = "127.0.0.1"


def find_broker(
    cache: Path, choice: BrokerChoice = BrokerChoice.AUTO, *, download: bool = True
) -> BrokerProgram:
    """Give the best broker of that choice; may download one into the cache folder, unless told not.

    Raises:
        TransportError: there is none.
    """
    if choice is not BrokerChoice.AMQTT:
        program = _installed() or _unpacked(cache)
        if program is None and download:
            program = _obtained(cache)
        if program is not None:
            return program
    if choice is not BrokerChoice.MOSQUITTO and importlib.util.find_spec("amqtt") is not None:
        version = importlib.metadata.version("amqtt")
        return BrokerProgram(kind=BrokerKind.AMQTT, version=version, executable=sys.executable)
    raise TransportError(
        f"no broker found (asked for: {choice.value}); install the package mosquitto,"
        " or `pip install amqtt`"
    )


class Broker:
    """One broker process. `start` and `stop` may be called in turn, any number of times."""

    def __init__(self, program: BrokerProgram, settings: BrokerSettings) -> None:
        self.program = program
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def describe(self) -> BrokerDescription:
        """Give what runs and where."""
        return BrokerDescription(
            kind=self.program.kind.value,
            version=self.program.version,
            degraded=self.program.degraded,
            address=f"{self.settings.host}:{self.settings.port}",
            protocol="3.1.1" if self.program.kind is BrokerKind.AMQTT else "5",
        )

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; give the command and environment that run the broker.

        Raises:
            ConfigError: the address is not loopback, or the folder can't be written.
            TransportError: the port is in use.
        """
        settings = self.settings
        _require_loopback(settings.host)
        _require_free(settings.host, settings.port)
        if self.program.kind is BrokerKind.AMQTT:
            module = "lunaredge.runtime.amqtt_broker"
            python = (self.program.executable, "-P", "-m")
            command = [*python, module, settings.host, str(settings.port)]
            return command, dict(os.environ)
        path = settings.folder.resolve() / "mosquitto.conf"
        try:
            settings.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(mosquitto_conf(settings), "utf-8")
        except OSError as exc:
            raise ConfigError(
                "the broker's folder can't be written",
                place="broker settings",
                key="folder",
                value=str(settings.folder),
                remedy=f"make it writable ({exc})",
            ) from exc
        environment = dict(os.environ)
        if self.program.library_path:
            environment["LD_LIBRARY_PATH"] = self.program.library_path
        return [self.program.executable, "-c", str(path)], environment

    def start(self) -> None:
        """Start the broker and wait until it takes connections.

        Raises:
            ConfigError, TransportError: as `prepare`, or it did not come up.
        """
        assert self.pid is None, "broker started twice"
        command, environment = self.prepare()
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        log_path = self.settings.folder / "broker.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + _START_S_MAX
        while not _answers(self.settings.host, self.settings.port):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                tail = log_path.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
                raise TransportError(
                    f"{self.program.kind.value} did not come up on port {self.settings.port};"
                    f" its last words: {tail.strip() or '(none)'}"
                )
            time.sleep(0.02)

    def stop(self) -> None:
        """End the broker in good order, by force when it doesn't go."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S_MAX)
        self.kill()

    def kill(self) -> None:
        """End the broker at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def mosquitto_conf(settings: BrokerSettings) -> str:
    """Give Mosquitto's configuration."""
    lines = [
        f"listener {settings.port} {settings.host}",
        # No accounts yet: only this machine's own processes reach a loopback port, and what they
        # say is signed.
        "allow_anonymous true",
        f"persistence_location {settings.folder.resolve()}/",
        "persistence true",
        "autosave_interval 5",
        # The default of 1000 drops the newest of an offline node's messages, acknowledged or not.
        "max_queued_messages 200000",
        "max_queued_bytes 268435456",
        "max_inflight_messages 200",
        # What is larger Mosquitto drops without a word to anybody, yet takes from its sender: up to
        # there it is left to its receivers, who count it where people see it.
        f"message_size_limit {MESSAGE_BYTES_MAX}",
        "persistent_client_expiration 1d",
        "set_tcp_nodelay true",
        "sys_interval 5",
        "log_dest stderr",
        *(f"log_type {kind}" for kind in ("error", "warning", "notice")),
        "connection_messages false",
    ]
    if os.geteuid() == 0:
        # Started by root it would become "mosquitto", who can't write in this folder.
        lines.append(f"user {pwd.getpwuid(0).pw_name}")
    return "\n".join(lines) + "\n"


def _installed() -> BrokerProgram | None:
    search = os.environ.get("PATH", "") + os.pathsep + _DAEMON_FOLDERS
    executable = shutil.which("mosquitto", path=search)
    return _program(BrokerKind.MOSQUITTO, executable, "") if executable else None


def _unpacked(cache: Path) -> BrokerProgram | None:
    """Give the Mosquitto that lies in the cache folder, if it runs."""
    root = cache.resolve() / "mosquitto"
    folders = sorted({str(found.parent) for found in root.glob("**/lib*.so*")})
    return _program(BrokerKind.UNPACKED, str(root / "usr/sbin/mosquitto"), os.pathsep.join(folders))


def _obtained(cache: Path) -> BrokerProgram | None:
    """Download and unpack Debian's packages; None where that is not possible.

    A package that can't be had is passed over: whether the result runs is what counts.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    partial = cache.resolve() / f"mosquitto.{os.getpid()}"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        for name, remaining_s in zip(_PACKAGES, _remaining(_OBTAIN_S_MAX), strict=False):
            _run(["apt-get", "download", name], partial, remaining_s)
            for package in partial.glob("*.deb"):
                _run(["dpkg", "-x", package.name, "."], partial, remaining_s)
                package.unlink()
            if name == "mosquitto" and not (partial / "usr/sbin/mosquitto").exists():
                return None
        target = cache.resolve() / "mosquitto"
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except (OSError, subprocess.TimeoutExpired):
        return None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _unpacked(cache)


def _remaining(limit_s: float) -> Iterator[float]:
    """Give what is left of the time, until there is none."""
    deadline_s = time.monotonic() + limit_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        yield left_s


def _run(command: list[str], folder: Path, limit_s: float) -> None:
    subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=limit_s,
        check=False,
    )


def _program(kind: BrokerKind, executable: str, library_path: str) -> BrokerProgram | None:
    """Ask the program its version; None when it doesn't run."""
    environment = dict(os.environ)
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    try:
        asked = subprocess.run(
            [executable, "-h"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=5.0,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(rb"mosquitto version ([\w.~-]+)", asked.stdout + asked.stderr)
    if found is None:
        return None
    return BrokerProgram(
        kind=kind,
        version=found[1].decode("ascii"),
        executable=executable,
        library_path=library_path,
    )


def _require_loopback(host: str) -> None:
    """Refuse to open an unguarded port to a network."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            "the generated broker has no access control and listens on this machine only",
            place="broker settings",
            key="host",
            value=host,
            remedy="use 127.0.0.1, or run a broker of your own with TLS and accounts",
        )


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the brokers do: a connection still closing must not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise TransportError(
                f"port {port} on {host} can't be used ({exc.strerror});"
                " stop what listens there, or set another broker port"
            ) from exc


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), _CONNECT_S_MAX):
            return True
    except OSError:
        return False
