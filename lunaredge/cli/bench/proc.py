"""What the kernel says of a running process: memory, processor time, bytes written. Linux only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from lunaredge.errors import LunarEdgeError

PROC = Path("/proc")
_KIB_PER_MIB = 1024.0


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of one process, MiB."""

    rss_mib: float
    pss_mib: float
    """Shared pages by share, as if no other process of the same interpreter ran."""
    uss_mib: float


class _Mapping(NamedTuple):
    file: str
    sizes_kib: dict[str, int]


def memory_of(pid: int) -> Memory:
    """Give the memory of a process.

    PSS divides a page by the number of its users. On a board the agent is alone, on a developer's
    machine other Pythons share its libraries. So files that another process of the same
    interpreter maps count in full: never less than the truth on a board.

    Raises:
        LunarEdgeError: there is no such process, or not this kernel.
    """
    shared = _files_of_twins(pid)
    rss_kib = pss_kib = uss_kib = 0
    for mapping in _mappings(pid):
        sizes_kib = mapping.sizes_kib
        rss_kib += sizes_kib["Rss"]
        pss_kib += sizes_kib["Rss" if mapping.file in shared else "Pss"]
        uss_kib += sizes_kib["Private_Clean"] + sizes_kib["Private_Dirty"]
    return Memory(
        rss_mib=rss_kib / _KIB_PER_MIB,
        pss_mib=pss_kib / _KIB_PER_MIB,
        uss_mib=uss_kib / _KIB_PER_MIB,
    )


def cpu_s_of(pid: int) -> float:
    """Give the processor time of a process, its kernel part included."""
    # The program's name may hold blanks and brackets; what follows its last bracket does not.
    fields = _text(PROC / str(pid) / "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def written_bytes_of(pid: int) -> int:
    """Give the bytes that a process caused to be written to a medium; none on a RAM disk."""
    lines = _text(PROC / str(pid) / "io").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


def file_system_of(folder: Path) -> str:
    """Give the kind of file system that a folder is on; empty when it is not known."""
    places = [line.split() for line in _text(PROC / "self" / "mounts").splitlines()]
    above = [place for place in places if folder.resolve().is_relative_to(place[1])]
    return max(above, key=lambda place: len(place[1]))[2] if above else ""


def _mappings(pid: int) -> Iterator[_Mapping]:
    mapping: _Mapping | None = None
    for line in _text(PROC / str(pid) / "smaps").splitlines():
        first, *others = line.split(maxsplit=5)
        if first.endswith(":") and mapping is not None:
            if others[-1] == "kB":
                mapping.sizes_kib[first[:-1]] = int(others[0])
        else:
            if mapping is not None:
                yield mapping
            mapping = _Mapping(others[4] if len(others) > 4 else "", {})
    if mapping is not None:
        yield mapping


def _files_of_twins(pid: int) -> frozenset[str]:
    """Give the files that other processes of the same interpreter have mapped."""
    program = (PROC / str(pid) / "exe").readlink()
    files: set[str] = set()
    for folder in PROC.glob("[0-9]*"):
        try:
            if folder.name == str(pid) or (folder / "exe").readlink() != program:
                continue
            lines = (folder / "maps").read_text("utf-8").splitlines()
        except OSError:
            continue  # gone meanwhile, or another user's
        parts = (line.split(maxsplit=5) for line in lines)
        files |= {part[5] for part in parts if len(part) > 5 and part[5].startswith("/")}
    return frozenset(files)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as exc:
        raise LunarEdgeError(f"{path} can't be read ({exc.strerror}); this needs Linux") from exc
