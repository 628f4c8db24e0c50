"""From a file's bytes to plain values: TOML, JSON and YAML behind one call.

Refuses what no one writes on purpose: doubled keys, deep nesting, text that is not UTF-8.
"""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import (
    DEPTH_MAX,
    DOCUMENT_BYTES_MAX,
    Document,
    file_error,
    key_text,
    read_bytes,
)
from lunaredge.runtime.files.yaml_text import parse_yaml

# A dotted key of n parts costs the TOML parser n * n of memory: half a megabyte of them is a bomb.
# Possessive, and begun only where a part begins, so that it stays linear on any text.
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_PART}\.[ \t]*+){{{DEPTH_MAX}}}")


def load_document(path: Path) -> Document:
    """Read a file in the format that its suffix names: .toml, .yaml, .yml or .json.

    Raises:
        ConfigError: it can't be read, or is not well-formed; names the line where known.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        known = ", ".join(_PARSERS)
        raise file_error("the file type is not known", path, path.suffix, f"use one of {known}")
    text = _text_of(path)
    try:
        document = parse(path, text)
    except RecursionError as exc:
        raise _too_deep(path) from exc
    if _depth_exceeds(document.value, DEPTH_MAX):
        raise _too_deep(path)
    return document


def _text_of(path: Path) -> str:
    content = read_bytes(path, DOCUMENT_BYTES_MAX)
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        near = content[exc.start : exc.start + 8]
        problem = f"byte {exc.start} is not UTF-8 text"
        raise file_error(problem, path, near, "save the file as UTF-8 text") from exc


def _too_deep(path: Path) -> ConfigError:
    depth = f"more than {DEPTH_MAX} levels"
    return file_error("values are nested too deeply", path, depth, "flatten them")


def _depth_exceeds(value: object, depth_max: int) -> bool:
    """Tell whether values nest deeper than that; iterative, because it guards recursion."""
    level: list[object] = [value]
    for _ in range(depth_max):
        following: list[object] = []
        for item in level:
            if isinstance(item, dict):
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
        if not following:
            return False
        level = following
    return True


def _parse_toml(path: Path, text: str) -> Document:
    if _LONG_KEY.search(text):
        raise _too_deep(path)
    try:
        return Document(path=path, value=tomllib.loads(text), lines={})
    except ValueError as exc:
        # TOMLDecodeError is one, and so is an integer too long for Python to convert.
        raise file_error(f"not valid TOML: {exc}", path, path.name, "correct that line") from exc


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
    ".toml": _parse_toml,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".json": _parse_json,
}
