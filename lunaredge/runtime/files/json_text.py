"""JSON as plain values, less what no one writes on purpose.

Python's parser is fast and tells neither the line nor the key of what JSON has no word for (NaN,
a key that is there twice, an endless number). So what it refuses is gone through again, slowly, for
the place.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import Document, KeyPath, file_error, key_text

# Possessive: linear on any text.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_NO_NUMBERS = {"NaN", "Infinity", "-Infinity"}


class _Found(NamedTuple):
    """A plain value of a text, or a key that its table has already."""

    key: KeyPath
    text: str
    position: int
    is_double: bool = False
    """It is such a key."""


def parse_json(path: Path, text: str) -> Document:
    """Give the values of a JSON document.

    Raises:
        ConfigError: it is not well-formed, or has what is no JSON; names the line.
    """
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
        raise _error(path, text) from exc
    return Document(path=path, value=value, lines={})


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a key is there twice")
    return mapping


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number")


def _error(path: Path, text: str) -> ConfigError:
    """Give the error for the first thing in a text that is no JSON, at its line and key."""
    digits_max = sys.get_int_max_str_digits()
    for found in _walk(text):
        digits = found.text.removeprefix("-")
        if found.is_double:
            problem, value, remedy = "a key is there twice", found.text, "keep one"
        elif found.text in _NO_NUMBERS:
            problem, value, remedy = "not a number in JSON", found.text, "give a finite number"
        elif digits.isdigit() and 0 < digits_max < len(digits):
            problem, value = "the number is too long", f"{len(digits)} digits"
            remedy = "give one that fits 64 bits"
        else:
            continue
        line = 1 + text.count("\n", 0, found.position)
        key = key_text(found.key)
        return ConfigError(problem, place=f"{path}:{line}", key=key, value=value, remedy=remedy)
    return file_error("not valid JSON", path, path.name, "correct it")


def _walk(text: str) -> Iterator[_Found]:
    """Give the plain values and doubled keys of a text that is JSON as far as it is looked at."""
    key: list[str | int] = []
    seen: list[set[str] | None] = []
    awaits_key = False
    for match in _TOKEN.finditer(text):
        token, position = match[0], match.start()
        if token in "[{":
            seen.append(set() if token == "{" else None)
            key.append("" if token == "{" else 0)
            awaits_key = token == "{"
        elif token in "]}":
            if not seen:
                return  # no JSON from here on
            seen.pop()
            key.pop()
        elif token == ",":
            last = key[-1]
            key[-1] = last + 1 if isinstance(last, int) else last
            awaits_key = seen[-1] is not None
        elif awaits_key and token != ":":
            names = seen[-1]
            assert names is not None
            key[-1] = name = str(json.loads(token))
            if name in names:
                yield _Found(tuple(key), name, position, is_double=True)
            names.add(name)
            awaits_key = False
        elif token != ":":
            yield _Found(tuple(key), token, position)
