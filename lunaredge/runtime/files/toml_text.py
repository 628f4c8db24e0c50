"""TOML as plain values, less what makes its parser slow.

Needs nothing but Python: a board reads its settings with it.
"""

import re
import tomllib
from pathlib import Path

from lunaredge.runtime.files.document import (
    DEPTH_MAX,
    Document,
    file_error,
    too_deep,
)

# A dotted key of n parts costs the TOML parser n * n of memory: half a megabyte of them is a bomb.
# Possessive, and begun only where a part begins, so that it stays linear on any text.
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_PART}\.[ \t]*+){{{DEPTH_MAX}}}")


def parse_toml(path: Path, text: str) -> Document:
    """Give the values of a TOML document.

    Raises:
        ConfigError: it is not well-formed, or a key has too many parts.
        RecursionError: its values nest as no one writes them.
    """
    if _LONG_KEY.search(text):
        raise too_deep(path)
    try:
        return Document(path=path, value=tomllib.loads(text), lines={})
    except tomllib.TOMLDecodeError as exc:
        raise file_error(f"not valid TOML: {exc}", path, path.name, "correct that line") from exc
    except ValueError as exc:
        # Python converts no integer that is longer than some thousand digits.
        remedy = "find the number and give one that fits 64 bits"
        raise file_error("a number is too long", path, path.name, remedy) from exc
