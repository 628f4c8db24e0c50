"""A settings file: TOML, then the environment on top. Plain values; the shapes are elsewhere.

A variable ``LUNAREDGE__BROKER__PORT=1884`` stands for ``port = 1884`` under ``[broker]``. It is
read as a TOML value, and as text when it is none or when its field takes only text: a folder may
be called 5.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import Document, KeyPath, bounded, read_text
from lunaredge.runtime.files.toml_text import parse_toml
from lunaredge.runtime.settings_shape import takes_text

# A settings file is a page long; more is a wrong file.
FILE_BYTES_MAX = 65_536
PREFIX = "LUNAREDGE__"
_TABLES_MAX = 4


def read_settings(
    path: Path, shape: object = None, environment: Mapping[str, str] | None = None
) -> Document:
    """Read a settings file and lay the environment over it; ``shape`` tells which keys take text.

    Raises:
        ConfigError: the file can't be read or is no TOML, or a variable has no place in it.
    """
    document = bounded(parse_toml, path, read_text(path, FILE_BYTES_MAX))
    assert isinstance(document.value, dict), "TOML is a table"
    variables = os.environ if environment is None else environment
    names: dict[KeyPath, str] = {}
    for name in sorted(name for name in variables if name.startswith(PREFIX)):
        key = tuple(name.removeprefix(PREFIX).lower().split("__"))
        value = _parsed(variables[name], is_text=takes_text(shape, key))
        _lay_over(document.value, key, name, value)
        names[key] = name
    return Document(path=path, value=document.value, lines={}, variables=names)


def _lay_over(table: dict[str, object], key: KeyPath, name: str, value: object) -> None:
    *tables, last = key
    place: object = table
    for part in tables:
        place = place.setdefault(part, {}) if isinstance(place, dict) else None
    if not last or len(tables) > _TABLES_MAX or not isinstance(place, dict):
        raise ConfigError(
            "no place for this in the settings",
            place="environment",
            key=name,
            value=value,
            remedy="write PREFIX__TABLE__KEY as the file has them, or unset it",
        )
    place[last] = value


def _parsed(text: str, *, is_text: bool) -> object:
    try:
        document = bounded(parse_toml, Path("environment"), f"value = {text}")
    except ConfigError:
        return text
    assert isinstance(document.value, dict), "TOML is a table"
    value = document.value.pop("value")
    # What goes on after the value is no value; a text in quotes stands without them.
    if document.value or (is_text and not isinstance(value, str)):
        return text
    return value
