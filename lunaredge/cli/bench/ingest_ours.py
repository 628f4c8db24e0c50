"""Our side of `bench ingest.commit`: packed columns in tagged frames, through production code."""

import math
from pathlib import Path

from lunaredge.archive.batches import warm_up
from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.node import ArchiveNode
from lunaredge.cli.bench.ingest_commit import CHANNELS, Batch, draw_batches
from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.node import Erase, Keep, Persist
from lunaredge.runtime.archive.read import ArchiveReader
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages, records, telemetry, topics
from lunaredge.wire.seal import Keyring, Role, Sealer, Signer
from lunaredge.wire.telemetry import Channel, Samples, Series

SITE = SiteId("bench")
NODE = NodeId("rover-1")
SETTLE_S_MAX = 60.0
BOOT = BootId(1 << 24)
NOW_NS = 1_831_377_600 * NS_PER_S
TABLE = tuple(Channel(name=name, unit="1") for name in CHANNELS)

_signers = {
    name: Signer(KeyId(name), role, name.encode().ljust(32, b"."))
    for name, role in ((NODE, Role.NODE), (topics.ARCHIVE, Role.ARCHIVE))
}


def payloads() -> list[bytes]:
    """Give the frames of every batch."""
    tagger = _signers[NODE].tagger(_signers[topics.ARCHIVE].public)
    assert tagger is not None
    return [_frame(number, batch, tagger) for number, batch in enumerate(draw_batches(), start=1)]


class Archiver:
    """The archive's core and its store, which know the node's channels."""

    def __init__(self, folder: Path) -> None:
        warm_up()
        keyring = Keyring({signer.key_id: signer.public for signer in _signers.values()})
        self._folder = folder / "archive"
        self._store = ArchiveStore.open(self._folder)
        self._node = ArchiveNode(
            ArchiveConfig(site=SITE), BootId(1), signer=_signers[topics.ARCHIVE], keyring=keyring
        )
        self._node.restore((), NOW_NS)
        self._now_ns = NOW_NS
        birth = messages.StreamBirth(table=telemetry.table_of(TABLE), channels=TABLE)
        frame = codec.encode(_header(0), birth, _signers[NODE])
        self._node.receive(topics.build(SITE, NODE, "birth"), frame, NOW_NS)
        self._topic = topics.build(SITE, NODE, "up", "raw")
        self._commit()

    def take(self, payloads: list[bytes]) -> None:
        """Hand the payloads to the core and carry out what it wants written."""
        for payload in payloads:
            self._node.receive(self._topic, payload, self._now_ns)
        self._commit()

    def settle(self) -> None:
        """Have the store settle what it has."""
        assert self._store.settle(SETTLE_S_MAX), "settling lags"

    def stored(self) -> tuple[int, float]:
        """Read everything back."""
        refused = self._node.refusals.by_reason
        assert not refused, refused
        count, total = 0, 0.0
        with ArchiveReader.open(self._folder) as reader:
            for name in CHANNELS:
                found = reader.samples(NODE, name, 0, 2**62)
                count = len(found.values)
                total += math.fsum(found.values.tolist())
        return count, total

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _commit(self) -> None:
        # The core gathers for a fraction of a second.
        self._now_ns += NS_PER_S
        self._node.tick(self._now_ns)
        effects = self._node.take_effects()
        self._store.commit([e for e in effects if isinstance(e, Persist | Erase | Keep)])


def _frame(number: int, batch: Batch, tagger: Sealer) -> bytes:
    columns = [Series(range(len(batch.rows)), column) for column in zip(*batch.rows, strict=True)]
    times_ns = [NOW_NS - 3_600 * NS_PER_S + time_ns for time_ns in batch.times_ns]
    packed = telemetry.pack(TABLE, Samples(times_ns, columns, []), (times_ns[0], times_ns[-1]))
    upload = messages.Upload(
        record_class=messages.RecordClass.RAW,
        boot=BOOT,
        first_seq=number,
        seq=number,
        floor_seq=1,
        count=len(batch.rows),
        dropped=False,
        record=records.encode_record(packed),
    )
    return codec.encode(_header(number), upload, tagger)


def _header(number: int) -> codec.Header:
    return codec.Header(
        node=NODE, boot=BOOT, number=number, local_ns=number, site_ns=NOW_NS, clock_error_ns=0
    )
