import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lunaredge.errors import StorageError
from lunaredge.runtime import lock as lock_module
from lunaredge.runtime.lock import StoreLock, disk_kind, holder, refuse_network_disk

HOLDER = """
import sys
from pathlib import Path
from lunaredge.runtime.lock import StoreLock
lock = StoreLock.take(Path(sys.argv[1]), "")
print("held", flush=True)
sys.stdin.read()
"""
MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /srv/site rw - nfs4 server:/export rw
31 22 8:2 / /srv/site/fast\\040disk rw shared:7 - xfs /dev/sdb1 rw
a line that nobody can read
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stores" / "site.sqlite"


@pytest.fixture
def other(path):
    """Give another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_is_one_process_s_and_names_it(path, other):
    taken = StoreLock.try_take(path)

    assert taken is None
    assert holder(path) == other.pid
    with pytest.raises(StorageError, match=f"in use by process {other.pid}; wait for it") as told:
        StoreLock.take(path, "wait for it")
    assert told.value.exit_code == 3


def test_a_killed_process_gives_its_lock_up(path, other):
    other.kill()
    other.wait()

    assert StoreLock.try_take(path) is not None
    assert holder(path) == os.getpid()


def test_a_frozen_process_keeps_its_lock(path, other):
    os.kill(other.pid, signal.SIGSTOP)

    assert StoreLock.try_take(path) is None


def test_a_released_lock_can_be_taken_again(path):
    lock = StoreLock.take(path, "")

    lock.release()
    lock.release()

    assert StoreLock.try_take(path) is not None


def test_a_lock_whose_file_was_deleted_in_between_is_not_taken(path, monkeypatch):
    path.parent.mkdir()
    honest = lock_module.fcntl.flock

    def slow_flock(descriptor, how):
        path.with_name("site.sqlite.lock").unlink()
        honest(descriptor, how)

    monkeypatch.setattr(lock_module.fcntl, "flock", slow_flock)

    assert StoreLock.try_take(path) is None


def test_what_takes_no_locks_is_told_apart_from_what_is_locked(path, monkeypatch):
    def refuse(descriptor, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock_module.fcntl, "flock", refuse)

    with pytest.raises(StorageError, match=r"can't be locked: .*No locks available"):
        StoreLock.try_take(path)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/site.sqlite", "ext4"),
        ("/srv/site/scheduler.sqlite", "nfs4"),
        ("/srv/site/fast disk/scheduler.sqlite", "xfs"),
        ("/srv/sites/scheduler.sqlite", "ext4"),
    ],
)
def test_the_kind_of_a_disk_is_that_of_its_nearest_mount(place, kind):
    assert disk_kind(Path(place), MOUNTS) == kind


def test_a_store_on_a_network_disk_is_refused_with_what_to_do(tmp_path, monkeypatch):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(lock_module, "_MOUNTS", mounts)

    refuse_network_disk(Path("/var/lib/site.sqlite"))
    with pytest.raises(StorageError, match=r"network disk \(nfs4\).*local disk"):
        refuse_network_disk(Path("/srv/site/scheduler.sqlite"))
