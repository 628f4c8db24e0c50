"""From a file's bytes to plain values: TOML, JSON and YAML behind one call.

Refuses what no one writes on purpose: doubled keys, deep nesting, text that is not UTF-8.
"""

import json
from collections.abc import Callable
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import (
    DOCUMENT_BYTES_MAX,
    Document,
    bounded,
    file_error,
    key_text,
    read_text,
)
from lunaredge.runtime.files.toml_text import parse_toml
from lunaredge.runtime.files.yaml_text import parse_yaml


def load_document(path: Path, bytes_max: int = DOCUMENT_BYTES_MAX) -> Document:
    """Read a file in the format that its suffix names: .toml, .yaml, .yml, .json or .geojson.

    Raises:
        ConfigError: it can't be read, or is not well-formed; names the line where known.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        known = ", ".join(_PARSERS)
        raise file_error("the file type is not known", path, path.suffix, f"use one of {known}")
    return bounded(parse, path, read_text(path, bytes_max))


def _parse_json(path: Path, text: str) -> Document:
    try:
        value = json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_no_constant)
    except json.JSONDecodeError as exc:
        raise ConfigError(
            f"not valid JSON: {exc.msg}",
            place=f"{path}:{exc.lineno}",
            key=key_text(()),
            value=text[exc.pos : exc.pos + 20],
            remedy="correct that line; a file cut short misses its closing brackets",
        ) from exc
    except ValueError as exc:
        raise file_error(f"not valid JSON: {exc}", path, path.name, "correct that value") from exc
    return Document(path=path, value=value, lines={})


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping: dict[str, object] = {}
    for key, value in pairs:
        if key in mapping:
            raise ValueError(f"the key {key[:40]!r} is there twice")
        mapping[key] = value
    return mapping


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number in JSON")


_PARSERS: dict[str, Callable[[Path, str], Document]] = {
    ".toml": parse_toml,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".json": _parse_json,
    ".geojson": _parse_json,
}
