"""Settings of a board's process, by msgspec: an agent must not load pydantic.

Paths in a settings file are relative to its folder. What a field means, its unit, its range and
its reason stand in its docstring here or in `lunaredge.agent.config`.
"""

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from lunaredge.agent.config import AgentConfig
from lunaredge.errors import ConfigError
from lunaredge.runtime.clock import Anchor
from lunaredge.runtime.files.document import Document, KeyPath, unknown_key_remedy
from lunaredge.runtime.log import LEVELS
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.runtime.settings_file import read_settings
from lunaredge.runtime.settings_shape import unknown_keys

T = TypeVar("T")

PROBLEM_LENGTH_MAX = 200
# As msgspec words them; in words of its own, an error would be told all the same.
_PART_OF_KEY = re.compile(r"[^$.\[\]]+")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_TYPES = re.compile(r"^Expected `([^`]+)`, got `([^`]+)`")


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
    """debug, info, warning or error."""


def load_agent_settings(path: Path) -> AgentSettings:
    """Read an agent's settings.

    Raises:
        ConfigError: names the file and the key.
    """
    document = read_settings(path, AgentSettings)
    settings = _converted(document, AgentSettings)
    try:
        settings.agent.validate(str(path))
    except ConfigError as exc:
        # The agent's configuration knows nothing of files.
        key = ("agent", *exc.key.split("."))
        raise document.error(exc.problem, key, exc.value, exc.remedy) from exc
    if settings.log_level not in LEVELS:
        remedy = f"use one of {', '.join(LEVELS)}"
        raise document.error("no such log level", ("log_level",), settings.log_level, remedy)
    if settings.agent.is_machine != bool(settings.machine):
        problem = "a machine needs its controller's address, a computer has none"
        remedy = 'set machine = "unix:PATH" or "tcp:HOST:PORT", or agent.is_machine = false'
        raise document.error(problem, ("machine",), settings.machine, remedy)
    return settings


def convert(path: Path, shape: type[T]) -> T:
    """Read a settings file in a Struct's shape.

    Raises:
        ConfigError: names the file, or the variable, and the key.
    """
    return _converted(read_settings(path, shape), shape)


def _converted(document: Document, shape: type[T]) -> T:
    for key, known in unknown_keys(shape, document.value):
        remedy = unknown_key_remedy(str(key[-1]), known)
        raise document.error("the key is not known", key, _value_at(document.value, key), remedy)
    try:
        return msgspec.convert(document.value, shape)
    except msgspec.ValidationError as exc:
        problem, _, found_at = str(exc).partition(" - at ")
        key = tuple(_PART_OF_KEY.findall(found_at.strip("`")))
        value = _value_at(document.value, key)
        missing = _MISSING.match(problem)
        if missing:
            problem, key, value = "the value is missing", (*key, missing[1]), None
        problem = _TYPES.sub(r"the value should be of type \1, not \2", problem)
        # A value that fits no choice is quoted there in full.
        problem = problem[:PROBLEM_LENGTH_MAX]
        raise document.error(problem, key, value, "see docs/reference/settings.md") from exc


def _value_at(value: object, key: KeyPath) -> object:
    """Give what stands at a key path; the nearest table where there is nothing."""
    for part in key:
        if not isinstance(value, dict) or part not in value:
            break
        value = value[part]
    return value


def beside(path: Path, text: str) -> Path:
    """Give a path that a settings file names, relative to that file."""
    return (path.parent / text).resolve()


def beside_address(path: Path, address: str) -> str:
    """Give a controller's address with its socket's path made absolute."""
    scheme, _, rest = address.partition(":")
    return f"unix:{beside(path, rest)}" if scheme == "unix" else address
