"""What a benchmark prints: rows, and the machine that they were measured on."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from lunaredge.cli.table import Column, render

# What decides a figure besides the processor.
LIBRARIES = ("lunaredge", "numba", "numpy", "scipy", "shapely", "msgpack", "msgspec", "pydantic")
COLUMNS = (
    Column("case", "CASE"),
    Column("metric", "METRIC"),
    Column("ours", "OURS"),
    Column("peer", "PEER"),
    Column("peer_value", "PEER'S"),
    Column("ratio", "RATIO"),
    Column("note", "NOTE"),
)
_DIGITS = 4


class BenchRow(msgspec.Struct, frozen=True, kw_only=True):
    """One case against one peer, or against none."""

    case: str
    metric: str
    unit: str
    ours: float | None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    """How many times better ours is; under 1 it is worse."""
    note: str = ""
    """What bounds the figure, and what a reader must know to compare it."""


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    seconds: float | None
    """How long to measure; None: as long as the benchmark finds right."""
    data: str | None
    """A folder of other instances."""


def row_against(row: BenchRow, peer: str, peer_value: float, *, more_is_better: bool) -> BenchRow:
    """Give a row of ours with a peer's value beside it."""
    assert row.ours is not None, "there is nothing to compare"
    better, worse = (row.ours, peer_value) if more_is_better else (peer_value, row.ours)
    ratio = better / worse if worse > 0.0 else None
    return msgspec.structs.replace(row, peer=peer, peer_value=peer_value, ratio=ratio)


def as_document(name: str, rows: Sequence[BenchRow]) -> dict[str, object]:
    """Give a benchmark's result for scripts."""
    return {
        "bench": name,
        "machine": machine(),
        "rows": [_rounded(msgspec.to_builtins(row)) for row in rows],
    }


def as_text(name: str, rows: Sequence[BenchRow]) -> str:
    """Give a benchmark's result for people: a table, its notes below."""
    notes: list[str] = []
    cells = []
    for row in rows:
        if row.note and row.note not in notes:
            notes.append(row.note)
        cell = _rounded(msgspec.to_builtins(row))
        for key in ("ours", "peer_value", "ratio"):
            cell[key] = f"{cell[key]:g}" if cell[key] is not None else None
        cell["note"] = f"[{notes.index(row.note) + 1}]" if row.note else ""
        cells.append(cell)
    about = ", ".join(f"{key} {value}" for key, value in machine().items() if value)
    lines = [f"{name}: {about}", render(cells, COLUMNS)]
    lines += [f"[{number}] {note}" for number, note in enumerate(notes, start=1)]
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """Say what the figures were measured on."""
    versions = {name: _version(name) for name in LIBRARIES}
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
    }


def _rounded(row: dict[str, object]) -> dict[str, object]:
    """Leave out digits that no measurement has."""
    return {
        key: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
        for key, value in row.items()
    }


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
            return next(names, platform.machine())
    except OSError:
        return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
