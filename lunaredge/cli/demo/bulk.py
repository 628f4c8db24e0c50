"""What the telemetry archive of a run holds, as the books of its streams."""

from pathlib import Path

import msgspec

from lunaredge.cli.demo.site import ARCHIVE_FOLDER
from lunaredge.ids import BootId, NodeId
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.wire.messages import RecordClass

Stream = tuple[NodeId, BootId, RecordClass]


class Upload(msgspec.Struct, frozen=True):
    """What a disk holds of one upload, or of several neighbours that became the same."""

    seq: int
    """The last number."""
    count: int
    dropped: bool
    archived: bool


def bulk_of(folder: Path) -> dict[Stream, dict[int, Upload]]:
    """Give what the archive holds, by stream and first number.

    What is missing is not there. What a wrong clock has stamped is kept apart, by policy; nothing
    else that comes of honest nodes should be.

    Raises:
        StorageError: there is no archive.
        JournalCorrupt: its catalog is damaged.
    """
    held: dict[Stream, dict[int, Upload]] = {}
    with ArchiveReader.open(folder / ARCHIVE_FOLDER) as reader:
        for node in reader.nodes():
            for stream, stretch in reader.coverage(node):
                is_apart = stretch.kind is KeepKind.QUARANTINED
                if stretch.kind is KeepKind.MISSING or (
                    is_apart and not stretch.reason.startswith("clock_")
                ):
                    continue
                key = (NodeId(stream.node), BootId(stream.boot), stream.record_class)
                held.setdefault(key, {})[stretch.first_seq] = Upload(
                    stretch.last_seq,
                    stretch.samples,
                    stretch.kind is not KeepKind.SAMPLES,
                    archived=True,
                )
    return held


def totals_of(folder: Path) -> dict[str, dict[str, int]]:
    """Sum what the archive holds by class: samples by what became of them, missing by uploads."""
    sums: dict[str, dict[str, int]] = {}
    with ArchiveReader.open(folder / ARCHIVE_FOLDER) as reader:
        for node in reader.nodes():
            for stream, stretch in reader.coverage(node):
                row = sums.setdefault(stream.record_class.value, dict.fromkeys(_WORDS.values(), 0))
                is_missing = stretch.kind is KeepKind.MISSING
                uploads = stretch.last_seq - stretch.first_seq + 1
                row[_WORDS[stretch.kind]] += uploads if is_missing else stretch.samples
    return sums


_WORDS = {
    KeepKind.SAMPLES: "archived",
    KeepKind.DROPPED: "dropped",
    KeepKind.MISSING: "missing",
    KeepKind.QUARANTINED: "quarantined",
}
