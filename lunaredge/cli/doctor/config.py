"""The doctor's checks of a settings file: whose it is, whether it and all that it names is sound.

Owns what a board needs: the agent's settings and a client's. Those of the site's processes are in
`doctor.site`, which needs pydantic and is asked only where that is installed.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lunaredge.cli.doctor.finding import Finding, attempt, not_installed, ok
from lunaredge.cli.doctor.reach import check_broker, check_folder, check_port, check_store
from lunaredge.cli.doctor.subject import Keys, Part, Subject, keys_part
from lunaredge.errors import ConfigError
from lunaredge.ids import KeyId
from lunaredge.runtime.client_settings import ClientFile, load_client
from lunaredge.runtime.keys import load_keyring
from lunaredge.runtime.machine_driver import parse_address
from lunaredge.runtime.settings import (
    AgentSettings,
    beside,
    beside_address,
    convert,
    load_agent_settings,
)
from lunaredge.runtime.settings_file import read_settings

SITE_PROCESSES = ("broker", "scheduler", "archive", "gateway", "earth", "machines")
PROCESSES = (*SITE_PROCESSES, "agent", "client")
# One required key that is misspelt is missing and unknown: still recognised.
MISFITS_MAX = 2


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one settings file. ``settings`` is None when it could not be read."""

    findings: list[Finding]
    settings: object = None


def examine(path: Path, process: str | None) -> Examined:
    """Check a settings file; ``process`` says whose it is, None: recognise it."""
    name = path.name
    try:
        process = process or recognise(path)
        subject = _open(path, process)
    except ModuleNotFoundError as exc:
        return Examined(findings=[not_installed(name, exc)])
    except ConfigError as exc:
        refusal = exc
        return Examined(findings=[attempt(name, lambda: _raise(refusal))])
    findings = [ok(name, f"settings of {_whose(process)}, every field in range")]
    findings += [attempt(f"{name}: {part.name}", part.probe) for part in subject.parts]
    return Examined(findings=findings + _reaches(name, subject), settings=subject.settings)


def recognise(path: Path) -> str:
    """Give the process that a settings file is for, by its keys; then by the file's name.

    Raises:
        ConfigError: the file can't be read, or it is nobody's or several's settings.
        ModuleNotFoundError: it is not a board's, and what reads the others is not installed.
    """
    value = read_settings(path).value
    assert isinstance(value, dict), "TOML is a table"
    given = frozenset(value)
    shapes = {"agent": keys_of(AgentSettings), "client": keys_of(ClientFile)}
    missing = _add_site_shapes(shapes)
    misfits = {process: keys.misfits(given) for process, keys in shapes.items()}
    least = min(misfits.values())
    best = [process for process in shapes if misfits[process] == least]
    if least > MISFITS_MAX:
        if missing is not None:
            raise missing
        raise _unclear(path, "these are not the settings of any process", sorted(given), PROCESSES)
    if len(best) > 1:
        named = [process for process in best if path.stem.startswith(process)]
        if not named and set(best) == {"scheduler", "archive"}:
            # They share what must be there; the archive's store is a folder.
            named = ["scheduler" if Path(str(value.get("store"))).suffix else "archive"]
        if len(named) != 1:
            raise _unclear(path, "these may be the settings of several processes", best, best)
        best = named
    return best[0]


def keys_of(shape: type[msgspec.Struct]) -> Keys:
    """Give the top-level keys of settings in a Struct's shape."""
    fields = msgspec.structs.fields(shape)
    return Keys(
        known=frozenset(field.name for field in fields),
        required=frozenset(field.name for field in fields if field.required),
    )


def _reaches(name: str, subject: Subject) -> list[Finding]:
    findings = []
    if subject.broker is not None:
        findings.append(check_broker(f"{name}: broker", subject.broker))
    if subject.listens is not None:
        findings.append(check_port(f"{name}: port", subject.listens))
    folders = subject.folders
    if subject.store is not None:
        folders = (*folders, subject.store.parent)
    findings += [check_folder(f"{name}: disk", folder) for folder in folders]
    if subject.store is not None and subject.store.exists():
        findings.append(check_store(f"{name}: store", subject.store))
    return findings


def _add_site_shapes(shapes: dict[str, Keys]) -> ModuleNotFoundError | None:
    """Add the shapes of the site's processes; give what is missing for that."""
    try:
        from lunaredge.cli.doctor import site as site_part
    except ModuleNotFoundError as exc:
        return exc
    shapes.update(site_part.site_keys())
    return None


def _open(path: Path, process: str) -> Subject:
    if process == "agent":
        return _open_agent(path)
    if process == "client":
        return _open_client(path)
    from lunaredge.cli.doctor import site as site_part

    return site_part.open_site(path, process)


def _open_agent(path: Path) -> Subject:
    settings = load_agent_settings(path)
    parts = [keys_part(beside(path, settings.keys), settings.agent.node)]
    if settings.machine:
        parts.append(_machine_part(beside_address(path, settings.machine), path))
    return Subject(
        settings=settings,
        parts=tuple(parts),
        broker=settings.broker,
        store=beside(path, settings.store),
    )


def _machine_part(address: str, path: Path) -> Part:
    """Give the part of the machine's controller: it is not asked, for it takes the newest agent."""

    def probe() -> str:
        parse_address(address, place=str(path), key="machine")
        return f"{address}: an address; whether a controller answers there is not tried"

    return Part("machine", probe)


def _open_client(path: Path) -> Subject:
    settings = convert(path, ClientFile)
    client = load_client(path, signs=False)
    return Subject(
        settings=settings,
        parts=(_client_keys(path, settings),),
        broker=client.broker,
    )


def _client_keys(path: Path, settings: ClientFile) -> Part:
    folder = beside(path, settings.keys)
    role = load_keyring(folder).role(KeyId(settings.name))
    if role is None and not (folder / f"{settings.name}.seed").exists():
        return Part("keys", lambda: f"public.json in {folder}; without a key it reads only")
    return keys_part(folder, settings.name)


def _whose(process: str) -> str:
    return "a client" if process == "client" else f"`lunaredge {process}`"


def _unclear(path: Path, problem: str, value: Sequence[str], choices: Sequence[str]) -> ConfigError:
    remedy = f"name a file of settings, and whose it is: --as {'|'.join(choices)}"
    return ConfigError(
        problem, place=str(path), key="the whole file", value=", ".join(value), remedy=remedy
    )


def _raise(exc: ConfigError) -> str:
    raise exc
