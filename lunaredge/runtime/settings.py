"""Settings of a board's process, by msgspec: an agent must not load pydantic.

Paths in a settings file are relative to its folder. What a field means, its unit, its range and
its reason stand in its docstring here or in `lunaredge.agent.config`.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from lunaredge.agent.config import AgentConfig
from lunaredge.errors import ConfigError
from lunaredge.runtime.clock import Anchor
from lunaredge.runtime.log import LEVELS
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.runtime.settings_file import read_settings

T = TypeVar("T")


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an agent's process."""

    agent: AgentConfig
    """What the agent is and how it behaves."""
    broker: LinkSettings
    """Where the site's broker is."""
    store: str
    """File of the agent's store; on the part of the medium that survives updates."""
    keys: str
    """Folder with NODE.seed and public.json."""
    machine: str = ""
    """Where the machine's controller is: ``unix:PATH`` or ``tcp:HOST:PORT``; machines only."""
    clock: Anchor = Anchor()
    """Only its speed counts for an agent: 1, unless time is compressed for a demo."""
    log_level: str = "info"
    """info, warning or error."""


def load_agent_settings(path: Path) -> AgentSettings:
    """Read an agent's settings.

    Raises:
        ConfigError: names the file and the key.
    """
    settings = convert(path, AgentSettings)
    settings.agent.validate(str(path))
    check_log_level(path, settings.log_level)
    if settings.agent.is_machine != bool(settings.machine):
        raise ConfigError(
            "a machine needs its controller's address, a computer has none",
            place=str(path),
            key="machine",
            value=settings.machine,
            remedy='set machine = "unix:PATH" or "tcp:HOST:PORT", or agent.is_machine = false',
        )
    return settings


def convert(path: Path, shape: type[T]) -> T:
    """Read a settings file in a Struct's shape.

    Raises:
        ConfigError: names the file and the key.
    """
    document = read_settings(path)
    try:
        return msgspec.convert(document.value, shape)
    except msgspec.ValidationError as exc:
        problem, _, found_at = str(exc).partition(" - at ")
        key = found_at.strip("`$.")
        raise ConfigError(
            problem,
            place=str(path),
            key=key or "the whole file",
            value=_value_at(document.value, key),
            remedy="see docs/reference/settings.md",
        ) from exc


def _value_at(value: object, key: str) -> object:
    """Give what stands at a key like ``broker.port``; the nearest table where there is nothing."""
    for part in key.split(".") if key else ():
        if not isinstance(value, dict) or part not in value:
            break
        value = value[part]
    return value


def check_log_level(path: Path, level: str) -> None:
    """Refuse a level that does not exist.

    Raises:
        ConfigError: names the file.
    """
    if level not in LEVELS:
        raise ConfigError(
            "no such log level",
            place=str(path),
            key="log_level",
            value=level,
            remedy=f"use one of {', '.join(LEVELS)}",
        )


def beside(path: Path, text: str) -> Path:
    """Give a path that a settings file names, relative to that file."""
    return (path.parent / text).resolve()


def beside_address(path: Path, address: str) -> str:
    """Give a controller's address with its socket's path made absolute."""
    scheme, _, rest = address.partition(":")
    return f"unix:{beside(path, rest)}" if scheme == "unix" else address
