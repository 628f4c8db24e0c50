"""Placement files: a placement problem with its travel, and the plan of one, as written down.

The keys are those of `placement.problem`; docs/reference/placement-files.md has them all. Beside
them stands ``travel``: seconds and joules between places, by mover, null where there is no way.
"""

import enum
import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.placement import Plan, Problem, Travel
from lunaredge.placement.check import check
from lunaredge.placement.problem import HORIZON_S_MAX
from lunaredge.runtime.files.document import (
    Document,
    KeyPath,
    file_error,
    refuse_folder,
    unknown_key_remedy,
)
from lunaredge.runtime.files.parsing import load_document

# 10,000 tasks on 1,000 nodes with 256 places take 10 MB of JSON; YAML is read 50 times as slowly.
JSON_BYTES_MAX = 64 * 1024 * 1024
YAML_BYTES_MAX = 4 * 1024 * 1024
_BYTES_MAX = {".json": JSON_BYTES_MAX, ".yaml": YAML_BYTES_MAX, ".yml": YAML_BYTES_MAX}
_STEP = re.compile(r"\.?(\w[\w-]*)|\[(\d+)\]")
_EXPECTED = re.compile(r"Expected `([^`]*)`([^,]*)")
_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table of keys",
}
# Longer lists than this are told by their length.
_SHOWN_MAX = 16

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
    document = _loaded(path)
    if not isinstance(document.value, dict):
        remedy = "give a table of keys: tasks, nodes, horizon_s and more"
        raise document.error("no placement problem", (), _shown(document.value), remedy)
    rest = dict(document.value)
    travel = _travel(document, rest.pop("travel", {}))
    problem = _converted(document, rest, Problem, ())
    try:
        return PlacementFile(check(problem, travel), travel)
    except ConfigError as error:
        raise _placed_in(document, error, error.key) from error


def load_plan(path: Path) -> Plan:
    """Give the plan of a file that `lunaredge place --out` wrote.

    Raises:
        ConfigError: it is none, or a time in it is out of range.
    """
    document = _loaded(path)
    if not isinstance(document.value, dict) or not isinstance(document.value.get("plan"), dict):
        remedy = "name a file that lunaredge place --out wrote"
        raise document.error("no plan", (), _shown(document.value), remedy)
    plan: Plan = _converted(document, document.value["plan"], Plan, ("plan",))
    seen: set[str] = set()
    for k, item in enumerate(plan.placed):
        key: KeyPath = ("plan", "placed", k)
        if item.task in seen:
            raise document.error("there twice", (*key, "task"), item.task, "keep one of the two")
        seen.add(item.task)
        _check_times(document, key, item, ("start_s", "end_s"))
        if item.charge is not None:
            _check_times(document, (*key, "charge"), item.charge, ("begin_s", "end_s"))
    return plan


def _check_times(
    document: Document, key: KeyPath, item: msgspec.Struct, names: tuple[str, ...]
) -> None:
    for name in names:
        time_s = getattr(item, name)
        if not 0 <= time_s <= HORIZON_S_MAX:
            remedy = f"give seconds, 0 to {HORIZON_S_MAX}"
            raise document.error("out of range", (*key, name), time_s, remedy)


def _loaded(path: Path) -> Document:
    refuse_folder(path)
    bytes_max = _BYTES_MAX.get(path.suffix.lower())
    if bytes_max is None:
        remedy = f"use one of {', '.join(_BYTES_MAX)}"
        raise file_error("the file type is not known", path, path.suffix, remedy)
    return load_document(path, bytes_max)


def _travel(document: Document, tree: object) -> Travel:
    """Give the travel of a file: (P, P) seconds and joules for each mover."""
    if not isinstance(tree, dict):
        remedy = "give a table: times_s and energies_j for each mover"
        raise document.error("no table of movers", ("travel",), _shown(tree), remedy)
    tables = {
        mover: _converted(document, table, _Table, ("travel", mover))
        for mover, table in tree.items()
    }
    # Whoever comes first says how many places there are.
    place_count = max((len(table.times_s) for table in list(tables.values())[:1]), default=0)
    for mover, table in tables.items():
        _check_table(document, ("travel", mover), table, place_count)
    legs = {
        mover: (_open(table.times_s), _open(table.energies_j)) for mover, table in tables.items()
    }
    try:
        return Travel.of(legs)
    except ConfigError as error:
        raise _placed_in(document, error, f"travel.{error.key}") from error


def _check_table(document: Document, key: KeyPath, table: _Table, place_count: int) -> None:
    """Check that both tables are square, of the same size, and null at the same places."""
    remedy = (
        f"give {place_count} rows of {place_count} numbers, as many as the first table has rows"
    )
    for name in table.__struct_fields__:
        rows = getattr(table, name)
        if len(rows) != place_count:
            raise document.error("not square", (*key, name), f"{len(rows)} rows", remedy)
        for k, row in enumerate(rows):
            if len(row) != place_count:
                said = f"{len(row)} numbers"
                raise document.error("not square", (*key, name, k), said, remedy)
    for k, pair in enumerate(zip(table.times_s, table.energies_j, strict=True)):
        for i, (time_s, energy_j) in enumerate(zip(*pair, strict=True)):
            if (time_s is None) != (energy_j is None):
                said, value = "null in only one of times_s and energies_j", [time_s, energy_j]
                where = (*key, "times_s" if time_s is None else "energies_j", k, i)
                raise document.error(
                    said, where, _shown(value), "give both numbers, or null in both"
                )


def _open(rows: list[_Row]) -> list[list[float]]:
    """Give rows in which no way takes for ever."""
    return [[math.inf if value is None else value for value in row] for row in rows]


def _placed_in(document: Document, error: ConfigError, key: str) -> ConfigError:
    """Give an error of the library as one of the file, at its line."""
    steps: list[str | int] = [step[1] or int(step[2]) for step in _STEP.finditer(key)]
    known = (tuple(steps[:length]) for length in range(len(steps), -1, -1))
    line = next((document.lines[one] for one in known if one in document.lines), None)
    place = str(document.path) if line is None else f"{document.path}:{line}"
    # A file has no infinity: it says null.
    remedy = error.remedy.replace("or inf where", "or null where")
    return ConfigError(error.problem, place=place, key=key, value=error.value, remedy=remedy)


def _converted(document: Document, value: object, kind: Any, inside: KeyPath) -> Any:
    """Give a value as one of that kind, or the error that names the key, value and line."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _refused(document, value, kind, inside, str(error)) from None
    except OverflowError:
        remedy = "give numbers that fit 64 bits"
        raise document.error("a number is too large", inside, _shown(value), remedy) from None


def _refused(document: Document, value: Any, kind: Any, inside: KeyPath, error: str) -> ConfigError:
    """Put an error of msgspec in our words."""
    said, _, where = error.partition(" - at `")
    steps = _STEP.finditer(where.rpartition("`")[0].partition("$")[2])
    key: KeyPath = tuple(step[1] or int(step[2]) for step in steps)
    for step in key:
        value = value[step]
    field, at = _FIELD.fullmatch(said), _class_at(kind, key)
    if field is None:
        problem, remedy = "not what is asked for", _remedy(said, at)
        return document.error(problem, (*inside, *key), _shown(value), remedy)
    key, name = (*inside, *key), field[2]
    if field[1] == "missing required":
        return document.error("a key is missing", (*key, name), _shown(value), "give it")
    known = [] if at is None else [one.name for one in msgspec.structs.fields(at)]
    remedy = unknown_key_remedy(name, known if key else [*known, "travel"])
    return document.error("unknown key", (*key, name), _shown(value[name]), remedy)


def _remedy(said: str, kind: Any) -> str:
    """Say what to do about what msgspec says of a value that is to be of some class."""
    expected = _EXPECTED.match(said)
    if expected is not None:
        kinds = [_WORDS.get(one, one) for one in expected[1].split(" | ")]
        quotes = " in quotes" if kinds == ["text"] and not expected[2] else ""
        return f"give {' or '.join(kinds)}{expected[2]}{quotes}"
    if said.startswith("Invalid enum value"):
        return f"give one of {', '.join(one.value for one in kind)}"
    return "give a smaller number"


def _shown(value: object) -> object:
    """Give a value as an error shows it: a table by its keys, a long list by its length."""
    if isinstance(value, dict):
        return f"a table of {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, list) and len(value) > _SHOWN_MAX:
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool | list):
        return _Word(json.dumps(value, default=str, ensure_ascii=False))
    return value


class _Word(str):
    """What an error shows as it stands in the file: true and null, not Python's words for them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _class_at(kind: Any, key: KeyPath) -> Any:
    """Give the class of what stands at a key, by the classes on the way to it; None: plain."""
    for step in key:
        if isinstance(step, str):
            fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
            kind = _class_in(fields[step])
    return _class_in(kind)


def _class_in(kind: Any) -> Any:
    """Give the class of values or the choice that an annotation holds, whatever is around it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct | enum.Enum):
        return kind
    inner = (_class_in(part) for part in getattr(kind, "__args__", ()))
    return next((part for part in inner if part is not None), None)
