"""The doctor's reading of the settings of the site's processes; needs pydantic and NumPy."""

from pathlib import Path

from lunaredge.cli.doctor.subject import Keys, Part, Subject, keys_part
from lunaredge.errors import ConfigError
from lunaredge.ids import KeyId
from lunaredge.model.fleet import Fleet
from lunaredge.runtime.archive.rows_file import NAME as ARCHIVE_STORE
from lunaredge.runtime.broker import BrokerChoice, find_broker
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fields import Written
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site
from lunaredge.runtime.keys import load_keyring
from lunaredge.runtime.settings import beside
from lunaredge.runtime.site_settings import (
    ArchiveProcessSettings,
    BrokerPlace,
    BrokerSettingsFile,
    EarthLinkSettings,
    EarthSettings,
    GatewaySettings,
    MachinesSettings,
    SchedulerSettings,
    SiteProcess,
    load_settings,
)

SHAPES: dict[str, type[Written]] = {
    "broker": BrokerSettingsFile,
    "scheduler": SchedulerSettings,
    "archive": ArchiveProcessSettings,
    "gateway": GatewaySettings,
    "earth": EarthSettings,
    "machines": MachinesSettings,
}


def site_keys() -> dict[str, Keys]:
    """Give the top-level keys of every kind of the site's settings."""
    return {process: _keys_of(shape) for process, shape in SHAPES.items()}


def open_site(path: Path, process: str) -> Subject:
    """Read the settings of one of the site's processes.

    Raises:
        ConfigError: names the file and the key.
    """
    settings = load_settings(path, SHAPES[process])
    if isinstance(settings, SiteProcess):
        return Subject(
            settings=settings,
            parts=_parts(path, process, settings),
            broker=settings.broker.link(),
            store=_store(path, settings),
        )
    if isinstance(settings, BrokerSettingsFile):
        return Subject(
            settings=settings,
            parts=(Part("program", lambda: _program(path, settings)),),
            listens=BrokerPlace(host=settings.host, port=settings.port).link(),
            folders=(beside(path, settings.folder),),
        )
    assert isinstance(settings, MachinesSettings)
    return Subject(
        settings=settings,
        parts=_machines_parts(path, settings),
        folders=(beside(path, settings.truth_folder),),
    )


def _parts(path: Path, process: str, settings: SiteProcess) -> tuple[Part, ...]:
    parts = [keys_part(beside(path, settings.keys), process)]
    if isinstance(settings, SchedulerSettings | ArchiveProcessSettings):
        parts.append(_site_part(path, settings.site_file, settings.fleet_file))
    if isinstance(settings, SchedulerSettings):
        parts += _enrolment_part(path, settings)
    if isinstance(settings, EarthLinkSettings):
        parts.append(_contacts_part(path, settings.contacts_file))
    return tuple(parts)


def _machines_parts(path: Path, settings: MachinesSettings) -> tuple[Part, ...]:
    parts = [_site_part(path, settings.site_file, settings.fleet_file)]
    if settings.space is not None:
        parts.append(_contacts_part(path, settings.space.contacts_file))
    return tuple(parts)


def _site_part(path: Path, site_file: str, fleet_file: str) -> Part:
    def probe() -> str:
        site = load_site(beside(path, site_file))
        fleet = load_fleet(beside(path, fleet_file), site)
        return f"{site.name} with {len(site.zones)} zones, a fleet of {len(fleet.nodes)} nodes"

    return Part("site and fleet", probe)


def _contacts_part(path: Path, contacts_file: str) -> Part:
    def probe() -> str:
        plan = load_contacts(beside(path, contacts_file)).plan
        return f"{len(plan.contacts)} contacts in {beside(path, contacts_file)}"

    return Part("contacts", probe)


def _enrolment_part(path: Path, settings: SchedulerSettings) -> list[Part]:
    """Give the check of the fleet's keys; none without a fleet, whose own check tells why."""
    try:
        site = load_site(beside(path, settings.site_file))
        fleet = load_fleet(beside(path, settings.fleet_file), site)
    except ConfigError:
        return []
    return [Part("enrolment", lambda: _enrolment(beside(path, settings.keys), fleet))]


def _enrolment(keys: Path, fleet: Fleet) -> str:
    """Check that every node of the fleet has a key: the others would never be believed."""
    keyring = load_keyring(keys)
    without = [node.name for node in fleet.nodes if keyring.role(KeyId(node.name)) is None]
    if without:
        raise ConfigError(
            "nodes of the fleet have no key",
            place=str(keys),
            key="public.json",
            value=", ".join(without),
            remedy=f"enrol them: lunaredge keys {keys} " + " ".join(f"--node {n}" for n in without),
        )
    return f"each of {len(fleet.nodes)} nodes has a key"


def _program(path: Path, settings: BrokerSettingsFile) -> str:
    cache = beside(path, settings.cache)
    program = find_broker(cache, BrokerChoice(settings.choice), download=False)
    return f"{program.kind.value} {program.version}"


def _store(path: Path, settings: SiteProcess) -> Path:
    """Give the file of a process's store; the archive's is in a folder."""
    store = beside(path, settings.store)
    return store / ARCHIVE_STORE if isinstance(settings, ArchiveProcessSettings) else store


def _keys_of(shape: type[Written]) -> Keys:
    fields = shape.model_fields
    return Keys(
        known=frozenset(fields),
        required=frozenset(name for name, field in fields.items() if field.is_required()),
    )
