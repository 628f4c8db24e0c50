"""From a file's bytes to plain values: TOML, JSON and YAML behind one call.

Refuses what no one writes on purpose: doubled keys, deep nesting, text that is not UTF-8.
"""

from collections.abc import Callable
from pathlib import Path

from lunaredge.runtime.files.document import (
    DOCUMENT_BYTES_MAX,
    Document,
    bounded,
    file_error,
    read_text,
    refuse_folder,
)
from lunaredge.runtime.files.json_text import parse_json
from lunaredge.runtime.files.toml_text import parse_toml
from lunaredge.runtime.files.yaml_text import parse_yaml


def load_document(path: Path, bytes_max: int = DOCUMENT_BYTES_MAX) -> Document:
    """Read a file in the format that its suffix names: .toml, .yaml, .yml, .json or .geojson.

    Raises:
        ConfigError: it can't be read, or is not well-formed; names the line where known.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        refuse_folder(path)
        known = ", ".join(_PARSERS)
        raise file_error("the file type is not known", path, path.suffix, f"use one of {known}")
    return bounded(parse, path, read_text(path, bytes_max))


_PARSERS: dict[str, Callable[[Path, str], Document]] = {
    ".toml": parse_toml,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".json": parse_json,
    ".geojson": parse_json,
}
