"""Records what SQLite does to files, by standing between it and its own Unix layer.

The SQLite that Python's `_sqlite3` is linked with is reached with ctypes. A copy of its Unix VFS
becomes the default one; each file it opens gets a copy of its table of methods, in which writing,
resizing, syncing and closing are ours. They call the real ones, then record. That a folder is
synced shows by the system call that opens it, which SQLite lets us stand in for.

For processes of their own: the default VFS holds for all of a process, and is never taken back.
"""

import _sqlite3
import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p
from typing import Any

from tests.runtime.power.history import History

_OK = 0

# The path stays an address, and SQLite's own: it keeps that, and reads on behind its end. A copy,
# as `c_char_p` makes one, is gone after the call; the -shm file is then named after whatever has
# come there since, and lands in the folder that the process runs in.
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(c_void_p), c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_SET_CALL = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GET_CALL = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
_OPEN_FOLDER = CFUNCTYPE(c_int, c_char_p, POINTER(c_int))

_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_RESIZE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    """``sqlite3_vfs``, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_bytes", c_int),
        ("path_bytes_max", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app_data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("between", c_void_p * 11),  # xAccess to xCurrentTimeInt64
        ("set_call", c_void_p),
        ("get_call", c_void_p),
        ("next_call", c_void_p),
    )


class _Methods(Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("resize", c_void_p),
        ("sync", c_void_p),
        ("behind", c_void_p * 13),  # xFileSize to xUnfetch
    )


class SqliteRecorder:
    """Stands between SQLite and the disk of this process from now on; records one history.

    Raises:
        OSError: this Python's SQLite can't be reached, or is of another make.
    """

    def __init__(self) -> None:
        self.history: History | None = None
        self._synced_folder: str | None = None
        self._open_files: dict[int, tuple[str, int]] = {}
        """Name and number by the address of SQLite's own file."""
        self._tables: dict[int, _Methods] = {}
        self._kept: list[Any] = []
        """What SQLite holds the address of, so that it stays where it is."""
        library = ctypes.CDLL(_sqlite3.__file__)
        try:
            find, register = library.sqlite3_vfs_find, library.sqlite3_vfs_register
        except AttributeError as exc:
            raise OSError(f"{_sqlite3.__file__} doesn't show SQLite's own functions") from exc
        find.restype = POINTER(_Vfs)
        self._real = find(b"unix")
        if not self._real or self._real.contents.version < 3:
            raise OSError("this SQLite has no Unix VFS of version 3")
        self._watch_folders()
        self._real_open = _OPEN(self._real.contents.open)
        self._real_delete = _DELETE(self._real.contents.delete)
        ours = _Vfs.from_buffer_copy(self._real.contents)
        ours.next, ours.name = None, b"recorded"
        ours.open = self._address(_OPEN(self._on_open))
        ours.delete = self._address(_DELETE(self._on_delete))
        self._kept.append(ours)
        if register(byref(ours), 1) != _OK:
            raise OSError("SQLite refused the recording VFS")

    def _address(self, function: Any) -> int | None:
        self._kept.append(function)
        return ctypes.cast(function, c_void_p).value

    # --- the file system -------------------------------------------------------------------------

    def _watch_folders(self) -> None:
        real = self._real.contents
        open_folder = _OPEN_FOLDER(_GET_CALL(real.get_call)(self._real, b"openDirectory"))

        def on_open_folder(path: bytes, out_descriptor: Any) -> int:
            # It is told the path of a file in the folder.
            self._synced_folder = os.path.dirname(os.fsdecode(path))  # noqa: PTH120
            return open_folder(path, out_descriptor)

        ours = self._address(_OPEN_FOLDER(on_open_folder))
        if _SET_CALL(real.set_call)(self._real, b"openDirectory", ours) != _OK:
            raise OSError("SQLite refused to have its system calls watched")

    def _on_open(self, _: int, path: int | None, file: Any, flags: int, out_flags: int) -> int:
        history = self.history
        known = history is not None and path is not None
        name = history.name_of(ctypes.string_at(path)) if known else None
        is_new = name is not None and not (history.folder / name).exists()
        code = self._real_open(self._real, path, file, flags, out_flags)
        if code == _OK and name is not None:
            number = history.made(name) if is_new else history.file_of(name)
            self._open_files[ctypes.addressof(file.contents)] = (name, number)
            file[0] = self._table(file[0])
        return code

    def _on_delete(self, _: int, path: bytes, sync_folder: int) -> int:
        self._synced_folder = None
        code = self._real_delete(self._real, path, sync_folder)
        name = self.history.name_of(path) if self.history is not None else None
        if code == _OK and name is not None:
            self.history.removed(name)
            self._tell_folder(name)
        return code

    def _tell_folder(self, name: str) -> None:
        if self._synced_folder is not None:
            self.history.folder_synced(os.path.dirname(name))  # noqa: PTH120
            self._synced_folder = None

    # --- a file ----------------------------------------------------------------------------------

    def _table(self, address: int) -> int:
        """Give our twin of a table of methods."""
        if address not in self._tables:
            real = _Methods.from_address(address)
            twin = _Methods.from_buffer_copy(real)
            twin.close = self._address(_CLOSE(self._closing(_CLOSE(real.close))))
            twin.write = self._address(_WRITE(self._writing(_WRITE(real.write))))
            twin.resize = self._address(_RESIZE(self._resizing(_RESIZE(real.resize))))
            twin.sync = self._address(_SYNC(self._syncing(_SYNC(real.sync))))
            self._tables[address] = twin
        return ctypes.addressof(self._tables[address])

    def _closing(self, real: Any) -> Any:
        def close(file: int) -> int:
            self._open_files.pop(file, None)
            return real(file)

        return close

    def _writing(self, real: Any) -> Any:
        def write(file: int, piece: int, size_bytes: int, offset: int) -> int:
            code = real(file, piece, size_bytes, offset)
            if code == _OK:
                number = self._open_files[file][1]
                self.history.wrote(number, offset, ctypes.string_at(piece, size_bytes))
            return code

        return write

    def _resizing(self, real: Any) -> Any:
        def resize(file: int, size_bytes: int) -> int:
            code = real(file, size_bytes)
            if code == _OK:
                self.history.resized(self._open_files[file][1], size_bytes)
            return code

        return resize

    def _syncing(self, real: Any) -> Any:
        def sync(file: int, flags: int) -> int:
            self._synced_folder = None
            code = real(file, flags)
            if code == _OK:
                name, number = self._open_files[file]
                self.history.synced(number)
                self._tell_folder(name)
            return code

        return sync
