"""`lunaredge bench ingest.commit`: from an MQTT payload to a committed row, without the broker.

Both sides are given the same samples in their own form, as many in a payload and as many payloads
in a commit, and with both a commit is on the medium: the peer's in SQLite in WAL mode, ours in the
archive's log, where a reader finds it.
"""

import array
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from lunaredge.cli.bench.contest import OURS, Contest, Processes, hold
from lunaredge.cli.bench.row import BenchRow
from lunaredge.cli.bench.worker import Contender

SEED = 1
CHANNELS = tuple(f"channel_{k:02}" for k in range(20))
BATCH_ROWS = 100
# What waits while a disk syncs is one commit: a busy second of a site of a hundred nodes.
BATCHES_A_COMMIT = 16
COMMITS = 8
COMMIT_SHARE = 0.75

COMMIT = "payload to commit"
SETTLE = "settling, in the background"
_FORM = (
    f" A sample is {len(CHANNELS)} channels; {BATCH_ROWS} a payload, {BATCHES_A_COMMIT} payloads a"
    " commit"
)
BOUNDS = {
    COMMIT: "Frame, checksum and tag, every number looked at (is it one, least, greatest, last),"
    " each upload once, log and sync. The peer checks no signature, and a row once by its key."
    " Bound by the Python around a sixth of tag and a sixth of log." + _FORM,
}
SETTLE_BOUNDS = {
    SETTLE: "What comes after the commit: columns, compression and roll-ups, once for all of a"
    " segment. Bound by NumPy and zstd per block; here a segment is small, and the more rows of a"
    " node lie together, the less each costs." + _FORM,
}


class Batch(NamedTuple):
    """Samples of one payload."""

    first_seq: int
    times_ns: list[int]
    rows: list[list[float]]


class Intake(Protocol):
    """A fresh receiver with an empty store."""

    def take(self, payloads: list[bytes]) -> None:
        """Decode, check and commit in one transaction."""
        ...

    def settle(self) -> None:
        """Have all that is committed put into its last place."""
        ...

    def stored(self) -> tuple[int, float]:
        """Give how many samples are stored, and the sum of their values."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


def rows(seconds: float) -> list[BenchRow]:
    """Measure, and give the rows."""
    commit = Contest(
        module=__name__,
        cases=BOUNDS,
        metric="cpu_us_per_sample",
        unit="us",
        peers={"msgpack+pydantic rows": "rows"},
    )
    settle = msgspec.structs.replace(commit, cases=SETTLE_BOUNDS, peers={})
    with Processes() as processes:
        measured = hold(commit, seconds * COMMIT_SHARE, processes)
        return measured + hold(settle, seconds * (1.0 - COMMIT_SHARE), processes)


def contender(name: str) -> Contender:
    """Make a contender."""
    if name == OURS:
        from lunaredge.cli.bench import ingest_ours as ours

        return Ingestion(ours.Archiver, ours.payloads())
    from lunaredge.cli.bench import ingest_rows as peer

    return Ingestion(peer.RowArchive, peer.payloads())


def draw_batches() -> list[Batch]:
    """Draw the samples of every payload; values that a float32 holds exactly."""
    dice = random.Random(f"{SEED}/samples")
    batches = []
    for k in range(COMMITS * BATCHES_A_COMMIT):
        first_seq = k * BATCH_ROWS + 1
        values = [
            list(array.array("f", (dice.uniform(-1e3, 1e3) for _ in CHANNELS)))
            for _ in range(BATCH_ROWS)
        ]
        times_ns = [(first_seq + i) * 100_000_000 for i in range(BATCH_ROWS)]
        batches.append(Batch(first_seq, times_ns, values))
    return batches


class Ingestion:
    """A contender: feeds prepared payloads to a receiver."""

    def __init__(self, intake: Callable[[Path], Intake], payloads: list[bytes]) -> None:
        self._intake = intake
        starts = range(0, len(payloads), BATCHES_A_COMMIT)
        self._commits = [payloads[start : start + BATCHES_A_COMMIT] for start in starts]

    def answer(self, case: str) -> object:
        """Give how many samples come back from the disk, and the sum of their values."""
        with tempfile.TemporaryDirectory() as folder:
            intake = self._intake(Path(folder))
            for payloads in self._commits:
                intake.take(payloads)
            if case == SETTLE:
                intake.settle()
            count, total = intake.stored()
            intake.close()
        return [count, total]

    def measure(self, case: str, duration_s: float) -> float:
        """Give the processor's us per sample, from payload to commit or of settling."""
        end_s, taken_s, count = time.monotonic() + duration_s, 0.0, 0
        while count == 0 or time.monotonic() < end_s:
            with tempfile.TemporaryDirectory() as folder:
                intake = self._intake(Path(folder))
                start_s = time.process_time()
                for payloads in self._commits:
                    intake.take(payloads)
                if case == SETTLE:
                    start_s = time.process_time()
                    intake.settle()
                taken_s += time.process_time() - start_s
                intake.close()
            count += COMMITS * BATCHES_A_COMMIT * BATCH_ROWS
        return taken_s * 1e6 / count
