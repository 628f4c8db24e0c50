"""What was done to the files of one folder, in order: the raw material of crash images.

`vfs` writes it for SQLite and `plain` for Python's own calls. A file is a number here, since a name
may come to mean another file; names are relative to the folder. What was there at the beginning
counts as being on the medium.
"""

import os
from pathlib import Path

import msgspec

SHORT_LIVED = ("-shm", ".lock")
"""Ends of names that no image holds: SQLite's shared memory, and locks."""


class Made(msgspec.Struct, frozen=True):
    file: int
    name: str


class Wrote(msgspec.Struct, frozen=True):
    file: int
    offset: int
    piece: bytes


class Resized(msgspec.Struct, frozen=True):
    file: int
    size_bytes: int


class Synced(msgspec.Struct, frozen=True):
    """Everything written to the file so far is on the medium, and its size."""

    file: int


class Renamed(msgspec.Struct, frozen=True):
    file: int
    source: str
    target: str


class Removed(msgspec.Struct, frozen=True):
    file: int
    name: str


class FolderSynced(msgspec.Struct, frozen=True):
    """Every name of the folder that holds these names is on the medium."""

    folder: str


class Said(msgspec.Struct, frozen=True):
    """No act on files: what the one who acts wants to find again in the order."""

    word: object


Op = Made | Wrote | Resized | Synced | Renamed | Removed | FolderSynced | Said


class History:
    """Everything done below a folder since this was made."""

    def __init__(self, folder: Path, *, ignores_syncs: bool = False) -> None:
        self.folder = folder.resolve()
        self.ops: list[Op] = []
        self.start: dict[str, tuple[int, bytes]] = {}
        """Files by name at the beginning: number and content."""
        self._ignores_syncs = ignores_syncs
        self._files: dict[str, int] = {}
        self._count = 0
        for path in sorted(self.folder.rglob("*")):
            name = self.name_of(path)
            if name is not None and path.is_file():
                self.start[name] = (self._number(name), path.read_bytes())

    def name_of(self, path: str | bytes | os.PathLike[str]) -> str | None:
        """Give the name of a file that is recorded; None for any other."""
        full = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 (links stay what they are)
        if not full.is_relative_to(self.folder) or full.name.endswith(SHORT_LIVED):
            return None
        return full.relative_to(self.folder).as_posix()

    def file_of(self, name: str) -> int:
        """Give the number of the file that has the name now."""
        return self._files[name]

    def say(self, word: object) -> None:
        self.ops.append(Said(word))

    def made(self, name: str) -> int:
        number = self._number(name)
        self.ops.append(Made(number, name))
        return number

    def wrote(self, file: int, offset: int, piece: bytes) -> None:
        self.ops.append(Wrote(file, offset, piece))

    def resized(self, file: int, size_bytes: int) -> None:
        self.ops.append(Resized(file, size_bytes))

    def synced(self, file: int) -> None:
        if not self._ignores_syncs:
            self.ops.append(Synced(file))

    def renamed(self, source: str, target: str) -> None:
        number = self._files.pop(source)
        self._files[target] = number
        self.ops.append(Renamed(number, source, target))

    def removed(self, name: str) -> None:
        self.ops.append(Removed(self._files.pop(name), name))

    def folder_synced(self, folder: str) -> None:
        if not self._ignores_syncs:
            self.ops.append(FolderSynced(folder))

    def written_bytes(self) -> int:
        """Give how much was written, whatever of it lies over what."""
        return sum(len(op.piece) for op in self.ops if isinstance(op, Wrote))

    def check(self) -> None:
        """Assert that nothing escaped: what was recorded comes to what is there."""
        contents = {number: bytearray(content) for number, content in self.start.values()}
        for op in self.ops:
            if isinstance(op, Made | Wrote | Resized):
                apply(contents.setdefault(op.file, bytearray()), op)
        there = {
            name: path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and (name := self.name_of(path)) is not None
        }
        assert sorted(there) == sorted(self._files), "names escaped the recorder"
        for name, number in self._files.items():
            assert bytes(contents[number]) == there[name], f"writes to {name} escaped the recorder"

    def _number(self, name: str) -> int:
        self._count += 1
        self._files[name] = self._count
        return self._count


def apply(content: bytearray, op: Made | Wrote | Resized) -> None:
    """Do one thing to a content as the kernel does it in memory."""
    if isinstance(op, Wrote):
        end = op.offset + len(op.piece)
        content.extend(bytes(max(0, end - len(content))))
        content[op.offset : end] = op.piece
    elif isinstance(op, Resized):
        content.extend(bytes(max(0, op.size_bytes - len(content))))
        del content[op.size_bytes :]
