"""Placement files: a placement problem with its travel, and the plan of one, as written down.

The keys are those of `placement.problem`; docs/reference/placement-files.md has them all. Beside
them stands ``travel``: seconds and joules between places, by mover, null where there is no way.
"""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.placement import Plan, Problem, Travel
from lunaredge.placement.check import check
from lunaredge.runtime.files.document import Document, KeyPath, unknown_key_remedy
from lunaredge.runtime.files.parsing import load_document

# 10,000 tasks on 1,000 nodes with 256 places take 10 MB of JSON.
JSON_BYTES_MAX = 128 * 1024 * 1024
YAML_BYTES_MAX = 4 * 1024 * 1024
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")

_Row = list[float | None]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The travel of one mover."""

    times_s: list[_Row]
    energies_j: list[_Row]


class PlacementFile(NamedTuple):
    """What a file holds, checked."""

    problem: Problem
    travel: Travel


def load_problem(path: Path) -> PlacementFile:
    """Give the problem of a file.

    Raises:
        ConfigError: the first thing in it that can't be used.
    """
    document = load_document(path, bytes_max(path))
    if not isinstance(document.value, dict):
        remedy = "give a table of keys with their values; docs/reference/placement-files.md"
        raise document.error("no placement problem", (), document.value, remedy)
    rest = dict(document.value)
    tables = _converted(document, rest.pop("travel", {}), dict[str, _Table], ("travel",))
    problem = _converted(document, rest, Problem, ())
    travel = _travel(path, tables)
    try:
        return PlacementFile(check(problem, travel), travel)
    except ConfigError as error:
        raise _placed_in(path, error) from error


def load_plan(path: Path) -> Plan:
    """Give the plan of a file that `lunaredge place --out` wrote.

    Raises:
        ConfigError: it is none.
    """
    document = load_document(path, bytes_max(path))
    if not isinstance(document.value, dict) or not isinstance(document.value.get("plan"), dict):
        remedy = "name a file that lunaredge place --out wrote"
        raise document.error("no plan", (), document.value, remedy)
    plan: Plan = _converted(document, document.value["plan"], Plan, ("plan",))
    return plan


def bytes_max(path: Path) -> int:
    """Give how large a placement file of that name may be."""
    return YAML_BYTES_MAX if path.suffix.lower() in (".yaml", ".yml") else JSON_BYTES_MAX


def _travel(path: Path, tables: dict[str, _Table]) -> Travel:
    legs = {
        mover: (_open(table.times_s), _open(table.energies_j)) for mover, table in tables.items()
    }
    try:
        return Travel.of(legs)
    except ConfigError as error:
        raise _placed_in(path, error) from error


def _open(rows: list[_Row]) -> list[list[float]]:
    """Give rows in which no way takes for ever."""
    return [[math.inf if value is None else value for value in row] for row in rows]


def _placed_in(path: Path, error: ConfigError) -> ConfigError:
    """Give an error of the library as one of the file."""
    key = f"travel.{error.key}" if error.place == "travel" else error.key
    return ConfigError(
        error.problem, place=str(path), key=key, value=error.value, remedy=error.remedy
    )


def _converted(document: Document, value: object, kind: Any, inside: KeyPath) -> Any:
    """Give a value as one of that kind, or the error that names the key, value and line."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `")
        steps = _STEP.finditer(where.partition("$")[2])
        key: KeyPath = tuple(step[1] or int(step[2]) for step in steps if step[1] or step[2])
        found: Any = value
        for step in key:
            found = found[step]
        unknown = re.fullmatch(r"Object contains unknown field `(.*)`", said)
        if unknown is not None and isinstance(found, dict):
            key, found = (*key, unknown[1]), found[unknown[1]]
            remedy = unknown_key_remedy(unknown[1], _known(kind, key))
        else:
            remedy = said[:1].lower() + said[1:]
        raise document.error("not what is asked for", (*inside, *key), found, remedy) from None


def _known(kind: Any, key: KeyPath) -> list[str]:
    """Give the keys that a table has, by the classes on the way to it."""
    for step in key[:-1]:
        if isinstance(step, int):
            continue
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        kind = _class_in(fields[step])
    return [field.name for field in msgspec.structs.fields(kind)]


def _class_in(kind: Any) -> Any:
    """Give the class of values that an annotation holds, whatever is around it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    inner = (_class_in(part) for part in getattr(kind, "__args__", ()))
    return next((part for part in inner if part is not None), None)
