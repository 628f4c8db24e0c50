"""The lock that says whose a store is: one process's, from its start until it is gone.

An advisory lock of the operating system (`flock`) on a file beside the store. The kernel gives it
up when the last descriptor is closed, so a process that is killed gives it up as it dies, and one
that is frozen keeps it: what is merely silent may wake up and write. The file says which process
holds it, for people alone. It is never deleted by us: on a new file of the same name a second
process would find a second lock.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Self

from lunaredge.errors import StorageError

# What a lock answers when somebody else holds it; anything else means that there are no locks here.
_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_HOLDER_BYTES_MAX = 32
# A server of files may give one lock to two computers: its own word is all that they have.
NETWORK_DISKS = frozenset(
    {"afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "lustre", "nfs", "nfs4", "smb3"}
)
_MOUNTS = Path("/proc/self/mountinfo")


class StoreLock:
    """A lock that is held. Take it with `take` or `try_take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        """The store that it is for."""
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path, remedy: str) -> Self:
        """Take the lock of a store now; the remedy is what to do where another process has it.

        Raises:
            StorageError: another process has it, or nothing can be locked there.
        """
        lock = cls.try_take(path)
        if lock is None:
            raise StorageError(f"{path} is in use by process {holder(path) or 'unknown'}; {remedy}")
        return lock

    @classmethod
    def try_take(cls, path: Path) -> Self | None:
        """Take the lock of a store if nobody has it; else give None.

        Raises:
            StorageError: nothing can be locked there.
        """
        file = _file(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise StorageError(f"{path} can't be opened: {exc}") from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_still(file, descriptor):
                # Deleted since it was opened: whoever comes next would lock another one.
                os.close(descriptor)
                return None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except OSError as exc:
            os.close(descriptor)
            if exc.errno in _HELD:
                return None
            raise StorageError(
                f"{file} can't be locked: {exc}; keep the store on a local disk that takes locks"
            ) from exc
        return cls(path, descriptor)

    def release(self) -> None:
        """Give it up. The file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(path: Path) -> int | None:
    """Give the process that holds a store's lock, as far as its file tells."""
    try:
        text = _file(path).read_bytes()[:_HOLDER_BYTES_MAX]
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def refuse_network_disk(path: Path) -> None:
    """Make sure that a store's lock is kept by the computer that runs its process.

    Raises:
        StorageError: it is on another computer's disk.
    """
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        # No Linux: nothing tells.
        return
    kind = disk_kind(path.absolute(), mounts)
    if kind in NETWORK_DISKS:
        raise StorageError(
            f"{path} is on a network disk ({kind}), where two computers may hold one lock;"
            " keep the scheduler's store on a local disk"
        )


def disk_kind(path: Path, mounts: str) -> str:
    """Give the kind of file system under a path, by the kernel's table of mounts."""
    found, found_at = "", Path()
    for line in mounts.splitlines():
        front, _, back = line.partition(" - ")
        fields = front.split(" ")
        if len(fields) < 5 or not back:
            continue
        at = Path(fields[4].replace("\\040", " "))
        # Of two mounts at one place the later one lies on top.
        if path.is_relative_to(at) and len(at.parts) >= len(found_at.parts):
            found, found_at = back.split(" ")[0], at
    return found


def _file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
