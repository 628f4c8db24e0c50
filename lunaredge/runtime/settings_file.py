"""A settings file: TOML, then the environment on top. Plain values; the shapes are elsewhere.

A variable ``LUNAREDGE__BROKER__PORT=1884`` stands for ``port = 1884`` under ``[broker]``; it is
read as a TOML value, and as text when it is none.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import Document, file_error, read_bytes

# A settings file is a page long; more is a wrong file.
FILE_BYTES_MAX = 65_536
PREFIX = "LUNAREDGE__"
_DEPTH_MAX = 4


def read_settings(path: Path, environment: Mapping[str, str] | None = None) -> Document:
    """Read a settings file and lay the environment over it.

    Raises:
        ConfigError: the file can't be read or is no TOML, or a variable has no place in it.
    """
    content = read_bytes(path, FILE_BYTES_MAX)
    try:
        value = tomllib.loads(content.decode("utf-8"))
    except ValueError as exc:
        # TOMLDecodeError and UnicodeDecodeError are both of this kind.
        raise file_error(f"not valid TOML: {exc}", path, path.name, "correct that line") from exc
    variables = os.environ if environment is None else environment
    for name in sorted(name for name in variables if name.startswith(PREFIX)):
        _lay_over(value, name, variables[name])
    return Document(path=path, value=value, lines={})


def _lay_over(value: dict[str, object], name: str, text: str) -> None:
    *tables, key = name.removeprefix(PREFIX).lower().split("__")
    place: object = value
    for table in tables:
        place = place.setdefault(table, {}) if isinstance(place, dict) else None
    if not key or len(tables) > _DEPTH_MAX or not isinstance(place, dict):
        raise ConfigError(
            "no place for this in the settings",
            place="environment",
            key=name,
            value=text,
            remedy="write PREFIX__TABLE__KEY as the file has them, or unset it",
        )
    place[key] = _parsed(text)


def _parsed(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
