"""What may be left on the medium when the power is cut: images made from a history and a seed.

Of each file: all that was written before its last completed sync; of what came after it, any
sectors, in any order, with any of the sizes that the file had meanwhile. Part of the new length
that no sector reached holds zeros or rubbish. Names: all that was done before the folder's last
sync; of the rest as much, in order, as a journal keeps, or any of it. A sector is whole: 512 bytes
are the least that any medium writes, and what SQLite and every log with checksums counts on.
"""

import random
from pathlib import Path

import msgspec

from tests.runtime.power.history import (
    FolderSynced,
    History,
    Made,
    Op,
    Removed,
    Renamed,
    Resized,
    Said,
    Synced,
    Wrote,
    apply,
)

SECTOR_BYTES = 512
Pending = list[Wrote | Resized]


class Temper(msgspec.Struct, frozen=True, kw_only=True):
    """How the medium and its file system take one power cut."""

    survival_ratio: float
    """Share of the sectors not yet synced that get through."""
    in_order: bool
    """Writes of a file get through in order, and only the last of them is torn."""
    rubbish: bool
    """What lies under a new length that was never written is rubbish; else zeros."""
    names_in_order: bool
    """Names change in order, as a journal has them; else any change may be lost by itself."""


def temper(rng: random.Random) -> Temper:
    """Draw one."""
    return Temper(
        survival_ratio=rng.choice((0.0, 0.1, 0.5, 0.9, 1.0)),
        in_order=rng.random() < 0.3,
        rubbish=rng.random() < 0.3,
        names_in_order=rng.random() < 0.5,
    )


def said_before(history: History, cut: int) -> list[object]:
    """Give the words said before a cut."""
    return [op.word for op in history.ops[:cut] if isinstance(op, Said)]


def image(history: History, cut: int, rng: random.Random) -> dict[str, bytes]:
    """Give the files by name that a power cut before that operation of the history leaves."""
    how = temper(rng)
    ops = history.ops[:cut]
    settled = {number: bytearray(content) for number, content in history.start.values()}
    pending: dict[int, Pending] = {}
    for op in ops:
        if isinstance(op, Made):
            settled[op.file] = bytearray()
        elif isinstance(op, Wrote | Resized):
            pending.setdefault(op.file, []).append(op)
        elif isinstance(op, Synced):
            for late in pending.pop(op.file, ()):
                apply(settled[op.file], late)
    names = _names(history, ops, how, rng)
    return {
        name: torn(bytes(settled[number]), pending.get(number, []), how, rng)
        for name, number in sorted(names.items())
    }


def put(files: dict[str, bytes], folder: Path) -> None:
    """Write an image into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _names(history: History, ops: list[Op], how: Temper, rng: random.Random) -> dict[str, int]:
    names = {name: number for name, (number, _) in history.start.items()}
    waiting: list[Made | Renamed | Removed] = []
    for op in ops:
        if isinstance(op, Made | Renamed | Removed):
            waiting.append(op)
        elif isinstance(op, FolderSynced):
            for change in [one for one in waiting if _touches(one, op.folder)]:
                waiting.remove(change)
                _change(names, change)
    if how.names_in_order:
        kept = waiting[: rng.randint(0, len(waiting))]
    else:
        kept = [change for change in waiting if rng.random() < 0.5]
    for change in kept:
        _change(names, change)
    return names


def _touches(change: Made | Renamed | Removed, folder: str) -> bool:
    # A rename between folders is on the medium when its target's folder is: weaker than any
    # journal, which keeps both in one step.
    name = change.target if isinstance(change, Renamed) else change.name
    return name.rpartition("/")[0] == folder


def _change(names: dict[str, int], change: Made | Renamed | Removed) -> None:
    if isinstance(change, Made):
        names[change.name] = change.file
    elif isinstance(change, Removed):
        if names.get(change.name) == change.file:
            del names[change.name]
    else:
        if names.get(change.source) == change.file:
            del names[change.source]
        names[change.target] = change.file


def torn(settled: bytes, pending: Pending, how: Temper, rng: random.Random) -> bytes:
    """Give a file of which some was never synced."""
    if not pending:
        return settled
    if how.in_order:
        through = rng.randrange(len(pending))
        whole = bytearray(settled)
        for op in pending[:through]:
            apply(whole, op)
        settled, pending = bytes(whole), [pending[through]]
    versions, sizes = _versions(settled, pending)
    size_bytes = _size(sizes, rng)
    left = bytearray(settled[:size_bytes])
    new_bytes = size_bytes - len(left)
    left += rng.randbytes(new_bytes) if how.rubbish else bytes(new_bytes)
    for sector, contents in sorted(versions.items()):
        begin = sector * SECTOR_BYTES
        if begin < size_bytes and rng.random() < how.survival_ratio:
            content = contents[-1] if rng.random() < 0.7 else rng.choice(contents)
            room_bytes = min(SECTOR_BYTES, size_bytes - begin)
            left[begin : begin + room_bytes] = content[:room_bytes]
    return bytes(left)


def _versions(settled: bytes, pending: Pending) -> tuple[dict[int, list[bytes]], list[int]]:
    """Give the contents that each sector had since the last sync, and the sizes of the file."""
    versions: dict[int, list[bytes]] = {}
    sizes = [len(settled)]
    content = bytearray(settled)
    for op in pending:
        before_bytes = len(content)
        apply(content, op)
        sizes.append(len(content))
        begin, end = _span(op, before_bytes, len(content))
        for sector in range(begin // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            part = content[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES]
            versions.setdefault(sector, []).append(bytes(part).ljust(SECTOR_BYTES, b"\0"))
    return versions, sizes


def _span(op: Wrote | Resized, before_bytes: int, after_bytes: int) -> tuple[int, int]:
    if isinstance(op, Wrote):
        # A hole before it comes to be with it.
        return min(op.offset, before_bytes), op.offset + len(op.piece)
    return min(before_bytes, after_bytes), max(before_bytes, after_bytes)


def _size(sizes: list[int], rng: random.Random) -> int:
    if rng.random() < 0.25:
        # Part of the way, by whole sectors; never shorter than it was at any time.
        low, high = -(-min(sizes) // SECTOR_BYTES), -(-max(sizes) // SECTOR_BYTES)
        return min(max(sizes), rng.randint(low, high) * SECTOR_BYTES)
    return rng.choice(sizes)
