"""What a benchmark gives: rows, and the machine that they were measured on."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec

# What decides a figure besides the processor; those that are installed are told.
LIBRARIES = (
    *("lunaredge", "numba", "numpy", "scipy", "shapely", "msgpack", "msgspec", "pydantic"),
    *("commonroad-drivability-checker", "python-fcl", "coal", "pyastar2d", "ortools", "highspy"),
)


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
    reason: str = ""
    """Why there is no figure of the peer's; for scripts it stands at the head of the note."""
    job: str = ""
    """Which of a benchmark's jobs it is of; people's texts are grouped by it."""


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    seconds: float | None
    """How long to measure; None: as long as the benchmark finds right."""
    data: str | None
    """A folder of other instances."""
    job: str | None = None
    """The one job of the benchmark that is wanted; None: all."""


def row_against(row: BenchRow, peer: str, peer_value: float, *, more_is_better: bool) -> BenchRow:
    """Give a row of ours with a peer's value beside it."""
    assert row.ours is not None, "there is nothing to compare"
    better, worse = (row.ours, peer_value) if more_is_better else (peer_value, row.ours)
    ratio = better / worse if worse > 0.0 else None
    if better == worse:
        ratio = 1.0
    return msgspec.structs.replace(row, peer=peer, peer_value=peer_value, ratio=ratio)


def as_document(name: str, rows: Sequence[BenchRow]) -> dict[str, object]:
    """Give a benchmark's result for scripts, its figures as they were measured."""
    return {"bench": name, "machine": machine(), "rows": [_for_scripts(row) for row in rows]}


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


def _for_scripts(row: BenchRow) -> dict[str, object]:
    tree: dict[str, object] = msgspec.to_builtins(row)
    # The keys are promised; a script finds the job in the case.
    del tree["job"], tree["reason"]
    tree["note"] = f"{row.reason}. {row.note}" if row.reason else row.note
    return tree


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
