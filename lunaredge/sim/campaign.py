"""Results of many seeds, kept as they come: a run of days goes on where it was broken off.

One file for each version of the simulator's source, one line of JSON for each finished seed,
on the disk before the next one is told. A line that a kill or a power cut left half is dropped.
Knows neither what a seed is run for nor how.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from lunaredge.errors import ConfigError, StorageError
from lunaredge.sim.run import Outcome

SUFFIX = ".jsonl"


class Key(msgspec.Struct, frozen=True):
    """Which run it was, among those of one version."""

    scenario: str
    hours: float | None
    seed: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of one finished seed."""

    key: Key
    ok: bool
    failure: str
    breach: str
    digest: str
    events: int
    virtual_s: float
    converged_s: float | None
    faults: int
    checks: dict[str, int]
    cpu_s: float
    due_count: int = 0
    """Strikes that came due, those included that were not let happen."""

    @classmethod
    def of(cls, key: Key, outcome: Outcome, cpu_s: float) -> "Row":
        """Give what is counted of an outcome."""
        return cls(
            key=key,
            ok=outcome.ok,
            failure=outcome.failure,
            breach=outcome.breach,
            digest=outcome.digest,
            events=outcome.events,
            virtual_s=outcome.virtual_s,
            converged_s=outcome.converged_s,
            faults=outcome.faults,
            checks={name: verdict.checked for name, verdict in outcome.invariants.items()},
            cpu_s=cpu_s,
            due_count=outcome.due_count,
        )


class Records:
    """The results of one version, open for more."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.path = path
        self.rows: dict[Key, Row] = {}
        """What was there when it was opened, and what was added since."""
        self._file = file
        self._read()

    def add(self, row: Row) -> None:
        """Keep one more, safe from a power cut once this returns.

        Raises:
            StorageError: it can't be written.
        """
        try:
            self._file.write(msgspec.json.encode(row) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise StorageError(
                f"{self.path}: a result cannot be written: {exc.strerror}; make room on the disk, "
                "and start again: what is in the file stays"
            ) from exc
        self.rows[row.key] = row

    def _read(self) -> None:
        content = self._file.read()
        # What comes after the last line break was being written when its writer died.
        end = content.rfind(b"\n") + 1
        self._file.truncate(end)
        self._file.seek(end)
        for line in content[:end].splitlines():
            try:
                row = msgspec.json.decode(line, type=Row)
            except msgspec.DecodeError:
                continue  # a sector that a power cut left in the middle; that seed is run again
            self.rows[row.key] = row


@contextmanager
def records(folder: Path, version: str) -> Iterator[Records]:
    """Give the results of a version in a folder; those of other versions lie beside it, untouched.

    Raises:
        ConfigError: the folder can't be used, or another process is at it.
    """
    path = folder / f"{version}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("r+b" if path.exists() else "w+b")
    except OSError as exc:
        remedy = "name a folder that can be written"
        raise _wrong(f"can't be used ({exc.strerror})", folder, remedy) from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise _wrong("another process is at it", folder, "wait for it, or end it") from exc
        yield Records(file, path)


def versions_beside(path: Path) -> list[str]:
    """Name the other versions whose results lie in the same folder."""
    others = sorted(other.stem for other in path.parent.glob(f"*{SUFFIX}"))
    return [name for name in others if name != path.stem]


def _wrong(problem: str, folder: Path, remedy: str) -> ConfigError:
    return ConfigError(
        problem, place="lunaredge sim", key="--campaign", value=str(folder), remedy=remedy
    )
