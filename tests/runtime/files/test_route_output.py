"""Files for people are there whole, or as they were."""

import errno
import os

import pytest

from lunaredge.errors import StorageError
from lunaredge.runtime.files.route_output import write_whole


def test_content_is_on_the_disk_before_its_name_is_and_then_the_name(tmp_path, monkeypatch):
    path, seen = tmp_path / "route.json", []
    path.write_bytes(b"old")

    def fsync(handle):
        stat = os.fstat(handle)
        seen.append((os.path.samestat(stat, tmp_path.stat()), stat.st_size, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)

    write_whole(path, b"new ones")

    [(is_folder, size, before), (is_folder_then, _, after)] = seen
    assert (is_folder, size, before) == (False, 8, b"old")
    assert (is_folder_then, after) == (True, b"new ones")


def test_a_disk_that_fails_to_keep_the_content_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "route.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fsync)

    with pytest.raises(StorageError, match="make room"):
        write_whole(path, b"new ones")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_can_not_be_kept_by_itself_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def files_only(handle):
        if os.path.samestat(os.fstat(handle), tmp_path.stat()):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)

    write_whole(tmp_path / "route.json", b"new ones")

    assert (tmp_path / "route.json").read_bytes() == b"new ones"
