"""A demo's run on disk: keys, settings and the command of every process, in one folder.

The site itself is another folder, which is only read: `SITE_FILE`, `FLEET_FILE`, `ORDER_FILE` and
`CONTACTS_FILE` in it.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import tomli_w

from lunaredge.archive.batches import warm_up as warm_up_archive
from lunaredge.cli.beside import running_beside
from lunaredge.cli.demo.checks import check_folder, check_kills, refused
from lunaredge.cli.doctor.kernels import COMPILING, is_cached, scheduler_kernels
from lunaredge.cli.keys import holders
from lunaredge.cli.order_check import check_order
from lunaredge.cli.progress import telling_of_compiling
from lunaredge.ids import NodeId, SiteId
from lunaredge.model.braking import counted_m_s2
from lunaredge.model.contact import ContactPlan
from lunaredge.model.fleet import Fleet, NodeSpec
from lunaredge.model.site import Site
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.client_settings import Client, load_client
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import make_keys
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.solve import warm_up, warm_up_routes
from lunaredge.units import ns_from_s, s_from_ns

# Processes need this long to come up; the site's clock starts when they have. In wall time.
LEAD_S = 3.0
# The controller's promise, 0.5 s, is kept in wall time: under compression a process that the
# operating system holds up for 100 ms has been silent for seconds of site time.
SETPOINT_LIFETIME_WALL_S = 0.5
# What the operating system's delays cost a compressed site; real time needs far less.
# A restart of the scheduler takes some seconds of the wall's, however fast the site's clock runs:
# stop points are put so far ahead that no machine brakes for it.
AHEAD_WALL_S = 15.0
ASK_AHEAD_WALL_S = 5.0
CLOCK_ERROR_WALL_S = 0.25
CLOCK_APART_WALL_S = 0.1
# All processes read one computer's clock, which can't run away from itself.
RATE_ERROR_RATIO = 0.001
LINK_MARGIN_WALL_S = 0.5
COMMIT_WALL_S = 0.1
LINK_SILENCE_WALL_S = 5.0
# Into an outage: at the demo's own site the middle of it, so that a slow start does no harm.
APPROVAL_INTO_OUTAGE_S = 1200.0
# A run gives up after six hours; what comes later would only keep tasks from ending.
APPROVAL_S_MAX = 4 * 3600.0
OPERATOR = "mari"
STANDBY = "standby"
"""The second scheduler's process; they take turns, so it may be the one that leads."""
KILLABLE = ("scheduler", "archive", "broker", "earth", "gateway")

# In the run's folder.
SCHEDULER_STORE = "stores/scheduler.sqlite"
ARCHIVE_FOLDER = "stores/archive"

SITE_FILE = "site.toml"
FLEET_FILE = "fleet.toml"
ORDER_FILE = "order.yaml"
CONTACTS_FILE = "contacts.json"


class DemoWishes(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    site: Path
    """Folder of the site."""
    speed: float
    seed: int
    kills: tuple[str, ...]
    outage: bool
    broker: BrokerChoice
    standby: bool = False
    """A second scheduler waits for the lead."""

    def check(self, speed_max: float) -> None:
        """Refuse what can't be.

        Raises:
            ConfigError: names the option.
        """
        if not 1.0 <= self.speed <= speed_max:
            raise refused(
                "--speed", self.speed, f"give a speed from 1 to {speed_max:g}", "is out of range"
            )
        if not 0 <= self.seed < 2**31:
            raise refused(
                "--seed", self.seed, "give a seed from 0 to 2147483647", "is out of range"
            )
        for kill in self.kills:
            if kill not in KILLABLE and not kill.startswith("agent:"):
                remedy = f"name one of {', '.join(KILLABLE)} or agent:NAME"
                raise refused("--kill", kill, remedy, "there is no such process")


class DemoSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site ready to start."""

    folder: Path
    name: SiteId
    title: str
    site_file: str
    fleet_file: str
    order_file: str
    contacts_file: str
    start_ns: int
    speed: float
    broker: dict[str, str | bool]
    brokers: tuple[str, ...]
    commands: dict[str, tuple[str, ...]]
    environment: dict[str, str]
    client: Client
    client_file: Path
    machines_socket: Path
    target: NodeId
    """The node that the forger picks on."""


def prepare(folder: Path, wishes: DemoWishes, say: Callable[[str], None]) -> DemoSite:
    """Write everything a run needs, and compile the kernels.

    Raises:
        ConfigError, TransportError: as their messages say; nothing is started.
    """
    check_folder(folder)
    site_file, fleet_file = wishes.site / SITE_FILE, wishes.site / FLEET_FILE
    contacts_file = wishes.site / CONTACTS_FILE
    site = load_site(site_file)
    fleet = load_fleet(fleet_file, site)
    order = load_order(wishes.site / ORDER_FILE)
    load_contacts(contacts_file)
    check_kills(wishes.kills, fleet)
    kernels = scheduler_kernels(check_order)
    missing_count = sum(not is_cached(kernel) for kernel in kernels)
    if missing_count:
        say(f"compiling {missing_count} kernels: at most {COMPILING}")
    beside = running_beside("from lunaredge.placement import warmup; warmup.warm_up_planner()")
    with telling_of_compiling(kernels):
        with beside:
            check_order(wishes.site / ORDER_FILE, order, GroundMap.of(site), fleet)
            warm_up_routes()
        warm_up()
        warm_up_archive()
    if not wishes.outage:
        contacts_file = _without_outage(contacts_file, folder)
    program = find_broker(_cache(), wishes.broker)
    make_keys(folder / "keys", holders([spec.name for spec in fleet.nodes], [OPERATOR]))
    writer = _Writer(folder, wishes, site, fleet, contacts_file)
    about = Broker(program, BrokerSettings(port=writer.site_port, folder=folder)).describe()
    commands = writer.write(about.protocol)
    say(f"broker: {about.kind} {about.version}" + (" (degraded)" if about.degraded else ""))
    client_file = folder / "operator.toml"
    # A moving target, if there is one: what it must not obey is then most dangerous.
    targets = sorted(fleet.nodes, key=lambda spec: spec.machine is None)
    return DemoSite(
        folder=folder,
        name=site.name,
        title=site.title,
        site_file=str(site_file),
        fleet_file=str(fleet_file),
        order_file=str(wishes.site / ORDER_FILE),
        contacts_file=str(contacts_file),
        start_ns=writer.start_ns,
        speed=wishes.speed,
        broker={"kind": about.kind, "version": about.version, "degraded": about.degraded},
        brokers=("broker", "earth-broker"),
        commands=commands,
        environment=dict(os.environ),
        client=load_client(client_file, signs=True),
        client_file=client_file,
        machines_socket=folder / "machines.socket",
        target=targets[0].name,
    )


def approve_delay_s(plan: ContactPlan, start_ns: int) -> float:
    """Give how long Earth's people take: their word falls into the first outage of a run.

    There it waits for the next contact, and its task for it: nobody at the site may go ahead. With
    no outage in the run's time it comes at once.
    """
    for contact in sorted(plan.contacts, key=lambda contact: contact.end_ns):
        following = plan.next_after(contact.end_ns)
        is_in_time = start_ns <= contact.end_ns <= start_ns + ns_from_s(APPROVAL_S_MAX)
        if is_in_time and plan.at(contact.end_ns) is None and following is not None:
            outage_s = s_from_ns(following.start_ns - contact.end_ns)
            into_s = min(outage_s / 2, APPROVAL_INTO_OUTAGE_S)
            return s_from_ns(contact.end_ns - start_ns) + into_s
    return 0.0


def _without_outage(contacts_file: Path, folder: Path) -> Path:
    """Write the same plan with one contact from its first start to its last end."""
    document = json.loads(contacts_file.read_bytes())
    contacts = document["contacts"]
    document["contacts"] = [contacts[0] | {"end": contacts[-1]["end"]}]
    document["contacts"][0].pop("hours", None)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "contacts.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def process_of(kill: str, site: DemoSite) -> str:
    """Give the process that ``--kill`` names."""
    name = kill.replace("agent:", "agent-")
    assert name in site.commands, name
    return name


class _Writer:
    """Writes the settings of one run; every process anchors its clock at the same instant."""

    def __init__(
        self, folder: Path, wishes: DemoWishes, site: Site, fleet: Fleet, contacts_file: Path
    ) -> None:
        self.folder = folder
        self.wishes = wishes
        self.site = site
        self.fleet = fleet
        self.contacts_file = str(contacts_file)
        self.start_ns = load_contacts(contacts_file).epoch_ns
        self.site_port, self.earth_port, moon_link, earth_link = _free_ports(4)
        self.link_ports = (moon_link, earth_link)
        self.protocol = "auto"
        wall_ns = time.time_ns() + round(LEAD_S * 1e9)
        self.clock = {"wall_ns": wall_ns, "site_ns": self.start_ns, "speed": wishes.speed}

    def write(self, protocol: str) -> dict[str, tuple[str, ...]]:
        """Write every file; give the processes' commands in order of start."""
        self.protocol = protocol
        commands = {
            "broker": self._file("broker", "broker", self._broker(self.site_port, "broker")),
            "earth-broker": self._file(
                "broker", "earth-broker", self._broker(self.earth_port, "earth-broker")
            ),
            "machines": self._file("machines", "machines", self._machines()),
            "scheduler": self._file("scheduler", "scheduler", self._scheduler()),
            "archive": self._file("archive", "archive", self._archive()),
            "gateway": self._file("gateway", "gateway", self._link_end("gateway")),
            "earth": self._file("earth", "earth", self._link_end("earth")),
        }
        if self.wishes.standby:
            # One that comes back after a kill waits for its turn as well.
            waiting = (*commands["scheduler"], "--standby")
            commands |= {"scheduler": waiting, STANDBY: waiting}
        for spec in self.fleet.nodes:
            commands[f"agent-{spec.name}"] = self._file(
                "agent", f"agent-{spec.name}", self._agent(spec)
            )
        self._write("operator", self._client(self.site_port))
        self._write("operator-on-earth", self._client(self.earth_port))
        return commands

    def _file(self, command: str, name: str, settings: dict[str, object]) -> tuple[str, ...]:
        path = self._write(name, settings)
        return (sys.executable, "-P", "-m", "lunaredge", command, "--config", str(path))

    def _write(self, name: str, settings: dict[str, object]) -> Path:
        path = self.folder / f"{name}.toml"
        path.write_text(tomli_w.dumps(settings), encoding="utf-8")
        return path

    def _broker(self, port: int, name: str) -> dict[str, object]:
        return {
            "port": port,
            "folder": f"brokers/{name}",
            "cache": str(_cache()),
            "choice": self.wishes.broker.value,
        }

    def _common(self, name: str, port: int) -> dict[str, object]:
        return {
            "keys": "keys",
            "store": f"stores/{name}.sqlite",
            "broker": {"host": "127.0.0.1", "port": port, "protocol": self.protocol},
            "clock": self.clock,
        }

    def _scheduler(self) -> dict[str, object]:
        return {
            **self._common("scheduler", self.site_port),
            "site_file": str(self.wishes.site / SITE_FILE),
            "fleet_file": str(self.wishes.site / FLEET_FILE),
            "authority_ahead_s": max(90.0, AHEAD_WALL_S * self.wishes.speed),
            "clock_error_s": max(5.0, CLOCK_ERROR_WALL_S * self.wishes.speed),
            # The inquest replays the whole run.
            "checkpoint_entries": 10_000_000,
        }

    def _archive(self) -> dict[str, object]:
        return {
            **self._common("archive", self.site_port),
            "store": ARCHIVE_FOLDER,
            "site_file": str(self.wishes.site / SITE_FILE),
            "fleet_file": str(self.wishes.site / FLEET_FILE),
            "commit_period_s": min(60.0, max(0.2, COMMIT_WALL_S * self.wishes.speed)),
        }

    def _link_end(self, name: str) -> dict[str, object]:
        is_gateway = name == "gateway"
        settings: dict[str, object] = {
            **self._common(name, self.site_port if is_gateway else self.earth_port),
            "site": self.site.name,
            "contacts_file": self.contacts_file,
            "link_port": self.link_ports[0 if is_gateway else 1],
            "margin_s": max(5.0, LINK_MARGIN_WALL_S * self.wishes.speed),
            "silence_s": max(100.0, LINK_SILENCE_WALL_S * self.wishes.speed),
        }
        if is_gateway:
            return settings
        plan = load_contacts(Path(self.contacts_file)).plan
        delay_s = approve_delay_s(plan, self.start_ns)
        return settings | {"approve": "auto", "approve_delay_s": delay_s}

    def _machines(self) -> dict[str, object]:
        return {
            "site_file": str(self.wishes.site / SITE_FILE),
            "fleet_file": str(self.wishes.site / FLEET_FILE),
            "listen": "unix:machines.socket",
            "truth_folder": "truth",
            "setpoint_lifetime_s": SETPOINT_LIFETIME_WALL_S * self.wishes.speed,
            "seed": self.wishes.seed,
            "clock": self.clock,
            "space": {
                "contacts_file": self.contacts_file,
                "moon_port": self.link_ports[0],
                "earth_port": self.link_ports[1],
            },
        }

    def _agent(self, spec: NodeSpec) -> dict[str, object]:
        apart_s = max(1.0, CLOCK_APART_WALL_S * self.wishes.speed)
        agent: dict[str, object] = {
            "site": self.site.name,
            "node": spec.name,
            "kind": spec.kind,
            "is_machine": spec.machine is not None,
            "clock_error_s_max": max(5.0, CLOCK_ERROR_WALL_S * self.wishes.speed),
            "clock_apart_s_max": apart_s,
            "clock_margin_s": max(5.0, 2.0 * apart_s),
            "rate_error_ratio": RATE_ERROR_RATIO,
        }
        settings: dict[str, object] = self._common(f"agent-{spec.name}", self.site_port)
        if spec.machine is not None:
            settings["machine"] = "unix:machines.socket"
            agent["speed_m_s_max"] = spec.machine.speed_m_s_max
            agent["deceleration_m_s2"] = counted_m_s2(spec.machine)
            agent["reserve_wh"] = spec.machine.reserve_wh
            agent["ask_ahead_s"] = max(30.0, ASK_AHEAD_WALL_S * self.wishes.speed)
        if spec.computer is not None:
            agent["slots"] = spec.computer.slots
        return settings | {"agent": agent}

    def _client(self, port: int) -> dict[str, object]:
        return {
            "site": self.site.name,
            "name": f"operator-{OPERATOR}",
            "keys": "keys",
            "broker": {"host": "127.0.0.1", "port": port, "protocol": self.protocol},
            "clock": self.clock,
        }


def _free_ports(count: int) -> list[int]:
    """Give ports that are free now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lunaredge"
