"""A written file as plain values, with the line of each where the format tells it.

Owns reading within bounds and the naming of places for errors. Does not parse (`parsing`,
`yaml_text`) and does not know what the values mean.
"""

import codecs
import difflib
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from lunaredge.errors import ConfigError

KeyPath = tuple[str | int, ...]

# A work order of 1000 tasks is about 150 kB; the bound keeps the slowest parser under a second.
DOCUMENT_BYTES_MAX = 512 * 1024
# The deepest file, a site, nests 5 deep. The bound keeps recursive parsers off the stack's end.
DEPTH_MAX = 16


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed file. ``lines`` holds the first line, from 1, of the values whose line is known."""

    path: Path
    value: object
    lines: Mapping[KeyPath, int]
    variables: Mapping[KeyPath, str] = {}
    """Names of the environment's variables, by the key of the value that each has laid over."""

    def error(self, problem: str, key: KeyPath, value: object, remedy: str) -> ConfigError:
        """Give the error for the value at that key path, placed as exactly as the format allows."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.variables:
                place, name = "environment", self.variables[key[:length]]
                remedy = f"{remedy}; or unset the variable"
                return ConfigError(problem, place=place, key=name, value=value, remedy=remedy)
        known = (key[:length] for length in range(len(key), -1, -1) if key[:length] in self.lines)
        nearest = next(known, None)
        place = str(self.path) if nearest is None else f"{self.path}:{self.lines[nearest]}"
        return ConfigError(problem, place=place, key=key_text(key), value=value, remedy=remedy)


def key_text(key: KeyPath) -> str:
    """Give a key path as people write it: ``zones[3].polygon[0]``."""
    if not key:
        return "the whole file"
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        plain = len(part) <= 40 and part.replace("_", "").replace("-", "").isalnum()
        text += ("." if text else "") + (part if plain else repr(part[:40]))
    return text


def file_error(problem: str, path: Path, value: object, remedy: str) -> ConfigError:
    """Give the error for a file as a whole."""
    return ConfigError(problem, place=str(path), key="file", value=value, remedy=remedy)


def refuse_folder(path: Path) -> None:
    """Refuse a folder where a file is meant.

    Raises:
        ConfigError: it is one.
    """
    try:
        is_folder = path.is_dir()
    except OSError:
        # Whoever reads or writes it says what is wrong.
        return
    if is_folder:
        raise file_error("this is a folder", path, path.name, "name a file in it")


def unknown_key_remedy(key: str, known: Iterable[str]) -> str:
    """Give what to do about a key that is not known: the nearest one that is, then all."""
    choices = sorted(known)
    near = difflib.get_close_matches(key, choices, n=1)
    if near:
        return f"did you mean {near[0]}? known here: " + ", ".join(choices)
    return "remove it, or use one of: " + ", ".join(choices)


def too_deep(path: Path) -> ConfigError:
    """Give the error for values that nest deeper than the bound."""
    depth = f"more than {DEPTH_MAX} levels"
    return file_error("values are nested too deeply", path, depth, "flatten them")


def bounded(parse: Callable[[Path, str], Document], path: Path, text: str) -> Document:
    """Parse a text, and hold what comes out to the bound on nesting.

    Raises:
        ConfigError: it is not well-formed, or nested too deeply.
    """
    try:
        document = parse(path, text)
    except RecursionError as exc:
        raise too_deep(path) from exc
    if _depth_exceeds(document.value, DEPTH_MAX):
        raise too_deep(path)
    return document


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


def read_text(path: Path, bytes_max: int) -> str:
    """Give a regular file's text.

    Raises:
        ConfigError: as `read_bytes`, or it is not UTF-8.
    """
    # Some editors put a mark before UTF-8; no format has it in its grammar.
    content = read_bytes(path, bytes_max).removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        near = content[exc.start : exc.start + 8]
        problem = f"byte {exc.start} is not UTF-8 text"
        raise file_error(problem, path, near, "save the file as UTF-8 text") from exc


def read_bytes(path: Path, bytes_max: int) -> bytes:
    """Give a regular file's bytes.

    Raises:
        ConfigError: it is missing, not a regular file, unreadable, empty or larger than the bound.
    """
    try:
        # Asked before opening: a pipe would block, a device would never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise file_error("this is not a regular file", path, path.name, "name a file")
        with path.open("rb") as stream:
            content = stream.read(bytes_max + 1)
    except FileNotFoundError as exc:
        raise file_error("there is no such file", path, path.name, "check the path") from exc
    except (OSError, ValueError) as exc:
        # ValueError: a path with a NUL in it.
        remedy = "check the path, its permissions and the disk"
        raise file_error("the file cannot be read", path, str(exc), remedy) from exc
    if len(content) > bytes_max:
        size = f"more than {bytes_max} bytes"
        raise file_error("the file is too large", path, size, "check that it is the right file")
    if not content:
        raise file_error(
            "the file is empty", path, "0 bytes", "write it, or restore it from a copy"
        )
    return content
