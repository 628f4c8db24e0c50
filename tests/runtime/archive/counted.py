"""What an archive has of its samples, before a reader leaves out what is there twice."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lunaredge.runtime.archive.day_reader import Lost
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.snapshot import LogCache, take_snapshot
from lunaredge.runtime.archive.sources import Wanted, log_pieces, settled_pieces

ALWAYS_NS = (0, 2**62)


class Counted(NamedTuple):
    """Values of all channels."""

    samples: int
    twice: int
    """Of these, those of another one's channel, time and value."""


def counted(folder: Path) -> Counted:
    """Count what an archive has; none of it may be damaged."""
    samples = twice = 0
    with ArchiveReader.open(folder) as reader:
        channels = [(node, info.name) for node in reader.nodes() for info in reader.channels(node)]
    cache = LogCache(folder)
    for node, channel in channels:
        wanted = Wanted(node, channel, None, ALWAYS_NS)
        snapshot = take_snapshot(folder, cache)
        lost: list[Lost] = []
        pieces = [*settled_pieces(folder, snapshot, wanted, lost), *log_pieces(snapshot, wanted)]
        snapshot.close()
        assert not lost, lost
        if pieces:
            times_ns = np.concatenate([piece.times_ns for piece in pieces])
            bits = np.concatenate([piece.values for piece in pieces]).view(np.int64)
            samples += len(times_ns)
            twice += len(times_ns) - np.unique(np.stack([times_ns, bits]), axis=1).shape[1]
    cache.close()
    return Counted(samples, twice)
