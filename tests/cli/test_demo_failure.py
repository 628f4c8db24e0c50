"""A process of a demo that ended by itself is told of in a line."""

from pathlib import Path

from lunaredge.cli.demo.failure import told_of
from lunaredge.runtime.supervisor import Failure

LOG = Path("run/logs/scheduler.log")


def test_a_process_that_was_killed_is_told_of_without_its_log() -> None:
    failure = Failure(name="scheduler", code=-9, log_tail="level=INFO task.done\n" * 30)

    told = told_of(failure, LOG)

    assert told == (
        "scheduler was killed from outside by SIGKILL; --kill does that as a part of the "
        "run. Its log: run/logs/scheduler.log"
    )


def test_a_process_that_failed_is_told_of_with_its_last_word() -> None:
    failure = Failure(name="gateway", code=3, log_tail="level=INFO began\nthe disk is full")

    told = told_of(failure, LOG)

    assert told.startswith("gateway ended by itself with code 3: the disk is full. Its log: ")
    assert "began" not in told
