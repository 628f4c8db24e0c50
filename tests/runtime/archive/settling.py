"""Archives that are filled and settled by hand."""

import random
from contextlib import closing

from lunaredge.runtime.archive.catalog import Catalog
from lunaredge.runtime.archive.day_file import DAY_NS
from lunaredge.runtime.archive.log import SegmentLog, segment_numbers
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.archive.works import Works
from tests.runtime.archive.drawn import (
    MIDNIGHT_NS,
    SPAN_NS,
    upload,
)

SMALL = ArchiveSettings(
    segment_bytes_max=8 * 1024 * 1024, gather_bytes_max=64 * 1024, block_rows_max=128
)


WAIT_S = 30.0


def drawn(seed, count=60):
    """Give uploads of two nodes over three days: in order, late, at midnight; and their samples."""
    rng = random.Random(seed)
    keeps, told, seqs = [], [], {"dozer-1": 0, "rover-2": 0}
    for _ in range(count):
        node = rng.choice(sorted(seqs))
        seqs[node] += 1
        start_ns = MIDNIGHT_NS + rng.choice((-1, 0, 1)) * DAY_NS
        start_ns += rng.choice((-SPAN_NS // 2, rng.randrange(DAY_NS)))
        late, rows = rng.random() < 0.3, rng.choice((0, 1, 2, 40))
        keep, own = upload(seqs[node], start_ns, rng, node=node, late=late, rows=rows or 1)
        keeps.append(keep)
        told += own
    return keeps, told


def settled_by_hand(folder, keeps, settings=SMALL):
    """Put uploads into segment 1 of an archive, which nothing settles."""
    if not folder.exists():
        ArchiveStore.open(folder, settings).close()
    with closing(Catalog.open(folder)) as catalog:
        through = catalog.settled_through()
    log = SegmentLog(folder, settings, max([through, *segment_numbers(folder)]) + 1)
    log.append(keeps)
    log.close()


def settle_all(folder, settings=SMALL):
    works = Works(folder, settings)
    try:
        for number in segment_numbers(folder):
            works.settle(number)
    finally:
        works.close()
